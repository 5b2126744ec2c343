package gremlin

import (
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// traversal is a sub-traversal: steps that start at elements which another step
// looks at.
type traversal struct {
	ops []op
	// pipes are the first of the operators that are pipes.
	pipes []pipe
	// from is what it starts at, kind what it gives.
	from, kind Kind
}

// traversal takes an argument that is a sub-traversal which starts at elements
// of a kind.
func (c *compiler) traversal(a *arg, from Kind) (*traversal, error) {
	if a.sub == nil {
		return nil, c.bad(a, someTraversal)
	}
	outer := *c
	c.source, c.flows, c.series, c.inside = nil, nil, nil, true
	t := &traversal{from: from}
	var err error
	t.ops, t.pipes, t.kind, err = c.chain(a.sub, from)
	c.source, c.flows, c.series, c.inside = outer.source, outer.flows, outer.series, outer.inside
	c.before, c.after, c.pipe, c.repeat = outer.before, outer.after, nil, nil
	return t, err
}

// walker is a traversal in one run. It is started at one element, or a few,
// after the other; what that takes is made only once. Two runs of one
// walker must not overlap.
type walker struct {
	x    *exec
	kind Kind
	// starts are what it starts at, record the one flow.
	starts []int32
	one    [1]int32
	record *flowrecord.Record
	out    flow
	// hit is set by what any gives to the stream.
	hit     bool
	onSlot  func(int32) bool
	onValue func(entity.Value) bool
	onFlow  func(*flowrecord.Record) bool
	// got is set by the first of the values.
	got     entity.Value
	onFirst func(entity.Value) bool
}

// bind makes a traversal ready for a run, on the part of the graph that a flow
// is of. The ways that it goes are not remembered.
func (t *traversal) bind(x *exec, sc *scope) *walker {
	ways := x.ways
	x.ways = nil
	w := t.bindWays(x, sc)
	x.ways = ways
	return w
}

// bindWays is as bind, but the ways are remembered if the query asks for them.
func (t *traversal) bindWays(x *exec, sc *scope) *walker {
	w := &walker{x: x, kind: t.kind}
	f := flow{kind: t.from, scope: sc}
	if t.from == KindFlows {
		f.flows = func(yield func(*flowrecord.Record) bool) { yield(w.record) }
	} else {
		f.slots = func(yield func(int32) bool) {
			for _, slot := range w.starts {
				if !yield(slot) {
					return
				}
			}
		}
		f.count = func(int) int { return len(w.starts) }
	}
	if len(t.pipes) > 0 {
		f = x.through(f, t.pipes...)
	}
	for _, o := range t.ops[len(t.pipes):] {
		f = o(x, f)
	}
	w.out = f
	w.onFirst = func(v entity.Value) bool { w.got = v; return false }
	w.onSlot = func(int32) bool { w.hit = true; return false }
	w.onValue = func(entity.Value) bool { w.hit = true; return false }
	w.onFlow = func(*flowrecord.Record) bool { w.hit = true; return false }
	return w
}

// at starts at one element.
func (w *walker) at(slot int32) *walker {
	w.one[0] = slot
	w.starts = w.one[:]
	return w
}

// atAll starts at elements, one after the other.
func (w *walker) atAll(slots []int32) *walker {
	w.starts = slots
	return w
}

// atFlow starts at a flow.
func (w *walker) atFlow(r *flowrecord.Record) *walker {
	w.record = r
	return w
}

// any tells whether the traversal gives something.
func (w *walker) any() bool {
	w.hit = false
	before := w.x.taken()
	switch {
	case w.out.slots != nil:
		w.out.slots(w.onSlot)
	case w.out.values != nil:
		w.out.values(w.onValue)
	case w.out.flows != nil:
		w.out.flows(w.onFlow)
	}
	w.x.giveBack(before)
	return w.hit && w.x.err == nil
}

// slots is the stream of what a traversal to nodes or edges gives.
func (w *walker) slots() iter.Seq[int32] { return w.out.slots }

// values is the stream of what the traversal gives, as values: a number, the
// values, and of elements their IDs.
func (w *walker) values() iter.Seq[entity.Value] {
	switch {
	case w.out.number != nil:
		return func(yield func(entity.Value) bool) { yield(w.out.number()) }
	case w.out.values != nil:
		return w.out.values
	case w.out.slots != nil:
		return func(yield func(entity.Value) bool) {
			for slot := range w.out.slots {
				var id entity.UUID
				if w.kind == KindEdges {
					id = w.x.view.EdgeID(slot)
				} else {
					id = w.x.view.NodeID(slot)
				}
				if !yield(entity.String(id.String())) {
					return
				}
			}
		}
	default:
		return slices.Values[[]entity.Value](nil)
	}
}

// first is the first of the values, none when there is none.
func (w *walker) first() entity.Value {
	w.got = entity.Value{}
	before := w.x.taken()
	if w.out.number != nil {
		w.got = w.out.number()
	} else {
		w.values()(w.onFirst)
	}
	if w.got.IsZero() || w.got.IsScalar() { // a map may have been made for it
		w.x.giveBack(before)
	}
	return w.got
}

// takeAndKeep is take for what a step uses again when a sub-traversal is run for
// the next element.
func (x *exec) takeAndKeep(bytes int) bool {
	x.reused += bytes
	return x.take(bytes)
}

// taken is the memory that was taken so far, but for what is used again.
func (x *exec) taken() int { return x.memory - x.reused }

// giveBack counts as gone what was taken since taken gave a number, but for what
// is used again.
func (x *exec) giveBack(taken int) { x.memory = taken + x.reused }
