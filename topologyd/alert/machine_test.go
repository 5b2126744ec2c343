package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// start is when tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

func compiled(t testing.TB, r Rule) *Compiled {
	t.Helper()
	if r.Alert == "" {
		r.Alert = "A"
	}
	if r.Expr == "" {
		r.Expr = "G.V()"
	}
	c, err := Compile(&Group{Name: "g"}, &r)
	require.NoError(t, err)
	return c
}

// node makes a node whose ID follows from its name.
func node(name string, attrs ...string) *Subject {
	a := entity.Attrs{entity.A("Name", entity.String(name))}
	for i := 0; i < len(attrs); i += 2 {
		a = append(a, entity.A(attrs[i], entity.String(attrs[i+1])))
	}
	return NodeSubject(&graph.Node{ID: idOf(name), Attrs: a.Normalize()})
}

func idOf(name string) entity.UUID {
	return entity.Ref{Type: "test", ID: entity.NewIdentity("id", name)}.UUID()
}

// steps writes transitions in a few words.
func steps(list []Transition) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, fmt.Sprintf("%s %s→%s", s.Alert.Labels["name"], s.From, s.To))
	}
	slices.Sort(out)
	return out
}

func TestPendingFiringResolved(t *testing.T) {
	m := NewMachine(compiled(t, Rule{For: 10 * time.Second, KeepFiringFor: 5 * time.Second}))
	require.Nil(t, m.Enter(at(0), node("a")), "nothing is known before the first result")
	require.Equal(t, []string{"a pending→pending"}, steps(m.Reset(at(0), slices.Values([]*Subject{node("a")}))))
	got, next := m.Tick(at(9))
	require.Empty(t, got)
	require.Equal(t, at(10), next)
	require.Equal(t, []string{"b pending→pending"}, steps(m.Enter(at(9), node("b"))))
	require.Equal(t, []string{"b pending→resolved"}, steps(m.Leave(at(9), node("b").Key, false)))
	got, next = m.Tick(at(12))
	require.Equal(t, []string{"a pending→firing"}, steps(got))
	require.Zero(t, next)
	require.Equal(t, at(0), got[0].Alert.Since)
	require.Equal(t, at(12), got[0].Alert.Fired)
	require.Empty(t, m.Leave(at(20), node("a").Key, false), "it is kept firing")
	_, next = m.Tick(at(20))
	require.Equal(t, at(25), next)
	require.Empty(t, m.Enter(at(24), node("a")), "and is found again")
	got, next = m.Tick(at(26))
	require.Empty(t, got)
	require.Zero(t, next)
	m.Leave(at(30), node("a").Key, true)
	got, next = m.Tick(at(35))
	require.Equal(t, []string{"a firing→resolved"}, steps(got))
	require.Equal(t, at(35).Add(KeepResolved), next)
	require.Equal(t, 1, m.Stats().Resolved)
	got, next = m.Tick(next)
	require.Empty(t, got)
	require.Zero(t, next)
	require.Empty(t, slices.Collect(m.Alerts()))
}

// TestWas: only what was found by the second query is an alert.
func TestWas(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Expr: "G.V().Has('State', 'DOWN')", Was: "G.V().Has('State', 'UP')"}))
	m.Arm(at(0), idOf("up"))
	require.Equal(t, []string{"up pending→firing"}, steps(m.Reset(at(0), slices.Values([]*Subject{node("down"), node("up")}))))
	require.Equal(t, []string{"up firing→resolved"}, steps(m.Leave(at(1), node("up").Key, false)))
	require.Equal(t, []string{"up pending→firing"}, steps(m.Enter(at(2), node("up"))), "it still was")
	require.Equal(t, []string{"down pending→firing"}, steps(m.Arm(at(3), idOf("down"))))
	require.Equal(t, []string{"up firing→resolved"}, steps(m.Leave(at(4), node("up").Key, true)))
	require.Empty(t, m.Enter(at(5), node("up")), "it is another one")
	require.Equal(t, 1, m.Stats().Armed)
	m.Prune(func(id entity.UUID) bool { return id == idOf("down") })
	require.Zero(t, m.Stats().Armed)
	require.Equal(t, 1, m.Stats().Firing, "what fires goes on")
}

