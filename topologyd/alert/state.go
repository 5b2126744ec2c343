package alert

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Saved is what a machine has to know after a restart. It encodes as JSON.
type Saved struct {
	Alerts []SavedAlert `json:"alerts,omitempty"`
	// Waiting are things over the limit.
	Waiting []SavedThing `json:"waiting,omitempty"`
	// Armed are the IDs of what WasQuery found.
	Armed []string `json:"armed,omitempty"`
	// Values are those of the keys of Changed, by the key of the thing.
	Values map[string][]string `json:"values,omitempty"`
}

// SavedAlert is one alert. Times that are zero have not been.
type SavedAlert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	State       string            `json:"state"`
	Since       time.Time         `json:"since"`
	Fired       time.Time         `json:"fired,omitzero"`
	Resolved    time.Time         `json:"resolved,omitzero"`
	// Left is when the last of Things was no longer found.
	Left    time.Time    `json:"left,omitzero"`
	Subject string       `json:"subject,omitempty"`
	Things  []SavedThing `json:"things,omitempty"`
	// Changed is what changed of Subject.
	Changed []Change `json:"changed,omitempty"`
}

// SavedThing is a thing that was found, and since when.
type SavedThing struct {
	Key   string    `json:"key"`
	Since time.Time `json:"since"`
}

// Save returns what Restore takes.
func (m *Machine) Save() *Saved {
	s := &Saved{}
	for _, fp := range slices.Sorted(maps.Keys(m.alerts)) {
		a := m.alerts[fp]
		x := SavedAlert{
			Labels: a.Labels, Annotations: a.Annotations, State: a.State.String(), Since: a.Since, Fired: a.Fired,
			Resolved: a.Resolved, Left: a.left, Subject: a.Subject,
		}
		for _, key := range a.things {
			x.Things = append(x.Things, SavedThing{key, m.at(key).since})
		}
		if a.Thing != nil {
			x.Changed = a.Thing.Changed
		} else if e := m.at(a.Subject); e != nil {
			x.Changed = e.changed
		}
		s.Alerts = append(s.Alerts, x)
	}
	for _, key := range slices.Sorted(maps.Keys(m.waiting.byKey)) {
		s.Waiting = append(s.Waiting, SavedThing{key, m.waiting.byKey[key].since})
	}
	for id := range m.armed {
		s.Armed = append(s.Armed, id.String())
	}
	slices.Sort(s.Armed)
	if len(m.c.Rule.Changed) > 0 {
		s.Values = make(map[string][]string, len(m.entries))
		for key, e := range m.entries {
			s.Values[key] = e.values
		}
	}
	return s
}

// Restore takes what another machine of the same rule saved; it is for a machine
// that has taken nothing yet. A rule that was changed since takes what still fits.
// Times after now count as now. The error says what of it cannot be; then the
// machine is as it was.
func (m *Machine) Restore(s *Saved, now time.Time) error {
	r := NewMachine(m.c)
	r.external, r.there = m.external, m.there
	if err := r.restore(s, now); err != nil {
		return fmt.Errorf("restore alerts of %s: %w", m.c.Rule.Alert, err)
	}
	*m = *r
	return nil
}

func (m *Machine) restore(s *Saved, now time.Time) error {
	past := func(t time.Time) time.Time {
		if t.After(now) {
			return now
		}
		return t
	}
	for i := range s.Alerts {
		if err := m.restoreAlert(&s.Alerts[i], past); err != nil {
			return fmt.Errorf("alert %d: %w", i, err)
		}
	}
	if !m.c.Rule.Absent && len(m.c.Rule.Changed) == 0 {
		for _, w := range s.Waiting {
			if m.entries[w.Key] == nil && !w.Since.IsZero() {
				e := &entry{since: past(w.Since)}
				m.entries[w.Key] = e
				m.waiting.add(w.Key, e)
			}
		}
	}
	if m.c.WasQuery != nil {
		for _, text := range s.Armed {
			id, err := entity.ParseUUID(text)
			if err != nil {
				return fmt.Errorf("armed: %w", err)
			}
			m.armed[id] = struct{}{}
		}
	}
	for key, values := range s.Values {
		if len(values) != 0 && len(values) == len(m.c.Rule.Changed) {
			m.entries[key] = &entry{values: values}
		}
	}
	return nil
}

func (m *Machine) restoreAlert(x *SavedAlert, past func(time.Time) time.Time) error {
	state, ok := ParseState(x.State)
	switch {
	case !ok:
		return fmt.Errorf("there is no state %q", x.State)
	case x.Labels[labelAlert] != m.c.Rule.Alert:
		return fmt.Errorf("it is one of %q", x.Labels[labelAlert])
	case x.Since.IsZero() || state != Pending && x.Fired.IsZero() || state == Resolved && x.Resolved.IsZero():
		return fmt.Errorf("a time is missing for the state %s", state)
	}
	fp := fingerprint(x.Labels)
	if m.alerts[fp] != nil {
		return fmt.Errorf("it is there twice")
	}
	a := &live{fingerprint: fp, left: past(x.Left), Alert: Alert{
		Labels: x.Labels, Annotations: x.Annotations, State: state, Subject: x.Subject,
		Since: past(x.Since), Fired: past(x.Fired), Resolved: past(x.Resolved),
	}}
	m.alerts[fp] = a
	if state == Resolved {
		m.resolved++
		m.wake(a)
		return nil
	}
	m.active++
	if len(x.Changed) > 0 && len(m.c.Rule.Changed) > 0 {
		a.Thing = &Subject{Key: x.Subject, Changed: x.Changed}
	}
	for _, t := range x.Things {
		e := &entry{since: past(t.Since), alert: a}
		if t.Key == x.Subject {
			e.changed = x.Changed
		}
		switch {
		case m.c.Rule.Absent && (t.Key != "" || m.nothing != nil):
			continue
		case m.c.Rule.Absent:
			m.nothing = e
		case len(m.c.Rule.Changed) > 0:
			continue
		case m.entries[t.Key] != nil:
			return fmt.Errorf("%q is found twice", t.Key)
		default:
			m.entries[t.Key] = e
		}
		a.things = append(a.things, t.Key)
	}
	slices.Sort(a.things)
	switch {
	case len(a.things) > 0:
		a.left = time.Time{} // or it ended while it is found
	case state == Pending: // nothing is left of it, and nobody was told
		delete(m.alerts, fp)
		m.active--
		return nil
	case a.left.IsZero():
		a.left = past(a.Since) // so that it ends
	}
	if !a.left.IsZero() {
		m.leave(a, a.left)
	}
	m.wake(a)
	return nil
}
