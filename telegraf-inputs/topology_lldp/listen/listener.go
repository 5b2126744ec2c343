package listen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// Logger takes what a person should read. Telegraf's loggers satisfy it.
type Logger interface {
	Debugf(format string, args ...any)
	Warnf(format string, args ...any)
}

// Listener hears neighbours. It is a [feed.Source]: Follow is called by one
// goroutine at a time; Stats by any.
type Listener struct {
	cfg     Config
	log     Logger
	choose  *chooser
	filter  []bpf.RawInstruction
	stats   stats
	links   rtnl.Buffers
	frames  sync.Pool
	opening chan struct{} // as many threads as may be in foreign namespaces

	// What follows belongs to the goroutine of Follow. The table outlives the
	// calls: who was heard is still there when a socket had to be opened again.
	table  *neighbor.Table
	denied bool // it was said that other namespaces cannot be entered
}

// New returns a listener. It opens nothing.
func New(cfg Config, log Logger) (*Listener, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure listener: %w", err)
	}
	choose, err := cfg.chooser()
	if err != nil {
		return nil, err
	}
	prog, err := program(cfg.LLDP, cfg.CDP)
	if err != nil {
		return nil, fmt.Errorf("make filter: %w", err)
	}
	return &Listener{
		cfg: cfg, log: log, choose: choose, filter: prog,
		frames:  sync.Pool{New: func() any { return new([maxFrame]byte) }},
		opening: make(chan struct{}, 4),
		table:   neighbor.NewTable(neighbor.Config{HostID: cfg.HostID, MaxNeighbors: cfg.MaxNeighbors}),
	}, nil
}

// Stats returns what happened so far.
func (l *Listener) Stats() Stats { return l.stats.snapshot() }

// Follow listens until ctx ends, or returns why the host's own namespace cannot
// be listened to.
func (l *Listener) Follow(ctx context.Context, out *feed.Sink) error {
	root, err := l.openRoot()
	if err != nil {
		return fmt.Errorf("open root network namespace: %w", err)
	}
	defer root.Close() //nolint:errcheck // nothing depends on it any more
	ctx, cancel := context.WithCancel(ctx)
	r := &run{
		l: l, ctx: ctx, in: make(chan func(), 64), fail: make(chan error, 1),
		spaces: make(map[netns.ID]*space), listed: out.Listed,
	}
	l.table.Attach(out)
	defer func() {
		cancel()
		r.wg.Wait()
		l.table.Attach(nil)
		l.stats.namespaces.Store(0)
		l.stats.interfaces.Store(0)
	}()
	r.root = r.add(root.ID(), "")
	r.root.ns = root
	r.start(r.root)
	if l.cfg.Namespaces {
		cfg := l.cfg.Discovery
		cfg.Skip = []netns.ID{root.ID()}
		r.wg.Go(func() { discovery.New(cfg, sink{r}).Run(ctx) })
	} else {
		r.scanned = true
	}
	return r.loop()
}

func (l *Listener) openRoot() (*netns.NS, error) {
	if l.cfg.RootNetNS != "" {
		return netns.Open(l.cfg.RootNetNS)
	}
	return netns.Current()
}

// run is one call of Follow.
type run struct {
	l      *Listener
	ctx    context.Context
	in     chan func()
	fail   chan error
	wg     sync.WaitGroup
	listed func()

	// What follows belongs to the loop.
	spaces map[netns.ID]*space
	root   *space
	// scanned tells that all namespaces that were there at start are known, told
	// that the sink was told that all is listed.
	scanned, told bool
}

// post hands the loop a function to run. It blocks while the loop is busy, and
// returns false when there is no loop any more.
func (r *run) post(f func()) bool {
	select {
	case r.in <- f:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// turn bounds how many functions run before the sink is told.
const turn = 256

func (r *run) loop() error {
	table := r.l.table
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return r.ctx.Err()
		case err := <-r.fail:
			return err
		case f := <-r.in:
			f()
			r.drain()
		case <-timer.C:
		}
		table.Expire(time.Now())
		table.Flush()
		r.checkListed()
		count := table.Counters()
		r.l.stats.table.Store(&count)
		r.l.stats.neighbors.Store(int64(table.Len()))
		if at, ok := table.Next(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
	}
}

func (r *run) drain() {
	for range turn {
		select {
		case f := <-r.in:
			f()
		default:
			return
		}
	}
}

// checkListed tells the sink when all namespaces that were there at start have
// been looked at. Neighbours that were heard before and have no interface any
// more are gone then.
func (r *run) checkListed() {
	if r.told || !r.scanned {
		return
	}
	for _, sp := range r.spaces {
		if !sp.settled {
			return
		}
	}
	r.told = true
	inodes := make(map[uint64]bool, len(r.spaces))
	for id := range r.spaces {
		inodes[id.Inode] = true
	}
	r.l.table.ForgetExcept(func(at neighbor.Interface) bool { return inodes[at.NetNS] }, "network namespace ended")
	r.l.table.Flush()
	r.listed()
}

// failed notes that a namespace cannot be listened to.
func (r *run) failed(sp *space, err error) {
	first := !sp.failing
	sp.failing, sp.settled = true, true
	switch {
	// A namespace that ends is no mount any more before its file goes.
	case !first || errors.Is(err, os.ErrNotExist) || errors.Is(err, netns.ErrNotNetNS) || errors.Is(err, errOtherNS):
		r.l.log.Debugf("Cannot listen in network namespace %q: %v", sp.path, err)
		return
	case sp == r.root:
		// The feed says it, and tries again.
		select {
		case r.fail <- err:
		default:
		}
	case errors.Is(err, os.ErrPermission):
		if !r.l.denied {
			r.l.denied = true
			r.l.log.Warnf("Cannot listen in other network namespaces than the host's, such as %q: %v (needs CAP_SYS_ADMIN and CAP_NET_RAW)", sp.path, err)
		}
	default:
		r.l.log.Warnf("Cannot listen in network namespace %q, trying again: %v", sp.path, err)
	}
	r.l.stats.errors.Add(1)
}

// sink hands what discovery finds to the loop.
type sink struct{ r *run }

// Found implements [discovery.Sink].
func (s sink) Found(n discovery.Namespace) {
	s.r.post(func() {
		if sp := s.r.spaces[n.ID]; sp != nil {
			sp.setPath(n.Path)
			return
		}
		s.r.start(s.r.add(n.ID, n.Path))
	})
}

// Lost implements [discovery.Sink].
func (s sink) Lost(id netns.ID) {
	s.r.post(func() {
		if sp := s.r.spaces[id]; sp != nil && sp != s.r.root {
			s.r.remove(sp)
		}
	})
}

// Scanned implements [discovery.Sink].
func (s sink) Scanned(discovery.Report) {
	s.r.post(func() { s.r.scanned = true })
}