// TestChanged: a change of a value is an alert for some time.
func TestChanged(t *testing.T) {
	m := NewMachine(compiled(t, Rule{
		Changed: []string{"MTU", "State"}, KeepFiringFor: 10 * time.Second,
		Annotations: map[string]string{"what": "{{ range .Changed }}{{ .Key }}: {{ .Old }} → {{ .New }}; {{ end }}"},
	}))
	require.Empty(t, m.Reset(at(0), slices.Values([]*Subject{node("a", "MTU", "1500")})))
	require.Empty(t, m.Update(at(1), node("a", "MTU", "1500", "Other", "1")))
	got := m.Update(at(2), node("a", "MTU", "9000"))
	require.Equal(t, []string{"a pending→firing"}, steps(got))
	require.Equal(t, "MTU: 1500 → 9000; ", got[0].Alert.Annotations["what"])
	require.Empty(t, m.Reset(at(8), slices.Values([]*Subject{node("a", "State", "UP", "MTU", "9000")})))
	for a := range m.Alerts() {
		require.Equal(t, "MTU: 1500 → 9000; State:  → UP; ", a.Annotations["what"])
	}
	require.Empty(t, m.Leave(at(9), node("a").Key, true))
	got, next := m.Tick(at(17))
	require.Empty(t, got)
	require.Equal(t, at(18), next)
	got, _ = m.Tick(at(18))
	require.Equal(t, []string{"a firing→resolved"}, steps(got))
	require.Empty(t, m.Enter(at(20), node("a", "MTU", "1")), "it is there anew")
	for i := range 3 * MaxChanges {
		m.Update(at(21), node("a", "MTU", fmt.Sprint(i)))
	}
	for a := range m.Alerts() {
		require.Len(t, a.Thing.Changed, MaxChanges)
		require.Equal(t, fmt.Sprint(3*MaxChanges-1), a.Thing.Changed[MaxChanges-1].New)
	}
}

// TestAbsent: that nothing is found is one alert.
func TestAbsent(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Absent: true, For: 5 * time.Second}))
	none := slices.Values([]*Subject{})
	require.Empty(t, m.Reset(at(0), slices.Values([]*Subject{node("a"), node("b")})))
	require.Empty(t, m.Leave(at(1), node("a").Key, false))
	require.Equal(t, []string{" pending→pending"}, steps(m.Leave(at(2), node("b").Key, false)))
	require.Empty(t, m.Reset(at(3), none))
	got, _ := m.Tick(at(7))
	require.Equal(t, []string{" pending→firing"}, steps(got))
	require.Equal(t, map[string]string{"alertname": "A"}, got[0].Alert.Labels)
	saved := m.Save()
	m = NewMachine(m.c)
	require.NoError(t, m.Restore(saved, at(8)))
	require.Empty(t, m.Reset(at(9), none))
	require.Equal(t, []string{" firing→resolved"}, steps(m.Enter(at(10), node("a"))))
}

// TestSameLabels: two things with the labels of one are one alert.
func TestSameLabels(t *testing.T) {
	m := NewMachine(compiled(t, Rule{
		Labels: map[string]string{"id": "", "name": "", "type": "x"}, Annotations: map[string]string{"who": "{{ .Name }}"},
	}))
	first, second := node("a"), node("b")
	if first.Key > second.Key {
		first, second = second, first
	}
	require.Len(t, m.Reset(at(0), slices.Values([]*Subject{second})), 1)
	require.Empty(t, m.Enter(at(1), first))
	require.Equal(t, 1, m.Stats().Duplicates)
	who := func() (name string) {
		for a := range m.Alerts() {
			name = a.Annotations["who"]
			require.Equal(t, map[string]string{"alertname": "A", "type": "x"}, a.Labels)
		}
		return name
	}
	require.Equal(t, nameOf(first.Node), who())
	require.Empty(t, m.Leave(at(2), first.Key, true))
	require.Equal(t, nameOf(second.Node), who())
	require.Len(t, m.Leave(at(3), second.Key, true), 1)
}

// TestLimit: what is over the limit waits.
func TestLimit(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Limit: 2}))
	m.Reset(at(0), slices.Values([]*Subject{}))
	for i, name := range []string{"a", "b", "c", "d"} {
		m.Enter(at(i), node(name))
	}
	require.Equal(t, Stats{Found: 4, Firing: 2, Waiting: 2}, m.Stats())
	require.Equal(t, []string{"a firing→resolved", "c pending→firing"}, steps(m.Leave(at(5), node("a").Key, false)))
	require.Empty(t, m.Leave(at(6), node("d").Key, false))
	require.Equal(t, Stats{Found: 2, Firing: 2, Resolved: 1}, m.Stats())
	for a := range m.Alerts() {
		if a.Labels["name"] == "c" {
			require.Equal(t, at(2), a.Since, "since it was found")
		}
	}
	c := NewMachine(compiled(t, Rule{Limit: 1, Changed: []string{"MTU"}, KeepFiringFor: time.Minute}))
	c.Reset(at(0), slices.Values([]*Subject{node("a"), node("b")}))
	c.Update(at(1), node("a", "MTU", "1"))
	require.Empty(t, c.Update(at(1), node("b", "MTU", "1")))
	require.Equal(t, uint64(1), c.Stats().Refused)
}

