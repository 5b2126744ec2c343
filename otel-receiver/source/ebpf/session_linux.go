package ebpf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/device"
)

const (
	// checkEvery is how often it is looked whether the interface is still there.
	checkEvery = 500 * time.Millisecond
	// quickDrain is how often the map is read when there is little in it, perSecond
	// how many flows a second are read when there are many.
	quickDrain = time.Second
	perSecond  = 10_000
	// leastDrain is how often at most the map is read, whatever there is.
	leastDrain = 100 * time.Millisecond
	// beats is how often an owner shows that it lives.
	beats = 5 * time.Second
	// goodClock is how long two clocks may take to be read to be compared well.
	goodClock = 10 * time.Microsecond
)

// session is an interface that is open. It belongs to the goroutine that runs it,
// but for what Source.mu guards: the control map and reading flows.
type session struct {
	src      *Source
	cfg      Config
	ns       *netns.NS
	programs *programs
	attach   attachment
	reader   *ringbuf.Reader
	link     packet.LinkType
	arphrd   uint16
	worker   source.BulkWorker
	workers  []source.Worker
	batch    batch

	control control
	kernel  stats     // what the kernel counted up to the last tick
	base    [2]uint64 // kernel.Created when the map became active
	perCPU  []stats
	// offset is what is added to times since boot for Unix times, in ns.
	offset  int64
	swapped time.Duration // when the active map began, since boot
	upTo    int64         // all packets before it were handed on, Unix ns
	checked time.Duration
	beat    time.Duration
	thread  time.Duration // processor time of the thread when it began
	spent   int64         // of sessions before
	priced  uint64        // packets whose time in the kernel is counted
	closing map[[16]byte]struct{}
	// draining is set while the map is read: what comes through the ring meanwhile
	// does not have it read again.
	draining bool
	record   ringbuf.Record
	frame    source.Frame
	bulk     source.Bulk
	cooked   []byte
}

// session captures from the interface as it is now, until ctx ends (nil) or the
// interface is gone. It calls opened once packets are counted.
func (s *Source) session(ctx context.Context, workers []source.Worker, opened func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	x := &session{src: s, cfg: s.cfg, workers: workers, worker: workers[0].(source.BulkWorker), closing: map[[16]byte]struct{}{}}
	defer x.close()
	if err := x.open(); err != nil {
		return err
	}
	s.mu.Lock()
	s.live = x
	s.mu.Unlock()
	kind := x.attach.kind()
	s.attached.Store(&kind)
	if n := s.opened.Add(1); n > 1 {
		s.cfg.Log.Info("capture goes on", "interface", s.cfg.Interface, "netns", s.cfg.NetNS, "opened", n)
	}
	x.thread, x.spent, x.priced = threadTime(), s.count.thread.Load(), s.count.received.Load()
	opened()
	stop := context.AfterFunc(ctx, func() { _ = x.reader.Flush() })
	defer stop()
	return x.run(ctx)
}

// open loads and attaches. What it opened is in x also when it fails.
func (x *session) open() (err error) {
	if x.cfg.NetNS == "" {
		x.ns, err = netns.Current()
	} else {
		x.ns, err = netns.Open(x.cfg.NetNS)
	}
	if err != nil {
		if errors.Is(err, netns.ErrNotNetNS) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("%w: %w", ErrNoInterface, err)
		}
		return err
	}
	var index int
	if err := x.ns.Do(func() error { index, x.arphrd, err = device.LookUp(x.cfg.Interface); return err }); err != nil {
		return err
	}
	if x.cfg.IfIndex != 0 && x.src.opened.Load() == 0 && index != x.cfg.IfIndex {
		return fmt.Errorf("%w: %s has index %d, not %d", ErrNoInterface, x.cfg.Interface, index, x.cfg.IfIndex)
	}
	x.link = packet.LinkEthernet
	raw := x.arphrd != unix.ARPHRD_ETHER && x.arphrd != unix.ARPHRD_LOOPBACK
	if raw {
		x.link = packet.LinkRaw
	}
	cfg := x.cfg
	cfg.Sampling = x.src.rate.Load()
	if x.programs, err = load(cfg, raw); err != nil {
		return err
	}
	x.control.Rate = [2]uint32{cfg.Sampling, cfg.Sampling}
	x.batch = newBatch(x.programs.sample, x.cfg.single)
	if x.reader, err = ringbuf.NewReader(x.programs.ring); err != nil {
		return fmt.Errorf("read ring: %w", err)
	}
	x.clock()
	x.swapped = boot()
	x.upTo = x.unix(x.swapped)
	if err := x.heartbeat(x.swapped); err != nil {
		return err
	}
	if err := x.measure(); err != nil {
		return err
	}
	x.attach, err = attach(x.ns, x.cfg, x.programs, index, x.arphrd == unix.ARPHRD_LOOPBACK)
	return err
}

