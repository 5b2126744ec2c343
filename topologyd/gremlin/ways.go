package gremlin

import "iter"

// ways remembers by which way the elements came that go through a run, for
// Path. Each step that leads from one element to another adds a link; the
// element that goes through the steps now is at the end of the way cur. A nil
// *ways remembers nothing, and costs nothing.
type ways struct {
	x     *exec
	links []wayLink
	// cur is the way to the element that the steps look at now.
	cur int32
	// kept is how many links may not be dropped, because a step remembers a way.
	kept int
	// taken is how many links memory was taken for.
	taken int
}

// wayLink is an element on a way and the way to it, -1 at the start. Edges are
// written as ^slot.
type wayLink struct{ before, element int32 }

const linkBytes = 8

// onWay writes a node or edge of a way.
func onWay(k Kind, slot int32) int32 {
	if k == KindEdges {
		return ^slot
	}
	return slot
}

// back returns to a way that keep gave.
func (w *ways) back(way int32) {
	if w != nil {
		w.cur = way
	}
}

// keep returns the way to the present element, to come back to.
func (w *ways) keep() int32 {
	if w == nil {
		return 0
	}
	w.kept = len(w.links)
	return w.cur
}

// lead hands an element that a way leads to to the next step. The links that
// this adds are dropped, unless a step kept a way.
func (w *ways) lead(before, elem, slot int32, next func(int32) bool) bool {
	mark := len(w.links)
	if w.links = append(w.links, wayLink{before, elem}); len(w.links) > w.taken {
		if w.taken++; !w.x.take(linkBytes) {
			return false
		}
	}
	w.cur = int32(mark)
	ok := next(slot)
	if w.kept <= mark {
		w.links = w.links[:mark]
	}
	return ok
}

// path is the way to the present element, from its start.
func (w *ways) path() []int32 {
	n := 0
	for i := w.cur; i >= 0; i = w.links[i].before {
		n++
	}
	out := make([]int32, n)
	for i := w.cur; i >= 0; i = w.links[i].before {
		n--
		out[n] = w.links[i].element
	}
	return out
}

// moving binds a step that leads from an element to others: what make gives
// hands these to the function it is given.
func (x *exec) moving(to Kind, next func(int32) bool, make func(next func(int32) bool) func(int32) bool) func(int32) bool {
	w := x.ways
	if w == nil {
		return make(next)
	}
	before := int32(0)
	move := make(func(slot int32) bool { return w.lead(before, onWay(to, slot), slot, next) })
	return func(slot int32) bool {
		before = w.cur
		return move(slot)
	}
}

// following makes an operator remember ways when a Path comes.
func (c *compiler) following(s *call, o op) op {
	if c.inside {
		return o
	}
	if s.name == stepG {
		c.follows, c.forgets = pathAhead(c.after), ""
	}
	if !c.follows || o == nil {
		return o
	}
	switch s.name {
	case "V", "E":
		c.forgets = ""
		return startWays(o)
	case "Sort", "Order", "Shared", "As":
		return sameWays(o)
	}
	if s.name != stepG && !keepsWays(s.name) {
		c.forgets = s.name
	}
	return o
}

// keepsWays tells whether a step keeps the ways to what it is given, or leads
// further on them.
func keepsWays(name string) bool {
	switch name {
	case "Has", "HasEither", "HasKey", "HasNot", "Where", "Not", "And", "Or", "Limit", "Range", "Dedup", "Shared", "Sort", "Order", stepBy, "As",
		"In", "Out", "Both", "InE", "OutE", "BothE", "InV", "OutV", "BothV",
		"Repeat", "Times", "Until", "Emit", "Descendants", "Ascendants", "Neighbors":
		return true
	default:
		return false
	}
}

// pathAhead tells whether a Path stands in steps before they start again.
func pathAhead(after []call) bool {
	for i := range after {
		switch after[i].name {
		case stepG:
			return false
		case "Path":
			return true
		}
	}
	return false
}

// startWays makes an operator whose elements are the starts of ways.
func startWays(o op) op {
	return func(x *exec, in flow) flow {
		x.ways = &ways{x: x}
		w, out := x.ways, o(x, in)
		slots := out.slots
		out.slots = func(yield func(int32) bool) {
			slots(func(slot int32) bool { return w.lead(-1, onWay(out.kind, slot), slot, yield) })
		}
		return out
	}
}

// sameWays makes an operator that gives its elements in another order; those
// that are there more than once in the order in which they came.
func sameWays(o op) op {
	return func(x *exec, in flow) flow {
		w, slots := x.ways, in.slots
		came := make(map[int32][]int32)
		in.slots = func(yield func(int32) bool) {
			slots(func(slot int32) bool {
				came[slot] = append(came[slot], w.keep())
				return x.take(mapBytes) && yield(slot)
			})
		}
		out := o(x, in)
		ordered := out.slots
		out.slots = func(yield func(int32) bool) {
			ordered(func(slot int32) bool {
				w.back(came[slot][0])
				came[slot] = came[slot][1:]
				return yield(slot)
			})
		}
		return out
	}
}

// buildWays makes Path: for each node or edge the way by which it was come to,
// from the start.
func buildWays(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if c.forgets != "" {
		return nil, 0, c.misuse(s, "%s does not keep the ways that led to what it gives", c.forgets)
	}
	return func(x *exec, in flow) flow {
		w := x.ways
		x.ways = nil
		count := in.count
		if count == nil {
			count = lengthOf(in.slots)
		}
		return flow{kind: KindPaths, scope: in.scope, count: count, paths: func(yield func([]int32) bool) {
			for range in.slots {
				path := w.path()
				if !x.visit() || !x.take(valueBytes+len(path)*slotBytes) || !yield(path) {
					return
				}
			}
		}}
	}, KindPaths, c.atMost(s, 0)
}

// PathElement is a node or edge on a path, by its slot.
type PathElement struct {
	Edge bool
	Slot int32
}

// PathElements yields the paths as [Result.Paths] does, with the edges that the
// steps of a query with Path gave on the way.
func (r *Result) PathElements() iter.Seq[[]PathElement] {
	return func(yield func([]PathElement) bool) {
		for _, path := range r.paths {
			out := make([]PathElement, len(path))
			for i, e := range path {
				if out[i].Slot = e; e < 0 {
					out[i] = PathElement{true, ^e}
				}
			}
			if !yield(out) {
				return
			}
		}
	}
}
