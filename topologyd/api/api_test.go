package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is an API over a graph of its own, on a test server.
type bench struct {
	t      testing.TB
	graph  *graph.Graph
	api    *API
	server *httptest.Server

	mu        sync.Mutex
	subscribe func(from uint64) (Subscription, error)
	notReady  error
}

func newBench(t testing.TB, change func(*Config)) *bench {
	t.Helper()
	return newBenchWith(t, change, nil)
}

func newBenchWith(t testing.TB, change func(*Config), more func(*Deps)) *bench {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t, graph: graph.New(graph.DefaultConfig())}
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	deps := Deps{
		View: b.graph.View,
		Subscribe: func(from uint64) (Subscription, error) {
			b.mu.Lock()
			subscribe := b.subscribe
			b.mu.Unlock()
			return subscribe(from)
		},
		Status: func(context.Context) (engine.Status, error) {
			return engine.Status{Graph: b.graph.Stats(), Started: time.Now()}, nil
		},
		Ready: func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.notReady
		},
		Registerer: reg, Gatherer: reg, Log: log, Version: "test",
	}
	if more != nil {
		more(&deps)
	}
	b.api, err = New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	o, err := httpx.NewObserver(log, reg)
	if err != nil {
		t.Fatal(err)
	}
	routes := b.api.Routes()
	for i := range routes {
		routes[i] = b.api.WhenReady(routes[i])
	}
	routes = append(routes, b.api.OperationRoutes(routes)...)
	for i := range routes {
		routes[i] = o.Route(routes[i])
	}
	b.server = httptest.NewServer(httpx.Mux(routes))
	t.Cleanup(func() {
		b.api.StopWatchers(context.Background())
		b.server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return b
}

// hold takes a place for queries until it is released.
func (b *bench) hold() (release func()) {
	b.t.Helper()
	run, err := b.api.lanes.Enter(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return run.Leave
}

// fill makes a host with n interfaces, each part of one namespace.
func (b *bench) fill(n int) []graph.Change {
	now := time.Unix(1700000000, 0)
	var out []graph.Change
	put := func(e entity.Event) {
		e.Source, e.Time = "netlink", now
		p := b.graph.Prepare(&e, 0)
		out, _ = b.graph.Apply(&p, now, out)
	}
	host := entity.HostRef("h")
	ns := entity.NetNSRef("h", "1", "4")
	attrs := func(name, typ string) entity.Attrs {
		return entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ))}.Normalize()
	}
	partOf := func(r entity.Ref) []entity.Relationship {
		return []entity.Relationship{{Type: entity.RelPartOf, Target: r}}
	}
	put(entity.Event{Ref: host, Attributes: attrs("h", "host")})
	put(entity.Event{Ref: ns, Attributes: attrs("ns", "netns"), Relationships: partOf(host)})
	for i := range n {
		put(entity.Event{Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Attributes: attrs(fmt.Sprintf("eth%d", i), "device"), Relationships: partOf(ns)})
	}
	return out
}

func (b *bench) do(method, path, body string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	resp, answer := httpxtest.Do(b.t, b.server.Client(), method, b.server.URL+path, []byte(body), headers...)
	return resp, string(answer)
}

func (b *bench) query(text string, headers ...string) (*http.Response, string) {
	b.t.Helper()
	body, err := json.Marshal(map[string]string{"gremlin": text})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(http.MethodPost, "/api/v1/query", string(body), headers...)
}