// close gives everything back, in an order in which nothing is missed.
func (x *session) close() {
	x.detach()
	if x.reader != nil {
		_ = x.reader.Close()
	}
	if x.programs != nil {
		x.programs.close()
	}
	if x.ns != nil {
		_ = x.ns.Close()
	}
	x.src.count.memory.Store(0)
}

// detach ends counting. Nobody else sees the session from then on.
func (x *session) detach() {
	x.src.mu.Lock()
	defer x.src.mu.Unlock()
	x.src.live = nil
	x.src.attached.Store(nil)
	if x.attach != nil {
		x.attach.close()
		x.attach = nil
	}
}

// run hands on what the programs tell.
func (x *session) run(ctx context.Context) error {
	next := time.Now()
	for ctx.Err() == nil {
		next = next.Add(source.TickInterval)
		if now := time.Now(); next.Before(now) {
			next = now
		}
		if err := x.events(next); err != nil {
			return err
		}
		if err := x.tick(); err != nil {
			_ = x.finish()
			return err
		}
	}
	return x.finish()
}

// finish ends counting and hands on what was counted until then.
func (x *session) finish() error {
	x.watch()
	x.detach()
	// A program that was about to begin may not yet know which map counts: a
	// classifier is gone before the last packet is through.
	err := x.programs.barrier.wait()
	err = errors.Join(err, x.drain(), x.readStats())
	x.tellTime()
	return err
}

// tick does what is due every 100 ms.
func (x *session) tick() error {
	now := boot()
	x.clock()
	if err := x.readStats(); err != nil {
		return err
	}
	if now-x.beat >= beats {
		if err := x.heartbeat(now); err != nil {
			return err
		}
	}
	var gone error
	if now-x.checked >= checkEvery {
		x.checked = now
		x.watch()
		gone = x.gone()
	}
	switch {
	case gone != nil:
		return gone
	case x.due(now):
		if err := x.drain(); err != nil {
			return err
		}
	case x.fresh() == 0:
		x.upTo = x.unix(now)
		clear(x.closing)
	}
	x.tellTime()
	return nil
}

// tellTime tells workers up to when they have seen all packets, so that no flow
// seems idle whose packets wait in the map.
func (x *session) tellTime() {
	x.publish()
	tell(x.workers, x.upTo)
}

// fresh returns how many flows there are in the active map.
func (x *session) fresh() uint64 {
	a := x.control.Active & 1
	return x.kernel.Created[a] - x.base[a]
}

// due reports whether the map shall be read.
func (x *session) due(now time.Duration) bool {
	n, age := x.fresh(), now-x.swapped
	if rate := x.src.rate.Load(); rate != x.control.Rate[x.control.Active&1] {
		return true
	}
	if n == 0 || age < leastDrain {
		return false
	}
	if n >= uint64(x.cfg.Flows)/4*3 {
		return true
	}
	wait := time.Duration(n) * time.Second / perSecond
	return age >= min(max(wait, quickDrain), x.cfg.Interval)
}

