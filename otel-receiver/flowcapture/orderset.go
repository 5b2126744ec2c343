package flowcapture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/skein-net/skein/internal/order"
)

// orderSet runs the captures that are ordered: it is the [orders.Captures] of the
// receiver. Each capture runs on its own, so that none holds up another.
type orderSet struct {
	limits  OrdersConfig
	ground  ground
	make    func(o *order.Capture, c CaptureConfig) (*capture, error)
	release func(*capture)
	store   func(o *order.Capture) (packetStore, error)
	log     *zap.Logger
	pace    pace
	now     func() time.Time
	// types tells what the host can do; the error of one says why it cannot.
	types func(typ string) error

	changed chan struct{}
	wg      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	byID   map[string]*ordered
	// working are those that captured and whose totals are not in gone yet.
	working map[*ordered]bool
	// gone are the totals of captures that ended, by their name and interface's.
	gone map[[2]string]*totals
	// failures are those of captures that ended, by their name.
	failures map[string]int64
}

// pace is how often ordered captures are looked at.
type pace struct {
	// starting is for one that is not proved yet, failed for one that does not run,
	// running for one that does.
	starting, failed, running time.Duration
	// selfTest is how long a packet is waited for before the self-test, opening how
	// long the self-test may fail, hanging how long a source may take to open: many
	// at a time take their time. blind is how long the interface's counters may
	// grow while the capture sees nothing.
	selfTest, opening, hanging, blind time.Duration
}

func defaultPace() pace {
	return pace{
		starting: 100 * time.Millisecond, failed: 500 * time.Millisecond, running: time.Second,
		selfTest: 800 * time.Millisecond, opening: 1500 * time.Millisecond, hanging: 10 * time.Second, blind: 5 * time.Second,
	}
}

func newOrderSet(limits OrdersConfig, g ground, log *zap.Logger, now func() time.Time) *orderSet {
	return &orderSet{
		limits: limits, ground: g, log: log, now: now, pace: defaultPace(),
		types: func(string) error { return nil }, release: func(*capture) {},
		changed: make(chan struct{}, 1), byID: make(map[string]*ordered), working: make(map[*ordered]bool), gone: make(map[[2]string]*totals),
		failures: make(map[string]int64),
	}
}

// Follow implements [orders.Captures]. What an order asks for counts, not its
// revision: one that asks for the same goes on.
func (s *orderSet) Follow(list []order.Capture) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	wanted := make(map[string]bool, len(list))
	for i := range list {
		wanted[list[i].ID] = true
	}
	for id, o := range s.byID {
		if !wanted[id] {
			o.cancel()
			delete(s.byID, id)
		}
	}
	denied := s.admit(list)
	for i := range list {
		c := &list[i]
		verdict := denied[c.ID]
		old := s.byID[c.ID]
		if old != nil && old.goesOn(c, verdict) {
			continue
		}
		if old != nil {
			old.cancel()
		}
		s.begin(c, verdict, old)
	}
	signal(s.changed)
}

// begin starts to follow an order; after is the one before it of the same ID. s.mu
// must be held.
func (s *orderSet) begin(c *order.Capture, verdict *verdict, after *ordered) {
	ctx, cancel := context.WithCancel(context.Background())
	o := newOrdered(s, c, verdict, cancel)
	s.byID[c.ID] = o
	if o.capture != nil {
		s.working[o] = true
	}
	s.wg.Go(func() {
		defer cancel()
		if after != nil {
			after.wait(ctx, s.pace.running)
		}
		o.run(ctx)
		s.retire(o)
	})
}

// retire keeps the totals of a capture that has ended.
func (s *orderSet) retire(o *ordered) {
	if o.capture == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.working, o)
	name, iface, t := o.totals()
	t.running, t.live, t.source.Memory = false, 0, 0
	key := [2]string{name, iface}
	if sum := s.gone[key]; sum != nil {
		t.add(sum)
	}
	makeRoom(s.gone, key)
	s.gone[key] = &t
	if n := s.failures[name] + int64(o.capture.failures.Load()); n > 0 {
		makeRoom(s.failures, name)
		s.failures[name] = n
	}
}

