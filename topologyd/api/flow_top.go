package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/flows"
)

const (
	// topDefault and topMost are how many rows an answer holds.
	topDefault = 10
	topMost    = 10_000
	// topSince is the time that is asked about when nobody says otherwise.
	topSince = "-5m"
	// topFields is how many fields rows may be told apart by.
	topFields = 8
)

// topMetrics are the names of what can be summed.
func topMetrics() map[string]string {
	return map[string]string{
		"bytes": flows.SumBytes, "packets": flows.SumPackets, "flows": flows.SumFlows,
		"ab_bytes": "LastUpdateMetric.ABBytes", "ba_bytes": "LastUpdateMetric.BABytes",
		"ab_packets": "LastUpdateMetric.ABPackets", "ba_packets": "LastUpdateMetric.BAPackets",
	}
}

// topFieldNames are short names of fields.
func topFieldNames() map[string][]string {
	return map[string][]string{
		"source": {"Network.A"}, "destination": {"Network.B"}, "pair": {"Network.A", "Network.B"},
		"application": {"Application"}, "protocol": {"Transport.Protocol"}, "port": {"Transport.B"},
		"host": {"Host"}, "interface": {"Host", "Interface"}, "node": {"NodeTID"}, "capture": {"CaptureID"},
		"conversation": {"Network.A", "Network.B", "Transport.Protocol", "Transport.A", "Transport.B"},
	}
}

// flowsTop is GET /api/v1/flows/top?by=source&metric=bytes.
func (a *API) flowsTop(w http.ResponseWriter, r *http.Request) {
	buf := a.buffer()
	if f := a.appendTop(r.Context(), params(r.URL.Query()), buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}

// topDefaults are what top and series have of their own.
type topDefaults struct {
	since string   // the time that is asked about
	by    string   // "" is everything in one
	limit int      // the most rows that may be asked for
	more  []string // parameters
}

// topQuery reads what is asked.
func (a *API) topQuery(ctx context.Context, p params, def topDefaults) (*flows.TopQuery, *failure) {
	known := slices.DeleteFunc(filterParams(), func(s string) bool { return s == "finished" })
	if f := p.check(append(append(known, "since", "from", "to", "by", "metric", "limit", "dedup"), def.more...)...); f != nil {
		return nil, f
	}
	if p.get("since") == "" && p.get("from") == "" && p.get("to") == "" {
		p["since"] = []string{def.since}
	}
	q, f := a.flowQuery(ctx, p)
	if f != nil {
		return nil, f
	}
	if len(q.IDs) > 0 { // the same as a condition
		values := make([]entity.Value, len(q.IDs))
		for i, id := range q.IDs {
			values[i] = entity.String(id.String())
		}
		q.Where = append(q.Where, in("UUID", values))
	}
	top := &flows.TopQuery{From: q.From, To: q.To, Nodes: q.Nodes, Where: q.Where}
	if top.Limit, f = p.number("limit", topDefault, def.limit); f != nil {
		return nil, f
	}
	if text := p.get("dedup"); text != "" {
		yes, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "dedup=%.40q is neither true nor false", text)
		}
		top.Dedup = yes
	}
	var ok bool
	if top.Metric, ok = topMetrics()[p.metric()]; !ok {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid,
			"metric=%.40q is not known; give bytes, packets, flows, ab_bytes, ba_bytes, ab_packets or ba_packets", p.get("metric"))
	}
	by := p.get("by")
	if by == "" {
		by = def.by
	}
	if by == "" {
		return top, nil
	}
	for name := range strings.SplitSeq(by, ",") {
		fields, ok := topFieldNames()[name]
		if !ok {
			fields = []string{name}
		}
		for _, field := range fields {
			x := a.deps.Flows.Table().Query(field)
			if x == nil || x.Kind == entity.KindMap || x.Time {
				return nil, fail(http.StatusBadRequest, httpx.CodeInvalid,
					"by=%.40q is not known; give source, destination, pair, conversation, application, protocol, port, host, interface, node, capture, or fields such as Network.A,Transport.B", name)
			}
			if !slices.Contains(top.By, field) {
				top.By = append(top.By, field)
			}
		}
	}
	if len(top.By) > topFields {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "by has %d fields; give at most %d", len(top.By), topFields)
	}
	return top, nil
}

// metric is the name of what to sum.
func (p params) metric() string {
	if m := p.get("metric"); m != "" {
		return m
	}
	return "bytes"
}

// appendTop makes the answer.
func (a *API) appendTop(ctx context.Context, p params, buf *bytes.Buffer) *failure {
	if a.deps.Flows == nil {
		return flowFailure(errNoFlows)
	}
	ctx, done, f := a.workLong(ctx, a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	q, f := a.topQuery(ctx, p, topDefaults{since: topSince, by: "pair", limit: topMost})
	if f != nil {
		return f
	}
	rows, err := a.deps.Flows.Top(ctx, q)
	if err != nil {
		return flowFailure(err)
	}
	sampled, err := a.deps.Flows.Sampled(ctx, q)
	if err != nil {
		return flowFailure(err)
	}
	out := &limited{buf: buf, max: a.cfg.Limits.Bytes}
	b := appendTime([]byte(`{"from":`), unixNano(q.From))
	b = appendTime(append(b, `,"to":`...), unixNano(q.To))
	b = entity.Strings(q.By...).AppendJSON(append(b, `,"by":`...))
	b = append(append(append(b, `,"metric":"`...), p.metric()...), '"')
	b = append(appendCounted(b, q, sampled), `,"rows":[`...)
	for i := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = rows[i].Key.AppendJSON(append(b, `{"key":`...))
		b = strconv.AppendInt(append(b, `,"value":`...), rows[i].Value, 10)
		b = append(b, '}')
	}
	if _, err := out.Write(append(b, "]}\n"...)); err != nil {
		return queryFailure(err)
	}
	return nil
}

// appendCounted appends how it was counted, where that is not as usual: each
// conversation once, and the largest sampling rate of what was summed.
func appendCounted(b []byte, q *flows.TopQuery, sampled int64) []byte {
	if q.Dedup {
		b = append(b, `,"dedup":true`...)
	}
	if sampled > 1 {
		b = strconv.AppendInt(append(b, `,"sampled":`...), sampled, 10)
	}
	return b
}
