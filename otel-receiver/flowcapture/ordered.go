package flowcapture

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/rawpackets"
	"github.com/skein-net/skein/otel-receiver/source"
)

// packetStore keeps packets of one capture.
type packetStore interface {
	Keeper(worker int) *rawpackets.Ring
	Stats() rawpackets.Stats
	Memory() int64
	Close()
}

// verdict is what is found about a capture.
type verdict struct {
	state   string
	err     error
	warning string
	proof   string
	// final is set when nothing but another order changes it.
	final bool
}

func refused(err error) *verdict { return &verdict{state: order.StateRefused, err: err, final: true} }

func failed(err error) *verdict { return &verdict{state: order.StateFailed, err: err} }

func (v *verdict) text() string {
	if v.err == nil {
		return ""
	}
	return shorten(v.err.Error())
}

// maxText bounds errors and warnings in bytes.
const maxText = 600

func shorten(s string) string {
	if len(s) > maxText {
		return s[:maxText-3] + "..."
	}
	return s
}

// ordered follows one order: it finds the interface, keeps a tap on it as long as
// it is there, and says how that is.
type ordered struct {
	set    *orderSet
	cfg    CaptureConfig
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{}
	// final is why the order is never tried, nil when it is.
	final *verdict
	// need is the memory that the capture takes, holds whether it has it.
	need  Size
	holds bool
	// capture and tap are nil when it is never tried.
	capture *capture
	tap     *tap

	mu    sync.Mutex
	order order.Capture
	state order.CaptureState
	iface string // the name that the interface has now
	used  usage
	store packetStore // nil when no packets are kept
}

// usage is how much CPU time the capture used at a time.
type usage struct {
	at  time.Time
	cpu time.Duration
	// milli is the use between the last two looks, in thousandths of a core.
	milli int64
}

func newOrdered(s *orderSet, c *order.Capture, v *verdict, cancel context.CancelFunc) *ordered {
	o := &ordered{
		set: s, order: *c, cfg: orderedConfig(c), cancel: cancel, done: make(chan struct{}), kick: make(chan struct{}, 1), iface: c.Node.Interface,
		state: order.CaptureState{ID: c.ID, Revision: c.Revision, State: order.StateStarting, Since: s.now()},
	}
	if v == nil {
		made, err := s.make(c, o.cfg)
		if err != nil {
			v = refused(err)
		} else {
			made.open = (*orderOpener)(o)
			o.capture = made
			o.tap = &tap{capture: made, iface: c.Node.Interface}
			made.taps[c.Node.Interface] = o.tap
			o.need = Size(estimate(c, &o.cfg))
			o.state.Type = o.cfg.Type
		}
	}
	if v != nil {
		o.final = v
		o.conclude(v)
	}
	return o
}

// goesOn reports whether the capture is what c orders, with the verdict about it:
// it takes c over then. The list's lock is held.
func (o *ordered) goesOn(c *order.Capture, v *verdict) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !sameOrder(&o.order, c) || (v == nil) != (o.final == nil) || v != nil && v.text() != o.final.text() {
		return false
	}
	o.order = *c
	o.state.Revision = c.Revision
	signal(o.kick)
	return true
}

// denied reports whether the order is never tried.
func (o *ordered) denied() bool { return o.final != nil }

// sameOrder reports whether two orders ask for the same, whatever their revisions
// and ends are. The interface's name and the path of its namespace are hints.
func sameOrder(a, b *order.Capture) bool {
	x, y := essence(a), essence(b)
	if x.Node.NetNSDevice == 0 || y.Node.NetNSDevice == 0 {
		x.Node.NetNSDevice, y.Node.NetNSDevice = 0, 0
	}
	return reflect.DeepEqual(x, y)
}

func essence(c *order.Capture) order.Capture {
	e := *c
	e.Revision, e.Expires = 0, time.Time{}
	e.Node.Interface, e.Node.NetNSPath, e.Node.Type = "", "", ""
	if len(e.Layers) == 0 {
		e.Layers = nil
	}
	return e
}

