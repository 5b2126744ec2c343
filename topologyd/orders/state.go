package orders

import (
	"fmt"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// put has a definition be at a place, or notes that the definition changed. It
// reports false when there is no room for it, and then the definition failed. The
// lock is held.
func (t *term) put(p *plan, at *place) bool {
	i, a := at.find(p.id)
	if a == nil {
		if t.total >= t.cfg.MaxAssignments {
			t.fail(p, fmt.Sprintf("all captures together are at more than %d nodes; narrow the queries", t.cfg.MaxAssignments))
			p.crowded = true
			return false
		}
		a = &assignment{plan: p, place: at}
		at.list = slices.Insert(at.list, i, a)
		t.total++
		if at.host != nil {
			p.hosts[at.host]++
		}
		if !t.graced && at.host != nil && !at.host.met {
			a.reported = adopted(at.shown, a)
		}
	}
	if h := at.host; h != nil {
		if a.reported != nil && a.reported.Revision != p.def.Revision {
			a.reported = nil
		}
		if len(h.parked) > 0 {
			if s := h.parked[a.id()]; s != nil && s.Revision == p.def.Revision {
				a.reported = s
				delete(h.parked, s.ID)
			}
		}
		t.order(h)
	}
	t.judge(a)
	at.free = true
	t.write(at) // the name may be another one
	return true
}

// drop takes a definition away from a place. The lock is held.
func (t *term) drop(p *plan, at *place) {
	i, a := at.find(p.id)
	if a == nil {
		return
	}
	at.list = slices.Delete(at.list, i, i+1)
	t.total--
	t.count(a, -1)
	if h := at.host; h != nil {
		if p.hosts[h]--; p.hosts[h] == 0 {
			delete(p.hosts, h)
		}
		t.order(h)
	}
	at.free = true
	t.write(at)
}

func (t *term) count(a *assignment, n int) {
	t.states.add(a.state, n)
	a.plan.tally.add(a.state, n)
	if a.place.host != nil {
		a.place.host.tally.add(a.state, n)
	}
}

// judge works out the state of an assignment. The lock is held.
func (t *term) judge(a *assignment) {
	next := t.verdict(a)
	old := a.state
	if old == next {
		return
	}
	t.count(a, -1)
	a.state = next
	t.count(a, 1)
	switch {
	case old == nil || !sameStanding(old, next):
		t.write(a.place)
	case !sameCounters(old, next):
		if _, soon := t.urgent[a.place]; !soon {
			t.lazy[a.place] = struct{}{}
		}
	}
}

// verdict is the state that an assignment is in.
func (t *term) verdict(a *assignment) *order.CaptureState {
	h := a.place.host
	switch {
	case a.place.refusal != nil:
		return a.place.refusal
	case a.plan.spec.KeepsPackets() && !t.deps.RawPackets:
		return t.noPackets
	case h.session == nil && !t.graced && !h.met && a.reported != nil:
		return a.reported // it may be about to come back
	case h.session == nil:
		if a.reported == nil {
			return h.away
		}
		if s := a.state; s != nil && s.State == order.StateWaiting && s.Error == h.away.Error && sameCounters(s, a.reported) {
			return s
		}
		s := *h.away
		s.Counters = a.reported.Counters
		return &s
	case a.over != nil:
		return a.over
	case !h.session.told && a.state != nil:
		return a.state
	case a.reported != nil:
		return a.reported
	}
	return t.starting
}

// sameStanding tells whether two states differ in nothing but counters.
func sameStanding(a, b *order.CaptureState) bool {
	return a.State == b.State && a.Error == b.Error && a.Warning == b.Warning && a.Proof == b.Proof && a.Type == b.Type
}

// sameCounters tells whether what a node shows of two counters is the same.
func sameCounters(a, b *order.CaptureState) bool {
	return a.Packets == b.Packets && a.Bytes == b.Bytes && a.Sampling == b.Sampling && dropped(a) == dropped(b)
}

// renew judges all that a host is to do. The lock is held.
func (t *term) renew(h *host) {
	for _, p := range h.places {
		for _, a := range p.list {
			t.judge(a)
		}
	}
}

// leave notes that a host is away. The lock is held.
func (t *term) leave(h *host, now time.Time) {
	h.away = t.absence(h, now)
	t.renew(h)
}

// absence is the state of what a host that is away is to do.
func (t *term) absence(h *host, now time.Time) *order.CaptureState {
	const layout = "2006-01-02 15:04:05 MST"
	s := &order.CaptureState{State: order.StateWaiting, Since: now.UTC().Truncate(time.Millisecond)}
	if h.met {
		s.Error = fmt.Sprintf("the collector of host %s is not connected since %s; it goes on with what it was told last if it runs: look whether it does, and whether it reaches this topologyd",
			h.title(), h.since.UTC().Format(layout))
	} else {
		s.Error = fmt.Sprintf("the collector of host %s is not connected and was not since %s; look whether one runs there with host_id %s and orders.endpoints set, and whether it reaches this topologyd",
			h.title(), t.began.UTC().Format(layout), h.id)
	}
	return s
}

// report takes over what a host says of its captures, and counts what was of no
// use by reason.
func (t *term) report(s *session, state *order.State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := s.host
	if h.session != s {
		return
	}
	t.wholes++
	if state.Whole {
		clear(h.parked)
	}
	list := state.Captures
	if limit := 2*t.cfg.MaxPerHost + 100; len(list) > limit {
		t.n.drops.WithLabelValues("too_many").Add(float64(len(list) - limit))
		list = list[:limit]
	}
	for i := range list {
		own := list[i] // what is kept does not hold on to the list
		c := &own
		if !sanitize(c) {
			t.n.drops.WithLabelValues("malformed").Inc()
			continue
		}
		a := t.assignment(h, c.ID)
		switch {
		case a == nil || c.Revision > a.plan.def.Revision:
			// A list that was kept from before this replica led, or a definition that
			// is about to come.
			if len(h.parked) < 2*t.cfg.MaxPerHost {
				h.parked[c.ID] = c
			} else {
				t.n.drops.WithLabelValues("unknown").Inc()
			}
		case c.Revision < a.plan.def.Revision:
			t.n.drops.WithLabelValues("outdated").Inc()
		default:
			a.reported, a.whole = c, t.wholes
			t.judge(a)
		}
	}
	first := !s.told
	s.told = true
	if !state.Whole && !first {
		return
	}
	for _, p := range h.places {
		for _, a := range p.list {
			if state.Whole && a.whole != t.wholes {
				a.reported = nil
			}
			t.judge(a)
		}
	}
}

// assignment finds one by its ID, nil when the host has no such. The lock is held.
func (t *term) assignment(h *host, id string) *assignment {
	definition, node, ok := cutID(id)
	if !ok {
		return nil
	}
	p := h.places[node]
	if p == nil {
		return nil
	}
	_, a := p.find(definition)
	return a
}
