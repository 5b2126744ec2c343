package follow

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

var t0 = time.Unix(1_700_000_000, 0)

// world is a graph that random events change.
type world struct {
	rng   *rand.Rand
	g     *graph.Graph
	nodes int
	clock int
	now   time.Time
}

func newWorld(seed uint64, nodes int) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 6)), g: graph.New(graph.DefaultConfig()), nodes: nodes, now: t0}
}

// step changes the graph a few times and returns the changes.
func (w *world) step(t *testing.T, events int) (out []graph.Change) {
	t.Helper()
	if w.rng.IntN(12) == 0 { // silence, so that some are marked as stale
		w.now = w.now.Add(2 * time.Minute)
		_, _, out = w.g.Sweep(0, w.now, out)
	}
	for range events {
		e := w.event()
		require.NoError(t, e.Validate())
		p := w.g.Prepare(&e, 0)
		out, _ = w.g.Apply(&p, w.now, out)
	}
	return out
}

func (w *world) event() entity.Event {
	rng := w.rng
	w.clock++
	ref := func() entity.Ref { return entity.InterfaceRef("h", "1", fmt.Sprint(rng.IntN(w.nodes))) }
	e := entity.Event{
		Ref: ref(), Source: []string{"docker", "netlink"}[rng.IntN(2)], Time: w.now.Add(time.Duration(w.clock) * time.Millisecond), Interval: 30 * time.Second,
	}
	if rng.IntN(5) == 0 {
		e.Kind = entity.Delete
		return e
	}
	for _, key := range []string{"Name", "Type", "MTU", "IPV4", "Ovs"} {
		if rng.IntN(4) == 0 {
			continue
		}
		v := entity.String(fmt.Sprint("v", rng.IntN(4)))
		switch {
		case key == "MTU" && rng.IntN(2) == 0:
			v = entity.Int(int64(rng.IntN(3)))
		case key == "MTU":
			v = entity.Float(float64(rng.IntN(6)) / 2)
		case key == "IPV4":
			v = entity.Strings("v0", fmt.Sprint("v", rng.IntN(4)))
		case key == "Ovs":
			v = entity.Map(entity.Attrs{entity.A("x", entity.String(fmt.Sprint("v", rng.IntN(3))))})
		}
		e.Attributes = append(e.Attributes, entity.A(key, v))
	}
	e.Attributes = e.Attributes.Normalize()
	for range rng.IntN(4) {
		r := entity.Relationship{Type: []string{entity.RelPartOf, entity.RelMemberOf, entity.RelPeerOf, "uses"}[rng.IntN(4)], Target: ref()}
		if rng.IntN(2) == 0 {
			r.Attributes = entity.Attrs{entity.A("Type", entity.String(fmt.Sprint("v", rng.IntN(3))))}
		}
		dup := func(o entity.Relationship) bool { return o.Edge(e.Ref.UUID()).ID == r.Edge(e.Ref.UUID()).ID }
		if !slices.ContainsFunc(e.Relationships, dup) {
			e.Relationships = append(e.Relationships, r)
		}
	}
	return e
}

// queries makes random queries.
type queries struct {
	rng *rand.Rand
	// where tells that the language has sub-traversals.
	where bool
	ids   []entity.UUID
}

func (q *queries) pick(list ...string) string { return list[q.rng.IntN(len(list))] }

func (q *queries) value(key string) string {
	if key == "MTU" && q.rng.IntN(3) > 0 {
		return q.pick("0", "1", "2", "1.5", "GT(1)", "BETWEEN(0, 2)")
	}
	return q.pick("'v0'", "'v1'", "'v2'", "NE('v1')", "NEE('v2')", "WITHIN('v0', 'v3')", "WITHOUT('v1')", "REGEX('v[12]')")
}

// filter is what stands in the parentheses of Has.
func (q *queries) filter(edge bool) string {
	key := q.pick("Name", "Type", "MTU", "IPV4", "Ovs.x", "@Stale", "Nothing")
	if edge {
		key = q.pick("RelationType", "Type", "Type")
	}
	switch key {
	case "@Stale":
		return "'@Stale', TRUE"
	case "RelationType":
		return "'RelationType', " + q.pick("'ownership'", "'layer2'", "'uses'", "NE('layer2')", "WITHIN('uses', 'ownership')")
	}
	f := fmt.Sprintf("'%s', %s", key, q.value(key))
	if q.rng.IntN(4) == 0 {
		f += fmt.Sprintf(", 'Type', %s", q.value("Type"))
	}
	return f
}

