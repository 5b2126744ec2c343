package gremlin

import (
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// String returns the query in its canonical form: step names in CamelCase,
// functions in upper case, strings in single quotes, one space after a comma.
// Parsing it gives an equal query.
func (q *Query) String() string {
	b := make([]byte, 0, len(q.text)+16)
	return string(appendCalls(b, q.steps))
}

// appendCalls writes a chain of steps.
func appendCalls(b []byte, calls []call) []byte {
	for i := range calls {
		if i > 0 {
			b = append(b, '.')
		}
		b = appendCall(b, &calls[i])
	}
	return b
}

func appendCall(b []byte, c *call) []byte {
	b = append(b, c.name...)
	if c.bare {
		return b
	}
	b = append(b, '(')
	return append(appendArgs(b, c), ')')
}

// appendArgs writes the arguments of a call in their canonical form.
func appendArgs(b []byte, c *call) []byte {
	for i := range c.args {
		if i > 0 {
			b = append(b, ',', ' ')
		}
		switch a := &c.args[i]; {
		case a.fn != nil:
			b = appendCall(b, a.fn)
		case a.sub != nil:
			b = appendCalls(b, a.sub)
		default:
			b = appendLiteral(b, a.val)
		}
	}
	return b
}

func appendLiteral(b []byte, v entity.Value) []byte {
	switch v.Kind() {
	case entity.KindString:
		return appendQuoted(b, v.Str())
	case entity.KindBool:
		if v.Bool() {
			return append(b, "TRUE"...)
		}
		return append(b, "FALSE"...)
	default:
		return v.AppendJSON(b) // integers without, floats with a fraction
	}
}

// appendQuoted writes a string so that the lexer reads it back.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '\'')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' || c == '\'':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ' || c == 0x7f:
			b = append(b, `\u00`...)
			if c < 0x10 {
				b = append(b, '0')
			}
			b = strconv.AppendUint(b, uint64(c), 16)
		default:
			b = append(b, c)
		}
	}
	return append(b, '\'')
}
