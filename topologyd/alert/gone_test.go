package alert

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// goneWorld is a machine with KeepGoneFor, and the graph that it is told of.
type goneWorld struct {
	*Machine
	there map[entity.UUID]bool
}

func newGone(t *testing.T, r Rule) *goneWorld {
	w := &goneWorld{NewMachine(compiled(t, r)), map[entity.UUID]bool{idOf("a"): true, idOf("b"): true}}
	w.SetGraph(func(id entity.UUID) bool { return w.there[id] })
	w.Reset(at(0), slices.Values([]*Subject{node("a")}))
	return w
}

// leave takes a thing that leaves the result, and the graph if it is gone.
func (w *goneWorld) leave(now time.Time, name string, gone bool) []string {
	w.there[idOf(name)] = !gone
	return steps(w.Leave(now, node(name).Key, gone))
}

// until calls Tick when it wants to be called, and returns when an alert ended.
func (w *goneWorld) until(now time.Time) (ended time.Time) {
	for {
		list, next := w.Tick(now)
		for _, s := range list {
			if s.To == Resolved {
				return now
			}
		}
		if next.IsZero() {
			return time.Time{}
		}
		now = next
	}
}

func TestKeepGoneFor(t *testing.T) {
	keep := Rule{KeepGoneFor: time.Minute}
	w := newGone(t, keep)
	require.Equal(t, []string{"a firing→resolved"}, w.leave(at(10), "a", false), "it is still there")

	w = newGone(t, keep)
	require.Empty(t, w.leave(at(10), "a", true))
	require.Equal(t, at(70), w.until(at(10)), "it stays away")

	w = newGone(t, keep)
	w.leave(at(10), "a", true)
	list, next := w.Tick(at(31))
	require.Empty(t, list)
	require.Equal(t, at(31).Add(lookEvery), next)
	w.there[idOf("a")] = true
	require.Equal(t, next, w.until(at(31)), "it is back, and not found")

	w = newGone(t, keep)
	w.leave(at(10), "a", true)
	w.there[idOf("a")] = true
	require.Empty(t, w.Enter(at(20), node("a")), "it is back, and found: the same alert")
	list, next = w.Tick(at(500))
	require.Empty(t, list)
	require.Zero(t, next)

	w = newGone(t, Rule{KeepGoneFor: time.Minute, For: 30 * time.Second})
	require.Equal(t, []string{"a pending→resolved"}, w.leave(at(10), "a", true), "nobody was told")
}

// TestKeepGoneForBesides has what is gone as a part of a whole result, an alert of
// several things, and KeepFiringFor.
func TestKeepGoneForBesides(t *testing.T) {
	w := newGone(t, Rule{KeepGoneFor: time.Minute})
	delete(w.there, idOf("a"))
	require.Empty(t, w.Reset(at(10), slices.Values([]*Subject{})))
	require.Equal(t, at(70), w.until(at(10)))

	w = newGone(t, Rule{KeepGoneFor: time.Minute, Labels: map[string]string{"id": "", "name": ""}})
	w.Enter(at(1), node("b"))
	require.Empty(t, w.leave(at(10), "a", true))
	require.Equal(t, []string{" firing→resolved"}, w.leave(at(20), "b", false), "the last one is there")

	w = newGone(t, Rule{KeepGoneFor: time.Minute, KeepFiringFor: 20 * time.Second})
	w.leave(at(10), "a", false)
	require.Equal(t, at(30), w.until(at(10)))
	w = newGone(t, Rule{KeepGoneFor: time.Minute, KeepFiringFor: 20 * time.Second})
	w.leave(at(10), "a", true)
	w.there[idOf("a")] = true
	require.Equal(t, at(30), w.until(at(10)), "not earlier than what is there")
	w = newGone(t, Rule{KeepGoneFor: time.Minute, KeepFiringFor: 20 * time.Second})
	w.leave(at(10), "a", false)
	delete(w.there, idOf("a"))
	require.Equal(t, at(70), w.until(at(10)), "it goes later")
}

// TestKeepGoneForRestored goes on after a restart.
func TestKeepGoneForRestored(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := newGone(t, Rule{KeepGoneFor: time.Minute})
		w.leave(at(10), "a", true)
		saved := w.Save()
		w.Machine = NewMachine(w.c)
		w.SetGraph(func(id entity.UUID) bool { return w.there[id] })
		require.NoError(t, w.Restore(saved, at(20)))
		w.there[idOf("a")] = back
		require.Empty(t, w.Reset(at(20), maps.Values(map[string]*Subject{})))
		want := at(70)
		if back {
			want = at(20)
		}
		require.Equal(t, want, w.until(at(20)))
	}
}

func TestKeepGoneForMistakes(t *testing.T) {
	for want, r := range map[string]Rule{
		"nodes and edges can be gone, but the query gives values": {Expr: "G.V().Values('Name')", KeepGoneFor: time.Minute},
		"has to be longer than keep_firing_for":                   {Expr: "G.V()", KeepGoneFor: time.Minute, KeepFiringFor: time.Minute},
		"leave out absent":                                        {Expr: "G.V()", KeepGoneFor: time.Minute, Absent: true},
		"is not between 0 and a year":                             {Expr: "G.V()", KeepGoneFor: -1},
	} {
		r.Alert = "A"
		_, err := Compile(&Group{Name: "g"}, &r)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "keep_gone_for: ")
	}
}
