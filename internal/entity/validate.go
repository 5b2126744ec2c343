package entity

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one event. A source that meets one has a mistake or an attacker
// behind it; the event is refused as a whole, so that nothing is cut off
// silently.
const (
	MaxAttributes    = 4096
	MaxRelationships = 65536
	MaxIdentity      = 32
	MaxKeyLength     = 256
	MaxDepth         = 16
	// MaxSize bounds the text of an event in bytes: types, keys and strings, and
	// eight for every other value.
	MaxSize = 1 << 20
)

// ErrInvalid is wrapped by every error of [Event.Validate].
var ErrInvalid = errors.New("invalid entity event")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// ValidateReport is Validate for an event from outside: its source must not be
// one that is reserved for the daemon itself.
func (e *Event) ValidateReport() error {
	if IsReserved(e.Source) {
		return invalid("source %q is reserved for what users define in the daemon; choose another name", e.Source)
	}
	return e.Validate()
}

// Validate checks that the event can be carried by every encoding: a type and
// an identity, keys that are well formed, finite numbers, valid UTF-8, an
// interval of whole seconds, a time that fits in nanoseconds since 1970 (or
// none: the receiver's), and sizes within the limits. It expects normalized
// attributes.
func (e *Event) Validate() error {
	if err := e.Ref.validate(); err != nil {
		return err
	}
	if !validText(e.Source) {
		return invalid("source %q is not valid UTF-8", e.Source)
	}
	if e.Source == "" {
		return invalid("no source")
	}
	if e.Interval < 0 {
		return invalid("report interval %v is negative", e.Interval)
	}
	if e.Interval%time.Second != 0 {
		return invalid("report interval %v is not whole seconds", e.Interval)
	}
	if !e.Time.IsZero() && (!e.Time.After(time.Unix(0, 0)) || e.Time.After(time.Unix(0, math.MaxInt64))) {
		return invalid("time %s is not between 1970 and 2262", e.Time.Format(time.DateTime))
	}
	if !validText(e.Reason) {
		return invalid("delete reason is not valid UTF-8")
	}
	if n := e.Size(); n > MaxSize {
		return invalid("%d bytes of text, more than %d", n, MaxSize)
	}
	if err := e.Attributes.validate(1); err != nil {
		return err
	}
	if len(e.Relationships) > MaxRelationships {
		return invalid("%d relationships, more than %d", len(e.Relationships), MaxRelationships)
	}
	for i := range e.Relationships {
		r := &e.Relationships[i]
		if r.Type == "" || !validText(r.Type) {
			return invalid("relationship %d has no valid type", i)
		}
		if err := r.Target.validate(); err != nil {
			return fmt.Errorf("relationship %d: %w", i, err)
		}
		if err := r.Attributes.validate(1); err != nil {
			return fmt.Errorf("relationship %d: %w", i, err)
		}
	}
	return nil
}

// Size is what [MaxSize] bounds, in bytes. It ends soon after the bound.
func (e *Event) Size() int {
	n := e.Ref.size() + len(e.Source) + len(e.Reason) + e.Attributes.size(0)
	for i := range e.Relationships {
		if r := &e.Relationships[i]; n <= MaxSize {
			n += len(r.Type) + r.Target.size() + r.Attributes.size(0)
		}
	}
	return n
}

func (r Ref) size() int {
	n := len(r.Type)
	for _, a := range r.ID {
		n += len(a.Key) + len(a.Value)
	}
	return n
}

func (a Attrs) size(depth int) (n int) {
	for _, x := range a {
		if n <= MaxSize {
			n += len(x.Key) + x.Value.size(depth)
		}
	}
	return n
}

func (v Value) size(depth int) (n int) {
	switch {
	case v.kind == KindString:
		return len(v.Str())
	case depth > MaxDepth: // refused for that
	case v.kind == KindMap:
		return v.Map().size(depth + 1)
	case v.kind == KindList:
		for _, e := range v.List() {
			if n <= MaxSize {
				n += e.size(depth + 1)
			}
		}
		return n
	}
	return 8
}

func (r Ref) validate() error {
	if r.Type == "" || !validText(r.Type) {
		return invalid("no valid entity type")
	}
	if len(r.ID) == 0 {
		return invalid("entity of type %s has no identifying attribute", r.Type)
	}
	if len(r.ID) > MaxIdentity {
		return invalid("%d identifying attributes, more than %d", len(r.ID), MaxIdentity)
	}
	for i, a := range r.ID {
		if err := ValidKey(a.Key); err != nil {
			return err
		}
		if i > 0 && r.ID[i-1].Key >= a.Key {
			return invalid("identifying attributes are not sorted, or %q is there twice", a.Key)
		}
		if !validText(a.Value) {
			return invalid("identifying attribute %s is not valid UTF-8", a.Key)
		}
	}
	return nil
}

func (a Attrs) validate(depth int) error {
	if len(a) > MaxAttributes {
		return invalid("%d attributes, more than %d", len(a), MaxAttributes)
	}
	for i, x := range a {
		if err := ValidKey(x.Key); err != nil {
			return err
		}
		if i > 0 && a[i-1].Key >= x.Key {
			return invalid("attributes are not sorted, or %q is there twice", x.Key)
		}
		if err := x.Value.validate(depth); err != nil {
			return fmt.Errorf("attribute %s: %w", x.Key, err)
		}
	}
	return nil
}

func (v Value) validate(depth int) error {
	if depth > MaxDepth {
		return invalid("nested more than %d deep", MaxDepth)
	}
	switch v.kind {
	case KindNone:
		return invalid("no value")
	case KindFloat:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return invalid("%v is not a finite number", f)
		}
	case KindString:
		if !validText(v.Str()) {
			return invalid("not valid UTF-8")
		}
	case KindList:
		for _, e := range v.List() {
			if err := e.validate(depth + 1); err != nil {
				return err
			}
		}
	case KindMap:
		return v.Map().validate(depth + 1)
	}
	return nil
}

// ValidKey returns an error that wraps [ErrInvalid] for what cannot be a key:
// nothing, what is too long or not UTF-8, and what line protocol cannot write:
// control characters, and a backslash at the end, which would escape what
// follows.
func ValidKey(k string) error {
	switch {
	case k == "":
		return invalid("empty key")
	case len(k) > MaxKeyLength:
		return invalid("key of %d bytes, more than %d", len(k), MaxKeyLength)
	case k[len(k)-1] == '\\':
		return invalid("key %q ends in a backslash", k)
	}
	ascii := true
	for i := 0; i < len(k); i++ {
		if k[i] < ' ' || k[i] == 0x7f {
			return invalid("key %q has a control character", k)
		}
		ascii = ascii && k[i] < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(k) {
		return invalid("key %q is not valid UTF-8", k)
	}
	return nil
}

func validText(s string) bool { return utf8.ValidString(s) }

// CleanText returns s with invalid UTF-8 replaced, for text that comes from
// outside (an interface name is any byte string to the kernel).
func CleanText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
