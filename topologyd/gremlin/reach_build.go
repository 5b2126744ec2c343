package gremlin

import (
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// reachBuilder reads the steps of a query that is known to be well formed. Its
// methods report false for what is global, and why is set then.
type reachBuilder struct {
	reach *Reach
	c     *compiler
	// tests is how deep in sub-traversals it reads.
	tests int
}

func (b *reachBuilder) global(format string, args ...any) bool {
	b.reach.Why = fmt.Sprintf(format, args...)
	return false
}

// mention collects every text in a step: the keys that matter are among them.
func (b *reachBuilder) mention(s *call) {
	keys := &b.reach.keys
	switch s.name {
	case "Sort", "Order":
		if len(s.args) < 2 { // by a field, which changes with every revision
			keys.add("@")
		}
	case "Metrics":
		keys.merge(keySet{paths: []string{"Metric"}})
	case stepG, "V", "E", "Has", "HasEither", "HasKey", "HasNot", "In", "Out", "Both", "InE", "OutE", "BothE", "InV", "OutV", "BothV",
		"Descendants", "Ascendants", "Neighbors", "ShortestPathTo", "SubGraph", "Dedup", "Shared", "Limit", "Range", "Count", "Values", "Keys", "Sum", "As", "Select",
		"Is", "Not", "And", "Or", "Where", "Repeat", "Times", "Until", "Emit", "Path":
	default:
		keys.add("@") // who knows what it looks at
	}
	for i := range s.args {
		b.mentionArg(&s.args[i])
	}
}

func (b *reachBuilder) mentionArg(a *arg) {
	if a.fn != nil {
		for i := range a.fn.args {
			b.mentionArg(&a.fn.args[i])
		}
		return
	}
	for i := range a.sub {
		b.mention(&a.sub[i])
	}
	if a.sub == nil && a.val.Kind() == entity.KindString {
		b.reach.keys.add(a.val.Str())
	}
}

// build reads the whole query.
func (b *reachBuilder) build(q *Query) bool {
	r := b.reach
	if q.steps[0].name != stepG || len(q.steps) < 2 {
		return b.global("it does not start with G.V() or G.E()")
	}
	switch q.steps[1].name {
	case "V":
		r.start = KindNodes
	case "E":
		r.start = KindEdges
	default:
		return b.global("it starts with %s", q.steps[1].name)
	}
	s := &q.steps[1]
	if len(s.args) == 1 && !s.args[0].isFn(fnMetadata) {
		id, err := b.c.id(&s.args[0], s.name, "")
		if err != nil {
			return b.global("%v", err)
		}
		r.id = id
	} else if len(s.args) > 0 && !b.filter(s, s.args, false, &r.filters) {
		return false
	}
	rest := q.steps[2:]
	for len(rest) > 0 {
		f, ok := b.has(&rest[0], r.start)
		if !ok {
			if b.reach.Why != "" {
				return false
			}
			break
		}
		if f != nil {
			r.filters = append(r.filters, f)
		}
		rest = rest[1:]
	}
	r.source = &Query{text: q.text, steps: q.steps[:len(q.steps)-len(rest)]}
	if err := r.source.compile(steps()); err != nil {
		return b.global("%v", err)
	}
	r.shape.at = []position{{from: -1, kind: r.start}}
	for _, f := range r.filters {
		r.shape.at[0].keys.addFilter(f)
	}
	var ok bool
	r.stages, _, ok = b.stages(rest, r.start, []int{0}, false)
	return ok
}

func (b *reachBuilder) filter(s *call, args []arg, either bool, to *[]*filter) bool {
	f, err := b.c.filter(s, args, either)
	if err != nil {
		return b.global("%v", err)
	}
	if f != nil {
		*to = append(*to, f)
	}
	return true
}

// has reads a step that filters elements by themselves; it reports false when
// the step does something else, or when why is set.
func (b *reachBuilder) has(s *call, in Kind) (*filter, bool) {
	switch s.name {
	case "Has", "HasEither":
		f, err := b.c.filter(s, s.args, s.name == "HasEither")
		if err != nil {
			return nil, b.global("%v", err)
		}
		return f, true
	case "HasKey", "HasNot":
		key, err := b.c.oneKey(s, in)
		if err != nil {
			return nil, b.global("%v", err)
		}
		p := predicate{op: opExists}
		if s.name == "HasNot" {
			p.sense = noneHit
		}
		return &filter{terms: []term{newTerm(key, p)}}, true
	}
	return nil, false
}

// stages reads steps that work on elements at the positions at; inside tells
// that they are a sub-traversal. It gives the positions of what comes out.
func (b *reachBuilder) stages(list []call, kind Kind, at []int, inside bool) (out []stage, end []int, ok bool) {
	shape := &b.reach.shape
	for i := range list {
		s := &list[i]
		if f, isFilter := b.has(s, kind); isFilter {
			if f != nil {
				out = append(out, stage{op: stageFilter, filter: f})
				for _, p := range at {
					shape.at[p].keys.addFilter(f)
				}
			}
			continue
		}
		switch s.name {
		case "In", "Out", "Both", "InE", "OutE", "BothE", "InV", "OutV", "BothV":
			st := stage{op: stageMove, to: KindNodes}
			st.dir = map[byte]direction{'I': dirIn, 'O': dirOut, 'B': dirBoth}[s.name[0]]
			switch s.name[len(s.name)-1] {
			case 'E':
				st.to = KindEdges
			case 'V':
				st.op = stageEnds
			}
			var fs []*filter
			if kind == KindEdges != (st.op == stageEnds) {
				return nil, nil, b.global("%s works on %s", s.name, kind)
			}
			if !b.filter(s, s.args, false, &fs) {
				return nil, nil, false
			}
			if at, ok = b.moved(at, hop{dir: st.dir, to: st.to}); !ok {
				return nil, nil, false
			}
			if len(fs) > 0 {
				st.filter = fs[0]
				for _, p := range at {
					shape.at[p].keys.addFilter(st.filter)
				}
			}
			kind = st.to
			out = append(out, st)
		case "Descendants", "Ascendants", "Neighbors":
			st, next, ok := b.tree(s, at)
			if !ok {
				return nil, nil, false
			}
			at = next
			out = append(out, st)
		case "Where", "Not", "And", "Or":
			st, ok := b.test(s, kind, at)
			if !ok {
				return nil, nil, false
			}
			out = append(out, st)
		case "Dedup":
			if len(s.args) == 0 {
				out = append(out, stage{op: stageDedup})
				break
			}
			// Which of those with the same values is left depends on their order: who
			// only looks whether there are some, or how many, does not mind.
			if b.tests == 0 || i < len(list)-1 || !b.compares(s, kind, at) {
				return nil, nil, b.global("Dedup with keys compares elements with one another")
			}
			out = append(out, stage{op: stageDistinct, keys: b.keysOf(s)})
		case "Shared":
			if b.tests == 0 || !b.compares(s, kind, at) {
				return nil, nil, b.global("Shared compares elements with one another")
			}
			out = append(out, stage{op: stageShared, keys: b.keysOf(s)})
		case "Sort", "Order", "By":
			// The result is a set.
		default:
			if inside && b.ending(s, list[i:]) {
				return out, at, true
			}
			return nil, nil, b.global("%s looks at more than the surroundings of one element", s.name)
		}
	}
	return out, at, true
}

// compares adds the keys by which a step in a sub-traversal compares elements at
// the positions at with one another.
func (b *reachBuilder) compares(s *call, kind Kind, at []int) bool {
	if _, err := b.c.keys(s, kind); err != nil {
		return false
	}
	for _, p := range at {
		for _, k := range b.keysOf(s) {
			b.reach.shape.at[p].keys.add(k)
		}
	}
	return true
}

// keysOf are the arguments of a step that takes keys and nothing else.
func (b *reachBuilder) keysOf(s *call) []string {
	out := make([]string, len(s.args))
	for i := range s.args {
		out[i] = s.args[i].val.Str()
	}
	return out
}

// ending tells whether what is left of a sub-traversal only looks whether there
// is something.
func (b *reachBuilder) ending(s *call, rest []call) bool {
	return s.name == "Limit" && len(rest) == 1 && len(s.args) == 1 && s.args[0].isInt() && s.args[0].val.Int() > 0
}

// tree reads Descendants and its like.
func (b *reachBuilder) tree(s *call, at []int) (st stage, end []int, ok bool) {
	st = stage{op: stageTree, depth: 1, to: KindNodes}
	st.dir = map[string]direction{"Descendants": dirOut, "Ascendants": dirIn, "Neighbors": dirBoth}[s.name]
	rest := s.args
	if n := len(rest); n > 0 && rest[n-1].isInt() && (n%2 == 1 || rest[0].isFn(fnMetadata)) {
		st.depth = int(rest[n-1].val.Int())
		rest = rest[:n-1]
	}
	if st.depth < 1 || st.depth > maxReach {
		return st, nil, b.global("%s goes further than %d edges", s.name, maxReach)
	}
	var fs []*filter
	if !b.filter(s, rest, false, &fs) {
		return st, nil, false
	}
	switch {
	case len(fs) > 0:
		st.filter = fs[0]
	case st.dir != dirBoth:
		st.filter = &filter{terms: []term{newTerm(entity.KeyRelationType, predicate{op: opEqual, a: entity.String(entity.Ownership)})}}
	}
	h := hop{dir: st.dir, to: KindNodes}
	h.edgeKeys.addFilter(st.filter)
	end = slices.Clone(at)
	for range st.depth {
		if at, ok = b.moved(at, h); !ok {
			return st, nil, false
		}
		end = append(end, at...)
	}
	return st, end, true
}

// moved adds the positions one move on.
func (b *reachBuilder) moved(at []int, h hop) ([]int, bool) {
	shape := &b.reach.shape
	var out []int
	for _, p := range at {
		from := &shape.at[p]
		if from.depth == maxReach || len(shape.at) == maxPositions {
			return nil, b.global("it goes further than can be followed step by step")
		}
		shape.at = append(shape.at, position{from: p, hop: h, kind: h.to, depth: from.depth + 1})
		out = append(out, len(shape.at)-1)
	}
	return out, true
}

// test reads Where, Not, And and Or.
func (b *reachBuilder) test(s *call, kind Kind, at []int) (stage, bool) {
	st := stage{op: stageTest, how: map[string]testHow{"Where": testAny, "Or": testAny, "And": testAll, "Not": testNone}[s.name]}
	if len(s.args) == 0 {
		return st, b.global("%s without a traversal", s.name)
	}
	for i := range s.args {
		a := &s.args[i]
		if len(a.sub) == 0 {
			return st, b.global("%s takes something else than a traversal", s.name)
		}
		list := a.sub
		var t subTest
		if n := len(list); n >= 2 && list[n-1].name == "Is" && list[n-2].name == "Count" && len(list[n-1].args) == 1 && len(list[n-2].args) == 0 {
			p, err := b.c.predicate(&list[n-1].args[0])
			if err != nil {
				return st, b.global("%v", err)
			}
			t.count, list = &p, list[:n-2]
		}
		b.tests++
		stages, _, ok := b.stages(list, kind, at, t.count == nil)
		b.tests--
		if !ok {
			return st, false
		}
		t.stages = stages
		st.tests = append(st.tests, t)
	}
	return st, true
}
