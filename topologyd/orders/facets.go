package orders

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/graph"
)

// tell writes onto nodes how captures do until the term ends.
func (t *term) tell() {
	for {
		select {
		case <-t.facets:
		case <-time.After(t.cfg.Recheck):
		case <-t.ctx.Done():
			return
		}
		if !sleep(t.ctx, t.cfg.Debounce) {
			return
		}
		for again := true; again && t.ctx.Err() == nil; {
			events, more := t.events()
			again = t.submit(events) && more
		}
		if t.ctx.Err() == nil && t.due() {
			t.compare()
		}
	}
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

// events takes what is to be written now, a batch at a time; more reports whether
// there is more.
func (t *term) events() (events []entity.Event, more bool) {
	v := t.deps.View()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled {
		return nil, false
	}
	now := t.now()
	seen := 0
	for p := range t.urgent {
		if seen++; seen > t.cfg.Batch {
			return events, true
		}
		delete(t.urgent, p)
		if !p.free && p.holders > 0 && !p.pace.take(now, t.cfg.Writes, t.cfg.WriteEvery) {
			t.lazy[p] = struct{}{}
			continue
		}
		p.free = false
		if e, some := t.event(p, v, now); some {
			events = append(events, e)
		}
		if p.holders == 0 && len(p.list) == 0 {
			t.forget(p)
		}
	}
	return events, false
}

// event brings what a node says to what is so. The lock is held.
func (t *term) event(p *place, v *graph.View, now time.Time) (e entity.Event, some bool) {
	slot := v.NodeSlot(p.id)
	if slot < 0 { // its facet went with it
		p.shown, p.shownAt = entity.Value{}, 0
		return e, false
	}
	if p.doubt || p.holders == 0 {
		p.doubt = false
		p.shown = entity.Value{}
		state := v.NodeStateAt(slot)
		for i := range state.Facets {
			if f := &state.Facets[i]; f.Source == entity.SourceCapture {
				p.shown, p.shownAt = f.Attributes.Get(entity.KeyCaptures), f.Time
			}
		}
	}
	want := t.shows(p)
	if want.Equal(p.shown) {
		return e, false
	}
	e = t.facet(p.ref, want, p.shownAt)
	p.shown, p.shownAt, p.counted = want, e.Time.UnixNano(), now
	return e, true
}

// pace bounds how often one node is written for what hosts say: a capture that
// works and fails in turn must not fill the log.
type pace struct {
	used float64
	at   time.Time
	next time.Time // when to go on after it was used up, zero: it is not
}

// take uses one up, or tells that there is none.
func (p *pace) take(now time.Time, burst int, every time.Duration) bool {
	p.used = max(0, p.used-float64(now.Sub(p.at))/float64(every))
	p.at, p.next = now, time.Time{}
	if p.used+1 > float64(burst) {
		p.next = now.Add(every)
		return false
	}
	p.used++
	return true
}

// facet is the event with which a node says what is captured there, nothing for
// the zero value; after is the time of what it said before.
func (t *term) facet(ref entity.Ref, captures entity.Value, after int64) entity.Event {
	e := entity.Event{Ref: ref, Source: entity.SourceCapture, Time: t.eventTime(after)}
	if captures.IsZero() {
		e.Kind = entity.Delete
	} else {
		e.Attributes = entity.Attrs{entity.A(entity.KeyCaptures, captures)}
	}
	t.n.events.WithLabelValues(e.Kind.String()).Inc()
	return e
}

// eventTime returns a time for an event: after every one before it, and after
// that of the facet it replaces, which a replica with a faster clock may have
// made.
func (m *Manager) eventTime(after int64) time.Time {
	for {
		last := m.last.Load()
		next := max(m.now().UnixNano(), last+1, after+1)
		if m.last.CompareAndSwap(last, next) {
			return time.Unix(0, next)
		}
	}
}

// forget ends a place that nothing is said of any more. The lock is held.
func (t *term) forget(p *place) {
	delete(t.places, p.id)
	delete(t.urgent, p)
	delete(t.lazy, p)
	if p.host != nil {
		delete(p.host.places, p.id)
	}
}

// shows returns what a node is to say of its captures. The lock is held.
func (t *term) shows(p *place) entity.Value {
	var out []entity.Value
	for _, a := range p.list[:min(len(p.list), t.cfg.MaxShown)] {
		out = append(out, shown(a))
	}
	if len(t.keep) > 0 {
		out = append(out, kept(p.shown, t.keep)...)
		slices.SortFunc(out, func(a, b entity.Value) int { return strings.Compare(idOf(a), idOf(b)) })
	}
	if len(out) == 0 {
		return entity.Value{}
	}
	return entity.List(out...)
}

// Members of the attribute Captures.
const (
	showID          = "ID"
	showName        = "Name"
	showType        = "Type"
	showState       = "State"
	showError       = "Error"
	showWarning     = "Warning"
	showProof       = "Proof"
	showPackets     = "Packets"
	showBytes       = "Bytes"
	showDropped     = "Dropped"
	showSampling    = "Sampling"
	showDescription = "Description"
)

// shown is what a node says of one capture.
func shown(a *assignment) entity.Value {
	s, d := a.state, a.plan.def
	m := make(entity.Attrs, 0, 12)
	text := func(key, v string) {
		if v != "" {
			m = append(m, entity.A(key, entity.String(v)))
		}
	}
	number := func(key string, v int64) {
		if v != 0 {
			m = append(m, entity.A(key, entity.Int(v)))
		}
	}
	typ := s.Type
	if typ == "" {
		typ = a.plan.spec.Type
	}
	// In the order of the keys.
	number(showBytes, s.Bytes)
	text(showDescription, clean(d.Description, maxText))
	number(showDropped, dropped(s))
	text(showError, s.Error)
	text(showID, d.ID)
	text(showName, a.plan.name())
	number(showPackets, s.Packets)
	text(showProof, s.Proof)
	if s.Sampling > 1 {
		number(showSampling, s.Sampling)
	}
	text(showState, s.State)
	text(showType, typ)
	text(showWarning, s.Warning)
	return entity.Map(m)
}

func idOf(v entity.Value) string { return v.Map().Get(showID).Str() }

// kept returns of what a node says what is of some definitions.
func kept(captures entity.Value, ids map[string]bool) (out []entity.Value) {
	for _, v := range captures.List() {
		if ids[idOf(v)] {
			out = append(out, v)
		}
	}
	return out
}

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

// submit submits events while this replica leads, and reports whether it can go
// on. What failed is tried again.
func (t *term) submit(events []entity.Event) bool {
	if len(events) == 0 {
		return true
	}
	if !t.deps.Leads() {
		return false
	}
	refs := make([]entity.UUID, len(events))
	for i := range events {
		refs[i] = events[i].Ref.UUID()
	}
	ctx, cancel := context.WithTimeout(t.ctx, t.cfg.SubmitTimeout)
	err := t.deps.Submit(ctx, events)
	cancel()
	if err == nil {
		return true
	}
	if t.ctx.Err() != nil {
		return false
	}
	t.n.drops.WithLabelValues("submit").Add(float64(len(events)))
	t.deps.Log.Warn("the states of captures are not written yet, trying again", "error", err)
	t.mu.Lock()
	for _, id := range refs {
		if p := t.places[id]; p != nil {
			p.doubt = true
			t.write(p)
		} else {
			t.sweep = time.Time{} // it was the last that was to be said of the node
		}
	}
	t.mu.Unlock()
	return sleep(t.ctx, t.cfg.Retry)
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
		if e, some := t.orphan(v, slot); some {
			events = append(events, e)
		}
		if len(events) >= t.cfg.Batch {
			if !t.submit(events) {
				return
			}
			events = nil
		}
	}
	t.mu.Lock()
	for id, p := range t.places {
		if slot := v.NodeSlot(id); slot >= 0 && !p.shown.IsZero() && !mine[v.NodeOrigin(slot)] {
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

// orphan looks at a node that says something of captures.
func (t *term) orphan(v *graph.View, slot int32) (e entity.Event, some bool) {
	now := check{revision: v.NodeRevision(slot)}
	now.created, now.updated = v.NodeTimes(slot)
	id := v.NodeID(slot)
	t.mu.Lock()
	p := t.places[id]
	same := p != nil && p.checked == now
	t.mu.Unlock()
	if same {
		return e, false
	}
	state := v.NodeStateAt(slot)
	i := slices.IndexFunc(state.Facets, func(f graph.FacetState) bool { return f.Source == entity.SourceCapture })
	if i < 0 {
		return e, false
	}
	f := &state.Facets[i]
	says := f.Attributes.Get(entity.KeyCaptures)
	t.mu.Lock()
	defer t.mu.Unlock()
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
	return t.facet(state.Ref, want, f.Time), true
}
