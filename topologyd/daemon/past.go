package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/past"
)

// timeline is what the API asks about other times. Its methods are called only
// while the engine runs, which has opened the past by then.
type timeline struct{ e *engine.Engine }

func (t timeline) At(ctx context.Context, at time.Time) (*graph.View, error) { return t.e.At(ctx, at) }

func (t timeline) Slice(ctx context.Context, from, to time.Time) (*graph.View, error) {
	v, err := t.e.Past().Slice(ctx, from, to)
	var old past.ErrTooOld
	if errors.As(err, &old) && !old.Oldest.IsZero() && !to.Before(old.Oldest) {
		return t.e.Past().Slice(ctx, old.Oldest, to) // as far back as is kept
	}
	return v, err
}

func (t timeline) History(ctx context.Context, id entity.UUID, from, to time.Time, limit int) ([]past.Revision, error) {
	return t.e.Past().History(ctx, id, from, to, limit)
}

func (t timeline) Changes(ctx context.Context, after uint64, fn func([]graph.Change) error) error {
	return t.e.Past().Changes(ctx, after, fn)
}

func (t timeline) Between(ctx context.Context, q past.Between) (*past.Stretch, error) {
	return t.e.Past().Between(ctx, q)
}

func (t timeline) Bounds() (oldest, newest time.Time, oldestRevision uint64) {
	return t.e.Past().Bounds()
}

// digest is the engine's, as the API gives it.
func (d *Daemon) digest(ctx context.Context) (api.Digest, error) {
	s, err := d.engine.Digest(ctx)
	if err != nil {
		return api.Digest{}, err
	}
	return api.Digest{Revision: s.Revision, Record: s.Record, Digest: s.Graph.String()}, nil
}

// RevisionAt returns the revision of the last change logged by then.
func (t timeline) RevisionAt(ctx context.Context, at time.Time) (uint64, error) {
	return t.e.Past().RevisionAt(ctx, at)
}
