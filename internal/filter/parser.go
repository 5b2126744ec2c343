package filter

// maxDepth bounds how deep parentheses and negations may be nested.
const maxDepth = 200

// parser makes a tree of the tokens of a filter. The grammar is that of
// libpcap, its surprises included: "and" and "or" have the same precedence and
// associate to the left, and an id without qualifiers takes those of the term
// before it.
type parser struct {
	tokens []token
	i      int
	depth  int
}

func (p *parser) peek() token { return p.tokens[p.i] }

func (p *parser) take() token {
	t := p.tokens[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

// accept takes the next token if it is the keyword or symbol s.
func (p *parser) accept(s string) bool {
	if !p.peek().is(s) {
		return false
	}
	p.i++
	return true
}

func (p *parser) expect(s, after string) *Error {
	if !p.accept(s) {
		return failure(p.peek().pos, "expected %q %s, not %s", s, after, p.peek())
	}
	return nil
}

func (p *parser) enter() *Error {
	if p.depth++; p.depth > maxDepth {
		return failure(p.peek().pos, "nested more than %d deep: take some parentheses out", maxDepth)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// parse reads a whole filter. An empty one is nil.
func parse(tokens []token) (node, *Error) {
	p := &parser{tokens: tokens}
	if p.peek().kind == tokEnd {
		return nil, nil
	}
	n, _, err := p.expression(qualifiers{none: true})
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		if t.is(")") {
			return nil, failure(t.pos, "there is no %q that this %q closes", "(", ")")
		}
		return nil, failure(t.pos, "expected \"and\" or \"or\" before %s", t)
	}
	return n, nil
}

// expression reads terms and ids joined by "and" and "or". The result's
// qualifiers are those that a following id takes.
func (p *parser) expression(carried qualifiers) (node, qualifiers, *Error) {
	n, q, err := p.term(carried)
	for err == nil {
		t := p.peek()
		if !t.is("and") && !t.is("or") {
			return n, q, nil
		}
		p.take()
		var right node
		if p.atID() {
			right, err = p.id(q)
		} else {
			right, q, err = p.term(q)
		}
		n = joinNodes(t, n, right)
	}
	return nil, q, err
}

func joinNodes(op token, a, b node) node {
	if op.is("and") {
		return andNode{a, b}
	}
	return orNode{a, b}
}

// atID reports whether an id stands next, not a term: negations and
// parentheses before it count as its own.
func (p *parser) atID() bool {
	i := p.i
	for p.tokens[i].is("not") || p.tokens[i].is("(") {
		i++
	}
	if p.tokens[i].kind != tokNumber {
		return p.tokens[i].isID()
	}
	for i++; p.tokens[i].is(")"); {
		i++
	}
	return !isOperator(p.tokens[i])
}

// isOperator reports whether t is an operator of arithmetic or a comparison.
func isOperator(t token) bool {
	if t.kind != tokSymbol {
		return false
	}
	return isRelation(t) || precedence(t) > 0
}

// term reads one term: a primitive, a comparison or an expression in
// parentheses, perhaps negated.
func (p *parser) term(carried qualifiers) (node, qualifiers, *Error) {
	if err := p.enter(); err != nil {
		return nil, carried, err
	}
	defer p.leave()
	nothing := qualifiers{none: true}
	t := p.peek()
	if t.is("not") {
		p.take()
		n, q, err := p.term(carried)
		return notNode{n}, q, err
	}
	if n, ok, err := p.relation(); ok || err != nil {
		return n, nothing, err
	}
	if t.is("(") {
		p.take()
		n, _, err := p.expression(carried)
		if err == nil {
			err = p.expect(")", "to close the parenthesis")
		}
		return n, carried, err
	}
	if q, ok, err := p.head(); err != nil {
		return nil, nothing, err
	} else if ok {
		n, err := p.id(q)
		return n, q, err
	}
	n, err := p.primitive()
	return n, nothing, err
}

// head reads the qualifiers before an id. Without any that allow an id it takes
// nothing.
func (p *parser) head() (qualifiers, bool, *Error) {
	start := p.i
	var q qualifiers
	if t := p.peek(); t.kind == tokKeyword && isProtocol(t.text) {
		q.proto = p.take().text
	}
	directed := false
	if t := p.peek(); t.is("src") || t.is("dst") {
		directed = true
		p.direction(&q)
	}
	switch t := p.peek(); {
	case t.is("host"), t.is("net"), t.is("port"), t.is("portrange"):
		q.kind = p.take().text
		return q, true, nil
	case t.is("proto"), t.is("protochain"), t.is("gateway"):
		if directed {
			return q, false, failure(t.pos, "%q takes no direction: leave out \"src\" or \"dst\"", t.text)
		}
		q.kind = p.take().text
		return q, true, nil
	case directed:
		return q, true, nil
	}
	p.i = start
	return qualifiers{none: true}, false, nil
}

// direction reads src, dst, or both with "or" or "and" in between.
func (p *parser) direction(q *qualifiers) {
	first := p.take()
	q.dir = dirSrc
	if first.is("dst") {
		q.dir = dirDst
	}
	op, second := p.peek(), p.tokens[min(p.i+1, len(p.tokens)-1)]
	if (op.is("or") || op.is("and")) && (second.is("src") || second.is("dst")) && second.text != first.text {
		p.i += 2
		q.dir = dirEither
		if op.is("and") {
			q.dir = dirBoth
		}
	}
}

// id reads what follows qualifiers: an id, a negated one, or several in
// parentheses.
func (p *parser) id(q qualifiers) (node, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := p.peek()
	if p.accept("not") {
		n, err := p.id(q)
		return notNode{n}, err
	}
	if p.accept("(") {
		n, err := p.id(q)
		for err == nil && (p.peek().is("and") || p.peek().is("or")) {
			op := p.take()
			var right node
			right, err = p.id(q)
			n = joinNodes(op, n, right)
		}
		if err == nil {
			err = p.expect(")", "to close the parenthesis")
		}
		return n, err
	}
	if !t.isID() {
		return nil, failure(t.pos, "expected %s, not %s%s", q.wants(), t, escapeHint(t))
	}
	if q.none {
		return nil, failure(t.pos, "say what %s is: write \"host\", \"net\", \"port\" or \"proto\" before it", t)
	}
	p.take()
	n := idNode{q: q, id: t, bits: -1}
	if t.kind != tokIPv4 && t.kind != tokIPv6 {
		if s := p.peek(); s.is("/") && t.kind == tokNumber && q.kind == "net" {
			return nil, failure(t.pos, "write the network with a dot before \"/\", as in \"net 10.0/8\"")
		}
		return n, nil
	}
	switch {
	case p.accept("/"):
		bits := p.take()
		if bits.kind != tokNumber {
			return nil, failure(bits.pos, "expected the length of the prefix after \"/\", not %s", bits)
		}
		n.second, n.bits = bits, int(min(bits.num, 999))
	case t.kind == tokIPv4 && p.accept("mask"):
		if n.second = p.take(); n.second.kind != tokIPv4 {
			return nil, failure(n.second.pos, "expected a network mask like 255.255.0.0 after \"mask\", not %s", n.second)
		}
	}
	return n, nil
}

// wants names what may follow the qualifiers.
func (q qualifiers) wants() string {
	switch q.kind {
	case "port":
		return `a port number after "port"`
	case "portrange":
		return `two port numbers like 6000-6008 after "portrange"`
	case "net":
		return `a network like 10.0.0.0/8 after "net"`
	case "proto", "protochain":
		return `a protocol number or name after "` + q.kind + `"`
	case "host":
		if q.proto == "ether" {
			return `a MAC address after "ether host"`
		}
		return `an IP address after "host"`
	}
	return "an address"
}

// escapeHint tells how to write a keyword as a name.
func escapeHint(t token) string {
	if t.kind == tokKeyword && isProtocol(t.text) {
		return `: write "\` + t.text + `" for the name of the protocol`
	}
	return ""
}
