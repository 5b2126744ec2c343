package orders

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
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

// events takes what is to be written now, a batch at a time; more reports whether
// there is more.
func (t *term) events() (events []entity.Event, more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.settled {
		return nil, false
	}
	v := t.deps.View() // with the lock held: it has the nodes of all that is urgent
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
	slot := v.SlotByID(p.id)
	if slot < 0 { // its facet went with it; it may come back before that is told
		p.shown, p.shownAt, p.doubt = entity.Value{}, 0, true
		return e, false
	}
	if p.doubt || p.holders == 0 {
		p.doubt = false
		p.shown = entity.Value{}
		state := v.NodeStateAt(slot)
		if f := said(facetsOf(&state, v.NodeID(slot), p.id)); f != nil {
			p.shown, p.shownAt = f.Attributes.Get(entity.KeyCaptures), f.Time
		}
	}
	want := t.shows(p)
	if want.Equal(p.shown) {
		return e, false
	}
	e = t.facet(p.ref, want, p.shownAt)
	p.shown, p.shownAt, p.counted, p.checked = want, e.Time.UnixNano(), now, check{}
	return e, true
}

// facetsOf returns the facets of an entity that a node shows: of the one with the
// node's own ID, or of one that joined it.
func facetsOf(state *graph.NodeState, node, id entity.UUID) []graph.FacetState {
	if id == node {
		return state.Facets
	}
	for i := range state.Members {
		if m := &state.Members[i]; m.Ref.UUID() == id {
			return m.Facets
		}
	}
	return nil
}

// said is the facet that says something of captures, nil when there is none.
func said(facets []graph.FacetState) *graph.FacetState {
	for i := range facets {
		if facets[i].Source == entity.SourceCapture {
			return &facets[i]
		}
	}
	return nil
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

// submit submits events while this replica leads, and reports whether it can go
// on. What failed is tried again.
func (t *term) submit(events []entity.Event) bool {
	if len(events) == 0 {
		return true
	}
	refs := make([]entity.UUID, len(events))
	for i := range events {
		refs[i] = events[i].Ref.UUID()
	}
	if !t.deps.Leads() { // the term ends, unless the lead is back by then
		t.repeat(refs)
		return sleep(t.ctx, t.cfg.Retry)
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
	t.repeat(refs)
	return sleep(t.ctx, t.cfg.Retry)
}

// repeat has nodes be written again, of which it is not known whether they were.
func (t *term) repeat(ids []entity.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		if p := t.places[id]; p != nil {
			p.doubt = true
			t.write(p)
		} else {
			t.sweep = time.Time{} // it was the last that was to be said of the node
		}
	}
}
