package api

import (
	"net/http"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// Explainer tells why something is in the graph.
type Explainer interface {
	// ExplainEdge tells what asserts an edge, ExplainNode who speaks of a node;
	// false when there is none of the ID.
	ExplainEdge(id entity.UUID) (graph.EdgeExplanation, bool)
	ExplainNode(id entity.UUID) (graph.NodeExplanation, bool)
}

// explainRoutes returns the endpoints that explain what is in the graph.
func (a *API) explainRoutes() []httpx.Route {
	return []httpx.Route{
		httpx.Get("/api/v1/explain/edge/{id}", a.explainEdge).For(auth.Read),
		httpx.Get("/api/v1/explain/node/{id}", a.explainNode).For(auth.Read),
	}
}

// refAnswer names an entity.
type refAnswer struct {
	Type string            `json:"type"`
	ID   map[string]string `json:"id"`
}

func answerRef(r entity.Ref) refAnswer {
	out := refAnswer{Type: r.Type, ID: make(map[string]string, len(r.ID))}
	for _, a := range r.ID {
		out.ID[a.Key] = a.Value
	}
	return out
}

// sayingAnswer is who says something, and when.
type sayingAnswer struct {
	Source    string    `json:"source"`
	Entity    refAnswer `json:"entity"`
	Reported  time.Time `json:"reported,omitzero"`
	Confirmed time.Time `json:"confirmed,omitzero"`
	Interval  float64   `json:"interval"`
	Stale     bool      `json:"stale"`
}

func answerSaying(source string, ref entity.Ref, reported, confirmed time.Time, interval time.Duration, stale bool) sayingAnswer {
	return sayingAnswer{source, answerRef(ref), reported.UTC(), confirmed.UTC(), interval.Seconds(), stale}
}

// facetAnswer is a facet with the attributes that it gives.
type facetAnswer struct {
	sayingAnswer
	Keys []string `json:"keys"`
}

func answerFacets(list []graph.FacetInfo) []facetAnswer {
	out := make([]facetAnswer, len(list))
	for i := range list {
		f := &list[i]
		out[i] = facetAnswer{answerSaying(f.Source, f.Entity, f.Reported, f.Confirmed, f.Interval, f.Stale), f.Keys}
		if out[i].Keys == nil {
			out[i].Keys = []string{}
		}
	}
	return out
}

// edgeAnswer is why an edge is there.
type edgeAnswer struct {
	Now      time.Time        `json:"now"`
	Edge     *graph.Edge      `json:"edge"`
	Parent   *graph.Node      `json:"parent"`
	Child    *graph.Node      `json:"child"`
	Evidence []evidenceAnswer `json:"evidence"`
}

type evidenceAnswer struct {
	sayingAnswer
	Attributes entity.Attrs `json:"attributes"`
	Join       *joinAnswer  `json:"join,omitempty"`
}

type joinAnswer struct {
	Row  *join.Row  `json:"row"`
	Keys []string   `json:"keys"`
	From sideAnswer `json:"from"`
	To   sideAnswer `json:"to"`
}

type sideAnswer struct {
	Entity refAnswer     `json:"entity"`
	Facets []facetAnswer `json:"facets"`
}

// explainEdge is GET /api/v1/explain/edge/{id}.
func (a *API) explainEdge(w http.ResponseWriter, r *http.Request) {
	id, ok := a.explained(w, r, "edge")
	if !ok {
		return
	}
	x, ok := a.deps.Explain.ExplainEdge(id)
	if !ok {
		refuse(w, fail(http.StatusNotFound, httpx.CodeNotFound, "there is no edge %s now; find edges with a query such as G.V().Has('Name','eth0').BothE(), or ask GET /api/v1/history/%s what was", id, id))
		return
	}
	out := edgeAnswer{Now: a.now().UTC(), Edge: x.Edge, Parent: x.Parent, Child: x.Child, Evidence: make([]evidenceAnswer, len(x.Evidence))}
	for i := range x.Evidence {
		e := &x.Evidence[i]
		out.Evidence[i] = evidenceAnswer{sayingAnswer: answerSaying(e.Source, e.Entity, e.Reported, e.Confirmed, e.Interval, e.Stale), Attributes: e.Attributes}
		if j := e.Join; j != nil {
			out.Evidence[i].Join = &joinAnswer{Row: j.Row, Keys: j.Keys,
				From: sideAnswer{answerRef(j.From), answerFacets(j.FromFacets)}, To: sideAnswer{answerRef(j.To), answerFacets(j.ToFacets)}}
		}
	}
	httpx.WriteJSON(w, http.StatusOK, out)
}

// nodeAnswer is who speaks of a node.
type nodeAnswer struct {
	Now    time.Time      `json:"now"`
	Node   *graph.Node    `json:"node"`
	Entity refAnswer      `json:"entity"`
	Facets []facetAnswer  `json:"facets"`
	Joined []joinedAnswer `json:"joined"`
}

type joinedAnswer struct {
	Entity refAnswer   `json:"entity"`
	ID     entity.UUID `json:"id"`
	Row    string      `json:"row"`
}

// explainNode is GET /api/v1/explain/node/{id}.
func (a *API) explainNode(w http.ResponseWriter, r *http.Request) {
	id, ok := a.explained(w, r, "node")
	if !ok {
		return
	}
	x, ok := a.deps.Explain.ExplainNode(id)
	if !ok {
		refuse(w, fail(http.StatusNotFound, httpx.CodeNotFound, "there is no node %s now; find nodes with a query such as G.V().Has('Name','eth0'), or ask GET /api/v1/history/%s what was", id, id))
		return
	}
	out := nodeAnswer{Now: a.now().UTC(), Node: x.Node, Entity: answerRef(x.Entity), Facets: answerFacets(x.Facets), Joined: make([]joinedAnswer, len(x.Joined))}
	for i, j := range x.Joined {
		out.Joined[i] = joinedAnswer{answerRef(j.Entity), j.ID, j.Row}
	}
	httpx.WriteJSON(w, http.StatusOK, out)
}

// explained reads which element is asked for, and answers when that cannot be.
func (a *API) explained(w http.ResponseWriter, r *http.Request, what string) (id entity.UUID, ok bool) {
	if a.deps.Explain == nil {
		httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon cannot explain what is in its graph"})
		return id, false
	}
	if err := id.UnmarshalText([]byte(r.PathValue("id"))); err != nil {
		refuse(w, fail(http.StatusBadRequest, httpx.CodeInvalid, "%.60q is not the ID of %s: %v", r.PathValue("id"), map[string]string{"edge": "an edge", "node": "a node"}[what], err))
		return id, false
	}
	return id, true
}
