package flowstore

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// seriesModel adds up records one by one: for each key, in each step.
func seriesModel(t *flowrecord.Table, records []flowrecord.Record, q *SeriesQuery, start int64, steps int) map[string][]int64 {
	out := make(map[string][]int64)
	for i := range steps {
		part := q.TopQuery
		part.From = max(q.From, start+int64(i)*q.Step)
		part.To = min(q.To, start+int64(i+1)*q.Step-1)
		for key, n := range sumModel(t, records, &part) {
			if out[key] == nil {
				out[key] = make([]int64, steps)
			}
			out[key][i] = n
		}
	}
	return out
}

// sumModel is topModel that knows flows.
func sumModel(t *flowrecord.Table, records []flowrecord.Record, q *TopQuery) map[string]int64 {
	if q.Metric != TopFlows {
		return topModel(t, records, q)
	}
	part := *q
	part.Metric = TopReports
	seen := make(map[string]int64)
	byID := make(map[flowrecord.ID][]flowrecord.Record)
	for i := range records {
		byID[records[i].ID] = append(byID[records[i].ID], records[i])
	}
	for _, rs := range byID {
		for key := range topModel(t, rs, &part) {
			seen[key]++
		}
	}
	return seen
}

// checkSeries compares an answer with a model.
func checkSeries(t testing.TB, s *Store, q *SeriesQuery, got *Series, records []flowrecord.Record) {
	t.Helper()
	what := fmt.Sprintf("%s, step %v", show(&q.TopQuery), time.Duration(q.Step))
	from := max(q.From, minTime)
	if got.Start%q.Step != 0 || got.Start > from || got.Start+q.Step <= from {
		t.Fatalf("%s: starts at %d", what, got.Start)
	}
	steps := 0
	if q.From <= q.To {
		steps = int((q.To-got.Start)/q.Step) + 1
	}
	sums := sumModel(s.table, records, &q.TopQuery)
	model := seriesModel(s.table, records, q, got.Start, steps)
	rows := make([]Row, len(got.Rows))
	rest := make([]int64, steps)
	for key, points := range model {
		if !slices.ContainsFunc(got.Rows, func(r SeriesRow) bool { return topKey(&r.Row) == key }) {
			for i, n := range points {
				rest[i] += n
			}
		}
	}
	for i, r := range got.Rows {
		rows[i] = r.Row
		key := topKey(&r.Row)
		if !slices.Equal(r.Points, model[key]) {
			t.Fatalf("%s: %s has %v, want %v", what, key, r.Points, model[key])
		}
		if n := total(r.Points); q.Metric != TopFlows && n != r.Value {
			t.Fatalf("%s: %s adds up to %d of %d", what, key, n, r.Value)
		}
	}
	checkTop(t, &q.TopQuery, rows, sums)
	switch {
	case len(model) == len(got.Rows):
		if got.Others != nil {
			t.Fatalf("%s: there are no others, but %v", what, got.Others)
		}
	case q.Metric == TopFlows: // a flow may be in several of them
		if len(got.Others) != steps || total(got.Others) > total(rest) {
			t.Fatalf("%s: others %v, want at most %v", what, got.Others, rest)
		}
	case !slices.Equal(got.Others, rest):
		t.Fatalf("%s: others %v, want %v", what, got.Others, rest)
	}
}

func total(points []int64) (n int64) {
	for _, p := range points {
		n += p
	}
	return n
}

// seriesQuery makes a query for series.
func (w *world) seriesQuery(t *flowrecord.Table, rs []flowrecord.Record) *SeriesQuery {
	q := &SeriesQuery{TopQuery: *w.topQuery(t, rs)}
	if q.Limit > maxSeries {
		q.Limit = maxSeries
	}
	switch w.rng.IntN(8) {
	case 0:
		q.Metric = TopFlows
	case 1:
		q.By = nil
	}
	q.Step = int64([]time.Duration{time.Second, 10 * time.Second, 7 * time.Second, 90 * time.Second, time.Minute, time.Minute, 2 * time.Minute, 5 * time.Minute, time.Hour}[w.rng.IntN(9)])
	if q.From == 0 {
		a, b := rowTime(&rs[0]), rowTime(&rs[0])
		for i := range rs {
			a, b = min(a, rowTime(&rs[i])), max(b, rowTime(&rs[i]))
		}
		q.From, q.To = a-int64(w.rng.IntN(1e9)), b+int64(w.rng.IntN(1e9))
	}
	return q
}

