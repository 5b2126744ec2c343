package api

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Every parameter, in the URL and in the body, and what is wrong with it.
func TestQueryParameters(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Limits.Results = 50; c.Limits.Time = 5 * time.Second })
	b.fill(40)
	for _, x := range []struct {
		name   string
		params string // of a URL
		body   string // of a POST; "": the same cannot be said
		status int
		want   string // in the answer, or of the error
		limit  string
	}{
		{"plain", "gremlin=G.V().Count()", `{"gremlin":"G.V().Count()"}`, 200, "42\n", ""},
		{"empty parameters", "gremlin=G.V().Count()&at=&format=&explain=&partial=&timeout=&visited=&results=&bytes=", `{"gremlin":"G.V().Count()","at":"","format":"","timeout":""}`, 200, "42\n", ""},
		{"now", "gremlin=G.V().Count()&at=NOW", `{"gremlin":"G.V().Count()","at":"NOW"}`, 200, "42\n", ""},
		{"json", "gremlin=G.V().Count()&format=json", `{"gremlin":"G.V().Count()","format":"json"}`, 200, "42\n", ""},
		{"ndjson", "gremlin=G.V().Limit(1).Values('Type')&format=ndjson", `{"gremlin":"G.V().Limit(1).Values('Type')","format":"ndjson"}`, 200, "\"host\"\n", ""},
		{"dot", "gremlin=G.V().Limit(3)&format=dot", `{"gremlin":"G.V().Limit(3)","format":"dot"}`, 200, "digraph", ""},
		{"csv", "gremlin=G.V().Count()&format=csv", `{"gremlin":"G.V().Count()","format":"csv"}`, 200, "Number\n42\n", ""},
		{"no partial", "gremlin=G.V().Count()&partial=false&explain=0", `{"gremlin":"G.V().Count()","partial":false,"explain":false}`, 200, "42\n", ""},
		{"all limits", "gremlin=G.V().Count()&timeout=1s&visited=1000&results=10&bytes=100", `{"gremlin":"G.V().Count()","timeout":"1s","visited":1000,"results":10,"bytes":100}`, 200, "42\n", ""},
		{"higher limits", "gremlin=G.V().Limit(50).Count()&results=100000&timeout=10h", `{"gremlin":"G.V().Limit(50).Count()","results":100000,"timeout":"10h"}`, 200, "42\n", ""},
		{"limits in an object", "", `{"gremlin":"G.V()","limits":{"results":5},"results":9}`, 422, "(5 elements", "results"},
		{"lower beside the object", "", `{"gremlin":"G.V()","limits":{"results":9},"results":5}`, 422, "(5 elements", "results"},
		{"zero limits", "gremlin=G.V().Count()&visited=0&results=0&bytes=0", `{"gremlin":"G.V().Count()","visited":0,"limits":{}}`, 200, "42\n", ""},

		{"visited", "gremlin=G.V().Out().In().Count()&visited=20", `{"gremlin":"G.V().Out().In().Count()","visited":20}`, 422, "limit", "visited"},
		{"results", "gremlin=G.V()&results=3", `{"gremlin":"G.V()","results":3}`, 422, "(3 elements", "results"},
		{"server's results", "gremlin=G.E().SubGraph()", `{"gremlin":"G.E().SubGraph()"}`, 422, "(50 elements", "results"},
		{"bytes", "gremlin=G.V()&bytes=99", `{"gremlin":"G.V()","bytes":99}`, 422, "99 bytes", "bytes"},
		{"bytes of ndjson", "gremlin=G.V()&bytes=99&format=ndjson", `{"gremlin":"G.V()","bytes":99,"format":"ndjson"}`, 422, "99 bytes", "bytes"},
		{"bytes of csv", "gremlin=G.V()&bytes=99&format=csv", `{"gremlin":"G.V()","bytes":99,"format":"csv"}`, 422, "99 bytes", "bytes"},
		{"bytes of dot", "gremlin=G.V()&bytes=99&format=dot", `{"gremlin":"G.V()","bytes":99,"format":"dot"}`, 422, "99 bytes", "bytes"},
		{"time", "gremlin=G.V().Out().In().Out().In().Count()&timeout=1ns", `{"gremlin":"G.V().Count()","timeout":"1ns"}`, 408, "limit", "time"},

		{"no query", "", `{}`, 400, "give gremlin", ""},
		{"no query in the URL", "at=NOW", "", 400, "give gremlin", ""},
		{"unknown parameter", "gremlin=G&limit=5", `{"gremlin":"G","limit":5}`, 400, "limit", ""},
		{"twice", "gremlin=G&gremlin=G.V()", "", 400, "2 times", ""},
		{"semicolon", "gremlin=G;at=NOW", "", 400, "semicolon", ""},
		{"broken escape", "gremlin=%zz", "", 400, "%zz", ""},
		{"format", "gremlin=G&format=xml", `{"gremlin":"G","format":"xml"}`, 400, "json, ndjson, dot and csv", ""},
		{"format in capitals", "gremlin=G&format=CSV", `{"gremlin":"G","format":"CSV"}`, 400, "json, ndjson, dot and csv", ""},
		{"explain", "gremlin=G&explain=perhaps", `{"gremlin":"G","explain":"1"}`, 400, "explain", ""},
		{"partial", "gremlin=G&partial=2", `{"gremlin":"G","partial":2}`, 400, "partial", ""},
		{"timeout", "gremlin=G&timeout=soon", `{"gremlin":"G","timeout":"soon"}`, 400, "500ms", ""},
		{"timeout without a unit", "gremlin=G&timeout=5", `{"gremlin":"G","timeout":5}`, 400, "timeout", ""},
		{"negative timeout", "gremlin=G&timeout=-5s", `{"gremlin":"G","timeout":"-5s"}`, 400, "500ms", ""},
		{"timeout in an object", "", `{"gremlin":"G","limits":{"timeout":"0s"}}`, 400, "limits.timeout", ""},
		{"visited is a word", "gremlin=G&visited=all", `{"gremlin":"G","visited":"all"}`, 400, "visited", ""},
		{"negative", "gremlin=G&results=-1", `{"gremlin":"G","results":-1}`, 400, "negative", ""},
		{"too large a number", "gremlin=G&bytes=99999999999999999999", `{"gremlin":"G","bytes":99999999999999999999}`, 400, "bytes", ""},
		{"a fraction", "gremlin=G&bytes=1.5", `{"gremlin":"G","bytes":1.5}`, 400, "bytes", ""},
		{"time that is none", "gremlin=G&at=yesterday", `{"gremlin":"G","at":"yesterday"}`, 400, "at: the time", ""},
		{"no past", "gremlin=G&at=-1h", `{"gremlin":"G","at":"-1h"}`, 501, "no past", ""},
		{"syntax", "gremlin=G.V(", `{"gremlin":"G.V("}`, 400, "expected", ""},
		{"type", "gremlin=G.V().Count().Out()", `{"gremlin":"G.V().Count().Out()"}`, 422, "Out", ""},
		{"what cannot be drawn", "gremlin=G.V().Count()&format=dot", `{"gremlin":"G.V().Count()","format":"dot"}`, 422, "cannot be drawn", ""},
	} {
		check := func(how, method, path, body string) {
			resp, answer := b.do(method, path, body)
			if resp.StatusCode != x.status || !strings.Contains(answer, x.want) || resp.Header.Get(HeaderLimit) != x.limit {
				t.Errorf("%s, %s: %d %v %.300s", x.name, how, resp.StatusCode, resp.Header, answer)
			}
			if x.status == 200 {
				return
			}
			var e struct{ Error httpx.Error }
			if err := json.Unmarshal([]byte(answer), &e); err != nil || e.Error.Message == "" || resp.Header.Get("Content-Type") != typeJSON {
				t.Errorf("%s, %s: %v: %.300s", x.name, how, err, answer)
			}
			if len(answer) > 1000 {
				t.Errorf("%s, %s: the error is %d bytes long", x.name, how, len(answer))
			}
		}
		if x.params != "" {
			check("GET", http.MethodGet, "/api/v1/query?"+strings.ReplaceAll(x.params, "'", "%27"), "")
		}
		if x.body != "" {
			check("POST", http.MethodPost, "/api/v1/query", x.body)
		}
	}
	b.idle("afterwards")
}