func TestQuery(t *testing.T) {
	b := newBench(t, nil)
	b.fill(10)
	resp, answer := b.query("G.V().Has('Type','device').Count()")
	if resp.StatusCode != 200 || strings.TrimSpace(answer) != "10" {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	if h := resp.Header; h.Get(HeaderRevision) == "" || h.Get(HeaderRevision) == "0" || h.Get(HeaderKind) != "number" || h.Get("Content-Type") != typeJSON {
		t.Errorf("%v", h)
	}
	resp, answer = b.do(http.MethodGet, "/api/v1/query?gremlin=G.V().Has('Name','eth3')", "")
	var nodes []struct{ Metadata map[string]any }
	if err := json.Unmarshal([]byte(answer), &nodes); err != nil || len(nodes) != 1 || nodes[0].Metadata["Name"] != "eth3" {
		t.Errorf("%d %s %v", resp.StatusCode, answer, err)
	}
	resp, answer = b.query("G.V().Has('Type','device')", "Accept", typeNDJSON)
	if n := strings.Count(answer, "\n"); n != 10 || resp.Header.Get("Content-Type") != typeNDJSON {
		t.Errorf("%d lines, %v", n, resp.Header)
	}
	resp, answer = b.query("G", "Accept", typeDOT)
	if !strings.Contains(answer, "graph") || resp.Header.Get("Content-Type") != typeDOT {
		t.Errorf("%s, %v", answer, resp.Header)
	}
	if resp, answer = b.query("G", "Accept", "image/png"); resp.StatusCode != 406 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestQueryCompressed(t *testing.T) {
	b := newBench(t, nil)
	b.fill(100)
	req, err := http.NewRequest(http.MethodGet, b.server.URL+"/api/v1/query?gremlin=G.V()", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip") // set by hand: the transport does not decompress
	resp, err := b.server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var nodes []json.RawMessage
	if err := json.NewDecoder(z).Decode(&nodes); err != nil || len(nodes) != 102 {
		t.Errorf("%d nodes, %v", len(nodes), err)
	}
}

func TestQueryErrors(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Limits.Results = 50 })
	b.fill(100)
	long := "G.V()" + strings.Repeat(".Out()", 10_000)
	nested := strings.Repeat("(", 10_000)
	for name, x := range map[string]struct {
		body   string
		status int
		code   string
		column int
		want   string
	}{
		"syntax":           {`{"gremlin":"G.V().Has('a'"}`, 400, "syntax", 14, "expected"},
		"unknown step":     {`{"gremlin":"G.V().Hsa('a')"}`, 400, "syntax", 7, "Has"},
		"type":             {`{"gremlin":"G.V().Values('Name').Out()"}`, 422, "type", 0, "Out"},
		"10,000 steps":     {`{"gremlin":"` + long + `"}`, 400, "syntax", 0, ""},
		"10,000 nested":    {`{"gremlin":"G.V().Has(` + nested + `)"}`, 400, "syntax", 0, ""},
		"results":          {`{"gremlin":"G.V()"}`, 422, "limit", 0, "results"},
		"visited":          {`{"gremlin":"G.V().Out().In().Count()","limits":{"visited":20}}`, 422, "limit", 0, "visited"},
		"bytes":            {`{"gremlin":"G.V().Limit(40)","limits":{"bytes":100}}`, 422, "limit", 0, "bytes"},
		"no query":         {`{}`, 400, "invalid", 0, "give gremlin"},
		"unknown member":   {`{"gremlim":"G"}`, 400, "invalid", 0, `unknown field "gremlim"`},
		"not JSON":         {`G.V()`, 400, "invalid", 0, "send {"},
		"text after":       {`{"gremlin":"G"} x`, 400, "invalid", 0, "text after"},
		"past":             {`{"gremlin":"G","at":"yesterday"}`, 400, "invalid", 0, "at: the time"},
		"bad timeout":      {`{"gremlin":"G","limits":{"timeout":"soon"}}`, 400, "invalid", 0, "500ms"},
		"negative limit":   {`{"gremlin":"G","limits":{"visited":-1}}`, 400, "invalid", 0, "negative"},
		"too large":        {`{"gremlin":"` + strings.Repeat("G", 1<<20) + `"}`, 413, "too_large", 0, ""},
		"long but allowed": {`{"gremlin":"` + strings.Repeat(" ", 70_000) + `G"}`, 400, "syntax", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			resp, answer := b.do(http.MethodPost, "/api/v1/query", x.body)
			var e struct{ Error httpx.Error }
			if err := json.Unmarshal([]byte(answer), &e); err != nil {
				t.Fatalf("%v: %s", err, answer)
			}
			if resp.StatusCode != x.status || e.Error.Code != x.code || !strings.Contains(e.Error.Message, x.want) {
				t.Errorf("%d %.300s", resp.StatusCode, answer)
			}
			if len(answer) > 2000 {
				t.Errorf("the error is %d bytes long", len(answer))
			}
			if x.column > 0 && (e.Error.Position == nil || e.Error.Position.Column != x.column || e.Error.Position.Line != 1) {
				t.Errorf("position %+v: %s", e.Error.Position, answer)
			}
		})
	}
	b.t = t
	if resp, answer := b.query("G.V().Count()"); answer != "102" && strings.TrimSpace(answer) != "102" {
		t.Errorf("afterwards: %d %s", resp.StatusCode, answer)
	}
	if b.api.running() != 0 || b.api.budget.Used() != 0 {
		t.Error("slots or bytes left over")
	}
}

