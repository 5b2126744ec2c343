package orders

import (
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/graph"
)

// adopted is the state of an assignment as the graph tells it; nil when it does
// not, or when it is one that this replica finds by itself.
func adopted(captures entity.Value, a *assignment) *order.CaptureState {
	for _, v := range captures.List() {
		m := v.Map()
		if m.Get(showID).Str() != a.plan.id {
			continue
		}
		s := &order.CaptureState{
			ID: a.id(), Revision: a.plan.def.Revision, State: m.Get(showState).Str(), Error: m.Get(showError).Str(),
			Warning: m.Get(showWarning).Str(), Proof: m.Get(showProof).Str(), Type: m.Get(showType).Str(),
			Counters: order.Counters{Packets: m.Get(showPackets).Int(), Bytes: m.Get(showBytes).Int(), Sampling: m.Get(showSampling).Int()},
		}
		if n := m.Get(showDropped).Int(); n > 0 {
			s.Dropped = map[string]int64{"all": n}
		}
		switch s.State {
		case order.StateStarting, order.StateRunning, order.StateFailed:
			return s
		}
	}
	return nil
}

// due reports whether the graph is to be compared with what it should say.
func (t *term) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !t.settled || now.Before(t.sweep) {
		return false
	}
	t.sweep = now.Add(t.cfg.Recheck)
	for _, p := range t.plans {
		if p.crowded && p.query != nil {
			t.attach(p)
		}
	}
	return true
}

// compare looks through the graph for what it says of captures although it should
// not, or otherwise than it should.
func (t *term) compare() {
	v := t.deps.View()
	mine := make(map[string]bool) // by Origin
	var events []entity.Event
	for slot := range v.NodeList() {
		origin := v.NodeOrigin(slot)
		has, known := mine[origin]
		if !known {
			// Names of sources may hold commas: this may say yes in error.
			if has = slices.Contains(strings.Split(origin, ","), entity.SourceCapture); len(mine) < 1<<16 {
				mine[origin] = has
			}
		}
		if !has {
			continue
		}
		events = t.orphans(v, slot, events)
		if len(events) >= t.cfg.Batch {
			if !t.submit(events) {
				return
			}
			events = nil
		}
	}
	t.mu.Lock()
	for id, p := range t.places {
		if slot := v.NodeSlot(id); slot >= 0 && (p.doubt || !p.shown.IsZero() && !mine[v.NodeOrigin(slot)]) {
			p.doubt = true
			t.write(p)
		}
	}
	t.mu.Unlock()
	t.submit(events)
}

// check tells states of a node apart.
type check struct {
	revision         uint64
	created, updated int64
}

// orphans looks at a node that says something of captures, and appends the events
// that correct what it, or an entity that joined it, says of captures that are not
// placed there.
func (t *term) orphans(v *graph.View, slot int32, events []entity.Event) []entity.Event {
	now := check{revision: v.NodeRevision(slot)}
	now.created, now.updated = v.NodeTimes(slot)
	id := v.NodeID(slot)
	t.mu.Lock()
	p := t.places[id]
	same := p != nil && p.checked == now
	t.mu.Unlock()
	if same {
		return events
	}
	state := v.NodeStateAt(slot)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, some := t.orphan(id, &state.Ref, state.Facets, now); some {
		events = append(events, e)
	}
	for i := range state.Members {
		m := &state.Members[i]
		if e, some := t.orphan(m.Ref.UUID(), &m.Ref, m.Facets, now); some {
			events = append(events, e)
			if p := t.places[id]; p != nil {
				p.checked = check{} // until that is done
			}
		}
	}
	return events
}

// orphan is orphans for one entity. The lock is held.
func (t *term) orphan(id entity.UUID, ref *entity.Ref, facets []graph.FacetState, now check) (e entity.Event, some bool) {
	f := said(facets)
	if f == nil {
		return e, false
	}
	says := f.Attributes.Get(entity.KeyCaptures)
	if p := t.places[id]; p != nil {
		if p.checked = now; !says.Equal(p.shown) {
			p.checked, p.doubt = check{}, true
			t.write(p)
		}
		return e, false
	}
	want := entity.Value{}
	if left := kept(says, t.keep); len(left) > 0 {
		want = entity.List(left...)
	}
	if want.Equal(says) && !says.IsZero() {
		return e, false
	}
	return t.facet(*ref, want, f.Time), true
}
