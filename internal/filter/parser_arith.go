package filter

// relation tries to read a comparison of two sums. It takes nothing when there
// is none; what looks like one up to the comparison gives an error.
func (p *parser) relation() (node, bool, *Error) {
	if !p.atSum() {
		return nil, false, nil
	}
	start, depth := p.i, p.depth
	a, err := p.sum(0)
	op := p.peek()
	if err != nil || !isRelation(op) {
		// In parentheses it may be an expression: how far the sum came tells.
		if p.tokens[start].is("(") {
			p.i, p.depth = start, depth
			return nil, false, nil
		}
		if err == nil && p.tokens[start].kind == tokNumber && p.i == start+1 {
			err = p.unexpected(p.tokens[start])
		}
		if err == nil {
			err = failure(op.pos, "expected a comparison like \"= 1\", not %s", op)
		}
		return nil, false, err
	}
	p.take()
	b, err := p.sum(0)
	return relation{op, a, b}, true, err
}

func isRelation(t token) bool {
	switch {
	case t.is("="), t.is("!="), t.is("<"), t.is("<="), t.is(">"), t.is(">="):
		return true
	}
	return false
}

// atSum reports whether a sum may begin here.
func (p *parser) atSum() bool {
	t := p.peek()
	if t.kind == tokKeyword && isProtocol(t.text) {
		return p.tokens[p.i+1].is("[")
	}
	return t.kind == tokNumber || t.is("len") || t.is("-") || t.is("(")
}

// precedence of the operators of arithmetic, 0 for what is none. As in libpcap,
// % and ^ take everything to their right: see sum.
func precedence(t token) int {
	if t.kind != tokSymbol {
		return 0
	}
	switch t.text {
	case "|":
		return 1
	case "&":
		return 2
	case "<<", ">>":
		return 3
	case "+", "-":
		return 4
	case "*", "/":
		return 5
	case "%", "^":
		return grabs
	}
	return 0
}

const (
	negation = 6
	grabs    = 7
)

// sum reads a sum of operators that bind more tightly than above.
func (p *parser) sum(above int) (node, *Error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	n, err := p.operand()
	for err == nil {
		op := p.peek()
		level := precedence(op)
		if level <= above {
			return n, nil
		}
		p.take()
		var right node
		if level == grabs {
			level = 0
		}
		right, err = p.sum(level)
		n = binaryNode{op, n, right}
	}
	return nil, err
}

// operand reads a number, the length, a load, a negated operand or a sum in
// parentheses.
func (p *parser) operand() (node, *Error) {
	t := p.take()
	switch {
	case t.kind == tokNumber:
		return numberNode{t.num}, nil
	case t.is("len"):
		return lenNode{}, nil
	case t.is("-"):
		n, err := p.sum(negation)
		return negateNode{n}, err
	case t.is("("):
		n, err := p.sum(0)
		if err == nil {
			err = p.expect(")", "to close the parenthesis")
		}
		return n, err
	case t.kind == tokKeyword && isProtocol(t.text):
		if err := p.expect("[", "and an offset after the protocol in a sum"); err != nil {
			return nil, err
		}
		return p.load(t)
	}
	return nil, failure(t.pos, "expected a number, \"len\" or a load like \"ip[8]\", not %s", t)
}

// load reads the rest of proto[at:size].
func (p *parser) load(word token) (node, *Error) {
	at, err := p.sum(0)
	if err != nil {
		return nil, err
	}
	n := loadNode{word: word, at: at, size: 1}
	if p.accept(":") {
		t := p.take()
		if t.kind != tokNumber || t.num != 1 && t.num != 2 && t.num != 4 {
			return nil, failure(t.pos, "expected a size of 1, 2 or 4 bytes after \":\", not %s", t)
		}
		n.size = uint8(t.num)
	}
	return n, p.expect("]", "after the offset")
}
