package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/overview"
)

// topologyBody is the body of POST /api/v1/topology.
type topologyBody struct {
	question
	Since       string   `json:"since"`
	Group       []string `json:"group"`
	Expand      []string `json:"expand"`
	Limit       int      `json:"limit"`
	ChangesOnly bool     `json:"changes_only"`
	Keys        string   `json:"keys"`
}

// topologyRequest is what is asked of topology.
type topologyRequest struct {
	now       time.Time
	at, since time.Time // zero: now
	// compare tells that there is a since.
	compare  bool
	query    *gremlin.Query // gives a graph
	keys     diff.Selection
	overview *overview.Overview
	limits   gremlin.Limits
	// changes is how many elements may differ.
	changes int
}

// moment returns a time of the request, the zero time being now.
func (r *topologyRequest) moment(t time.Time) time.Time {
	if t.IsZero() {
		return r.now
	}
	return t
}

func (a *API) topologyRequest(data []byte) (*topologyRequest, *failure) {
	var body topologyBody
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&body); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid,
			`the body is no request for a topology: %s; send {"gremlin":"G"}`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if dec.More() {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "there is text after the request's JSON object at byte %d", dec.InputOffset())
	}
	req := &topologyRequest{now: a.now(), compare: body.Since != ""}
	if body.Limit < 0 {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "limit %d: want 1 to %d", body.Limit, overview.MaxLimit)
	}
	var err error
	req.overview, err = overview.New(overview.Options{Levels: body.Group, Expand: body.Expand, Limit: body.Limit, ChangesOnly: body.ChangesOnly})
	if err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "%v", err)
	}
	var f *failure
	if req.limits, f = a.limits(&body.question); f != nil {
		return nil, f
	}
	req.changes = max(req.limits.Results, 0)
	if body.Limits == nil || body.Limits.Results == 0 {
		// What is drawn is grouped: how many elements there are is no matter of the
		// answer's length.
		req.limits.Results = max(req.limits.Results, drawnMost)
	}
	if req.at, f = a.moment("at", body.At); f != nil {
		return nil, f
	}
	if req.query, f = graphQuery(body.Gremlin); f != nil {
		return nil, f
	}
	if !req.compare {
		if body.ChangesOnly || body.Keys != "" {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "changes_only and keys speak of a difference; give since, for example -1h")
		}
		return req, nil
	}
	if req.since, f = a.moment("since", body.Since); f != nil {
		return nil, f
	}
	if req.query.Travels() {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the query goes to a time of its own, which is the same on both sides; leave out At and Context, since and at say the times")
	}
	if req.keys, err = diff.ParseSelection(body.Keys); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "keys: %v", err)
	}
	return req, nil
}

// drawnMost is of how many elements a picture is made when the request says
// nothing, and drawnBytes what one takes while it is. drawnQuickly of them take
// about as long as a query may in the quick lane.
const (
	drawnMost    = 20_000_000
	drawnBytes   = 64
	drawnQuickly = 30_000
)

// graphQuery parses a query and has it give a graph.
func graphQuery(text string) (*gremlin.Query, *failure) {
	q, err := gremlin.Parse(text)
	if err != nil {
		return nil, queryFailure(err)
	}
	switch k := q.Kind(); k {
	case gremlin.KindGraph:
		return q, nil
	case gremlin.KindNodes, gremlin.KindEdges, gremlin.KindPaths:
		if q, err = gremlin.Parse(text + ".SubGraph()"); err != nil {
			return nil, queryFailure(err)
		}
		return q, nil
	default:
		hint := "have it give nodes, edges, paths or a graph, for example G.V().Has('Type','veth')"
		if k == gremlin.KindFlows || k == gremlin.KindGroups {
			hint = "have it give their nodes, for example G.Flows().Has('Application','DNS').Nodes()"
		}
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the query gives %s, which cannot be drawn; %s", k, hint)
	}
}
