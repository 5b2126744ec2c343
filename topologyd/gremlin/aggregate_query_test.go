package gremlin

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// reports is a world in which interfaces and flows report what a case counts,
// base seconds after 1970: each metric is what one report adds to the one before
// it, of the same interface and the same flow as far as they follow one another.
func reports(t *testing.T, base int64, in []countedIn) *world {
	w := newWorld(t)
	w.load(fmt.Sprintf("clock %d", base-1000), "host h")
	// line happens a number of seconds after base.
	type line struct {
		at   int64
		text string
	}
	var lines []line
	type emitter struct {
		name        string
		last, total int64
	}
	var emitters []*emitter
	for _, c := range in {
		i := slices.IndexFunc(emitters, func(e *emitter) bool { return e.last == c.start })
		if i < 0 {
			i = len(emitters)
			e := &emitter{name: fmt.Sprintf("e%d", i), last: c.start}
			emitters = append(emitters, e)
			w.load("node "+e.name+" device", "edge h -> "+e.name+" ownership")
			lines = append(lines, line{c.start, "metric " + e.name + " RxBytes=0 TxPackets=0"},
				line{c.start, "flow f-" + e.name + " " + e.name + " Application=TEST"})
		}
		e := emitters[i]
		e.total += c.value
		e.last = c.last
		lines = append(lines, line{c.last, fmt.Sprintf("metric %s RxBytes=%d TxPackets=%[2]d", e.name, e.total)},
			line{c.last, fmt.Sprintf("flow f-%s %[1]s Metric.ABBytes=%d Metric.ABPackets=%[2]d Metric.BABytes=%[2]d Metric.BAPackets=%[2]d", e.name, e.total)})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.at - b.at) })
	for _, l := range lines {
		w.Now = time.Unix(base+l.at-1, 0).UTC()
		w.load(l.text)
	}
	w.Now = time.Unix(base+1000, 0).UTC()
	w.load()
	return w
}

// TestAggregatesOfReports: what the rule makes of metrics is what queries give
// of those that interfaces and flows report, for all their counters.
func TestAggregatesOfReports(t *testing.T) {
	const base = 100_000
	for _, tc := range aggregateCases() {
		if tc.from == tc.to || slices.ContainsFunc(tc.in, func(c countedIn) bool { return c.last < c.start }) {
			continue // neither can be asked, or reported
		}
		for _, of := range []struct {
			metrics  string
			counters []string
			moments  bool // one report counts at a moment
		}{
			{"V().Metrics()", []string{"RxBytes", "TxPackets"}, false},
			{"Flows().Metrics()", []string{"ABBytes", "ABPackets", "BABytes", "BAPackets"}, true},
		} {
			if !of.moments && slices.ContainsFunc(tc.in, func(c countedIn) bool { return c.last == c.start }) {
				continue
			}
			t.Run(tc.name+"/"+of.metrics, func(t *testing.T) {
				w := reports(t, base, tc.in)
				query := fmt.Sprintf("G.Context(%d, %d).%s.Aggregates(10)", base+tc.to, tc.to-tc.from, of.metrics)
				for _, counter := range of.counters {
					var got []string
					for name, metrics := range w.askFlows(t, query).Metrics() {
						if name != nameAggregated {
							t.Errorf("the series %s", name)
						}
						for _, m := range metrics {
							start, last := times(m)
							got = append(got, fmt.Sprintf("%d@%d-%d", m.Get(counter).Int(), start/1000-base, last/1000-base))
						}
					}
					if text := strings.Join(got, " "); text != tc.want {
						t.Errorf("%s: got %q, want %q", counter, text, tc.want)
					}
				}
				// Nothing is lost by aggregating what lies inside.
				if want, got := w.askFlows(t, query+".Sum('"+of.counters[0]+"')"), sumOf(tc.want); want.Number().Int() != got {
					t.Errorf("the sum is %d, want %d", want.Number().Int(), got)
				}
			})
		}
	}
}

// sumOf adds up the values of what a case wants.
func sumOf(want string) (total int64) {
	for _, one := range strings.Fields(want) {
		var v int64
		_, _ = fmt.Sscan(one[:strings.Index(one, "@")], &v)
		total += v
	}
	return total
}

// TestMetricsOfInterfaces: a reset counts from zero, what no report speaks of is
// not made up, and what was counted before the window is not in it.
func TestMetricsOfInterfaces(t *testing.T) {
	w := newWorld(t)
	w.load("clock 1000", "host h", "node a device", "edge h -> a ownership")
	report := func(at int64, n int) {
		w.Now = time.Unix(at-1, 0).UTC()
		w.load(fmt.Sprintf("metric a RxBytes=%d", n))
	}
	report(2000, 50_000)
	report(2030, 50_300)
	report(2060, 7) // after a reset
	report(2120, 607)
	w.Now = time.Unix(2200, 0).UTC()
	for _, tc := range []struct{ query, want string }{
		{"G.Context(2120, 120).V('Name', 'a').Metrics()", "300@2000-2030 7@2030-2060 600@2060-2120"},
		{"G.Context(2120, 120).V().Metrics().Aggregates()", "300@2000-2030 7@2030-2060 300@2060-2090 300@2090-2120"},
		{"G.Context(2120, 120).V().Metrics().Aggregates(60)", "307@2000-2060 600@2060-2120"},
		{"G.Context(2090, 60).V().Metrics().Aggregates(30)", "7@2030-2060 300@2060-2090"},
		{"G.Context(2120, 120).V().Metrics().Aggregates(60, 'Name')", "307@2000-2060 600@2060-2120"},
		{"G.Context(2120, 120).V().Metrics().Aggregates(30).Aggregates(120)", "907@2000-2120"},
		{"G.Context(1990, 100).V().Metrics().Aggregates(30)", ""},
		{"G.V().Metrics().Aggregates(3600)", "607@2000-2120"},
		{"G.V().Metrics('LastUpdateMetric').Aggregates(3600)", "600@2060-2120"},
	} {
		var got []string
		for _, metrics := range w.askFlows(t, tc.query).Metrics() {
			for _, m := range metrics {
				start, last := times(m)
				got = append(got, fmt.Sprintf("%d@%d-%d", m.Get("RxBytes").Int(), start/1000, last/1000))
			}
		}
		if text := strings.Join(got, " "); text != tc.want {
			t.Errorf("%s: got %q, want %q", tc.query, text, tc.want)
		}
	}
}
