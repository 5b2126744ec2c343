package api

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/joins"
)

// joinCheck is POST /api/v1/joins/check: what a row would do, without doing it.
// Its body is the specification of a definition.
func (a *API) joinCheck(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != typeJSON {
		refuse(w, fail(http.StatusUnsupportedMediaType, httpx.CodeUnsupported, "send the row as JSON, with the header Content-Type: %s", typeJSON))
		return
	}
	data, f := readBody(w, r, maxDefinitionBody)
	if f != nil {
		refuse(w, f)
		return
	}
	spec := new(joins.Spec)
	err := definition.Strict(data, spec)
	if err == nil {
		err = spec.Validate()
	}
	switch {
	case err != nil:
		refuse(w, fail(http.StatusBadRequest, httpx.CodeInvalid, "%v", err))
		return
	case spec.Row == nil || spec.Disabled:
		refuse(w, fail(http.StatusBadRequest, httpx.CodeInvalid, "a row that is disabled does nothing; leave out disabled to see what it would do"))
		return
	}
	// Each trial makes a graph of its own: one at a time.
	ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Limits.Time)
	defer cancel()
	if !a.trials.Acquire(ctx, time.Second) {
		httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeBusy, Message: "another row is being tried; try again in a second"})
		return
	}
	defer a.trials.Release()
	trial, err := joins.Try(ctx, a.deps.View(), spec.Row)
	var limit *joins.LimitError
	switch {
	case errors.As(err, &limit):
		refuse(w, fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%v", err))
	case errors.Is(err, context.DeadlineExceeded):
		refuse(w, fail(http.StatusRequestTimeout, httpx.CodeLimit, "the row took longer than %v to be tried; define it, and look at its counts", a.cfg.Limits.Time))
	case errors.Is(err, context.Canceled): // nobody waits for the answer
	case err != nil:
		refuse(w, fail(http.StatusInternalServerError, httpx.CodeInternal, "%v", err))
	default:
		httpx.WriteJSON(w, http.StatusOK, trial)
	}
}
