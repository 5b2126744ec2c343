package alert

import (
	"slices"
	"time"
)

// valuesOf gives the values of the keys of Changed.
func (m *Machine) valuesOf(s *Subject) []string {
	t := &Thing{subject: s, flows: m.c.flows}
	out := make([]string, len(m.c.Rule.Changed))
	for i, key := range m.c.Rule.Changed {
		out[i] = t.get(key)
	}
	return out
}

// compare begins an alert, or goes on with it, when values changed.
func (m *Machine) compare(now time.Time, s *Subject, old, values []string) {
	var changed []Change
	for i, key := range m.c.Rule.Changed {
		if i < len(old) && old[i] != values[i] {
			changed = append(changed, Change{Key: key, Old: brief(old[i]), New: brief(values[i])})
		}
	}
	if len(changed) == 0 {
		return
	}
	thing := *s
	thing.Changed = changed
	labels, problem := m.c.labelsOf(&thing, &m.external)
	fp := fingerprint(labels)
	a := m.alerts[fp]
	switch {
	case a != nil && a.State == Firing && a.Thing != nil && a.Subject == s.Key:
		thing.Changed = latest(slices.Concat(a.Thing.Changed, changed))
	case a != nil && a.State == Firing:
	case m.active >= m.c.Rule.Limit:
		m.refused++
		return
	default:
		a = m.begin(fp, labels, now)
	}
	a.Subject, a.Thing = s.Key, &thing
	m.leave(a, now)
	m.describe(a, problem)
	if a.State == Pending {
		m.fire(now, a)
	}
	m.wake(a)
}
