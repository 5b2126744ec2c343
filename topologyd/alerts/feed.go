package alerts

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alertmanager"
)

// Bounds of what is added to the alerts that begin together.
const (
	// contexts is of how many it is told what happened around them, contextTime how
	// long finding that out may take.
	contexts, contextTime = 100, 200 * time.Millisecond
)

// feed gathers what a machine makes of what it is fed at one time.
type feed struct {
	r     *runner
	now   time.Time
	steps []step
}

// step is a transition, and when the change was that made it, Unix nanoseconds;
// 0 when no one change did.
type step struct {
	alert.Transition
	since int64
}

func (f *feed) add(since int64, steps []alert.Transition) {
	for i := range steps {
		f.steps = append(f.steps, step{steps[i], since})
	}
}

// arm arms elements, some at a time.
func (f *feed) arm(ids iter.Seq[entity.UUID]) {
	some := make([]entity.UUID, 0, 1024)
	for id := range ids {
		if some = append(some, id); len(some) == cap(some) {
			f.add(0, f.r.machine.Arm(f.now, some...))
			some = some[:0]
		}
	}
	f.add(0, f.r.machine.Arm(f.now, some...))
}

// take feeds the machine, and does what follows from that: alerts that begin are
// told what happened around them, those that begin to fire and those that end are
// sent. revision is that of the graph that it is fed with, 0: none.
func (r *runner) take(revision uint64, fn func(*feed)) {
	f := &feed{r: r, now: r.now()}
	r.mu.Lock()
	r.machine.SetExternal(r.m.external())
	fn(f)
	steps, tick := r.machine.Tick(f.now)
	f.add(0, steps)
	r.tick, r.view = tick, nil
	found := r.machine.Found()
	r.m.found.Add(int64(found - r.found - r.reserved))
	r.found = found
	if len(f.steps) == 0 {
		if r.reserved > 0 {
			r.count()
		}
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	r.m.dirty.Store(true)
	notes := r.describe(f, revision)
	r.mu.Lock()
	var out []alertmanager.Outgoing
	for i := range f.steps {
		s := &f.steps[i]
		key := labelKey(s.Alert.Labels)
		e := r.extras[key]
		switch {
		case s.To == alert.Resolved && s.Alert.Fired.IsZero():
			delete(r.extras, key)
			continue
		case s.To == alert.Pending || e == nil || s.From == alert.Resolved || s.To == alert.Firing && s.Alert.Since.Equal(s.Alert.Fired):
			e = &extra{}
			r.extras[key] = e
		}
		if n := notes[i]; n != nil {
			r.note(e, n)
		}
		if s.To == alert.Pending {
			continue
		}
		e.sent = f.now
		out = append(out, r.outgoing(&s.Alert, e, f.now))
	}
	r.count()
	r.mu.Unlock()
	r.m.send(f.now, out)
	r.measure(f)
}

// note adds annotations to an alert, without what happened around it when there is
// too much of that already. The lock is held.
func (r *runner) note(e *extra, notes map[string]string) {
	if r.m.noted.Load()+sizeOf(notes) > r.m.cfg.MaxNotes && notes[noteAround] != "" {
		delete(notes, noteAround)
		r.m.n.dropped.WithLabelValues(dropContext).Inc()
	}
	if e.notes == nil {
		e.notes = notes
	} else {
		maps.Copy(e.notes, notes)
	}
	size := sizeOf(notes)
	r.noted += size
	r.m.noted.Add(size)
}

// sizeOf is about how many bytes annotations take.
func sizeOf(notes map[string]string) (n int64) {
	for name, text := range notes {
		n += int64(len(name) + len(text))
	}
	return n
}

// count tells the manager how many alerts the rule has. The lock is held.
func (r *runner) count() {
	n := 0
	for a := range r.machine.Alerts() {
		if a.State != alert.Resolved {
			n++
		}
	}
	r.m.total.Add(int64(n - r.counted - r.reserved))
	r.counted, r.reserved = n, 0
}

// measure tells how long it took from changes to what is sent because of them.
func (r *runner) measure(f *feed) {
	if r.c.Rule.For > 0 {
		return
	}
	now := r.now().UnixNano()
	for i := range f.steps {
		if s := &f.steps[i]; s.since > 0 && s.To != alert.Pending && !s.Alert.Fired.IsZero() {
			r.m.n.latency.Observe(max(0, time.Duration(now-s.since).Seconds()))
		}
	}
}

// describe finds out what happened around alerts that begin: the annotations to
// add, by the number of the step.
func (r *runner) describe(f *feed, revision uint64) map[int]map[string]string {
	out := make(map[int]map[string]string)
	begun, n := time.Now(), 0
	for i := range f.steps {
		s := &f.steps[i]
		if s.To == alert.Resolved {
			continue
		}
		if n == 0 {
			r.m.settle(revision)
		}
		if n++; n > contexts || time.Since(begun) > contextTime {
			r.m.n.dropped.WithLabelValues(dropContext).Inc()
			continue
		}
		out[i] = r.m.contextOf(s, &r.c.Rule, f.now)
	}
	return out
}

// settle waits until the changes up to a revision were noted, or for so long.
func (m *Manager) settle(revision uint64) {
	for end := time.Now().Add(m.cfg.Settle); m.recent.seen() < revision && time.Now().Before(end); {
		if !sleep(context.Background(), 2*time.Millisecond) {
			return
		}
	}
}

// contextOf returns the annotations that are added to an alert that begins, or
// begins to fire, but those that the rule has itself.
func (m *Manager) contextOf(s *step, rule *alert.Rule, now time.Time) map[string]string {
	out := make(map[string]string, 4)
	set := func(name string, text func() string) {
		if _, own := rule.Annotations[name]; !own {
			if t := text(); t != "" {
				out[name] = t
			}
		}
	}
	thing := s.Alert.Thing
	if thing == nil {
		return nil
	}
	var self []entity.UUID
	var id entity.UUID
	switch {
	case thing.Node != nil:
		id = thing.Node.ID
		self = []entity.UUID{id}
	case thing.Edge != nil:
		id = thing.Edge.ID
		self = []entity.UUID{thing.Edge.Parent, thing.Edge.Child}
	}
	set(noteHostName, func() string { return alert.HostName(m.deps.View(), thing.Host()) })
	since := now.Add(-m.cfg.Around)
	began := s.To == alert.Pending || s.Alert.Since.Equal(s.Alert.Fired)
	if began && len(rule.Changed) > 0 {
		set(noteChanged, func() string { return changeText(thing.Changed) })
	} else if began && len(self) > 0 {
		set(noteChanged, func() string { return m.recent.last(id, since) })
	}
	if s.To != alert.Firing {
		return out
	}
	set(noteDifference, func() string { return m.cfg.differenceURL(s.Alert.Fired, self) })
	if len(self) == 0 {
		return out
	}
	v := m.deps.View()
	if thing.Node != nil {
		set(noteNeighbours, func() string { return neighbours(v, id) })
	}
	set(noteAround, func() string { return m.recent.around(v, self, since) })
	return out
}

// Annotations that a manager adds.
const (
	noteHostName   = "host_name"
	noteChanged    = "changed"
	noteNeighbours = "neighbours"
	noteAround     = "around"
	noteDifference = "difference_url"
)

// labelKey is a text that equal labels have alone.
func labelKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "\x00" + labels[name] + "\x00")
	}
	return b.String()
}
