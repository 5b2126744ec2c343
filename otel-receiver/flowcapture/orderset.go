package flowcapture

import (
	"cmp"
	"context"
	"errors"
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
	// held is the memory of working captures; given is closed, and made anew, when
	// one gives its memory back.
	held  Size
	given chan struct{}
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
		failures: make(map[string]int64), given: make(chan struct{}),
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
	if o.denied() {
		cancel()
		if after != nil {
			o.done = after.done // for the next one
		} else {
			close(o.done)
		}
		return
	}
	s.working[o] = true
	s.wg.Go(func() {
		defer cancel()
		if after != nil {
			after.wait(s.pace.running)
		}
		o.run(ctx)
		s.retire(o)
	})
}

// hold takes the memory of a capture, which [orderSet.retire] gives back. What has
// ended and cannot tell its flows, because the pipeline takes none, holds as much
// again as captures may take; beyond that, others wait. It reports whether ctx has
// not ended meanwhile.
func (s *orderSet) hold(ctx context.Context, o *ordered) bool {
	for told := false; ; told = true {
		s.mu.Lock()
		if s.held+o.need <= 2*s.limits.MaxMemory {
			s.held += o.need
			o.holds = true
			s.mu.Unlock()
			return true
		}
		given := s.given
		s.mu.Unlock()
		if !told {
			o.conclude(failed(errHeld))
		}
		select {
		case <-given:
		case <-ctx.Done():
			return false
		}
	}
}

var errHeld = errors.New("captures that have ended hold the memory until their last flows are told; see why the pipeline of the collector does not take them")

// retire keeps the totals of a capture that has ended.
func (s *orderSet) retire(o *ordered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.holds {
		s.held -= o.need
		close(s.given)
		s.given = make(chan struct{})
	}
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
