package lxc

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/watches"
)

// Source follows the classic LXC containers of a host. It speaks as
// container.SourceLXC.
type Source struct {
	cfg    Config
	mapper *container.Mapper

	containers, left, refused atomic.Int64
	unwatched                 atomic.Pointer[error]
}

// Stats says how a source does.
type Stats struct {
	// Containers are those that are told of, Left is how many there are more than
	// may be kept; both are of now.
	Containers, Left int64
	// Refused counts answers and configurations that were not believed, or not
	// understood.
	Refused int64
	// NotWatched is why some changes are only noticed at the next rescan; nil when
	// all are noticed at once.
	NotWatched error
}

// New returns a source; a mapper is how it knows the host.
func New(cfg Config, mapper *container.Mapper) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure LXC: %w", err)
	}
	return &Source{cfg: cfg, mapper: mapper}, nil
}

// Stats may be called at any time.
func (s *Source) Stats() Stats {
	st := Stats{Containers: s.containers.Load(), Left: s.left.Load(), Refused: s.refused.Load()}
	if err := s.unwatched.Load(); err != nil {
		st.NotWatched = *err
	}
	return st
}

// Follow implements feed.Source. Paths that do not exist are no error: they are
// waited for.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	// Without watches there is still the rescan.
	w := watches.Open()
	defer w.Close()
	f := newFollower(s, out, w.Dirs, w.Exits)
	f.scan(ctx)
	if err := ctx.Err(); err != nil {
		return err // what was asked of some was not answered
	}
	out.Listed()
	poll, rescan := time.NewTicker(s.cfg.Poll), time.NewTicker(s.cfg.Rescan)
	defer poll.Stop()
	defer rescan.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
			f.poll(ctx)
		case <-rescan.C:
			f.scan(ctx)
		case pid := <-w.Ended:
			f.ended(ctx, pid)
		case ev, ok := <-w.Events:
			if !ok {
				return watches.ErrEnded
			}
			f.event(ctx, ev)
		case received, ok := <-w.Failures:
			lost, err := watches.Failure(received, ok)
			if err != nil {
				return err
			}
			if lost {
				out.Lost(1)
				f.scan(ctx)
			}
		}
	}
}
