// Package flowstest has a store of flow records for tests. It must never be
// imported by anything else.
package flowstest

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Memory keeps reports in memory and checks conditions by Match, when it is
// set. It may be used by several goroutines.
type Memory struct {
	// Match makes the conditions of a query ready. Without it none is checked and
	// no answer is cut.
	Match func(*flowrecord.Query) (func(*flowrecord.Record) bool, error)

	mu      sync.Mutex
	reports []flowrecord.Record
	hidden  func(*flowrecord.Record) bool
	err     error
	asked   int
}

// Fail has Write fail with an error, nil to have it work again.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Hide has questions not see some reports, nil none.
func (m *Memory) Hide(which func(*flowrecord.Record) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hidden = which
}

// Reports returns what was written.
func (m *Memory) Reports() []flowrecord.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.reports)
}

// Asked is how often Flows was called.
func (m *Memory) Asked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// Write keeps reports.
func (m *Memory) Write(_ context.Context, reports []flowrecord.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.reports = append(m.reports, reports...)
	return nil
}

func (m *Memory) visible() []flowrecord.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.hidden == nil {
		return slices.Clone(m.reports)
	}
	return slices.DeleteFunc(slices.Clone(m.reports), func(r flowrecord.Record) bool { return m.hidden(&r) })
}

// At is the time of a report.
func At(r *flowrecord.Record) int64 { return max(r.Update.Last, r.Metric.Last) }

// Flows yields the newest report in the window of each flow that overlaps it.
func (m *Memory) Flows(_ context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		m.mu.Lock()
		m.asked++
		m.mu.Unlock()
		newest := map[flowrecord.ID]flowrecord.Record{}
		for _, r := range m.visible() {
			old, ok := newest[r.ID]
			if r.Metric.Last <= q.To && (!ok || later(&r, &old)) {
				newest[r.ID] = r
			}
		}
		var out []flowrecord.Record
		for _, r := range newest {
			if r.Metric.Last >= q.From {
				out = append(out, r)
			}
		}
		if m.Match != nil {
			match, err := m.Match(q)
			if err != nil {
				yield(nil, err)
				return
			}
			out = slices.DeleteFunc(out, func(r flowrecord.Record) bool { return !match(&r) })
			out = first(out, q)
		}
		var one flowrecord.Record
		for i := range out {
			one = out[i] // used again, as a store may
			if !yield(&one, nil) {
				return
			}
		}
	}
}

func later(a, b *flowrecord.Record) bool {
	return cmp.Or(cmp.Compare(a.Metric.Last, b.Metric.Last), cmp.Compare(min(1, a.Finish), min(1, b.Finish)),
		cmp.Compare(a.Metric.ABPackets+a.Metric.BAPackets, b.Metric.ABPackets+b.Metric.BAPackets)) > 0
}

func first(out []flowrecord.Record, q *flowrecord.Query) []flowrecord.Record {
	f := flowrecord.NewTable().Query(q.Sort)
	slices.SortFunc(out, func(a, b flowrecord.Record) int {
		n := 0
		if f != nil {
			x, y := f.Value(&a), f.Value(&b)
			n = cmp.Or(cmp.Compare(min(1, y.Kind()), min(1, x.Kind())), entity.Compare(x, y))
			if q.Descending && !x.IsZero() && !y.IsZero() {
				n = -n
			}
		}
		return cmp.Or(n, bytes.Compare(a.ID[:], b.ID[:]))
	})
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out
}

// Updates yields what each report added, in ascending time; a report that was
// written twice comes twice.
func (m *Memory) Updates(_ context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error] {
	return func(yield func(flowrecord.Update, error) bool) {
		var out []flowrecord.Update
		for _, r := range m.visible() {
			if slices.Contains(ids, r.ID) && !r.Update.IsZero() && r.Update.Start <= to && r.Update.Last >= from {
				out = append(out, flowrecord.Update{ID: r.ID, Metric: r.Update})
			}
		}
		slices.SortStableFunc(out, func(a, b flowrecord.Update) int { return cmp.Compare(a.Metric.Last, b.Metric.Last) })
		for _, u := range out {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// Counters yields none.
func (m *Memory) Counters(context.Context, []entity.UUID, int64, int64) iter.Seq2[gremlin.Counters, error] {
	return func(func(gremlin.Counters, error) bool) {}
}

// Top sums what the reports of a time added.
func (m *Memory) Top(_ context.Context, q *flows.TopQuery) ([]flows.TopRow, error) {
	table := flowrecord.NewTable()
	match := func(*flowrecord.Record) bool { return true }
	if m.Match != nil {
		var err error
		if match, err = m.Match(&flowrecord.Query{Nodes: q.Nodes, Where: q.Where}); err != nil {
			return nil, err
		}
	}
	rows := map[string]*flows.TopRow{}
	seen := map[string]map[flowrecord.ID]bool{}
	for _, r := range m.visible() {
		if at := At(&r); at < q.From || at > q.To || !match(&r) {
			continue
		}
		var key entity.Attrs
		for _, name := range q.By {
			key = append(key, entity.A(name, table.Query(name).Value(&r)))
		}
		key = key.Normalize()
		text := string(key.AppendJSON(nil))
		row := rows[text]
		if row == nil {
			row = &flows.TopRow{Key: key}
			rows[text], seen[text] = row, map[flowrecord.ID]bool{}
		}
		seen[text][r.ID] = true
		u := &r.Update
		switch q.Metric {
		case flows.SumBytes:
			row.Value += u.ABBytes + u.BABytes
		case flows.SumPackets:
			row.Value += u.ABPackets + u.BAPackets
		case flows.SumFlows:
			row.Value = int64(len(seen[text]))
		default:
			row.Value += table.Query(q.Metric).Get(&r).Int()
		}
	}
	var out []flows.TopRow
	for _, text := range slices.Sorted(maps.Keys(rows)) {
		out = append(out, *rows[text])
	}
	slices.SortStableFunc(out, func(a, b flows.TopRow) int { return cmp.Compare(b.Value, a.Value) })
	return out[:min(len(out), q.Limit)], nil
}

// Series sums what the reports of a time added, step by step.
func (m *Memory) Series(ctx context.Context, q *flows.SeriesQuery) (*flows.Series, error) {
	top, err := m.Top(ctx, &q.TopQuery)
	if err != nil {
		return nil, err
	}
	out := &flows.Series{Others: make([]int64, q.Steps())}
	index := map[string]int{}
	for i, r := range top {
		index[string(r.Key.AppendJSON(nil))] = i
		out.Rows = append(out.Rows, flows.SeriesRow{TopRow: r, Points: make([]int64, q.Steps())})
	}
	rest := false
	for i := range q.Steps() {
		part := q.TopQuery
		part.Limit = math.MaxInt
		part.From, part.To = max(q.From, q.Start()+i*q.Step), min(q.To, q.Start()+(i+1)*q.Step-1)
		rows, err := m.Top(ctx, &part)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if line, ok := index[string(r.Key.AppendJSON(nil))]; ok {
				out.Rows[line].Points[i] = r.Value
			} else {
				out.Others[i] += r.Value
				rest = true
			}
		}
	}
	if !rest {
		out.Others = nil
	}
	return out, nil
}
