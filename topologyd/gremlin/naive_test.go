package gremlin

import (
	"fmt"
	"net/netip"
	"regexp"
	"sort"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// naive evaluates a parsed query in the most obvious way: lists of pointers,
// linear searches, every filter on every element, no index, no streams, no
// limits. It shares nothing with the product but the parser.
type naive struct {
	view  *graph.View
	named map[string]bag
	// inside is the part of the graph that steps see, nil: all.
	inside map[any]bool
	// nodes and edges are those of the view by slot, so that each is one pointer.
	nodes map[int32]*graph.Node
	edges map[int32]*graph.Edge
}

func newNaive(v *graph.View) *naive {
	n := &naive{view: v, nodes: map[int32]*graph.Node{}, edges: map[int32]*graph.Edge{}}
	for x := range v.Nodes() {
		n.nodes[x.Slot] = x
	}
	for x := range v.Edges() {
		n.edges[x.Slot] = x
	}
	return n
}

// bag is what a step gives.
type bag struct {
	kind   Kind
	nodes  []*graph.Node
	edges  []*graph.Edge
	values []entity.Value
	paths  []naivePath
}

// naivePath is what is certain of a shortest path: its ends and length.
type naivePath struct {
	from    *graph.Node
	targets map[*graph.Node]bool
	hops    int
}

func (n *naive) run(q *Query) bag {
	n.named = map[string]bag{}
	return n.chain(q.steps, bag{kind: KindGraph})
}

// sees tells whether a node or edge belongs to the part that is seen.
func (n *naive) sees(x any) bool { return n.inside == nil || n.inside[x] }

func (n *naive) allNodes() (out []*graph.Node) {
	for slot := range int32(n.view.NodeSlots()) {
		if x := n.nodes[slot]; x != nil && n.sees(x) {
			out = append(out, x)
		}
	}
	return out
}

func (n *naive) allEdges() (out []*graph.Edge) {
	for slot := range int32(n.view.EdgeSlots()) {
		if x := n.edges[slot]; x != nil && n.sees(x) {
			out = append(out, x)
		}
	}
	return out
}

// naiveLink is one way to go: an edge from one node to another. In a slice an edge
// is a link for each pair of revisions of its ends.
type naiveLink struct {
	edge          *graph.Edge
	parent, child *graph.Node
}

func (n *naive) links() (out []naiveLink) {
	for _, e := range n.allEdges() {
		out = append(out, n.linksOf(e)...)
	}
	return out
}

// linksOf gives the links of an edge of which both ends are seen.
func (n *naive) linksOf(e *graph.Edge) (out []naiveLink) {
	for p, c := range n.view.Ends(e.Slot) {
		l := naiveLink{e, n.nodes[p], n.nodes[c]}
		if n.sees(l.parent) && n.sees(l.child) {
			out = append(out, l)
		}
	}
	return out
}

// from gives the links of a node in the order of the view, with the node that
// each leads to.
func (n *naive) from(x *graph.Node, out, in bool) (list []naiveLink, to []*graph.Node) {
	if out {
		for e, child := range n.view.OutSlots(x.Slot) {
			l := naiveLink{n.edges[e], x, n.nodes[child]}
			if n.sees(l.edge) && n.sees(l.child) {
				list, to = append(list, l), append(to, l.child)
			}
		}
	}
	if in {
		for e, parent := range n.view.InSlots(x.Slot) {
			l := naiveLink{n.edges[e], n.nodes[parent], x}
			if n.sees(l.edge) && n.sees(l.parent) && !(out && l.parent == x) {
				list, to = append(list, l), append(to, l.parent)
			}
		}
	}
	return list, to
}

func values(at lookupFunc, key string) (out []entity.Value) {
	at(key, func(v entity.Value) bool {
		out = append(out, v)
		return true
	})
	return out
}

func (n *naive) step(s *call, b bag) bag {
	switch s.name {
	case "G":
		n.inside = nil
		return bag{kind: KindGraph}
	case "At", "Context": // the view is that one already
		return b
	case "V":
		out := bag{kind: KindNodes, nodes: n.allNodes()}
		if len(s.args) == 1 && s.args[0].fn == nil {
			return n.keep(out, func(at lookupFunc) bool { return values(at, "@ID")[0].Str() == s.args[0].val.Str() })
		}
		return n.filter(out, s.args, false)
	case "E":
		out := bag{kind: KindEdges, edges: n.allEdges()}
		if len(s.args) == 1 && s.args[0].fn == nil {
			return n.keep(out, func(at lookupFunc) bool { return values(at, "@ID")[0].Str() == s.args[0].val.Str() })
		}
		return n.filter(out, s.args, false)
	case "Has", "HasKey":
		return n.filter(b, s.args, false)
	case "HasEither":
		return n.filter(b, s.args, true)
	case "HasNot":
		return n.keep(b, func(at lookupFunc) bool { return len(values(at, s.args[0].val.Str())) == 0 })
	case "In", "Out", "Both", "InE", "OutE", "BothE":
		edges, nodes := bag{kind: KindEdges}, bag{kind: KindNodes}
		for _, x := range b.nodes {
			links, to := n.from(x, !strings.HasPrefix(s.name, "In"), !strings.HasPrefix(s.name, "Out"))
			nodes.nodes = append(nodes.nodes, to...)
			once := map[*graph.Edge]bool{}
			for _, l := range links {
				if !once[l.edge] {
					edges.edges = append(edges.edges, l.edge)
				}
				once[l.edge] = true
			}
		}
		if strings.HasSuffix(s.name, "E") {
			return n.filter(edges, s.args, false)
		}
		return n.filter(nodes, s.args, false)
	case "InV", "OutV", "BothV":
		out := bag{kind: KindNodes}
		for _, e := range b.edges {
			parents, children := map[*graph.Node]bool{}, map[*graph.Node]bool{}
			for _, l := range n.linksOf(e) {
				if s.name != "OutV" && !parents[l.parent] {
					out.nodes = append(out.nodes, l.parent)
				}
				parents[l.parent] = true
			}
			for _, l := range n.linksOf(e) {
				if s.name != "InV" && !children[l.child] {
					out.nodes = append(out.nodes, l.child)
				}
				children[l.child] = true
			}
		}
		return n.filter(out, s.args, false)
	case "Descendants", "Ascendants", "Neighbors":
		return n.tree(s, b)
	case "ShortestPathTo":
		return n.paths(s, b)
	case "SubGraph":
		return n.subGraph(s, b)
	case "Where", "Not", "And", "Or":
		return n.where(s, b)
	case "Is":
		return n.is(s, b)
	case "Dedup":
		return n.dedup(s, b)
	case "Shared":
		return n.shared(s, b)
	case "Sort":
		return n.sort(s, b)
	case "Limit":
		return part1(b, 0, int(s.args[0].val.Int()))
	case "Range":
		return part1(b, int(s.args[0].val.Int()), int(s.args[1].val.Int()))
	case "Count":
		total := len(b.nodes) + len(b.edges) + len(b.values) + len(b.paths)
		return bag{kind: KindNumber, values: []entity.Value{entity.Int(int64(total))}}
	case "As":
		n.named[s.args[0].val.Str()] = b
		return b
	case "Select":
		out := bag{}
		for i := range s.args {
			set := n.named[s.args[i].val.Str()]
			out.kind = set.kind
			out.nodes = append(out.nodes, set.nodes...)
			out.edges = append(out.edges, set.edges...)
		}
		return out
	default:
		return n.measure(s, b)
	}
}

// measure is the steps that turn elements into values.
func (n *naive) measure(s *call, b bag) bag {
	out := bag{kind: KindValues}
	seen := map[string]bool{}
	var whole int64
	var real float64
	float := false
	for _, at := range b.lookups() {
		switch s.name {
		case "Values":
			for i := range s.args {
				for _, v := range values(at, s.args[i].val.Str()) {
					if text := string(v.AppendJSON(nil)); text != "[]" && text != "{}" {
						out.values = append(out.values, v)
					}
				}
			}
		case "ValueMap":
			out.kind = KindMaps
			var m entity.Attrs
			for i := range s.args {
				key := s.args[i].val.Str()
				switch found := values(at, key); len(found) {
				case 0:
				case 1:
					m = append(m, entity.A(key, found[0]))
				default:
					m = append(m, entity.A(key, entity.List(found...)))
				}
			}
			out.values = append(out.values, entity.Map(m.Normalize()))
		case "Sum":
			for _, v := range values(at, s.args[0].val.Str()) {
				for _, e := range elementsOf(v) {
					float = float || e.Kind() == entity.KindFloat
					whole += e.Int()
					real += e.Float()
				}
			}
		}
	}
	switch s.name {
	case "Keys":
		for _, a := range b.metadata() {
			keysOf("", a, seen)
		}
		var keys []string
		for k := range seen {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			out.values = append(out.values, entity.String(k))
		}
	case "Sum":
		out = bag{kind: KindNumber, values: []entity.Value{entity.Int(whole)}}
		if float {
			out.values[0] = entity.Float(real)
		}
	}
	if s.name == "ValueMap" {
		out.kind = KindMaps
	}
	return out
}

func keysOf(prefix string, a entity.Attrs, seen map[string]bool) {
	for _, x := range a {
		seen[prefix+x.Key] = true
		keysOf(prefix+x.Key+".", x.Value.Map(), seen)
	}
}

func (b bag) lookups() (out []lookupFunc) {
	for _, x := range b.nodes {
		out = append(out, x.Lookup)
	}
	for _, x := range b.edges {
		out = append(out, x.Lookup)
	}
	for _, v := range b.values {
		out = append(out, v.Map().Lookup)
	}
	return out
}

func (b bag) metadata() (out []entity.Attrs) {
	for _, x := range b.nodes {
		out = append(out, x.Metadata())
	}
	for _, x := range b.edges {
		out = append(out, x.Metadata())
	}
	for _, v := range b.values {
		out = append(out, v.Map())
	}
	return out
}

// pick keeps the elements of a bag of which keep is true, by their number.
func pick(b bag, keep func(i int) bool) bag {
	out := bag{kind: b.kind}
	i := 0
	for _, x := range b.nodes {
		if keep(i) {
			out.nodes = append(out.nodes, x)
		}
		i++
	}
	for _, x := range b.edges {
		if keep(i) {
			out.edges = append(out.edges, x)
		}
		i++
	}
	for _, x := range b.values {
		if keep(i) {
			out.values = append(out.values, x)
		}
		i++
	}
	for _, x := range b.paths {
		if keep(i) {
			out.paths = append(out.paths, x)
		}
		i++
	}
	return out
}

func part1(b bag, from, to int) bag { return pick(b, func(i int) bool { return i >= from && i < to }) }

func (n *naive) keep(b bag, pass func(lookupFunc) bool) bag {
	at := b.lookups()
	return pick(b, func(i int) bool { return pass(at[i]) })
}

func (n *naive) filter(b bag, args []arg, either bool) bag {
	if len(args) == 1 && args[0].fn != nil && args[0].fn.name != "METADATA" {
		return pick(b, func(i int) bool { return passes([]entity.Value{b.values[i]}, &args[0]) })
	}
	return n.keep(b, func(at lookupFunc) bool { return passesAll(at, args, either) })
}

func passesAll(at lookupFunc, args []arg, either bool) bool {
	if len(args) == 1 && args[0].fn != nil {
		args = args[0].fn.args
	}
	if len(args) == 1 {
		return len(values(at, args[0].val.Str())) > 0
	}
	some, all := false, true
	for i := 0; i < len(args); i += 2 {
		ok := passes(values(at, args[i].val.Str()), &args[i+1])
		some, all = some || ok, all && ok
	}
	return all && !either || some && either
}

func elementsOf(v entity.Value) []entity.Value {
	if v.Kind() == entity.KindList {
		return v.List()
	}
	return []entity.Value{v}
}

// passes applies a predicate to the values of one key.
func passes(vs []entity.Value, a *arg) bool {
	var flat []entity.Value
	for _, v := range vs {
		flat = append(flat, elementsOf(v)...)
	}
	count := func(test func(entity.Value) bool) (hits int) {
		for _, v := range flat {
			if test(v) {
				hits++
			}
		}
		return hits
	}
	same := func(lit entity.Value) func(entity.Value) bool {
		return func(v entity.Value) bool {
			if v.IsNumber() && lit.IsNumber() {
				return v.Float() == lit.Float()
			}
			return v.Equal(lit)
		}
	}
	if a.fn == nil {
		return count(same(a.val)) > 0
	}
	arg0 := a.fn.args[0].val
	number := func(test func(f float64) bool) bool {
		return count(func(v entity.Value) bool { return v.IsNumber() && test(v.Float()) }) > 0
	}
	x, y := arg0.Float(), 0.0
	if len(a.fn.args) > 1 {
		y = a.fn.args[1].val.Float()
	}
	among := 0
	for i := range a.fn.args {
		among += count(same(a.fn.args[i].val))
	}
	switch a.fn.name {
	case "NE":
		return len(vs) > 0 && count(same(arg0)) == 0
	case "NEE":
		return count(same(arg0)) == 0
	case "LT":
		return number(func(f float64) bool { return f < x })
	case "GT":
		return number(func(f float64) bool { return f > x })
	case "LTE":
		return number(func(f float64) bool { return f <= x })
	case "GTE":
		return number(func(f float64) bool { return f >= x })
	case "INSIDE":
		return number(func(f float64) bool { return f > x && f < y })
	case "OUTSIDE":
		return number(func(f float64) bool { return f < x || f > y })
	case "BETWEEN":
		return number(func(f float64) bool { return f >= x && f < y })
	case "WITHIN":
		return among > 0
	case "WITHOUT":
		return among == 0
	case "REGEX":
		re := regexp.MustCompile("^(" + arg0.Str() + ")$")
		return count(func(v entity.Value) bool { return v.Kind() == entity.KindString && re.MatchString(v.Str()) }) > 0
	case "IPV4RANGE":
		prefix := netip.MustParsePrefix(arg0.Str())
		return count(func(v entity.Value) bool {
			if p, err := netip.ParsePrefix(v.Str()); err == nil {
				return prefix.Contains(p.Addr())
			}
			addr, err := netip.ParseAddr(v.Str())
			return err == nil && prefix.Contains(addr)
		}) > 0
	}
	panic(fmt.Sprintf("no predicate %s", a.fn.name))
}

func (n *naive) tree(s *call, b bag) bag {
	args, depth := s.args, 1
	if len(args)%2 == 1 {
		depth = int(args[len(args)-1].val.Int())
		args = args[:len(args)-1]
	}
	out := bag{kind: KindNodes}
	seen := map[*graph.Node]bool{}
	add := func(list []*graph.Node) (fresh []*graph.Node) {
		for _, x := range list {
			if !seen[x] {
				seen[x] = true
				fresh = append(fresh, x)
			}
		}
		out.nodes = append(out.nodes, fresh...)
		return fresh
	}
	level := add(b.nodes)
	for d := 1; len(level) > 0 && (depth == 0 || d <= depth); d++ {
		var next []*graph.Node
		for _, x := range level {
			links, to := n.from(x, s.name != "Ascendants", s.name != "Descendants")
			for i, l := range links {
				follow := l.edge.RelationType == "ownership" || s.name == "Neighbors"
				if len(args) > 0 {
					follow = passesAll(l.edge.Lookup, args, false)
				}
				if follow {
					next = append(next, to[i])
				}
			}
		}
		level = add(next)
	}
	return out
}

// paths computes distances by going over all edges until nothing gets shorter.
func (n *naive) paths(s *call, b bag) bag {
	out := bag{kind: KindPaths}
	targets := map[*graph.Node]bool{}
	for _, x := range n.allNodes() {
		if passesAll(x.Lookup, s.args[:1], false) {
			targets[x] = true
		}
	}
	const far = 1 << 30
	dist := map[*graph.Node]int{}
	at := func(x *graph.Node) int {
		if targets[x] {
			return 0
		}
		if d, ok := dist[x]; ok {
			return d
		}
		return far
	}
	for changed := true; changed; {
		changed = false
		for _, l := range n.links() {
			if len(s.args) > 1 && !passesAll(l.edge.Lookup, s.args[1:], false) {
				continue
			}
			for _, way := range [][2]*graph.Node{{l.parent, l.child}, {l.child, l.parent}} {
				if at(way[0])+1 < at(way[1]) {
					dist[way[1]] = at(way[0]) + 1
					changed = true
				}
			}
		}
	}
	done := map[*graph.Node]bool{}
	for _, x := range b.nodes {
		if d := at(x); d < far && !done[x] {
			out.paths = append(out.paths, naivePath{x, targets, d})
		}
		done[x] = true
	}
	return out
}

func (n *naive) subGraph(s *call, b bag) bag {
	inside := map[any]bool{}
	for _, x := range b.nodes {
		inside[x] = true
	}
	for _, e := range b.edges {
		if passesAll(e.Lookup, s.args, false) || len(s.args) == 0 {
			inside[e] = true
			for _, l := range n.linksOf(e) {
				inside[l.parent], inside[l.child] = true, true
			}
		}
	}
	if b.kind == KindNodes {
		for _, l := range n.links() {
			if inside[l.parent] && inside[l.child] && (len(s.args) == 0 || passesAll(l.edge.Lookup, s.args, false)) {
				inside[l.edge] = true
			}
		}
	}
	n.inside = inside
	return bag{kind: KindGraph}
}

func (n *naive) dedup(s *call, b bag) bag {
	at := b.lookups()
	seen := map[string]bool{}
	return pick(b, func(i int) bool {
		id := ""
		switch {
		case len(s.args) > 0:
			some := false
			for j := range s.args {
				found := values(at[i], s.args[j].val.Str())
				some = some || len(found) > 0
				id += fmt.Sprintf("%d:", len(found))
				for _, v := range found {
					id += naiveText(v) + ","
				}
			}
			if !some {
				return true
			}
		case b.kind == KindNodes:
			id = b.nodes[i].ID.String()
		case b.kind == KindEdges:
			id = b.edges[i].ID.String()
		default:
			id = naiveText(b.values[i])
		}
		fresh := !seen[id]
		seen[id] = true
		return fresh
	})
}

// shared compares each element with every other one.
func (n *naive) shared(s *call, b bag) bag {
	at := b.lookups()
	id := func(i int) string {
		if b.kind == KindNodes {
			return b.nodes[i].ID.String()
		}
		return b.edges[i].ID.String()
	}
	have := make([][]map[string]bool, len(at))
	for i := range at {
		for j := range s.args {
			set := map[string]bool{}
			var all func(v entity.Value)
			all = func(v entity.Value) {
				if v.Kind() != entity.KindList {
					set[naiveText(v)] = true
				}
				for _, e := range v.List() {
					all(e)
				}
			}
			for _, v := range values(at[i], s.args[j].val.Str()) {
				all(v)
			}
			have[i] = append(have[i], set)
		}
	}
	return pick(b, func(i int) bool {
		for o := range at {
			all := id(o) != id(i)
			for j := range s.args {
				some := false
				for v := range have[i][j] {
					some = some || have[o][j][v]
				}
				all = all && some
			}
			if all {
				return true
			}
		}
		return false
	})
}

// naiveText writes numbers by their value, whatever their form.
func naiveText(v entity.Value) string {
	switch v.Kind() {
	case entity.KindInt, entity.KindFloat:
		return fmt.Sprintf("%g", v.Float())
	case entity.KindList:
		out := "["
		for _, e := range v.List() {
			out += naiveText(e) + ","
		}
		return out + "]"
	case entity.KindMap:
		out := "{"
		for _, a := range v.Map() {
			out += a.Key + ":" + naiveText(a.Value) + ","
		}
		return out + "}"
	}
	return fmt.Sprintf("%q", v.Text())
}

func (n *naive) sort(s *call, b bag) bag {
	key, desc := "", false
	if b.kind == KindNodes || b.kind == KindEdges {
		key = "@CreatedAt"
	}
	for i := range s.args {
		if s.args[i].fn != nil {
			desc = s.args[i].fn.name == "DESC"
		} else {
			key = s.args[i].val.Str()
		}
	}
	at := b.lookups()
	keyOf := func(i int) (entity.Value, bool) {
		if key == "" {
			return b.values[i], true
		}
		if found := values(at[i], key); len(found) > 0 {
			return found[0], true
		}
		return entity.Value{}, false
	}
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, hasA := keyOf(order[i])
		c, hasC := keyOf(order[j])
		switch {
		case !hasA || !hasC:
			return hasA && !hasC
		case desc:
			return entity.Compare(a, c) > 0
		}
		return entity.Compare(a, c) < 0
	})
	out := bag{kind: b.kind}
	for _, i := range order {
		one := part1(b, i, i+1)
		out.nodes = append(out.nodes, one.nodes...)
		out.edges = append(out.edges, one.edges...)
		out.values = append(out.values, one.values...)
	}
	return out
}
