package lineproto

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// Error tells where a line is wrong.
type Error struct {
	// Line is the number of the line, from 1; 0 when it is not known.
	Line int
	// Pos is the offset in the line, in bytes, from 0.
	Pos int
	// Want is what should stand there, Got what does.
	Want, Got string
	// Err is set instead of Want when what stands there was understood and
	// refused.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	where := fmt.Sprintf("byte %d", e.Pos)
	if e.Line > 0 {
		where = fmt.Sprintf("line %d, %s", e.Line, where)
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", where, e.Err)
	}
	return fmt.Sprintf("%s: want %s, got %s", where, e.Want, e.Got)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Tag is one tag of a point.
type Tag struct{ Key, Value string }

// RawTag is a tag of a parsed [Line], escapes undone.
type RawTag struct{ Key, Value []byte }

// Field is a field of a parsed [Line].
type Field struct {
	// Key has its escapes undone.
	Key []byte
	// Text is the content of a string field, escapes undone.
	Text []byte
	// Num is the content of every other: see [Field.Value].
	Num uint64
	// Kind is KindBool, KindInt, KindFloat or KindString.
	Kind entity.Kind
	// Pos is the offset of the key in the line.
	Pos int32
}

// Value returns the field's value. An unsigned integer of more than 63 bits
// was clamped.
func (f *Field) Value() entity.Value {
	switch f.Kind {
	case entity.KindBool:
		return entity.Bool(f.Num != 0)
	case entity.KindInt:
		return entity.Int(int64(f.Num))
	case entity.KindFloat:
		return entity.Float(math.Float64frombits(f.Num))
	default:
		return entity.String(string(f.Text))
	}
}

// Line is a parsed line. Its parts alias the text that was parsed and the
// Line's own memory: they are valid until the next Parse.
type Line struct {
	Measurement []byte
	Tags        []RawTag
	Fields      []Field
	// Time is the timestamp as it stands, if HasTime.
	Time    int64
	HasTime bool

	b       []byte
	i       int
	scratch []byte
}

// Parse reads one line of line protocol. A blank line or a comment has an
// empty Measurement. Errors are of type *[Error].
func (l *Line) Parse(b []byte) error {
	l.Measurement, l.Tags, l.Fields = nil, l.Tags[:0], l.Fields[:0]
	l.Time, l.HasTime, l.i, l.scratch = 0, false, 0, l.scratch[:0]
	if len(b) > MaxLine {
		return &Error{Pos: MaxLine, Want: fmt.Sprintf("a line of at most %d bytes", MaxLine), Got: fmt.Sprintf("%d bytes", len(b))}
	}
	for len(b) > 0 && (isSpace(b[len(b)-1]) || b[len(b)-1] == '\n') {
		b = b[:len(b)-1]
	}
	l.b = b
	if l.spaces(); l.i == len(b) || b[l.i] == '#' {
		return nil
	}
	if err := l.head(); err != nil {
		return err
	}
	for {
		if err := l.field(); err != nil {
			return err
		}
		if !l.at(',') {
			break
		}
		l.i++
	}
	return l.time()
}

// head reads measurement and tags and the space after them.
func (l *Line) head() error {
	if l.Measurement = l.name(false); len(l.Measurement) == 0 {
		return l.want("a measurement")
	}
	for l.at(',') {
		l.i++
		key := l.name(true)
		if len(key) == 0 {
			return l.want("a tag key")
		}
		if !l.at('=') {
			return l.want("'=' after the tag key")
		}
		l.i++
		value := l.name(true)
		if len(value) == 0 {
			return l.want("a tag value")
		}
		if l.at('=') {
			return l.want("',' or a space after the tag value")
		}
		l.Tags = append(l.Tags, RawTag{key, value})
	}
	if !l.at(' ') {
		return l.want("a space and the fields")
	}
	l.spaces()
	return nil
}

func (l *Line) field() error {
	f := Field{Pos: int32(l.i)}
	if f.Key = l.name(true); len(f.Key) == 0 {
		return l.want("a field key")
	}
	if !l.at('=') {
		return l.want("'=' after the field key")
	}
	l.i++
	var err error
	if l.at('"') {
		err = l.text(&f)
	} else {
		err = l.scalar(&f)
	}
	if err != nil {
		return err
	}
	if l.i < len(l.b) && l.b[l.i] != ',' && l.b[l.i] != ' ' {
		return l.want("',' or a space after the field")
	}
	l.Fields = append(l.Fields, f)
	return nil
}

// text reads a string.
func (l *Line) text(f *Field) error {
	b, start := l.b, l.i+1
	for i := start; i < len(b); i++ {
		switch b[i] {
		case '"':
			f.Kind, f.Text = entity.KindString, b[start:i]
			l.i = i + 1
			return nil
		case '\\':
			return l.escapedText(f, start, i)
		}
	}
	return l.want("a string that ends")
}

// escapedText goes on with a string that begins at start and has its first
// backslash at esc.
func (l *Line) escapedText(f *Field, start, esc int) error {
	b := l.b
	l.scratch = slices.Grow(l.scratch, len(b)-start)
	s := len(l.scratch)
	out := l.scratch[s:cap(l.scratch)]
	n := copy(out, b[start:esc])
	for i := esc; i < len(b); i++ {
		c := b[i]
		if c == '"' {
			l.scratch = l.scratch[:s+n]
			f.Kind, f.Text = entity.KindString, out[:n:n]
			l.i = i + 1
			return nil
		}
		if c == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\') {
			i++
			c = b[i]
		}
		out[n] = c
		n++
	}
	return l.want("a string that ends")
}

