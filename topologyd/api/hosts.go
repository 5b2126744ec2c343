package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/orders"
)

// CaptureHosts are the hosts that follow orders.
type CaptureHosts interface {
	// Hosts returns those that are or were connected, sorted by name and ID.
	Hosts() []orders.Host
	// Serve answers a collector that asks for the orders of its host: the path's
	// value "id". It upgrades to a WebSocket, bounds it and ends it by itself.
	Serve(w http.ResponseWriter, r *http.Request)
}

// hostRoutes returns the endpoints of hosts.
func (a *API) hostRoutes() []httpx.Route {
	return []httpx.Route{
		httpx.Get("/api/v1/hosts", a.hosts).For(auth.Read),
		httpx.Get("/api/v1/hosts/{id}", a.host).For(auth.Read),
		httpx.Get("/api/v1/hosts/{id}/assignments", a.assignments).For(auth.Follow),
	}
}

// hosts is GET /api/v1/hosts.
func (a *API) hosts(w http.ResponseWriter, _ *http.Request) {
	if !a.ordersOpen(w) {
		return
	}
	hosts := a.deps.Captures.Hosts()
	if hosts == nil {
		hosts = []orders.Host{}
	}
	httpx.WriteJSON(w, http.StatusOK, hosts)
}

// host is GET /api/v1/hosts/{id}.
func (a *API) host(w http.ResponseWriter, r *http.Request) {
	if !a.ordersOpen(w) {
		return
	}
	id := r.PathValue("id")
	for _, h := range a.deps.Captures.Hosts() {
		if h.ID == id {
			httpx.WriteJSON(w, http.StatusOK, h)
			return
		}
	}
	httpx.WriteError(w, http.StatusNotFound, &httpx.Error{Code: httpx.CodeNotFound,
		Message: "no collector of a host " + id + " has connected to this daemon; GET /api/v1/hosts lists those that have"})
}

// assignments is GET /api/v1/hosts/{id}/assignments, a WebSocket. It is handed
// on as it came: no answer in hand, no deadline and no compression is laid over
// it.
func (a *API) assignments(w http.ResponseWriter, r *http.Request) {
	if a.ordersOpen(w) {
		a.deps.Captures.Serve(w, r)
	}
}
