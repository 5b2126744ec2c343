package api

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/packets"
)

// Headers of a query's answer.
const (
	// HeaderRevision is the revision of the graph that the answer is about.
	HeaderRevision = "X-Skein-Revision"
	// HeaderKind is what the answer holds: graph, nodes, edges, values, maps,
	// number, paths, flows, groups, metrics, map, explanation.
	HeaderKind = "X-Skein-Kind"
	// HeaderLimit is the limit that was met, of an error or of an answer that is
	// a part: time, visited, memory, results, bytes. Of a stream it is a trailer.
	HeaderLimit = "X-Skein-Limit"
	// HeaderError is the trailer of a stream that failed: the code of the error
	// that its last line tells, which a row may look like.
	HeaderError = "X-Skein-Error"
)

// kindExplanation is the kind of what tells how a query was run.
const kindExplanation = "explanation"

// keepBuffer is the largest buffer that is used again.
const keepBuffer = 1 << 20

// asked is a request that was understood.
type asked struct {
	*queryRequest
	query *gremlin.Query
	media string
	limit gremlin.Limits
	at    time.Time // zero: now
	// absent are the hosts that gave none of the packets that the query asks for, nil
	// when it asks for none.
	absent *packets.Absent
}

// head is what is known of an answer beside its content.
type head struct {
	revision uint64
	kind     string
	tag      string // "": none
	limit    string // that made it a part, "": none
}

// set puts what is known into the headers of the answer.
func (h *head) set(to http.Header) {
	if h.revision > 0 {
		to[HeaderRevision] = []string{strconv.FormatUint(h.revision, 10)}
	}
	to[HeaderKind] = []string{h.kind}
	h.end(to)
}

// end sets what is known only in the end.
func (h *head) end(to http.Header) {
	if h.limit != "" {
		to[HeaderLimit] = []string{h.limit}
	} else if h.tag != "" {
		to["Etag"] = []string{h.tag}
	}
}

// query answers a query.
func (a *API) query(w http.ResponseWriter, r *http.Request, req *queryRequest) {
	q, f := a.understand(r, req)
	if f != nil {
		a.failed(w, f)
		return
	}
	r = q.forPackets(r)
	h := w.Header()
	h["Vary"] = []string{"Accept"}    // the coding is added
	if len(h["Cache-Control"]) == 0 { // unless whoever let the request in was stricter
		h["Cache-Control"] = []string{"no-cache"}
	}
	if len(r.Header["If-None-Match"]) > 0 && a.unchanged(w, r, q) {
		return
	}
	if q.media == typeNDJSON && !q.Explain && r.Method != http.MethodHead {
		a.stream(w, r, q, q.findRows)
		return
	}
	a.whole(w, r, q)
}

// understand reads a request.
func (a *API) understand(r *http.Request, req *queryRequest) (*asked, *failure) {
	q := &asked{queryRequest: req}
	var f *failure
	if q.media, f = req.media(r); f != nil {
		return nil, f
	}
	if q.limit, f = a.limits(&req.question); f != nil {
		return nil, f
	}
	if f = req.lower(&q.limit, ""); f != nil {
		return nil, f
	}
	q.limit.Partial = req.Partial
	var err error
	if q.query, err = gremlin.Parse(req.Gremlin); err != nil {
		return nil, queryFailure(err)
	}
	if q.at, f = a.moment("at", req.At); f != nil {
		return nil, f
	}
	return q, q.wantsPackets()
}

// unchanged answers 304 when the client has the answer already, before anything
// is run.
func (a *API) unchanged(w http.ResponseWriter, r *http.Request, q *asked) bool {
	v := a.deps.View()
	tag := a.tag(q, v)
	if !noneMatch(r, tag) {
		return false
	}
	a.n.queries.WithLabelValues("unchanged").Inc()
	h := head{revision: v.Revision(), kind: q.query.Kind().String(), tag: tag}
	h.set(w.Header())
	w.Header().Add("Vary", "Accept-Encoding")
	w.WriteHeader(http.StatusNotModified)
	return true
}

// tag returns the entity tag of an answer on a view, "" when it has none.
func (a *API) tag(q *asked, v *graph.View) string {
	return a.tags.of(q.query, q.queryRequest, q.limit, q.media, v.Version())
}

