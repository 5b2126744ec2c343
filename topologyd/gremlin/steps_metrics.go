package gremlin

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Keys of a metric that are not counters: the time it speaks of, in
// milliseconds, the round trip time in nanoseconds, and the sampling rate where it
// is more than 1, which makes the counters estimates.
const (
	keyStart = "Start"
	keyLast  = "Last"
	keyRTT   = "RTT"

	keySampling = "SamplingRate"
)

// Names of what Metrics gives, which are also keys of nodes and flows.
const (
	keyMetric     = "Metric"
	keyLastMetric = "LastUpdateMetric"
)

// metricBytes is what a metric takes that is remembered.
const metricBytes = 8 * attrBytes

// reportReach is how far outside of a window the reports may be that tell what
// was counted in it.
const reportReach = 2 * time.Minute

// buildMetrics makes Metrics: () gives what was counted in all, of nodes and
// flows; ('LastUpdateMetric') what the last report added; ('Ovs') the same of
// counters below another key, of nodes. At other times it gives what each report
// added in the window.
func buildMetrics(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	key := keyMetric
	if len(s.args) > 0 {
		a := &s.args[0]
		if !a.isKey() || a.val.Str() == "" {
			return nil, 0, c.bad(a, "'LastUpdateMetric'", "the key of other counters such as 'Ovs'")
		}
		if err := c.atMost(s, 1); err != nil {
			return nil, 0, err
		}
		key = a.val.Str()
	}
	by := &series{of: in}
	c.series = by
	if in == KindFlows {
		if key != keyMetric && key != keyLastMetric {
			return nil, 0, c.refuse(&s.args[0], "flows have no %s; their metrics are 'Metric' and 'LastUpdateMetric'", appendQuoted(nil, clip(key)))
		}
		return func(x *exec, in flow) flow { return flowMetrics(x, in, s, by, key == keyLastMetric) }, KindMetrics, nil
	}
	if last := key[strings.LastIndexByte(key, '.')+1:]; last != keyMetric && last != keyLastMetric {
		key += "." + keyMetric
	}
	return func(x *exec, in flow) flow { return nodeMetrics(x, in, s, by, key) }, KindMetrics, nil
}

// flowMetric is a metric as queries show it; rate is the sampling rate of what
// was counted.
func flowMetric(m *flowrecord.Metric, rate int64) entity.Attrs {
	ms := func(ns int64) entity.Value { return entity.Int(ns / int64(time.Millisecond)) }
	a := make(entity.Attrs, 0, 8)
	a = append(a,
		entity.A("ABBytes", entity.Int(m.ABBytes)), entity.A("ABPackets", entity.Int(m.ABPackets)),
		entity.A("BABytes", entity.Int(m.BABytes)), entity.A("BAPackets", entity.Int(m.BAPackets)),
		entity.A(keyLast, ms(m.Last)))
	if m.RTT != 0 {
		a = append(a, entity.A(keyRTT, entity.Int(m.RTT)))
	}
	if rate > 1 {
		a = append(a, entity.A(keySampling, entity.Int(rate)))
	}
	return append(a, entity.A(keyStart, ms(m.Start)))
}

func flowMetrics(x *exec, in flow, s *call, by *series, last bool) flow {
	w := x.window
	out := flow{kind: KindMetrics, scope: in.scope}
	if w.past {
		out.groups = func(yield func(*group) bool) { flowUpdates(x, in, s, by, w, yield) }
		return out
	}
	out.groups = func(yield func(*group) bool) {
		for r := range in.flows {
			m := &r.Metric
			if last {
				m = &r.Update
			}
			if !x.visit() || !x.take(metricBytes+mapBytes) {
				return
			}
			if last && m.IsZero() {
				continue
			}
			if !yield(&group{name: r.ID.String(), series: by.name(x, flowLookup(x.fields, r)), metrics: []entity.Attrs{flowMetric(m, r.SamplingRate)}}) {
				return
			}
		}
	}
	return out
}

