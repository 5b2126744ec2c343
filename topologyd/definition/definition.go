package definition

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Definition is one thing that a user defined. It is immutable once the store
// has it.
type Definition struct {
	Kind string
	// ID names it among those of its kind: up to 63 lower-case letters, digits
	// and hyphens. The store makes one when it is empty.
	ID string
	// Name and Description are for people.
	Name, Description string
	// Created and Updated are set by the store.
	Created, Updated time.Time
	// Expires is when it is deleted, zero: never.
	Expires time.Time
	// Spec is what is defined; nil when it cannot be read (see Problem).
	Spec Spec
	// Revision is that of the bucket; it grows with every change.
	Revision uint64
	// Fixed tells that it comes from the configuration and cannot be changed.
	Fixed bool
	// Problem says why Spec cannot be read, "" when it can. Whoever applies
	// definitions leaves the effects of such a one as they are.
	Problem string
}

// Spec is the content of a definition, a pointer to a struct with JSON tags.
type Spec interface {
	// Validate says what is wrong and what to do. It may normalize.
	Validate() error
}

// Kind is one kind of definition.
type Kind struct {
	// Name is lower-case letters and hyphens, for example "node-rule".
	Name string
	// New returns an empty specification.
	New func() Spec
}

// Errors of a [Store]. Those of a [KV] must wrap them where they apply.
var (
	// ErrInvalid: the definition is malformed.
	ErrInvalid = errors.New("invalid definition")
	// ErrNotFound: there is no such definition, or no such kind.
	ErrNotFound = errors.New("no such definition")
	// ErrExists: there is one of that ID.
	ErrExists = errors.New("the definition exists already")
	// ErrConflict: somebody changed it meanwhile.
	ErrConflict = errors.New("the definition was changed meanwhile; read it again")
	// ErrFixed: it comes from the configuration.
	ErrFixed = errors.New("the definition comes from the configuration of the daemon; change it there")
	// ErrFull: there are too many of the kind.
	ErrFull = errors.New("too many definitions")
	// ErrUnavailable: the bucket does not answer.
	ErrUnavailable = errors.New("definitions cannot be written now; try again")
)

// Limits of the texts of a definition, in bytes.
const (
	MaxID          = 63
	MaxName        = 256
	MaxDescription = 4096
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// validate checks all but the kind and the size.
func (d *Definition) validate(now time.Time) error {
	if err := ValidID(d.ID); err != nil {
		return err
	}
	for _, t := range []struct {
		what, text string
		limit      int
	}{{"name", d.Name, MaxName}, {"description", d.Description, MaxDescription}} {
		if len(t.text) > t.limit {
			return invalid("%s of %d bytes, more than %d", t.what, len(t.text), t.limit)
		}
		if !utf8.ValidString(t.text) {
			return invalid("%s is not valid UTF-8", t.what)
		}
	}
	if strings.ContainsFunc(d.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return invalid("name %q has a control character", d.Name)
	}
	if !d.Expires.IsZero() && !d.Expires.After(now) {
		return invalid("it expires at %s, which is past", d.Expires.Format(time.RFC3339))
	}
	if d.Spec == nil {
		return invalid("there is no spec")
	}
	if err := d.Spec.Validate(); err != nil {
		return invalid("spec: %w", err)
	}
	return nil
}

// ValidID returns an error that wraps [ErrInvalid] for what cannot be an ID.
func ValidID(id string) error {
	ok := id != "" && len(id) <= MaxID && id[0] != '-' && id[len(id)-1] != '-'
	for i := 0; i < len(id) && ok; i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
	}
	if !ok {
		return invalid("id %q: use up to %d lower-case letters, digits and hyphens, no hyphen at the ends", id, MaxID)
	}
	return nil
}

// newID returns 16 random hexadecimal digits.
func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
