package join

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// Limits of a row and of what an entity has under it.
const (
	MaxName        = 64
	MaxDescription = 4096
	MaxType        = 256
	MaxExpression  = 256
	// MaxExpressions bounds the expressions of a key.
	MaxExpressions = 8
	MaxConditions  = 16
	// MaxList bounds the values of a condition, what is preferred and the
	// attributes of an edge.
	MaxList = 256
	// MaxPriority bounds the priority to both sides of 0.
	MaxPriority = 1_000_000
	// MaxKeys bounds the tuples that one side has of one entity.
	MaxKeys = 64
	// MaxValue is the length in bytes of the longest text that can be a key.
	MaxValue = 1024
	// MaxSize bounds the row as JSON: it has to fit into one event.
	MaxSize = 256 << 10
)

// Parse reads a row from JSON and checks it. Fields that a row does not have are
// refused.
func Parse(b []byte) (*Row, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	r := new(Row)
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("read join: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read join: there is text after the row at byte %d", dec.InputOffset())
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}

// JSON returns the row as one line of JSON text that [Parse] reads, the same for
// equal rows.
func (r *Row) JSON() string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(r) // strings and numbers only: it cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// Validate says what is wrong with the row and what to do about it.
func (r *Row) Validate() error {
	if err := ValidName(r.Name); err != nil {
		return err
	}
	if err := r.Check(); err != nil {
		return fmt.Errorf("join %s: %w", r.Name, err)
	}
	return nil
}

// ValidName says why a text cannot be the name of a row.
func ValidName(name string) error {
	ok := name != "" && len(name) <= MaxName
	for i := 0; i < len(name) && ok; i++ {
		c := name[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if !ok {
		return fmt.Errorf("name %q of a join: use 1 to %d letters, digits, '-', '_' and '.'", name, MaxName)
	}
	return nil
}

// Check is [Row.Validate] for all but the name.
func (r *Row) Check() error {
	switch {
	case len(r.Description) > MaxDescription || !utf8.ValidString(r.Description):
		return fmt.Errorf("the description is not text of up to %d bytes", MaxDescription)
	case r.Priority > MaxPriority || r.Priority < -MaxPriority:
		return fmt.Errorf("priority %d is not between -%d and %d", r.Priority, MaxPriority, MaxPriority)
	}
	for _, s := range []struct {
		what string
		side *Side
	}{{"from", &r.From}, {"to", &r.To}} {
		if err := s.side.validate(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	if f, t := len(r.From.Key), len(r.To.Key); f != t {
		return fmt.Errorf("from has %d expressions in key, to has %d; the first is compared to the first, the second to the second and so on", f, t)
	}
	if n := len(r.JSON()); n > MaxSize {
		return fmt.Errorf("it has %d bytes, more than %d; shorten its conditions, or make several rows of it", n, MaxSize)
	}
	switch r.Kind {
	case Same:
		return r.validateSame()
	case Edge:
		return r.validateEdge()
	}
	return fmt.Errorf("kind %q is not known; use %s (one node for both) or %s (an edge between the nodes of both)", r.Kind, Same, Edge)
}

func (r *Row) validateSame() error {
	switch {
	case r.Relation != "" || len(r.Attributes) > 0 || r.Symmetric:
		return fmt.Errorf("relation, attributes and symmetric describe an edge; leave them out, or set kind to %s", Edge)
	case len(r.Prefer) > MaxList:
		return fmt.Errorf("%d attributes in prefer, more than %d", len(r.Prefer), MaxList)
	}
	for _, key := range r.Prefer {
		if entity.ValidKey(key) != nil {
			return fmt.Errorf("prefer: %q is not the name of an attribute; give for example Type", key)
		}
	}
	return nil
}

func (r *Row) validateEdge() error {
	switch r.Relation {
	case "":
		return fmt.Errorf("an edge needs a relation, for example %s", entity.Layer2)
	case entity.RelPartOf, entity.RelMemberOf, entity.RelFunctionOf, entity.RelPeerOf:
		return fmt.Errorf("relation %s is a relationship of reports, not of edges; use %s, %s, %s or a word of your own", r.Relation, entity.Ownership, entity.Layer2, entity.VF)
	}
	if entity.ValidKey(r.Relation) != nil {
		return fmt.Errorf("relation %q is not text of up to %d bytes", r.Relation, entity.MaxKeyLength)
	}
	switch {
	case r.Priority != 0 || len(r.Prefer) > 0:
		return fmt.Errorf("priority and prefer are for rows that unify; leave them out, or set kind to %s", Same)
	case len(r.Attributes) > MaxList:
		return fmt.Errorf("%d attributes, more than %d", len(r.Attributes), MaxList)
	case r.Symmetric && (r.From.Entity != r.To.Entity || !slices.EqualFunc(r.From.Where, r.To.Where, Condition.equal)):
		return errors.New("it is symmetric, but its sides look at different entities; both need the same entity and where")
	}
	for _, key := range slices.Sorted(maps.Keys(r.Attributes)) {
		if entity.ValidKey(key) != nil {
			return fmt.Errorf("attributes: %q is not the name of an attribute; give for example Type", key)
		}
		if key == entity.KeyRelationType {
			return fmt.Errorf("attributes: %s is what relation says; leave it out", key)
		}
		if v := r.Attributes[key]; len(v) > MaxValue || !utf8.ValidString(v) {
			return fmt.Errorf("attributes: %s is not text of up to %d bytes", key, MaxValue)
		}
	}
	return nil
}

func (s *Side) validate() error {
	switch {
	case s.Entity == "":
		return errors.New("there is no entity; give the type of the entities, for example interface")
	case len(s.Entity) > MaxType || !utf8.ValidString(s.Entity):
		return fmt.Errorf("entity is not text of up to %d bytes", MaxType)
	case s.Entity == entity.TypeJoin:
		return errors.New("rows of the table of joins are no nodes; choose another entity")
	case len(s.Where) > MaxConditions:
		return fmt.Errorf("%d conditions, more than %d", len(s.Where), MaxConditions)
	case len(s.Key) == 0:
		return errors.New(`there is no key; give expressions whose values have to be equal on both sides, for example ["@Host", "Name"]`)
	case len(s.Key) > MaxExpressions:
		return fmt.Errorf("%d expressions in key, more than %d", len(s.Key), MaxExpressions)
	}
	for i := range s.Where {
		if err := s.Where[i].validate(); err != nil {
			return fmt.Errorf("where: %w", err)
		}
	}
	for _, x := range s.Key {
		if err := checkExpr(x); err != nil {
			return fmt.Errorf("key: %w", err)
		}
	}
	return nil
}

func (c *Condition) validate() error {
	if c.Key == "" {
		return errors.New("a condition has no key; give the expression that it looks at, for example {key: Type, in: [tun]}")
	}
	if err := checkExpr(c.Key); err != nil {
		return err
	}
	if c.Absent && len(c.In)+len(c.NotIn) > 0 {
		return fmt.Errorf("%s: absent stands without in and not_in: what is not there has no values", c.Key)
	}
	for _, list := range [][]string{c.In, c.NotIn} {
		if len(list) > MaxList {
			return fmt.Errorf("%s: %d values, more than %d", c.Key, len(list), MaxList)
		}
		for _, v := range list {
			if v == "" || len(v) > MaxValue || !utf8.ValidString(v) {
				return fmt.Errorf("%s: value %q is not text of 1 to %d bytes", c.Key, v, MaxValue)
			}
		}
	}
	return nil
}