// scalar reads a number or a boolean.
func (l *Line) scalar(f *Field) error {
	start := l.i
	for l.i < len(l.b) && l.b[l.i] != ',' && l.b[l.i] != ' ' {
		l.i++
	}
	if w := l.b[start:l.i]; len(w) == 0 || !f.parse(w) {
		l.i = start
		return l.want("a number, a boolean or a string")
	}
	return nil
}

func (f *Field) parse(w []byte) (ok bool) {
	switch w[len(w)-1] {
	case 'i':
		negative := w[0] == '-'
		if negative {
			w = w[1:]
		}
		i, ok := parseInt(w[:len(w)-1], negative)
		f.Kind, f.Num = entity.KindInt, uint64(i)
		return ok
	case 'u':
		u, ok := parseUint(w[:len(w)-1])
		f.Kind, f.Num = entity.KindInt, min(u, math.MaxInt64)
		return ok
	}
	switch string(w) {
	case "t", "T", "true", "True", "TRUE":
		f.Kind, f.Num = entity.KindBool, 1
		return true
	case "f", "F", "false", "False", "FALSE":
		f.Kind, f.Num = entity.KindBool, 0
		return true
	}
	for _, c := range w {
		switch {
		case c >= '0' && c <= '9', c == '.', c == '-', c == '+', c == 'e', c == 'E':
		default:
			return false
		}
	}
	v, err := strconv.ParseFloat(string(w), 64)
	f.Kind, f.Num = entity.KindFloat, math.Float64bits(v)
	return err == nil
}

// time reads the timestamp, if there is one, up to the end of the line.
func (l *Line) time() error {
	l.spaces()
	if l.i == len(l.b) {
		return nil
	}
	w := l.b[l.i:]
	negative := w[0] == '-'
	if negative {
		w = w[1:]
	}
	t, ok := parseInt(w, negative)
	if !ok {
		return l.want("an integer timestamp or the end of the line")
	}
	l.Time, l.HasTime = t, true
	return nil
}

// name reads up to a comma, a space or, if equals, a '=' that is not escaped,
// and undoes the escapes.
func (l *Line) name(equals bool) []byte {
	b, i := l.b, l.i
	escaped := false
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c == ',' || c == ' ' || c == '=' && equals:
		case c == '\\' && i+1 < len(b) && escapable(b[i+1]):
			escaped = true
			i++
			continue
		default:
			continue
		}
		break
	}
	name := b[l.i:i]
	l.i = i
	if !escaped {
		return name
	}
	s := len(l.scratch)
	for k := 0; k < len(name); k++ {
		if name[k] == '\\' && k+1 < len(name) && escapable(name[k+1]) {
			k++
		}
		l.scratch = append(l.scratch, name[k])
	}
	return l.scratch[s:len(l.scratch):len(l.scratch)]
}

func escapable(c byte) bool { return c == ',' || c == ' ' || c == '=' }

func (l *Line) at(c byte) bool { return l.i < len(l.b) && l.b[l.i] == c }

func (l *Line) spaces() {
	for l.i < len(l.b) && isSpace(l.b[l.i]) {
		l.i++
	}
}

func (l *Line) want(what string) error {
	got := "the end of the line"
	if rest := l.b[l.i:]; len(rest) > 24 {
		got = fmt.Sprintf("%q...", rest[:24])
	} else if len(rest) > 0 {
		got = fmt.Sprintf("%q", rest)
	}
	return &Error{Pos: l.i, Want: what, Got: got}
}