func TestQueryNegotiation(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	for _, x := range []struct {
		accept, format, want string
		status               int
	}{
		{"", "", typeJSON, 200},
		{"*/*", "", typeJSON, 200},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "", typeJSON, 200},
		{"text/csv", "", typeCSV, 200},
		{"text/*", "", typeDOT, 200},
		{"text/*, text/vnd.graphviz;q=0", "", typeCSV, 200},
		{"application/x-ndjson, application/json;q=0.5", "", typeNDJSON, 200},
		{"image/png", "", typeJSON, 406},
		{"application/json;q=0", "", typeJSON, 406},
		{"application/json;q=nonsense", "", typeJSON, 406},
		{";;,,/,q=1", "", typeJSON, 406},
		{",,", "", typeJSON, 200},
		// A format is asked for in words, whatever a browser accepts.
		{"text/html", "csv", typeCSV, 200},
		{"application/json", "ndjson", typeNDJSON, 200},
	} {
		resp, answer := b.do(http.MethodGet, get("G.V()", "format", x.format), "", "Accept", x.accept)
		if got := resp.Header.Get("Content-Type"); resp.StatusCode != x.status || got != x.want {
			t.Errorf("%q %q: %d %s %.200s", x.accept, x.format, resp.StatusCode, got, answer)
		}
		if vary := resp.Header.Values("Vary"); x.status == 200 && (len(vary) != 2 || vary[0] != "Accept" || vary[1] != "Accept-Encoding") {
			t.Errorf("%q: Vary %v", x.accept, vary)
		}
	}
	// Codings: what is small goes as it is.
	for _, x := range []struct{ query, coding, want string }{
		{"G.V()", "zstd", "zstd"},
		{"G.V()", "gzip;q=0.1", "gzip"},
		{"G.V()", ";;;q=,gzip;q=2,;", "gzip"},
		{"G.V()", "br;q=1", ""},
		{"G.V().Count()", "zstd, gzip", ""},
	} {
		resp, _ := b.do(http.MethodGet, get(x.query), "", "Accept-Encoding", x.coding)
		if got := resp.Header.Get("Content-Encoding"); resp.StatusCode != 200 || got != x.want {
			t.Errorf("%q: %d %q", x.coding, resp.StatusCode, got)
		}
	}
}

