package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/when"
)

// seriesSince is the time that is asked about when nobody says otherwise.
const seriesSince = "-1h"

// flowsSeries is GET /api/v1/flows/series?by=source&metric=bytes&step=1m.
func (a *API) flowsSeries(w http.ResponseWriter, r *http.Request) {
	buf := a.buffer()
	if f := a.appendSeries(r.Context(), params(r.URL.Query()), buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, typeJSON, buf, func(http.Header) {})
}

// seriesQuery reads what is asked.
func (a *API) seriesQuery(ctx context.Context, p params) (*flows.SeriesQuery, *failure) {
	top, f := a.topQuery(ctx, p, topDefaults{since: seriesSince, limit: flows.MaxSeries, more: []string{"step"}})
	if f != nil {
		return nil, f
	}
	q := &flows.SeriesQuery{TopQuery: *top}
	q.From = max(q.From, 0)
	if text := p.get("step"); text == "" {
		q.Step = int64(niceStep(time.Duration(q.To - q.From)))
	} else {
		step, err := when.ParseDuration(text)
		if err != nil || step < time.Second || step%time.Second != 0 {
			return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "step=%.40q is not a duration of whole seconds such as 30s, 1m or 1d", text)
		}
		q.Step = int64(step)
	}
	if n := q.Steps(); n > flows.MaxSteps {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "step=%s makes %d steps of this time; there may be %d: give a longer step, or none", p.get("step"), n, flows.MaxSteps)
	}
	return q, nil
}

// niceStep is how long a step is when nobody says: such that there are at most
// about a hundred. Beyond 10 s it is whole minutes, of which sums are kept.
func niceStep(window time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		10 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if window <= 100*step {
			return step
		}
	}
	return (window/100 + day - 1) / day * day
}

// appendSeries makes the answer.
func (a *API) appendSeries(ctx context.Context, p params, buf *bytes.Buffer) *failure {
	if a.deps.Flows == nil {
		return flowFailure(errNoFlows)
	}
	ctx, done, f := a.workLong(ctx, a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	q, f := a.seriesQuery(ctx, p)
	if f != nil {
		return f
	}
	found, err := a.deps.Flows.Series(ctx, q)
	if err != nil {
		return flowFailure(err)
	}
	sampled, err := a.deps.Flows.Sampled(ctx, &q.TopQuery)
	if err != nil {
		return flowFailure(err)
	}
	out := &limited{buf: buf, max: a.cfg.Limits.Bytes}
	b := appendTime([]byte(`{"from":`), unixNano(q.From))
	b = appendTime(append(b, `,"to":`...), unixNano(q.To))
	b = appendTime(append(b, `,"start":`...), unixNano(q.Start()))
	b = strconv.AppendInt(append(b, `,"step_seconds":`...), q.Step/int64(time.Second), 10)
	b = entity.Strings(q.By...).AppendJSON(append(b, `,"by":`...))
	b = append(append(append(b, `,"metric":"`...), p.metric()...), '"')
	b = append(appendCounted(b, &q.TopQuery, sampled), `,"series":[`...)
	for i := range found.Rows {
		r := &found.Rows[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = r.Key.AppendJSON(append(b, `{"key":`...))
		b = strconv.AppendInt(append(b, `,"total":`...), r.Value, 10)
		b = append(appendInts(append(b, `,"points":`...), r.Points), '}')
		if _, err := out.Write(b); err != nil {
			return queryFailure(err)
		}
		b = b[:0]
	}
	b = append(b, ']')
	if found.Others != nil {
		b = appendInts(append(b, `,"others":`...), found.Others)
	}
	if _, err := out.Write(append(b, "}\n"...)); err != nil {
		return queryFailure(err)
	}
	return nil
}

// appendInts appends numbers as a JSON array to b.
func appendInts(b []byte, numbers []int64) []byte {
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return append(b, ']')
}
