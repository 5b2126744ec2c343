package alert

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// naive is what [Machine] has to do, told as simply as possible: all of it is
// worked out anew for each call, by going over the things one after the other.
type naive struct {
	c       *Compiled
	found   map[string]*naiveThing
	armed   map[string]bool
	alerts  map[string]*naiveAlert // by the label "name", which decides
	things  map[string]*Subject
	gone    map[string]bool // from the graph
	stepped []string
}

type naiveThing struct {
	label string
	since time.Time
	// in tells that it is an alert, or waits to be one.
	in, waits bool
}

type naiveAlert struct {
	state                        State
	since, fired, resolved, left time.Time
	last                         string    // of what it was an alert at the end
	look                         time.Time // when to see whether that is in the graph
}

func (n *naive) step(label string, from, to State) {
	n.stepped = append(n.stepped, fmt.Sprintf("%s %s→%s", label, from, to))
}

// live counts the alerts that count.
func (n *naive) live() (count int) {
	for _, a := range n.alerts {
		if a.state != Resolved {
			count++
		}
	}
	return count
}

func (n *naive) members(label string) (count int) {
	for _, f := range n.found {
		if f.in && f.label == label {
			count++
		}
	}
	return count
}

func (n *naive) enter(now time.Time, s *Subject) {
	n.things[s.Key] = s
	n.gone[s.Key] = false
	f := n.found[s.Key]
	if f == nil {
		f = &naiveThing{}
		n.found[s.Key] = f
	}
	if f.waits || !f.in && !n.armed[s.Key] {
		return
	}
	n.place(now, s.Key)
}

func (n *naive) place(now time.Time, key string) {
	f := n.found[key]
	label := n.things[key].Node.Attrs.Get("L").Str()
	if f.in && f.label == label {
		return
	}
	n.out(now, key, f)
	if !f.waits {
		f.since = now
	}
	a := n.alerts[label]
	if a == nil || a.state == Resolved {
		if n.live() >= n.c.Rule.Limit {
			f.waits = true
			return
		}
		a = &naiveAlert{since: f.since}
		n.alerts[label] = a
		if now.Sub(a.since) < n.c.Rule.For {
			n.step(label, Pending, Pending)
		} else {
			a.state, a.fired = Firing, now
			n.step(label, Pending, Firing)
		}
	}
	f.waits, f.in, f.label, a.left = false, true, label, time.Time{}
}

func (n *naive) out(now time.Time, key string, f *naiveThing) {
	if !f.in {
		return
	}
	f.in = false
	if n.members(f.label) > 0 {
		return
	}
	a := n.alerts[f.label]
	if a.state != Firing {
		n.end(now, f.label)
		return
	}
	a.left, a.look, a.last = now, now.Add(n.c.Rule.KeepFiringFor), key
	n.see(now, f.label)
}

// see ends what is kept firing, once it is time.
func (n *naive) see(now time.Time, label string) {
	switch a := n.alerts[label]; {
	case now.Before(a.look):
	case n.gone[a.last] && now.Sub(a.left) < n.c.Rule.KeepGoneFor:
		a.look = now.Add(min(lookEvery, n.c.Rule.KeepGoneFor-now.Sub(a.left)))
	default:
		n.end(now, label)
	}
}

func (n *naive) end(now time.Time, label string) {
	a := n.alerts[label]
	n.step(label, a.state, Resolved)
	if a.fired.IsZero() {
		delete(n.alerts, label)
		return
	}
	a.state, a.resolved, a.left = Resolved, now, time.Time{}
}

func (n *naive) leave(now time.Time, key string) {
	if f := n.found[key]; f != nil {
		delete(n.found, key)
		n.out(now, key, f)
	}
}

func (n *naive) arm(now time.Time, key string) {
	if n.armed[key] {
		return
	}
	n.armed[key] = true
	if n.found[key] != nil {
		n.place(now, key)
	}
}