// TestResolvedAreBounded: alerts that end are not kept without end.
func TestResolvedAreBounded(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Limit: 1}))
	m.Reset(at(0), slices.Values([]*Subject{}))
	for i := range 3 * minResolved {
		s := node(fmt.Sprint(i))
		m.Enter(at(0), s)
		m.Leave(at(0), s.Key, false)
	}
	s := m.Stats()
	require.LessOrEqual(t, s.Resolved, minResolved)
	require.Equal(t, uint64(3*minResolved-s.Resolved), s.Forgotten)
	require.Equal(t, s.Resolved, m.resolved)
}

// TestRelabelled: a thing whose labels change is another alert.
func TestRelabelled(t *testing.T) {
	m := NewMachine(compiled(t, Rule{For: time.Second, Labels: map[string]string{"mtu": "{{ .Get \"MTU\" }}"}}))
	m.Reset(at(0), slices.Values([]*Subject{node("a", "MTU", "1")}))
	m.Tick(at(1))
	require.Equal(t, []string{"a firing→resolved", "a pending→pending"}, steps(m.Update(at(2), node("a", "MTU", "2"))))
}

// TestRestoreRefuses says what cannot be restored, and takes none of it.
func TestRestoreRefuses(t *testing.T) {
	ok := func() SavedAlert {
		return SavedAlert{Labels: map[string]string{"alertname": "A"}, State: "firing", Since: at(0), Fired: at(0), Things: []SavedThing{{"k", at(0)}}}
	}
	for want, change := range map[string]func(*Saved){
		`there is no state "on"`: func(s *Saved) { s.Alerts[0].State = "on" },
		`it is one of "B"`:       func(s *Saved) { s.Alerts[0].Labels["alertname"] = "B" },
		"a time is missing":      func(s *Saved) { s.Alerts[0].Fired = time.Time{} },
		"it is there twice":      func(s *Saved) { s.Alerts = append(s.Alerts, ok()) },
		`"k" is found twice`:     func(s *Saved) { s.Alerts = append(s.Alerts, ok()); s.Alerts[1].Labels["x"] = "y" },
		"armed: ":                func(s *Saved) { s.Armed = []string{"x"} },
	} {
		saved := &Saved{Alerts: []SavedAlert{ok()}}
		change(saved)
		m := NewMachine(compiled(t, Rule{Was: "G.V()"}))
		require.ErrorContains(t, m.Restore(saved, at(1)), want)
		require.Empty(t, slices.Collect(m.Alerts()))
	}
	m := NewMachine(compiled(t, Rule{}))
	future := ok()
	future.Since, future.Fired = at(100), at(100)
	require.NoError(t, m.Restore(&Saved{Alerts: []SavedAlert{future}}, at(1)))
	for a := range m.Alerts() {
		require.Equal(t, at(1), a.Since)
	}
	_, next := m.Tick(at(50))
	require.Zero(t, next, "nothing moves before the first result")
	require.Len(t, m.Reset(at(51), slices.Values([]*Subject{})), 1)
}

// TestChangesAreGathered: what changed of a thing is known while it is found, and
// after a restart.
func TestChangesAreGathered(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Annotations: map[string]string{"n": "{{ len .Changed }}"}}))
	m.Reset(at(0), slices.Values([]*Subject{}))
	changed := func(n int) *Subject {
		s := node("a")
		for i := range n {
			s.Changed = append(s.Changed, Change{Key: fmt.Sprint(i)})
		}
		return s
	}
	seen := func() (text string) {
		for a := range m.Alerts() {
			text = a.Annotations["n"]
		}
		return text
	}
	m.Enter(at(1), changed(2))
	require.Equal(t, "2", seen())
	m.Reset(at(2), slices.Values([]*Subject{node("a")}))
	require.Equal(t, "2", seen())
	m.Update(at(3), changed(1))
	require.Equal(t, "3", seen())
	for range 2 {
		saved := m.Save()
		m = NewMachine(m.c)
		require.NoError(t, m.Restore(saved, at(4)))
	}
	m.Reset(at(5), slices.Values([]*Subject{node("a")}))
	require.Equal(t, "3", seen())
	m.Update(at(6), changed(2*MaxChanges))
	require.Equal(t, fmt.Sprint(MaxChanges), seen())
}
