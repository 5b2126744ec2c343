package gremlin

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// plainBy is a By as it is written, and what it means for one element: the
// answer of a query of its own that starts there.
type plainBy struct {
	// steps are a sub-traversal, "" for a key.
	steps, key string
}

func (b plainBy) argument() string {
	if b.steps != "" {
		return b.steps
	}
	return "'" + b.key + "'"
}

// plainly works out Order, Group and Project by asking for each element alone.
type plainly struct {
	t    *testing.T
	w    *world
	kind Kind
}

// ask gives the values of a By for some elements, one after the other.
func (p *plainly) ask(b plainBy, slots []int32) (out []entity.Value) {
	steps := b.steps
	if steps == "" {
		steps = "Values('" + b.key + "')"
	}
	for _, slot := range slots {
		var start string
		if p.kind == KindEdges {
			start = fmt.Sprintf("G.E('%s')", p.w.view.EdgeID(slot))
		} else {
			start = fmt.Sprintf("G.V('%s')", p.w.view.NodeID(slot))
		}
		r := p.w.result(p.t, start+"."+steps)
		for n := range r.Nodes() {
			out = append(out, entity.String(n.ID.String()))
		}
		for e := range r.Edges() {
			out = append(out, entity.String(e.ID.String()))
		}
		out = slices.AppendSeq(out, r.Values())
	}
	return out
}

func (p *plainly) first(b plainBy, slot int32) entity.Value {
	if b.steps == "" {
		// Values leaves out what is empty, By does not.
		return first(lookupOf(p.w.view, p.kind, slot), b.key)
	}
	if all := p.ask(b, []int32{slot}); len(all) > 0 {
		return all[0]
	}
	return entity.Value{}
}

// randomBy chooses a key or a traversal.
func randomBy(rnd *rand.Rand, kind Kind) plainBy {
	one := func(choices ...string) string { return choices[rnd.IntN(len(choices))] }
	if rnd.IntN(2) == 0 {
		return plainBy{key: one("A", "B", "L", "M", "M.a", "Q.a", "Type", "Name", "RelationType", "W", "@Host", "@Revision", "nothing", "Metric.RxBytes")}
	}
	if kind == KindEdges {
		return plainBy{steps: one("InV()", "OutV().Values('A', 'B')", "BothV().Count()", "Values('W', 'Type')", "InV().Out().Sum('W')", "Has('W', 2)", "InV().Order().By('W', DESC).Limit(1)")}
	}
	return plainBy{steps: one("Out()", "In().Values('Name')", "Both().Count()", "Values('L')", "OutE().Values('Type')", "Out().Sum('W')", "Has('Type', 'veth')",
		"BothE('RelationType', 'layer2')", "Neighbors(0).Count()", "Out().Sort(DESC, 'W').Limit(1).Values('Name')", "Out().Order().By('Name', DESC).By(In().Count()).Range(0, 2)")}
}

// TestByPlainly: Order, Group and Project of random elements give what is worked
// out element by element.
func TestByPlainly(t *testing.T) {
	rnd := rand.New(rand.NewPCG(13, 14))
	for range 400 {
		w := randomWorld(t, rnd)
		for range 6 {
			start := [...]string{"G.V()", "G.V().Out()", "G.V().Both()", "G.E()", "G.V('Type', 'veth')", "G.V().BothE()", "G.V().Limit(3)"}[rnd.IntN(7)]
			r := w.result(t, start)
			p := &plainly{t, w, r.Kind()}
			p.order(rnd, start, r.slots)
			p.group(rnd, start, r.slots)
			p.project(rnd, start, r.slots)
		}
	}
}

