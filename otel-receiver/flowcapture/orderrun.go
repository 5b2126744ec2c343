package flowcapture

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/source/afpacket"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
)

// orderRun is what the goroutine of an ordered capture works with.
type orderRun struct {
	o     *ordered
	ended chan error
	// live is the tap that runs, nil when none does.
	live *proof
	stop context.CancelFunc
	// broken is how the last tap ended, which is tried again from retryAt on; nil once
	// something else is known.
	broken  *verdict
	backoff time.Duration
	retryAt time.Time
}

// run follows the order until ctx ends; its flows are reported when it returns.
func (o *ordered) run(ctx context.Context) {
	defer close(o.done)
	defer o.set.release(o.capture)
	defer o.closeStore()
	if !o.set.hold(ctx, o) {
		return
	}
	r := &orderRun{o: o, ended: make(chan error, 1)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			o.closeStore() // also when the tap takes long to end: another order may keep packets
			if r.live != nil {
				r.stop()
				r.leave(<-r.ended)
			}
			return
		case err := <-r.ended:
			r.leave(err)
		case <-o.kick:
		case <-timer.C:
		}
		if ctx.Err() == nil {
			timer.Reset(r.step(ctx))
		}
	}
}

// step looks at the interface and does what is due. It returns when to look
// again.
func (r *orderRun) step(ctx context.Context) time.Duration {
	o := r.o
	if r.broken != nil && r.broken.final {
		o.conclude(r.broken)
		return time.Hour
	}
	node := o.current().Node
	here, err := o.set.ground.look(&node)
	if err != nil {
		r.halt()
		r.broken, r.backoff = nil, 0
		o.conclude(failed(err))
		return o.set.pace.failed
	}
	if r.live != nil {
		defer here.close()
		if !r.live.spot.same(here) {
			r.halt() // it begins again once its flows are reported
		}
		return r.judge(here)
	}
	if wait := time.Until(r.retryAt); r.broken != nil && wait > 0 {
		here.close()
		o.conclude(r.broken)
		return min(wait, o.set.pace.failed)
	}
	if err := o.openStore(); err != nil {
		here.close()
		o.conclude(failed(err))
		return o.set.pace.failed
	}
	r.begin(ctx, here)
	return r.judge(here)
}

// begin starts the tap.
func (r *orderRun) begin(ctx context.Context, at *spot) {
	o := r.o
	o.mu.Lock()
	o.iface = at.link.Name
	o.mu.Unlock()
	o.tap.iface, o.tap.spot = at.link.Name, at
	o.capture.netns.Store(at.id.Inode)
	t := o.tap.totals()
	r.live = newProof(at, seen(&t), time.Now())
	ctx, r.stop = context.WithCancel(ctx)
	go func() { r.ended <- o.tap.run(ctx) }()
}

// halt has the tap end, if there is one.
func (r *orderRun) halt() {
	if r.live != nil {
		r.live.halted = true
		r.stop()
	}
}

// leave takes note of how the tap ended.
func (r *orderRun) leave(err error) {
	r.stop()
	live := r.live
	r.live = nil
	live.spot.close()
	if live.halted || err == nil {
		return
	}
	r.o.capture.failures.Add(1)
	if live.kind != "" {
		r.backoff = 0
	}
	r.broken = explain(err)
	switch {
	case errors.Is(err, afpacket.ErrGone), errors.Is(err, afpacket.ErrNoInterface), errors.Is(err, ebpf.ErrGone), errors.Is(err, ebpf.ErrNoInterface):
		r.backoff = r.o.set.pace.failed // the next look says which
	case errors.Is(err, fs.ErrPermission):
		r.backoff = retryMax
	default:
		r.backoff = min(max(2*r.backoff, r.o.set.pace.failed), retryMax)
	}
	r.retryAt = time.Now().Add(r.backoff)
}

// explain says of an error what to do.
func explain(err error) *verdict {
	var wrong *filter.Error
	switch {
	case errors.As(err, &wrong):
		return &verdict{state: order.StateFailed, err: err, final: true}
	case errors.Is(err, fs.ErrPermission):
		return failed(fmt.Errorf("%w: the collector lacks a permission; it needs CAP_NET_RAW, CAP_SYS_ADMIN to enter network namespaces, and CAP_BPF and CAP_NET_ADMIN for type ebpf", err))
	default:
		return failed(err)
	}
}

// judge says how the tap does, and when to look again.
func (r *orderRun) judge(here *spot) time.Duration {
	o, p := r.o, &r.o.set.pace
	if r.live.halted {
		return p.failed
	}
	t := o.tap.totals()
	j := judging{
		pace: p, now: time.Now(), whole: o.cfg.Filter == "" && o.tap.sampling() == 0, sure: blindSure,
		selfTest: func() error { return o.set.ground.selfTest(o.tap.running()) },
	}
	if o.cfg.Type == typeEBPF {
		j.sure += drainMost
	}
	v := r.live.judge(here, &t, &j)
	switch v.state {
	case order.StateStarting:
		if r.broken != nil {
			v = r.broken // another attempt is no news before it is proved or fails otherwise
		}
		o.conclude(v)
		return p.starting
	case order.StateRunning:
		r.broken = nil
		v.warning = o.set.ground.warning(o.tap.running())
		o.conclude(v)
		return p.running
	default:
		r.broken = nil
		o.conclude(v)
		return p.failed
	}
}

// openStore begins to keep packets, when the order says so.
func (o *ordered) openStore() error {
	ord := o.current()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !ord.KeepsPackets() || o.store != nil {
		return nil
	}
	s, err := o.set.store(&ord)
	if err != nil {
		return err
	}
	o.store = s
	o.capture.keeper = func(worker int) keeper { return s.Keeper(worker) }
	return nil
}

// closeStore forgets the packets.
func (o *ordered) closeStore() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store != nil {
		o.store.Close()
		o.store = nil
	}
}
