package flowstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

// Bounds of an answer to a SeriesQuery.
const (
	maxSeries = 100
	maxSteps  = 2000
)

// SeriesQuery asks what moved in each step of a time: for the combinations of
// values that moved the most in all of it, and for all others together.
type SeriesQuery struct {
	// Limit is the number of series, at most 100; 0 means 10.
	TopQuery
	// Step is the length of a step in nanoseconds, whole seconds. Steps begin at
	// its multiples since 1970; there are at most 2,000 from From to To.
	Step int64
}

// Series is the answer to a SeriesQuery.
type Series struct {
	// Start is when the first step begins, Step how long each is, in
	// nanoseconds. The first may begin before From, but counts from there.
	Start, Step int64
	// Rows are the largest first.
	Rows []SeriesRow
	// Others is what the rest moved in each step, nil when there is no rest.
	Others []int64
}

// SeriesRow is one series.
type SeriesRow struct {
	// Value is the sum of the whole time.
	Row
	// Points are the sums of the steps. They add up to Value, but not those of
	// TopFlows: a flow counts in every step in which it moved.
	Points []int64
}

// Series answers a SeriesQuery, as [Store.Top] answers a TopQuery: from sums of
// minutes where it can, if steps are whole minutes.
func (s *Store) Series(ctx context.Context, q SeriesQuery) (*Series, error) {
	q.From, q.To = max(q.From, minTime), min(q.To, maxTime)
	x, err := s.newSteps(&q)
	if err != nil {
		return nil, err
	}
	text, err := s.topQuery(&q.TopQuery)
	if err != nil {
		return nil, err
	}
	if text != "" {
		if err := x.gather(ctx, text); err != nil {
			return nil, err
		}
	}
	return x.answer(), nil
}

// steps gathers the answer to a SeriesQuery.
type steps struct {
	s     *Store
	q     *SeriesQuery
	start int64
	count int
	lines []line         // of the answer
	index map[string]int // of the lines, by their texts

	mu     sync.Mutex
	points [][]int64 // of the lines
	any    []bool    // whether there is one that counts
	others []int64
	rest   bool
}

func (s *Store) newSteps(q *SeriesQuery) (*steps, error) {
	if q.Step <= 0 || q.Step%1e9 != 0 {
		return nil, errors.New("a step is whole seconds")
	}
	if q.Limit < 0 || q.Limit > maxSeries {
		return nil, fmt.Errorf("a limit of series is between 1 and %d", maxSeries)
	}
	x := &steps{s: s, q: q, start: q.From - q.From%q.Step}
	if q.From <= q.To {
		n := (q.To-x.start)/q.Step + 1
		if n > maxSteps {
			return nil, fmt.Errorf("there are %d steps; there may be %d", n, maxSteps)
		}
		x.count = int(n)
	}
	x.others = make([]int64, x.count)
	return x, nil
}

// gather chooses the lines and adds up their steps; text is the query for the
// lines.
func (x *steps) gather(ctx context.Context, text string) error {
	if t := x.s.rolledUp(&x.q.TopQuery); t != nil {
		if err := x.rolled(ctx, t); !errors.Is(err, errUnrolled) {
			return err
		}
	}
	lines, err := x.s.topLines(ctx, &x.q.TopQuery, text)
	if err != nil {
		return err
	}
	x.choose(lines)
	return x.rows(ctx, x.q.From, x.q.To)
}

// rolled does it from sums of minutes, if steps are some, else only chooses the
// lines from them.
func (x *steps) rolled(ctx context.Context, t *rolled) error {
	minutes, gaps, err := t.find(ctx)
	if err != nil {
		return err
	}
	groups := []groupLine{{}} // of everything
	if len(x.q.By) > 0 {
		if err := t.sum(ctx, minutes, gaps); err != nil {
			return err
		}
		groups = t.largest()
	}
	lines := make([]line, len(groups))
	for i := range groups {
		lines[i] = line{t.texts(&groups[i].group), groups[i].value}
	}
	x.choose(lines)
	if x.q.Step%minuteLength != 0 {
		return x.rows(ctx, x.q.From, x.q.To)
	}
	t.steps = newRolledSteps(x, t, groups)
	if err := t.readSets(ctx, minutes); err != nil {
		return err
	}
	for _, g := range gaps {
		if err := x.rows(ctx, g[0], g[1]); err != nil {
			return err
		}
	}
	return nil
}

