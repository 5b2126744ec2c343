package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
)

// Bounds of how many records one answer holds.
const (
	auditDefault = 100
	auditMost    = 1000
)

// AuditReader reads what was written down; [*audit.Log] is one.
type AuditReader interface {
	Read(ctx context.Context, q audit.Query) (records []audit.Record, more bool, err error)
}

// auditAnswer is a part of the audit record, the newest first.
type auditAnswer struct {
	Records []audit.Record `json:"records"`
	// More tells that there are older ones.
	More bool `json:"more"`
}

// auditList is GET /api/v1/audit?since=&before=&user=&action=&outcome=&limit=.
func (a *API) auditList(w http.ResponseWriter, r *http.Request) {
	if a.deps.Audited == nil {
		httpx.WriteError(w, http.StatusNotImplemented, &httpx.Error{Code: httpx.CodeUnsupported, Message: "this daemon writes no audit record"})
		return
	}
	q, f := a.auditQuery(params(r.URL.Query()))
	if f != nil {
		refuse(w, f)
		return
	}
	ctx, done, f := a.workLong(r.Context(), a.cfg.Limits.Time)
	if f != nil {
		a.failed(w, f)
		return
	}
	defer done()
	records, more, err := a.deps.Audited.Read(ctx, q)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		refuse(w, fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "reading took longer than %v; give since, or ask for fewer records", a.cfg.Limits.Time))
	case err != nil:
		refuse(w, fail(http.StatusInternalServerError, httpx.CodeInternal, "%v", err))
	default:
		if records == nil {
			records = []audit.Record{}
		}
		httpx.WriteJSON(w, http.StatusOK, auditAnswer{records, more})
	}
}

func (a *API) auditQuery(p params) (q audit.Query, f *failure) {
	if f := p.check("since", "before", "user", "action", "outcome", "limit"); f != nil {
		return q, f
	}
	q.User, q.Action, q.Outcome = p.get("user"), p.get("action"), p.get("outcome")
	if outcomes := []string{"", audit.OK, audit.Refused, audit.Failed}; !slices.Contains(outcomes, q.Outcome) {
		return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "outcome=%.40q is not known; there are %s", q.Outcome, strings.Join(outcomes[1:], ", "))
	}
	if q.Limit, f = p.number("limit", auditDefault, auditMost); f != nil {
		return q, f
	}
	if q.Since, f = a.moment("since", p.get("since")); f != nil {
		return q, f
	}
	q.Before, f = a.moment("before", p.get("before"))
	return q, f
}
