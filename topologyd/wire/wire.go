// Package wire is the binary form in which the daemon keeps entity events and
// graph states on disk: unsigned varints (encoding/binary), strings with their
// length before them, and values with their kind before them. Both the event
// log and the snapshots are made of it.
//
// The package is pure and knows nothing of files. Its decoder never panics on
// bad input and never allocates more than a constant times the input's size.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// ErrCorrupt is wrapped by every error of a [Reader].
var ErrCorrupt = errors.New("corrupt data")

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, u uint64) []byte { return binary.AppendUvarint(b, u) }

// AppendInt appends a signed integer.
func AppendInt(b []byte, i int64) []byte { return binary.AppendVarint(b, i) }

// AppendString appends a string.
func AppendString(b []byte, s string) []byte { return append(AppendUint(b, uint64(len(s))), s...) }

// AppendUUID appends an identifier.
func AppendUUID(b []byte, u entity.UUID) []byte { return append(b, u[:]...) }

// AppendValue appends a value with its kind.
func AppendValue(b []byte, v entity.Value) []byte {
	b = append(b, byte(v.Kind()))
	switch v.Kind() {
	case entity.KindBool:
		return append(b, byte(v.Bits()))
	case entity.KindInt:
		return AppendInt(b, v.Int())
	case entity.KindFloat:
		return binary.LittleEndian.AppendUint64(b, v.Bits())
	case entity.KindString:
		return AppendString(b, v.Str())
	case entity.KindList:
		b = AppendUint(b, uint64(len(v.List())))
		for _, e := range v.List() {
			b = AppendValue(b, e)
		}
	case entity.KindMap:
		return AppendAttrs(b, v.Map())
	}
	return b
}

// AppendAttrs appends a set of attributes.
func AppendAttrs(b []byte, a entity.Attrs) []byte {
	b = AppendUint(b, uint64(len(a)))
	for _, x := range a {
		b = AppendValue(AppendString(b, x.Key), x.Value)
	}
	return b
}

// AppendRef appends the type and identity of an entity.
func AppendRef(b []byte, r entity.Ref) []byte {
	b = AppendUint(AppendString(b, r.Type), uint64(len(r.ID)))
	for _, a := range r.ID {
		b = AppendString(AppendString(b, a.Key), a.Value)
	}
	return b
}

// AppendEvent appends an entity event.
func AppendEvent(b []byte, e *entity.Event) []byte {
	b = append(b, byte(e.Kind))
	b = AppendRef(b, e.Ref)
	b = AppendString(b, e.Source)
	b = AppendInt(b, e.Time.UnixNano())
	b = AppendInt(b, int64(e.Interval))
	b = AppendString(b, e.Reason)
	b = AppendAttrs(b, e.Attributes)
	b = AppendUint(b, uint64(len(e.Relationships)))
	for i := range e.Relationships {
		r := &e.Relationships[i]
		b = AppendAttrs(AppendRef(AppendString(b, r.Type), r.Target), r.Attributes)
	}
	return b
}

// Reader decodes what the Append functions wrote. The first error sticks: the
// methods then return zero values. Strings are copies.
type Reader struct {
	b   []byte
	at  int
	err error
}

// NewReader returns a reader of b.
func NewReader(b []byte) *Reader { return &Reader{b: b} }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Len returns how many bytes are left.
func (r *Reader) Len() int { return len(r.b) - r.at }

func (r *Reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w at byte %d: %s", ErrCorrupt, r.at, what)
		r.b = r.b[:r.at]
	}
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.Len() < 1 {
		r.fail("unexpected end")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 {
	u, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail("not a number")
		return 0
	}
	r.at += n
	return u
}

// Int reads a signed integer.
func (r *Reader) Int() int64 {
	i, n := binary.Varint(r.b[r.at:])
	if n <= 0 {
		r.fail("not a number")
		return 0
	}
	r.at += n
	return i
}

// Count reads the number of items that follow, each at least size bytes long,
// so that no more is ever allocated than the input can fill.
func (r *Reader) Count(size int) int {
	u := r.Uint()
	if u > uint64(r.Len()/size) {
		r.fail("more items than bytes")
		return 0
	}
	return int(u)
}

// String reads a string.
func (r *Reader) String() string {
	n := r.Count(1)
	s := r.b[r.at : r.at+n]
	r.at += n
	if !utf8.Valid(s) {
		r.fail("string is not valid UTF-8")
		return ""
	}
	return string(s)
}

// UUID reads an identifier.
func (r *Reader) UUID() (u entity.UUID) {
	if r.Len() < len(u) {
		r.fail("unexpected end")
		return u
	}
	r.at += copy(u[:], r.b[r.at:])
	return u
}

// Value reads a value.
func (r *Reader) Value() entity.Value { return r.value(0) }

func (r *Reader) value(depth int) entity.Value {
	if depth > entity.MaxDepth {
		r.fail("nested too deep")
		return entity.Value{}
	}
	switch kind := entity.Kind(r.Byte()); kind {
	case entity.KindBool:
		return entity.Bool(r.Byte() != 0)
	case entity.KindInt:
		return entity.Int(r.Int())
	case entity.KindFloat:
		if r.Len() < 8 {
			r.fail("unexpected end")
			return entity.Value{}
		}
		bits := binary.LittleEndian.Uint64(r.b[r.at:])
		r.at += 8
		return entity.Float(math.Float64frombits(bits))
	case entity.KindString:
		return entity.String(r.String())
	case entity.KindList:
		n := r.Count(1)
		vs := make([]entity.Value, 0, min(n, 1024))
		for range n {
			vs = append(vs, r.value(depth+1))
		}
		return entity.List(vs...)
	case entity.KindMap:
		return entity.Map(r.attrs(depth + 1))
	default:
		r.fail("unknown kind of value")
		return entity.Value{}
	}
}

// Attrs reads a set of attributes.
func (r *Reader) Attrs() entity.Attrs { return r.attrs(0) }

func (r *Reader) attrs(depth int) entity.Attrs {
	n := r.Count(2)
	if n == 0 {
		return nil
	}
	a := make(entity.Attrs, 0, min(n, 1024))
	for range n {
		key := r.String()
		a = append(a, entity.A(key, r.value(depth)))
	}
	if r.err != nil {
		return nil
	}
	return a.Normalize()
}

// Ref reads the type and identity of an entity.
func (r *Reader) Ref() entity.Ref {
	ref := entity.Ref{Type: r.String()}
	n := r.Count(2)
	if n > entity.MaxIdentity {
		r.fail("too many identifying attributes")
		return ref
	}
	ref.ID = make(entity.Identity, 0, n)
	for range n {
		key := r.String()
		ref.ID = append(ref.ID, entity.IDAttr{Key: key, Value: r.String()})
	}
	return ref
}

// Event reads an entity event.
func (r *Reader) Event() entity.Event {
	e := entity.Event{Kind: entity.EventKind(r.Byte()), Ref: r.Ref(), Source: r.String()}
	if e.Kind > entity.Delete {
		r.fail("unknown kind of event")
	}
	e.Time = time.Unix(0, r.Int())
	e.Interval = time.Duration(r.Int())
	e.Reason = r.String()
	e.Attributes = r.Attrs()
	n := r.Count(4)
	if n > 0 {
		e.Relationships = make([]entity.Relationship, 0, min(n, 1024))
	}
	for range n {
		rel := entity.Relationship{Type: r.String()}
		rel.Target = r.Ref()
		rel.Attributes = r.Attrs()
		e.Relationships = append(e.Relationships, rel)
	}
	return e
}
