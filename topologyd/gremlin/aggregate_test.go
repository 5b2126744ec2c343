package gremlin

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// countedIn is a metric of one value, in all four counters, and times in seconds.
type countedIn struct{ value, start, last int64 }

func (c countedIn) attrs() entity.Attrs {
	return entity.Attrs{
		entity.A("ABBytes", entity.Int(c.value)), entity.A("ABPackets", entity.Int(c.value)),
		entity.A("BABytes", entity.Int(c.value)), entity.A("BAPackets", entity.Int(c.value)),
		entity.A(keyLast, entity.Int(c.last*1000)), entity.A(keyStart, entity.Int(c.start*1000)),
	}
}

func aggregate(t *testing.T, from, to, step int64, in ...countedIn) *aggregates {
	t.Helper()
	a := &aggregates{from: from * 1000, to: to * 1000, step: step * 1000}
	x := &exec{ctx: t.Context(), lim: Limits{}.filled(), start: time.Now()}
	for _, c := range in {
		if !a.add(x, c.attrs()) {
			t.Fatal(x.err)
		}
	}
	return a
}

// aggregateCase is metrics in a window from a second to another, and what comes
// of them in slices of 10 s: value@start-last of each.
type aggregateCase struct {
	name     string
	from, to int64
	in       []countedIn
	want     string
}

// aggregateCases are the rule on the figures that Skydive's users know: one
// metric or several, inside, across and around the window.
func aggregateCases() []aggregateCase {
	return []aggregateCase{
		{"as long as the window", 0, 10, []countedIn{{1000, 0, 10}}, "1000@0-10"},
		{"beyond its end", 0, 10, []countedIn{{1000, 0, 20}}, "500@0-10"},
		{"before its beginning", 10, 20, []countedIn{{1000, 0, 20}}, "500@10-20"},
		{"starting inside", 5, 15, []countedIn{{1000, 10, 20}}, "500@5-15"},
		{"ending inside", 15, 25, []countedIn{{1000, 10, 20}}, "500@15-25"},
		{"inside", 0, 10, []countedIn{{1000, 1, 5}}, "1000@0-10"},
		{"too small, at its start", 0, 10, []countedIn{{1, 0, 60}}, "1@0-10"},
		{"too small, later", 10, 20, []countedIn{{1, 0, 60}}, "0@10-20"},
		{"too small, at its end", 50, 60, []countedIn{{1, 0, 60}}, "0@50-60"},
		{"three slices", 0, 30, []countedIn{{18000, 0, 30}}, "6000@0-10 6000@10-20 6000@20-30"},
		{"two of three slices", 10, 30, []countedIn{{18000, 0, 30}}, "6000@10-20 6000@20-30"},
		{"two in a row", 10, 30, []countedIn{{6000, 0, 15}, {6000, 15, 30}}, "4000@10-20 4000@20-30"},
		{
			"two flows, a shorter last slice", 5, 30,
			[]countedIn{{6000, 0, 15}, {6000, 15, 30}, {6000, 5, 10}, {6000, 10, 20}}, "13000@5-15 7000@15-25 2000@25-30",
		},
		{
			"two flows to the end", 5, 30,
			[]countedIn{{6000, 0, 15}, {6000, 15, 30}, {6000, 5, 10}, {6000, 10, 20}, {2000, 20, 30}}, "13000@5-15 8000@15-25 3000@25-30",
		},
		{"what is missing is missing", 0, 50, []countedIn{{10, 1, 2}, {20, 41, 42}}, "10@0-10 20@40-50"},
		{"rounded down up to each edge", 0, 30, []countedIn{{5, 0, 30}}, "1@0-10 2@10-20 2@20-30"},
		{"small, given whole", 0, 30, []countedIn{{2, 0, 30}}, "2@0-10 0@10-20 0@20-30"},
		{"a moment", 0, 30, []countedIn{{7, 10, 10}}, "7@10-20"},
		{"a moment at the end", 0, 30, []countedIn{{7, 30, 30}}, "7@20-30"},
		{"a moment at the beginning", 0, 30, []countedIn{{7, 0, 0}}, "7@0-10"},
		{"ending at an edge", 0, 30, []countedIn{{7, 5, 10}}, "7@0-10"},
		{"ending where the window begins", 10, 30, []countedIn{{7, 5, 10}}, ""},
		{"starting where it ends", 0, 10, []countedIn{{7, 10, 15}}, ""},
		{"outside", 0, 10, []countedIn{{7, 20, 30}, {7, -20, -10}}, ""},
		{"nothing", 0, 10, nil, ""},
		{"no time", 10, 10, []countedIn{{7, 10, 10}}, ""},
		{"upside down", 0, 20, []countedIn{{7, 12, 3}}, "7@10-20"},
		{"large", 0, 20, []countedIn{{math.MaxInt64, 0, 20}}, "4611686018427387903@0-10 4611686018427387904@10-20"},
	}
}

