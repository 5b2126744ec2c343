package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/hops"
)

// Bounds of one answer.
const (
	hopsDefault = 20
	hopsMost    = 1000
	// hopsFlows is how many flows may be joined.
	hopsFlows = 100_000
	// hopsBytes is about what a flow takes that is joined.
	hopsBytes = 1200
	// hopsPlaced is how many conversations are looked for at other points, when the
	// time is not now.
	hopsPlaced = 500
)

// placeParams choose where a flow was seen, and with that not what else is known
// of its conversation.
func placeParams() []string { return []string{"node", "host", "interface", "capture", "id"} }

// flowsHops is GET /api/v1/flows/hops?node=eth0.
func (a *API) flowsHops(w http.ResponseWriter, r *http.Request) {
	buf := a.buffer()
	if f := a.appendHops(r.Context(), params(r.URL.Query()), buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}

// hopsQuery is what is asked.
type hopsQuery struct {
	*flowrecord.Query
	// everywhere asks for the same without the place, nil when none was given.
	everywhere *flowrecord.Query
	sort       string
	limit      int
	points     int
	l3         bool
	view       *graph.View
}

// hopsQuery reads what is asked.
func (a *API) hopsQuery(ctx context.Context, p params) (q hopsQuery, f *failure) {
	if f = p.check(append(filterParams(), "since", "from", "to", "sort", "limit", "points", "join")...); f != nil {
		return q, f
	}
	if q.Query, f = a.flowQuery(ctx, p); f != nil {
		return q, f
	}
	if slices.ContainsFunc(placeParams(), func(name string) bool { return len(p[name]) > 0 }) {
		rest := maps.Clone(p)
		for _, name := range placeParams() {
			delete(rest, name)
		}
		if q.everywhere, f = a.flowQuery(ctx, rest); f != nil {
			return q, f
		}
		q.everywhere.From, q.everywhere.To = q.From, q.To
	}
	if q.limit, f = p.number("limit", hopsDefault, hopsMost); f != nil {
		return q, f
	}
	if q.points, f = p.number("points", 1, hopsMost); f != nil {
		return q, f
	}
	switch q.sort = cmp.Or(p.get("sort"), "lost"); q.sort {
	case "lost", "packets", "bytes", "last":
	default:
		return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "sort=%.40q is not known; give lost, packets, bytes or last", q.sort)
	}
	switch join := p.get("join"); join {
	case "", "tracking":
	case "l3":
		q.l3 = true
	default:
		return q, fail(http.StatusBadRequest, httpx.CodeInvalid, "join=%.40q is not known; give tracking, or l3 to join across routers", join)
	}
	at, f := a.moment("to", p.get("to"))
	if f != nil {
		return q, f
	}
	// The graph only names the points: where none is kept of that time, that of now
	// will do.
	var err error
	if q.view, err = a.viewAt(ctx, at); err != nil {
		q.view, err = a.viewAt(ctx, time.Time{})
	}
	if err != nil {
		return q, queryFailure(err)
	}
	return q, nil
}

