package flows_test

import (
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/flows"
)

func TestSeriesQuerySteps(t *testing.T) {
	sec := int64(time.Second)
	for _, x := range []struct{ from, to, step, start, steps int64 }{
		{0, 0, 10, 0, 1}, {0, 9, 10, 0, 1}, {0, 10, 10, 0, 2}, {15, 25, 10, 10, 2}, {19, 41, 10, 10, 4}, {20, 19, 10, 20, 0}, {-5, 5, 10, -10, 2},
	} {
		q := flows.SeriesQuery{TopQuery: flows.TopQuery{From: x.from * sec, To: x.to * sec}, Step: x.step * sec}
		if q.Start() != x.start*sec || q.Steps() != x.steps {
			t.Errorf("%+v: start %d, %d steps", x, q.Start()/sec, q.Steps())
		}
	}
}

func TestSeries(t *testing.T) {
	w := newWorld(t, nil)
	for range 20 {
		w.take(history(rng(), w.now(), 5)...)
		w.clock = w.clock.Add(7 * time.Second)
	}
	q := flows.SeriesQuery{Step: 10 * int64(time.Second), TopQuery: flows.TopQuery{By: []string{"Application"}, Metric: flows.SumBytes,
		From: w.now() - int64(10*time.Minute), To: w.now(), Limit: 3}}
	got, err := w.flows.Series(t.Context(), &q)
	if err != nil || len(got.Rows) == 0 {
		t.Fatal(got, err)
	}
	top, err := w.flows.Top(t.Context(), &q.TopQuery)
	if err != nil || len(top) != len(got.Rows) {
		t.Fatal(top, err)
	}
	for i, r := range got.Rows {
		sum := int64(0)
		for _, n := range r.Points {
			sum += n
		}
		if sum != r.Value || sum != top[i].Value || int64(len(r.Points)) != q.Steps() {
			t.Errorf("%v: %d of %d", r.Key, sum, top[i].Value)
		}
	}
	all := q
	all.By = nil
	if got, err := w.flows.Series(t.Context(), &all); err != nil || len(got.Rows) != 1 {
		t.Errorf("of everything: %+v, %v", got, err)
	}
	for what, change := range map[string]func(q *flows.SeriesQuery){
		"no step":         func(q *flows.SeriesQuery) { q.Step = 0 },
		"half a second":   func(q *flows.SeriesQuery) { q.Step = 5e8 },
		"too many steps":  func(q *flows.SeriesQuery) { q.From = 0 },
		"no limit":        func(q *flows.SeriesQuery) { q.Limit = 0 },
		"too many series": func(q *flows.SeriesQuery) { q.Limit = flows.MaxSeries + 1 },
		"no such field":   func(q *flows.SeriesQuery) { q.By = []string{"None"} },
		"no such metric":  func(q *flows.SeriesQuery) { q.Metric = "Metric.RTT" },
		"before 1970":     func(q *flows.SeriesQuery) { q.From, q.To = -1, 1 },
	} {
		q := q
		change(&q)
		if _, err := w.flows.Series(t.Context(), &q); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
}