func (p *plainly) order(rnd *rand.Rand, start string, slots []int32) {
	p.t.Helper()
	text := start + ".Order()"
	type one struct {
		plainBy
		down bool
	}
	var bys []one
	for range 1 + rnd.IntN(3) {
		b := one{randomBy(rnd, p.kind), rnd.IntN(2) == 0}
		dir := ""
		if b.down {
			dir = ", DESC"
		} else if rnd.IntN(2) == 0 {
			dir = ", ASC"
		}
		text += ".By(" + b.argument() + dir + ")"
		bys = append(bys, b)
	}
	keys := map[int32][]entity.Value{}
	for _, slot := range slots {
		if keys[slot] == nil {
			for _, b := range bys {
				keys[slot] = append(keys[slot], p.first(b.plainBy, slot))
			}
		}
	}
	want := slices.Clone(slots)
	slices.SortStableFunc(want, func(x, y int32) int {
		for i, b := range bys {
			k, l := keys[x][i], keys[y][i]
			c := cmp.Compare(missing(k), missing(l))
			if c == 0 && !k.IsZero() {
				if c = entity.Compare(k, l); b.down {
					c = -c
				}
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	if n := rnd.IntN(8); rnd.IntN(2) == 0 {
		text += fmt.Sprintf(".Limit(%d)", n)
		want = want[:min(n, len(want))]
	}
	if got := p.w.result(p.t, text).slots; !slices.Equal(got, want) {
		p.t.Fatalf("%s: got %v, want %v", text, got, want)
	}
}

func (p *plainly) group(rnd *rand.Rand, start string, slots []int32) {
	p.t.Helper()
	b := randomBy(rnd, p.kind)
	text := start + ".Group().By(" + b.argument() + ")"
	of, some := plainBy{}, rnd.IntN(2) == 0
	if some {
		of = randomBy(rnd, p.kind)
		text += ".By(" + of.argument() + ")"
	}
	groups := map[string][]int32{}
	for _, slot := range slots {
		name := ""
		if v := p.first(b, slot); !v.IsZero() {
			name = v.Text()
		}
		groups[name] = append(groups[name], slot)
	}
	r := p.w.result(p.t, text)
	if len(r.groups) != len(groups) || !slices.IsSortedFunc(r.groups, func(a, b *group) int { return cmp.Compare(a.name, b.name) }) {
		p.t.Fatalf("%s: %d groups, want %d", text, len(r.groups), len(groups))
	}
	for _, g := range r.groups {
		switch all := groups[g.name]; {
		case all == nil:
			p.t.Fatalf("%s: the group %q", text, g.name)
		case !some:
			if !slices.Equal(g.slots, all) || !g.value.IsZero() {
				p.t.Fatalf("%s: %q is %v, want %v", text, g.name, g.slots, all)
			}
		default:
			p.checkGroup(text, g, of, all)
		}
	}
}

// checkGroup checks what is given of one group: numbers add up, and all else
// stands one after the other; what is ordered or limited is that of the whole.
func (p *plainly) checkGroup(text string, g *group, of plainBy, all []int32) {
	p.t.Helper()
	if slices.Contains([]string{"Neighbors(0).Count()", "InV().Order().By('W', DESC).Limit(1)", "Out().Sort(DESC, 'W').Limit(1).Values('Name')",
		"Out().Order().By('Name', DESC).By(In().Count()).Range(0, 2)"}, of.steps) {
		return
	}
	want := p.ask(of, all)
	switch {
	case g.value.IsNumber():
		sum := 0.0
		for _, v := range want {
			sum += v.Float()
		}
		if g.value.Float() != sum {
			p.t.Fatalf("%s: %q is %s, want %g", text, g.name, g.value.AppendJSON(nil), sum)
		}
	case g.value.IsZero():
		for i, slot := range g.slots {
			id := p.w.view.NodeID
			if g.kind == KindEdges {
				id = p.w.view.EdgeID
			}
			if len(g.slots) != len(want) || want[i].Str() != id(slot).String() {
				p.t.Fatalf("%s: %q is %v, want %v", text, g.name, g.slots, want)
			}
		}
	default:
		if !g.value.Equal(entity.List(want...)) {
			p.t.Fatalf("%s: %q is %s, want %v", text, g.name, g.value.AppendJSON(nil), want)
		}
	}
}

func (p *plainly) project(rnd *rand.Rand, start string, slots []int32) {
	p.t.Helper()
	b, c := randomBy(rnd, p.kind), randomBy(rnd, p.kind)
	text := start + ".Project('z', 'a').By(" + b.argument() + ").By(" + c.argument() + ")"
	i := 0
	for v := range p.w.result(p.t, text).Values() {
		want := entity.Map(entity.Attrs{entity.A("z", p.first(b, slots[i])), entity.A("a", p.first(c, slots[i]))}.Normalize())
		if !v.Equal(want) {
			p.t.Fatalf("%s: got %s, want %s", text, v.AppendJSON(nil), want.AppendJSON(nil))
		}
		i++
	}
	if i != len(slots) {
		p.t.Fatalf("%s: %d maps, want %d", text, i, len(slots))
	}
}

func lookupOf(v *graph.View, k Kind, slot int32) lookupFunc {
	if k == KindEdges {
		return edgeLookup(v, slot)
	}
	return nodeLookup(v, slot)
}
