package flows

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Names of the fields that tell conversations and the points that saw them.
const (
	fieldTracking = "TrackingID"
	fieldNode     = "NodeTID"
	fieldCapture  = "CaptureID"
	fieldFlow     = "UUID"
)

// MaxDedup is how many combinations of conversation, point and values one
// question with [TopQuery.Dedup] may look at.
const MaxDedup = 50_000

// point is one that saw a conversation: an interface and a capture.
type point struct{ node, capture string }

// dedup chooses the point of each conversation that counts: the one with the most
// packets in the time.
type dedup struct {
	packets map[string]map[point]int64
	best    map[string]point
}

// split asks for the sums of a metric, apart by conversation, point, the fields
// of the query and some more.
func (f *Flows) split(ctx context.Context, q *TopQuery, metric string, more ...string) ([]TopRow, error) {
	ask := *q
	ask.Dedup, ask.Metric, ask.Limit = false, metric, MaxDedup+1
	ask.By = slices.Clone(q.By)
	for _, name := range append([]string{fieldTracking, fieldNode, fieldCapture}, more...) {
		if !slices.Contains(ask.By, name) {
			ask.By = append(ask.By, name)
		}
	}
	rows, err := f.store.Top(ctx, &ask)
	if err == nil && len(rows) > MaxDedup {
		err = fmt.Errorf("%w: counting each conversation once looks at %d of them at most; ask for a shorter time, or name a node or an address", ErrTooMuch, MaxDedup)
	}
	return rows, err
}

// choose chooses points by rows that sum packets.
func choose(rows []TopRow) *dedup {
	d := &dedup{packets: make(map[string]map[point]int64), best: make(map[string]point)}
	for i := range rows {
		id, at := whose(&rows[i])
		if id == "" {
			continue
		}
		if d.packets[id] == nil {
			d.packets[id] = make(map[point]int64)
		}
		d.packets[id][at] += rows[i].Value
	}
	for id, points := range d.packets {
		first := true
		var best point
		for p, n := range points {
			if c := cmp.Or(cmp.Compare(n, points[best]), cmp.Compare(best.node, p.node), cmp.Compare(best.capture, p.capture)); first || c > 0 {
				first, best = false, p
			}
		}
		d.best[id] = best
	}
	return d
}

func whose(r *TopRow) (tracking string, at point) {
	return r.Key.Get(fieldTracking).Str(), point{r.Key.Get(fieldNode).Str(), r.Key.Get(fieldCapture).Str()}
}

// counts tells whether a row counts: what has no tracking ID is nobody's twin.
func (d *dedup) counts(r *TopRow) bool {
	id, at := whose(r)
	return id == "" || d.best[id] == at
}

// only is a key with nothing but some fields.
func only(key entity.Attrs, by []string) entity.Attrs {
	out := make(entity.Attrs, 0, len(by))
	for _, name := range by {
		if v := key.Get(name); !v.IsZero() {
			out = append(out, entity.A(name, v))
		}
	}
	return out.Normalize()
}

// groups adds up rows by the fields of a query.
type groups struct {
	by    []string
	index map[string]int
	rows  []TopRow
	// texts are the keys of the rows as they are written.
	texts []string
	// told are the conversations that were counted already, when these are what is
	// counted.
	told map[counted]struct{}
}

// cell is a step of a group.
type cell struct {
	group int
	step  int64
}

// counted is a conversation in a cell.
type counted struct {
	cell
	id string
}

func newGroups(by []string) *groups {
	return &groups{by: by, index: make(map[string]int), told: make(map[counted]struct{})}
}

// of is the group of a row, by its number.
func (g *groups) of(r *TopRow) int {
	key := only(r.Key, g.by)
	text := string(key.AppendJSON(nil))
	i, ok := g.index[text]
	if !ok {
		i = len(g.rows)
		g.index[text] = i
		g.rows = append(g.rows, TopRow{Key: key})
		g.texts = append(g.texts, text)
	}
	return i
}

// first tells whether a conversation was not counted before in a cell; a flow that
// has no tracking ID is one.
func (g *groups) first(at cell, r *TopRow) bool {
	id, _ := whose(r)
	if id == "" {
		id = r.Key.Get(fieldFlow).Str()
	}
	_, again := g.told[counted{at, id}]
	g.told[counted{at, id}] = struct{}{}
	return !again
}

