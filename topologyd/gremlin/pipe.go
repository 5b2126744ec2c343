package gremlin

// pipe is a step that makes of one node or edge at a time what it gives, and
// remembers nothing: a filter or a move.
type pipe struct {
	// to is what it gives.
	to Kind
	// bind makes it ready for a run: the function takes an element, hands to next
	// what comes of it, and tells whether to go on. All that this needs is made
	// here, once for all elements.
	bind func(x *exec, sc *scope, next func(int32) bool) func(int32) bool
	// count, when it gives something, counts what comes of a stream more cheaply
	// than sending it through.
	count func(x *exec, in flow) func(most int) int
}

// piped makes an operator of a pipe, and lets sub-traversals know of it.
func (c *compiler) piped(p pipe) op {
	c.pipe = &p
	return func(x *exec, in flow) flow { return x.through(in, p) }
}

// through sends a stream through pipes, one after the other. They are bound
// here and now: the stream may be run any number of times, but not while it is
// running.
func (x *exec) through(in flow, pipes ...pipe) flow {
	out := flow{kind: pipes[len(pipes)-1].to, scope: in.scope}
	var yield func(int32) bool
	first := func(slot int32) bool { return yield(slot) }
	for i := len(pipes) - 1; i >= 0; i-- {
		first = pipes[i].bind(x, in.scope, first)
	}
	out.slots = func(next func(int32) bool) {
		yield = next
		in.slots(first)
	}
	if p := &pipes[0]; len(pipes) == 1 && p.count != nil {
		out.count = p.count(x, in)
	}
	return out
}
