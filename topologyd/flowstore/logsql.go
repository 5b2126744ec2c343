package flowstore

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// This file writes LogsQL. Names and values get into a query quoted, always
// and only by quote, so no value can be anything but a value.

// quote writes a string as LogsQL reads it: Go syntax, which the language
// takes from the same library.
func quote(s string) string { return strconv.Quote(s) }

// filter is a filter in LogsQL, with what it lacks.
type filter struct {
	text string
	// all and none are filters that need no text.
	all, none bool
	// exact is set when the filter holds for just the rows that match; others
	// hold for more.
	exact bool
}

func everything(exact bool) filter { return filter{all: true, exact: exact} }

func nothing() filter { return filter{none: true, exact: true} }

// and joins filters that must all hold.
func and(fs ...filter) filter {
	out := filter{exact: true}
	var texts []string
	for _, f := range fs {
		out.exact = out.exact && f.exact
		switch {
		case f.none:
			return nothing()
		case !f.all:
			texts = append(texts, f.text)
		}
	}
	out.all = len(texts) == 0
	out.text = strings.Join(texts, " ")
	return out
}

// or joins filters of which one must hold.
func or(fs ...filter) filter {
	out := filter{exact: true}
	var texts []string
	for _, f := range fs {
		out.exact = out.exact && f.exact
		switch {
		case f.all:
			out.all = true
		case !f.none:
			texts = append(texts, f.text)
		}
	}
	if out.all {
		return everything(out.exact)
	}
	out.none = len(texts) == 0
	switch {
	case len(texts) > 1:
		out.text = "(" + strings.Join(texts, " or ") + ")"
	case len(texts) == 1:
		out.text = texts[0]
	}
	return out
}

// not turns a filter round. What holds for too much would hold for too little
// then, so such a filter becomes everything.
func not(f filter) filter {
	switch {
	case !f.exact:
		return everything(false)
	case f.all:
		return nothing()
	case f.none:
		return everything(true)
	}
	return filter{text: "!(" + f.text + ")", exact: true}
}

// String returns the filter as a part of a query.
func (f filter) String() string {
	switch {
	case f.all:
		return "*"
	case f.none:
		return "!*"
	}
	return f.text
}

// equal holds for rows whose field has one of the values, and is not empty.
func equal(field string, values ...string) filter {
	values = nonEmpty(values)
	switch len(values) {
	case 0:
		return nothing()
	case 1:
		return filter{text: quote(field) + ":=" + quote(values[0]), exact: true}
	}
	var b strings.Builder
	b.WriteString(quote(field))
	b.WriteString(":in(")
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(quote(v))
	}
	b.WriteByte(')')
	return filter{text: b.String(), exact: true}
}

func nonEmpty(values []string) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		if v != "" {
			out = append(out, v)
		}
	}
	return out
}

// present holds for rows that have a field; an empty value is none.
func present(field string) filter { return filter{text: quote(field) + `:*`, exact: true} }

func absent(field string) filter { return filter{text: quote(field) + `:=""`, exact: true} }

// LogsQL compares numbers as 64-bit floats: integers beyond 2^53 only nearly.
const exactInt = 1 << 53

// between holds for integers in [low, high].
func between(field string, low, high int64) filter {
	f := filter{exact: true}
	var parts []string
	if low != math.MinInt64 {
		if low > exactInt || low < -exactInt {
			low, f.exact = saturatingAdd(low, -2048), false
		}
		parts = append(parts, quote(field)+":>="+strconv.FormatInt(low, 10))
	}
	if high != math.MaxInt64 {
		if high > exactInt || high < -exactInt {
			high, f.exact = saturatingAdd(high, 2048), false
		}
		parts = append(parts, quote(field)+":<="+strconv.FormatInt(high, 10))
	}
	if len(parts) == 0 {
		return present(field)
	}
	f.text = strings.Join(parts, " ")
	if len(parts) > 1 {
		f.text = "(" + f.text + ")"
	}
	return f
}

func saturatingAdd(a, b int64) int64 {
	s := a + b
	switch {
	case b > 0 && s < a:
		return math.MaxInt64
	case b < 0 && s > a:
		return math.MinInt64
	}
	return s
}

// timeLayout writes nanoseconds always, so that a time never means a range.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// minTime and maxTime bound the times a store can have: 1970 and 2262.
const (
	minTime = 0
	maxTime = 9_214_646_400_000_000_000
)

// during holds for rows with a time in [from, to].
func during(from, to int64) filter {
	from, to = max(from, minTime), min(to, maxTime)
	if from > to {
		return nothing()
	}
	return filter{exact: true, text: "_time:[" + time.Unix(0, from).UTC().Format(timeLayout) + ", " + time.Unix(0, to).UTC().Format(timeLayout) + "]"}
}

// event holds for rows of one kind.
func event(name string) filter { return equal(fieldEvent, name) }

// ids is a filter for identifiers: nil means any, an empty list none.
func ids(field string, us []entity.UUID) filter {
	if us == nil {
		return everything(true)
	}
	texts := make([]string, len(us))
	for i, u := range us {
		texts[i] = u.String()
	}
	return equal(field, texts...)
}

