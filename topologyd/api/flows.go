package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/hops"
)

// Flows is what the API asks about flows. [flows.Flows] is one.
type Flows interface {
	gremlin.Flows
	List(ctx context.Context, q *flowrecord.Query) ([]*flowrecord.Record, error)
	Top(ctx context.Context, q *flows.TopQuery) ([]flows.TopRow, error)
	Series(ctx context.Context, q *flows.SeriesQuery) (*flows.Series, error)
	// Sampled is the largest sampling rate of what Top and Series sum up.
	Sampled(ctx context.Context, q *flows.TopQuery) (int64, error)
	// Match returns what decides whether a report satisfies a query but its window.
	Match(q *flowrecord.Query) (func(*flowrecord.Record) bool, error)
	Follow(q *flowrecord.Query) (*flows.Subscription, error)
	Table() *flowrecord.Table
}

// Bounds of how many flows one answer holds.
const (
	flowsDefault = 100
	flowsMost    = 10_000
)

// errNoFlows is for a daemon that keeps none.
var errNoFlows = errors.New("this daemon keeps no flows; start it without --flows=false")

// flowRoutes returns the endpoints of flows.
func (a *API) flowRoutes() []httpx.Route {
	return []httpx.Route{
		httpx.Get("/api/v1/flows", a.flowsGet).For(auth.Read),
		httpx.Post("/api/v1/flows", a.flowsPost).For(auth.Read),
		httpx.Get("/api/v1/flows/top", a.flowsTop).For(auth.Read),
		httpx.Get("/api/v1/flows/series", a.flowsSeries).For(auth.Read),
		httpx.Get("/api/v1/flows/hops", a.flowsHops).For(auth.Read),
		httpx.Get("/api/v1/flows/follow", a.flowsFollow).For(auth.Read),
	}
}

// flowsGet is GET /api/v1/flows?address=…
func (a *API) flowsGet(w http.ResponseWriter, r *http.Request) {
	a.flowList(w, r, params(r.URL.Query()))
}

// flowsPost is POST /api/v1/flows, the parameters in a JSON object.
func (a *API) flowsPost(w http.ResponseWriter, r *http.Request) {
	p, f := readParams(w, r)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.flowList(w, r, p)
}

// flowList answers with the flows that the parameters ask for.
func (a *API) flowList(w http.ResponseWriter, r *http.Request, p params) {
	media := httpx.Accept(r, typeJSON, typeNDJSON)
	if media == "" {
		a.failed(w, fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"none of the media types in Accept is known; ask for %s or %s", typeJSON, typeNDJSON))
		return
	}
	buf := a.buffer()
	if f := a.appendFlows(r.Context(), p, media, buf); f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, media, buf, func(http.Header) {})
}

// appendFlows makes the answer.
func (a *API) appendFlows(ctx context.Context, p params, media string, buf *bytes.Buffer) *failure {
	if a.deps.Flows == nil {
		return flowFailure(errNoFlows)
	}
	if f := p.check(append(filterParams(), "since", "from", "to", "sort", "order", "limit")...); f != nil {
		return f
	}
	ctx, done, f := a.workLong(ctx, a.cfg.Limits.Time)
	if f != nil {
		return f
	}
	defer done()
	q, f := a.flowQuery(ctx, p)
	if f != nil {
		return f
	}
	limit, f := p.number("limit", flowsDefault, flowsMost)
	if f != nil {
		return f
	}
	if q.Sort, q.Descending, f = a.flowOrder(p); f != nil {
		return f
	}
	q.Limit = limit + 1
	found, err := a.deps.Flows.List(ctx, q)
	if err != nil {
		return flowFailure(err)
	}
	more := len(found) > limit
	found = found[:min(limit, len(found))]
	out := &limited{buf: buf, max: a.cfg.Limits.Bytes}
	if media == typeNDJSON {
		err = a.writeFlowLines(out, found)
	} else {
		err = a.writeFlowList(out, q, found, more)
	}
	if err != nil {
		return queryFailure(err)
	}
	return nil
}

func (a *API) writeFlowList(out *limited, q *flowrecord.Query, found []*flowrecord.Record, more bool) error {
	b := strconv.AppendBool([]byte(`{"live":`), q.Live)
	if !q.Live {
		b = appendTime(append(b, `,"from":`...), unixNano(q.From))
		b = appendTime(append(b, `,"to":`...), unixNano(q.To))
	}
	b = strconv.AppendBool(append(b, `,"more":`...), more)
	b = append(b, `,"flows":[`...)
	for i, r := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.deps.Flows.Table().Attrs(r).AppendJSON(b)
		if _, err := out.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := out.Write(append(b, "]}\n"...))
	return err
}

func (a *API) writeFlowLines(out *limited, found []*flowrecord.Record) error {
	var b []byte
	for _, r := range found {
		b = append(a.deps.Flows.Table().Attrs(r).AppendJSON(b[:0]), '\n')
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// flowOrder reads what to sort by: the flow heard of last comes first when
// nobody says otherwise.
func (a *API) flowOrder(p params) (sort string, descending bool, f *failure) {
	sort = p.get("sort")
	switch sort {
	case "":
		sort = "Last"
	case "bytes":
		sort = flows.SumBytes
	case "packets":
		sort = flows.SumPackets
	case "last":
		sort = "Last"
	case "start":
		sort = "Start"
	case "rtt":
		sort = "Metric.RTT"
	default:
		if x := a.deps.Flows.Table().Query(sort); x == nil || x.Kind == entity.KindMap {
			return "", false, fail(http.StatusBadRequest, httpx.CodeInvalid,
				"sort=%.40q is not known; give bytes, packets, last, start, rtt, or a field such as Metric.ABBytes", sort)
		}
	}
	switch order := p.get("order"); order {
	case "", "desc":
		return sort, true, nil
	case "asc":
		return sort, false, nil
	default:
		return "", false, fail(http.StatusBadRequest, httpx.CodeInvalid, "order=%.40q is not known; give asc or desc", order)
	}
}

// flowFailure says whose an error about flows is.
func flowFailure(err error) *failure {
	switch {
	case errors.Is(err, errNoFlows):
		return fail(http.StatusNotImplemented, httpx.CodeUnsupported, "%v", err)
	case errors.Is(err, flows.ErrTooMuch), errors.Is(err, hops.ErrTooMany):
		return fail(http.StatusUnprocessableEntity, httpx.CodeLimit, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(http.StatusRequestTimeout, httpx.CodeLimit, "it took longer than a query may; ask for a shorter time, or name a node or an address")
	case errors.Is(err, flows.ErrStopped), errors.Is(err, flows.ErrTooMany), errors.Is(err, context.Canceled):
		f := fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%v; try again", err)
		f.retry = 1
		return f
	case errors.Is(err, flows.ErrStore):
		f := fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "%v; try again", err)
		f.retry = 5
		return f
	default:
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "%v", err)
	}
}
