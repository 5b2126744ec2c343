package filter

// primitive reads a term that has no id and is no comparison.
func (p *parser) primitive() (node, *Error) {
	t := p.take()
	if t.kind == tokKeyword && isProtocol(t.text) {
		if next := p.peek(); next.is("broadcast") || next.is("multicast") {
			return wordNode{proto: t.text, word: p.take()}, nil
		}
		if next := p.peek(); next.isID() {
			return nil, failure(next.pos, "expected \"and\" or \"or\", or \"host\", \"net\", \"port\" or \"proto\" before %s", next)
		}
		return protoNode{t}, nil
	}
	switch t.text {
	case "broadcast", "multicast", "inbound", "outbound", "pppoed":
		if t.kind == tokKeyword {
			return wordNode{word: t}, nil
		}
	case "vlan", "mpls", "pppoes", "geneve":
		if t.kind == tokKeyword {
			return p.optionalNumber(t)
		}
	case "less", "greater", "ifindex":
		if t.kind == tokKeyword {
			arg := p.take()
			if arg.kind != tokNumber {
				return nil, failure(arg.pos, "expected a number after %q, not %s", t.text, arg)
			}
			return wordNode{word: t, arg: arg}, nil
		}
	case "llc":
		if t.kind == tokKeyword {
			n := wordNode{word: t}
			if next := p.peek(); next.kind == tokName || next.kind == tokKeyword && isUnsupported(next.text) {
				n.arg = p.take()
			}
			return n, nil
		}
	case "byte":
		if t.kind == tokKeyword {
			return p.byteTest(t)
		}
	}
	return nil, p.unexpected(t)
}

// unexpected says why no term begins with t.
func (p *parser) unexpected(t token) *Error {
	switch {
	case t.kind == tokEnd:
		return failure(t.pos, "the filter ends where a condition is expected, like \"tcp port 80\"")
	case t.kind == tokKeyword && isUnsupported(t.text):
		return failure(t.pos, "%s is for Wi-Fi, ATM, SS7 or BSD's pflog, which are not supported", t)
	case t.kind == tokKeyword || t.kind == tokSymbol:
		return failure(t.pos, "expected a condition like \"tcp port 80\", not %s", t)
	case t.kind == tokName && isKeyword(lower(t.text)):
		return failure(t.pos, "%s is unknown: write %q, keywords are lower case", t, lower(t.text))
	case t.kind == tokName && t.text != "" && hasMinus(t.text):
		return failure(t.pos, "%s is unknown: for a difference write spaces around \"-\"", t)
	case t.isID() && t.kind != tokName:
		return failure(t.pos, "say what %s is: write \"host\", \"net\", \"port\" or \"proto\" before it", t)
	}
	return failure(t.pos, "%s is unknown: a condition begins with a word like \"host\", \"net\", \"port\", \"tcp\" or \"vlan\"", t)
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

func hasMinus(s string) bool {
	for i := range len(s) {
		if s[i] == '-' {
			return isKeyword(s[:i])
		}
	}
	return false
}

// optionalNumber reads the number of vlan, mpls, pppoes and geneve, which may
// stand in parentheses.
func (p *parser) optionalNumber(word token) (node, *Error) {
	open, i := 0, p.i
	for p.tokens[i].is("(") {
		open, i = open+1, i+1
	}
	n := wordNode{word: word}
	if p.tokens[i].kind != tokNumber {
		return n, nil
	}
	n.arg = p.tokens[i]
	p.i = i + 1
	for range open {
		if err := p.expect(")", "to close the parenthesis"); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// byteTest reads "byte offset op value".
func (p *parser) byteTest(word token) (node, *Error) {
	offset, op, v := p.take(), p.take(), p.take()
	if offset.kind != tokNumber || v.kind != tokNumber || !(op.is("=") || op.is("<") || op.is(">") || op.is("&") || op.is("|")) {
		return nil, failure(word.pos, "write \"byte\" with an offset, one of = < > & | and a number, as in \"byte 0 = 1\"")
	}
	return byteNode{word: word, op: op.text, offset: offset.num, v: v.num}, nil
}
