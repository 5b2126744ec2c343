package gremlin

import (
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Bounds on the text of a query, so that refusing one costs little.
const (
	// MaxText is the longest query in bytes.
	MaxText = 64 << 10
	// MaxSteps is the largest number of steps, those of sub-traversals included.
	MaxSteps = 1000
	// MaxNesting is how deep functions and sub-traversals may stand inside one
	// another.
	MaxNesting = 32
)

// Query is a parsed and checked query. It is immutable and may be run any
// number of times, also concurrently.
type Query struct {
	text  string
	steps []call
	ops   []op
	// spans are the steps with which the operators begin; the steps up to the next
	// one belong to the same operator.
	spans []int
	kind  Kind
	names int
	// travels: it goes to other times.
	travels bool
	// asksFlows: it needs a source of flows; fields are those of flows, then.
	asksFlows bool
	fields    *flowrecord.Table
	// holds: see compiler.
	holds bool
}

// Parse reads a query. The error is a *SyntaxError, or an *EvalError when a
// step is given what it cannot work on; both name the position.
func Parse(text string) (*Query, error) {
	p := parser{lex: lexer{text: text}, steps: steps(), functions: functions()}
	if len(text) > MaxText {
		return nil, p.lex.fail(MaxText, "the query is %d bytes long, the limit is %d", len(text), MaxText)
	}
	calls, err := p.query()
	if err != nil {
		return nil, err
	}
	q := &Query{text: text, steps: calls}
	if err := q.compile(p.steps); err != nil {
		return nil, err
	}
	return q, nil
}

// Kind returns what the query gives.
func (q *Query) Kind() Kind { return q.kind }

// parser turns tokens into calls: query = G {"." step}, step = name
// ["(" arguments ")"], argument = literal | function | ["__."] step {"." step}.
type parser struct {
	lex       lexer
	tok       token
	steps     []step
	functions []function
	// count is the number of steps so far.
	count int
}

func (p *parser) advance() error {
	var err error
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) expected(what ...string) error {
	return &SyntaxError{Position: positionAt(p.lex.text, p.tok.pos), Got: p.tok.String(), Expected: what}
}

func (p *parser) query() ([]call, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tokIdent || !strings.EqualFold(p.tok.text, stepG) {
		return nil, p.expected("G, with which every query starts")
	}
	calls, err := p.chain(0)
	if err == nil && p.tok.kind != tokEnd {
		err = p.expected("a dot and the next step", "the end of the query")
	}
	return calls, err
}

// chain reads steps with dots between them; the current token is the name of
// the first.
func (p *parser) chain(depth int) ([]call, error) {
	calls := make([]call, 0, 8)
	for {
		if p.count++; p.count > MaxSteps {
			return nil, p.lex.fail(p.tok.pos, "the query has more than %d steps", MaxSteps)
		}
		if p.tok.kind != tokIdent {
			return nil, p.expected("the name of a step")
		}
		c, err := p.step(depth)
		if err != nil {
			return nil, err
		}
		if calls = append(calls, c); p.tok.kind != tokDot {
			return calls, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// find returns the step that the current token names, nil if it names none.
func (p *parser) find() *step {
	for i := range p.steps {
		if strings.EqualFold(p.steps[i].name, p.tok.text) {
			return &p.steps[i]
		}
	}
	return nil
}

// step reads a step whose name is the current token.
func (p *parser) step(depth int) (call, error) {
	c := call{pos: p.tok.pos}
	def := p.find()
	if def == nil {
		return c, p.unknownStep()
	}
	c.name = def.name
	c.end = c.pos + len(p.tok.text)
	if err := p.advance(); err != nil {
		return c, err
	}
	if p.tok.kind != tokOpen {
		if !def.bare {
			return c, p.expected(fmt.Sprintf(`"(" after %s`, c.name))
		}
		c.bare = true
		return c, nil
	}
	if err := p.arguments(&c, depth+1, def.subs); err != nil {
		return c, err
	}
	// G and G() are the same; the canonical form has no parentheses.
	c.bare = def.bare && len(c.args) == 0
	return c, nil
}

func (p *parser) unknownStep() *SyntaxError {
	names := make([]string, len(p.steps))
	for i := range p.steps {
		names[i] = p.steps[i].name
	}
	return p.unknown("step", names)
}

func (p *parser) unknown(what string, names []string) *SyntaxError {
	return &SyntaxError{
		Position: positionAt(p.lex.text, p.tok.pos),
		Got:      p.tok.String(),
		Reason:   fmt.Sprintf("unknown %s %s", what, clip(p.tok.text)),
		Expected: closest(p.tok.text, names),
	}
}

// unknownFunction reports the current token; a name that is not called was
// meant as a text.
func (p *parser) unknownFunction() error {
	names := []string{"TRUE", "FALSE"}
	for i := range p.functions {
		names = append(names, p.functions[i].name)
	}
	err := p.unknown("function", names)
	if !p.called() {
		err.Reason += "; a text stands in quotes: " + string(appendQuoted(nil, clip(p.tok.text)))
		err.Expected = nil
	}
	return err
}

// called reports whether a parenthesis, or nothing that can be read, follows
// the current token.
func (p *parser) called() bool {
	ahead := p.lex
	next, err := ahead.next()
	return err != nil || next.kind == tokOpen
}

// arguments reads what stands in parentheses; the current token opens them.
// subs tells that sub-traversals are among what is expected.
func (p *parser) arguments(c *call, depth int, subs bool) error {
	if depth > MaxNesting {
		return p.lex.fail(c.pos, "functions and steps are nested more than %d deep", MaxNesting)
	}
	if err := p.advance(); err != nil {
		return err
	}
	for p.tok.kind != tokClose || len(c.args) > 0 {
		a, err := p.argument(depth, subs)
		if err != nil {
			return err
		}
		c.args = append(c.args, a)
		if p.tok.kind == tokClose {
			break
		}
		if p.tok.kind != tokComma {
			return p.expected(`"," and the next argument`, `")"`)
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
	c.end = p.tok.pos
	return p.advance()
}

func (p *parser) argument(depth int, subs bool) (arg, error) {
	a := arg{pos: p.tok.pos, val: p.tok.val}
	switch p.tok.kind {
	case tokString, tokNumber:
		return a, p.advance()
	case tokIdent:
	default:
		if subs {
			return a, p.expected("a traversal such as Out('Type', 'bridge')")
		}
		return a, p.expected("a string in quotes", "a number", "TRUE", "FALSE", "a function such as WITHIN")
	}
	switch {
	case strings.EqualFold(p.tok.text, "TRUE"):
		a.val = entity.Bool(true)
		return a, p.advance()
	case strings.EqualFold(p.tok.text, "FALSE"):
		a.val = entity.Bool(false)
		return a, p.advance()
	}
	var def *function
	for i := range p.functions {
		if strings.EqualFold(p.functions[i].name, p.tok.text) {
			def = &p.functions[i]
		}
	}
	if def == nil {
		return p.traversal(depth, subs)
	}
	a.fn = &call{name: def.name, pos: a.pos, end: a.pos + len(p.tok.text), bare: def.bare}
	if err := p.advance(); err != nil {
		return a, err
	}
	if def.bare {
		return a, nil
	}
	if p.tok.kind != tokOpen {
		return a, p.expected(fmt.Sprintf(`"(" after %s`, def.name))
	}
	return a, p.arguments(a.fn, depth+1, false)
}

// anonymous may stand before the first step of a sub-traversal.
const anonymous = "__"

// traversal reads a sub-traversal; the current token is the name of its first
// step, or __.
func (p *parser) traversal(depth int, subs bool) (arg, error) {
	a := arg{pos: p.tok.pos}
	var err error
	if p.tok.text == anonymous {
		if err := p.advance(); err != nil {
			return a, err
		}
		if p.tok.kind != tokDot {
			return a, p.expected("a dot and a step after __")
		}
		if err := p.advance(); err != nil {
			return a, err
		}
	} else if def := p.find(); def == nil && subs && p.called() {
		return a, p.unknownStep()
	} else if def == nil || !def.bare && !p.called() {
		return a, p.unknownFunction()
	}
	a.sub, err = p.chain(depth)
	return a, err
}
