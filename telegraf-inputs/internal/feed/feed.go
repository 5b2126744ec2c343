package feed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// Feed keeps the connection to one source.
type Feed struct {
	cfg   Config
	src   Source
	log   telegraf.Logger
	rep   *report.Reporter
	stats *stats

	mu   sync.Mutex
	held map[entity.UUID]holding
	// gen numbers the calls of Follow, listed tells that this one has listed.
	gen    uint64
	listed bool
	// up tells that the source is being followed, said that its absence was said,
	// lost that it was there before.
	up, said, lost bool
	// pause runs out when a break has lasted for a report interval.
	pause *time.Timer

	cancel context.CancelFunc
	done   chan struct{}
}

// holding is an entity that is known, and the call of Follow that told it.
type holding struct {
	ref entity.Ref
	gen uint64
}

// New makes a feed that hands metrics to acc once it is started.
func New(cfg Config, src Source, acc telegraf.Accumulator, log telegraf.Logger) (*Feed, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure feed %q: %w", cfg.Name, err)
	}
	cfg.Report.Tags = maps.Clone(cfg.Report.Tags)
	if cfg.Report.Tags == nil {
		cfg.Report.Tags = make(map[string]string, 1)
	}
	// Two connections of one input count apart.
	cfg.Report.Tags["connection"] = cfg.Name
	rep, err := report.New(cfg.Report, acc, log)
	if err != nil {
		return nil, err
	}
	return &Feed{
		cfg: cfg, src: src, log: log, rep: rep, stats: newStats(&cfg),
		held: make(map[entity.UUID]holding), done: make(chan struct{}),
	}, nil
}

// Start begins to connect. It is called at most once. The end of ctx stops the
// feed as Stop does.
func (f *Feed) Start(ctx context.Context) {
	ctx, f.cancel = context.WithCancel(ctx)
	f.rep.Start(ctx)
	go f.run(ctx)
}

// Stop ends the connection, hands over what is pending and returns when nothing
// runs any more. It says of no entity that it ended.
func (f *Feed) Stop() {
	if f.cancel == nil {
		return
	}
	f.cancel()
	<-f.done
	f.rep.Stop()
}

// run is the feed's goroutine.
func (f *Feed) run(ctx context.Context) {
	defer close(f.done)
	wait := f.cfg.RetryMin
	for ctx.Err() == nil {
		again, err := f.follow(ctx)
		f.mu.Lock()
		listed := f.listed
		f.gen++ // the sink is closed
		f.mu.Unlock()
		switch {
		case ctx.Err() != nil || again:
			continue
		case listed:
			wait = f.cfg.RetryMin
		case isAbsent(err):
			wait = f.cfg.RetryMax
		}
		f.broke(err)
		sleep(ctx, wait*3/4+rand.N(wait/4+1))
		wait = min(2*wait, f.cfg.RetryMax)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setUp(false)
	if f.pause != nil {
		f.pause.Stop()
	}
}

// follow calls Follow once. again tells that it is to be called again at once.
func (f *Feed) follow(ctx context.Context) (again bool, err error) {
	f.mu.Lock()
	f.gen++
	f.listed = false
	s := &Sink{f, f.gen}
	f.mu.Unlock()
	call := ctx
	if f.cfg.Resync > 0 {
		var cancel context.CancelFunc
		call, cancel = context.WithTimeout(ctx, f.cfg.Resync)
		defer cancel()
	}
	defer func() {
		if r := recover(); r != nil {
			f.stats.panics.Incr(1)
			again, err = false, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	err = f.src.Follow(call, s)
	f.mu.Lock()
	listed := f.listed
	f.mu.Unlock()
	if listed && call.Err() != nil && ctx.Err() == nil {
		return true, nil
	}
	if err == nil {
		err = errors.New("the source ended without saying why")
	}
	return false, err
}

// connected notes that the source was listed; f.mu is held.
func (f *Feed) connected() {
	f.stats.listings.Incr(1)
	f.stats.entities.Set(int64(len(f.held)))
	if f.pause != nil {
		f.pause.Stop()
		f.pause = nil
	}
	f.rep.Resume()
	if f.up {
		return
	}
	if f.said {
		f.log.Infof("Connected to %s: %d entities", f.cfg.Name, len(f.held))
	} else {
		f.log.Debugf("Connected to %s: %d entities", f.cfg.Name, len(f.held))
	}
	f.said, f.lost = false, true
	f.setUp(true)
}

func (f *Feed) setUp(up bool) {
	f.up = up
	n := int64(0)
	if up {
		n = 1
	}
	f.stats.connected.Set(n)
}

// broke notes that there is no connection.
func (f *Feed) broke(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.breaks.Incr(1)
	f.setUp(false)
	if f.pause == nil {
		f.pause = time.AfterFunc(f.cfg.Report.Interval, f.giveUp)
	}
	switch {
	case f.said:
		f.log.Debugf("Still no connection to %s: %v", f.cfg.Name, err)
	case isAbsent(err) && !f.lost:
		f.log.Debugf("Nothing to connect to at %s: %v", f.cfg.Name, err)
	case f.lost:
		f.said = true
		f.log.Warnf("Lost the connection to %s, trying again: %v", f.cfg.Name, err)
	default:
		f.said = true
		f.log.Warnf("Cannot connect to %s, trying again: %v", f.cfg.Name, err)
	}
}

// giveUp stops the reports of what nobody could be asked about for an interval.
func (f *Feed) giveUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up {
		f.rep.Pause()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
