package gremlin

import "fmt"

// maxTimes is the largest number of rounds that Times may ask for.
const maxTimes = 1000

// repeat is Repeat with the Times, Until and Emit that follow it.
type repeat struct {
	body *traversal
	// times is the number of rounds, 0 for as many as lead to something new.
	times int
	// until ends the way of an element, emit gives it; nil when there is none.
	until, emit *traversal
	// emits: Emit stands there, with a traversal or without.
	emits bool
}

// endsRepeat tells whether a step says when a Repeat before it ends.
func endsRepeat(name string) bool { return name == "Times" || name == "Until" || name == "Emit" }

// buildRepeat makes Repeat: (traversal) follows a sub-traversal from the
// elements to what it gives, and from there again, round by round. Times, Until
// and Emit, which follow, say when that ends and what it gives.
func buildRepeat(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	if len(s.args) == 0 {
		return nil, 0, c.missing(s, someTraversal)
	}
	r := &repeat{}
	after := c.after
	var err error
	if r.body, err = c.traversal(&s.args[0], in); err != nil {
		return nil, 0, err
	}
	if r.body.kind != in {
		return nil, 0, c.misuse(s, "the traversal starts at %s, so it has to give %s to be repeated, but it gives %s", in, in, r.body.kind)
	}
	if err := c.atMost(s, 1); err != nil {
		return nil, 0, err
	}
	if len(after) == 0 || !endsRepeat(after[0].name) {
		return nil, 0, c.misuse(s, "nothing says when it ends; add Times(3), Until(traversal), or Emit() for all that it comes to")
	}
	c.repeat = r
	return r.run, in, nil
}

// buildRepeatEnd makes Times, Until and Emit.
func buildRepeatEnd(c *compiler, s *call, in Kind) (op, Kind, error) {
	r := c.repeat
	if r == nil {
		return nil, 0, c.misuse(s, "stands only after Repeat, with nothing but Times, Until and Emit between")
	}
	if s.name == "Times" && r.times > 0 || s.name == "Until" && r.until != nil || s.name == "Emit" && r.emits {
		return nil, 0, c.misuse(s, "stands there already for this Repeat")
	}
	var t *traversal
	switch {
	case s.name == "Times":
		want := fmt.Sprintf("a whole number from 1 to %d", maxTimes)
		if len(s.args) == 0 {
			return nil, 0, c.missing(s, want)
		}
		if a := &s.args[0]; !a.isInt() || a.val.Int() < 1 || a.val.Int() > maxTimes {
			return nil, 0, c.bad(a, want)
		}
		r.times = int(s.args[0].val.Int())
	case len(s.args) > 0:
		var err error
		if t, err = c.condition(&s.args[0], in); err != nil {
			return nil, 0, err
		}
		c.repeat = r
	case s.name == "Until":
		return nil, 0, c.missing(s, someTraversal)
	}
	switch s.name {
	case "Until":
		r.until = t
	case "Emit":
		r.emits, r.emit = true, t
	}
	return nil, in, c.atMost(s, 1)
}

// run gives the elements that the rounds come to, each once.
func (r *repeat) run(x *exec, in flow) flow {
	slots := x.view.NodeSlots()
	if in.kind == KindEdges {
		slots = x.view.EdgeSlots()
	}
	l := &loop{
		repeat: r, x: x, ways: x.ways, body: r.body.bindWays(x, in.scope),
		starts: x.slotSet(slots), reached: x.slotSet(slots), given: x.slotSet(slots),
	}
	if r.until != nil {
		l.until = r.until.bind(x, in.scope)
	}
	if r.emit != nil {
		l.emit = r.emit.bind(x, in.scope)
	}
	start, arrive := l.start, l.arrive
	return flow{kind: in.kind, scope: in.scope, slots: func(yield func(int32) bool) {
		l.reset(yield)
		if in.slots(start); l.stopped || x.err != nil {
			return
		}
		for round := 1; len(l.next) > 0; round++ {
			l.level, l.next = l.next, l.level[:0]
			if l.last = round == r.times; r.times > 0 {
				l.reached.reset()
			}
			for _, e := range l.level {
				l.ways.back(e.way)
				if l.body.at(e.slot).slots()(arrive); l.stopped || x.err != nil {
					return
				}
			}
			if l.last {
				l.rest()
				return
			}
		}
	}}
}

// loop is one run of a Repeat, used again for each stream.
type loop struct {
	*repeat
	x                 *exec
	ways              *ways
	body, until, emit *walker
	yield             func(int32) bool
	// starts are the elements it started at; reached those that some round, with
	// Times this round, came to; given those that were given.
	starts, reached, given *slotSet
	// level is what is followed in this round, next in the one after it.
	level, next []passed
	// taken is the longest that next was, and memory taken for.
	taken int
	// last is set in the last round.
	last    bool
	stopped bool
}

// passed is an element that is to be followed, and the way to it.
type passed struct{ slot, way int32 }

func (l *loop) reset(yield func(int32) bool) {
	l.starts.reset()
	l.reached.reset()
	l.given.reset()
	l.level, l.next, l.taken = l.level[:0], l.next[:0], 0
	l.yield, l.last, l.stopped = yield, false, false
}

// stop ends the run.
func (l *loop) stop() bool {
	l.stopped = true
	return false
}

// start takes an element to start at.
func (l *loop) start(slot int32) bool {
	if !l.x.visit() {
		return l.stop()
	}
	if !l.starts.add(slot) {
		return l.x.err == nil || l.stop()
	}
	return l.follow(slot)
}

// follow keeps an element for the next round.
func (l *loop) follow(slot int32) bool {
	if l.next = append(l.next, passed{slot, l.ways.keep()}); len(l.next) > l.taken {
		if l.taken++; !l.x.take(2 * slotBytes) {
			return l.stop()
		}
	}
	return true
}

// give gives an element, once.
func (l *loop) give(slot int32) bool {
	// Without Times nothing is come to twice.
	if l.times > 0 && !l.given.add(slot) {
		return l.x.err == nil || l.stop()
	}
	return l.yield(slot) || l.stop()
}

// arrive takes an element that a round comes to.
func (l *loop) arrive(slot int32) bool {
	if !l.x.visit() {
		return l.stop()
	}
	if !l.reached.add(slot) {
		return l.x.err == nil || l.stop()
	}
	if l.until != nil && l.until.at(slot).any() {
		return l.give(slot)
	}
	if l.x.err != nil {
		return l.stop()
	}
	way := l.ways.keep()
	if l.emits && (l.emit == nil || l.emit.at(slot).any()) && !l.give(slot) {
		return false
	}
	if l.x.err != nil {
		return l.stop()
	}
	if l.times == 0 && l.starts.has(slot) {
		return true
	}
	l.ways.back(way)
	return l.follow(slot)
}

// rest gives what is left to follow after the last round.
func (l *loop) rest() {
	for _, e := range l.next {
		if l.ways.back(e.way); !l.give(e.slot) {
			return
		}
	}
}
