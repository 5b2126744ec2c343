package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// watchQuery is GET /api/v1/watch?gremlin=…: what matches, and how that changes.
func (a *API) watchQuery(w http.ResponseWriter, r *http.Request, from watchStart) {
	q, f := a.followable(r, from)
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	ctx, cancel, leave, f := a.admit(r.Context())
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	defer leave()
	watch, err := a.follow(ctx, q, from.revision)
	if err != nil {
		a.refuseWatch(w, followFailure(err))
		return
	}
	defer watch.Close()
	a.carry(w, r, ctx, cancel, func(t transport) error { return a.serveQuery(ctx, watch, t) })
}

// followable reads the query of a watch.
func (a *API) followable(r *http.Request, from watchStart) (*gremlin.Query, *failure) {
	if !from.since.IsZero() {
		return nil, fail(http.StatusBadRequest, httpx.CodeUnsupported,
			"a watch of a query cannot begin in the past; leave out since, or leave out gremlin and filter the changes yourself")
	}
	text := r.URL.Query().Get("gremlin")
	if strings.TrimSpace(text) == "" {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "gremlin is empty; give a query such as G.V().Has('Type','veth'), or leave it out to watch the whole graph")
	}
	q, err := gremlin.Parse(text)
	if err == nil {
		err = follow.Check(q)
	}
	if err != nil {
		return nil, queryFailure(err)
	}
	return q, nil
}

func (a *API) follow(ctx context.Context, q *gremlin.Query, from uint64) (*live.Watch, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Limits.Time)
	defer cancel()
	return a.hub.Follow(ctx, q, from)
}

// followFailure says why a query is not followed.
func followFailure(err error) *failure {
	switch {
	case errors.Is(err, live.ErrFull):
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%v; try again later", err)
		f.retry = 5
		return f
	case errors.Is(err, live.ErrStopped), errors.Is(err, engine.ErrStopped):
		f := fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "cannot watch: %v; try again", err)
		f.retry = 1
		return f
	default:
		return queryFailure(err)
	}
}

// serveQuery sends the result, then its changes until something ends it.
func (a *API) serveQuery(ctx context.Context, w *live.Watch, t transport) error {
	s := &sender{a: a, t: t}
	if err := s.result(ctx, w); err != nil {
		return err
	}
	var (
		batch *live.Batch
		last  uint64 // the last revision that was told
	)
	return s.serve(ctx, func(wait context.Context) (err error) {
		batch, err = w.Next(wait)
		switch {
		case err == nil:
			return nil
		case wait.Err() != nil && ctx.Err() == nil:
			// The result is the same: the watcher can go on from here.
			if revision := w.Revision(); revision > last {
				last = revision
				if err := s.encoded(ctx, [][]byte{appendChangesMessage(nil, revision, nil, false)}, revision); err != nil {
					return err
				}
			}
			return err
		case errors.Is(err, live.ErrBehind):
			return fmt.Errorf("%w: %w", engine.ErrSlow, err)
		case errors.Is(err, live.ErrStopped):
			return fmt.Errorf("%w: %w", errStopping, err)
		default:
			return err
		}
	}, func() error {
		if batch == nil {
			return s.result(ctx, w)
		}
		last = batch.Revision
		return s.encoded(ctx, batch.Encoded(a.encodeBatch), batch.Revision)
	})
}

// result sends the result that a watch begins with, if it does.
func (s *sender) result(ctx context.Context, w *live.Watch) error {
	snap := w.Snapshot()
	if snap == nil {
		return nil
	}
	way, _ := w.Way()
	nodes, edges := snap.Elements()
	return s.elements(ctx, snap.View, snap.Revision, `,"followed":"`+way.String()+`"`, len(nodes)+len(edges), slices.Values(nodes), slices.Values(edges))
}

// changeBytes is about how long a change is.
const changeBytes = 768

// encodeBatch makes messages of bounded size of what happened to a result.
func (a *API) encodeBatch(b *live.Batch) (out [][]byte) {
	for rest := b.Changes; len(rest) > 0; {
		part := rest[:min(len(rest), a.cfg.ChunkElements)]
		rest = rest[len(part):]
		out = append(out, appendChangesMessage(make([]byte, 0, 64+changeBytes*len(part)), b.Revision, part, len(rest) > 0))
	}
	return out
}

// encoded sends messages that lead to a revision.
func (s *sender) encoded(ctx context.Context, messages [][]byte, revision uint64) error {
	own := s.buf
	defer func() { s.buf = own }() // the messages belong to others, too
	for i, m := range messages {
		id := uint64(0)
		if i == len(messages)-1 {
			id = revision
		}
		if err := s.send(ctx, "changes", id, m); err != nil {
			return err
		}
	}
	return nil
}