func TestQueryTimeout(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3000)
	body := `{"gremlin":"G.V().Out().In().Out().In().Count()","limits":{"timeout":"1ns"}}`
	if resp, answer := b.do(http.MethodPost, "/api/v1/query", body); resp.StatusCode != 408 || !strings.Contains(answer, `"limit"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestQueryBusy(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Concurrency = 1; c.Limits.Time = 50 * time.Millisecond })
	b.fill(1)
	release := b.hold()
	resp, answer := b.query("G.V().Count()")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, `"busy"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	release()
	if resp, answer := b.query("G.V().Count()"); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestReady(t *testing.T) {
	b := newBench(t, nil)
	b.fill(1)
	b.notReady = errors.New("the event log is being read")
	for path, want := range map[string]int{"/-/ready": 503, "/-/healthy": 200, "/": 200, "/metrics": 200, "/openapi.yaml": 200,
		"/api/v1/query?gremlin=G": 503, "/api/v1/watch": 503, "/api/v1/status": 503} {
		if resp, answer := b.do(http.MethodGet, path, ""); resp.StatusCode != want || want == 503 && !strings.Contains(answer, "being read") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
	b.mu.Lock()
	b.notReady = nil
	b.mu.Unlock()
	for path, want := range map[string]string{"/-/ready": "ready", "/": "/api/v1/query", "/metrics": "topologyd_queries_total", "/api/v1/status": `"nodes":3`} {
		b.query("G.V().Count()")
		if resp, answer := b.do(http.MethodGet, path, ""); resp.StatusCode != 200 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
}

// A client that asks for much and reads nothing is cut off, holds no place, and
// others go on.
func TestSlowReaderOfResult(t *testing.T) {
	b := newBench(t, func(c *Config) { c.WriteTimeout = 300 * time.Millisecond; c.Concurrency = 1 })
	b.fill(60_000)
	dialRaw(t, b, "GET /api/v1/query?gremlin=G.V() HTTP/1.1\r\nHost: x\r\n\r\n")
	eventually(t, "the answer is on its way", func() bool { return b.api.budget.Used() > 0 })
	for range 3 {
		if resp, answer := b.query("G.V().Count()"); resp.StatusCode != 200 {
			t.Errorf("meanwhile: %d %s", resp.StatusCode, answer)
		}
	}
	eventually(t, "the answer is given up", func() bool { return b.api.budget.Used() == 0 })
}

// eventually polls for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for !cond() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func FuzzQueryBody(f *testing.F) {
	b := newBench(f, func(c *Config) { c.Limits.Time = 200 * time.Millisecond; c.Limits.Visited = 10_000 })
	b.fill(5)
	f.Add([]byte(`{"gremlin":"G.V().Has('Name', Regex('eth.*')).Out()","limits":{"visited":5}}`), "application/json")
	f.Add([]byte(`{"gremlin":"G.E().Limit(3)"}`), "text/vnd.graphviz")
	f.Add([]byte(`[]`), "")
	f.Fuzz(func(t *testing.T, body []byte, accept string) {
		req := httptest.NewRequest(http.MethodPost, "/api/v1/query", bytes.NewReader(body))
		req.Header["Accept"] = []string{accept}
		w := httptest.NewRecorder()
		b.api.queryPost(w, req)
		switch w.Code {
		case 200:
		case 400, 406, 408, 413, 422:
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d: %q", w.Code, w.Body)
			}
		default:
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if b.api.running() != 0 || b.api.budget.Used() != 0 {
			t.Error("slots or bytes left over")
		}
	})
}
