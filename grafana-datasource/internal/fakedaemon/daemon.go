// Package fakedaemon answers as topologyd does, from recordings, for tests of
// the datasource. It fails the test on any request that does not read.
package fakedaemon

import (
	"embed"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

//go:embed testdata/*.json
var recordings embed.FS

// Recording returns a recorded answer.
func Recording(t testing.TB, name string) []byte {
	t.Helper()
	b, err := recordings.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Request is one request that was made.
type Request struct {
	Method, Path, Query, Body string
	Header                    http.Header
}

// Daemon is a fake topologyd.
type Daemon struct {
	*httptest.Server
	t testing.TB

	mu       sync.Mutex
	requests []Request
	special  []func(w http.ResponseWriter, r *http.Request, body string) bool
	queries  []recorded
	pushes   []chan string
	flows    []chan string
	ended    chan struct{}
}

// recorded is the answer to queries that contain a text.
type recorded struct{ contains, kind, file string }

// New starts a fake that ends with the test.
func New(t testing.TB) *Daemon {
	d := unstarted(t)
	d.Server.Start()
	t.Cleanup(d.stop)
	return d
}

// NewTLS starts one that speaks TLS.
func NewTLS(t testing.TB) *Daemon {
	d := unstarted(t)
	d.Server.StartTLS()
	t.Cleanup(d.stop)
	return d
}

func unstarted(t testing.TB) *Daemon {
	d := &Daemon{t: t, ended: make(chan struct{}), queries: []recorded{
		{"ValueMap('@Host', 'Name')", "maps", "hosts.json"},
		{"ValueMap('@ID', '@Host', 'Name', 'Type')", "maps", "maps.json"},
		{"Aggregates(", "metrics", "metrics.json"},
		{"Group(", "groups", "groups.json"},
		{"Flows()", "flows", "query_flows.json"},
		{"ShortestPathTo", "paths", "paths.json"},
		{"Count()", "number", "number.json"},
		{"Keys()", "values", "keys.json"},
		{"Values(", "values", "values.json"},
		{"ValueMap(", "maps", "maps.json"},
		{"E()", "edges", "edges.json"},
		{"netns", "nodes", "netns.json"},
		{"V()", "nodes", "nodes.json"},
	}}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(d.serve))
	return d
}

func (d *Daemon) stop() {
	close(d.ended)
	d.Server.Close()
}

// Special has a function answer requests first; it reports whether it did.
func (d *Daemon) Special(f func(w http.ResponseWriter, r *http.Request, body string) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.special = append(d.special, f)
}

// Fail answers requests to a path, all if it is empty, with a status and a body.
func (d *Daemon) Fail(path string, status int, body string) {
	d.Special(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if path != "" && r.URL.Path != path {
			return false
		}
		if strings.HasPrefix(body, "{") {
			w.Header().Set("Content-Type", "application/json")
		} else {
			w.Header().Set("Content-Type", "text/plain")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	})
}

// Hang has requests to a path wait until they are given up.
func (d *Daemon) Hang(path string) {
	d.Special(func(_ http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != path {
			return false
		}
		select {
		case <-r.Context().Done():
		case <-d.ended:
		}
		return true
	})
}

// Requests returns the requests so far, those to a path if it is not empty.
func (d *Daemon) Requests(path string) []Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Request
	for _, r := range d.requests {
		if path == "" || r.Path == path {
			out = append(out, r)
		}
	}
	return out
}

// Push sends a message to all who watch; it returns how many they are.
func (d *Daemon) Push(message string) int { return d.push(&d.pushes, message) }

// PushFlows sends a message to all who follow flows.
func (d *Daemon) PushFlows(message string) int { return d.push(&d.flows, message) }

func (d *Daemon) push(to *[]chan string, message string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range *to {
		c <- message
	}
	return len(*to)
}

func (d *Daemon) subscribe(to *[]chan string) (chan string, func()) {
	c := make(chan string, 1000)
	d.mu.Lock()
	defer d.mu.Unlock()
	*to = append(*to, c)
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i := range *to {
			if (*to)[i] == c {
				*to = append((*to)[:i], (*to)[i+1:]...)
				return
			}
		}
	}
}

