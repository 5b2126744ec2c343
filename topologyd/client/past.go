package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// What can become of an element in a [Diff].
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// DiffQuery asks what differs between two times, given as in [Query].
type DiffQuery struct {
	From string
	// To is now when it is empty.
	To string
	// Gremlin, if not empty, has the results of a query compared instead of the
	// whole graph.
	Gremlin string
	// Keys, if not empty, are those whose changes count, with commas between
	// them: a key and what is inside it, "-key" for what does not count, "*" for
	// all. @CreatedAt, @UpdatedAt and @Revision count only when they are named.
	Keys string
}

// Diff is the difference between two times.
type Diff struct {
	From    Moment      `json:"from"`
	To      Moment      `json:"to"`
	Summary DiffSummary `json:"summary"`
	Nodes   []NodeDiff  `json:"nodes"`
	Edges   []EdgeDiff  `json:"edges"`
	// Values differ when the query gives values, maps or paths; a path is the
	// list of its nodes' IDs.
	Values []ValueDiff `json:"values"`
	// Number is set when the query gives a number.
	Number *NumberDiff `json:"number"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Moment is one side of a [Diff].
type Moment struct {
	Time     time.Time `json:"time"`
	Revision uint64    `json:"revision"`
}

// DiffSummary counts what differs.
type DiffSummary struct {
	Nodes DiffCount `json:"nodes"`
	Edges DiffCount `json:"edges"`
}

// DiffCount counts elements by what became of them.
type DiffCount struct {
	Added   int `json:"added"`
	Removed int `json:"removed"`
	Changed int `json:"changed"`
}

// Key is one key whose value changed; the zero value means that there was none.
type Key struct {
	Key string       `json:"key"`
	Old entity.Value `json:"old"`
	New entity.Value `json:"new"`
}

// NodeDiff is one node that differs, in its newest state.
type NodeDiff struct {
	Op   string `json:"op"` // Added, Removed or Changed
	Node Node   `json:"node"`
	Keys []Key  `json:"keys"`
}

// EdgeDiff is one edge that differs, in its newest state.
type EdgeDiff struct {
	Op   string `json:"op"` // Added, Removed or Changed
	Edge Edge   `json:"edge"`
	Keys []Key  `json:"keys"`
	// Parent and Child name the ends; nil when they are not known.
	Parent *NodeName `json:"parent"`
	Child  *NodeName `json:"child"`
}

// NodeName is what people know a node by.
type NodeName struct{ Name, Type, Host string }

// ValueDiff is one value that differs.
type ValueDiff struct {
	Op    string       `json:"op"` // Added or Removed
	Value entity.Value `json:"value"`
	// Count is how many more or less there are.
	Count int `json:"count"`
}

// NumberDiff is a number at both times.
type NumberDiff struct {
	Old entity.Value `json:"old"`
	New entity.Value `json:"new"`
}

// Diff asks what differs between two times.
func (c *Client) Diff(ctx context.Context, q DiffQuery) (*Diff, error) {
	d := &Diff{}
	var err error
	if d.Raw, err = c.getJSON(ctx, "/api/v1/diff", url.Values{"from": {q.From}, "to": {q.To}, "gremlin": {q.Gremlin}, "keys": {q.Keys}}, d); err != nil {
		return nil, err
	}
	return d, nil
}

// HistoryQuery asks for the revisions of one element.
type HistoryQuery struct {
	ID entity.UUID
	// From and To are given as in [Query]; the oldest time that is kept, and now,
	// when they are empty.
	From, To string
	// Limit is the most revisions, the newest ones; 0 is the server's default.
	Limit int
}

// History are revisions of one element, the oldest first.
type History struct {
	ID        entity.UUID `json:"id"`
	From      time.Time   `json:"from"`
	To        time.Time   `json:"to"`
	Revisions []Revision  `json:"revisions"`
	// Parent and Child name the ends of an edge; nil when the live graph has not
	// got them.
	Parent *NodeName `json:"parent"`
	Child  *NodeName `json:"child"`
	// More tells that there are older revisions in that time.
	More bool `json:"more"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Revision is one state of one element: Node or Edge is set.
type Revision struct {
	Op string `json:"op"` // as of a [Change]
	// Revision is that of the graph; it is 0, and Logged zero, when the change is
	// older than what is kept.
	Revision uint64 `json:"revision"`
	// From is since when it holds; To until when, zero while it does.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Logged is when the server took it; later than From when it was late.
	Logged time.Time `json:"logged"`
	Node   *Node     `json:"node"`
	Edge   *Edge     `json:"edge"`
	// Keys are what an update changed.
	Keys []Key `json:"keys"`
}

// History asks for the revisions of one node or edge. An [*Error] with
// CodeNotFound means that nothing is known of it in that time.
func (c *Client) History(ctx context.Context, q HistoryQuery) (*History, error) {
	h := &History{}
	var err error
	if h.Raw, err = c.getJSON(ctx, "/api/v1/history/"+q.ID.String(), url.Values{"from": {q.From}, "to": {q.To}, "limit": {limitText(q.Limit)}}, h); err != nil {
		return nil, err
	}
	return h, nil
}

// Digest identifies a state of the graph: replicas at the same revision have
// the same.
type Digest struct {
	Revision uint64 `json:"revision"`
	// Record is the number of the last record of the event log in it.
	Record uint64 `json:"record"`
	Digest string `json:"digest"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Digest asks for the digest of the current state.
func (c *Client) Digest(ctx context.Context) (*Digest, error) {
	d := &Digest{}
	var err error
	if d.Raw, err = c.getJSON(ctx, "/api/v1/digest", nil, d); err != nil {
		return nil, err
	}
	return d, nil
}