// conclude notes a verdict. It logs and tells changes only. o.mu must not be held.
func (o *ordered) conclude(v *verdict) {
	o.mu.Lock()
	before := o.state
	st := &o.state
	st.Error, st.Warning, st.Proof = v.text(), shorten(v.warning), v.proof
	if st.State != v.state {
		st.State, st.Since = v.state, o.set.now()
	}
	after := o.state
	name, iface := o.order.Name, o.iface
	o.mu.Unlock()
	if before.State == after.State && before.Error == after.Error && before.Warning == after.Warning && before.Proof == after.Proof {
		return
	}
	signal(o.set.changed)
	if before.State != after.State || before.Error != after.Error {
		fields := []zap.Field{zap.String("capture", shorten(name)), zap.String("interface", shorten(iface)), zap.String("state", after.State)}
		if after.Error != "" {
			o.set.log.Warn("A capture by order does not run", append(fields, zap.String("error", after.Error))...)
		} else {
			o.set.log.Info("A capture by order", append(fields, zap.String("proof", after.Proof))...)
		}
	}
}

// report returns the state with the counters as of now.
func (o *ordered) report() order.CaptureState {
	o.mu.Lock()
	st := o.state
	o.mu.Unlock()
	if o.capture == nil {
		return st
	}
	st.Counters = o.counters()
	return st
}

func (o *ordered) counters() order.Counters {
	t := o.tap.totals()
	c := order.Counters{
		Packets: int64(t.source.Received), Bytes: int64(t.source.Bytes), Flows: t.live,
		Sampling: o.tap.sampling(), Memory: int64(t.source.Memory) + o.tap.tableMemory(), CPU: o.cpu(t.source.CPU),
	}
	for reason, n := range map[string]int64{
		"ring": int64(t.source.Dropped), "map": int64(t.source.Overflow), "table": int64(t.table.UnreportedPackets), "queue": o.capture.untold.Load(),
	} {
		if n > 0 {
			if c.Dropped == nil {
				c.Dropped = make(map[string]int64)
			}
			c.Dropped[reason] = n
		}
	}
	o.mu.Lock()
	store := o.store
	o.mu.Unlock()
	if store != nil {
		kept := store.Stats()
		c.RawPackets, c.RawBytes = kept.Packets, kept.Bytes
		c.Memory += store.Memory()
	}
	return c
}

// cpu returns the use of the CPU in thousandths of a core, measured over at least
// a second.
func (o *ordered) cpu(total time.Duration) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if span := now.Sub(o.used.at); o.used.at.IsZero() || span >= time.Second {
		if !o.used.at.IsZero() {
			o.used.milli = int64((total - o.used.cpu) * 1000 / span)
		}
		o.used.at, o.used.cpu = now, total
	}
	return o.used.milli
}

// totals returns what telemetry tells.
func (o *ordered) totals() (name, iface string, t totals) {
	o.mu.Lock()
	name, iface = o.order.Name, o.iface
	o.mu.Unlock()
	return name, iface, o.tap.totals()
}

// wait waits until the capture has ended, and the one before it, for a while.
func (o *ordered) wait(most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-o.done:
	case <-timer.C:
	}
}

// current returns the order as of now.
func (o *ordered) current() order.Capture {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.order
}

// orderOpener is the [opener] of the tap of one order.
type orderOpener ordered

// interfaces implements [opener].
func (o *orderOpener) interfaces(*CaptureConfig) ([]string, error) {
	return nil, errors.New("an order has one interface")
}

// place implements [opener].
func (o *orderOpener) place(c *CaptureConfig, iface string) (flow.Place, error) {
	ord := (*ordered)(o).current()
	p := flow.Place{HostID: o.set.ground.hostID(), Interface: iface, CaptureID: c.Name}
	if tid, err := entity.ParseUUID(ord.Node.TID); err == nil {
		p.NodeTID = tid
	}
	return p, nil
}

// source implements [opener].
func (o *orderOpener) source(c *CaptureConfig, _ string) (source.Source, error) {
	return o.set.ground.source(c, o.tap.spot)
}
