package gremlin

import (
	"iter"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// explainer watches a run: what goes from one operator to the next, and what
// that costs.
type explainer struct {
	steps []*watched
}

// watched is what is seen of one operator.
type watched struct {
	noted
	// out is the number of elements it gave; counted tells that the number was
	// known without their being given.
	out     int
	counted bool
	// streamed tells that it gives elements, and not the graph.
	streamed bool
	// ran is the time and the visited elements of the operator and all before it,
	// below those of what comes after it.
	ran, below effort
}

// effort is what something took.
type effort struct {
	time    time.Duration
	visited int
}

func (c effort) minus(d effort) effort { return effort{c.time - d.time, c.visited - d.visited} }

// noting returns where the operator that is made ready may note how it works.
func (x *exec) noting() *noted {
	if x.explain == nil || len(x.explain.steps) == 0 {
		return nil
	}
	return &x.explain.steps[len(x.explain.steps)-1].noted
}

// step makes an operator ready, and has its stream watched.
func (e *explainer) step(x *exec, o op, in flow) flow {
	if e == nil {
		return o(x, in)
	}
	w := &watched{}
	e.steps = append(e.steps, w)
	var out flow
	w.measure(x, &w.ran, func() { out = o(x, in) })
	w.streamed = out.kind != KindGraph
	out.slots = watch(x, w, out.slots)
	out.values = watch(x, w, out.values)
	out.paths = watch(x, w, out.paths)
	out.flows = watch(x, w, out.flows)
	out.groups = watch(x, w, out.groups)
	out.packets = watch(x, w, out.packets)
	if number := out.number; number != nil {
		out.number = func() (v entity.Value) {
			w.measure(x, &w.ran, func() { v = number() })
			w.out++
			return v
		}
	}
	if count := out.count; count != nil {
		out.count = func(most int) (n int) {
			w.measure(x, &w.ran, func() { n = count(most) })
			w.out, w.counted = w.out+n, true
			return n
		}
	}
	return out
}

// measure adds to an effort what f takes.
func (w *watched) measure(x *exec, c *effort, f func()) {
	start, visited := time.Now(), x.visited
	f()
	c.time += time.Since(start)
	c.visited += x.visited - visited
}

// watch counts what a stream gives and measures what that takes.
func watch[T any](x *exec, w *watched, in iter.Seq[T]) iter.Seq[T] {
	if in == nil {
		return nil
	}
	return func(yield func(T) bool) {
		w.measure(x, &w.ran, func() {
			in(func(e T) (more bool) {
				w.out++
				w.measure(x, &w.below, func() { more = yield(e) })
				if !more && x.err == nil {
					w.add("stopped early: what follows had enough")
				}
				return more
			})
		})
	}
}

// own is what an operator took itself, given the one before it.
func (w *watched) own(before *watched) effort {
	c := w.ran.minus(w.below)
	if before != nil {
		c = c.minus(before.ran.minus(before.below))
	}
	return c
}
