package grpchost

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/experimental"

	"github.com/skein-net/skein/grafana-datasource/internal/fakedaemon"
	"github.com/skein-net/skein/grafana-datasource/plugintest"
	"github.com/skein-net/skein/internal/proctest"
)

var (
	update   = flag.Bool("update", false, "write the golden files anew")
	programs proctest.Programs
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(programs.Main(m))
}

const secret = "s3cr3t-t0ken"

// start runs the program, and gives a data source for a fake topologyd.
func start(t *testing.T) (*plugintest.Host, *fakedaemon.Daemon, *plugintest.Instance) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	f := fakedaemon.New(t)
	return plugintest.Start(t, programs.Path(t, "grafana-datasource/cmd/gpx_skein")), f,
		&plugintest.Instance{URL: f.URL, Secrets: map[string]string{"token": secret}, Settings: map[string]any{"timeout": 5}}
}

// recorded is a query about the time of the recordings.
func recorded(model string) plugintest.Query {
	return plugintest.Query{
		Model: json.RawMessage(model), Interval: 10 * time.Second,
		From: time.Date(2026, 11, 23, 5, 10, 0, 0, time.UTC), To: time.Date(2026, 11, 23, 5, 24, 0, 0, time.UTC),
	}
}

// hidden fails the test when a text holds the token.
func hidden(t *testing.T, what, text string) {
	t.Helper()
	if strings.Contains(text, secret) {
		t.Errorf("%s holds the token: %s", what, text)
	}
}