// rowSeries answers from rows alone.
func rowSeries(t testing.TB, s *Store, q SeriesQuery) *Series {
	t.Helper()
	x, err := s.newSteps(&q)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.topQuery(&q.TopQuery)
	if err != nil {
		t.Fatal(err)
	}
	if text != "" {
		lines, err := s.topLines(t.Context(), &q.TopQuery, text)
		if err != nil {
			t.Fatal(err)
		}
		x.choose(lines)
		if err := x.rows(t.Context(), q.From, q.To); err != nil {
			t.Fatal(err)
		}
	}
	return x.answer()
}

// TestSeriesModel writes reports in any order, late and twice, sums up now and
// then, and asks for random series in all ways.
func TestSeriesModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := open(t, func(c *Config) { c.RollupGrace = time.Hour })
			w := newWorld(70+seed, time.Now().Add(-time.Duration(seed+1)*10*time.Minute).UnixNano(), 8*time.Minute)
			w.odd = seed%2 == 1
			rest := w.flows(250)
			slices.SortFunc(rest, func(a, b flowrecord.Record) int { return int(rowTime(&a) - rowTime(&b)) })
			for i := range rest { // late ones
				if j := i + w.rng.IntN(300); w.rng.IntN(6) == 0 && j < len(rest) {
					rest[i], rest[j] = rest[j], rest[i]
				}
			}
			var done []flowrecord.Record
			rolled := 0
			for len(rest) > 0 {
				n := min(100+w.rng.IntN(300), len(rest))
				batch := slices.Clone(rest[:n])
				rest = rest[n:]
				write(t, s, batch)
				done = append(done, batch...)
				if w.rng.IntN(2) == 0 {
					sumUp(s)
				}
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				for range 20 {
					q := w.seriesQuery(s.table, done)
					got, err := s.Series(t.Context(), *q)
					if errors.Is(err, ErrInexact) {
						continue
					}
					if err != nil {
						t.Fatalf("%s: %v", show(&q.TopQuery), err)
					}
					checkSeries(t, s, q, got, done)
					checkSeries(t, s, q, rowSeries(t, s, *q), done)
					if rolledRows(t, s, &q.TopQuery) != nil && q.Step%minuteLength == 0 && len(got.Rows) > 0 {
						rolled++
					}
				}
			}
			if rolled == 0 {
				t.Error("no answer came from sums")
			}
		})
	}
}

func TestSeriesMistakes(t *testing.T) {
	s := open(t, nil)
	good := SeriesQuery{TopQuery: TopQuery{By: []string{"Network.A"}, Metric: TopBytes, To: int64(time.Hour)}, Step: int64(time.Minute)}
	if got, err := s.Series(t.Context(), good); err != nil || len(got.Rows) != 0 || got.Others != nil {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
	for what, change := range map[string]func(q *SeriesQuery){
		"no step":       func(q *SeriesQuery) { q.Step = 0 },
		"half a second": func(q *SeriesQuery) { q.Step = 5e8 },
		"2,001 steps":   func(q *SeriesQuery) { q.To = 2000 * q.Step },
		"101 series":    func(q *SeriesQuery) { q.Limit = 101 },
		"no metric":     func(q *SeriesQuery) { q.Metric = "" },
		"no field":      func(q *SeriesQuery) { q.By = []string{"None"} },
	} {
		q := good
		change(&q)
		if _, err := s.Series(t.Context(), q); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	q := good
	q.To = 2000*q.Step - 1
	if _, err := s.Series(t.Context(), q); err != nil {
		t.Errorf("2,000 steps: %v", err)
	}
}
