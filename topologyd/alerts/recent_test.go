package alerts

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// small is a graph with what is remembered of its changes.
type small struct {
	g     *graph.Graph
	r     *recent
	clock time.Time
}

func newSmall(most int) *small {
	return &small{g: graph.New(graph.DefaultConfig()), r: newRecent(most), clock: time.Unix(1_700_000_000, 0).UTC()}
}

func (s *small) put(kind entity.EventKind, name string, attrs entity.Attrs, to ...string) {
	s.clock = s.clock.Add(time.Second)
	e := entity.Event{Kind: kind, Ref: entity.InterfaceRef("h", "1", name), Source: "netlink", Time: s.clock}
	if kind == entity.State {
		e.Attributes = append(entity.Attrs{entity.A("Name", entity.String(name))}, attrs...).Normalize()
	}
	for _, x := range to {
		e.Relationships = append(e.Relationships, entity.Relationship{Type: entity.RelMemberOf, Target: entity.InterfaceRef("h", "1", x)})
	}
	p := s.g.Prepare(&e, 0)
	changes, _ := s.g.Apply(&p, s.clock, nil)
	s.r.note(changes)
}

func id(name string) entity.UUID { return entity.InterfaceRef("h", "1", name).UUID() }

func attr(key string, n int64) entity.Attrs { return entity.Attrs{entity.A(key, entity.Int(n))} }

// TestAround tells what happened near an element, and only there.
func TestAround(t *testing.T) {
	s := newSmall(1000)
	begin := s.clock
	s.put(entity.State, "a", attr("MTU", 1))
	s.put(entity.State, "b", nil, "a")
	s.put(entity.State, "c", nil, "b")
	s.put(entity.State, "d", nil, "c") // three hops away
	s.put(entity.State, "a", attr("MTU", 2))
	s.put(entity.State, "a", attr("MTU", 3))
	s.put(entity.State, "d", attr("MTU", 9), "c")
	s.put(entity.State, "c", attr("MTU", 5), "b")
	require.Equal(t, strings.Join([]string{
		"22:13:28 c: MTU: none → 5",
		"22:13:26 a: MTU: 2 → 3 (2 times)",
		"22:13:23 b -layer2-> c came",
		"22:13:23 c came",
		"22:13:22 a -layer2-> b came",
		"22:13:22 b came",
		"22:13:21 a came",
	}, "\n"), s.r.around(s.g.View(), []entity.UUID{id("a")}, begin))
	require.Equal(t, "MTU: 2 → 3", s.r.last(id("a"), begin))
	require.Empty(t, s.r.last(id("a"), s.clock), "too long ago")
	require.Empty(t, s.r.last(id("z"), begin))
	since := s.clock
	s.put(entity.Delete, "c", nil)
	require.Equal(t, "22:13:29 b -layer2-> c went\n22:13:29 c went", s.r.around(s.g.View(), []entity.UUID{id("a")}, since.Add(time.Millisecond)),
		"what is no longer in the graph")
	s.put(entity.Delete, "a", nil)
	require.Contains(t, s.r.around(s.g.View(), []entity.UUID{id("a")}, since), "a went")
	require.Empty(t, newRecent(1).around(s.g.View(), []entity.UUID{id("b")}, begin))
}

// TestAroundIsBounded has more to tell than is told.
func TestAroundIsBounded(t *testing.T) {
	s := newSmall(10_000)
	begin := s.clock
	s.put(entity.State, "hub", nil)
	for i := range 300 {
		s.put(entity.State, fmt.Sprint("n", i), entity.Attrs{entity.A("Text", entity.String(strings.Repeat("ä", 500)))}, "hub")
	}
	v := s.g.View()
	text := s.r.around(v, []entity.UUID{id("hub")}, begin)
	lines := strings.Split(text, "\n")
	require.Len(t, lines, aroundLines+1)
	require.Regexp(t, `^and \d+ more$`, lines[aroundLines])
	require.LessOrEqual(t, len(text), aroundBytes)
	require.Regexp(t, `^n0 \(layer2\), .* and 290 more$`, neighbours(v, id("hub")))
	nodes, edges := nearby(v, []entity.UUID{id("hub")})
	require.Len(t, nodes, aroundNodes)
	require.LessOrEqual(t, len(edges), aroundEdges)
	require.Empty(t, neighbours(v, id("none")))
	for i := range 10 {
		s.put(entity.State, "n0", attr(fmt.Sprint("Key", i), 1), "hub")
	}
	require.Len(t, s.r.byID[id("n0")].events, recentEach)
}

// TestRecentForgets holds the bounds of what is remembered under random changes.
func TestRecentForgets(t *testing.T) {
	s := newSmall(20)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		name, to := fmt.Sprint(rng.IntN(40)), fmt.Sprint(rng.IntN(40))
		if rng.IntN(4) == 0 {
			s.put(entity.Delete, name, nil)
		} else {
			s.put(entity.State, name, attr("MTU", rng.Int64N(3)), to)
		}
		require.LessOrEqual(t, len(s.r.byID), 20)
		require.Equal(t, len(s.r.byID), s.r.order.Len())
		for _, m := range s.r.byID {
			require.LessOrEqual(t, len(m.events), recentEach)
			require.LessOrEqual(t, len(m.gone), recentGone)
		}
	}
	require.NotEmpty(t, s.r.around(s.g.View(), []entity.UUID{id("1"), id("2")}, time.Time{}))
	require.Equal(t, s.g.Revision(), s.r.seen())
}

// FuzzCut holds what a text that is shortened may be.
func FuzzCut(f *testing.F) {
	f.Add("äöü\n\x00", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 0 || most > 1000 || !utf8.ValidString(s) {
			return
		}
		got := cut(s, most)
		if len(got) > most+len("…") && len(got) > len(s) || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00\x7f") {
			t.Errorf("cut(%q, %d) = %q", s, most, got)
		}
	})
}

// TestAroundStopsAtHosts does not take for near what hangs on the same node as
// everything does.
func TestAroundStopsAtHosts(t *testing.T) {
	s := newSmall(10_000)
	s.put(entity.State, "hub", nil)
	for i := range aroundFan + 10 {
		s.put(entity.State, fmt.Sprint("n", i), nil, "hub")
	}
	begin := s.clock.Add(time.Millisecond)
	s.put(entity.State, "n1", attr("MTU", 1), "hub")
	s.put(entity.State, "hub", attr("MTU", 2))
	require.Regexp(t, `^\S+ hub: MTU: none → 2$`, s.r.around(s.g.View(), []entity.UUID{id("n0")}, begin))
	require.Equal(t, 2, strings.Count(s.r.around(s.g.View(), []entity.UUID{id("hub")}, begin), "MTU"))
}
