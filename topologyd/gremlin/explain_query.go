package gremlin

import (
	"context"
	"iter"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Explanation tells how a query was run: what each operator did, how many
// elements it was given and gave, and what that took. It is immutable.
type Explanation struct {
	// Query is the query in its canonical form, Kind what it gives.
	Query string
	Kind  Kind
	// Revision is that of the graph that was asked, Nodes and Edges are how many it
	// has.
	Revision     uint64
	Nodes, Edges int
	// Steps are the operators in order.
	Steps []StepExplained
	// Results is the number of elements of the answer, Visited how many were looked
	// at, Memory how many bytes the steps took for what they remember.
	Results, Visited, Memory int
	// Time is how long it took, being watched included.
	Time time.Duration
	// Limit names the limit that stopped the run, "" when none did: then the
	// numbers are those up to there.
	Limit string
}

// StepExplained is one operator: a step, with the filters that it does itself.
type StepExplained struct {
	// Text is the step as it is written in a query.
	Text string
	// How tells how it was done: which index, how many were looked at.
	How []string
	// In is how many elements the operator was given, -1 when it starts at the
	// graph; Out how many it gave. They are less than all there are when a later
	// step had enough.
	In, Out int
	// Visited is how many elements it looked at, Time how long it took itself.
	Visited int
	Time    time.Duration
}

// Explain runs the query as [Query.RunOn] does, keeps nothing of the answer and
// tells how it was done. Being stopped by a limit is no error here.
func (q *Query) Explain(ctx context.Context, v *graph.View, src Sources, lim Limits) (*Explanation, error) {
	return q.explain(ctx, v, src, time.Now(), lim)
}

func (q *Query) explain(ctx context.Context, v *graph.View, src Sources, now time.Time, lim Limits) (*Explanation, error) {
	x := newExec(ctx, q, v, src, now, lim)
	x.explain = &explainer{}
	out := &Explanation{Query: q.String(), Kind: q.kind, Revision: v.Revision(), Nodes: v.NodeCount(), Edges: v.EdgeCount()}
	f, err := x.ready(q)
	if err == nil {
		out.Results = x.drained(f)
		err = x.err
	}
	if out.Limit = LimitOf(err); err != nil && out.Limit == "" {
		return nil, err
	}
	var before *watched
	for i, w := range x.explain.steps {
		own := w.own(before)
		s := StepExplained{Text: q.span(i), How: w.done(), In: -1, Out: w.out, Visited: max(own.visited, 0), Time: max(own.time, 0)}
		if before != nil && before.streamed {
			s.In = before.out
		}
		if before = w; i > 0 || s.Text != stepG || len(x.explain.steps) == 1 {
			out.Steps = append(out.Steps, s)
		}
	}
	out.Visited, out.Memory, out.Time = x.visited, x.memory, time.Since(x.start)
	return out, nil
}

// drained runs the last stream and tells how many elements it gives.
func (x *exec) drained(f flow) (rows int) {
	more := func() bool {
		if rows == x.lim.Results {
			x.tooMany()
		}
		if x.err != nil {
			return false
		}
		rows++
		return true
	}
	switch {
	case f.slots != nil:
		f.slots(func(int32) bool { return more() })
	case f.values != nil:
		f.values(func(entity.Value) bool { return more() })
	default:
		rows = x.collect(f).Len()
	}
	return rows
}

// span is the text of the steps of an operator.
func (q *Query) span(i int) string {
	from, to := q.spans[i], len(q.steps)
	if i+1 < len(q.spans) {
		to = q.spans[i+1]
	}
	var b []byte
	for j := from; j < to; j++ {
		if j > from {
			b = append(b, '.')
		}
		b = appendCall(b, &q.steps[j])
	}
	return string(b)
}

// AppendJSON appends the explanation as JSON to b: times are in milliseconds.
func (e *Explanation) AppendJSON(b []byte) []byte {
	steps := make([]entity.Value, len(e.Steps))
	for i := range e.Steps {
		s := &e.Steps[i]
		a := entity.Attrs{
			entity.A("step", entity.String(s.Text)), entity.A("how", entity.Strings(s.How...)), entity.A("out", entity.Int(int64(s.Out))),
			entity.A("visited", entity.Int(int64(s.Visited))), entity.A("ms", millis(s.Time)),
		}
		if s.In >= 0 {
			a = append(a, entity.A("in", entity.Int(int64(s.In))))
		}
		steps[i] = entity.Map(a.Normalize())
	}
	a := entity.Attrs{
		entity.A("query", entity.String(e.Query)), entity.A("kind", entity.String(e.Kind.String())),
		entity.A("revision", entity.Uint(e.Revision)), entity.A("nodes", entity.Int(int64(e.Nodes))), entity.A("edges", entity.Int(int64(e.Edges))),
		entity.A("steps", entity.List(steps...)), entity.A("results", entity.Int(int64(e.Results))), entity.A("visited", entity.Int(int64(e.Visited))),
		entity.A("memory", entity.Int(int64(e.Memory))), entity.A("ms", millis(e.Time)),
	}
	if e.Limit != "" {
		a = append(a, entity.A("limit", entity.String(e.Limit)))
	}
	return entity.Map(a.Normalize()).AppendJSON(b)
}

// millis is a time in milliseconds, to the microsecond.
func millis(d time.Duration) entity.Value {
	return entity.Float(math.Round(float64(d)/float64(time.Microsecond)) / 1000)
}

// Columns are the headings of the explanation as a table.
func (e *Explanation) Columns() []string {
	return []string{"Step", "How", "In", "Out", "Visited", "Time"}
}

// Rows yields the cells of the table: a row for each operator, one for the whole
// run at the end.
func (e *Explanation) Rows() iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for i := range e.Steps {
			s := &e.Steps[i]
			in := ""
			if s.In >= 0 {
				in = strconv.Itoa(s.In)
			}
			if !yield([]string{s.Text, strings.Join(s.How, "; "), in, strconv.Itoa(s.Out), strconv.Itoa(s.Visited), short(s.Time)}) {
				return
			}
		}
		how := strconv.Itoa(e.Memory) + " bytes remembered"
		if e.Limit != "" {
			how += "; stopped by the limit on " + e.Limit
		}
		yield([]string{"total", how, "", strconv.Itoa(e.Results), strconv.Itoa(e.Visited), short(e.Time)})
	}
}

// String is the table as text.
func (e *Explanation) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells []string) { _, _ = w.Write([]byte(strings.Join(cells, "\t") + "\n")) } // a Builder does not fail
	row(e.Columns())
	for cells := range e.Rows() {
		row(cells)
	}
	_ = w.Flush()
	return b.String()
}

// short is a time with three digits.
func short(d time.Duration) string {
	unit := time.Microsecond
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}
