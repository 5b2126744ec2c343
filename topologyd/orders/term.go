package orders

import (
	"context"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
)

// term is what is known while this replica leads. All of it is forgotten with
// the lead: the definitions, the graph and the hosts know it too.
type term struct {
	*Manager
	ctx    context.Context
	cancel context.CancelCauseFunc
	others sync.WaitGroup // those who follow queries
	began  time.Time
	dirty  chan struct{} // told when a host is to be given its orders
	facets chan struct{} // told when a node is to be written

	mu sync.Mutex
	// settled is set when all queries were evaluated once: before, nobody is told
	// anything. graced is set when hosts have had the time to come back.
	settled, graced bool
	plans           map[string]*plan // by the definition's ID
	queries         map[string]*query
	places          map[entity.UUID]*place
	hosts           map[string]*host
	// keep are definitions that cannot be read and of which nothing is known: what
	// the graph says of their captures stays.
	keep map[string]bool
	// crowd are the hosts that are to be given orders, urgent the places to be
	// written, lazy those of which counters alone differ.
	crowd  map[*host]struct{}
	urgent map[*place]struct{}
	lazy   map[*place]struct{}
	total  int // assignments
	states tally
	sweep  time.Time // when to compare the graph next
	wholes uint64    // numbers reports of everything
	// refusal of captures that keep packets, and state of those that were given.
	noPackets, starting *order.CaptureState
}

// plan is one definition and what became of it. The term's lock guards it.
type plan struct {
	id string
	// revision is that of the definition that was looked at last.
	revision uint64
	// def, spec and query are in effect; nil while none is.
	def   *definition.Definition
	spec  *capture.Spec
	query *query
	// next is what it is to become when the result of its query is known.
	next *intent
	// problem says why the definition cannot be read: then the effects are left as
	// they are. failed says why nothing is captured; crowded that it is for want of
	// room.
	problem, failed string
	crowded         bool
	size            int // bytes of an order without its node
	tally           tally
	hosts           map[*host]int
}

type intent struct {
	def   *definition.Definition
	spec  *capture.Spec
	query *query
}

// name is what people call it: flow records and nodes carry it.
func (p *plan) name() string {
	if p.def.Name != "" {
		return p.def.Name
	}
	return p.id
}

// place is one node that some query matches. The term's lock guards it.
type place struct {
	id  entity.UUID
	ref entity.Ref
	// looked is the version of the view in which it was looked at last.
	looked uint64
	node   order.Node
	host   *host
	netns  string
	// refusal is set when the node can never be captured.
	refusal *order.CaptureState
	// holders are how many queries match it, list what is to be captured there, by
	// the definition's ID.
	holders int
	list    []*assignment
	// shown is what the facet says as far as is known, shownAt the time of its
	// event; doubt asks to look. counted is when counters were written last.
	shown   entity.Value
	shownAt int64
	doubt   bool
	checked check // as it was when it was compared last, and right
	counted time.Time
	// free tells that users changed what is captured here, which is written at any
	// pace.
	free bool
	pace pace
}

// assignment is a definition at a node.
type assignment struct {
	plan  *plan
	place *place
	// state is what it is in; it may be shared, and then has no ID and revision.
	state *order.CaptureState
	// reported is what the host said last, or what the graph said before this
	// replica led; nil for nothing.
	reported *order.CaptureState
	// over is set when the host has enough.
	over  *order.CaptureState
	whole uint64 // the last report of everything that had it
}

func (a *assignment) id() string { return order.CaptureID(a.plan.id, a.place.id.String()) }

// host is a host that has orders, is or was connected.
type host struct {
	id, name string
	session  *session // nil while it is away
	met      bool     // it was connected in this term
	since    time.Time
	address  string
	hello    order.Hello
	revision uint64 // of the orders given last
	places   map[entity.UUID]*place
	over     bool // some are too many
	tally    tally
	// away is the state of what it is to do while it is not connected.
	away *order.CaptureState
	// parked are reports on what it was not told to do by this replica yet.
	parked map[string]*order.CaptureState
	rivals rivals
}

// title names the host for people.
func (h *host) title() string {
	if h.name != "" && h.name != h.id {
		return h.name + " (" + h.id + ")"
	}
	return h.id
}

func newTerm(ctx context.Context, m *Manager) *term {
	// It ends by end, which knows why.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	t := &term{
		Manager: m, ctx: ctx, cancel: cancel, began: m.now(), dirty: make(chan struct{}, 1), facets: make(chan struct{}, 1),
		plans: make(map[string]*plan), queries: make(map[string]*query), places: make(map[entity.UUID]*place), hosts: make(map[string]*host),
		keep: make(map[string]bool), crowd: make(map[*host]struct{}), urgent: make(map[*place]struct{}), lazy: make(map[*place]struct{}),
		starting: &order.CaptureState{State: order.StateStarting},
		noPackets: &order.CaptureState{State: order.StateRefused,
			Error: "this topologyd does not allow packets to be kept; start it with --raw-packets, or leave raw_packets and raw_ring out"},
	}
	return t
}

// end ends the term: all sessions and all who follow.
func (t *term) end(reason error) {
	t.cancel(reason)
	t.mu.Lock()
	for _, h := range t.hosts {
		if h.session != nil {
			h.session.close(reason)
		}
	}
	t.mu.Unlock()
	t.others.Wait()
}

// poke wakes who waits on a channel.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// order has a host be given its orders. The lock is held.
func (t *term) order(h *host) {
	if h == nil {
		return
	}
	t.crowd[h] = struct{}{}
	poke(t.dirty)
}

// write has a node be written. The lock is held.
func (t *term) write(p *place) {
	delete(t.lazy, p)
	t.urgent[p] = struct{}{}
	poke(t.facets)
}

// kick has the hosts that changed be given their orders.
func (t *term) kick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled {
		return
	}
	for h := range t.crowd {
		if h.session != nil {
			poke(h.session.orders)
		}
	}
	clear(t.crowd)
}

// tick does what is due by time, and reports whether the definitions have to be
// looked at.
func (t *term) tick() (definitions bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	t.settle(now)
	if !t.graced && now.Sub(t.began) >= t.cfg.Grace {
		t.graced = true
		for _, h := range t.hosts {
			if h.session == nil {
				t.leave(h, now)
			}
		}
	}
	for _, h := range t.hosts {
		if s := h.session; s != nil && !s.told && now.Sub(h.since) >= t.cfg.Told {
			s.told = true
			t.renew(h)
		}
		if h.session == nil && len(h.places) == 0 && now.Sub(h.since) >= t.cfg.Forget {
			delete(t.hosts, h.id)
		}
	}
	for p := range t.lazy {
		if !p.pace.next.IsZero() && !now.Before(p.pace.next) || p.pace.next.IsZero() && now.Sub(p.counted) >= t.cfg.CountersEvery {
			t.write(p)
		}
	}
	for _, q := range t.queries {
		t.release(q, now)
	}
	for _, p := range t.plans {
		if p.def != nil && !p.def.Expires.IsZero() && !now.Before(p.def.Expires) {
			return true
		}
	}
	return false
}

// settle notes when all queries were evaluated once. The lock is held.
func (t *term) settle(now time.Time) {
	if t.settled {
		return
	}
	if now.Sub(t.began) < t.cfg.Settle {
		for _, p := range t.plans {
			if p.next != nil {
				return
			}
		}
	} else {
		t.deps.Log.Warn("captures are given to hosts although some queries could not be evaluated yet")
	}
	t.settled = true
	for _, h := range t.hosts {
		t.order(h)
	}
	poke(t.facets)
}
