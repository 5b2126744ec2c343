package graph

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// living is the graph with joins done the obvious way: it keeps the last event of
// every facet and of every row, and works everything out from them.
type living struct {
	facets model
	rows   map[string]*join.Row
}

// told is the newest event of a facet, for tests that tell them in any order.
func (l *living) apply(e entity.Event) {
	if e.Type != entity.TypeJoin {
		l.facets.apply(e)
		return
	}
	delete(l.rows, e.ID.Get(entity.IDName))
	if e.Kind == entity.State {
		row, err := join.Parse([]byte(e.Attributes.Get(entity.KeyRow).Str()))
		if err == nil {
			l.rows[row.Name] = row
		}
	}
}

// being is one entity.
type being struct {
	ref    entity.Ref
	id     entity.UUID
	facets []entity.Event // the one whose attributes stand first
	attrs  entity.Attrs
	node   *being
	row    *join.Row // by which it joined
}

func (b *being) Type() string         { return b.ref.Type }
func (b *being) ID(key string) string { return b.ref.ID.Get(key) }
func (b *being) Lookup(path string, yield func(entity.Value) bool) {
	b.attrs.Lookup(path, yield)
}

// union merges attributes, the first stands.
func union(list ...entity.Attrs) (out entity.Attrs) {
	for _, attrs := range slices.Backward(list) {
		out = append(out, attrs...)
	}
	return out.Normalize()
}

func (l *living) beings() (list []*being) {
	byID := map[entity.UUID]*being{}
	for k, e := range l.facets {
		b := byID[k.node]
		if b == nil {
			b = &being{ref: e.Ref, id: k.node}
			byID[k.node] = b
			list = append(list, b)
		}
		b.facets = append(b.facets, e)
	}
	for _, b := range list {
		slices.SortFunc(b.facets, func(x, y entity.Event) int {
			return cmp.Or(cmp.Compare(entity.Rank(x.Source), entity.Rank(y.Source)), strings.Compare(x.Source, y.Source))
		})
		for _, f := range b.facets {
			b.attrs = union(b.attrs, f.Attributes)
		}
	}
	slices.SortFunc(list, func(x, y *being) int { return strings.Compare(x.id.String(), y.id.String()) })
	return list
}

// keys are those of an entity under one side, as text.
func keys(s *join.Side, b *being) (out []string) {
	for _, k := range s.Keys(b, nil) {
		out = append(out, fmt.Sprintf("%q", k))
	}
	return out
}

// matches are the entities of a row that have a key.
type matches struct{ from, to map[string][]*being }

func matched(r *join.Row, list []*being) matches {
	m := matches{map[string][]*being{}, map[string][]*being{}}
	for _, b := range list {
		for _, k := range keys(&r.From, b) {
			m.from[k] = append(m.from[k], b)
		}
		for _, k := range keys(&r.To, b) {
			m.to[k] = append(m.to[k], b)
		}
	}
	return m
}

// join tells which entities join which.
func (l *living) join(list []*being) {
	rows := slices.Collect(maps.Values(l.rows))
	slices.SortFunc(rows, func(a, b *join.Row) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), strings.Compare(a.Name, b.Name))
	})
	cands := map[*being]*being{}
	by := map[*being]*join.Row{}
	for _, r := range rows {
		if r.Kind != join.Same {
			continue
		}
		m := matched(r, list)
		as, bs := map[*being]map[*being]bool{}, map[*being]map[*being]bool{}
		for k, from := range m.from {
			to := m.to[k]
			if len(from) != 1 || len(to) != 1 || from[0] == to[0] {
				continue
			}
			for _, x := range []struct {
				of   map[*being]map[*being]bool
				a, b *being
			}{{as, to[0], from[0]}, {bs, from[0], to[0]}} {
				if x.of[x.a] == nil {
					x.of[x.a] = map[*being]bool{}
				}
				x.of[x.a][x.b] = true
			}
		}
		for b, with := range as {
			for a := range with {
				if len(with) == 1 && len(bs[a]) == 1 && cands[b] == nil {
					cands[b], by[b] = a, r
				}
			}
		}
	}
	for _, b := range list {
		b.node = b
		if a := cands[b]; a != nil && cands[a] == nil {
			b.node, b.row = a, by[b]
		}
	}
}

