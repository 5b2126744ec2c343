package client

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// ChangesQuery asks for all changes of the graph in a time.
type ChangesQuery struct {
	// From and To are given as in [Query]; an hour ago, and now, when they are
	// empty. What is older than what is kept is left out.
	From, To string
	// Gremlin, if not empty, leaves only changes of the nodes and edges that a
	// query gives over that time.
	Gremlin string
	// Ops, if not empty, are the operations that count, such as [NodeAdded].
	Ops []string
	// Keys, if not empty, are those whose changes count, as in [DiffQuery].
	Keys string
	// Limit is the most changes, the newest ones; 0 is the server's default.
	Limit int
}

// Changes are the changes of a time, in the order in which they happened.
type Changes struct {
	// From is the oldest time that is kept when an older one was asked for.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// More tells that there are older changes in that time.
	More    bool         `json:"more"`
	Changes []PastChange `json:"changes"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// PastChange is one change of one element: Node or Edge is set. A deleted
// element is given in its last state.
type PastChange struct {
	Op string `json:"op"` // as of a [Change]
	// Revision is that of the graph.
	Revision uint64 `json:"revision"`
	// Time is when it happened, Logged when the server took it.
	Time   time.Time `json:"time"`
	Logged time.Time `json:"logged,omitzero"`
	Node   *Node     `json:"node,omitempty"`
	Edge   *Edge     `json:"edge,omitempty"`
	// Keys are what an update changed.
	Keys []Key `json:"keys,omitempty"`
	// Parent and Child name the ends of an edge; nil when they are not known.
	Parent *NodeName `json:"parent,omitempty"`
	Child  *NodeName `json:"child,omitempty"`
}

// Changes asks for the changes of the graph in a time.
func (c *Client) Changes(ctx context.Context, q ChangesQuery) (*Changes, error) {
	v := url.Values{"from": {q.From}, "to": {q.To}, "gremlin": {q.Gremlin}, "op": {strings.Join(q.Ops, ",")}, "keys": {q.Keys}, "limit": {limitText(q.Limit)}}
	l := &Changes{}
	var err error
	if l.Raw, err = c.getJSON(ctx, "/api/v1/changes", v, l); err != nil {
		return nil, err
	}
	return l, nil
}
