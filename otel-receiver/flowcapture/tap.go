package flowcapture

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// tableFactory makes the workers of a tap: their number and what they work with
// are the capture's.
type tableFactory func(p flow.Place) *flow.Table

// tap is one source with its workers. Its tables outlive the source, so that a
// source that does not start costs no memory again and again.
type tap struct {
	capture *capture
	iface   string

	// What only capture.run uses, between runs of the tap.
	finished, opened bool
	backoff          time.Duration
	retryAt          time.Time
	// spot is where a capture by order is.
	spot *spot

	mu      sync.Mutex
	source  source.Source
	workers []*worker
	placed  flow.Place
	base    totals
	// rate is the sampling in use, 0 before it is known.
	rate atomic.Int64
}

// sampling returns the rate in use; 0 when every packet is counted.
func (t *tap) sampling() int64 {
	if n := t.rate.Load(); n > 1 {
		return n
	}
	return 0
}

// tableMemory returns what the tables take at most, in bytes.
func (t *tap) tableMemory() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.workers {
		n += int64(w.table.Stats().Capacity) * bytesPerFlow
	}
	return n
}

// running returns the source, nil when there is none.
func (t *tap) running() source.Source {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.source
}

// run captures until ctx or the source ends; all flows are reported then.
func (t *tap) run(ctx context.Context) error {
	c := t.capture
	t.opened = false
	src, err := c.open.source(&c.cfg, t.iface)
	if err != nil {
		return err
	}
	place, err := c.open.place(&c.cfg, t.iface)
	if err != nil {
		return err
	}
	if t.spot == nil {
		c.whereNoted()
	}
	workers := t.prepare(place, src)
	spend := startBudget(ctx, src, uint32(c.cfg.Sampling), c.cfg.CPU, c.status.log.With(zap.String("capture", c.name)), &t.rate)
	defer spend()
	watch, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { t.watch(watch, src) })
	err = src.Run(ctx, workers)
	stop()
	wg.Wait()
	t.opened = src.Stats().Opened > 0
	err = t.end(src, err)
	if err == nil && ctx.Err() == nil && c.cfg.Type != typePcapFile {
		err = errEnded
	}
	return err
}

// end reports the flows of workers whose source has returned. Tables that have
// panicked, which none ever should, are thrown away.
func (t *tap) end(src source.Source, err error) error {
	var p *source.PanicError
	broken := errors.As(err, &p)
	for i, w := range t.workers {
		if broken {
			break
		}
		if failed := source.Guard(i, func() error { w.end(t.capture.reportLast); return nil }); failed != nil {
			err = errors.Join(err, failed)
			broken = errors.As(failed, &p)
		}
	}
	if broken {
		t.capture.status.log.Error("A worker panicked; its flows are lost", zap.String("capture", t.capture.name),
			zap.String("interface", t.iface), zap.Error(p), zap.ByteString("stack", p.Stack))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.base.addSource(src.Stats())
	t.source = nil
	if broken {
		t.dropWorkers()
	}
	return err
}

// dropWorkers keeps what they counted. t.mu must be held.
func (t *tap) dropWorkers() {
	t.base.addWorkers(t.workers)
	t.base.live, t.workers = 0, nil
}

// watch tells that the capture works as soon as it does.
func (t *tap) watch(ctx context.Context, src source.Source) {
	ticker := time.NewTicker(source.TickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if t.works(src) {
			t.capture.status.set(t.capture.name, t.iface, nil)
			return
		}
	}
}

// works reports whether a source that was started does what it should. One that
// waits for streams does, until it says otherwise.
func (t *tap) works(src source.Source) bool {
	return t.capture.cfg.Type == typePcapSocket || src.Stats().Opened > 0
}

// prepare makes the workers, where those of the run before do not fit.
func (t *tap) prepare(place flow.Place, src source.Source) []source.Worker {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.capture
	t.source = src
	if t.workers == nil || t.placed != place {
		t.dropWorkers()
		t.placed = place
		decoder := packet.New()
		for i := range c.cfg.Workers {
			w := newWorker(decoder, c.tables(place), c)
			if c.keeper != nil {
				w.keeper = c.keeper(i)
			}
			t.workers = append(t.workers, w)
		}
	}
	out := make([]source.Worker, 0, len(t.workers))
	for _, w := range t.workers {
		if c.cfg.Timestamps == timestampsNow && c.cfg.Type == typePcapFile {
			w.shift, w.moveTo = 0, func() int64 { return time.Now().UnixNano() }
		}
		out = append(out, w)
	}
	return out
}

// totals are the counters of a tap.
type totals struct {
	running   bool
	source    source.Stats
	stops     [5]uint64
	table     flow.Stats
	postponed uint64
	live      int64
}

func (t *totals) addSource(s source.Stats) {
	a := &t.source
	a.Received += s.Received
	a.Bytes += s.Bytes
	a.Dropped += s.Dropped
	a.Freezes += s.Freezes
	a.Filtered += s.Filtered
	a.Truncated += s.Truncated
	a.Malformed += s.Malformed
	a.Opened += s.Opened
	a.Refused += s.Refused
	a.Panics += s.Panics
	a.Overflow += s.Overflow
	a.OverflowBytes += s.OverflowBytes
	a.CPU += s.CPU
}

// add adds the totals of another tap.
func (t *totals) add(o *totals) {
	t.running = t.running || o.running
	t.addSource(o.source)
	t.source.Memory += o.source.Memory
	for i, n := range o.stops {
		t.stops[i] += n
	}
	addTable(&t.table, &o.table)
	t.postponed += o.postponed
	t.live += o.live
}

// totals returns the counters up to now. It may be called at any time.
func (t *tap) totals() totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.base
	if t.source != nil {
		now := t.source.Stats()
		sum.running = t.works(t.source)
		sum.addSource(now)
		sum.source.Memory = now.Memory
	}
	sum.addWorkers(t.workers)
	return sum
}

var _ reporter = (*capture)(nil)
