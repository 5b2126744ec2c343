package gremlin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// flowTable is a source of flows in its simplest form: all reports in a list,
// which is gone through for each question. It answers every hint of a query
// itself, and it yields the same record each time with other content, as a
// source may.
type flowTable struct {
	table    *flowrecord.Table
	reports  []flowrecord.Record
	counters []Counters
	aliases  map[flowrecord.ID]string
	now      time.Time
	// asked are the queries, yielded counts the flows that were taken.
	asked   []*flowrecord.Query
	yielded int
	// refuse, when set, is the error after that many flows.
	refuse error
}

func newFlowTable() *flowTable {
	return &flowTable{table: flowrecord.NewTable(), aliases: make(map[flowrecord.ID]string)}
}

// flow loads a report.
func (w *world) flow(alias, node string, words []string) error {
	id := entity.TID(entity.UUID{}, alias, "flow")
	w.flows.aliases[id] = alias
	r := flowrecord.Record{ID: id}
	known := false
	for i := range w.flows.reports {
		if w.flows.reports[i].ID == id {
			copyFlow(&r, &w.flows.reports[i])
			known = true
		}
	}
	before := r.Metric
	if !known {
		r.Metric.Start = w.Now.UnixNano()
		before.Last = r.Metric.Start
	}
	r.Metric.Last = w.Now.UnixNano()
	if e := w.Events[node]; e != nil {
		w.load() // for the TID
		tid := w.view.Node(e.Ref.UUID()).Attrs.Get(entity.KeyTID)
		var err error
		if r.NodeTID, err = entity.ParseUUID(tid.Str()); err != nil {
			return fmt.Errorf("node %s has no TID", node)
		}
		r.Interface = node
	} else if node != "-" {
		return fmt.Errorf("no node %s", node)
	}
	for _, word := range words {
		key, text, _ := strings.Cut(word, "=")
		f := w.flows.table.Query(key)
		if f == nil {
			return fmt.Errorf("flows have no field %s", key)
		}
		v, err := entity.ParseJSON(text)
		if err != nil || f.Kind == entity.KindString {
			v = entity.String(strings.Trim(text, `"`))
		}
		if f.Time {
			v = entity.Int(v.Int() * int64(time.Millisecond))
		}
		if !f.Set(&r, v) {
			return fmt.Errorf("%s is not a value of %s", text, key)
		}
	}
	r.Update = flowrecord.Metric{
		ABPackets: r.Metric.ABPackets - before.ABPackets, ABBytes: r.Metric.ABBytes - before.ABBytes,
		BAPackets: r.Metric.BAPackets - before.BAPackets, BABytes: r.Metric.BABytes - before.BABytes,
		Start: before.Last, Last: r.Metric.Last, RTT: r.Metric.RTT,
	}
	w.flows.reports = append(w.flows.reports, r)
	return nil
}

// showFlows gives flows by alias, groups and metrics as "name: …".
func (w *world) showFlows(r *Result) (out []string) {
	for f := range r.Flows() {
		out = append(out, w.flows.aliases[f.ID])
	}
	if r.Kind() == KindGroups && len(r.groups) > 0 && r.groups[0].kind != KindNone {
		return w.showGroups(r)
	}
	for name, flows := range r.Groups() {
		name = cmp.Or(name, `""`)
		for _, f := range flows {
			name += " " + w.flows.aliases[f.ID]
		}
		out = append(out, name)
	}
	for name, metrics := range r.Metrics() {
		if id, err := entity.ParseUUID(name); err == nil {
			name = cmp.Or(w.flows.aliases[id], w.Names[id])
		}
		for _, m := range metrics {
			name += " " + string(m.AppendJSON(nil))
		}
		out = append(out, name)
	}
	return out
}

// showGroups gives groups of nodes and edges, and of values, as "name: …". The
// name of a node that is its ID is its alias.
func (w *world) showGroups(r *Result) (out []string) {
	for _, g := range r.groups {
		line := cmp.Or(g.name, `""`)
		if id, err := entity.ParseUUID(g.name); err == nil {
			line = w.Names[id]
		}
		line += ":"
		for _, slot := range g.slots {
			if g.kind == KindEdges {
				line += " " + w.Names[r.view.EdgeID(slot)]
			} else {
				line += " " + w.Names[r.view.NodeID(slot)]
			}
		}
		if !g.value.IsZero() {
			line += " " + string(g.value.AppendJSON(nil))
		}
		out = append(out, line)
	}
	return out
}

