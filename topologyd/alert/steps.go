package alert

import (
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// put takes a thing that is found.
func (m *Machine) put(now time.Time, s *Subject) {
	e := m.entries[s.Key]
	known := e != nil
	if !known {
		e = &entry{}
		m.entries[s.Key] = e
	}
	e.result = m.result
	switch {
	case m.c.Rule.Absent:
	case len(m.c.Rule.Changed) > 0:
		values := m.valuesOf(s)
		if known && (m.c.WasQuery == nil || m.isArmed(s)) {
			m.compare(now, s, e.values, values)
		}
		e.values = values
	default:
		e.take(s)
		if m.waiting.byKey[s.Key] != nil {
			return // settle sees to it
		}
		if e.alert == nil && m.c.WasQuery != nil && !m.isArmed(s) {
			return
		}
		m.place(now, s.Key, e)
	}
}

// take sets what a thing is like now. What changed of it since it was found stays
// known.
func (e *entry) take(s *Subject) {
	if len(s.Changed) > 0 {
		e.changed = latest(slices.Concat(e.changed, s.Changed))
	}
	e.subject = s
	if len(e.changed) > 0 {
		thing := *s
		thing.Changed = e.changed
		e.subject = &thing
	}
}

// latest bounds changes.
func latest(list []Change) []Change { return list[max(len(list)-MaxChanges, 0):] }

// remove takes a thing that is no longer found.
func (m *Machine) remove(now time.Time, key string) {
	e := m.entries[key]
	if e == nil {
		return
	}
	delete(m.entries, key)
	m.waiting.remove(key)
	m.detach(now, key, e)
}

func (m *Machine) isArmed(s *Subject) bool {
	var id entity.UUID
	switch {
	case s.Node != nil:
		id = s.Node.ID
	case s.Edge != nil:
		id = s.Edge.ID
	}
	_, ok := m.armed[id]
	return ok
}

// place sees to it that a thing has the alert of its labels, unless there are too
// many.
func (m *Machine) place(now time.Time, key string, e *entry) {
	labels, problem := m.c.labelsOf(e.subject, &m.external)
	fp := fingerprint(labels)
	if e.alert != nil && e.alert.fingerprint == fp {
		m.describe(e.alert, problem)
		return
	}
	m.detach(now, key, e)
	a := m.alerts[fp]
	if e.since.IsZero() || m.waiting.byKey[key] == nil {
		e.since = now
	}
	if a == nil || a.State == Resolved {
		if m.active >= m.c.Rule.Limit {
			m.waiting.add(key, e)
			return
		}
		a = m.begin(fp, labels, e.since)
	}
	m.waiting.remove(key)
	a.left = time.Time{}
	e.alert = a
	at, _ := slices.BinarySearch(a.things, key)
	a.things = slices.Insert(a.things, at, key)
	m.describe(a, problem)
	if len(a.things) > 1 || a.State == Firing {
		return
	}
	if now.Before(a.Since.Add(m.c.Rule.For)) {
		m.step(a, Pending)
		m.wake(a)
		return
	}
	m.fire(now, a)
}

// begin makes a pending alert, without telling.
func (m *Machine) begin(fp string, labels map[string]string, since time.Time) *live {
	if old := m.alerts[fp]; old != nil {
		m.forget(old)
	}
	a := &live{Alert: Alert{Labels: labels, State: Pending, Since: since}, fingerprint: fp}
	m.alerts[fp] = a
	m.active++
	return a
}

// describe gives an alert the annotations of its first thing. problem is what the
// templates of its labels had.
func (m *Machine) describe(a *live, problem error) {
	if len(a.things) > 0 {
		a.Subject, a.Thing = a.things[0], nil
		if e := m.at(a.things[0]); e != nil {
			a.Thing = e.subject
		}
	}
	if a.Thing == nil {
		return // restored, and not found yet
	}
	notes, err := m.c.notesOf(a.Thing, a.Labels, &m.external)
	a.Annotations = notes
	if a.problem = problem; err != nil {
		a.problem = err
	}
}

func (m *Machine) at(key string) *entry {
	if m.c.Rule.Absent {
		return m.nothing
	}
	return m.entries[key]
}

// detach takes a thing away from its alert, which ends when it was the last one.
func (m *Machine) detach(now time.Time, key string, e *entry) {
	a := e.alert
	if a == nil {
		return
	}
	e.alert = nil
	at, _ := slices.BinarySearch(a.things, key)
	a.things = slices.Delete(a.things, at, at+1)
	switch {
	case len(a.things) > 0:
		if at == 0 {
			m.describe(a, a.problem)
		}
	case a.State == Firing:
		m.leave(a, now)
		m.look(now, a)
	default:
		m.end(now, a)
	}
}

// leave notes when the last thing of an alert was no longer found.
func (m *Machine) leave(a *live, at time.Time) {
	a.left, a.look = at, at.Add(m.c.Rule.KeepFiringFor)
}

// look ends an alert that fires of what is no longer found, when it is time.
func (m *Machine) look(now time.Time, a *live) {
	over := a.left.Add(m.c.Rule.KeepGoneFor)
	switch {
	case now.Before(a.look):
		m.wake(a)
	case now.Before(over) && m.isGone(a.Subject):
		a.look = now.Add(lookEvery)
		if a.look.After(over) {
			a.look = over
		}
		m.wake(a)
	default:
		m.end(now, a)
	}
}

// isGone tells whether a thing is an element that is not in the graph.
func (m *Machine) isGone(key string) bool {
	id, err := entity.ParseUUID(key)
	return err == nil && m.there != nil && !m.there(id)
}

// fire makes a pending alert fire.
func (m *Machine) fire(now time.Time, a *live) {
	a.Fired = now
	m.step(a, Firing)
}

// end resolves an alert, and forgets it when it never fired.
func (m *Machine) end(now time.Time, a *live) {
	a.Resolved, a.left = now, time.Time{}
	m.active--
	m.resolved++
	m.step(a, Resolved)
	if a.Fired.IsZero() {
		m.forget(a)
		return
	}
	m.wake(a)
}

// forget takes a resolved alert off the list.
func (m *Machine) forget(a *live) {
	delete(m.alerts, a.fingerprint)
	m.resolved--
}

func (m *Machine) step(a *live, to State) {
	from := a.State
	a.State = to
	m.steps = append(m.steps, Transition{Alert: a.Alert, From: from, To: to})
}

// wake sees to it that Tick is called when time changes an alert.
func (m *Machine) wake(a *live) {
	var at time.Time
	switch {
	case a.State == Pending:
		at = a.Since.Add(m.c.Rule.For)
	case a.State == Firing && !a.left.IsZero():
		at = a.look
	case a.State == Resolved:
		at = a.Resolved.Add(KeepResolved)
	default:
		return
	}
	if m.due.IsZero() || at.Before(m.due) {
		m.due = at
	}
}

// settle ends a call: what waited is alerted as far as there is room, and the steps
// are handed over.
func (m *Machine) settle(now time.Time) []Transition {
	if m.c.Rule.Absent && m.ready {
		m.seekNothing(now)
	}
	for m.ready && m.active < m.c.Rule.Limit {
		key, e := m.waiting.next()
		if e == nil {
			break
		}
		m.place(now, key, e)
	}
	if most := max(m.c.Rule.Limit, minResolved); m.resolved > most {
		m.shed(most / 2)
	}
	out := m.steps
	m.steps = nil
	return out
}

// seekNothing begins or ends the alert that nothing is found.
func (m *Machine) seekNothing(now time.Time) {
	switch {
	case len(m.entries) > 0 && m.nothing != nil:
		e := m.nothing
		m.nothing = nil
		m.detach(now, "", e)
	case len(m.entries) == 0:
		if m.nothing == nil {
			m.nothing = &entry{}
		}
		if m.nothing.subject == nil {
			m.nothing.subject = &Subject{Kind: OfAbsent}
			m.place(now, "", m.nothing)
		}
	}
}

// shed forgets the alerts that were resolved first.
func (m *Machine) shed(keep int) {
	var list []*live
	for _, a := range m.alerts {
		if a.State == Resolved {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *live) int {
		if c := a.Resolved.Compare(b.Resolved); c != 0 {
			return c
		}
		return strings.Compare(a.fingerprint, b.fingerprint)
	})
	for _, a := range list[:len(list)-keep] {
		m.forget(a)
		m.forgotten++
	}
}
