package neighbor

import (
	"github.com/skein-net/skein/internal/entity"
)

// attrs builds attributes; what is empty is left out.
type attrs entity.Attrs

func (a *attrs) add(key string, v entity.Value) { *a = append(*a, entity.A(key, v)) }

func (a *attrs) text(key, s string) {
	if s != "" {
		a.add(key, entity.String(s))
	}
}

func (a *attrs) texts(key string, s []string) {
	if len(s) > 0 {
		a.add(key, entity.Strings(s...))
	}
}

func (a *attrs) number(key string, n int64) { a.add(key, entity.Int(n)) }

func (a *attrs) flag(key string, b bool) { a.add(key, entity.Bool(b)) }

// watts adds a power in watts, of which a unit has parts.
func (a *attrs) watts(key string, n, parts int64) {
	a.add(key, entity.Float(float64(n)/float64(parts)))
}

func (a *attrs) list(key string, vs []entity.Value) {
	if len(vs) > 0 {
		a.add(key, entity.List(vs...))
	}
}

func (a *attrs) nested(key string, v attrs) {
	if len(v) > 0 {
		a.add(key, v.value())
	}
}

func (a *attrs) done() entity.Attrs { return entity.Attrs(*a).Normalize() }

func (a *attrs) value() entity.Value { return entity.Map(a.done()) }

// bitNumbers returns the numbers of the bits that are set.
func bitNumbers(b uint8) []entity.Value {
	var out []entity.Value
	for i := range int64(8) {
		if b&(1<<i) != 0 {
			out = append(out, entity.Int(i))
		}
	}
	return out
}

func numbers(b []uint8) []entity.Value {
	out := make([]entity.Value, len(b))
	for i, x := range b {
		out[i] = entity.Int(int64(x))
	}
	return out
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