// whole makes the answer completely while the query has its place; writing it,
// however slow the client, holds nothing but its own bytes, which a budget
// bounds.
func (a *API) whole(w http.ResponseWriter, r *http.Request, q *asked) {
	buf := a.buffer()
	head, f := a.evaluate(r.Context(), q, buf)
	if f != nil {
		a.keep(buf)
		a.failed(w, f)
		return
	}
	a.reply(w, r, q.media, buf, func(h http.Header) {
		head.set(h)
		q.attach(h)
	})
}

// buffer returns a buffer that reply or keep takes back.
func (a *API) buffer() *bytes.Buffer {
	if buf, ok := a.buffers.Get().(*bytes.Buffer); ok {
		return buf
	}
	return new(bytes.Buffer)
}

// keep takes a buffer back.
func (a *API) keep(buf *bytes.Buffer) {
	if buf.Cap() <= keepBuffer {
		buf.Reset()
		a.buffers.Put(buf)
	}
}

// reply sends an answer that is complete and counts it.
func (a *API) reply(w http.ResponseWriter, r *http.Request, media string, buf *bytes.Buffer, header func(http.Header)) {
	defer a.keep(buf)
	size := int64(buf.Cap())
	if !a.budget.Take(size) {
		f := fail(http.StatusServiceUnavailable, httpx.CodeBusy, "too many answers wait for their clients; try again in a second")
		f.retry = 1
		a.failed(w, f)
		return
	}
	defer a.budget.Give(size)
	a.n.queries.WithLabelValues("ok").Inc()
	header(w.Header())
	if err := a.compress.WriteBody(w, r, http.StatusOK, media, buf.Bytes(), a.cfg.WriteTimeout); err != nil {
		a.deps.Log.Debug("client did not take its answer", "remote", r.RemoteAddr, "error", err)
	}
}

// evaluate runs a query and encodes its result into buf.
func (a *API) evaluate(ctx context.Context, q *asked, buf *bytes.Buffer) (head, *failure) {
	ctx, done, f := a.work(ctx, q.limit.Time)
	if f != nil {
		return head{}, f
	}
	defer done()
	view, err := a.viewAt(ctx, q.at)
	if err != nil {
		return head{}, queryFailure(err)
	}
	if q.Explain {
		return a.explain(ctx, q, view, buf)
	}
	result, err := a.run(ctx, q.query, view, q.at, q.limit)
	if err != nil {
		return head{}, queryFailure(err)
	}
	h := head{revision: result.Revision(), kind: result.Kind().String(), tag: a.tag(q, view)}
	out := &pacedBuffer{ctx: ctx, limited: limited{buf: buf, max: -1}} // the result knows its limit
	switch q.media {
	case typeNDJSON:
		err = result.WriteNDJSON(out)
	case typeDOT:
		err = result.WriteDOT(out)
	case typeCSV:
		out.max = q.limit.Bytes
		if err = writeCSV(out, result.Columns(), result.Rows()); err != nil && q.Partial && q.query.Streams() {
			h.limit, err = gremlin.LimitOf(err), nil
		}
	case pcapwrite.TypePcap, pcapwrite.TypePcapNG:
		out.max = q.limit.Bytes
		err = a.writeQueryPackets(out, q, result)
	default:
		err = result.WriteJSON(out)
		buf.WriteByte('\n') // for those who read it in a terminal
	}
	if err != nil {
		return head{}, queryFailure(err)
	}
	if limit := result.Limit(); limit != "" {
		h.limit = limit
	}
	return h, nil
}

// explain runs a query and tells how it was done.
func (a *API) explain(ctx context.Context, q *asked, view *graph.View, buf *bytes.Buffer) (head, *failure) {
	e, err := q.query.Explain(ctx, view, a.sources(q.at), governed(ctx, q.limit))
	if err != nil {
		a.packetsRefused(ctx, err)
		return head{}, queryFailure(err)
	}
	if q.media == typeCSV {
		err = writeCSV(buf, e.Columns(), e.Rows())
	} else {
		buf.Write(append(e.AppendJSON(buf.AvailableBuffer()), '\n'))
	}
	if err != nil {
		return head{}, queryFailure(err)
	}
	return head{revision: e.Revision, kind: kindExplanation, limit: e.Limit}, nil
}
