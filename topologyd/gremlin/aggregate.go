package gremlin

import (
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// aggregates adds up metrics by slices of time. The edges of slices are at
// from + n·step; the last one ends at to. A metric that spans several is cut in
// proportion to time, in whole numbers of which none is lost: what is counted
// up to an edge is rounded down. A value that rounds to nothing in the slice
// that holds its Start is given to that slice whole. What no metric speaks of
// is not made up: there is no such slice in the answer.
type aggregates struct {
	from, to, step int64
	sums           map[int64]*sum // by the number of the slice
}

// slices is how many slices there are.
func (a *aggregates) slices() int64 {
	return (a.to - a.from + a.step - 1) / a.step
}

// add adds a metric; false means stop.
func (a *aggregates) add(x *exec, m entity.Attrs) bool {
	start, last := times(m)
	if last < a.from || start > a.to || start == a.to && last > start || a.to == a.from {
		return true
	}
	home := floorDiv(start-a.from, a.step)
	edge := a.from + (home+1)*a.step
	if start < a.to {
		edge = min(edge, a.to)
	}
	first, end := max(0, home), min(floorDiv(last-a.from, a.step), a.slices()-1)
	for n := min(first, end); n <= end; n++ {
		left := a.from + n*a.step
		right := min(left+a.step, a.to)
		if n > home && left >= last {
			break // a metric that ends at an edge is not in the slice after it
		}
		if a.sums == nil {
			a.sums = make(map[int64]*sum)
		}
		s := a.sums[n]
		if s == nil {
			if !x.take(metricBytes + mapBytes) {
				return false
			}
			s = &sum{start: left, last: right, fixed: true}
			a.sums[n] = s
		}
		if !x.visit() {
			return false
		}
		s.part(m, func(v int64) int64 { return share(v, start, last, left, right, edge) })
	}
	return true
}

// share is the part of a value counted in [start, last] that belongs to [left,
// right]; the slice that holds start ends at edge.
func share(v, start, last, left, right, edge int64) int64 {
	within := left <= start && (start < right || start == last)
	upTo := func(t int64) int64 { return scale(v, min(max(t, start), last)-start, last-start) }
	switch {
	case start < last && upTo(edge) > 0:
		return upTo(right) - upTo(left)
	case within:
		return v
	default:
		return 0
	}
}

// scale is v·n/d rounded down, for 0 <= n <= d and d > 0.
func scale(v, n, d int64) int64 {
	if v < 0 {
		return -scale(-v, n, d)
	}
	hi, lo := bits.Mul64(uint64(v), uint64(n))
	q, _ := bits.Div64(hi, lo, uint64(d)) // v·n/d <= v: no overflow
	return int64(q)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// metrics gives the slices in order.
func (a *aggregates) metrics() []entity.Attrs {
	out := make([]entity.Attrs, 0, len(a.sums))
	for _, n := range slices.Sorted(maps.Keys(a.sums)) {
		out = append(out, a.sums[n].attrs())
	}
	return out
}

// sum adds up metrics: counters, the earliest Start, the latest Last, and the
// RTT of the one that is the latest of those that know it, the largest sampling
// rate.
type sum struct {
	counters    entity.Attrs
	start, last int64
	// fixed keeps start and last as they are; some tells that a metric was added.
	fixed, some bool
	rtt, rttAt  int64
	// sampling is the largest rate.
	sampling int64
}

// part adds what share leaves of each counter of a metric.
func (s *sum) part(m entity.Attrs, share func(int64) int64) {
	start, last := times(m)
	if !s.fixed {
		if !s.some || start < s.start {
			s.start = start
		}
		if !s.some || last > s.last {
			s.last = last
		}
	}
	s.some = true
	for _, c := range m {
		switch c.Key {
		case keyStart, keyLast:
		case keySampling:
			s.sampling = max(s.sampling, c.Value.Int())
		case keyRTT:
			if s.rtt == 0 || last >= s.rttAt {
				s.rtt, s.rttAt = c.Value.Int(), last
			}
		default:
			if c.Value.Kind() == entity.KindInt {
				s.add(c.Key, share(c.Value.Int()))
			}
		}
	}
}

func (s *sum) add(key string, n int64) {
	for i := range s.counters {
		if c := &s.counters[i]; c.Key == key {
			total := c.Value.Int() + n
			if n > 0 && total < n {
				total = math.MaxInt64
			}
			c.Value = entity.Int(total)
			return
		}
	}
	s.counters = append(s.counters, entity.A(key, entity.Int(n)))
}

// attrs is the sum as a metric.
func (s *sum) attrs() entity.Attrs {
	out := append(s.counters, entity.A(keyStart, entity.Int(s.start)), entity.A(keyLast, entity.Int(s.last)))
	if s.rtt != 0 {
		out = append(out, entity.A(keyRTT, entity.Int(s.rtt)))
	}
	if s.sampling > 1 {
		out = append(out, entity.A(keySampling, entity.Int(s.sampling)))
	}
	return out.Normalize()
}

// whole is the share of a metric that is not cut.
func whole(v int64) int64 { return v }

// sumMetrics makes Sum on metrics: (key) gives the sum of one counter, () all
// of them in one metric.
func (c *compiler) sumMetrics(s *call) (op, Kind, error) {
	c.source = nil
	key := ""
	if len(s.args) > 0 {
		if !s.args[0].isKey() || s.args[0].val.Str() == "" {
			return nil, 0, c.bad(&s.args[0], "the name of a counter such as 'ABBytes' or 'RxBytes'")
		}
		key = s.args[0].val.Str()
	}
	kind := KindMap
	if key != "" {
		kind = KindNumber
	}
	add := func(x *exec, in flow) entity.Value {
		t, all := total{}, sum{}
		for g := range in.groups {
			for _, m := range g.metrics {
				if !x.visit() {
					return entity.Value{}
				}
				if key == "" {
					all.part(m, whole)
				} else if v := m.Get(key); v.IsNumber() {
					t.add(v)
				}
			}
		}
		if key != "" {
			return t.value()
		}
		out := entity.Attrs{}
		if all.some {
			out = all.attrs()
		}
		return entity.Map(out)
	}
	return func(x *exec, in flow) flow {
		return flow{kind: kind, scope: in.scope, number: func() entity.Value { return add(x, in) }}
	}, kind, c.atMost(s, 1)
}
