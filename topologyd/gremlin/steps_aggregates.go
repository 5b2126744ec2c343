package gremlin

import (
	"math"

	"github.com/skein-net/skein/internal/entity"
)

// MaxAggregates is how many slices of time Aggregates may make.
const MaxAggregates = 10_000

// defaultStep is the length of a slice when none is given, in milliseconds.
const defaultStep = 30_000

// nameAggregated is the name under which Aggregates gives the slices when it has
// no keys.
const nameAggregated = "Aggregated"

// series tells the metrics of nodes or flows apart by the values of keys, which
// a later Aggregates names: when it is asked, nodes and flows are gone.
type series struct {
	of   Kind
	keys []string
}

// betweenValues stands between the values of several keys.
const betweenValues = ", "

// name is the series that a node or flow belongs to: the values of the keys,
// nothing for one that is missing.
func (s *series) name(x *exec, at lookupFunc) string {
	if len(s.keys) == 0 {
		return ""
	}
	var b []byte
	for i, k := range s.keys {
		if i > 0 {
			b = append(b, betweenValues...)
		}
		if v := first(at, k); v.Kind() == entity.KindString {
			b = append(b, v.Str()...)
		} else if !v.IsZero() {
			b = v.AppendJSON(b)
		}
	}
	x.take(len(b))
	return string(b)
}

// buildAggregates makes Aggregates: ([seconds [, key …]]) adds up metrics by
// slices of time, see [aggregates]; with keys of the nodes or flows that were
// counted, those of each combination of their values for themselves.
func buildAggregates(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	by := c.series
	c.series = nil
	step := int64(defaultStep)
	if len(s.args) > 0 {
		const what = "the length of a slice in seconds, 1 or more"
		if a := &s.args[0]; !a.isInt() || a.val.Int() < 1 || a.val.Int() > math.MaxInt64/1_000_000_000 {
			return nil, 0, c.bad(a, what)
		}
		step = s.args[0].val.Int() * 1000
	}
	keyed := len(s.args) > 1
	if keyed && by == nil {
		return nil, 0, c.misuse(s, "what was added up has no keys; give them to the first Aggregates")
	}
	for i := 1; i < len(s.args); i++ {
		key, err := c.keyOn(by.of, &s.args[i])
		if err != nil {
			return nil, 0, err
		}
		by.keys = append(by.keys, key)
	}
	return func(x *exec, in flow) flow {
		w := x.window
		return flow{kind: KindMetrics, scope: in.scope, groups: func(yield func(*group) bool) {
			var list []*group
			for g := range in.groups {
				if len(g.metrics) > 0 && !x.take(len(g.metrics)*valueBytes) {
					return
				}
				list = append(list, g)
			}
			if x.err != nil {
				return
			}
			from, to := extent(w, list)
			if n := (&aggregates{from: from, to: to, step: step}).slices(); n > MaxAggregates {
				x.fail(c.misuse(s, "%d seconds in steps of %d are more than %d slices; ask for longer ones", (to-from)/1000, step/1000, MaxAggregates))
				return
			}
			byName := make(map[string]*aggregates)
			if !keyed {
				byName[nameAggregated] = &aggregates{from: from, to: to, step: step}
			}
			for _, g := range list {
				name := nameAggregated
				if keyed {
					name = g.series
				}
				a := byName[name]
				if a == nil {
					if !x.take(mapBytes) {
						return
					}
					a = &aggregates{from: from, to: to, step: step}
					byName[name] = a
				}
				for _, m := range g.metrics {
					if !x.visit() || !a.add(x, m) {
						return
					}
				}
			}
			for _, name := range namesOf(x, byName) {
				if !yield(&group{name: name, metrics: byName[name].metrics()}) {
					return
				}
			}
		}}
	}, KindMetrics, nil
}

// extent is the time that is cut into slices, in milliseconds: that of the
// query, and where it has no beginning or is one moment, that of the metrics.
func extent(w window, list []*group) (from, to int64) {
	const ms = 1_000_000
	if w.past && !w.point && !w.open {
		return w.from / ms, w.to / ms
	}
	some := false
	for _, g := range list {
		for _, m := range g.metrics {
			start, last := times(m)
			if !some || start < from {
				from = start
			}
			to, some = max(to, last), true
		}
	}
	if w.past && !w.point {
		to = max(from, w.to/ms)
	}
	return from, max(to, from+1)
}

// times are the Start and Last of a metric.
func times(m entity.Attrs) (start, last int64) {
	start = m.Get(keyStart).Int()
	return start, max(start, m.Get(keyLast).Int())
}