func textOf(a entity.Attrs) map[string]string {
	out := map[string]string{}
	for _, x := range a {
		if x.Key != entity.KeyTID {
			out[x.Key] = x.Value.Text()
		}
	}
	return out
}

// describe says what describe says of a view.
func (l *living) describe() (out []string) {
	list := l.beings()
	l.join(list)
	byID := map[entity.UUID]*being{}
	for _, b := range list {
		byID[b.id] = b
		if b.node != b {
			continue
		}
		type said struct {
			event  entity.Event
			prefer []string
		}
		var more []said
		for _, m := range list {
			if m.node != b || m == b {
				continue
			}
			for _, f := range m.facets {
				more = append(more, said{f, m.row.Prefer})
			}
		}
		slices.SortStableFunc(more, func(x, y said) int {
			return cmp.Or(cmp.Compare(entity.Rank(x.event.Source), entity.Rank(y.event.Source)), strings.Compare(x.event.Source, y.event.Source))
		})
		attrs, preferred := b.attrs, entity.Attrs(nil)
		for _, f := range more {
			attrs = union(attrs, f.event.Attributes)
			for _, key := range f.prefer {
				if v := f.event.Attributes.Get(key); !v.IsZero() && !preferred.Has(key) {
					preferred = preferred.With(key, v)
				}
			}
		}
		out = append(out, fmt.Sprint("node ", b.id, textOf(union(preferred, attrs))))
	}
	type proof struct {
		source  string
		emitter entity.UUID
		attrs   entity.Attrs
	}
	proofs := map[entity.Edge][]proof{}
	assert := func(from, to *being, relation string, both bool, p proof) {
		if from == nil || to == nil || from != to && from.node == to.node {
			return
		}
		e := entity.Edge{Parent: from.node.id, Child: to.node.id, RelationType: relation}
		if both && smaller(e.Child, e.Parent) {
			e.Parent, e.Child = e.Child, e.Parent
		}
		if !slices.ContainsFunc(proofs[e], func(o proof) bool { return o.source == p.source && o.emitter == p.emitter }) {
			proofs[e] = append(proofs[e], p)
		}
	}
	for _, b := range list {
		for _, f := range b.facets {
			for i := range f.Relationships {
				r := &f.Relationships[i]
				e := r.Edge(b.id)
				assert(byID[e.Parent], byID[e.Child], e.RelationType, r.Type == entity.RelPeerOf, proof{f.Source, b.id, r.Attributes})
			}
		}
	}
	for _, r := range l.rows {
		if r.Kind != join.Edge {
			continue
		}
		var attrs entity.Attrs
		for k, v := range r.Attributes {
			attrs = append(attrs, entity.A(k, entity.String(v)))
		}
		attrs = attrs.Normalize()
		m := matched(r, list)
		for k, from := range m.from {
			if len(from)*len(m.to[k]) > maxPairs {
				continue
			}
			for _, f := range from {
				for _, to := range m.to[k] {
					x, y := f, to
					if r.Symmetric && smaller(y.id, x.id) {
						x, y = y, x
					}
					if x != y {
						assert(x, y, r.Relation, r.Symmetric, proof{entity.SourceJoinPrefix + r.Name, y.id, attrs})
					}
				}
			}
		}
	}
	for e, list := range proofs {
		slices.SortFunc(list, func(a, b proof) int {
			return cmp.Or(strings.Compare(a.source, b.source), strings.Compare(a.emitter.String(), b.emitter.String()))
		})
		var attrs entity.Attrs
		var sources []string
		for _, p := range list {
			attrs = union(attrs, p.attrs)
			sources = append(sources, p.source)
		}
		out = append(out, fmt.Sprint("edge ", e.Parent, e.Child, e.RelationType, textOf(attrs), slices.Compact(sources)))
	}
	slices.Sort(out)
	return out
}

// rowEvent is the event that puts a row into the table.
func rowEvent(row join.Row, at time.Time) entity.Event {
	return entity.Event{
		Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin, Time: at,
		Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(row.JSON()))},
	}
}

func side(typ string, key ...string) join.Side { return join.Side{Entity: typ, Key: key} }