// newest gives the newest report of each flow that a query speaks of.
func (t *flowTable) newest(q *flowrecord.Query) (out []flowrecord.Record) {
	at := map[flowrecord.ID]int{}
	for i := range t.reports {
		r := t.reports[i]
		if !q.Live && (r.Update.Start > q.To || r.Update.Last < q.From) {
			continue
		}
		if j, known := at[r.ID]; known {
			out[j] = r
		} else {
			at[r.ID] = len(out)
			out = append(out, r)
		}
	}
	return slices.DeleteFunc(out, func(r flowrecord.Record) bool {
		return q.Live && r.Finished() && t.now.UnixNano()-r.Metric.Last > int64(time.Minute)
	})
}

func (t *flowTable) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	t.asked = append(t.asked, q)
	list := slices.DeleteFunc(t.newest(q), func(r flowrecord.Record) bool { return !t.wanted(q, &r) })
	if f := t.table.Query(q.Sort); f != nil {
		slices.SortStableFunc(list, func(a, b flowrecord.Record) int {
			c := cmp.Compare(f.Value(&a).Int(), f.Value(&b).Int())
			if q.Descending {
				c = -c
			}
			return cmp.Or(c, bytes.Compare(a.ID[:], b.ID[:]))
		})
	}
	if q.Limit > 0 {
		list = list[:min(q.Limit, len(list))]
	}
	return func(yield func(*flowrecord.Record, error) bool) {
		again := new(flowrecord.Record)
		tcp := new(flowrecord.TCP)
		for i := range list {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			t.yielded++
			*again = list[i]
			if again.TCP != nil {
				*tcp = *again.TCP
				again.TCP = tcp
			}
			if !yield(again, nil) {
				return
			}
			*again, *tcp = flowrecord.Record{Application: "used again"}, flowrecord.TCP{State: "used again"}
		}
		if t.refuse != nil {
			yield(nil, t.refuse)
		}
	}
}

func (t *flowTable) wanted(q *flowrecord.Query, r *flowrecord.Record) bool {
	if q.Nodes != nil && !slices.Contains(q.Nodes, r.NodeTID) || q.IDs != nil && !slices.Contains(q.IDs, r.ID) {
		return false
	}
	for _, c := range q.Where {
		hit := false
		for _, name := range c.Fields {
			hit = hit || t.holds(&c, t.table.Query(name).Value(r))
		}
		if hit == c.Not {
			return false
		}
	}
	return true
}

// holds compares as a store of texts and integers does.
func (t *flowTable) holds(c *flowrecord.Condition, v entity.Value) bool {
	if v.IsZero() {
		return false
	}
	n := func() (int64, int64) {
		a, _ := strconv.ParseInt(v.Text(), 10, 64)
		b, _ := strconv.ParseInt(c.Values[0].Text(), 10, 64)
		return a, b
	}
	switch c.Op {
	case flowrecord.Exists:
		return true
	case flowrecord.In:
		return slices.ContainsFunc(c.Values, func(e entity.Value) bool { return e.Text() == v.Text() })
	case flowrecord.InNetwork:
		addr, err := netip.ParseAddr(v.Str())
		return err == nil && netip.MustParsePrefix(c.Values[0].Str()).Contains(addr)
	case flowrecord.Less:
		a, b := n()
		return a < b
	case flowrecord.LessEqual:
		a, b := n()
		return a <= b
	case flowrecord.Greater:
		a, b := n()
		return a > b
	case flowrecord.GreaterEqual:
		a, b := n()
		return a >= b
	}
	panic("unknown comparison")
}

func (t *flowTable) Updates(_ context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error] {
	return func(yield func(flowrecord.Update, error) bool) {
		for i := range t.reports {
			r := &t.reports[i]
			if slices.Contains(ids, r.ID) && r.Update.Last <= to && r.Update.Last >= from && !yield(flowrecord.Update{ID: r.ID, Metric: r.Update}, nil) {
				return
			}
		}
		if t.refuse != nil {
			yield(flowrecord.Update{}, t.refuse)
		}
	}
}

func (t *flowTable) Counters(_ context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[Counters, error] {
	return func(yield func(Counters, error) bool) {
		for _, c := range t.counters {
			if slices.Contains(nodes, c.Node) && c.Time >= from && c.Time <= to && !yield(c, nil) {
				return
			}
		}
		if t.refuse != nil {
			yield(Counters{}, t.refuse)
		}
	}
}

var errTable = errors.New("the table is on fire")
