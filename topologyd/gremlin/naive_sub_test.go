package gremlin

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// This file is what the naive evaluator makes of sub-traversals and of the steps
// that take them, as docs/queries.md tells them.

// chain runs steps; some belong to the one before them.
func (n *naive) chain(steps []call, b bag) bag {
	for i := 0; i < len(steps); {
		s, after := &steps[i], steps[i+1:]
		k := 0
		for k < len(after) && slices.Contains([]string{"By", "Times", "Until", "Emit"}, after[k].name) {
			k++
		}
		switch s.name {
		case "Repeat":
			b = n.repeat(s, after[:k], b)
		case "Order":
			b = n.order(after[:k], b)
		case "Group":
			b = n.group(s, after[:k], b)
		case "Project":
			b = n.project(s, after[:k], b)
		default:
			b = n.step(s, b)
		}
		i += 1 + k
	}
	return b
}

// parts gives each element of a bag alone.
func parts(b bag) (out []bag) {
	for i := range len(b.nodes) + len(b.edges) + len(b.values) + len(b.paths) {
		out = append(out, part1(b, i, i+1))
	}
	return out
}

// gives tells whether a sub-traversal gives something for an element.
func (n *naive) gives(sub []call, one bag) bool { return len(parts(n.chain(sub, one))) > 0 }

// where is Where, Not, And and Or.
func (n *naive) where(s *call, b bag) bag {
	all := parts(b)
	return pick(b, func(i int) bool {
		hits := 0
		for j := range s.args {
			if n.gives(s.args[j].sub, all[i]) {
				hits++
			}
		}
		switch s.name {
		case "Not":
			return hits == 0
		case "Or":
			return hits > 0
		default: // Where, And
			return hits == len(s.args)
		}
	})
}

func (n *naive) is(s *call, b bag) bag {
	out := b
	if b.kind == KindNumber {
		out.kind = KindValues
	}
	all := b.values
	return pick(out, func(i int) bool { return passes([]entity.Value{all[i]}, &s.args[0]) })
}

// together puts bags one after the other.
func together(kind Kind, list []bag) bag {
	out := bag{kind: kind}
	for _, b := range list {
		out.nodes = append(out.nodes, b.nodes...)
		out.edges = append(out.edges, b.edges...)
		out.values = append(out.values, b.values...)
		out.paths = append(out.paths, b.paths...)
	}
	return out
}

// only is the one element of a bag.
func only(b bag) any {
	if len(b.nodes) > 0 {
		return b.nodes[0]
	}
	return b.edges[0]
}

// repeat follows a sub-traversal in rounds.
func (n *naive) repeat(s *call, modulators []call, b bag) bag {
	times, until, emit, emits := 0, []call(nil), []call(nil), false
	for i := range modulators {
		switch m := &modulators[i]; m.name {
		case "Times":
			times = int(m.args[0].val.Int())
		case "Until":
			until = m.args[0].sub
		case "Emit":
			if emits = true; len(m.args) > 0 {
				emit = m.args[0].sub
			}
		}
	}
	set := func(list []bag) (out []bag) {
		seen := map[any]bool{}
		for _, one := range list {
			if !seen[only(one)] {
				out = append(out, one)
			}
			seen[only(one)] = true
		}
		return out
	}
	level := set(parts(b))
	followed := map[any]bool{}
	for _, one := range level {
		followed[only(one)] = true
	}
	var given []bag
	for round := 1; len(level) > 0; round++ {
		var next []bag
		for _, one := range level {
			next = append(next, parts(n.chain(s.args[0].sub, one))...)
		}
		level = nil
		for _, one := range set(next) {
			if until != nil && n.gives(until, one) {
				given = append(given, one)
				continue
			}
			if emits && (emit == nil || n.gives(emit, one)) {
				given = append(given, one)
			}
			if times > 0 || !followed[only(one)] {
				followed[only(one)] = true
				level = append(level, one)
			}
		}
		if times > 0 && round == times {
			given = append(given, level...)
			break
		}
	}
	return together(b.kind, set(given))
}

// by works out what By says of an element: the first value of a key or of a
// sub-traversal.
func (n *naive) by(a *arg, one bag) (entity.Value, bool) {
	if a.sub == nil {
		found := values(one.lookups()[0], a.val.Str())
		if len(found) == 0 {
			return entity.Value{}, false
		}
		return found[0], true
	}
	return firstOf(n.chain(a.sub, one))
}

// firstOf is the first value of what a sub-traversal gives; of elements their
// ID.
func firstOf(b bag) (entity.Value, bool) {
	list := asValues(b)
	if len(list) == 0 {
		return entity.Value{}, false
	}
	return list[0], true
}

func asValues(b bag) (out []entity.Value) {
	for _, x := range b.nodes {
		out = append(out, entity.String(x.ID.String()))
	}
	for _, x := range b.edges {
		out = append(out, entity.String(x.ID.String()))
	}
	return append(out, b.values...)
}

func (n *naive) order(modulators []call, b bag) bag {
	if len(modulators) == 0 {
		return n.sort(&call{name: "Sort"}, b)
	}
	all := parts(b)
	type column struct {
		v   entity.Value
		has bool
	}
	keys := make([][]column, len(all))
	for i := range all {
		for j := range modulators {
			v, has := n.by(&modulators[j].args[0], all[i])
			keys[i] = append(keys[i], column{v, has})
		}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		for k := range modulators {
			x, y := keys[order[i]][k], keys[order[j]][k]
			if !x.has || !y.has {
				if x.has != y.has {
					return x.has
				}
				continue
			}
			c := entity.Compare(x.v, y.v)
			if args := modulators[k].args; len(args) > 1 && args[1].fn.name == "DESC" {
				c = -c
			}
			if c != 0 {
				return c < 0
			}
		}
		return false
	})
	var sorted []bag
	for _, i := range order {
		sorted = append(sorted, all[i])
	}
	return together(b.kind, sorted)
}

