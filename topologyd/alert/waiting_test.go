package alert

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWaiting: whoever waits for longest is next, and what no longer waits takes no
// room.
func TestWaiting(t *testing.T) {
	m := NewMachine(compiled(t, Rule{Limit: 1}))
	m.Reset(at(0), slices.Values([]*Subject{node("first")}))
	m.Enter(at(2), node("late"))
	m.Enter(at(1), node("early"))
	m.Enter(at(1), node("gone"))
	for range 10 * minResolved { // it comes and goes
		m.Leave(at(1), node("gone").Key, false)
		m.Enter(at(1), node("gone"))
	}
	m.Leave(at(3), node("gone").Key, false)
	require.LessOrEqual(t, len(m.waiting.queue), 2*minResolved)
	require.Equal(t, 2, m.Stats().Waiting)
	require.Equal(t, []string{"early pending→firing", "first firing→resolved"}, steps(m.Leave(at(4), node("first").Key, false)))
	m.Enter(at(5), node("early")) // no difference
	require.Equal(t, []string{"early firing→resolved", "late pending→firing"}, steps(m.Leave(at(6), node("early").Key, false)))
	require.Empty(t, m.waiting.byKey)
	require.Equal(t, []string{"late firing→resolved"}, steps(m.Leave(at(7), node("late").Key, false)))
	require.Empty(t, m.waiting.queue)
}

// BenchmarkLeaveOverLimit has the things of a rule leave of which most wait.
func BenchmarkLeaveOverLimit(b *testing.B) {
	m := NewMachine(compiled(b, Rule{Limit: 1000}))
	all := make([]*Subject, 50_000)
	for i := range all {
		all[i] = node(fmt.Sprint(i))
	}
	m.Reset(start, slices.Values(all))
	i := 0
	for b.Loop() {
		s := all[i%len(all)]
		m.Leave(start, s.Key, false)
		m.Enter(start, s)
		i++
	}
}
