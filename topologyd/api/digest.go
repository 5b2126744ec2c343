package api

import (
	"net/http"

	"github.com/skein-net/skein/topologyd/api/httpx"
)

// Digest identifies a state of the graph: replicas at the same revision have
// the same.
type Digest struct {
	Revision uint64 `json:"revision"`
	// Record is the number of the last record of the event log in it.
	Record uint64 `json:"record"`
	// Digest is the hash of the state, hexadecimal.
	Digest string `json:"digest"`
}

// digest is GET /api/v1/digest.
func (a *API) digest(w http.ResponseWriter, r *http.Request) {
	if a.deps.Digest == nil {
		httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon computes no digest"})
		return
	}
	ctx, done, f := a.workLong(r.Context(), a.cfg.Limits.Time)
	if f != nil {
		a.failed(w, f)
		return
	}
	defer done()
	d, err := a.deps.Digest(ctx)
	if err != nil {
		httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeUnavailable, Message: "there is no digest: " + err.Error()})
		return
	}
	httpx.WriteJSON(w, http.StatusOK, d)
}
