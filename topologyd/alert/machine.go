package alert

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// KeepResolved is for how long a resolved alert is still listed, so that whoever
// missed that it is can be told again.
const KeepResolved = 15 * time.Minute

// lookEvery is how often it is looked whether what is gone is there again.
const lookEvery = 2 * time.Second

// minResolved is how many resolved alerts may be listed at least.
const minResolved = 1000

// Machine turns what a rule's queries find into alerts. It has no clock and no
// goroutines; every method that takes a time may change alerts, and returns what
// changed. It is for one goroutine.
//
// The first result comes by Reset, and nothing begins or ends before it: after a
// restart alerts that were restored stay as they were until it is known what is
// there. From then on there are whole results (Reset), for rules that are evaluated
// at an interval, or what happens to them (Enter, Leave), for rules that are
// followed. Tick sees to what time alone does, and is to be called when it says
// so.
//
// A rule with Was has armed elements: those that WasQuery found at some time. Only
// they are alerts. Whoever uses the machine hands over what that query finds, before
// what Query finds at the same time.
type Machine struct {
	c        *Compiled
	external External
	// there tells whether an element is in the graph, see SetGraph.
	there func(entity.UUID) bool

	ready   bool
	entries map[string]*entry
	alerts  map[string]*live // by the fingerprint of their labels
	armed   map[entity.UUID]struct{}
	waiting waiting // found, but over the limit
	// nothing stands for the alert of a rule with Absent.
	nothing *entry
	// active is how many alerts are pending or firing, resolved how many others.
	active, resolved int
	// due is when Tick may have something to do, at the earliest; zero: never.
	due    time.Time
	result uint64 // number of the last whole result

	refused, forgotten uint64
	steps              []Transition
}

// entry is one thing that the query finds.
type entry struct {
	// subject is nil when it was restored, and for rules that need none.
	subject *Subject
	// since is when it was found, and armed, with the labels it has.
	since time.Time
	// alert is nil while the thing is none.
	alert  *live
	result uint64
	// values are those of Changed, as text; changed is what changed of the thing
	// since it was found, as whoever makes subjects told.
	values  []string
	changed []Change
}

// live is one alert.
type live struct {
	Alert
	fingerprint string
	// things are the keys of what it is the alert of, ascending.
	things []string
	// left is when the last of them was no longer found; zero while one is. look is
	// when to see, because of that, whether the alert ends.
	left, look time.Time
	problem    error
}

// NewMachine returns a machine without alerts.
func NewMachine(c *Compiled) *Machine {
	return &Machine{
		c: c, entries: make(map[string]*entry), alerts: make(map[string]*live),
		armed: make(map[entity.UUID]struct{}), waiting: newWaiting(),
	}
}

// SetExternal sets what templates know of the daemon. Alerts have it when they are
// found the next time.
func (m *Machine) SetExternal(e External) { m.external = e }

// SetGraph sets how to find out whether an element is in the graph, for KeepGoneFor:
// without, all are.
func (m *Machine) SetGraph(there func(id entity.UUID) bool) { m.there = there }

// Reset takes a whole result of Query. What is not in it was left, but not gone
// (see Leave).
func (m *Machine) Reset(now time.Time, subjects iter.Seq[*Subject]) []Transition {
	m.ready = true
	m.result++
	all := slices.Collect(subjects)
	// The order decides what is alerted when there is too much, and has to be the
	// same on every replica.
	slices.SortStableFunc(all, func(a, b *Subject) int { return strings.Compare(a.Key, b.Key) })
	for i, s := range all {
		if i > 0 && all[i-1].Key == s.Key {
			continue
		}
		m.put(now, s)
	}
	for _, key := range slices.Sorted(maps.Keys(m.entries)) {
		if m.entries[key].result != m.result {
			m.remove(now, key)
		}
	}
	return m.settle(now)
}

// Enter takes a thing that Query finds, or still finds although it changed.
// Before the first Reset it does nothing.
func (m *Machine) Enter(now time.Time, s *Subject) []Transition {
	if !m.ready {
		return nil
	}
	m.put(now, s)
	return m.settle(now)
}