// flowUpdates gives what each report in a window added to the flows.
func flowUpdates(x *exec, in flow, s *call, by *series, w window, yield func(*group) bool) {
	src := x.source(s)
	if src == nil {
		return
	}
	var list []*group
	var ids []flowrecord.ID
	byID := make(map[flowrecord.ID]*group)
	rates := make(map[flowrecord.ID]int64)
	for r := range in.flows {
		if !x.visit() || !x.take(2*mapBytes) {
			return
		}
		if r.SamplingRate > 1 {
			rates[r.ID] = max(rates[r.ID], r.SamplingRate)
		}
		if byID[r.ID] == nil {
			g := &group{name: r.ID.String(), series: by.name(x, flowLookup(x.fields, r))}
			ids, list, byID[r.ID] = append(ids, r.ID), append(list, g), g
		}
	}
	if len(ids) == 0 || x.err != nil {
		return
	}
	ask := func(ctx context.Context) iter.Seq2[flowrecord.Update, error] {
		return src.Updates(ctx, ids, w.from, w.to+int64(reportReach))
	}
	drain(x, s, ask, func(u flowrecord.Update) bool {
		g := byID[u.ID]
		if g == nil || u.Metric.IsZero() || !w.meets(u.Metric.Start, u.Metric.Last) {
			return true
		}
		g.metrics = append(g.metrics, flowMetric(&u.Metric, rates[u.ID]))
		return x.take(metricBytes)
	})
	yieldAll(x, counted(list), yield)
}

// counted leaves the groups with metrics.
func counted(list []*group) []*group {
	out := list[:0]
	for _, g := range list {
		if len(g.metrics) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// nodeMetrics gives the counters of nodes, each node once.
func nodeMetrics(x *exec, in flow, s *call, by *series, key string) flow {
	w := x.window
	out := flow{kind: KindMetrics, scope: in.scope}
	if w.past {
		out.groups = func(yield func(*group) bool) { nodeUpdates(x, in, s, by, w, key, yield) }
		return out
	}
	out.groups = func(yield func(*group) bool) {
		seen := x.bitset(x.view.NodeSlots())
		if seen == nil {
			return
		}
		for slot := range in.slots {
			if !x.visit() {
				return
			}
			at := nodeLookup(x.view, slot)
			if m := first(at, key).Map(); len(m) > 0 && seen.add(slot) {
				if !x.take(valueBytes+mapBytes) || !yield(&group{name: x.view.NodeID(slot).String(), series: by.name(x, at), metrics: []entity.Attrs{m}}) {
					return
				}
			}
		}
	}
	return out
}

// nodeUpdates gives what each report in a window added to the counters.
func nodeUpdates(x *exec, in flow, s *call, by *series, w window, key string, yield func(*group) bool) {
	if key != keyMetric && key != keyLastMetric {
		x.fail(&EvalError{Position: positionAt(x.text, s.pos), Step: s.name, Reason: "of other times only the counters of the interfaces themselves are kept; leave out the key"})
		return
	}
	src := x.source(s)
	if src == nil {
		return
	}
	var list []*group
	var ids []entity.UUID
	byID := make(map[entity.UUID]*nodeCounters)
	for slot := range in.slots {
		if !x.visit() || !x.take(2*mapBytes) {
			return
		}
		id := x.view.NodeID(slot)
		n := byID[id]
		if n == nil {
			n = &nodeCounters{group: &group{name: id.String()}, revision: slot}
			ids, list, byID[id] = append(ids, id), append(list, n.group), n
		}
		if updatedAt(x.view, slot) >= updatedAt(x.view, n.revision) {
			n.revision = slot
			n.group.series = by.name(x, nodeLookup(x.view, slot))
		}
	}
	if len(ids) == 0 || x.err != nil {
		return
	}
	ask := func(ctx context.Context) iter.Seq2[Counters, error] {
		return src.Counters(ctx, ids, max(0, w.from-int64(reportReach)), w.to+int64(reportReach))
	}
	drain(x, s, ask, func(c Counters) bool {
		n := byID[c.Node]
		return n == nil || !n.add(w, &c) || x.take(metricBytes)
	})
	yieldAll(x, counted(list), yield)
}

// nodeCounters makes metrics of the counters of a node.
type nodeCounters struct {
	group *group
	// revision is the newest of those that were asked about; it names the series.
	revision int32
	before   entity.Attrs
	at       int64
}

// add takes the next report, and tells whether it says something of the window.
func (n *nodeCounters) add(w window, c *Counters) bool {
	before, start := n.before, n.at
	if n.before, n.at = c.Values, c.Time; before == nil || c.Time <= start || !w.meets(start, c.Time) {
		return false
	}
	ms := int64(time.Millisecond)
	n.group.metrics = append(n.group.metrics, growth(before, c.Values, start/ms, c.Time/ms))
	return true
}

// growth is what counters grew by. One that went back was reset: it counts from
// zero.
func growth(before, now entity.Attrs, start, last int64) entity.Attrs {
	out := make(entity.Attrs, 0, len(now)+2)
	for _, c := range now {
		n, was := c.Value.Int(), before.Get(c.Key).Int()
		if was > n {
			was = 0
		}
		if n > was {
			out = append(out, entity.A(c.Key, entity.Int(n-was)))
		}
	}
	return append(out, entity.A(keyStart, entity.Int(start)), entity.A(keyLast, entity.Int(last))).Normalize()
}