// appendHops makes the answer.
func (a *API) appendHops(ctx context.Context, p params, buf *bytes.Buffer) *failure {
	if a.deps.Flows == nil {
		return flowFailure(errNoFlows)
	}
	ctx, done, f := a.workLong(ctx, a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	q, f := a.hopsQuery(ctx, p)
	if f != nil {
		return f
	}
	j := hops.New(hops.Options{MaxFlows: hopsFlows, L3: q.l3, Missed: q.missed})
	more, err := a.joinFlows(ctx, &q, func(r *flowrecord.Record) error {
		if err := j.Add(r); err != nil {
			return err
		}
		return remember(ctx, hopsBytes)
	})
	if limit := (*gremlin.LimitError)(nil); errors.As(err, &limit) {
		return queryFailure(err)
	}
	if err != nil {
		return flowFailure(err)
	}
	list := make([]*hops.Conversation, 0, min(j.Len(), hopsMost))
	for c := range j.Conversations() {
		if len(c.Points) >= q.points {
			list = append(list, c)
		}
	}
	hops.Sort(list, q.sort)
	more = more || len(list) > q.limit
	out := &limited{buf: buf, max: a.cfg.Limits.Bytes}
	b := strconv.AppendBool([]byte(`{"live":`), q.Live)
	if !q.Live {
		b = appendTime(append(b, `,"from":`...), unixNano(q.From))
		b = appendTime(append(b, `,"to":`...), unixNano(q.To))
	}
	b = strconv.AppendBool(append(b, `,"more":`...), more)
	b = append(b, `,"conversations":[`...)
	for i, c := range list[:min(q.limit, len(list))] {
		if i > 0 {
			b = append(b, ',')
		}
		b = c.Attrs(q.node).AppendJSON(b)
		if _, err := out.Write(b); err != nil {
			return queryFailure(err)
		}
		b = b[:0]
	}
	if _, err := out.Write(append(b, "]}\n"...)); err != nil {
		return queryFailure(err)
	}
	return nil
}

// joinFlows gives add the flows that are asked for; when a place was given, those
// of the same conversations at all other points too. It reports whether some
// conversations were left out.
func (a *API) joinFlows(ctx context.Context, q *hopsQuery, add func(*flowrecord.Record) error) (more bool, err error) {
	if q.everywhere == nil {
		return false, a.eachFlow(ctx, q.Query, add)
	}
	ids := make(map[flowrecord.Tracking]int64)
	err = a.eachFlow(ctx, q.Query, func(r *flowrecord.Record) error {
		if id := q.tracking(r); id != 0 && (len(ids) < hopsFlows || ids[id] > 0) {
			ids[id] += 1 + r.Metric.ABPackets + r.Metric.BAPackets
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return false, err
	}
	all := q.everywhere
	if !all.Live {
		if more = len(ids) > hopsPlaced; more {
			keepLargest(ids)
		}
		values := make([]entity.Value, 0, len(ids))
		for id := range ids {
			values = append(values, entity.String(id.String()))
		}
		fields := []string{"TrackingID"}
		if q.l3 {
			fields = []string{"L3TrackingID", "TrackingID"}
		}
		all.Where = append(all.Where, flowrecord.Condition{Fields: fields, Values: values})
	}
	return more, a.eachFlow(ctx, all, func(r *flowrecord.Record) error {
		if ids[q.tracking(r)] == 0 {
			return nil
		}
		return add(r)
	})
}

// tracking is what flows are joined by.
func (q *hopsQuery) tracking(r *flowrecord.Record) flowrecord.Tracking {
	if q.l3 && r.L3TrackingID != 0 {
		return r.L3TrackingID
	}
	return r.TrackingID
}

// keepLargest leaves the conversations with the most packets.
func keepLargest(ids map[flowrecord.Tracking]int64) {
	order := slices.SortedFunc(maps.Keys(ids), func(a, b flowrecord.Tracking) int {
		return cmp.Or(cmp.Compare(ids[b], ids[a]), cmp.Compare(a, b))
	})
	for _, id := range order[hopsPlaced:] {
		delete(ids, id)
	}
}

// eachFlow visits the flows of a query that match it.
func (a *API) eachFlow(ctx context.Context, q *flowrecord.Query, visit func(*flowrecord.Record) error) error {
	match, err := a.deps.Flows.Match(q)
	if err != nil {
		return err
	}
	for r, err := range a.deps.Flows.Flows(ctx, q) {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !match(r) {
			continue
		}
		if err := visit(r); err != nil {
			return err
		}
	}
	return nil
}

// byTID finds the node with a TID, nil when it is gone.
func (q *hopsQuery) byTID(tid entity.UUID) *graph.Node {
	nodes, count := q.view.NodesWith(entity.KeyTID, entity.String(tid.String()))
	if count <= 0 {
		return nil
	}
	var best *graph.Node
	for n := range nodes {
		if best == nil || bytes.Compare(n.ID[:], best.ID[:]) < 0 {
			best = n
		}
	}
	return best
}

// node is what the answer says of the node of a point beside the record.
func (q *hopsQuery) node(tid entity.UUID) entity.Attrs {
	n := q.byTID(tid)
	if n == nil {
		return nil
	}
	a := entity.Attrs{entity.A("Node", entity.String(n.ID.String()))}
	if name := n.Attrs.Get(entity.KeyName); !name.IsZero() {
		a = append(a, entity.A(entity.KeyName, name))
	}
	return a
}

// missed is what a capture lost itself, by the graph.
func (q *hopsQuery) missed(tid entity.UUID, capture string) int64 {
	n := q.byTID(tid)
	if n == nil {
		return 0
	}
	return hops.MissedBy(n.Attrs.Get(entity.KeyCaptures), capture)
}
