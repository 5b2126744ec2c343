package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/past"
)

// Bounds of how many revisions one answer holds.
const (
	historyDefault = 100
	historyMost    = 10_000
)

// history is GET /api/v1/history/{id}?from=&to=&limit=.
func (a *API) history(w http.ResponseWriter, r *http.Request) {
	buf := a.buffer()
	if f := a.appendHistory(r, buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}

// historyRequest is what is asked of history.
type historyRequest struct {
	id       entity.UUID
	from, to time.Time
	limit    int
}

func (a *API) historyRequest(r *http.Request) (*historyRequest, *failure) {
	q := r.URL.Query()
	req := &historyRequest{limit: historyDefault}
	if err := req.id.UnmarshalText([]byte(r.PathValue("id"))); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "%.60q is not the ID of a node or an edge: %v", r.PathValue("id"), err)
	}
	var f *failure
	if req.from, f = a.moment("from", q.Get("from")); f != nil {
		return nil, f
	}
	if req.to, f = a.moment("to", q.Get("to")); f != nil {
		return nil, f
	}
	if req.to.IsZero() {
		req.to = a.present()
	}
	if req.from.IsZero() && q.Get("from") != "" {
		req.from = a.now()
	}
	if req.from.After(req.to) {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "from is after to; exchange them")
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > historyMost {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "limit=%.40q is not a number from 1 to %d", text, historyMost)
		}
		req.limit = n
	}
	return req, nil
}

// appendHistory makes the answer.
func (a *API) appendHistory(r *http.Request, buf *bytes.Buffer) *failure {
	req, f := a.historyRequest(r)
	if f != nil {
		return f
	}
	if a.deps.Records == nil {
		return pastFailure(errNoPast)
	}
	ctx, done, f := a.workLong(r.Context(), a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	revisions, err := a.deps.Records.History(ctx, req.id, req.from, req.to, req.limit+1)
	if err != nil {
		return queryFailure(err)
	}
	if req.from.IsZero() { // everything that is kept
		req.from, _, _ = a.deps.Records.Bounds()
		if req.from.IsZero() || req.from.After(req.to) {
			return pastFailure(past.ErrTooOld{Oldest: req.from})
		}
	}
	if len(revisions) == 0 {
		return fail(http.StatusNotFound, httpx.CodeNotFound, "nothing is known of %s from %s to %s", req.id,
			req.from.UTC().Format(time.RFC3339), req.to.UTC().Format(time.RFC3339))
	}
	more := len(revisions) > req.limit
	if more {
		revisions = revisions[len(revisions)-req.limit:]
	}
	if err := a.writeHistory(ctx, &limited{buf: buf, max: a.cfg.Limits.Bytes}, req, revisions, more); err != nil {
		return queryFailure(err)
	}
	return nil
}

func (a *API) writeHistory(ctx context.Context, out *limited, req *historyRequest, revisions []past.Revision, more bool) error {
	b := append([]byte(`{"id":"`), req.id.String()...)
	b = appendTime(append(b, `","from":`...), req.from)
	b = appendTime(append(b, `,"to":`...), req.to)
	b = strconv.AppendBool(append(b, `,"more":`...), more)
	if e := revisions[len(revisions)-1].Edge; e != nil {
		v := a.deps.View()
		if n := v.Node(e.Parent); n != nil {
			b = diff.AppendName(append(b, `,"parent":`...), n)
		}
		if n := v.Node(e.Child); n != nil {
			b = diff.AppendName(append(b, `,"child":`...), n)
		}
	}
	b = append(b, `,"revisions":[`...)
	for i := range revisions {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRevision(b, &revisions[i])
		if _, err := out.Write(b); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := out.Write(append(b, "]}\n"...))
	return err
}

// appendRevision appends one state of an element as JSON to b. Of a change that
// is older than what is kept, revision and log time are not known.
func appendRevision(b []byte, r *past.Revision) []byte {
	b = append(append(append(b, `{"op":"`...), r.Op.String()...), '"')
	if r.Revision != 0 {
		b = strconv.AppendUint(append(b, `,"revision":`...), r.Revision, 10)
	}
	b = appendTime(append(b, `,"from":`...), r.From)
	if !r.To.IsZero() {
		b = appendTime(append(b, `,"to":`...), r.To)
	}
	if !r.LogTime.IsZero() {
		b = appendTime(append(b, `,"logged":`...), r.LogTime)
	}
	if r.Node != nil {
		b = r.Node.AppendJSON(append(b, `,"node":`...))
	} else if r.Edge != nil {
		b = r.Edge.AppendJSON(append(b, `,"edge":`...))
	}
	var keys []diff.Key
	for _, k := range r.Changed {
		keys = append(keys, diff.Values(k.Key, k.Old, k.New)...)
	}
	if len(keys) > 0 {
		b = diff.AppendKeys(append(b, `,"keys":`...), keys)
	}
	return append(b, '}')
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// limited is a buffer that refuses what does not fit.
type limited struct {
	buf *bytes.Buffer
	max int // 0 is the default, a negative number no limit
}

func (l *limited) Write(b []byte) (int, error) {
	most := l.max
	if most == 0 {
		most = gremlin.DefaultLimits().Bytes
	}
	if most > 0 && l.buf.Len()+len(b) > most {
		return 0, &gremlin.LimitError{Limit: "bytes", Max: strconv.Itoa(most) + " bytes of answer",
			Hint: "ask for less: a shorter time, a query, fewer keys or a lower limit"}
	}
	return l.buf.Write(b)
}