// gone returns an error when the interface is no more, or its namespace has lost
// its name.
func (x *session) gone() error {
	if err := x.attach.check(); err != nil {
		return err
	}
	if x.cfg.NetNS == "" {
		return nil
	}
	if id, err := netns.Stat(x.cfg.NetNS); err != nil || id != x.ns.ID() {
		return fmt.Errorf("%w: %s is no longer the network namespace %s", ErrGone, x.cfg.NetNS, x.ns.ID())
	}
	return nil
}

// readStats reads what the programs count.
func (x *session) readStats() error {
	if err := x.programs.stats.Lookup(uint32(0), &x.perCPU); err != nil {
		return fmt.Errorf("read counters: %w", err)
	}
	var sum stats
	for i := range x.perCPU {
		sum.add(&x.perCPU[i])
	}
	c := &x.src.count
	c.overflow.Add(sum.Overflow - x.kernel.Overflow)
	c.overflowBytes.Add(sum.OverflowBytes - x.kernel.OverflowBytes)
	c.tooLong.Add(sum.TooLong - x.kernel.TooLong)
	x.kernel = sum
	return nil
}

// publish tells what everybody may read.
func (x *session) publish() {
	c := &x.src.count
	c.thread.Store(x.spent + int64(threadTime()-x.thread))
	c.memory.Store(x.programs.memory(x.fresh()) + x.batch.memory())
	// Each packet at what one took when it came: the estimate changes.
	now := c.received.Load()
	c.kernel.Add(int64(now-x.priced) * c.perPacket.Load())
	x.priced = now
}

// watch notes how long the programs take for a packet.
func (x *session) watch() {
	if ran, n, ok := x.ran(); ok {
		x.src.count.perPacket.Store(int64(ran) / int64(n))
	}
}

// ran returns how long the programs ran, and how often, where the kernel keeps
// statistics.
func (x *session) ran() (d time.Duration, n uint64, ok bool) {
	for _, p := range []*ebpf.Program{x.programs.in, x.programs.out} {
		st, err := p.Stats()
		if err != nil {
			return 0, 0, false
		}
		d += st.Runtime
		n += st.RunCount
	}
	return d, n, n > 0 && d > 0
}

// heartbeat shows that the programs have an owner.
func (x *session) heartbeat(now time.Duration) error {
	x.beat = now
	x.control.Heartbeat = uint64(now)
	return x.putControl()
}

func (x *session) putControl() error {
	if err := x.programs.control.Put(uint32(0), &x.control); err != nil {
		return fmt.Errorf("set control: %w", err)
	}
	return nil
}

// clock finds out how far Unix time is from the time since boot. Where the thread
// was held up between the readings, it tries again, and keeps the best.
func (x *session) clock() {
	best := time.Duration(math.MaxInt64)
	for range 5 {
		before := boot()
		now := time.Now().UnixNano()
		after := boot()
		if took := after - before; took < best {
			best, x.offset = took, now-int64(before+after)/2
		}
		if best < goodClock {
			return
		}
	}
}

func (x *session) unix(t time.Duration) int64 { return int64(t) + x.offset }

// boot is the time since boot.
func boot() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // never fails
	return time.Duration(ts.Nano())
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// events hands on what comes through the ring until it is time.
func (x *session) events(until time.Time) error {
	return x.read(until, func(n int) bool { return n%64 != 0 || time.Now().Before(until) })
}

// waiting hands on what is in the ring already, and no more than may have been in
// it.
func (x *session) waiting() error {
	most := int(x.programs.ring.MaxEntries()) / (eventData + ringData)
	return x.read(time.Now(), func(n int) bool { return n < most })
}

// read hands on what comes through the ring, until it is time and the ring is
// empty, or goOn returns false; it is told how many there were.
func (x *session) read(until time.Time, goOn func(n int) bool) error {
	x.reader.SetDeadline(until)
	for n := 1; ; n++ {
		err := x.reader.ReadInto(&x.record)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ringbuf.ErrFlushed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read ring: %w", err)
		}
		if err := x.event(event(x.record.RawSample)); err != nil {
			return err
		}
		if !goOn(n) {
			return nil
		}
	}
}
