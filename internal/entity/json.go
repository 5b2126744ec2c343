package entity

import (
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the value as JSON (RFC 8259) to b. Integers are written
// without and floats always with a fraction or an exponent, so that
// [ParseJSON] gives back the same value; map members are in key order; no
// white space. None is written as null.
func (v Value) AppendJSON(b []byte) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(b, v.Bool())
	case KindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case KindFloat:
		return appendFloat(b, v.Float())
	case KindString:
		return AppendJSONString(b, v.Str())
	case KindList:
		b = append(b, '[')
		for i, e := range v.List() {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.AppendJSON(b)
		}
		return append(b, ']')
	case KindMap:
		return v.Map().AppendJSON(b)
	default:
		return append(b, "null"...)
	}
}

// AppendJSON appends the attributes as a JSON object to b.
func (a Attrs) AppendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, x := range a {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(AppendJSONString(b, x.Key), ':')
		b = x.Value.AppendJSON(b)
	}
	return append(b, '}')
}

// MarshalJSON implements [encoding/json.Marshaler].
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// MarshalJSON implements [encoding/json.Marshaler].
func (a Attrs) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil), nil }

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (v *Value) UnmarshalJSON(b []byte) error {
	var err error
	*v, err = ParseJSON(string(b))
	return err
}

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (a *Attrs) UnmarshalJSON(b []byte) error {
	v, err := ParseJSON(string(b))
	if err != nil {
		return err
	}
	if v.Kind() != KindMap {
		return fmt.Errorf("attributes are a JSON object, not a %s", v.Kind())
	}
	*a = v.Map()
	return nil
}

// Text returns the value for people: a string as it is, everything else as
// JSON.
func (v Value) Text() string {
	if v.kind == KindString {
		return v.Str()
	}
	return string(v.AppendJSON(nil))
}

func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	start := len(b)
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	for _, c := range b[start:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, '.', '0')
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends s as a JSON string to b. Invalid UTF-8 is replaced.
func AppendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[start:i]...), "\ufffd"...)
			i++
			start = i
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
