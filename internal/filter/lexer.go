package filter

import (
	"net/netip"
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokEnd     tokenKind = iota
	tokNumber            // num
	tokIPv4              // one to four numbers with dots in between, at least one dot
	tokIPv6              // addr
	tokMAC               // mac
	tokName              // a name, or anything after a backslash
	tokKeyword           // a word of the language
	tokSymbol            // an operator or bracket
)

// token is one word of a filter. text is how it was written, except that
// synonyms of operators are unified.
type token struct {
	kind tokenKind
	pos  int
	text string
	num  uint32
	addr netip.Addr
	mac  [6]byte
}

// is reports whether the token is the keyword or symbol s.
func (t token) is(s string) bool {
	return (t.kind == tokKeyword || t.kind == tokSymbol) && t.text == s
}

// isID reports whether the token can stand for a host, net, port or protocol.
func (t token) isID() bool {
	switch t.kind {
	case tokNumber, tokIPv4, tokIPv6, tokMAC, tokName:
		return true
	default:
		return false
	}
}

// String names the token in messages.
func (t token) String() string {
	if t.kind == tokEnd {
		return "the end"
	}
	return strconv.Quote(clip(t.text))
}

func clip(s string) string {
	const most = 40
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// symbols are the operators, longer ones first, with what they stand for.
var symbols = [...][2]string{
	{"&&", "and"}, {"||", "or"}, {">=", ">="}, {"<=", "<="}, {"!=", "!="}, {"==", "="}, {"<<", "<<"}, {">>", ">>"},
	{"!", "not"}, {"(", "("}, {")", ")"}, {"[", "["}, {"]", "]"}, {":", ":"}, {"/", "/"}, {"+", "+"}, {"-", "-"}, {"*", "*"},
	{"%", "%"}, {"&", "&"}, {"|", "|"}, {"^", "^"}, {">", ">"}, {"<", "<"}, {"=", "="},
}

// lex splits a filter into tokens, the last of which is tokEnd.
func lex(expr string) ([]token, *Error) {
	var tokens []token
	for i := 0; ; {
		for i < len(expr) && (expr[i] == ' ' || expr[i] == '\t' || expr[i] == '\n' || expr[i] == '\r') {
			i++
		}
		if i == len(expr) {
			return append(tokens, token{kind: tokEnd, pos: i}), nil
		}
		t, err := next(expr, i)
		if err != nil {
			return nil, err
		}
		i = t.pos + len(t.text)
		if t.kind == tokName && expr[t.pos] == '\\' {
			t.text = t.text[1:]
		}
		t.unify()
		tokens = append(tokens, t)
	}
}

// next reads the token at i.
func next(expr string, i int) (token, *Error) {
	t := token{pos: i}
	if expr[i] == '\\' {
		n := span(expr[i+1:], func(c byte) bool { return c > ' ' && c < 0x7f && c != '!' && c != '(' && c != ')' })
		if n == 0 {
			return t, failure(i, `a backslash must stand before a name, as in "ip proto \\tcp"`)
		}
		t.kind, t.text = tokName, expr[i:i+1+n]
		return t, nil
	}
	if n := span(expr[i:], func(c byte) bool { return isAlnum(c) || c == ':' || c == '.' || c == '-' }); n > 0 {
		if address(&t, expr[i:i+n]) {
			return t, nil
		}
	}
	if isAlnum(expr[i]) {
		return word(expr, i)
	}
	for _, s := range symbols {
		if strings.HasPrefix(expr[i:], s[0]) {
			t.kind, t.text = tokSymbol, s[0]
			return t, nil
		}
	}
	if expr[i] == '$' {
		return t, failure(i, "ARCnet addresses are not supported")
	}
	return t, failure(i, "%q does not belong into a filter", expr[i])
}

// unify replaces synonyms by one name.
func (t *token) unify() {
	switch t.kind {
	case tokSymbol:
		for _, s := range symbols {
			if s[0] == t.text {
				t.text = s[1]
				return
			}
		}
	case tokKeyword:
		t.text = synonym(t.text)
	}
}

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// address makes t a MAC or IPv6 address when text is one.
func address(t *token, text string) bool {
	text = strings.TrimRight(text, "-")
	if mac, ok := parseMAC(text); ok {
		t.kind, t.text, t.mac = tokMAC, text, mac
		return true
	}
	if strings.Count(text, ":") < 2 {
		return false
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return false
	}
	t.kind, t.text, t.addr = tokIPv6, text, addr
	return true
}

// parseMAC reads aa:bb:cc:dd:ee:ff, also with '-' or '.' in between and with
// single digits, aabb.ccdd.eeff and aabbccddeeff.
func parseMAC(s string) (mac [6]byte, ok bool) {
	if len(s) == 14 && s[4] == '.' && s[9] == '.' {
		s = s[:4] + s[5:9] + s[10:]
	}
	if len(s) == 12 && span(s, isAlnum) == 12 {
		v, err := strconv.ParseUint(s, 16, 64)
		for i := range mac {
			mac[5-i] = byte(v >> (8 * i))
		}
		return mac, err == nil
	}
	for i := range mac {
		n := span(s, isAlnum)
		v, err := strconv.ParseUint(s[:n], 16, 8)
		if n == 0 || n > 2 || err != nil {
			return mac, false
		}
		mac[i] = byte(v)
		s = s[n:]
		if (s == "") != (i == 5) {
			return mac, false
		}
		if s != "" {
			s = s[1:]
		}
	}
	return mac, true
}

// word reads a number, an IPv4 address, a keyword or a name.
func word(expr string, i int) (token, *Error) {
	n := span(expr[i:], func(c byte) bool { return isAlnum(c) || c == '.' || c == '-' || c == '_' })
	text := strings.TrimRight(expr[i:i+n], "-_")
	t := token{kind: tokName, pos: i, text: text}
	switch digits := span(text, func(c byte) bool { return isDigit(c) || c == '.' }); {
	case digits == len(text) && strings.Contains(text, "."):
		if strings.Count(text, ".") <= 3 && !strings.Contains(text, "..") && !strings.HasSuffix(text, ".") {
			t.kind = tokIPv4
		}
		return t, nil
	case digits == len(text), isHex(text):
		v, err := strconv.ParseUint(text, 0, 32)
		if err != nil && text[0] == '0' && len(text) > 1 && isDigit(text[1]) && strings.ContainsAny(text, "89") {
			return t, failure(i, "%s begins with 0, so it is octal: it may not have 8s and 9s", clip(text))
		} else if err != nil {
			return t, failure(i, "the number %s does not fit 32 bits", clip(text))
		}
		t.kind, t.num = tokNumber, uint32(v)
		return t, nil
	}
	if v, ok := constant(text); ok {
		t.kind, t.num = tokNumber, v
	} else if isKeyword(text) {
		t.kind = tokKeyword
	}
	return t, nil
}

func isHex(s string) bool {
	return len(s) > 2 && (s[:2] == "0x" || s[:2] == "0X") && span(s[2:], func(c byte) bool {
		return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
	}) == len(s)-2
}
