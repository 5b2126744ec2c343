package join

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// Entity is what a row looks at: one entity as all its sources together
// describe it.
type Entity interface {
	// Type is the entity type.
	Type() string
	// ID is an identifying attribute, "" when there is none of the key.
	ID(key string) string
	// Lookup yields the values at a dotted path, as [entity.Attrs.Lookup] does.
	Lookup(path string, yield func(entity.Value) bool)
}

// Keys appends the keys under which the side has an entity to out: one tuple
// with a text for each expression in Key, for every combination of their values.
// The tuples are sorted and distinct. There are at most [MaxKeys], the first in
// that order; none when the type is another, when a condition does not hold or
// when an expression has no value. It does not keep e, and may be called by
// several goroutines.
func (s *Side) Keys(e Entity, out [][]string) [][]string {
	if s.Entity != e.Type() || len(s.Key) == 0 {
		return out
	}
	r := newReader(e)
	for i := range s.Where {
		if !s.Where[i].holds(r) {
			return out
		}
	}
	var room [MaxExpressions]int
	ends := room[:0] // where the values of each expression end
	for _, text := range s.Key {
		start := len(r.values)
		if r.read(parseExpr(text)); len(r.values) == start {
			return out
		}
		r.values = r.values[:min(len(r.values), start+MaxKeys)]
		ends = append(ends, len(r.values))
	}
	return product(r.values, ends, out)
}

// product appends the combinations of the values of expressions, in order: of
// the first values[:ends[0]], of the second values[ends[0]:ends[1]] and so on.
func product(values []string, ends []int, out [][]string) [][]string {
	var room [MaxExpressions]int
	at := append(room[:0], ends...) // the combination, as offsets in values
	at[0] = 0
	copy(at[1:], ends)
	for range MaxKeys {
		tuple := make([]string, len(at))
		for i, n := range at {
			tuple[i] = values[n]
		}
		out = append(out, tuple)
		last := len(at) - 1
		for last >= 0 && at[last]+1 == ends[last] {
			at[last] = 0
			if last > 0 {
				at[last] = ends[last-1]
			}
			last--
		}
		if last < 0 {
			break
		}
		at[last]++
	}
	return out
}

// holds tells whether the condition holds for the entity of a reader.
func (c *Condition) holds(r *reader) bool {
	x := parseExpr(c.Key)
	if len(c.In) == 0 && len(c.NotIn) == 0 {
		return r.exists(x) != c.Absent
	}
	start := len(r.values)
	r.read(x)
	values := r.values[start:]
	r.values = r.values[:start]
	within := func(list []string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return slices.Contains(list, v) })
	}
	return (len(c.In) == 0 || within(c.In)) && !within(c.NotIn)
}
