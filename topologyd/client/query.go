package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Media types of answers.
const (
	JSON   = "application/json"
	NDJSON = "application/x-ndjson"
	DOT    = "text/vnd.graphviz"
	CSV    = "text/csv"
)

// Headers and trailers of answers.
const (
	headerRevision = "X-Skein-Revision"
	headerKind     = "X-Skein-Kind"
	headerLimit    = "X-Skein-Limit"
	headerError    = "X-Skein-Error"
)

// Kinds of answers.
const (
	KindGraph  = "graph"
	KindNodes  = "nodes"
	KindEdges  = "edges"
	KindValues = "values"
	KindMaps   = "maps"
	KindNumber = "number"
	KindPaths  = "paths"

	KindFlows = "flows"
	// KindGroups and KindMetrics are one object: of each group its flows, of each
	// node or flow its metrics.
	KindGroups  = "groups"
	KindMetrics = "metrics"
	// KindMap is one object of values.
	KindMap = "map"
)

// Node is a node of the graph.
type Node struct {
	ID       entity.UUID
	Metadata entity.Attrs
	Host     string
	Origin   string
	// CreatedAt and UpdatedAt are in Unix milliseconds.
	CreatedAt, UpdatedAt int64
	// ArchivedAt is when the revision ended, DeletedAt when it did because the
	// node was deleted; 0 when it did not, and always outside a slice of time.
	ArchivedAt int64 `json:",omitempty"`
	DeletedAt  int64 `json:",omitempty"`
	Revision   uint64
	// Stale tells that its sources have not spoken of it for longer than they
	// said.
	Stale bool `json:",omitempty"`
}

// Edge is an edge of the graph, from Parent to Child. Its Metadata has the
// RelationType.
type Edge struct {
	ID, Parent, Child    entity.UUID
	Metadata             entity.Attrs
	Host                 string
	Origin               string
	CreatedAt, UpdatedAt int64
	ArchivedAt           int64 `json:",omitempty"` // as of a [Node]
	DeletedAt            int64 `json:",omitempty"`
	Revision             uint64
	Stale                bool `json:",omitempty"`
}

// Query is a question.
type Query struct {
	Gremlin string `json:"gremlin"`
	// At is the time that is asked about, "" for now: RFC 3339, RFC 1123,
	// "2006-01-02 15:04:05" or "2006-01-02" in UTC, seconds or milliseconds since
	// 1970, or a time back from now such as "-1h" or "-7d".
	At     string  `json:"at,omitempty"`
	Limits *Limits `json:"limits,omitempty"`
	// Partial asks for what was found so far when a limit is met, instead of an
	// error. Queries that need all of something first (Count, Sort, Group ...) fail
	// all the same.
	Partial bool `json:"partial,omitempty"`
	// Tag is that of an earlier answer to the same query, in the same form. When
	// nothing has changed since, the error is [ErrUnchanged], and the query is not
	// run.
	Tag string `json:"-"`
}

// Limits ask for less than the server's own limits; a zero is the server's.
type Limits struct {
	Timeout time.Duration
	// Visited and Results count elements, Bytes those of the answer.
	Visited, Results, Bytes int
}

// MarshalJSON writes the limits as the server reads them.
func (l Limits) MarshalJSON() ([]byte, error) {
	w := struct {
		Timeout string `json:"timeout,omitempty"`
		Visited int    `json:"visited,omitempty"`
		Results int    `json:"results,omitempty"`
		Bytes   int    `json:"bytes,omitempty"`
	}{"", l.Visited, l.Results, l.Bytes}
	if l.Timeout > 0 {
		w.Timeout = l.Timeout.String()
	}
	return json.Marshal(w)
}

// Result is the answer to a query. Kind tells which of the fields is set.
type Result struct {
	Kind string
	// Revision is that of the graph that was asked; 0 when the server did not
	// say.
	Revision uint64
	// Tag identifies the answer, see [Query]; "" when it is about more than the
	// graph of now.
	Tag string
	// Limit, with Partial, is the limit that broke the answer off: time, visited,
	// memory, results or bytes; "" when it is whole.
	Limit  string
	Nodes  []Node         // nodes, graph
	Edges  []Edge         // edges, graph
	Flows  []Flow         // flows
	Values []entity.Value // values, maps, groups, metrics
	Number entity.Value   // number, map
	Paths  [][]Node       // paths: the nodes on them
	// Ways, of paths, have also the edges on them, where the query goes over edges.
	Ways [][]Element
}

// Element is a node or an edge: the other one is nil.
type Element struct {
	Node *Node
	Edge *Edge
}

