// Package entitytest makes entity events: random ones for property tests of
// whatever carries them, and a network for benchmarks. It is for tests only.
package entitytest

import (
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Event returns a random valid event. It favours what codecs get wrong: keys
// and text full of each other's punctuation, empty and deep structures,
// extreme numbers.
func Event(r *rand.Rand) entity.Event {
	e := entity.Event{
		Ref:        ref(r),
		Source:     text(r) + "s",
		Time:       time.Unix(0, 1+r.Int64N(math.MaxInt64)),
		Attributes: attrs(r, 1),
	}
	if r.IntN(3) == 0 {
		e.Kind = entity.Delete
		e.Reason = text(r)
	}
	if r.IntN(3) > 0 {
		e.Interval = time.Duration(r.Int64N(100000)) * time.Second
	}
	for range r.IntN(4) {
		e.Relationships = append(e.Relationships, entity.Relationship{Type: text(r) + "t", Target: ref(r), Attributes: attrs(r, 1)})
	}
	return e
}

func ref(r *rand.Rand) entity.Ref {
	id := entity.Identity{}
	for range 1 + r.IntN(4) {
		id = append(id, entity.IDAttr{Key: key(r), Value: text(r)})
	}
	return entity.Ref{Type: text(r) + "e", ID: id.Normalize()}
}

// attrs returns attributes whose values are at the given depth.
func attrs(r *rand.Rand, depth int) entity.Attrs {
	var a entity.Attrs
	for range r.IntN(12 / depth) {
		a = append(a, entity.Attr{Key: key(r), Value: value(r, depth)})
	}
	return a.Normalize()
}

func value(r *rand.Rand, depth int) entity.Value {
	n := 9
	if depth > 3 {
		n = 7
	}
	switch r.IntN(n) {
	case 0:
		return entity.Bool(r.IntN(2) == 0)
	case 1:
		return entity.Int(int64(r.Uint64()) >> r.IntN(64))
	case 2:
		return entity.Int(pick(r, int64(0), -1, math.MaxInt64, math.MinInt64, 1<<53+1))
	case 3:
		for {
			if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
				return entity.Float(f)
			}
		}
	case 4:
		return entity.Float(pick(r, 0, math.Copysign(0, -1), 1, 1e20, 1e21, -1e-6, 1e-7, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, 1<<63))
	case 5, 6:
		return entity.String(text(r))
	case 7:
		if r.IntN(10) == 0 {
			return deep(entity.String(text(r)), depth)
		}
		var vs []entity.Value
		for range r.IntN(5) {
			vs = append(vs, value(r, depth+1))
		}
		return entity.List(vs...)
	default:
		return entity.Map(attrs(r, depth+1))
	}
}

// deep wraps v, which is at the given depth, until it is as deep as may be.
func deep(v entity.Value, depth int) entity.Value {
	for i := depth; i < entity.MaxDepth; i++ {
		if i%2 == 0 {
			v = entity.List(v)
		} else {
			v = entity.Map(entity.Attrs{{Key: "k", Value: v}})
		}
	}
	return v
}

func key(r *rand.Rand) string {
	k := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '_'
		}
		return c
	}, text(r))
	if len(k) > entity.MaxKeyLength-2 {
		k = ""
	}
	k = strings.TrimRight(k, `\`)
	if k == "" {
		return "k"
	}
	return k
}

// text returns a few pieces that mean something to some encoding.
func text(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(5) {
		b.WriteString(pick(r,
			"a", "Name", "MTU", "k8s.pod", " ", ",", "=", `"`, `\`, `\\`, `\"`, `="`, `\ `, `\,`, "\n", "\r\n", "\t", "\f", "\x00", "\x7f",
			"#", "{", "}", "[", "]", ":", "'", "é", "世界", "\U0001F9F6", "\uFFFD", "\u2028", "1i", "true", "null", "1700000000000000000",
			"entity.", "entity.id", "attr:", ":json", ":raw", "/"))
	}
	return b.String()
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