func (q *queries) has(edge bool) string {
	switch q.rng.IntN(8) {
	case 0:
		return ".HasKey('" + q.pick("Type", "Ovs.x", "Name") + "')"
	case 1:
		return ".HasNot('" + q.pick("Type", "IPV4") + "')"
	case 2:
		return ".HasEither(" + q.filter(edge) + ", 'Name', 'v1')"
	default:
		return ".Has(" + q.filter(edge) + ")"
	}
}

// steps adds n moves and tests; it tells whether they end at edges.
func (q *queries) steps(n int, edge bool) (string, bool) {
	var b strings.Builder
	for range n {
		if edge {
			b.WriteString("." + q.pick("InV", "OutV", "BothV") + "(" + q.maybe(false) + ")")
			edge = false
			continue
		}
		switch q.rng.IntN(10) {
		case 0, 1, 2, 3:
			b.WriteString("." + q.pick("In", "Out", "Both") + "(" + q.maybe(false) + ")")
		case 4, 5:
			b.WriteString("." + q.pick("InE", "OutE", "BothE") + "(" + q.maybe(true) + ")")
			edge = true
		case 6:
			b.WriteString("." + q.pick("Descendants", "Ascendants", "Neighbors") + "(" + q.pick("", "2", "'RelationType', 'layer2', 2", "METADATA('Type', 'v1')", "1") + ")")
		case 7:
			b.WriteString(q.has(edge))
		case 8:
			if q.where {
				b.WriteString(q.test(edge, 1))
			}
		default:
			b.WriteString(q.pick(".Dedup()", ".Sort()", ".Sort(DESC, 'Name')"))
		}
	}
	return b.String(), edge
}

func (q *queries) maybe(edge bool) string {
	if q.rng.IntN(2) == 0 {
		return ""
	}
	return q.filter(edge)
}

// test is a step with sub-traversals.
func (q *queries) test(edge bool, depth int) string {
	sub := func() string {
		s, end := q.steps(1+q.rng.IntN(2), edge)
		if depth > 0 && q.rng.IntN(4) == 0 {
			s += q.test(end, depth-1)
		}
		if s == "" {
			s = q.has(edge)
		}
		if q.rng.IntN(6) == 0 {
			s += q.pick(".Shared('Type')", ".Shared('MTU', 'Type')", ".Dedup('Type')", ".Dedup('MTU')", ".Shared('IPV4')")
		}
		if q.rng.IntN(3) == 0 {
			s += ".Count().Is(" + q.pick("0", "GT(1)", "LT(3)", "2") + ")"
		}
		return s[1:]
	}
	switch q.rng.IntN(4) {
	case 0:
		return ".Not(" + sub() + ")"
	case 1:
		return ".And(" + sub() + ", " + sub() + ")"
	case 2:
		return ".Or(" + sub() + ", " + sub() + ")"
	default:
		return ".Where(" + sub() + ")"
	}
}

func (q *queries) next() string {
	b := "G.V(" + q.maybe(false) + ")"
	edge := q.rng.IntN(5) == 0
	if edge {
		b = "G.E(" + q.maybe(true) + ")"
	} else if q.rng.IntN(10) == 0 && len(q.ids) > 0 {
		b = "G.V('" + q.ids[q.rng.IntN(len(q.ids))].String() + "')"
	}
	for range q.rng.IntN(3) {
		b += q.has(edge)
	}
	if q.where && q.rng.IntN(3) == 0 {
		b += q.test(edge, 1)
	}
	s, _ := q.steps(q.rng.IntN(4), edge)
	b += s
	if q.rng.IntN(8) == 0 {
		b += q.pick(".Limit(3)", ".Dedup('Name')", ".Shared('Type')", ".SubGraph()", ".As('a').Select('a')", ".Range(1, 4)")
	}
	return b
}

// hasWhere tells whether the language has sub-traversals.
func hasWhere() bool {
	_, err := gremlin.Parse("G.V().Where(Out().Count().Is(GT(0))).Not(In()).And(In(), Out()).Or(In(), Out())")
	return err == nil
}

// answer is the result of a query run anew, by ID.
func answer(t *testing.T, q *gremlin.Query, v *graph.View) map[entity.UUID]bool {
	t.Helper()
	r, err := q.Run(context.Background(), v, gremlin.Limits{})
	require.NoError(t, err, q.String())
	out := map[entity.UUID]bool{}
	for n := range r.Nodes() {
		out[n.ID] = true
	}
	for e := range r.Edges() {
		out[e.ID] = true
	}
	return out
}

// mirror is what a watcher holds that was only given changes.
type mirror struct {
	f     *Followed
	state map[entity.UUID]string
}