// conditions translates what must all hold.
func conditions(t *flowrecord.Table, cs []flowrecord.Condition) filter {
	fs := make([]filter, len(cs))
	for i := range cs {
		fs[i] = condition(t, &cs[i])
	}
	return and(fs...)
}

// condition translates one condition; what cannot be told of a row is left to
// [matches], so that the filter holds for more than the condition.
func condition(t *flowrecord.Table, c *flowrecord.Condition) filter {
	fs := make([]filter, len(c.Fields))
	for i, name := range c.Fields {
		fs[i] = everything(false)
		if f := t.Query(name); f != nil && f.Kind != entity.KindMap {
			fs[i] = compare(f, name, c)
		}
	}
	f := or(fs...)
	if c.Not {
		return not(f)
	}
	return f
}

func compare(f *flowrecord.Field, name string, c *flowrecord.Condition) filter {
	switch {
	case derived(f.Wire):
		return everything(false)
	case c.Op == flowrecord.Exists:
		if zeroShown(f, name) {
			return everything(true)
		}
		return present(f.Wire)
	case c.Op == flowrecord.InNetwork:
		return inNetwork(f, c.Values)
	case f.Kind == entity.KindInt:
		return compareInt(f, name, c)
	case c.Op == flowrecord.In:
		return inStrings(f, c.Values)
	}
	return everything(false)
}

// zeroShown reports whether queries see 0 where the record has no value.
func zeroShown(f *flowrecord.Field, name string) bool {
	return f.Kind == entity.KindInt && (strings.HasPrefix(name, "Metric.") || strings.HasPrefix(name, "LastUpdateMetric."))
}

func inStrings(f *flowrecord.Field, values []entity.Value) filter {
	folded := f.Query == "Network.Protocol" || f.Query == "Transport.Protocol"
	var texts []string
	for _, v := range values {
		s := v.Str()
		if folded {
			if s != strings.ToUpper(s) {
				continue // queries see capitals only
			}
			s = strings.ToLower(s)
		}
		texts = append(texts, s)
	}
	return equal(f.Wire, texts...)
}

// compareInt translates comparisons with numbers. A field that is missing is 0.
func compareInt(f *flowrecord.Field, name string, c *flowrecord.Condition) filter {
	var fs []filter
	for _, v := range c.Values {
		if !v.IsNumber() {
			continue // numbers are never like anything else
		}
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		x, whole := v.Int(), true
		if v.Kind() == entity.KindFloat {
			fl := v.Float()
			if math.Abs(fl) >= exactInt {
				fs = append(fs, everything(false))
				continue
			}
			whole = fl == math.Trunc(fl)
			x = int64(math.Floor(fl))
		}
		exact := true
		switch c.Op {
		case flowrecord.In:
			if !whole {
				continue
			}
			low, high = x, x
		case flowrecord.Less:
			if high = x; whole {
				high = saturatingAdd(x, -1)
			}
		case flowrecord.LessEqual:
			high = x
		case flowrecord.Greater:
			low = saturatingAdd(x, 1)
		case flowrecord.GreaterEqual:
			if low = x; !whole {
				low++
			}
		}
		if f.Time { // milliseconds, rounded towards 0
			low, high, exact = toNanos(low, -1), toNanos(high, 1), false
		}
		fs = append(fs, rangeOf(f, name, low, high, exact))
	}
	return or(fs...)
}

func rangeOf(f *flowrecord.Field, name string, low, high int64, exact bool) filter {
	out := between(f.Wire, low, high)
	if low == high && low != 0 && exact {
		out = equal(f.Wire, strconv.FormatInt(low, 10))
	}
	if low <= 0 && high >= 0 && (zeroShown(f, name)) {
		if low == 0 && high == 0 {
			out = or(absent(f.Wire), equal(f.Wire, "0"))
		} else {
			out = or(out, absent(f.Wire))
		}
	}
	out.exact = out.exact && exact
	return out
}

// toNanos turns milliseconds to nanoseconds with one more millisecond of room.
func toNanos(ms, room int64) int64 {
	if ms == math.MinInt64 || ms == math.MaxInt64 {
		return ms
	}
	ms = saturatingAdd(ms, room)
	const limit = math.MaxInt64 / int64(time.Millisecond)
	switch {
	case ms > limit:
		return math.MaxInt64
	case ms < -limit:
		return math.MinInt64
	}
	return ms * int64(time.Millisecond)
}

// inNetwork translates networks of IPv4; LogsQL knows none of IPv6.
func inNetwork(f *flowrecord.Field, values []entity.Value) filter {
	var fs []filter
	for _, v := range values {
		p, ok := flowrecord.ParseNetwork(v.Str())
		switch {
		case !ok:
			continue
		case p.Addr().Is4() && (f.Wire == "source.address" || f.Wire == "destination.address"):
			fs = append(fs, filter{exact: true, text: quote(f.Wire) + ":ipv4_range(" + quote(p.Masked().String()) + ")"})
		default:
			fs = append(fs, everything(false))
		}
	}
	return or(fs...)
}
