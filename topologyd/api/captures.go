package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/orders"
)

// pathCaptures is where captures are.
const pathCaptures = "/api/v1/captures"

// Captures has hosts capture, and knows how that goes.
type Captures interface {
	CaptureStates
	CaptureHosts
}

// CaptureStates tells how captures do.
type CaptureStates interface {
	// Status tells how a capture does as a whole.
	Status(d *definition.Definition) orders.Status
	// Nodes tells how it does at each node, sorted by host, namespace and
	// interface; nil for one that is not known.
	Nodes(definition string) []orders.NodeStatus
}

// captureRoutes returns the endpoints of captures, and of the hosts that do
// them.
func (a *API) captureRoutes() []httpx.Route {
	return append(append(a.hostRoutes(), a.packetRoutes()...), httpx.Get(pathCaptures+"/{id}/nodes", a.captureNodes).For(auth.Read))
}

// ordersOpen reports whether this daemon gives orders, and answers when it
// does not.
func (a *API) ordersOpen(w http.ResponseWriter) bool {
	if a.deps.Captures != nil {
		return true
	}
	httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon gives no orders to hosts, so it cannot have them capture"})
	return false
}

// captureNodes is GET /api/v1/captures/{id}/nodes.
func (a *API) captureNodes(w http.ResponseWriter, r *http.Request) {
	d, ok := a.capture(w, r)
	if !ok {
		return
	}
	if a.deps.Captures.Status(d).State == orders.StateFollower {
		httpx.WriteRetry(w, http.StatusServiceUnavailable, 5, &httpx.Error{Code: httpx.CodeUnavailable,
			Message: "another daemon of the cluster leads and knows the nodes; ask that one, or the graph: G.V().Has('Captures.ID','" + d.ID + "')"})
		return
	}
	nodes := a.deps.Captures.Nodes(d.ID)
	if nodes == nil {
		nodes = []orders.NodeStatus{}
	}
	httpx.WriteJSON(w, http.StatusOK, nodes)
}

// capture finds the capture that a path names, and answers when there is none.
func (a *API) capture(w http.ResponseWriter, r *http.Request) (d *definition.Definition, ok bool) {
	c := collection{api: a, path: pathCaptures, kind: capture.Kind}
	if !c.open(w) {
		return nil, false
	}
	d, err := a.deps.Definitions.Get(capture.Kind, r.PathValue("id"))
	if err != nil {
		refuse(w, definitionFailure(err))
		return nil, false
	}
	return d, true
}
