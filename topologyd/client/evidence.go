package client

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// EntityRef names an entity.
type EntityRef struct {
	Type string            `json:"type"`
	ID   map[string]string `json:"id"`
}

// FacetInfo is what one source says of an entity, and when it said so.
type FacetInfo struct {
	Source string    `json:"source"`
	Entity EntityRef `json:"entity"`
	// Reported is the time of the report that it said so with, on the clock of the
	// source; Confirmed when the server last heard that it is still so.
	Reported  time.Time `json:"reported"`
	Confirmed time.Time `json:"confirmed"`
	// Interval is how often it confirms, in seconds; 0: only when something
	// changes. Stale tells that it is overdue.
	Interval float64 `json:"interval"`
	Stale    bool    `json:"stale"`
	// Keys are the attributes that it gives.
	Keys []string `json:"keys"`
}

// EdgeExplanation tells why an edge is there.
type EdgeExplanation struct {
	// Now is the clock of the server.
	Now      time.Time      `json:"now"`
	Edge     Edge           `json:"edge"`
	Parent   Node           `json:"parent"`
	Child    Node           `json:"child"`
	Evidence []EdgeEvidence `json:"evidence"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// EdgeEvidence is one reason for an edge: a facet that asserts it, or a row of
// the table of joins.
type EdgeEvidence struct {
	FacetInfo
	// Attributes are what it says of the edge.
	Attributes entity.Attrs `json:"attributes"`
	// Join is set when a row makes the edge; the facet is then of the row.
	Join *JoinEvidence `json:"join"`
}

// JoinEvidence tells under which keys a row joins two entities, and who gives
// them.
type JoinEvidence struct {
	Row *join.Row `json:"row"`
	// Keys are the equal values, one for each expression of the key.
	Keys []string     `json:"keys"`
	From JoinedFacets `json:"from"`
	To   JoinedFacets `json:"to"`
}

// JoinedFacets is one side of a join.
type JoinedFacets struct {
	Entity EntityRef   `json:"entity"`
	Facets []FacetInfo `json:"facets"`
}

// NodeExplanation tells who speaks of a node.
type NodeExplanation struct {
	// Now is the clock of the server.
	Now    time.Time `json:"now"`
	Node   Node      `json:"node"`
	Entity EntityRef `json:"entity"`
	// Facets are those of the entity and of all that joined it.
	Facets []FacetInfo `json:"facets"`
	// Joined are the entities that rows of the table of joins unified with it.
	Joined []JoinedEntity `json:"joined"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// JoinedEntity is an entity that joined another one's node.
type JoinedEntity struct {
	Entity EntityRef `json:"entity"`
	// ID is the node that it has on its own.
	ID  entity.UUID `json:"id"`
	Row string      `json:"row"`
}

// ExplainEdge tells which facets and joins assert an edge, and when each was last
// confirmed.
func (c *Client) ExplainEdge(ctx context.Context, id entity.UUID) (*EdgeExplanation, error) {
	e := new(EdgeExplanation)
	var err error
	e.Raw, err = c.getJSON(ctx, "/api/v1/explain/edge/"+url.PathEscape(id.String()), nil, e)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// ExplainNode tells which facets speak of a node, and when each last did.
func (c *Client) ExplainNode(ctx context.Context, id entity.UUID) (*NodeExplanation, error) {
	e := new(NodeExplanation)
	var err error
	e.Raw, err = c.getJSON(ctx, "/api/v1/explain/node/"+url.PathEscape(id.String()), nil, e)
	if err != nil {
		return nil, err
	}
	return e, nil
}
