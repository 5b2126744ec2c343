package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/past"
	"github.com/skein-net/skein/topologyd/when"
)

// Records are the changes that are kept, one by one.
type Records interface {
	// History returns the newest revisions of one element that hold at some time
	// between from and to, at most limit, in their order.
	History(ctx context.Context, id entity.UUID, from, to time.Time, limit int) ([]past.Revision, error)
	// Changes calls fn with all changes after a revision, in their order; fn may
	// keep them, and its error ends the run and is returned.
	Changes(ctx context.Context, after uint64, fn func([]graph.Change) error) error
	// Between returns the changes of a time in their places in it; one that begins
	// before what is kept begins with that.
	Between(ctx context.Context, q past.Between) (*past.Stretch, error)
	// Bounds returns the oldest time that can be asked about, that of the newest
	// change, and the oldest revision after which changes can be asked for.
	// Times are zero when nothing is kept.
	Bounds() (oldest, newest time.Time, oldestRevision uint64)
}

// moment reads a time of a request; the zero time is now.
func (a *API) moment(name, text string) (time.Time, *failure) {
	if text == "" {
		return time.Time{}, nil
	}
	now := a.now()
	t, err := when.Parse(text, now)
	if err != nil {
		return time.Time{}, fail(http.StatusBadRequest, httpx.CodeInvalid, "%s: %v", name, err)
	}
	if t.Equal(now) || !t.Before(a.present()) {
		return time.Time{}, nil
	}
	return t, nil
}

// present is the time from which on there is only the current graph: now, or
// that of the newest change when the clock is behind it.
func (a *API) present() time.Time {
	now := a.now()
	if a.deps.Records != nil {
		if _, newest, _ := a.deps.Records.Bounds(); newest.After(now) {
			return newest
		}
	}
	return now
}

// errNoPast is for a daemon that keeps none.
var errNoPast = errors.New("this daemon keeps no past; ask about now only")

// viewAt returns the graph at a time, the current one at the zero time.
func (a *API) viewAt(ctx context.Context, t time.Time) (*graph.View, error) {
	if t.IsZero() {
		return a.deps.View(), nil
	}
	if a.deps.Past == nil {
		return nil, errNoPast
	}
	return slowPast{a.deps.Past}.At(ctx, t)
}

// run runs a query, which may lead to other times, on the graph of a time; the
// zero time is now.
func (a *API) run(ctx context.Context, q *gremlin.Query, v *graph.View, at time.Time, lim gremlin.Limits) (*gremlin.Result, error) {
	result, err := q.RunOn(ctx, v, a.sources(at), governed(ctx, lim))
	a.packetsRefused(ctx, err)
	return result, err
}

// sources are where a query about the graph of a time finds what that does not
// hold.
func (a *API) sources(at time.Time) gremlin.Sources {
	src := gremlin.Sources{At: at}
	if a.deps.Past != nil {
		src.Past = slowPast{a.deps.Past}
	}
	if a.deps.Flows != nil {
		src.Flows = a.deps.Flows
	}
	src.CompileBPF = compileBPF
	if a.deps.Packets != nil {
		src.Packets = a.deps.Packets
	}
	return src
}

// pastFailure says what is wrong with a time that was asked about, nil when err
// is about something else.
func pastFailure(err error) *failure {
	var old past.ErrTooOld
	switch {
	case errors.As(err, &old) && old.Oldest.IsZero():
		return fail(http.StatusGone, httpx.CodeGone, "nothing of the past is kept yet; ask about now")
	case errors.As(err, &old):
		oldest := old.Oldest.UTC().Format(time.RFC3339Nano)
		f := fail(http.StatusGone, httpx.CodeGone, "the past is kept from %s on; ask about that time or a later one", oldest)
		f.err.Oldest = oldest
		return f
	case errors.Is(err, past.ErrTooLarge):
		return fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%v: ask for a shorter time", err)
	case errors.Is(err, past.ErrClosed):
		f := fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%v; the daemon is stopping", err)
		f.retry = 1
		return f
	case errors.Is(err, errNoPast):
		return fail(http.StatusNotImplemented, httpx.CodeUnsupported, "%v", err)
	}
	return nil
}