// someRows are rows that reach one another's entities in every way.
func someRows() []join.Row {
	const a, b = entity.TypeInterface, entity.TypeOvsInterface
	where := side(a, "Name")
	where.Where = []join.Condition{{Key: "Type", In: []string{"v1", "v2"}}}
	not := side(b, "Name")
	not.Where = []join.Condition{{Key: "Type", NotIn: []string{"v1"}}}
	return []join.Row{
		{Name: "name", Kind: join.Same, Priority: 20, From: side(a, "Name"), To: side(b, "Name"), Prefer: []string{"Type"}},
		{Name: "mac", Kind: join.Same, Priority: 10, From: side(a, "Name", "MAC"), To: side(b, "Name", "MAC")},
		{Name: "list", Kind: join.Same, Priority: 30, From: side(a, "IPV4"), To: side(b, "IPV4")},
		{Name: "back", Kind: join.Same, Priority: 15, From: side(b, "MAC"), To: side(a, "MAC")},
		{Name: "self", Kind: join.Same, Priority: 25, From: where, To: side(a, "MAC")},
		{Name: "not", Kind: join.Same, Priority: 5, From: side(a, "Name"), To: not},
		{Name: "map", Kind: join.Edge, From: side(a, "MAC"), To: side(b, "MAC"), Relation: "mapping", Attributes: map[string]string{"Type": "x"}},
		{Name: "tunnel", Kind: join.Edge, Symmetric: true, From: side(b, "Name", "Type"), To: side(b, "Type", "Name"), Relation: entity.Layer2},
		{Name: "list2", Kind: join.Edge, From: side(a, "IPV4"), To: side(a, "IPV4"), Relation: "uses"},
		{Name: "owns", Kind: join.Edge, From: side(a, "Type"), To: side(b, "Type"), Relation: entity.Ownership},
	}
}

// livingEvent is of one of a few entities of two types, or of a row.
func livingEvent(rng *rand.Rand, at time.Time) entity.Event {
	if rng.IntN(12) == 0 {
		row := someRows()[rng.IntN(len(someRows()))]
		e := rowEvent(row, at)
		switch rng.IntN(5) {
		case 2: // a row that does something else under the name of another
			row.Name = someRows()[rng.IntN(len(someRows()))].Name
			e = rowEvent(row, at)
		case 0:
			e.Kind, e.Attributes = entity.Delete, nil
		case 1:
			if row.Description = "again"; row.Kind == join.Same {
				row.Prefer = [][]string{nil, {"Name"}, {"IPV4", "MAC"}}[rng.IntN(3)]
			}
			e = rowEvent(row, at)
		}
		return e
	}
	ref := func() entity.Ref {
		if rng.IntN(2) == 0 {
			return entity.InterfaceRef("h", "1", fmt.Sprint(rng.IntN(6)))
		}
		return entity.RowRef(entity.TypeOvsInterface, "db", fmt.Sprint(rng.IntN(6)))
	}
	e := entity.Event{
		Ref: ref(), Source: []string{"containerd", "netlink", "ovsdb", "runc"}[rng.IntN(4)], Time: at, Interval: time.Minute,
	}
	if rng.IntN(5) == 0 {
		e.Kind = entity.Delete
		return e
	}
	for _, key := range []string{"Name", "MAC", "Type", "IPV4", "Other"} {
		switch {
		case rng.IntN(3) == 0:
		case key == "IPV4":
			e.Attributes = append(e.Attributes, entity.A(key, entity.Strings(fmt.Sprint("i", rng.IntN(6)), fmt.Sprint("i", rng.IntN(6)))))
		default:
			e.Attributes = append(e.Attributes, entity.A(key, entity.String(fmt.Sprint("v", rng.IntN(5)))))
		}
	}
	e.Attributes = e.Attributes.Normalize()
	for range rng.IntN(4) {
		r := entity.Relationship{Type: []string{entity.RelPartOf, entity.RelMemberOf, entity.RelPeerOf, entity.RelPeerOf, "uses"}[rng.IntN(5)], Target: ref()}
		if rng.IntN(2) == 0 {
			r.Attributes = entity.Attrs{entity.A("Type", entity.String(fmt.Sprint("t", rng.IntN(3))))}
		}
		dup := func(o entity.Relationship) bool { return o.Edge(e.Ref.UUID()).ID == r.Edge(e.Ref.UUID()).ID }
		if !slices.ContainsFunc(e.Relationships, dup) {
			e.Relationships = append(e.Relationships, r)
		}
	}
	return e
}

