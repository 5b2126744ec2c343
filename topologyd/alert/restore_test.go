package alert

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRestoreForAnotherRule restores what a rule saved before it was changed: what
// no longer fits ends, and nothing is stuck.
func TestRestoreForAnotherRule(t *testing.T) {
	rules := map[string]Rule{
		"plain":   {},
		"kept":    {KeepFiringFor: time.Minute},
		"gone":    {KeepGoneFor: time.Minute},
		"slow":    {For: 30 * time.Second},
		"was":     {Was: "G.V().Has('State', 'UP')"},
		"changed": {Changed: []string{"MTU"}, KeepFiringFor: time.Minute},
		"absent":  {Absent: true},
	}
	two := func(mtu string) func(func(*Subject) bool) {
		return slices.Values([]*Subject{node("a", "MTU", mtu), node("b", "MTU", mtu)})
	}
	for from, old := range rules {
		for to, rule := range rules {
			for _, some := range []bool{true, false} {
				m := NewMachine(compiled(t, old))
				m.Arm(at(0), idOf("a"), idOf("b"))
				if some {
					m.Reset(at(0), two("1"))
					m.Reset(at(1), two("2"))
				} else {
					m.Reset(at(0), slices.Values([]*Subject{}))
				}
				saved := m.Save()
				m = NewMachine(compiled(t, rule))
				require.NoError(t, m.Restore(saved, at(2)), "%s to %s", from, to)

				// The opposite of what the rule alerts.
				end := slices.Values([]*Subject{})
				if rule.Absent {
					end = two("2")
				}
				m.Reset(at(3), end)
				m.Tick(at(300))
				s := m.Stats()
				require.Zero(t, s.Pending+s.Firing, "%s to %s, found %v", from, to, some)

				// And it alerts again.
				begin := two("3")
				if rule.Absent {
					begin = slices.Values([]*Subject{})
				}
				m.Arm(at(301), idOf("a"), idOf("b"))
				if len(rule.Changed) > 0 {
					m.Reset(at(301), two("2"))
				}
				m.Reset(at(301), begin)
				m.Tick(at(340))
				require.NotZero(t, m.Stats().Firing, "%s to %s, found %v", from, to, some)
			}
		}
	}
}

// TestRestoreWhatDoesNotFit: a file that somebody changed makes no alert that never ends.
func TestRestoreWhatDoesNotFit(t *testing.T) {
	m := NewMachine(compiled(t, Rule{KeepFiringFor: time.Minute}))
	key := node("a").Key
	labels := map[string]string{"alertname": "A", "id": key, "name": "a"}
	require.NoError(t, m.Restore(&Saved{Alerts: []SavedAlert{
		// Left although it is found.
		{Labels: labels, State: "firing", Since: at(0), Fired: at(0), Left: at(1), Subject: key, Things: []SavedThing{{key, at(0)}}},
	}}, at(2)))
	require.Empty(t, m.Reset(at(3), slices.Values([]*Subject{node("a")})))
	_, next := m.Tick(at(300))
	require.Zero(t, next)
	require.Equal(t, 1, m.Stats().Firing)
}

// TestChangedOfWhatWas: changed counts for what was alone, too.
func TestChangedOfWhatWas(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Was: "G.V().Has('State', 'UP')", Changed: []string{"MTU"}, KeepFiringFor: time.Minute}))
	require.Empty(t, m.Reset(at(0), slices.Values([]*Subject{node("a", "MTU", "1")})))
	require.Empty(t, m.Update(at(1), node("a", "MTU", "2")), "it never was up")
	require.Empty(t, m.Arm(at(2), idOf("a")))
	require.Equal(t, []string{"a pending→firing"}, steps(m.Update(at(3), node("a", "MTU", "3"))))
	for a := range m.Alerts() {
		require.Equal(t, []Change{{"MTU", "2", "3"}}, a.Thing.Changed)
	}
}