// Update is Enter, for what was found already.
func (m *Machine) Update(now time.Time, s *Subject) []Transition { return m.Enter(now, s) }

// Leave takes the key of a thing that Query no longer finds; gone tells that it is
// no longer in the graph at all, so that it has to be found by WasQuery anew.
// Before the first Reset only the latter counts.
func (m *Machine) Leave(now time.Time, key string, gone bool) []Transition {
	if gone {
		if id, err := entity.ParseUUID(key); err == nil {
			delete(m.armed, id)
		}
	}
	if !m.ready {
		return nil
	}
	m.remove(now, key)
	return m.settle(now)
}

// Arm takes elements that WasQuery finds. That it no longer does makes no
// difference, so that there is nothing to tell when they leave its result, but for
// Leave when they are gone.
func (m *Machine) Arm(now time.Time, ids ...entity.UUID) []Transition {
	if m.c.WasQuery == nil {
		return nil
	}
	for _, id := range ids {
		if _, ok := m.armed[id]; ok {
			continue
		}
		m.armed[id] = struct{}{}
		if e := m.entries[id.String()]; e != nil && e.subject != nil && m.ready {
			m.place(now, e.subject.Key, e)
		}
	}
	return m.settle(now)
}

// Prune disarms elements that are gone, for when it was missed that they went:
// call it with every whole result, and now and then.
func (m *Machine) Prune(gone func(id entity.UUID) bool) {
	maps.DeleteFunc(m.armed, func(id entity.UUID, _ struct{}) bool { return gone(id) })
}

// Tick does what is to be done because time passed, and returns when to call it
// next: the zero time when there is nothing to wait for. It costs little before
// that time.
func (m *Machine) Tick(now time.Time) (steps []Transition, next time.Time) {
	if !m.ready {
		return nil, time.Time{}
	}
	if m.due.IsZero() || now.Before(m.due) {
		return nil, m.due
	}
	m.due = time.Time{}
	for _, fp := range slices.Sorted(maps.Keys(m.alerts)) {
		a := m.alerts[fp]
		switch {
		case a.State == Pending && !now.Before(a.Since.Add(m.c.Rule.For)):
			m.fire(now, a)
		case a.State == Firing && !a.left.IsZero() && !now.Before(a.look):
			m.look(now, a)
		case a.State == Resolved && !now.Before(a.Resolved.Add(KeepResolved)):
			m.forget(a)
		}
	}
	for _, a := range m.alerts {
		m.wake(a)
	}
	return m.settle(now), m.due
}

// Alerts yields the alerts: those that are pending and firing, and those resolved
// less than [KeepResolved] ago, in no order.
func (m *Machine) Alerts() iter.Seq[Alert] {
	return func(yield func(Alert) bool) {
		for _, a := range m.alerts {
			if !yield(a.Alert) {
				return
			}
		}
	}
}

// Ready tells whether there was a first result.
func (m *Machine) Ready() bool { return m.ready }

// Stats counts what a machine has.
type Stats struct {
	// Found is how many things the query finds, Armed how many WasQuery found.
	Found, Armed int
	// Pending, Firing and Resolved are alerts.
	Pending, Firing, Resolved int
	// Duplicates are things that have the labels of another one, and so no alert of
	// their own. Waiting are those over the limit.
	Duplicates, Waiting int
	// Refused counts changes over the limit, Forgotten resolved alerts that were too
	// many to be listed for long.
	Refused, Forgotten uint64
	// Problem is an error of a template that an alert has now, nil when none has.
	Problem error
}

// Stats returns the counts. It looks at every alert.
func (m *Machine) Stats() Stats {
	s := Stats{Found: len(m.entries), Armed: len(m.armed), Waiting: len(m.waiting.byKey), Refused: m.refused, Forgotten: m.forgotten}
	worst := ""
	for fp, a := range m.alerts {
		switch a.State {
		case Pending:
			s.Pending++
		case Firing:
			s.Firing++
		default:
			s.Resolved++
			continue
		}
		s.Duplicates += max(len(a.things)-1, 0)
		if a.problem != nil && (worst == "" || fp < worst) {
			worst, s.Problem = fp, a.problem
		}
	}
	return s
}
