package runtimedir

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/watches"
)

// Source follows the state directories of a host's OCI runtimes. It speaks as
// container.SourceRunc, and of CRI-O's containers as container.SourceCrio.
type Source struct {
	cfg    Config
	mapper *container.Mapper

	containers, unreadable, shadowed, left atomic.Int64
	unwatched                              atomic.Pointer[error]
}

// Stats says how a source does. All are of now, none grows for ever.
type Stats struct {
	// Containers are those that are told of. Shadowed are in two directories,
	// Left is how many there are more than may be kept, and Unreadable have a
	// state that cannot be read.
	Containers, Shadowed, Left, Unreadable int64
	// NotWatched is why some changes are only noticed at the next rescan; nil when
	// all are noticed at once.
	NotWatched error
}

// New returns a source; a mapper is how it knows the host.
func New(cfg Config, mapper *container.Mapper) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure state directories: %w", err)
	}
	return &Source{cfg: cfg, mapper: mapper}, nil
}

// Stats may be called at any time.
func (s *Source) Stats() Stats {
	st := Stats{
		Containers: s.containers.Load(), Shadowed: s.shadowed.Load(), Left: s.left.Load(), Unreadable: s.unreadable.Load(),
	}
	if err := s.unwatched.Load(); err != nil {
		st.NotWatched = *err
	}
	return st
}

// Follow implements feed.Source. Directories that do not exist are no error:
// they are waited for.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	// Without watches there is still the rescan.
	w := watches.Open()
	defer w.Close()
	f := newFollower(s, out, w.Dirs, w.Exits)
	f.scan()
	out.Listed()
	rescan := time.NewTicker(s.cfg.Rescan)
	defer rescan.Stop()
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		if next := f.nextRetry(); next.IsZero() {
			retry.Stop()
		} else {
			retry.Reset(max(0, time.Until(next)))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-rescan.C:
			f.scan()
		case <-retry.C:
			f.retry(time.Now())
		case pid := <-w.Ended:
			f.ended(pid)
		case ev, ok := <-w.Events:
			if !ok {
				return watches.ErrEnded
			}
			f.event(ev)
		case received, ok := <-w.Failures:
			lost, err := watches.Failure(received, ok)
			if err != nil {
				return err
			}
			if lost {
				out.Lost(1)
				f.scan()
			}
		}
	}
}
