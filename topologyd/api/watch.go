package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// errStopping ends all watches when the daemon stops.
var errStopping = errors.New("the daemon is stopping")

// watchers are the watches that are open.
type watchers struct {
	mu   sync.Mutex
	n    int
	gone chan struct{} // closed when stopping and n is 0
	ctx  context.Context
	stop context.CancelCauseFunc
}

func (s *watchers) init() {
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.gone = make(chan struct{})
}

// enter admits a watcher unless there are limit already, or the daemon stops.
func (s *watchers) enter(limit int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return errStopping
	}
	if s.n >= limit {
		return fmt.Errorf("there are %d watchers already, the most that --watch-max-subscribers allows", s.n)
	}
	s.n++
	return nil
}

func (s *watchers) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n--; s.n == 0 && s.ctx.Err() != nil {
		close(s.gone)
	}
}

func (s *watchers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// StopWatchers tells all watchers that the daemon stops and waits until they
// are gone or ctx ends. New ones are refused from then on.
func (a *API) StopWatchers(ctx context.Context) {
	s := &a.watchers
	s.mu.Lock()
	if first := s.ctx.Err() == nil; first {
		s.stop(errStopping)
		if s.n == 0 {
			close(s.gone)
		}
	}
	s.mu.Unlock()
	select {
	case <-s.gone:
	case <-ctx.Done():
	}
	if a.ownHub {
		a.hub.Stop()
	}
}

// message is one message to a watcher.
type message struct {
	kind string // snapshot, changes, ping
	// id is the revision from which a client that has this message can resume;
	// 0 in the midst of a snapshot.
	id   uint64
	data []byte
}

// transport carries messages to one watcher.
type transport interface {
	// send returns when the message is on its way, within the deadline of ctx.
	// It must not keep data.
	send(ctx context.Context, m message) error
	// close tells the watcher why it ends.
	close(err error)
}

// admit counts a watcher in, or refuses it. Its context ends with the client and
// with the daemon, or by cancel; leave must be called when the watcher is gone.
func (a *API) admit(client context.Context) (ctx context.Context, cancel context.CancelCauseFunc, leave func(), f *failure) {
	if err := a.watchers.enter(a.cfg.MaxSubscribers); err != nil {
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%v; try again later", err)
		f.retry = 5
		return nil, nil, nil, f
	}
	a.n.watching.Inc()
	ctx, cancel = context.WithCancelCause(client)
	stop := context.AfterFunc(a.watchers.ctx, func() { cancel(errStopping) })
	return ctx, cancel, func() {
		stop()
		cancel(nil)
		a.n.watching.Dec()
		a.watchers.leave()
	}, nil
}

// watch is GET /api/v1/watch.
func (a *API) watch(w http.ResponseWriter, r *http.Request) {
	from, f := a.watchFrom(r)
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	if r.URL.Query().Has("gremlin") {
		a.watchQuery(w, r, from)
		return
	}
	ctx, cancel, leave, f := a.admit(r.Context())
	if f != nil {
		a.refuseWatch(w, f)
		return
	}
	defer leave()

	sub, err := a.openWatch(ctx, from)
	if err != nil {
		f := pastFailure(err)
		if f == nil && !errors.As(err, &f) {
			f = fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "cannot watch: %v; try again", err)
			f.retry = 1
		}
		a.refuseWatch(w, f)
		return
	}
	defer sub.Close()
	a.carry(w, r, ctx, cancel, func(t transport) error { return a.serveWatch(ctx, sub, t) })
}

// carry makes the transport of a watch that is admitted and serves it until
// something ends it.
func (a *API) carry(w http.ResponseWriter, r *http.Request, ctx context.Context, cancel context.CancelCauseFunc, serve func(transport) error) { //nolint:revive // ctx is that of the watch, not of the call
	var (
		t   transport
		err error
	)
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		t, err = newSocket(w, r, func() { cancel(context.Canceled) })
		if err != nil { // answered already
			a.n.closed.WithLabelValues("refused").Inc()
			a.deps.Log.Debug("no WebSocket", "remote", r.RemoteAddr, "error", err)
			return
		}
	} else if t, err = newEventStream(w); err != nil {
		a.refuseWatch(w, fail(http.StatusInternalServerError, httpx.CodeInternal, "cannot stream: %v", err))
		return
	}
	err = serve(t)
	reason := closeReason(ctx, err)
	a.n.closed.WithLabelValues(reason).Inc()
	a.deps.Log.Debug("watch ended", "remote", r.RemoteAddr, "reason", reason, "error", err)
	if cause := context.Cause(ctx); errors.Is(cause, errStopping) || errors.Is(cause, auth.ErrEnded) {
		err = cause
	}
	t.close(err)
}

func (a *API) refuseWatch(w http.ResponseWriter, f *failure) {
	a.n.closed.WithLabelValues("refused").Inc()
	if f.retry > 0 {
		httpx.WriteRetry(w, f.status, f.retry, f.err)
		return
	}
	httpx.WriteError(w, f.status, f.err)
}

// watchStart is where a watch begins: after a revision, or at a time; now when
// both are zero.
type watchStart struct {
	revision uint64
	since    time.Time
}

// watchFrom reads the parameters of a watch. A browser that connects again
// gives the last event's ID, which is newer than its URL.
func (a *API) watchFrom(r *http.Request) (from watchStart, f *failure) {
	q := r.URL.Query()
	text := q.Get("from")
	if text != "" && q.Get("since") != "" {
		return from, fail(http.StatusBadRequest, httpx.CodeInvalid, "give from or since, not both")
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		text = id
	}
	if text == "" {
		from.since, f = a.moment("since", q.Get("since"))
		return from, f
	}
	var err error
	if from.revision, err = strconv.ParseUint(text, 10, 64); err != nil {
		return from, fail(http.StatusBadRequest, httpx.CodeInvalid, "from=%.40q is not a revision; give the revision of the last message that you have", text)
	}
	return from, nil
}

// closeReason is the label of a watch's end.
func closeReason(ctx context.Context, err error) string {
	switch {
	case errors.Is(context.Cause(ctx), errStopping), errors.Is(err, engine.ErrStopped):
		return "stopping"
	case errors.Is(context.Cause(ctx), auth.ErrEnded):
		return "credentials"
	case ctx.Err() != nil:
		return "client"
	case errors.Is(err, engine.ErrSlow):
		return "fell_behind"
	case errors.As(err, new(*gremlin.LimitError)):
		return "limit"
	case errors.Is(err, errWrite):
		return "write"
	default:
		return "error"
	}
}

// serveWatch sends the snapshot, then changes until something ends it.
func (a *API) serveWatch(ctx context.Context, sub Subscription, t transport) error {
	s := &sender{a: a, t: t}
	if v := sub.View(); v != nil {
		revision := v.Revision()
		if r, ok := sub.(*replay); ok {
			revision = r.first
		}
		if err := s.snapshot(ctx, v, revision); err != nil {
			return err
		}
	}
	var changes []graph.Change
	return s.serve(ctx, func(wait context.Context) (err error) {
		changes, err = sub.Next(wait)
		return err
	}, func() error { return s.changes(ctx, changes) })
}