// largest orders numbers of groups: the largest first, equal ones as they are
// written.
func (g *groups) largest() []int {
	order := make([]int, len(g.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(g.rows[b].Value, g.rows[a].Value),
			cmp.Compare(g.texts[a], g.texts[b]))
	})
	return order
}

// dedupTop answers Top with each conversation once.
func (f *Flows) dedupTop(ctx context.Context, q *TopQuery) ([]TopRow, error) {
	rows, err := f.split(ctx, q, SumPackets)
	if err != nil {
		return nil, err
	}
	d := choose(rows)
	if q.Metric != SumPackets {
		if rows, err = f.split(ctx, q, q.Metric); err != nil {
			return nil, err
		}
	}
	g := newGroups(q.By)
	for i := range rows {
		r := &rows[i]
		if !d.counts(r) {
			continue
		}
		n := g.of(r)
		switch {
		case q.Metric != SumFlows, !r.Key.Has(fieldTracking):
			g.rows[n].Value += r.Value
		case g.first(cell{group: n}, r):
			g.rows[n].Value++
		}
	}
	out := make([]TopRow, 0, min(len(g.rows), q.Limit))
	for _, i := range g.largest()[:min(len(g.rows), q.Limit)] {
		out = append(out, g.rows[i])
	}
	return out, nil
}

// dedupSeries answers Series with each conversation once, from the reports of the
// flows that count.
func (f *Flows) dedupSeries(ctx context.Context, q *SeriesQuery) (*Series, error) {
	rows, err := f.split(ctx, &q.TopQuery, SumPackets, fieldFlow)
	if err != nil {
		return nil, err
	}
	d := choose(rows)
	g := newGroups(q.By)
	type flow struct {
		row   *TopRow
		group int
	}
	chosen := make(map[flowrecord.ID]flow)
	var ids []flowrecord.ID
	for i := range rows {
		r := &rows[i]
		id, err := entity.ParseUUID(r.Key.Get(fieldFlow).Str())
		if err != nil || !d.counts(r) {
			continue
		}
		ids = append(ids, id)
		chosen[id] = flow{r, g.of(r)}
	}
	// Of most groups little is shown, and there may be as many as flows.
	points := make(map[cell]int64)
	told := repeated{}
	for u, err := range f.store.Updates(ctx, ids, q.From, q.To) {
		if err != nil {
			return nil, err
		}
		c, ok := chosen[u.ID]
		if at := u.Metric.Last; !ok || at < q.From || at > q.To || told.again(&u) {
			continue
		}
		n, at := moved(&u.Metric, q.Metric), cell{c.group, (u.Metric.Last - q.Start()) / q.Step}
		if q.Metric == SumFlows {
			if g.first(at, c.row) {
				points[at]++
			}
			if g.first(cell{c.group, -1}, c.row) {
				g.rows[c.group].Value++
			}
			continue
		}
		points[at] += n
		g.rows[c.group].Value += n
	}
	return g.series(points, q), nil
}

// series makes the answer of groups and their points.
func (g *groups) series(points map[cell]int64, q *SeriesQuery) *Series {
	out := &Series{}
	shown := make([][]int64, len(g.rows)) // nil for the others
	for n, i := range g.largest() {
		if n == q.Limit {
			out.Others = make([]int64, q.Steps())
			break
		}
		shown[i] = make([]int64, q.Steps())
		out.Rows = append(out.Rows, SeriesRow{TopRow: g.rows[i], Points: shown[i]})
	}
	for at, n := range points {
		to := out.Others
		if shown[at.group] != nil {
			to = shown[at.group]
		}
		to[at.step] += n
	}
	return out
}

// moved is what a report added.
func moved(m *flowrecord.Metric, metric string) int64 {
	switch metric {
	case SumBytes:
		return m.ABBytes + m.BABytes
	case SumPackets:
		return m.ABPackets + m.BAPackets
	case "LastUpdateMetric.ABBytes":
		return m.ABBytes
	case "LastUpdateMetric.BABytes":
		return m.BABytes
	case "LastUpdateMetric.ABPackets":
		return m.ABPackets
	case "LastUpdateMetric.BAPackets":
		return m.BAPackets
	default:
		return 0
	}
}
