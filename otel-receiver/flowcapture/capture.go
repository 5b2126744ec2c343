package flowcapture

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/source"
)

// Times between attempts to start what could not start, and between looks at
// which interfaces there are.
const (
	retryMin = 500 * time.Millisecond
	retryMax = 5 * time.Second
	rescan   = 2 * time.Second
)

// opener makes what a capture stands on. It is the seam to the sources; tests
// put their own behind it.
type opener interface {
	// interfaces returns the names of the interfaces that a capture means now. A
	// capture of another type has one that is called "". With an error there may be
	// names all the same; without names those that run go on.
	interfaces(c *CaptureConfig) ([]string, error)
	// place tells where packets of an interface are seen.
	place(c *CaptureConfig, iface string) (flow.Place, error)
	// source makes a source.
	source(c *CaptureConfig, iface string) (source.Source, error)
}

// note adds to a record what the host knows of its flow, which was seen in a
// network namespace by its inode number, 0 when it is not known. It may be called
// by several goroutines.
type note func(r *flowrecord.Record, netns uint64)

// capture runs one capture of the configuration: it keeps one tap on each
// interface that is meant, and tries again where that fails. A capture by order
// is one, too, whose tap [ordered] runs.
type capture struct {
	cfg    CaptureConfig
	name   string
	open   opener
	tables tableFactory
	// queue and series take what workers report; either may be nil.
	queue  *queue
	series *aggregate
	// notes add to records before they are queued.
	notes []note
	// netns is the inode number of the namespace of the interfaces, 0 when it is not
	// known.
	netns atomic.Uint64
	// keeper returns what keeps packets for a worker, by its number; nil for none.
	keeper func(worker int) keeper
	// hard ends what waits for the pipeline.
	hard   context.Context
	status *status

	failures atomic.Uint64
	// untold are the packets that lost records told of.
	untold atomic.Int64

	mu   sync.Mutex
	taps map[string]*tap
	// gone are the totals of interfaces that are no more.
	gone map[string]totals
}

// patient reports whether the source waits when the pipeline is slow: a file
// and a stream can, an interface cannot.
func (c *capture) patient() bool { return !c.cfg.watchesInterfaces() }

// report implements [reporter].
func (c *capture) report(r *flowrecord.Record) {
	if c.patient() {
		c.reportLast(r)
		return
	}
	c.complete(r)
	if c.queue != nil && !c.queue.put(r) {
		c.untold.Add(r.Update.ABPackets + r.Update.BAPackets)
	}
}

// complete notes and counts a report.
func (c *capture) complete(r *flowrecord.Record) {
	for _, n := range c.notes {
		n(r, c.netns.Load())
	}
	if c.series != nil {
		c.series.add(r)
	}
}

// reportLast waits for room in the queue, because there will be no later report
// of the flow, or because the source can wait.
func (c *capture) reportLast(r *flowrecord.Record) {
	c.complete(r)
	if c.queue != nil && !c.queue.wait(c.hard, r) {
		c.untold.Add(r.Update.ABPackets + r.Update.BAPackets)
	}
}

// lost implements [reporter]: metrics count all packets, whatever becomes of
// reports.
func (c *capture) lost(packets, bytes uint64) {
	if c.series != nil {
		c.series.addRest(int64(packets), int64(bytes))
	}
}

// busy implements [reporter].
func (c *capture) busy() bool { return c.queue != nil && !c.patient() && c.queue.busy() }

// ended is the end of a tap.
type ended struct {
	tap *tap
	err error
}

// run captures until ctx ends; all flows are reported when it returns.
func (c *capture) run(ctx context.Context) {
	results := make(chan ended)
	running := make(map[string]context.CancelFunc)
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			for range running {
				<-results
			}
			return
		case e := <-results:
			running[e.tap.iface]()
			delete(running, e.tap.iface)
			c.settle(ctx, e)
		case <-timer.C:
		}
		next := c.begin(ctx, running, func(ctx context.Context, t *tap) {
			wg.Go(func() { results <- ended{t, t.run(ctx)} })
		})
		timer.Reset(next)
	}
}

// allInterfaces stands for the interface where it is not known which there are.
const allInterfaces = "*"

// begin starts a tap on every interface that has none and ends those on others.
// It returns when to look again.
func (c *capture) begin(ctx context.Context, running map[string]context.CancelFunc, start func(context.Context, *tap)) time.Duration {
	names, err := c.open.interfaces(&c.cfg)
	c.status.set(c.name, allInterfaces, err)
	if err != nil && len(names) == 0 {
		c.failures.Add(1)
		return retryMax
	}
	wanted := make(map[string]bool)
	for _, name := range names {
		wanted[name] = true
	}
	for name, stop := range running {
		if !wanted[name] {
			stop()
		}
	}
	c.forget(wanted, running)
	next := rescan
	for _, name := range names {
		if running[name] != nil {
			continue
		}
		t := c.tap(name)
		if t.finished {
			continue
		}
		if wait := time.Until(t.retryAt); wait > 0 {
			next = min(next, wait)
			continue
		}
		tctx, cancel := context.WithCancel(ctx)
		running[name] = cancel
		start(tctx, t)
	}
	return next
}

// settle notes how a tap ended.
func (c *capture) settle(ctx context.Context, e ended) {
	t := e.tap
	if t.opened {
		t.backoff = 0
	}
	switch {
	case ctx.Err() != nil:
		return
	case e.err == nil:
		t.finished = c.cfg.Type == typePcapFile
		c.status.set(c.name, t.iface, nil)
		return
	case c.cfg.Type == typePcapFile && t.opened:
		t.finished = true // again it would tell the same flows once more
	}
	c.fail(t.iface, e.err)
	t.backoff = min(max(2*t.backoff, retryMin), retryMax)
	t.retryAt = time.Now().Add(t.backoff)
}

func (c *capture) fail(iface string, err error) {
	c.failures.Add(1)
	c.status.set(c.name, iface, err)
}

// tap returns the tap of an interface, a new one where there is none.
func (c *capture) tap(iface string) *tap {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.taps[iface]
	if t == nil {
		t = &tap{capture: c, iface: iface, base: c.gone[iface]}
		delete(c.gone, iface)
		c.taps[iface] = t
	}
	return t
}

// maxGone bounds the interfaces whose totals are kept after they are gone.
const maxGone = 256

// forget drops the taps on interfaces that are neither meant nor running.
func (c *capture) forget(wanted map[string]bool, running map[string]context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, t := range c.taps {
		if wanted[name] || running[name] != nil {
			continue
		}
		delete(c.taps, name)
		c.status.set(c.name, name, nil)
		if len(c.gone) >= maxGone {
			for other := range c.gone {
				delete(c.gone, other)
				break
			}
		}
		c.gone[name] = t.totals()
	}
}

// eachTap calls yield with what telemetry tells of every interface.
func (c *capture) eachTap(yield func(iface string, t totals)) {
	c.mu.Lock()
	taps, gone := maps.Clone(c.taps), maps.Clone(c.gone)
	c.mu.Unlock()
	for name, t := range taps {
		yield(name, t.totals())
	}
	for name, t := range gone {
		yield(name, t)
	}
}

var errEnded = errors.New("the source has ended")