// choose begins with the lines of the answer.
func (x *steps) choose(lines []line) {
	x.lines, x.index = lines, make(map[string]int, len(lines))
	x.points, x.any = make([][]int64, len(lines)), make([]bool, len(lines))
	clear(x.others)
	x.rest = false
	for i := range lines {
		x.index[joined(lines[i].texts)] = i
		x.points[i] = make([]int64, x.count)
	}
}

// joined makes one key of texts.
func joined(texts []string) string {
	var b []byte
	for _, s := range texts {
		b = append(append(strconv.AppendInt(b, int64(len(s)), 10), ':'), s...)
	}
	return string(b)
}

// rows adds up the rows of a time: those of the lines, and all others.
func (x *steps) rows(ctx context.Context, from, to int64) error {
	q := x.q.TopQuery
	q.From, q.To = from, to
	where, by, sum, err := x.s.topParts(&q)
	if where.none || err != nil {
		return err
	}
	bucket := quote(fieldTime) + ":" + strconv.FormatInt(x.q.Step/1e9, 10) + "s"
	lines := everything(true)
	if len(by) > 0 {
		var fs []filter
		for i := range x.lines {
			fs = append(fs, x.where(&x.lines[i]))
		}
		lines = or(fs...)
	}
	if some := and(where, lines); !some.none {
		if err := x.read(ctx, sumsBy(some, append([]string{bucket}, by...), sum), by); err != nil {
			return err
		}
	}
	if len(x.lines) < topLimit(&x.q.TopQuery) {
		return nil // there are no others
	}
	if rest := and(where, not(lines)); !rest.none {
		return x.read(ctx, sumsBy(rest, []string{bucket}, sum), nil)
	}
	return nil
}

// where holds for the rows of a line.
func (x *steps) where(l *line) filter {
	var fs []filter
	for i, name := range x.q.By {
		field := x.s.table.Query(name).Wire
		if l.texts[i] == "" {
			fs = append(fs, absent(field))
		} else {
			fs = append(fs, equal(field, l.texts[i]))
		}
	}
	return and(fs...)
}

// read adds up the answer to a query; by nil means that it is of the others.
func (x *steps) read(ctx context.Context, text string, by []string) error {
	return x.s.query(ctx, text, func(b *block) error {
		times, values := b.column(fieldTime), b.column("value")
		columns := make([][]string, len(by))
		for j := range by {
			columns[j] = b.column(x.s.table.Query(x.q.By[j]).Wire)
		}
		texts := make([]string, len(by))
		for i := range b.rows {
			n, ok := topValue(at(values, i))
			when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
			if !ok || !good {
				continue
			}
			for j := range texts {
				texts[j] = at(columns[j], i)
			}
			line := -1
			if by != nil || len(x.q.By) == 0 {
				if line, ok = x.index[joined(texts)]; !ok {
					continue
				}
			}
			x.mu.Lock()
			x.add(line, when, n)
			x.mu.Unlock()
		}
		return nil
	})
}

// add adds to a line, -1 for the others. The lock is held.
func (x *steps) add(line int, when, n int64) {
	i := (when - x.start) / x.q.Step
	if when < x.start || i >= int64(x.count) {
		return
	}
	p := x.others
	if line >= 0 {
		p, x.any[line] = x.points[line], true
	} else {
		x.rest = true
	}
	p[i] = saturatingAdd(p[i], n)
}

// answer returns what was gathered.
func (x *steps) answer() *Series {
	out := &Series{Start: x.start, Step: x.q.Step}
	rows := x.s.asRows(&x.q.TopQuery, x.lines)
	for i := range rows {
		if len(x.q.By) == 0 && !x.any[i] {
			continue // one row for nothing at all
		}
		r := SeriesRow{Row: rows[i], Points: x.points[i]}
		if x.q.Metric != TopFlows { // what came in between is in both
			r.Value = 0
			for _, n := range r.Points {
				r.Value = saturatingAdd(r.Value, n)
			}
		}
		out.Rows = append(out.Rows, r)
	}
	slices.SortStableFunc(out.Rows, func(a, b SeriesRow) int { return cmp.Compare(b.Value, a.Value) })
	if x.rest && len(x.q.By) > 0 {
		out.Others = x.others
	}
	return out
}
