package gremlin

import (
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// op is a step made ready to run: it takes the stream of the step before it
// and gives its own.
type op func(x *exec, in flow) flow

// compiler checks the steps of one query in order and builds their operators.
type compiler struct {
	text string
	// table is the step table.
	table []step
	// source is the operator of V or E as long as only filters follow it: they
	// become part of it, so that an index can serve them.
	source *source
	// flows is the same for Flows.
	flows *flowSource
	// fields are those of flows, once they are needed; asksFlows tells that the
	// query needs the source of flows.
	fields    *flowFields
	asksFlows bool
	// holds tells that a step sees all that it is given before it gives any,
	// though its name does not say so.
	holds bool
	// series are those that Aggregates can tell apart, nil when it has none to.
	series *series
	// spans are those of the query.
	spans []int
	// names holds what As has named so far.
	names map[string]named
	// before is the step before the one that is built, nil at the start of a
	// sub-traversal.
	before *call
	// after are the steps after it.
	after []call
	// inside is set within a sub-traversal.
	inside bool
	// pipe is set by a step whose operator is one.
	pipe *pipe
	// repeat is the Repeat of which the steps before this speak.
	repeat *repeat
	// follows tells that ways are remembered because a Path comes, forgets is the
	// step that does not keep them.
	follows bool
	forgets string
	// pending is how many By are left that belong to a step before.
	pending int
	// context is the moment.key of the graph that the steps work on, "" for the
	// graph itself; contexts are all that occur.
	context  string
	contexts map[string]bool
}

// named is a set of elements that As keeps.
type named struct {
	index int
	kind  Kind
	// context is where it was named, see compiler.
	context string
}

// compile builds the operators of a query.
func (q *Query) compile(table []step) error {
	c := &compiler{text: q.text, names: make(map[string]named), contexts: make(map[string]bool)}
	c.table = table
	var err error
	if q.ops, _, q.kind, err = c.chain(q.steps, KindGraph); err != nil {
		return err
	}
	q.names, q.travels, q.asksFlows, q.spans, q.holds = len(c.names), len(c.contexts) > 0, c.asksFlows, c.spans, c.holds
	if c.fields != nil {
		q.fields = c.fields.Table
	}
	return nil
}

// chain builds the operators of steps that follow one another; the first of
// them may be pipes.
func (c *compiler) chain(calls []call, kind Kind) ([]op, []pipe, Kind, error) {
	ops := make([]op, 0, len(calls))
	var pipes []pipe
	c.before = nil
	for i := range calls {
		s := &calls[i]
		var def *step
		for j := range c.table {
			if c.table[j].name == s.name {
				def = &c.table[j]
			}
		}
		if def == nil {
			return nil, nil, 0, c.misuse(s, "there is no such step") // completion may ask
		}
		if c.inside && !def.inside {
			return nil, nil, 0, c.misuse(s, "cannot stand in a sub-traversal, which starts at one element and looks at what is around it")
		}
		if !def.on.has(kind) {
			if i == 0 {
				return nil, nil, 0, c.misuse(s, "works on %s, but the sub-traversal starts at %s", anyOf(def.on.names()), kind)
			}
			return nil, nil, 0, c.misuse(s, "works on %s, but what stands before it (%s) gives %s", anyOf(def.on.names()), calls[i-1].name, kind)
		}
		if i > 0 {
			c.before = &calls[i-1]
		}
		c.after = calls[i+1:]
		flows := c.flows
		c.pipe = nil
		if !endsRepeat(s.name) {
			c.repeat = nil
		}
		o, out, err := def.build(c, s, kind)
		if err != nil {
			return nil, nil, 0, err
		}
		o = c.following(s, o)
		if o != nil {
			if c.flows == flows {
				c.flows = nil
			}
			if c.pipe != nil && len(pipes) == len(ops) {
				pipes = append(pipes, *c.pipe)
			}
			ops = append(ops, o)
			if !c.inside {
				c.spans = append(c.spans, i)
			}
		}
		kind = out
	}
	return ops, pipes, kind, nil
}

func (c *compiler) misuse(s *call, format string, args ...any) error {
	return &EvalError{Position: positionAt(c.text, s.pos), Step: s.name, Reason: fmt.Sprintf(format, args...)}
}

// bad says that an argument is not what it should be.
func (c *compiler) bad(a *arg, expected ...string) error {
	return &SyntaxError{Position: positionAt(c.text, a.pos), Got: a.describe(), Expected: expected}
}

// refuse says why an argument cannot be taken.
func (c *compiler) refuse(a *arg, format string, args ...any) error {
	return &SyntaxError{Position: positionAt(c.text, a.pos), Got: a.describe(), Reason: fmt.Sprintf(format, args...)}
}

// missing says that the arguments end too early.
func (c *compiler) missing(s *call, expected ...string) error {
	return &SyntaxError{Position: positionAt(c.text, s.end), Got: "the end of the arguments of " + s.name, Expected: expected}
}

// atMost refuses arguments after the nth.
func (c *compiler) atMost(s *call, n int) error {
	if len(s.args) > n {
		return c.bad(&s.args[n], "the end of the arguments of "+s.name)
	}
	return nil
}

// key takes an argument that names an attribute or a field.
func (c *compiler) key(a *arg) (string, error) {
	if !a.isKey() {
		return "", c.bad(a, "a key in quotes such as 'Name'")
	}
	key := a.val.Str()
	if key == "" {
		return "", c.refuse(a, "the key is empty")
	}
	if !strings.HasPrefix(key, "@") {
		return aliased(key), nil
	}
	fields := []string{
		graph.FieldID, graph.FieldHost, graph.FieldOrigin, graph.FieldCreatedAt,
		graph.FieldUpdatedAt, graph.FieldArchivedAt, graph.FieldDeletedAt, graph.FieldRevision, graph.FieldStale,
	}
	for _, f := range fields {
		if strings.EqualFold(f, key) {
			return f, nil
		}
	}
	return "", c.refuse(a, "there is no field %s; the fields are %s", clip(key), strings.Join(fields, " "))
}

// keys takes all arguments as keys of what the step works on.
func (c *compiler) keys(s *call, in Kind) ([]string, error) {
	out := make([]string, 0, len(s.args))
	for i := range s.args {
		k, err := c.keyOn(in, &s.args[i])
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// oneKey takes the only argument as a key of what the step works on.
func (c *compiler) oneKey(s *call, in Kind) (string, error) {
	if len(s.args) == 0 {
		return "", c.missing(s, "a key in quotes such as 'Name'")
	}
	k, err := c.keyOn(in, &s.args[0])
	if err != nil {
		return "", err
	}
	return k, c.atMost(s, 1)
}

// count takes an argument that is a whole number of 0 or more.
func (c *compiler) count(a *arg) (int, error) {
	if !a.isInt() || a.val.Int() < 0 {
		return 0, c.bad(a, "a whole number of 0 or more")
	}
	return int(a.val.Int()), nil
}

// filter takes the arguments of Has and its like: nothing (nil), a key that
// must exist, keys and values in turn, or METADATA with the same inside.
func (c *compiler) filter(s *call, args []arg, either bool) (*filter, error) {
	return c.filterBy(c.key, newTerm, s, args, either)
}

// filterBy is as filter, for what has other keys.
func (c *compiler) filterBy(keyOf func(*arg) (string, error), termOf func(string, predicate) term, s *call, args []arg, either bool) (*filter, error) {
	if len(args) == 1 && args[0].isFn(fnMetadata) {
		fn := args[0].fn
		if len(fn.args) == 0 {
			return nil, c.missing(fn, "a key in quotes such as 'Name'")
		}
		return c.filterBy(keyOf, termOf, fn, fn.args, either)
	}
	if len(args) == 0 {
		return nil, nil
	}
	f := &filter{either: either, terms: make([]term, 0, (len(args)+1)/2)}
	for i := 0; i < len(args); i += 2 {
		key, err := keyOf(&args[i])
		if err != nil {
			return nil, err
		}
		p := predicate{op: opExists}
		switch {
		case i+1 < len(args):
			if p, err = c.predicate(&args[i+1]); err != nil {
				return nil, err
			}
		case len(args) > 1:
			return nil, c.missing(s, fmt.Sprintf("a value for the key %s", appendQuoted(nil, clip(key))))
		}
		f.terms = append(f.terms, termOf(key, p))
	}
	f.weight = clause(f.terms).weight()
	return f, nil
}

// someFilter is as filter, but there must be one.
func (c *compiler) someFilter(s *call, in Kind, either bool) (*filter, error) {
	if len(s.args) == 0 {
		return nil, c.missing(s, "a key in quotes such as 'Name'")
	}
	if in == KindFlows {
		return c.filterBy(c.flowKey, c.flowTerm, s, s.args, either)
	}
	return c.filter(s, s.args, either)
}

// id takes an argument that is the ID of a node or edge.
func (c *compiler) id(a *arg, step, byName string) (entity.UUID, error) {
	if !a.isKey() {
		return entity.UUID{}, c.bad(a, "an ID in quotes", "a key in quotes and its value")
	}
	id, err := entity.ParseUUID(a.val.Str())
	if err != nil {
		return id, c.refuse(a, "one argument of %s is an ID (a UUID), which %s is not; by attribute it is %s", step, a.describe(), byName)
	}
	return id, nil
}