// Each kind of answer is a table that the standard library reads.
func TestQueryCSV(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	b.set("1", "Alias", `say "hi", twice`+"\nand again")
	for query, want := range map[string]struct {
		columns string
		rows    int
	}{
		"G.V()":                      {"ID Type Name State Host Revision", 5},
		"G":                          {"ID Type Name State Host Revision", 5},
		"G.V().Has('Name','nobody')": {"ID Type Name State Host Revision", 0},
		"G.E()":                      {"ID RelationType Parent Child Revision", 4},
		"G.V().Values('Name')":       {"Value", 5},
		"G.V().Count()":              {"Number", 1},
		"G.V().Has('Name','eth1').ValueMap('Name','Alias')":                {"Alias Name", 1},
		"G.V().Has('Name','eth1').ShortestPathTo(METADATA('Type','host'))": {"Hops Path", 1},
	} {
		resp, answer := b.do(http.MethodGet, get(query, "format", "csv"), "")
		rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll()
		if err != nil || resp.StatusCode != 200 || len(rows) != want.rows+1 || strings.Join(rows[0], " ") != want.columns {
			t.Errorf("%s: %d %v %s", query, resp.StatusCode, err, answer)
		}
	}
	_, answer := b.do(http.MethodGet, get("G.V().Has('Name','eth1').Values('Alias')"), "", "Accept", typeCSV)
	if rows, err := csv.NewReader(strings.NewReader(answer)).ReadAll(); err != nil || rows[1][0] != `say "hi", twice`+"\nand again" {
		t.Errorf("%q %v", answer, err)
	}
}

func TestLowerLimits(t *testing.T) {
	for _, x := range []struct{ own, asked, want int }{
		{100, 0, 100}, {100, 5, 5}, {100, 500, 100}, {-1, 5, 5}, {-1, 0, -1},
	} {
		lim := gremlin.Limits{Visited: x.own, Results: x.own, Bytes: x.own, Time: time.Second}
		l := queryLimits{Visited: x.asked, Results: x.asked, Bytes: x.asked, Timeout: "2s"}
		if f := l.lower(&lim, ""); f != nil || lim.Visited != x.want || lim.Results != x.want || lim.Bytes != x.want || lim.Time != time.Second {
			t.Errorf("%+v: %+v %v", x, lim, f)
		}
	}
}

// FuzzQueryURL holds that no URL does harm, and that every answer is what it
// says it is.
func FuzzQueryURL(f *testing.F) {
	b := newBench(f, func(c *Config) { c.Limits.Time = 200 * time.Millisecond; c.Limits.Visited = 10_000 })
	b.fill(5)
	f.Add("gremlin=G.V().Has('Name','eth1')&format=csv&results=3", "", "")
	f.Add("gremlin="+url.QueryEscape("G.V().Values('Name')")+"&partial=1&timeout=1ms", "application/x-ndjson", `W/"x"`)
	f.Add("gremlin=G&explain=1&bytes=10", "text/csv;q=0.3", "*")
	f.Fuzz(func(t *testing.T, raw, accept, match string) {
		req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/api/v1/query", RawQuery: raw},
			Header: http.Header{"Accept": {accept}, "If-None-Match": {match}}}
		w := httptest.NewRecorder()
		b.api.queryGet(w, req.WithContext(t.Context()))
		body := w.Body.String()
		switch w.Code {
		case 200:
			if w.Header().Get("Content-Type") == typeJSON && !json.Valid([]byte(body)) {
				t.Errorf("%.200s", body)
			}
		case 400, 406, 408, 422, 501:
			if !json.Valid([]byte(body)) || len(body) > 4000 {
				t.Errorf("%d: %.200s", w.Code, body)
			}
		default:
			t.Errorf("status %d: %.200s", w.Code, body)
		}
		if b.api.running() != 0 || b.api.budget.Used() != 0 || b.api.compress.InUse() != 0 {
			t.Error("slots or bytes left over")
		}
	})
}
