package fabric

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Error is a mistake in a fabric.
type Error struct {
	// Line counts from 1, 0 when there is one line only; Column counts
	// characters from 1.
	Line, Column int
	Message      string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("column %d: %s", e.Column, e.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Statement is what one line says.
type Statement struct {
	Parent, Child Term
	// Joined tells that there is a Child; a line may name one node alone.
	Joined bool
	// Owned tells that Parent owns Child (->), which --> does not.
	Owned bool
	// Attrs describe the join.
	Attrs entity.Attrs
}

// Term is one side of a statement.
type Term struct {
	// Name is that of a node of the fabric, "" for a match.
	Name string
	// Attrs describe the node, or are what a node of the topology must have.
	Attrs entity.Attrs
	// Below is the name of what the matching nodes own, "" for the nodes
	// themselves.
	Below string

	column int
}

// IsMatch reports whether the term stands for nodes of the topology.
func (t *Term) IsMatch() bool { return t.Name == "" }

// Equal reports whether two statements say the same.
func (s *Statement) Equal(o *Statement) bool {
	return s.Parent.equal(&o.Parent) && s.Child.equal(&o.Child) && s.Joined == o.Joined && s.Owned == o.Owned && s.Attrs.Equal(o.Attrs)
}

func (t *Term) equal(o *Term) bool {
	return t.Name == o.Name && t.Below == o.Below && t.Attrs.Equal(o.Attrs)
}

// String writes the statement so that [ParseLine] reads the same.
func (s *Statement) String() string {
	var b strings.Builder
	s.Parent.write(&b)
	if s.Joined {
		if s.Owned {
			b.WriteString(" -> ")
		} else {
			b.WriteString(" --> ")
		}
		if len(s.Attrs) > 0 {
			writeAttrs(&b, s.Attrs)
			b.WriteByte(' ')
		}
		s.Child.write(&b)
	}
	return b.String()
}

func (t *Term) write(b *strings.Builder) {
	if t.IsMatch() {
		b.WriteByte('*')
		writeAttrs(b, t.Attrs)
		if t.Below != "" {
			b.WriteByte('/')
			writeName(b, t.Below)
		}
		return
	}
	writeName(b, t.Name)
	if len(t.Attrs) > 0 {
		writeAttrs(b, t.Attrs)
	}
}

func writeAttrs(b *strings.Builder, attrs entity.Attrs) {
	b.WriteByte('[')
	for i, a := range attrs {
		if i > 0 {
			b.WriteByte(',')
		}
		writeName(b, a.Key)
		b.WriteByte('=')
		if a.Value.Kind() != entity.KindString {
			b.WriteString(a.Value.Text())
			continue
		}
		text := a.Value.Str()
		if bareValue(text) && scalar(text).Kind() == entity.KindString {
			b.WriteString(text)
		} else {
			writeQuoted(b, text)
		}
	}
	b.WriteByte(']')
}

func writeName(b *strings.Builder, s string) {
	p := parser{s: s}
	if name, err := p.name("", ""); err == nil && name == s && p.i == len(s) && s[0] != '"' && s[0] != '#' {
		b.WriteString(s)
		return
	}
	writeQuoted(b, s)
}

func writeQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

func bareValue(s string) bool {
	return s != "" && strings.TrimSpace(s) == s && !strings.ContainsAny(s, `[],"`)
}

// scalar returns the value of a text without quotes: an integer, a number or a
// boolean when it is exactly how one is written, else a string.
func scalar(text string) entity.Value {
	switch text {
	case "true":
		return entity.Bool(true)
	case "false":
		return entity.Bool(false)
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(i, 10) == text {
		return entity.Int(i)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.Contains(text, ".") && entity.Float(f).Text() == text {
		return entity.Float(f)
	}
	return entity.String(text)
}