// TestAggregates: the rule itself.
func TestAggregates(t *testing.T) {
	for _, tc := range aggregateCases() {
		var got []string
		for _, m := range aggregate(t, tc.from, tc.to, 10, tc.in...).metrics() {
			v := m.Get("ABBytes").Int()
			for _, key := range []string{"ABPackets", "BABytes", "BAPackets"} {
				if m.Get(key).Int() != v {
					t.Errorf("%s: %s is not %d: %s", tc.name, key, v, m.AppendJSON(nil))
				}
			}
			start, last := times(m)
			got = append(got, fmt.Sprintf("%d@%d-%d", v, start/1000, last/1000))
		}
		if text := strings.Join(got, " "); text != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, text, tc.want)
		}
	}
}

// TestAggregatesSum: nothing of what lies inside of the window is lost or made
// up, however it is cut.
func TestAggregatesSum(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		from := rnd.Int64N(100)
		to := from + 1 + rnd.Int64N(100)
		in := make([]countedIn, rnd.IntN(6))
		want, most := int64(0), int64(0)
		for i := range in {
			start := from + rnd.Int64N(to-from+1)
			in[i] = countedIn{rnd.Int64N(1000), start, start + rnd.Int64N(to-start+1)}
			if rnd.IntN(4) == 0 {
				in[i].start -= 50 // sticks out
				most += in[i].value
				continue
			}
			want += in[i].value
		}
		got := int64(0)
		a := aggregate(t, from, to, 1+rnd.Int64N(30), in...)
		for n, s := range a.sums {
			got += s.attrs().Get("BABytes").Int()
			if s.start < a.from || s.last > a.to || n < 0 || n >= a.slices() {
				t.Fatalf("slice %d from %d to %d of %+v", n, s.start, s.last, a)
			}
		}
		if got < want || got > want+most {
			t.Fatalf("%v in [%d, %d]: %d, want %d to %d", in, from, to, got, want, want+most)
		}
	}
}

// TestSums: sums of metrics and of their slices.
func TestSums(t *testing.T) {
	for _, v := range []int64{18000, 180, 5} {
		s := sum{}
		for _, m := range aggregate(t, 0, 30, 10, countedIn{v, 0, 30}).metrics() {
			s.part(m, whole)
		}
		if want := (countedIn{v, 0, 30}).attrs(); !s.attrs().Equal(want) {
			t.Errorf("%d: got %s", v, s.attrs().AppendJSON(nil))
		}
	}
	s := sum{}
	s.part(entity.Attrs{entity.A("RxBytes", entity.Int(math.MaxInt64)), entity.A(keyRTT, entity.Int(9)), entity.A(keyStart, entity.Int(5))}.Normalize(), whole)
	s.part(entity.Attrs{entity.A("RxBytes", entity.Int(3)), entity.A("Name", entity.String("x")), entity.A(keyLast, entity.Int(7))}.Normalize(), whole)
	if got := string(s.attrs().AppendJSON(nil)); got != `{"Last":7,"RTT":9,"RxBytes":9223372036854775807,"Start":0}` {
		t.Errorf("got %s", got)
	}
}

// TestAggregatesByKey: the series of any keys add up to what is given without
// keys, slice by slice.
func TestAggregatesByKey(t *testing.T) {
	w := flowWorld(t)
	type slice struct{ bytes, last int64 }
	for _, of := range []string{"G.Flows()", "G.Context(FOREVER).Flows()", "G.Context(1006, 4).Flows()"} {
		for _, keys := range []string{"'Application'", "'Interface', 'Network.Protocol'", "'TCPMetric.State'", "'UUID'", "'Metric.ABBytes'"} {
			ask := func(args string) map[int64]slice {
				sums := map[int64]slice{}
				for _, metrics := range w.askFlows(t, of+".Metrics().Aggregates("+args+")").Metrics() {
					for _, m := range metrics {
						start, last := times(m)
						sums[start] = slice{sums[start].bytes + m.Get("ABBytes").Int(), last}
					}
				}
				return sums
			}
			if whole, by := ask("1"), ask("1, "+keys); len(whole) == 0 || !maps.Equal(whole, by) {
				t.Errorf("%s by %s: %v, without %v", of, keys, by, whole)
			}
		}
	}
}

// TestAggregatesTogether: series of one query that runs several times at once
// do not get mixed up.
func TestAggregatesTogether(t *testing.T) {
	w := newWorld(t)
	w.load("node a veth", "node b veth", "node c bridge", "metric a RxBytes=5", "metric b RxBytes=6", "metric c RxBytes=7")
	q := mustParse(t, "G.V().Metrics().Aggregates(60, 'Type')")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				r, err := q.run(t.Context(), w.view, Sources{}, w.Now, Limits{})
				if err != nil || r.Len() != 2 {
					t.Errorf("%v %v", r, err)
				}
			}
		})
	}
	wg.Wait()
}