func (n *naive) settle(now time.Time) {
	var waiting []string
	for key, f := range n.found {
		if f.waits {
			waiting = append(waiting, key)
		}
	}
	slices.SortFunc(waiting, func(a, b string) int {
		if c := n.found[a].since.Compare(n.found[b].since); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	for _, key := range waiting {
		if n.live() < n.c.Rule.Limit {
			n.place(now, key)
		}
	}
}

func (n *naive) tick(now time.Time) {
	for _, label := range slices.Sorted(maps.Keys(n.alerts)) {
		a := n.alerts[label]
		switch {
		case a.state == Pending && now.Sub(a.since) >= n.c.Rule.For:
			a.state, a.fired = Firing, now
			n.step(label, Pending, Firing)
		case a.state == Firing && !a.left.IsZero():
			n.see(now, label)
		case a.state == Resolved && now.Sub(a.resolved) >= KeepResolved:
			delete(n.alerts, label)
		}
	}
}

// show lists alerts and transitions.
func (n *naive) show() (alerts, stepped []string) {
	for label, a := range n.alerts {
		alerts = append(alerts, line(label, a.state, a.since, a.fired, a.resolved))
	}
	stepped, n.stepped = n.stepped, nil
	slices.Sort(alerts)
	slices.Sort(stepped)
	return alerts, stepped
}

func line(label string, s State, times ...time.Time) string {
	text := label + " " + s.String()
	for _, t := range times {
		if t.IsZero() {
			text += " -"
		} else {
			text += fmt.Sprint(" ", t.Sub(start).Seconds())
		}
	}
	return text
}

func showMachine(m *Machine, list []Transition) (alerts, stepped []string) {
	for a := range m.Alerts() {
		alerts = append(alerts, line(a.Labels["l"], a.State, a.Since, a.Fired, a.Resolved))
	}
	for _, s := range list {
		stepped = append(stepped, fmt.Sprintf("%s %s→%s", s.Alert.Labels["l"], s.From, s.To))
	}
	slices.Sort(alerts)
	slices.Sort(stepped)
	return alerts, stepped
}

// TestMachineAgainstNaive does the same at random to a machine and to the naive
// one. The machine is now and then saved and restored.
func TestMachineAgainstNaive(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		rule := Rule{
			Expr: "G.V().Has('State', 'DOWN')", Was: "G.V().Has('State', 'UP')", Limit: 1 + r.IntN(6),
			For: time.Duration(r.IntN(3)) * 10 * time.Second, KeepFiringFor: time.Duration(r.IntN(3)) * 10 * time.Second,
			Labels: map[string]string{"id": "", "name": "", "l": `{{ .Get "L" }}`}, Annotations: map[string]string{"who": "{{ .Name }}"},
		}
		if r.IntN(2) == 0 {
			rule.KeepGoneFor = rule.KeepFiringFor + 25*time.Second
		}
		c := compiled(t, rule)
		n := &naive{c: c, found: map[string]*naiveThing{}, armed: map[string]bool{}, alerts: map[string]*naiveAlert{}, things: map[string]*Subject{}, gone: map[string]bool{}}
		there := func(id entity.UUID) bool { return !n.gone[id.String()] }
		m := NewMachine(c)
		m.SetGraph(there)
		thing := func() *Subject {
			return node(fmt.Sprint("n", r.IntN(10)), "L", fmt.Sprint("l", r.IntN(8)))
		}
		now := start
		reset := func() []Transition {
			all := map[string]*Subject{}
			for range r.IntN(8) {
				s := thing()
				all[s.Key] = s
			}
			for _, key := range slices.Sorted(maps.Keys(all)) {
				n.enter(now, all[key])
			}
			for _, key := range slices.Sorted(maps.Keys(n.found)) {
				if all[key] == nil {
					n.leave(now, key)
				}
			}
			return m.Reset(now, maps.Values(all))
		}
		var log []string
		compare := func(what string, list []Transition) {
			log = append(log, fmt.Sprintf("%v %s", now.Sub(start), what))
			wantAlerts, wantSteps := n.show()
			gotAlerts, gotSteps := showMachine(m, list)
			require.Equal(t, wantAlerts, gotAlerts, "seed %d: %v", seed, log)
			require.Equal(t, wantSteps, gotSteps, "seed %d: %v", seed, log)
			checkSound(t, m)
		}
		list := reset()
		n.settle(now)
		compare("reset", list)
		for range 120 {
			now = now.Add(time.Duration(r.IntN(4)) * time.Second * time.Duration(1+r.IntN(3)*r.IntN(100)))
			s := thing()
			switch k := r.IntN(20); {
			case k < 7:
				n.enter(now, s)
				n.settle(now)
				compare("enter "+s.Key, m.Enter(now, s))
			case k < 11:
				gone := r.IntN(2) == 0
				if n.gone[s.Key] = gone; gone {
					delete(n.armed, s.Key)
				}
				n.leave(now, s.Key)
				n.settle(now)
				compare("leave "+s.Key, m.Leave(now, s.Key, gone))
			case k < 14:
				n.arm(now, s.Key)
				n.settle(now)
				id, err := entity.ParseUUID(s.Key)
				require.NoError(t, err)
				compare("arm "+s.Key, m.Arm(now, id))
			case k < 17:
				n.tick(now)
				n.settle(now)
				steps, next := m.Tick(now)
				require.True(t, next.IsZero() || next.After(now), "seed %d", seed)
				compare("tick", steps)
			case k < 18:
				// Some go and come without a word.
				n.gone[thing().Key], n.gone[thing().Key] = true, false
				list := reset()
				n.settle(now)
				compare("reset", list)
			default:
				b, err := json.Marshal(m.Save())
				require.NoError(t, err)
				var saved Saved
				require.NoError(t, json.Unmarshal(b, &saved))
				m = NewMachine(c)
				m.SetGraph(there)
				for _, a := range n.alerts { // when it looks is not saved
					a.look = a.left.Add(rule.KeepFiringFor)
				}
				require.NoError(t, m.Restore(&saved, now))
				// What waits to be armed is not saved: the next result has it.
				for key, f := range n.found {
					if !f.in && !f.waits {
						delete(n.found, key)
					}
				}
				list := reset()
				n.settle(now)
				compare("restore", list)
			}
		}
	}
}

// checkSound checks what always holds of a machine.
func checkSound(t *testing.T, m *Machine) {
	t.Helper()
	active, resolved := 0, 0
	for fp, a := range m.alerts {
		require.Equal(t, fingerprint(a.Labels), fp)
		if a.State == Resolved {
			resolved++
			require.Empty(t, a.things)
			continue
		}
		active++
		require.Equal(t, len(a.things) == 0, !a.left.IsZero())
		require.True(t, slices.IsSorted(a.things))
		for _, key := range a.things {
			require.Same(t, a, m.entries[key].alert)
		}
		if len(a.things) > 0 {
			require.Equal(t, a.things[0], a.Subject)
			require.Equal(t, nameOf(m.entries[a.Subject].subject.Node), a.Annotations["who"])
		}
	}
	require.Equal(t, []int{active, resolved}, []int{m.active, m.resolved})
	require.LessOrEqual(t, active, m.c.Rule.Limit)
	for key, e := range m.waiting.byKey {
		require.Same(t, m.entries[key], e)
		require.Nil(t, e.alert)
	}
	require.True(t, len(m.waiting.byKey) == 0 || active == m.c.Rule.Limit, "nothing waits while there is room")
}