// UnmarshalJSON tells an edge by its ends.
func (e *Element) UnmarshalJSON(b []byte) error {
	var ends struct{ Parent, Child json.RawMessage }
	if err := json.Unmarshal(b, &ends); err != nil {
		return err
	}
	if *e = (Element{}); ends.Parent != nil && ends.Child != nil {
		e.Edge = &Edge{}
		return json.Unmarshal(b, e.Edge)
	}
	e.Node = &Node{}
	return json.Unmarshal(b, e.Node)
}

// Answer is the answer to a query as it came.
type Answer struct {
	Kind     string
	Revision uint64
	// Tag and Limit are as in [Result]. Of an answer in NDJSON that is long they
	// are known only in the end, see [Client.Stream].
	Tag, Limit string
	// Body must be closed.
	Body io.ReadCloser
}

// Query asks and reads the answer.
func (c *Client) Query(ctx context.Context, q Query) (*Result, error) {
	a, err := c.Ask(ctx, q, JSON)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	body, err := c.readAll(a.Body)
	if err != nil {
		return nil, err
	}
	r, err := ParseResult(a.Kind, a.Revision, body)
	if err != nil {
		return nil, err
	}
	r.Tag, r.Limit = a.Tag, a.Limit
	return r, nil
}

// Ask asks for an answer of a media type and returns it unread.
func (c *Client) Ask(ctx context.Context, q Query, accept string) (*Answer, error) {
	resp, err := c.ask(ctx, c.http, q, accept) //nolint:bodyclose // it is the answer's
	if err != nil {
		return nil, err
	}
	return &Answer{
		Kind: resp.Header.Get(headerKind), Revision: revision(resp),
		Tag: resp.Header.Get("ETag"), Limit: resp.Header.Get(headerLimit), Body: resp.Body,
	}, nil
}

// ask sends a query, which is marshalled as JSON.
func (c *Client) ask(ctx context.Context, by *http.Client, q any, accept string) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode query: %w", err)
	}
	req, err := c.request(ctx, http.MethodPost, c.url("/api/v1/query", nil), accept, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if q, ok := q.(Query); ok && q.Tag != "" {
		req.Header.Set("If-None-Match", q.Tag)
	}
	resp, err := c.send(by, req)
	if err != nil {
		return nil, err
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, accept) {
		resp.Body.Close()
		return nil, fmt.Errorf("ask %s: the answer is %q, not %s; is this a topologyd?", c.base.Redacted(), got, accept)
	}
	return resp, nil
}

// revision is what an answer is about, 0 if it does not say.
func revision(resp *http.Response) uint64 {
	n, _ := strconv.ParseUint(resp.Header.Get(headerRevision), 10, 64)
	return n
}

// ParseResult reads an answer in JSON. An unknown kind is told from its shape.
func ParseResult(kind string, revision uint64, body []byte) (*Result, error) {
	r := &Result{Kind: kind, Revision: revision}
	if kind == "" {
		r.Kind = kindOf(body)
	}
	var err error
	switch r.Kind {
	case KindGraph:
		var g struct {
			Nodes []Node
			Edges []Edge
		}
		err = json.Unmarshal(body, &g)
		r.Nodes, r.Edges = g.Nodes, g.Edges
	case KindNodes:
		err = json.Unmarshal(body, &r.Nodes)
	case KindEdges:
		err = json.Unmarshal(body, &r.Edges)
	case KindPaths:
		err = json.Unmarshal(body, &r.Ways)
		r.Paths = make([][]Node, len(r.Ways))
		for i, way := range r.Ways {
			r.Paths[i] = make([]Node, 0, len(way))
			for _, e := range way {
				if e.Node != nil {
					r.Paths[i] = append(r.Paths[i], *e.Node)
				}
			}
		}
	case KindFlows:
		err = json.Unmarshal(body, &r.Flows)
	case KindNumber, KindMap:
		r.Number, err = entity.ParseJSON(string(bytes.TrimSpace(body)))
	default:
		err = json.Unmarshal(body, &r.Values)
	}
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return r, nil
}

// kindOf tells the kind of an answer from its first element.
func kindOf(body []byte) string {
	var g struct{ Nodes, Edges json.RawMessage }
	if json.Unmarshal(body, &g) == nil && g.Nodes != nil {
		return KindGraph
	}
	var list []json.RawMessage
	var typ *json.UnmarshalTypeError
	if err := json.Unmarshal(body, &list); errors.As(err, &typ) {
		return KindNumber
	}
	if len(list) == 0 {
		return KindValues
	}
	var e struct{ ID, Parent, Metadata, UUID, LayersPath json.RawMessage }
	switch {
	case json.Unmarshal(list[0], &e) != nil:
		var path []Node
		if json.Unmarshal(list[0], &path) == nil {
			return KindPaths
		}
		return KindValues
	case e.Parent != nil:
		return KindEdges
	case e.ID != nil && e.Metadata != nil:
		return KindNodes
	case e.UUID != nil && e.LayersPath != nil:
		return KindFlows
	default:
		return KindValues
	}
}