// group gives the JSON of one map from names to what is in each group.
func (n *naive) group(s *call, modulators []call, b bag) bag {
	name := arg{val: entity.String(entity.KeyType)}
	if b.kind == KindEdges {
		name.val = entity.String(entity.KeyRelationType)
	}
	switch {
	case len(s.args) > 0:
		name = s.args[0]
	case len(modulators) > 0:
		name, modulators = modulators[0].args[0], modulators[1:]
	}
	members := map[string][]bag{}
	for _, one := range parts(b) {
		text := ""
		if v, has := n.by(&name, one); has {
			text = v.Text()
		}
		members[text] = append(members[text], one)
	}
	out := []byte("[{")
	for i, text := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(entity.AppendJSONString(out, text), ':')
		all := together(b.kind, members[text])
		switch {
		case len(modulators) == 0:
			out = appendBag(out, all)
		case modulators[0].args[0].sub == nil:
			var list []entity.Value
			for _, one := range members[text] {
				list = append(list, n.step(&call{name: "Values", args: modulators[0].args[:1]}, one).values...)
			}
			out = entity.List(list...).AppendJSON(out)
		default:
			out = appendBag(out, n.chain(modulators[0].args[0].sub, all))
		}
	}
	if len(members) == 0 {
		out = []byte("[]")
	} else {
		out = append(out, "}]"...)
	}
	return bag{kind: KindGroups, values: []entity.Value{entity.String(string(out))}}
}

// appendBag appends the JSON of a number or a list.
func appendBag(out []byte, b bag) []byte {
	if b.kind == KindNumber {
		return b.values[0].AppendJSON(out)
	}
	out = append(out, '[')
	comma := func() {
		if out[len(out)-1] != '[' {
			out = append(out, ',')
		}
	}
	for _, x := range b.nodes {
		comma()
		out = x.AppendJSON(out)
	}
	for _, x := range b.edges {
		comma()
		out = x.AppendJSON(out)
	}
	for _, v := range b.values {
		comma()
		out = v.AppendJSON(out)
	}
	return append(out, ']')
}

func (n *naive) project(s *call, modulators []call, b bag) bag {
	out := bag{kind: KindMaps}
	for _, one := range parts(b) {
		var m entity.Attrs
		for i := range s.args {
			if v, has := n.by(&modulators[i].args[0], one); has {
				m = append(m, entity.A(s.args[i].val.Str(), v))
			}
		}
		out.values = append(out.values, entity.Map(m.Normalize()))
	}
	return out
}

// naiveWay is a way from a start to the last element of it: nodes and edges.
type naiveWay []any

// waysOf evaluates a query that ends in Path() and whose steps keep ways. It
// walks one way at a time.
func (n *naive) waysOf(steps []call) []naiveWay {
	start := n.step(&steps[0], bag{kind: KindGraph}) // G
	var ways []naiveWay
	for _, one := range parts(n.step(&steps[1], start)) {
		ways = append(ways, naiveWay{only(one)})
	}
	for i := 2; i < len(steps)-1; i++ {
		ways = n.extend(&steps[i], ways)
	}
	return ways
}

func single(x any) bag {
	switch x := x.(type) {
	case *graph.Node:
		return bag{kind: KindNodes, nodes: []*graph.Node{x}}
	case *graph.Edge:
		return bag{kind: KindEdges, edges: []*graph.Edge{x}}
	}
	panic(fmt.Sprintf("%T is no element", x))
}

// sharedWays keeps the ways to what shares something with the ends of the others.
func (n *naive) sharedWays(s *call, ways []naiveWay) (out []naiveWay) {
	b := bag{}
	for _, w := range ways {
		one := single(w[len(w)-1])
		b.kind, b.nodes, b.edges = one.kind, append(b.nodes, one.nodes...), append(b.edges, one.edges...)
	}
	left := map[any]bool{}
	for _, one := range parts(n.shared(s, b)) {
		left[only(one)] = true
	}
	for _, w := range ways {
		if left[w[len(w)-1]] {
			out = append(out, w)
		}
	}
	return out
}

// extend makes of each way those that a step leads to.
func (n *naive) extend(s *call, ways []naiveWay) (out []naiveWay) {
	switch s.name {
	case "Limit":
		return ways[:min(len(ways), int(s.args[0].val.Int()))]
	case "Dedup":
		seen := map[any]bool{}
		for _, w := range ways {
			last := w[len(w)-1]
			id := any(nil)
			switch x := last.(type) {
			case *graph.Node:
				id = x.ID
			case *graph.Edge:
				id = x.ID
			}
			if !seen[id] {
				out = append(out, w)
			}
			seen[id] = true
		}
		return out
	}
	if s.name == "Shared" {
		return n.sharedWays(s, ways)
	}
	moves := slices.Contains([]string{"In", "Out", "Both", "InE", "OutE", "BothE", "InV", "OutV", "BothV"}, s.name)
	for _, w := range ways {
		for _, one := range parts(n.step(s, single(w[len(w)-1]))) {
			if moves {
				out = append(out, append(slices.Clone(w), only(one)))
			} else {
				out = append(out, w)
			}
		}
	}
	return out
}