func TestHealth(t *testing.T) {
	h, f, i := start(t)
	r, err := h.Health(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != backend.HealthStatusOk || !strings.Contains(r.Message, "10 nodes") || !strings.Contains(string(r.JSONDetails), `"flows":true`) {
		t.Errorf("%v %s %s", r.Status, r.Message, r.JSONDetails)
	}
	for _, req := range f.Requests("") {
		if req.Header.Get("Authorization") != "Bearer "+secret {
			t.Errorf("%s %s was asked without the token", req.Method, req.Path)
		}
	}
	for url, want := range map[string]string{"": "has no URL", "http://127.0.0.1:1": "Nothing listens at", "http://skein-does-not-exist.invalid": "skein-does-not-exist.invalid"} {
		r, err := h.Health(t.Context(), &plugintest.Instance{UID: "x" + url, URL: url, Secrets: i.Secrets})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != backend.HealthStatusError || !strings.Contains(r.Message, want) && !strings.Contains(r.Message, strings.ToLower(want)) {
			t.Errorf("%q: %v %s", url, r.Status, r.Message)
		}
		hidden(t, url, r.Message+string(r.JSONDetails))
	}
}

// TestQueries asks a query of every type, and compares the frames that come over
// gRPC with those that are kept.
func TestQueries(t *testing.T) {
	h, _, i := start(t)
	for name, model := range map[string]string{
		"diff":         `{"queryType":"diff","view":"table"}`,
		"table":        `{"queryType":"table","gremlin":"G.V()","columns":["Name","Type","@CreatedAt"]}`,
		"number":       `{"queryType":"table","gremlin":"G.V().Count()"}`,
		"flows":        `{"queryType":"flows"}`,
		"top":          `{"queryType":"flows","flows":"top","by":"pair"}`,
		"sankey":       `{"queryType":"flows","flows":"sankey"}`,
		"series_flows": `{"queryType":"timeseries","series":"flows","by":"application","legend":"{{Application}}"}`,
		"events":       `{"queryType":"events"}`,
		"status":       `{"queryType":"status"}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, err := h.Data(t.Context(), i, nil, recorded(model))
			if err != nil {
				t.Fatal(err)
			}
			a := r["A"]
			if a.Error != nil {
				t.Fatal(a.Error)
			}
			b, err := json.Marshal(a.Frames)
			if err != nil {
				t.Fatal(err)
			}
			hidden(t, name, string(b))
			experimental.CheckGoldenJSONResponse(t, "testdata", name, &backend.DataResponse{Frames: a.Frames, Status: a.Status}, *update)
		})
	}
}

// TestGraphs asks for pictures, which package nodegraph draws and has golden
// frames of, and checks what the panel needs of them.
func TestGraphs(t *testing.T) {
	h, _, i := start(t)
	for model, want := range map[string]int{
		`{"queryType":"topology","link":{"dashboard":"/d/skein-overview","params":"var-host=a"}}`: 2,
		`{"queryType":"topology","nodeLimit":4,"arcs":"type","time":"now"}`:                       2,
		`{"queryType":"diff"}`:               2,
		`{"queryType":"diff","view":"both"}`: 3,
	} {
		r, err := h.Data(t.Context(), i, nil, recorded(model))
		if err != nil {
			t.Fatal(err)
		}
		a := r["A"]
		if a.Error != nil || len(a.Frames) != want || a.Frames[0].Name != "nodes" || a.Frames[1].Name != "edges" {
			t.Fatalf("%s: %v, %d frames", model, a.Error, len(a.Frames))
		}
		known := map[any]bool{}
		nodes, edges := a.Frames[0], a.Frames[1]
		for _, f := range a.Frames[:2] {
			if f.Meta == nil || f.Meta.PreferredVisualization != data.VisTypeNodeGraph || f.RefID != "A" {
				t.Errorf("%s: frame %s is for %v", model, f.Name, f.Meta)
			}
		}
		for _, name := range []string{"id", "title", "fixedx", "fixedy", "expand"} {
			if f, _ := nodes.FieldByName(name); f == nil {
				t.Errorf("%s: there is no field %s", model, name)
			}
		}
		ids, _ := nodes.FieldByName("id")
		for row := range ids.Len() {
			known[ids.At(row)] = true
		}
		for _, end := range []string{"source", "target"} {
			f, _ := edges.FieldByName(end)
			for row := range f.Len() {
				if !known[f.At(row)] {
					t.Errorf("%s: the %s of edge %d is not shown", model, end, row)
				}
			}
		}
		b, err := json.Marshal(a.Frames)
		if err != nil {
			t.Fatal(err)
		}
		hidden(t, model, string(b))
	}
}

// TestInterfaceSeries asks for a series whose frames depend on where its steps
// begin, and looks at them.
func TestInterfaceSeries(t *testing.T) {
	h, _, i := start(t)
	r, err := h.Data(t.Context(), i, nil, recorded(`{"queryType":"timeseries","gremlin":"G.V()","fields":["RxBytes"]}`))
	if err != nil {
		t.Fatal(err)
	}
	a := r["A"]
	if a.Error != nil || len(a.Frames) != 2 {
		t.Fatalf("%v, %d frames", a.Error, len(a.Frames))
	}
	for _, f := range a.Frames {
		if f.Fields[1].Labels["Host"] != "paris" || f.Fields[1].Config.Unit != "Bps" || f.Rows() < 10 {
			t.Errorf("%v %v, %d rows", f.Fields[1].Labels, f.Fields[1].Config, f.Rows())
		}
	}
}

// TestErrors checks that each query of a request has its own error, with status
// and source, and none shows the token.
func TestErrors(t *testing.T) {
	h, f, i := start(t)
	f.Fail("/api/v1/diff", 410, `{"error":{"code":"gone","message":"the past is kept from 2026-11-23T05:00:00Z on; ask about that time or a later one","oldest":"2026-11-23T05:00:00Z"}}`)
	f.Fail("/api/v1/flows", 501, `{"error":{"code":"unsupported","message":"this daemon keeps no flows; start it without --flows=false"}}`)
	f.Fail("/api/v1/flows/top", 422, `{"error":{"code":"limit","message":"query stopped by its results limit `+secret+`: ask for fewer"}}`)
	f.Hang("/api/v1/changes")
	i.Settings["timeout"] = 1
	want := map[string]struct {
		model, text string
		status      backend.Status
	}{
		"A": {`{"queryType":"table","gremlin":"G.Hsa()"}`, "line 1, column 7: unknown step Hsa; did you mean As or Has?", 400},
		"B": {`{"queryType":"path"}`, "not there yet", 400},
		"C": {`{"queryType":"diff","view":"table"}`, "choose a later time range", 410},
		"D": {`{"queryType":"flows"}`, "start it without --flows=false", 501},
		"E": {`{"queryType":"flows","flows":"top"}`, "results limit [secret]: ask for fewer", 422},
		"F": {`{"queryType":"events"}`, "no answer within 1s: ask for less", 504},
		"G": {`{"queryType":"status"}`, "", 200},
		"H": {`{"queryType":"table"}`, "write Gremlin", 400},
	}
	var queries []plugintest.Query
	for ref, c := range want {
		q := recorded(c.model)
		q.RefID = ref
		queries = append(queries, q)
	}
	r, err := h.Data(t.Context(), i, nil, queries...)
	if err != nil {
		t.Fatal(err)
	}
	for ref, c := range want {
		a := r[ref]
		if (c.text == "") != (a.Error == nil) || a.Status != c.status {
			t.Errorf("%s: %v, status %d, want %q, %d", ref, a.Error, a.Status, c.text, c.status)
			continue
		}
		if a.Error != nil {
			if !strings.Contains(a.Error.Error(), c.text) || a.ErrorSource != backend.ErrorSourceDownstream {
				t.Errorf("%s: %v from %s, want %q", ref, a.Error, a.ErrorSource, c.text)
			}
			hidden(t, ref, a.Error.Error())
		}
	}
}

func TestRowLimit(t *testing.T) {
	h, _, i := start(t)
	i.Settings["maxRows"] = 3
	r, err := h.Data(t.Context(), i, nil, recorded(`{"queryType":"table","gremlin":"G.V()"}`))
	if err != nil {
		t.Fatal(err)
	}
	a := r["A"]
	if a.Error != nil || a.Frames[0].Rows() != 3 || !strings.Contains(a.Frames[0].Meta.Notices[0].Text, "first 3 of 10 nodes are shown, 7 are left out") {
		t.Errorf("%v %v", a.Error, a.Frames)
	}
}

// TestIdentity checks which identity goes with queries, with the headers that
// Grafana forwards.
func TestIdentity(t *testing.T) {
	h, f, i := start(t)
	ada := map[string]string{"Authorization": "Bearer ada", "http_X-Grafana-User": "mallory"}
	for n, c := range []struct {
		settings   map[string]any
		auth, user string
	}{
		{map[string]any{}, "Bearer " + secret, ""},
		{map[string]any{"forwardUser": true}, "Bearer " + secret, "viewer"},
		{map[string]any{"forwardUser": true, "oauthPassThru": true}, "Bearer ada", "viewer"},
	} {
		i.Settings, i.Updated = c.settings, time.Unix(int64(n+10), 0)
		if _, err := h.Data(t.Context(), i, ada, recorded(`{"queryType":"status"}`)); err != nil {
			t.Fatal(err)
		}
		all := f.Requests("/api/v1/status")
		got := all[len(all)-1].Header
		if got.Get("Authorization") != c.auth || got.Get("X-Grafana-User") != c.user {
			t.Errorf("%v: %q as %q", c.settings, got.Get("Authorization"), got.Get("X-Grafana-User"))
		}
	}
}

func TestCancel(t *testing.T) {
	h, f, i := start(t)
	f.Hang("/api/v1/query")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := h.Data(ctx, i, nil, recorded(`{"queryType":"table","gremlin":"G.V()"}`))
		done <- err
	}()
	proctest.Eventually(t, 10*time.Second, "the query", func() error {
		if len(f.Requests("/api/v1/query")) == 0 {
			return errors.New("not asked yet")
		}
		return nil
	})
	cancel()
	if err := <-done; err == nil {
		t.Error("a query that was cancelled has an answer")
	}
	if h.Exited() {
		t.Error("the program has ended")
	}
}

func TestResources(t *testing.T) {
	h, f, i := start(t)
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "steps", "", 200, `"name":"Has"`},
		{"POST", "complete", `{"gremlin":"G.V().Has('Na","offset":12}`, 200, `"text":"Name"`},
		{"POST", "check", `{"gremlin":"G.Hsa()"}`, 200, `"column":7`},
		{"POST", "variable", `{"query":{"kind":"hosts"}}`, 200, `"text":"paris"`},
		{"GET", "hosts", "", 200, `"name":"paris"`},
		{"GET", "keys", "", 200, `"Name"`},
		{"POST", "node-rules", `{}`, 404, "no such resource"},
		{"POST", "captures", `{}`, 404, "no such resource"},
		{"DELETE", "steps", "", 404, "no such resource"},
		{"POST", "check", strings.Repeat("x", 65<<10), 413, "longer than 64 KiB"},
	} {
		status, body, err := h.Resource(t.Context(), i, c.method, c.path, []byte(c.body))
		if err != nil || status != c.status || !strings.Contains(string(body), c.want) {
			t.Errorf("%s %s: %v %d %s, want %d %s", c.method, c.path, err, status, body, c.status, c.want)
		}
		hidden(t, c.path, string(body))
	}
	for _, r := range f.Requests("") {
		if r.Method != "GET" && r.Path != "/api/v1/query" && r.Path != "/api/v1/check" && r.Path != "/api/v1/complete" {
			t.Errorf("%s %s was asked", r.Method, r.Path)
		}
	}
}

func TestStreams(t *testing.T) {
	h, f, i := start(t)
	// The recorded changes are newer than what streams begin with.
	f.Special(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != "/api/v1/status" {
			return false
		}
		_, _ = io.WriteString(w, `{"version":"1","revision":20,"past":{}}`)
		return true
	})
	for _, c := range []struct{ path, query string }{
		{"revision", ""},
		{"flows/a1", `{"queryType":"flows"}`},
		{"changes/a1", `{"queryType":"events"}`},
	} {
		t.Run(c.path, func(t *testing.T) {
			sub, err := h.Subscribe(t.Context(), i, c.path, json.RawMessage(c.query))
			if err != nil || sub.Status != backend.SubscribeStreamStatusOK || len(sub.InitialData.Data()) == 0 {
				t.Fatal(sub, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			frames := make(chan string, 10)
			done := make(chan error, 1)
			go func() {
				done <- h.Run(ctx, i, c.path, json.RawMessage(c.query), func(b json.RawMessage) error { frames <- string(b); return nil })
			}()
			proctest.Eventually(t, 20*time.Second, "a frame", func() error {
				// Until somebody listens nothing is heard, so it is said again.
				n := f.Push(`{"type":"changes","revision":28,"changes":[]}`)
				n += f.PushFlows(`{"type":"flows","flows":[{"UUID":"00000000-0000-0000-0000-000000001000","LayersPath":"Ethernet/IPv4/TCP","Application":"HTTPS"}]}`)
				select {
				case frame := <-frames:
					if !strings.Contains(frame, `"schema"`) {
						return fmt.Errorf("the first frame has no schema: %s", frame)
					}
					hidden(t, c.path, frame)
					return nil
				case err := <-done:
					t.Fatal(err)
				default:
				}
				return fmt.Errorf("%d listen", n)
			})
			cancel()
			<-done
			proctest.Eventually(t, 10*time.Second, "the end", func() error {
				if n := f.Push(`{"type":"ping"}`) + f.PushFlows(`{"type":"ping"}`); n > 0 {
					return fmt.Errorf("%d listen", n)
				}
				return nil
			})
		})
	}
	if sub, err := h.Subscribe(t.Context(), i, "packets/x", nil); err != nil || sub.Status != backend.SubscribeStreamStatusNotFound {
		t.Error(sub, err)
	}
	if p, err := h.Publish(t.Context(), i, "revision", json.RawMessage(`{}`)); err != nil || p.Status != backend.PublishStreamStatusPermissionDenied {
		t.Error(p, err)
	}
}