func text(c *graph.Change) string {
	if c.Node != nil {
		return string(c.Node.AppendJSON(nil))
	}
	return string(c.Edge.AppendJSON(nil))
}

func stateIn(v *graph.View, id entity.UUID) string {
	if n := v.Node(id); n != nil {
		return string(n.AppendJSON(nil))
	}
	return string(v.Edge(id).AppendJSON(nil))
}

func (m *mirror) take(t *testing.T, d *Delta) {
	t.Helper()
	require.NoError(t, d.Err)
	for i := range d.Changes {
		c := &d.Changes[i]
		id, _ := elementOf(c)
		_, have := m.state[id]
		switch c.Op {
		case graph.NodeAdded, graph.EdgeAdded:
			require.False(t, have, "%v %s is there already", m.f, id)
			m.state[id] = text(c)
		case graph.NodeUpdated, graph.EdgeUpdated:
			require.True(t, have, "%v %s is not there", m.f, id)
			m.state[id] = text(c)
		default:
			require.True(t, have, "%v %s is not there", m.f, id)
			delete(m.state, id)
		}
		require.LessOrEqual(t, c.Revision, d.Revision)
		require.NotZero(t, c.At)
	}
}

// TestProperty changes a graph at random and follows random queries: after every
// batch their results are those of the queries run anew, and those who were only
// told of changes hold the same, in the same state.
func TestProperty(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 6
	}
	ways := map[gremlin.Way]int{}
	for seed := range seeds {
		property(t, seed, ways)
	}
	for _, w := range []gremlin.Way{gremlin.WayLocal, gremlin.WayBounded, gremlin.WayGlobal} {
		require.Greater(t, ways[w], 20, "too few queries are %s: %v", w, ways)
	}
}

func property(t *testing.T, seed uint64, ways map[gremlin.Way]int) {
	w := newWorld(seed, 12)
	cfg := DefaultConfig()
	if seed%5 == 4 {
		cfg.MaxVisits = 12 // so that some queries become global
	}
	s := NewSet(cfg)
	gen := queries{rng: w.rng, where: hasWhere()}
	for i := range 12 {
		gen.ids = append(gen.ids, entity.InterfaceRef("h", "1", fmt.Sprint(i)).UUID())
	}
	w.step(t, 30)
	v := w.g.View()
	mirrors := map[*Followed]*mirror{}
	byText := map[string]*gremlin.Query{}
	s.Apply(nil, v)
	add := func() {
		text := gen.next()
		q, err := gremlin.Parse(text)
		if err != nil {
			return // some make no sense
		}
		f, err := s.Add(context.Background(), q, v)
		require.NoError(t, err, text)
		if mirrors[f] != nil {
			return
		}
		m := &mirror{f, map[entity.UUID]string{}}
		for id := range f.Elements {
			m.state[id] = stateIn(v, id)
		}
		mirrors[f], byText[f.Text()] = m, q
		ways[f.Way()]++
	}
	for range 40 {
		add()
	}
	for range 60 {
		changes := w.step(t, 1+w.rng.IntN(6))
		v = w.g.View()
		for _, d := range s.Apply(changes, v) {
			mirrors[d.Of].take(t, &d)
		}
		for f := s.Due(func(*Followed) bool { return true }); f != nil; f = s.Due(func(*Followed) bool { return true }) {
			r, err := s.Run(context.Background(), f, v)
			if d, some := s.Put(f, r, err); some {
				mirrors[f].take(t, &d)
			}
		}
		total := 0
		for f, m := range mirrors {
			want := answer(t, byText[f.Text()], v)
			require.Equal(t, slices.SortedFunc(maps.Keys(want), compareIDs), sortedIDs(f), "%v (seed %d)", f, seed)
			require.Len(t, m.state, len(want), "%v", f)
			for id := range want {
				require.Equal(t, stateIn(v, id), m.state[id], "%v (seed %d)", f, seed)
			}
			require.Equal(t, v.Revision(), f.Revision())
			total += f.Len()
		}
		require.Equal(t, total, s.Stats().Elements)
		if w.rng.IntN(3) == 0 {
			for f := range mirrors {
				s.Remove(f)
				delete(mirrors, f)
				break
			}
			add()
		}
	}
	for f := range mirrors {
		s.Remove(f)
	}
	require.Zero(t, s.Len())
	require.Empty(t, s.holders)
	require.Empty(t, s.wishes)
	require.Empty(t, s.groups)
	require.Zero(t, s.Stats().Elements)
}

func sortedIDs(f *Followed) []entity.UUID {
	var out []entity.UUID
	for id := range f.Elements {
		out = append(out, id)
	}
	slices.SortFunc(out, compareIDs)
	return out
}