// TestLivingFacets: whatever sources and rows come and go, in whatever order,
// doubled and late, a node is what the living facets say, and a watcher who only
// gets changes has the same graph.
func TestLivingFacets(t *testing.T) {
	joined := 0
	for seed := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, 21))
		g, m := New(DefaultConfig()), living{model{}, map[string]*join.Row{}}
		mirror := map[entity.UUID]string{}
		newest := map[facetKey]entity.Event{}
		var all []entity.Event
		revision := uint64(0)
		for i := range 400 {
			e := livingEvent(rng, t0.Add(time.Duration(i)*time.Millisecond))
			require.NoError(t, e.Validate())
			all = append(all, e)
			newest[facetKey{e.Ref.UUID(), e.Source}] = e
			m.apply(e)
			p := g.Prepare(&e, uint64(rng.IntN(2))*uint64(i+1))
			changes, _ := g.Apply(&p, t0, nil)
			for _, c := range changes {
				revision++
				require.Equal(t, revision, c.Revision)
				mirrorChange(t, mirror, &c)
			}
			v := g.View()
			if seed < 5 || i%5 == 0 {
				require.Equal(t, m.describe(), describe(t, v), "seed %d, event %d: %+v", seed, i, e)
			}
			if i%20 == 19 {
				require.Equal(t, dump(v), slices.Sorted(maps.Values(mirror)), "seed %d, event %d", seed, i)
				checkTables(t, g)
				checkJoins(t, g)
				checkIndex(t, v)
			}
			joined += g.Stats().Joined
		}
		// The same in another order, some of it twice: the newest of each facet counts.
		again := slices.Concat(all, all[:100])
		rng.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		other := New(DefaultConfig())
		for i := range again {
			p := other.Prepare(&again[i], 0)
			other.Apply(&p, t0, nil)
		}
		for _, e := range newest { // who was deleted before it was known is told again
			p := other.Prepare(&e, 0)
			other.Apply(&p, t0, nil)
		}
		require.Equal(t, m.describe(), describe(t, other.View()), "seed %d: another order", seed)
		checkTables(t, other)
		checkJoins(t, other)
		for k, e := range newest {
			p := g.Prepare(&entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: k.source, Time: t0.Add(time.Hour)}, 0)
			g.Apply(&p, t0, nil)
		}
		s := g.Stats()
		require.Zero(t, s.Nodes+s.Edges+s.Facets+s.Dangling+s.Stale+s.Joined+s.Joins)
		require.Zero(t, g.t.nodeIDs.used+g.t.edgeIDs.used+g.t.index.terms.used, "tables are empty when the graph is")
		require.Empty(t, g.dangling)
		require.Empty(t, g.joins.looks)
		require.Empty(t, g.joins.cands)
		require.Empty(t, g.joins.suitors)
		require.Empty(t, g.joins.members)
		checkEmpty(t, g)
	}
	require.Greater(t, joined, 500, "entities join")
}

// mirrorChange does with a watcher's graph what a change says.
func mirrorChange(t *testing.T, mirror map[entity.UUID]string, c *Change) {
	switch {
	case c.Op == NodeDeleted:
		require.NotEmpty(t, mirror[c.Node.ID])
		delete(mirror, c.Node.ID)
	case c.Op == EdgeDeleted:
		require.NotEmpty(t, mirror[c.Edge.ID])
		delete(mirror, c.Edge.ID)
	case c.Node != nil:
		require.Equal(t, c.Op == NodeUpdated, mirror[c.Node.ID] != "")
		mirror[c.Node.ID] = string(c.Node.AppendJSON(nil))
	default:
		require.NotEmpty(t, mirror[c.Edge.Parent], "an edge is told after its ends")
		require.NotEmpty(t, mirror[c.Edge.Child])
		require.Equal(t, c.Op == EdgeUpdated, mirror[c.Edge.ID] != "")
		mirror[c.Edge.ID] = string(c.Edge.AppendJSON(nil))
	}
}
