package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/past"
)

// topology is POST /api/v1/topology.
func (a *API) topology(w http.ResponseWriter, r *http.Request) {
	if httpx.Accept(r, typeJSON) == "" {
		a.failed(w, fail(http.StatusNotAcceptable, httpx.CodeUnsupported, "a topology is answered as %s only", typeJSON))
		return
	}
	data, f := readBody(w, r, maxQueryBody)
	if f != nil {
		a.failed(w, f)
		return
	}
	req, f := a.topologyRequest(data)
	if f != nil {
		a.failed(w, f)
		return
	}
	buf := a.buffer()
	revision, f := a.draw(r.Context(), req, buf)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(h http.Header) { h.Set(HeaderRevision, strconv.FormatUint(revision, 10)) })
}

// draw makes the answer and returns the revision that it is about.
func (a *API) draw(ctx context.Context, req *topologyRequest, buf *bytes.Buffer) (uint64, *failure) {
	ctx, done, f := a.work(ctx, req.limits.Time)
	if f != nil {
		return 0, f
	}
	defer done()
	src, revision, err := a.topologySource(past.Together(ctx), req)
	if err != nil {
		return 0, queryFailure(err)
	}
	p, err := req.overview.Draw(ctx, src)
	if err != nil {
		return 0, queryFailure(err)
	}
	out := &limited{buf: buf, max: req.limits.Bytes}
	b := strconv.AppendUint([]byte(`{"revision":`), revision, 10)
	b = appendTime(append(b, `,"time":`...), req.moment(req.at))
	if req.compare {
		b = appendTime(append(b, `,"since":`...), req.moment(req.since))
	}
	_, err = out.Write(append(b, ','))
	if err == nil {
		err = p.WriteJSON(out)
	}
	if err == nil {
		_, err = out.Write([]byte("}\n"))
	}
	if err != nil {
		return 0, queryFailure(err)
	}
	return revision, nil
}

// topologySource evaluates the query, for a difference at both times.
func (a *API) topologySource(ctx context.Context, req *topologyRequest) (overview.Source, uint64, error) {
	view, err := a.viewAt(ctx, req.at)
	if err != nil {
		return overview.Source{}, 0, err
	}
	result, err := a.drawn(ctx, req, view, req.at)
	if err != nil {
		return overview.Source{}, 0, err
	}
	src := overview.Source{View: result.View(), Nodes: result.NodeSlots(), Edges: result.EdgeSlots()}
	if !req.compare {
		return src, result.Revision(), nil
	}
	if src.Before, err = a.viewAt(ctx, req.since); err != nil {
		return overview.Source{}, 0, err
	}
	before, err := a.drawn(ctx, req, src.Before, req.since)
	if err != nil {
		return overview.Source{}, 0, err
	}
	opt := diff.Options{Keys: req.keys, Elements: req.changes}
	if isWhole(before, src.Before) && isWhole(result, view) {
		src.Diff, err = diff.Views(ctx, src.Before, view, opt)
	} else {
		src.Diff, err = diff.Results(ctx, before, result, opt)
	}
	return src, result.Revision(), err
}

// drawn evaluates the query on one view. A large picture is made in the slow lane.
func (a *API) drawn(ctx context.Context, req *topologyRequest, view *graph.View, at time.Time) (*gremlin.Result, error) {
	result, err := a.run(ctx, req.query, view, at, req.limits)
	if err == nil {
		err = remember(ctx, result.Len()*drawnBytes)
	}
	if err == nil && result.Len() > drawnQuickly {
		err = slowly(ctx)
	}
	return result, err
}

// isWhole reports whether a result is all of a view.
func isWhole(r *gremlin.Result, v *graph.View) bool { return r.Len() == v.NodeCount()+v.EdgeCount() }
