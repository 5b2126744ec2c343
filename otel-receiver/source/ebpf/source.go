package ebpf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
)

// Source counts the flows of one interface. It is a [source.Source] and a
// [source.Sampler].
type Source struct {
	cfg     Config
	started atomic.Bool
	opened  atomic.Uint64
	panics  atomic.Uint64
	rate    atomic.Uint32
	count   counters
	// attached is the kind of attachment, nil while no interface is open.
	attached atomic.Pointer[string]

	// mu guards live, which is nil while no interface is open.
	mu   sync.Mutex
	live *session
}

// counters are what everybody may read. What the kernel counted is that of all
// sessions; overflow is as of the last tick.
type counters struct {
	received, bytes, overflow, overflowBytes, tooLong atomic.Uint64
	truncated, malformed                              atomic.Uint64
	flows, events, drains                             atomic.Uint64
	thread, kernel                                    atomic.Int64
	memory                                            atomic.Uint64
	perPacket                                         atomic.Int64
}

var (
	_ source.Source  = (*Source)(nil)
	_ source.Sampler = (*Source)(nil)
)

// errNotOpen is returned by what needs an interface that is open.
var errNotOpen = errors.New("the interface is not open")

// New returns a source that has not been started.
func New(cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure eBPF capture: %w", err)
	}
	s := &Source{cfg: cfg.withDefaults()}
	s.rate.Store(s.cfg.Sampling)
	return s, nil
}

// Stats implements [source.Source]. Received and Bytes are packets that were
// counted, of which workers were told, as captured: not scaled when the source
// samples. Overflow is known about 100 ms after it happened.
func (s *Source) Stats() source.Stats {
	return source.Stats{
		Received:      s.count.received.Load(),
		Bytes:         s.count.bytes.Load(),
		Truncated:     s.count.truncated.Load(),
		Malformed:     s.count.malformed.Load(),
		Opened:        s.opened.Load(),
		Panics:        s.panics.Load(),
		Overflow:      s.count.overflow.Load(),
		OverflowBytes: s.count.overflowBytes.Load(),
		CPU:           time.Duration(s.count.thread.Load() + s.count.kernel.Load()),
		Memory:        s.count.memory.Load(),
	}
}

// Detail tells more of a source than [source.Stats].
type Detail struct {
	// Attached is how the programs are attached: "tcx", "clsact", or "" while the
	// interface is not open.
	Attached string
	// Samples counts flows that were handed on, once an interval each, Events
	// packets that came through the ring, Drains how often the map was read.
	Samples, Events, Drains uint64
	// TooLong counts packets whose headers do not fit in a sample.
	TooLong uint64
	// PerPacket is what the programs take for a packet in a test run, or in reality
	// when the kernel keeps statistics (sysctl kernel.bpf_stats_enabled).
	PerPacket time.Duration
	// Reader is the processor time of the thread that reads, workers included.
	Reader time.Duration
}

// Detail may be called at any time.
func (s *Source) Detail() Detail {
	d := Detail{
		Samples: s.count.flows.Load(), Events: s.count.events.Load(), Drains: s.count.drains.Load(),
		TooLong: s.count.tooLong.Load(), PerPacket: time.Duration(s.count.perPacket.Load()),
		Reader: time.Duration(s.count.thread.Load()),
	}
	if kind := s.attached.Load(); kind != nil {
		d.Attached = *kind
	}
	return d
}

// SetSampling implements [source.Sampler]. It takes effect within a tick; what was
// counted at the old rate is handed on with it.
func (s *Source) SetSampling(n uint32) error {
	if n < 1 || n > MaxSampling {
		return fmt.Errorf("set sampling: 1 in %d: want 1 to %d", n, MaxSampling)
	}
	s.rate.Store(n)
	return nil
}

// SelfTest makes the loaded programs count a packet that was never on a wire,
// reads it back from the map and removes it, so that nobody is told of it. It
// also looks whether the programs are attached. It fails when the interface is
// not open yet.
func (s *Source) SelfTest() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live == nil {
		return fmt.Errorf("test capture on %s: %w", s.cfg.Interface, errNotOpen)
	}
	if err := s.live.selfTest(); err != nil {
		return fmt.Errorf("test capture on %s: %w", s.cfg.Interface, err)
	}
	return nil
}

// Run implements [source.Source]. One worker, the first, is told of all flows: it
// must be a [source.BulkWorker]. When ctx ends, all that was counted is handed on
// first. An interface that is not there, or goes, ends the capture with an error
// that wraps [ErrNoInterface] or [ErrGone], unless Config.Retry is set.
func (s *Source) Run(ctx context.Context, workers []source.Worker) error {
	err := s.check(workers)
	if err == nil {
		err = source.Guard(0, func() error { return s.run(ctx, workers) })
	}
	var p *source.PanicError
	if errors.As(err, &p) {
		s.panics.Add(1)
	}
	if err != nil {
		return fmt.Errorf("capture on %s: %w", s.cfg.Interface, err)
	}
	return nil
}

func (s *Source) check(workers []source.Worker) error {
	if len(workers) == 0 {
		return errors.New("no worker")
	}
	if _, ok := workers[0].(source.BulkWorker); !ok {
		return errors.New("the worker cannot be told of many packets at once")
	}
	if s.started.Swap(true) {
		return errors.New("a source runs only once")
	}
	return nil
}

func (s *Source) run(ctx context.Context, workers []source.Worker) error {
	backoff, told := s.cfg.RetryMin, false
	for ctx.Err() == nil {
		err := s.session(ctx, workers, func() { backoff, told = s.cfg.RetryMin, false })
		if err == nil || !s.cfg.Retry || !errors.Is(err, ErrGone) && !errors.Is(err, ErrNoInterface) {
			return err
		}
		if !told {
			s.cfg.Log.Info("capture waits for its interface", "interface", s.cfg.Interface, "netns", s.cfg.NetNS, "reason", err)
			told = true
		}
		idle(ctx, workers, backoff)
		backoff = min(2*backoff, s.cfg.RetryMax)
	}
	return nil
}

// idle lets workers know the time while there is nothing to capture from.
func idle(ctx context.Context, workers []source.Worker, d time.Duration) {
	end := time.Now().Add(d)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		tell(workers, time.Now().UnixNano())
		left := time.Until(end)
		if left <= 0 {
			return
		}
		timer.Reset(min(left, source.TickInterval))
	}
}

func tell(workers []source.Worker, now int64) {
	for _, w := range workers {
		w.Tick(now)
	}
}
