package ofprobe

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

// source is one bridge as a [feed.Source]. What it knows outlives a connection,
// so that those for which there is room stay the same ones.
type source struct {
	cfg   *Config
	acc   telegraf.Accumulator
	log   telegraf.Logger
	stats *stats
	// budget is that of all connections: what one spent, the next waits for.
	budget *budget

	mu     sync.Mutex
	bridge Bridge
	moved  chan struct{} // closed and replaced when bridge changes

	retiring chan struct{} // closed when the bridge is gone
	retired  chan struct{} // closed when that was reported
	told     sync.Once     // guards retiring
	buried   sync.Once     // guards retired

	rules, groups *table
	sums          *summer
	meters        *meters
	said          map[string]bool // limits that were logged
}

func newSource(cfg *Config, b Bridge, acc telegraf.Accumulator, log telegraf.Logger) *source {
	s := &source{
		cfg: cfg, acc: acc, log: log, bridge: b, stats: newStats(cfg.Feed.Report.Tags, b.Name), budget: newBudget(cfg.CPU),
		moved: make(chan struct{}), retiring: make(chan struct{}), retired: make(chan struct{}),
		said: make(map[string]bool),
	}
	room := func() bool { return len(s.rules.entries)+len(s.groups.entries) < cfg.MaxRules }
	s.rules, s.groups = newTable(room), newTable(room)
	s.meters = &meters{}
	s.sums = &summer{maphash.MakeSeed()}
	return s
}

// move tells that the bridge has another target or name.
func (s *source) move(b Bridge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bridge = b
	close(s.moved)
	s.moved = make(chan struct{})
}

// retire tells that the bridge is gone. The source says so of its rules, and
// then closes retired.
func (s *source) retire() { s.told.Do(func() { close(s.retiring) }) }

// rest notes that the end of the bridge was reported.
func (s *source) rest() {
	s.buried.Do(func() {
		s.stats.sizes(0, 0, 0)
		close(s.retired)
	})
}

var errMoved = errors.New("the bridge has another address")

// grace is how long the end of a connection may come before the news that the
// bridge is gone, which it usually does.
const grace = 300 * time.Millisecond

// Follow implements [feed.Source].
func (s *source) Follow(ctx context.Context, out *feed.Sink) error {
	select {
	case <-s.retiring:
		out.Listed() // nothing is there
		s.rest()
		<-ctx.Done()
		return ctx.Err()
	default:
	}
	s.mu.Lock()
	b, moved := s.bridge, s.moved
	s.mu.Unlock()
	f := &follow{source: s, bridge: b, moved: moved, out: out}
	err := f.run(ctx)
	s.stats.version.Store(0)
	s.stats.monitored.Store(0)
	if ctx.Err() != nil || !f.listed {
		return err
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-s.retiring:
		f.bury()
		s.rest()
		<-ctx.Done()
	}
	return err
}
