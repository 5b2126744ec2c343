package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/hostid"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
)

// Sink takes what the probe has to say. Its methods are called one at a time
// and must not block: the model waits for them.
type Sink interface {
	// Set tells the current state of an entity, without time and interval. It is
	// called also when nothing changed; the sink compares.
	Set(entity.Event)
	// Delete tells that an entity ended.
	Delete(ref entity.Ref, reason string)
}

// Logger takes what a person should read. Telegraf's loggers satisfy it.
type Logger interface {
	Debugf(format string, args ...any)
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Probe watches the networks of one host. Its methods may be called by several
// goroutines; Start once.
type Probe struct {
	cfg    Config
	sink   Sink
	log    Logger
	stats  stats
	reader *ethtool.Reader
	bufs   rtnl.Buffers

	// in carries functions to the loop, see [Probe.post].
	in     chan func()
	quit   chan struct{} // closed when the loop has ended
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // loop, discovery and receivers
	pool   *pool
	rootNS *netns.NS
	// hostConfig may be set at any time, see [Probe.SetConfig].
	hostConfig hostConfig

	// What follows belongs to the loop's goroutine.
	sched  schedule
	spaces map[netns.ID]*space
	root   *space
	host   hostNode
	peers  map[peerKey]map[*link]struct{}
	vfs    vfIndex
	// unresolved are namespaces with links whose other namespace is not known.
	unresolved map[*space]struct{}
	gen        uint64 // counts namespaces that came, see space.nsidTried
	ready      bool
	scanned    bool
	deadline   task
}

// New returns a probe for a sink. It does nothing until [Probe.Start].
func New(cfg Config, sink Sink, log Logger) (*Probe, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure topology probe: %w", err)
	}
	if sink == nil || log == nil {
		return nil, errors.New("configure topology probe: no sink or no logger")
	}
	return &Probe{
		cfg:    cfg,
		sink:   sink,
		log:    log,
		reader: ethtool.NewReader(cfg.Features),
		in:     make(chan func(), 256),
		quit:   make(chan struct{}),
		spaces: make(map[netns.ID]*space),
		peers:  make(map[peerKey]map[*link]struct{}),
		vfs:    newVFIndex(),

		unresolved: make(map[*space]struct{}),
	}, nil
}

// ResolveIdentity fills in the identity and name of the host where cfg leaves
// them empty.
func ResolveIdentity(cfg *Config) (err error) {
	cfg.HostID, cfg.HostName, err = hostid.Resolve(cfg.HostID, cfg.HostName)
	return err
}

// workers is how many namespaces are listed at the same time. The kernel
// answers under one lock, so that more do not help.
const workers = 3

// Start opens the root namespace and begins to watch. The end of ctx stops the
// probe as Stop does. On systems other than Linux it returns an error.
func (p *Probe) Start(ctx context.Context) error {
	if err := ResolveIdentity(&p.cfg); err != nil {
		return err
	}
	root, err := p.openRoot()
	if err != nil {
		return fmt.Errorf("open root network namespace: %w", err)
	}
	p.rootNS = root
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.pool = newPool(workers)
	p.host.start(p)
	p.deadline.run = func(time.Time) { p.becomeReady("time is up") }

	dcfg := p.cfg.Discovery
	dcfg.Skip = []netns.ID{root.ID()}
	p.wg.Go(p.loop)
	p.hostConfig.started.Store(true)
	p.post(func() {
		p.root = p.addSpace(root.ID(), true)
		p.root.path = p.cfg.RootNetNS
		p.root.open()
		p.sched.at(&p.deadline, time.Now().Add(p.cfg.StartTimeout))
	})
	p.wg.Go(func() { discovery.New(dcfg, discoverySink{p}).Run(p.ctx) })
	return nil
}

func (p *Probe) openRoot() (*netns.NS, error) {
	if p.cfg.RootNetNS != "" {
		return netns.Open(p.cfg.RootNetNS)
	}
	return netns.Current()
}

// Stop ends the probe and waits until all it started has ended. It reports no
// entity as gone.
func (p *Probe) Stop() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.wg.Wait()
	p.pool.stop()
	for len(p.in) > 0 {
		(<-p.in)() // what was opened meanwhile is closed by that
	}
	_ = p.rootNS.Close() // nothing depends on it any more
}

// Stats returns what happened so far.
func (p *Probe) Stats() Stats { return p.stats.snapshot() }

// post hands the loop a function to run. It blocks while the loop is busy, and
// returns false when there is no loop any more.
func (p *Probe) post(f func()) bool {
	select {
	case p.in <- f:
		return true
	case <-p.quit:
		return false
	}
}

// maxTurn bounds how long the loop does one thing before it looks at others.
const maxTurn = 5 * time.Millisecond

func (p *Probe) loop() {
	defer close(p.quit)
	defer p.closeSpaces()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case f := <-p.in:
			f()
			p.drain()
		case <-timer.C:
		}
		p.sched.runDue(time.Now(), maxTurn)
		if due, ok := p.sched.next(); ok {
			timer.Reset(time.Until(due))
		} else {
			timer.Stop()
		}
	}
}

// drain runs what else was handed over, for a while: what belongs together is
// then reported together.
func (p *Probe) drain() {
	start := time.Now()
	for time.Since(start) < maxTurn {
		select {
		case f := <-p.in:
			f()
		default:
			return
		}
	}
}

func (p *Probe) closeSpaces() {
	for _, sp := range p.spaces {
		sp.close()
	}
}

// checkReady begins to report when all namespaces that were there at start
// have been listed. Reports before that would be half of the truth, and make
// revisions at every start of the probe.
func (p *Probe) checkReady() {
	if p.ready || !p.scanned || !p.host.known {
		return
	}
	for _, sp := range p.spaces {
		if !sp.settled() {
			return
		}
	}
	p.becomeReady("")
}

func (p *Probe) becomeReady(why string) {
	if p.ready {
		return
	}
	p.ready = true
	p.sched.cancel(&p.deadline)
	if why != "" {
		p.log.Warnf("Reporting although not all network namespaces have been listed: %s", why)
	}
	now := time.Now()
	p.sched.at(&p.host.task, now)
	for _, sp := range p.spaces {
		p.sched.at(&sp.task, now)
		for _, l := range sp.links {
			l.touch(now, 0)
		}
	}
}

// discoverySink hands what discovery finds to the loop.
type discoverySink struct{ p *Probe }

// Found implements [discovery.Sink].
func (s discoverySink) Found(n discovery.Namespace) {
	p := s.p
	p.post(func() {
		sp := p.spaces[n.ID]
		isNew := sp == nil
		if isNew {
			sp = p.addSpace(n.ID, false)
		}
		sp.rename(n)
		if isNew {
			sp.open()
		}
	})
}

// Lost implements [discovery.Sink].
func (s discoverySink) Lost(id netns.ID) {
	p := s.p
	p.post(func() {
		if sp := p.spaces[id]; sp != nil && !sp.root {
			sp.remove("network namespace ended")
			p.checkReady()
		}
	})
}

// Scanned implements [discovery.Sink].
func (s discoverySink) Scanned(r discovery.Report) {
	p := s.p
	p.post(func() {
		p.scanned = true
		p.host.scanned(r)
		p.checkReady()
	})
}
