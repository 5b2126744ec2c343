package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Media types of a query's answer.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
	typeDOT    = "text/vnd.graphviz"
	typeCSV    = "text/csv"

	typeEventStream = "text/event-stream"
)

// formats are the media types by their names in the parameter format; the first
// is what a request gets that asks for nothing.
func formats() [6]struct{ name, media string } {
	return [6]struct{ name, media string }{
		{"json", typeJSON}, {"ndjson", typeNDJSON}, {"dot", typeDOT}, {"csv", typeCSV}, {"pcapng", pcapwrite.TypePcapNG}, {"pcap", pcapwrite.TypePcap},
	}
}

const (
	// maxQueryBody bounds a query request: the language allows 64 KiB, which
	// JSON may write as six times as much.
	maxQueryBody = 512 << 10
	// queryBodyPause is the longest wait for the body of a query.
	queryBodyPause = 5 * time.Second
)

// question is what every request with a query says.
type question struct {
	Gremlin string       `json:"gremlin"`
	At      string       `json:"at"`
	Limits  *queryLimits `json:"limits"`
}

// queryRequest is the body of POST /api/v1/query, and what GET gives in its
// parameters. Limits may stand outside of their object, as in a URL.
type queryRequest struct {
	question
	queryLimits
	Format  string `json:"format"`
	Explain bool   `json:"explain"`
	Partial bool   `json:"partial"`
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
	var req queryRequest
	if f := req.fromURL(r.URL.RawQuery); f != nil {
		a.failed(w, f)
		return
	}
	a.query(w, r, &req)
}

// queryPost is POST /api/v1/query.
func (a *API) queryPost(w http.ResponseWriter, r *http.Request) {
	var req queryRequest
	f := req.fromBody(w, r)
	if f != nil {
		a.failed(w, f)
		return
	}
	a.query(w, r, &req)
}

func (q *queryRequest) fromBody(w http.ResponseWriter, r *http.Request) *failure {
	data, f := readBody(w, r, maxQueryBody)
	if f != nil {
		return f
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(q); err != nil {
		return fail(http.StatusBadRequest, httpx.CodeInvalid,
			`the body is not a query: %s; send {"gremlin":"G.V().Limit(10)"}`, strings.TrimPrefix(err.Error(), "json: "))
	}
	if dec.More() {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "there is text after the query's JSON object at byte %d", dec.InputOffset())
	}
	return nil
}

// fromURL reads the parameters of a URL. One that is empty is not there.
func (q *queryRequest) fromURL(raw string) *failure {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "the parameters cannot be read: %.100v; write %%3B for a semicolon, %%25 for a percent sign", err)
	}
	for name, texts := range values {
		if len(texts) > 1 {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "%.40s is given %d times; give it once", name, len(texts))
		}
		if f := q.set(name, texts[0]); f != nil {
			return f
		}
	}
	return nil
}

// set takes one parameter.
func (q *queryRequest) set(name, text string) *failure {
	switch name {
	case "gremlin":
		q.Gremlin = text
	case "at":
		q.At = text
	case "format":
		q.Format = text
	case "timeout":
		q.Timeout = text
	case "explain":
		return yesNo(&q.Explain, name, text)
	case "partial":
		return yesNo(&q.Partial, name, text)
	case "visited":
		return wholeNumber(&q.Visited, name, text)
	case "results":
		return wholeNumber(&q.Results, name, text)
	case "bytes":
		return wholeNumber(&q.Bytes, name, text)
	default:
		return fail(http.StatusBadRequest, httpx.CodeInvalid,
			"there is no parameter %.40q; there are gremlin, at, format, explain, partial, timeout, visited, results, bytes", name)
	}
	return nil
}

func yesNo(to *bool, name, text string) *failure {
	if text == "" {
		return nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "%s=%.40q is neither 1 nor 0", name, text)
	}
	*to = yes
	return nil
}

func wholeNumber(to *int, name, text string) *failure {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "%s=%.40q is not a number", name, text)
	}
	*to = n
	return nil
}

// media returns the media type that a request is answered with: format before
// Accept.
func (q *queryRequest) media(r *http.Request) (string, *failure) {
	if q.Explain && q.Format == "" {
		if media := httpx.Accept(r, typeJSON, typeNDJSON, typeCSV); media != "" {
			return media, nil
		}
	} else if q.Explain && q.Format == "dot" {
		return "", fail(http.StatusBadRequest, httpx.CodeInvalid, "an explanation cannot be drawn; ask for json, ndjson or csv")
	}
	all := formats()
	if q.Format != "" {
		i := slices.IndexFunc(all[:], func(x struct{ name, media string }) bool { return x.name == q.Format })
		if i < 0 {
			return "", fail(http.StatusBadRequest, httpx.CodeInvalid, "format %.40q is not known; there are json, ndjson, dot and csv, pcapng and pcap for packets", q.Format)
		}
		return all[i].media, nil
	}
	media := httpx.Accept(r, typeJSON, typeNDJSON, typeDOT, typeCSV, pcapwrite.TypePcapNG, pcapwrite.TypePcap)
	if media == "" {
		return "", fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"none of the media types in Accept is known; ask for %s, %s, %s, %s, %s or %s",
			typeJSON, typeNDJSON, typeDOT, typeCSV, pcapwrite.TypePcapNG, pcapwrite.TypePcap)
	}
	return media, nil
}

// limits returns the limits of a request: its own where they are lower.
func (a *API) limits(req *question) (gremlin.Limits, *failure) {
	lim := a.cfg.Limits
	if strings.TrimSpace(req.Gremlin) == "" {
		return lim, fail(http.StatusBadRequest, httpx.CodeInvalid, "there is no query; give gremlin, for example G.V().Limit(10)")
	}
	if req.Limits != nil {
		if f := req.Limits.lower(&lim, "limits."); f != nil {
			return lim, f
		}
	}
	return lim, nil
}

// lower lowers limits to those that are asked for.
func (l *queryLimits) lower(lim *gremlin.Limits, prefix string) *failure {
	if l.Visited < 0 || l.Results < 0 || l.Bytes < 0 {
		return fail(http.StatusBadRequest, httpx.CodeInvalid, "limits are not negative; leave one out for the server's own")
	}
	if l.Timeout != "" {
		d, err := time.ParseDuration(l.Timeout)
		if err != nil || d <= 0 {
			return fail(http.StatusBadRequest, httpx.CodeInvalid, "%stimeout %.40q is not a duration; write for example 500ms or 5s", prefix, l.Timeout)
		}
		lim.Time = min(lim.Time, d)
	}
	lower := func(own *int, asked int) {
		if asked > 0 && (*own <= 0 || asked < *own) {
			*own = asked
		}
	}
	lower(&lim.Visited, l.Visited)
	lower(&lim.Results, l.Results)
	lower(&lim.Bytes, l.Bytes)
	return nil
}
