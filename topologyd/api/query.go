package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Media types of a query's answer.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeDOT    = "text/vnd.graphviz"

	typeEventStream = "text/event-stream"
)

// Headers of a query's answer.
const (
	// HeaderRevision is the revision of the graph that the answer is about.
	HeaderRevision = "X-Skein-Revision"
	// HeaderKind is what the answer holds: graph, nodes, edges, values, maps,
	// number, paths, flows, groups, metrics, map.
	HeaderKind = "X-Skein-Kind"
)

const (
	// maxQueryBody bounds a query request: the language allows 64 KiB, which
	// JSON may write as six times as much.
	maxQueryBody = 512 << 10
	// queryBodyPause is the longest wait for the body of a query.
	queryBodyPause = 5 * time.Second
	// keepBuffer is the largest buffer that is used again.
	keepBuffer = 1 << 20
)

// queryRequest is the body of POST /api/v1/query.
type queryRequest struct {
	Gremlin string       `json:"gremlin"`
	At      string       `json:"at"`
	Limits  *queryLimits `json:"limits"`
}

// queryLimits ask for less than the server's limits; 0 is the server's own.
type queryLimits struct {
	Timeout string `json:"timeout"`
	Visited int    `json:"visited"`
	Results int    `json:"results"`
	Bytes   int    `json:"bytes"`
}

// queryGet is GET /api/v1/query?gremlin=…
func (a *API) queryGet(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	a.query(w, r, &queryRequest{Gremlin: v.Get("gremlin"), At: v.Get("at")})
}

// queryPost is POST /api/v1/query.
func (a *API) queryPost(w http.ResponseWriter, r *http.Request) {
	req, f := readQuery(w, r)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.query(w, r, req)
}

func readQuery(w http.ResponseWriter, r *http.Request) (*queryRequest, *failure) {
	data, f := readBody(w, r, maxQueryBody)
	if f != nil {
		return nil, f
	}
	var req queryRequest
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid,
			`the body is not a query: %s; send {"gremlin":"G.V().Limit(10)"}`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if dec.More() {
		return nil, fail(http.StatusBadRequest, httpx.CodeInvalid, "there is text after the query's JSON object at byte %d", dec.InputOffset())
	}
	return &req, nil
}

// query answers a query. The answer is made completely while the query has its
// slot; writing it, however slow the client, holds nothing but its own bytes,
// which a budget bounds.
func (a *API) query(w http.ResponseWriter, r *http.Request, req *queryRequest) {
	media := httpx.Accept(r, typeJSON, typeNDJSON, typeDOT)
	if media == "" {
		a.failed(w, fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"none of the media types in Accept is known; ask for %s, %s or %s", typeJSON, typeNDJSON, typeDOT))
		return
	}
	buf := a.buffer()
	head, f := a.evaluate(r.Context(), req, media, buf)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.reply(w, r, media, buf, func(h http.Header) {
		h.Set(HeaderRevision, strconv.FormatUint(head.revision, 10))
		h.Set(HeaderKind, head.kind.String())
	})
}

// buffer returns a buffer that reply takes back.
func (a *API) buffer() *bytes.Buffer {
	if buf, ok := a.buffers.Get().(*bytes.Buffer); ok {
		return buf
	}
	return new(bytes.Buffer)
}

// reply sends an answer that is complete and counts it.
func (a *API) reply(w http.ResponseWriter, r *http.Request, media string, buf *bytes.Buffer, header func(http.Header)) {
	size := int64(buf.Cap())
	if !a.budget.Take(size) {
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "too many answers wait for their clients; try again in a second")
		f.retry = 1
		a.failed(w, f)
		return
	}
	a.n.queries.WithLabelValues("ok").Inc()
	header(w.Header())
	if err := httpx.WriteBody(w, r, http.StatusOK, media, buf.Bytes(), a.cfg.WriteTimeout); err != nil {
		a.deps.Log.Debug("client did not take its answer", "remote", r.RemoteAddr, "error", err)
	}
	a.budget.Give(size)
	if buf.Cap() <= keepBuffer {
		buf.Reset()
		a.buffers.Put(buf)
	}
}

// head is what is known of an answer beside its content.
type head struct {
	revision uint64
	kind     gremlin.Kind
}

// evaluate parses and runs a query and encodes its result into buf.
func (a *API) evaluate(ctx context.Context, req *queryRequest, media string, buf *bytes.Buffer) (head, *failure) {
	lim, f := a.limits(req)
	if f != nil {
		return head{}, f
	}
	q, err := gremlin.Parse(req.Gremlin)
	if err != nil {
		return head{}, queryFailure(err)
	}
	at, f := a.moment("at", req.At)
	if f != nil {
		return head{}, f
	}
	ctx, done, f := a.work(ctx, lim.Time)
	if f != nil {
		return head{}, f
	}
	defer done()
	view, err := a.viewAt(ctx, at)
	if err != nil {
		return head{}, queryFailure(err)
	}
	result, err := a.run(ctx, q, view, at, lim)
	if err != nil {
		return head{}, queryFailure(err)
	}
	switch media {
	case typeNDJSON:
		err = result.WriteNDJSON(buf)
	case typeDOT:
		err = result.WriteDOT(buf)
	default:
		err = result.WriteJSON(buf)
	}
	if err != nil {
		return head{}, queryFailure(err)
	}
	if media == typeJSON {
		buf.WriteByte('\n') // for those who read it in a terminal
	}
	return head{result.Revision(), q.Kind()}, nil
}

// work takes a slot for costly work and bounds its time. done gives it back.
func (a *API) work(ctx context.Context, limit time.Duration) (bounded context.Context, done func(), f *failure) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	if !a.slots.Acquire(bounded, limit) {
		cancel()
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "%d other queries are being evaluated; try again in a second", a.cfg.Concurrency)
		f.retry = 1
		return nil, nil, f
	}
	return bounded, func() { a.slots.Release(); cancel() }, nil
}

// limits returns the limits of a request: its own where they are lower.
func (a *API) limits(req *queryRequest) (gremlin.Limits, *failure) {
	lim := a.cfg.Limits
	if strings.TrimSpace(req.Gremlin) == "" {
		return lim, fail(http.StatusBadRequest, httpx.CodeInvalid, "there is no query; give gremlin, for example G.V().Limit(10)")
	}
	l := req.Limits
	if l == nil {
		return lim, nil
	}
	if l.Visited < 0 || l.Results < 0 || l.Bytes < 0 {
		return lim, fail(http.StatusBadRequest, httpx.CodeInvalid, "limits are not negative; leave one out for the server's own")
	}
	if l.Timeout != "" {
		d, err := time.ParseDuration(l.Timeout)
		if err != nil || d <= 0 {
			return lim, fail(http.StatusBadRequest, httpx.CodeInvalid, "limits.timeout %q is not a duration; write for example 500ms or 5s", l.Timeout)
		}
		lim.Time = min(lim.Time, d)
	}
	lower := func(own *int, asked int) {
		if asked > 0 {
			*own = min(*own, asked)
		}
	}
	lower(&lim.Visited, l.Visited)
	lower(&lim.Results, l.Results)
	lower(&lim.Bytes, l.Bytes)
	return lim, nil
}