// makeRoom forgets something else when there is no room for a key.
func makeRoom[K comparable, V any](m map[K]V, key K) {
	if _, is := m[key]; is || len(m) < maxGone {
		return
	}
	for other := range m {
		delete(m, other)
		return
	}
}

// admit decides which orders are followed, those that run first. It returns why
// others are not. s.mu must be held.
func (s *orderSet) admit(list []order.Capture) map[string]*verdict {
	denied := make(map[string]*verdict)
	captures, memory := 0, Size(0)
	take := func(c *order.Capture) {
		if v := s.examine(c); v != nil {
			denied[c.ID] = v
			return
		}
		cfg := orderedConfig(c)
		need := Size(estimate(c, &cfg))
		switch {
		case captures >= s.limits.MaxCaptures:
			denied[c.ID] = refused(fmt.Errorf("the host follows %d captures at most and has them; delete others, or raise orders.max_captures of its collector", s.limits.MaxCaptures))
		case memory+need > s.limits.MaxMemory:
			denied[c.ID] = refused(fmt.Errorf("the capture needs %s of memory and %s are left of %s; delete others, order less memory, or raise orders.max_memory of the host's collector",
				rough(need), rough(s.limits.MaxMemory-memory), s.limits.MaxMemory))
		default:
			captures++
			memory += need
		}
	}
	for pass := range 2 {
		for i := range list {
			o := s.byID[list[i].ID]
			if running := o != nil && !o.denied(); running == (pass == 0) {
				take(&list[i])
			}
		}
	}
	return denied
}

// rough is an amount of memory for people.
func rough(s Size) Size {
	switch {
	case s >= 10<<20:
		return s &^ (1<<20 - 1)
	default:
		return s &^ (1<<10 - 1)
	}
}

// examine returns why an order cannot be followed whatever else there is, or nil.
func (s *orderSet) examine(c *order.Capture) *verdict {
	if err := c.Validate(); err != nil {
		return refused(err)
	}
	if c.KeepsPackets() && !s.limits.RawPackets {
		return refused(errNoRaw)
	}
	cfg := orderedConfig(c)
	if err := s.types(cfg.Type); err != nil {
		return refused(err)
	}
	if err := cfg.validateFilter(); err != nil {
		return &verdict{state: order.StateFailed, err: err, final: true}
	}
	return nil
}

var errNoRaw = errors.New("the host does not allow packets to be kept; leave raw_packets and raw_ring out, or set orders.raw_packets of its collector")

// States implements [orders.Captures].
func (s *orderSet) States() []order.CaptureState {
	var out []order.CaptureState
	s.each(func(o *ordered) { out = append(out, o.report()) })
	slices.SortFunc(out, func(a, b order.CaptureState) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Changed implements [orders.Captures].
func (s *orderSet) Changed() <-chan struct{} { return s.changed }

// each calls yield with every order that is followed or refused.
func (s *orderSet) each(yield func(*ordered)) {
	s.mu.Lock()
	all := make([]*ordered, 0, len(s.byID))
	for _, o := range s.byID {
		all = append(all, o)
	}
	s.mu.Unlock()
	for _, o := range all {
		yield(o)
	}
}

// count returns how many orders are in each state.
func (s *orderSet) count() map[string]int64 {
	out := map[string]int64{order.StateStarting: 0, order.StateRunning: 0, order.StateFailed: 0, order.StateRefused: 0}
	s.each(func(o *ordered) { out[o.report().State]++ })
	return out
}

// eachTap calls add with the totals of all captures, also of those that ended.
func (s *orderSet) eachTap(add func(capture, iface string, t *totals)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.gone {
		sum := *t
		add(key[0], key[1], &sum)
	}
	for o := range s.working {
		name, iface, t := o.totals()
		add(name, iface, &t)
	}
}

// eachFailure calls add with the failures of all captures, also of those that
// ended.
func (s *orderSet) eachFailure(add func(capture string, n int64)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range s.failures {
		add(name, n)
	}
	for o := range s.working {
		add(o.capture.name, int64(o.capture.failures.Load()))
	}
}

// run keeps captures running until ctx ends; all their flows are reported when it
// returns.
func (s *orderSet) run(ctx context.Context) {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	for _, o := range s.byID {
		o.cancel()
	}
	s.mu.Unlock()
	s.wg.Wait()
}
