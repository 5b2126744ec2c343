package ofprobe

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/influxdata/telegraf"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
)

// Probe follows the bridges that it was told of. Its methods may be called from
// any goroutine.
type Probe struct {
	cfg Config
	acc telegraf.Accumulator
	log telegraf.Logger

	mu       sync.Mutex
	ctx      context.Context //nolint:containedctx // bridges come while the probe runs
	cancel   context.CancelFunc
	wanted   []Bridge
	bridges  map[string]*follower // by Bridge.UUID
	retiring sync.WaitGroup
}

// follower is one bridge that is being followed.
type follower struct {
	bridge Bridge
	source *source
	feed   *feed.Feed
}

// New makes a probe that hands metrics to acc once it is started.
func New(cfg Config, acc telegraf.Accumulator, log telegraf.Logger) (*Probe, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure OpenFlow probe: %w", err)
	}
	if acc == nil || log == nil {
		return nil, errors.New("configure OpenFlow probe: no accumulator or no logger")
	}
	return &Probe{cfg: cfg, acc: acc, log: log, bridges: make(map[string]*follower)}, nil
}

// Start begins to follow the bridges of the last Sync. It is called at most
// once. The end of ctx ends the work, but call Stop all the same.
func (p *Probe) Start(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.sync()
}

// Sync tells all bridges that there are now. One that is new is followed, one
// that is missing ended with all its rules and groups, one whose target changed
// is connected to anew. It does not wait for any of that. A bridge whose target
// cannot be understood is logged and left out.
func (p *Probe) Sync(bridges []Bridge) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = append(p.wanted[:0:0], bridges...)
	if p.ctx != nil && p.ctx.Err() == nil {
		p.sync()
	}
}

// sync makes the followers those that are wanted, with p.mu held.
func (p *Probe) sync() {
	wanted := make(map[string]bool, len(p.wanted))
	for _, b := range p.wanted {
		wanted[b.UUID] = true
		old := p.bridges[b.UUID]
		if old != nil && old.bridge == b {
			continue
		}
		if old != nil && old.bridge.Database == b.Database {
			old.bridge = b
			old.source.move(b) // the rules stay what they are
			continue
		}
		if old != nil {
			p.retire(old)
		}
		if err := p.follow(b); err != nil {
			p.log.Errorf("Cannot follow the rules of bridge %s: %v", b.Name, err)
		}
	}
	for uuid, f := range p.bridges {
		if !wanted[uuid] {
			p.retire(f)
		}
	}
}

// follow begins to follow a bridge, with p.mu held.
func (p *Probe) follow(b Bridge) error {
	if _, _, _, err := parseTarget(b.Target); err != nil {
		return err
	}
	cfg := p.cfg.Feed
	cfg.Name = b.Name + " (" + b.Target + ")"
	cfg.Report.Source = Source
	src := newSource(&p.cfg, b, p.acc, p.log)
	f, err := feed.New(cfg, src, p.acc, p.log)
	if err != nil {
		return err
	}
	p.bridges[b.UUID] = &follower{b, src, f}
	f.Start(p.ctx)
	return nil
}

// retire ends a bridge that is gone: its feed says so of all its rules before it
// stops. p.mu is held.
func (p *Probe) retire(f *follower) {
	delete(p.bridges, f.bridge.UUID)
	ctx := p.ctx
	p.retiring.Go(func() {
		f.source.retire()
		select {
		case <-f.source.retired:
		case <-ctx.Done():
		}
		f.feed.Stop()
	})
}

// Stop ends all connections and returns when nothing runs any more. It says of
// no rule that it ended.
func (p *Probe) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.retiring.Wait()
	for _, f := range p.bridges {
		f.feed.Stop()
	}
	clear(p.bridges)
}

// Stats says how the probe is doing, by the name of the bridge.
func (p *Probe) Stats() map[string]Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]Stats, len(p.bridges))
	for _, f := range p.bridges {
		out[f.bridge.Name] = f.source.stats.read(f.feed.Stats())
	}
	return out
}