func (d *Daemon) serve(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body) // what there is of it
	body := string(b)
	d.mu.Lock()
	d.requests = append(d.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery, body, r.Header.Clone()})
	special := d.special
	d.mu.Unlock()
	for _, f := range special {
		if f(w, r, body) {
			return
		}
	}
	file := map[string]string{
		"GET /api/v1/status": "status.json", "GET /api/v1/diff": "diff.json", "GET /api/v1/changes": "changes.json",
		"GET /api/v1/flows": "flows.json", "GET /api/v1/flows/top": "flows_top.json", "GET /api/v1/flows/series": "flows_series.json",
		"GET /api/v1/steps": "steps.json", "POST /api/v1/complete": "complete.json",
	}[r.Method+" "+r.URL.Path]
	switch r.Method + " " + r.URL.Path {
	case "GET /-/ready":
		_, _ = io.WriteString(w, "ready\n")
	case "GET /api/v1/watch":
		d.watch(w, r)
	case "GET /api/v1/flows/follow":
		d.follow(w, r)
	case "POST /api/v1/topology":
		file = "topology.json"
		if strings.Contains(body, `"since"`) {
			file = "topology_diff.json"
		} else if strings.Contains(body, `"limit":4`) {
			file = "topology_grouped.json"
		}
		d.write(w, file)
	case "POST /api/v1/check":
		d.check(w, body)
	case "POST /api/v1/query":
		d.query(w, body)
	default:
		if file == "" {
			d.t.Errorf("the data source asked for %s %s, which is nothing that it may ask for", r.Method, r.URL.Path)
			http.NotFound(w, r)
			return
		}
		d.write(w, file)
	}
}

func (d *Daemon) write(w http.ResponseWriter, file string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Skein-Revision", "27")
	b, err := recordings.ReadFile("testdata/" + file)
	if err != nil {
		d.t.Error(err)
	}
	_, _ = w.Write(b)
}

func (d *Daemon) match(body string) (recorded, bool) {
	var q struct{ Gremlin string }
	if err := json.Unmarshal([]byte(body), &q); err != nil {
		d.t.Errorf("the body %q is no query: %v", body, err)
	}
	for _, r := range d.queries {
		if strings.Contains(q.Gremlin, r.contains) {
			return r, true
		}
	}
	return recorded{}, false
}

// syntax is the answer to a query that cannot be parsed.
const syntax = `{"error":{"code":"syntax","message":"line 1, column 7: unknown step Hsa; did you mean As or Has?","position":{"offset":6,"line":1,"column":7}}}`

func (d *Daemon) query(w http.ResponseWriter, body string) {
	r, ok := d.match(body)
	if !ok {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, syntax)
		return
	}
	w.Header().Set("X-Skein-Kind", r.kind)
	d.write(w, r.file)
}

func (d *Daemon) check(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	r, ok := d.match(body)
	if !ok {
		_, _ = io.WriteString(w, `{"ok":false,`+syntax[1:])
		return
	}
	b, _ := json.Marshal(map[string]any{"ok": true, "kind": r.kind, "travels": strings.Contains(body, "Context("), "flows": false})
	_, _ = w.Write(b)
}

func (d *Daemon) watch(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		d.t.Errorf("accept the watch: %v", err)
		return
	}
	defer conn.CloseNow() //nolint:errcheck // it may be closed already
	messages, leave := d.subscribe(&d.pushes)
	defer leave()
	ctx := conn.CloseRead(r.Context())
	for {
		select {
		case m := <-messages:
			if conn.Write(ctx, websocket.MessageText, []byte(m)) != nil {
				return
			}
		case <-ctx.Done():
			return
		case <-d.ended:
			return
		}
	}
}

func (d *Daemon) follow(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	_, _ = io.WriteString(w, `{"type":"ping"}`+"\n")
	flush := http.NewResponseController(w)
	_ = flush.Flush()
	messages, leave := d.subscribe(&d.flows)
	defer leave()
	for {
		select {
		case m := <-messages:
			_ = flush.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(w, m+"\n"); err != nil || flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-d.ended:
			return
		}
	}
}
