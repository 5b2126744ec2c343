package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/past"
)

const typeText = "text/plain"

// difference is GET /api/v1/diff?from=&to=&gremlin=&keys=.
func (a *API) difference(w http.ResponseWriter, r *http.Request) {
	media := httpx.Accept(r, typeJSON, typeText)
	if media == "" {
		a.failed(w, fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"none of the media types in Accept is known; ask for %s or %s", typeJSON, typeText))
		return
	}
	req, f := a.diffRequest(r)
	if f != nil {
		a.failed(w, f)
		return
	}
	buf := a.buffer()
	ctx := audit.WithActor(r.Context(), actor(r)) // a query may count packets
	if f := a.compare(ctx, req, media, buf); f != nil {
		a.failed(w, f)
		return
	}
	if media == typeText {
		media += "; charset=utf-8"
	}
	a.reply(w, r, media, buf, func(http.Header) {})
}

// diffRequest is what is asked of diff.
type diffRequest struct {
	from, to time.Time // zero: now
	now      time.Time
	query    *gremlin.Query // nil: everything
	keys     diff.Selection
}

func (a *API) diffRequest(r *http.Request) (*diffRequest, *failure) {
	q := r.URL.Query()
	req := &diffRequest{now: a.now()}
	if q.Get("from") == "" {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "there is no time to compare with; give from, for example from=-1h")
	}
	var f *failure
	if req.from, f = a.moment("from", q.Get("from")); f != nil {
		return nil, f
	}
	if req.to, f = a.moment("to", q.Get("to")); f != nil {
		return nil, f
	}
	var err error
	if text := q.Get("gremlin"); text != "" {
		if req.query, err = gremlin.Parse(text); err != nil {
			return nil, queryFailure(err)
		}
		switch k := req.query.Kind(); k {
		case gremlin.KindFlows, gremlin.KindGroups, gremlin.KindMetrics, gremlin.KindPackets:
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the query gives %s, which cannot be compared; have it give nodes, edges, values or a number", k)
		}
		if req.query.Travels() {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "the query goes to a time of its own, which is the same on both sides; leave out At and Context, from and to say the times")
		}
	}
	if req.keys, err = diff.ParseSelection(q.Get("keys")); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "keys: %v", err)
	}
	return req, nil
}

// compare makes the answer.
func (a *API) compare(ctx context.Context, req *diffRequest, media string, buf *bytes.Buffer) *failure {
	ctx, done, f := a.workLong(ctx, a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	ctx = past.Together(ctx)
	from, err := a.viewAt(ctx, req.from)
	if err != nil {
		return queryFailure(err)
	}
	to, err := a.viewAt(ctx, req.to)
	if err != nil {
		return queryFailure(err)
	}
	d, err := a.diff(ctx, req, from, to)
	if err != nil {
		return queryFailure(err)
	}
	out := &limited{buf: buf, max: a.cfg.Limits.Bytes}
	if media == typeText {
		_, err = out.Write(d.AppendText(nil, nil))
	} else {
		err = writeDiff(out, req, from, to, d)
	}
	if err != nil {
		return queryFailure(err)
	}
	return nil
}

func (a *API) diff(ctx context.Context, req *diffRequest, from, to *graph.View) (*diff.Diff, error) {
	opt := diff.Options{Keys: req.keys, Elements: max(a.cfg.Limits.Results, 0)}
	if req.query == nil {
		return diff.Views(ctx, from, to, opt)
	}
	before, err := a.run(ctx, req.query, from, req.from, a.cfg.Limits)
	if err != nil {
		return nil, err
	}
	after, err := a.run(ctx, req.query, to, req.to, a.cfg.Limits)
	if err != nil {
		return nil, err
	}
	return diff.Results(ctx, before, after, opt)
}

func writeDiff(out *limited, req *diffRequest, from, to *graph.View, d *diff.Diff) error {
	side := func(b []byte, t time.Time, v *graph.View) []byte {
		if t.IsZero() {
			t = req.now
		}
		b = appendTime(append(b, `{"time":`...), t)
		b = strconv.AppendUint(append(b, `,"revision":`...), v.Revision(), 10)
		return append(b, '}')
	}
	b := side([]byte(`{"from":`), req.from, from)
	b = append(side(append(b, `,"to":`...), req.to, to), ',')
	if _, err := out.Write(b); err != nil {
		return err
	}
	if err := d.WriteJSON(out); err != nil {
		return err
	}
	_, err := out.Write([]byte("}\n"))
	return err
}
