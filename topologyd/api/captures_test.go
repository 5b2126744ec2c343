package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/orders"
)

// fakeCaptures are captures that do as a test says.
type fakeCaptures struct {
	mu     sync.Mutex
	status orders.Status
	nodes  map[string][]orders.NodeStatus
	hosts  []orders.Host
	served []string // the hosts that were served
}

// ledger keeps what is audited.
type ledger struct{ records []audit.Record }

func (l *ledger) Record(r audit.Record) error {
	l.records = append(l.records, r)
	return errors.New("it cannot be written")
}

func (f *fakeCaptures) Status(*definition.Definition) orders.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

func (f *fakeCaptures) Nodes(id string) []orders.NodeStatus { return f.nodes[id] }
func (f *fakeCaptures) Hosts() []orders.Host                { return f.hosts }

// Serve says what it is told, in capitals, once.
func (f *fakeCaptures) Serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	f.mu.Lock()
	f.served = append(f.served, r.PathValue("id"))
	f.mu.Unlock()
	kind, b, err := c.Read(r.Context())
	if err == nil {
		err = c.Write(r.Context(), kind, []byte(strings.ToUpper(string(b))))
	}
	if err != nil {
		_ = c.CloseNow()
		return
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
}

// withCaptures gives an API a store of captures and hosts that do them.
func withCaptures(t *testing.T) (*bench, *fakeCaptures) {
	t.Helper()
	b := newBench(t, nil)
	store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now}, capture.Kinds())
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Start(t.Context(), &definitiontest.KV{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Stop)
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := &fakeCaptures{
		status: orders.Status{State: orders.StatePartial, Error: "x", Matched: 6, Running: 1, Starting: 1, Waiting: 1, Failed: 1, Refused: 1, Hosts: 2, Packets: 3, Bytes: 4, Dropped: 5},
		nodes: map[string][]orders.NodeStatus{"web": {{
			Node: "n", TID: "t", Host: "h/1", HostName: "web-1", Interface: "eth0", NetNS: "blue",
			CaptureState: order.CaptureState{ID: "web/n", Revision: 1, State: order.StateRunning, Error: "e", Warning: "w", Proof: order.ProofPacket, Type: order.TypeEBPF, Since: since,
				Counters: order.Counters{Packets: 1, Bytes: 2, Dropped: map[string]int64{"ring": 1}, Flows: 3, Sampling: 4, CPU: 5, Memory: 6, RawPackets: 7, RawBytes: 8}},
		}}},
		hosts: []orders.Host{{ID: "h/1", Name: "web-1", Connected: true, Since: since, Address: "192.0.2.1:5", Version: "v", Types: []string{order.TypeEBPF}, RawPackets: true,
			Problems: []order.Problem{{Feature: "tcx", Error: "no", Fallback: "clsact"}}, Captures: 1, Running: 1}},
	}
	b.api.deps.Definitions, b.api.deps.Captures = store, f
	return b, f
}

const captureBody = `{"id":"web","name":"my-cap","ttl":"2h","spec":{"query":"G.V().Has('Type','veth')","filter":"tcp port 443","type":"afpacket","snaplen":128,` +
	`"promiscuous":true,"key_mode":"l3","layers":["dns"],"no_defrag":true,"flows":100,"sampling":2,"cpu":50,"memory":67108864,"raw_packets":10,"raw_ring":16777216}}`

func TestCaptures(t *testing.T) {
	b, f := withCaptures(t)
	audited := new(ledger)
	b.api.deps.Audit = audited
	d := parse(t)
	read := func(text string, v any) {
		t.Helper()
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(text, err)
		}
	}
	shape := func(name string, m any) {
		t.Helper()
		checkShape(t, name, d.Components.Schemas[name], m.(map[string]any))
	}
	resp, answer := b.do("POST", "/api/v1/captures", captureBody, "Content-Type", "application/json")
	if resp.StatusCode != 201 || resp.Header.Get("Location") != "/api/v1/captures/web" {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	var made map[string]any
	read(answer, &made)
	shape("Definition", made)
	shape("Capture", made["spec"])
	shape("CaptureStatus", made["status"])
	if n := len(d.Components.Schemas["Capture"].Properties); n != len(made["spec"].(map[string]any)) {
		t.Errorf("%d options in the document, %v sent", n, made["spec"])
	}
	resp, answer = b.do("PUT", "/api/v1/captures/web", strings.Replace(answer, "443", "80", 1), "Content-Type", "application/json")
	if resp.StatusCode != 200 || !strings.Contains(answer, "tcp port 80") {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.do("GET", "/api/v1/captures", "")
	if resp.StatusCode != 200 || strings.Count(answer, `"kind":"capture"`) != 1 || !strings.Contains(answer, `"state":"partial"`) {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}

	var list []map[string]any
	resp, answer = b.do("GET", "/api/v1/captures/web/nodes", "")
	read(answer, &list)
	if resp.StatusCode != 200 || len(list) != 1 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	shape("CaptureNode", list[0])
	if n := len(d.Components.Schemas["CaptureNode"].Properties); n != len(list[0]) {
		t.Errorf("%d properties of a node in the document, %v sent", n, list[0])
	}
	f.nodes = nil
	if resp, answer = b.do("GET", "/api/v1/captures/web/nodes", ""); resp.StatusCode != 200 || strings.TrimSpace(answer) != "[]" {
		t.Errorf("no nodes: %d %s", resp.StatusCode, answer)
	}
	if resp, answer = b.do("GET", "/api/v1/captures/none/nodes", ""); resp.StatusCode != 404 || !strings.Contains(answer, `"not_found"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	f.status = orders.Status{State: orders.StateFollower}
	if resp, answer = b.do("GET", "/api/v1/captures/web/nodes", ""); resp.StatusCode != 503 || !strings.Contains(answer, "another daemon") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, _ = b.do("DELETE", "/api/v1/captures/web", ""); resp.StatusCode != 204 {
		t.Error(resp.StatusCode)
	}
	if resp, answer = b.do("GET", "/api/v1/captures/web", ""); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = b.do("DELETE", "/api/v1/captures/web", ""); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	var did []string
	for _, r := range audited.records {
		did = append(did, r.Action)
		if r.Remote == "" || r.UserAgent == "" || r.Capture != "web" || r.Name != "my-cap" || r.Query == "" || !strings.HasPrefix(r.Filter, "tcp port") || r.Outcome != audit.OK {
			t.Errorf("%+v", r)
		}
	}
	if !slices.Equal(did, []string{audit.CaptureCreate, audit.CaptureReplace, audit.CaptureDelete}) {
		t.Errorf("audited %v", did)
	}
}

func TestCapturesRefused(t *testing.T) {
	b, _ := withCaptures(t)
	for name, x := range map[string]struct {
		spec string
		want []string
	}{
		"filter":      {`{"query":"G.V()","filter":"é"}`, []string{`"code":"syntax"`, `"position":{"offset":0,"line":1,"column":1}`, `"field":"filter"`}},
		"filter late": {`{"query":"G.V()","filter":"tcp port\nhttps foo"}`, []string{`"code":"syntax"`, `"line":2`, `"field":"filter"`}},
		"query":       {`{"query":"G.V().X()"}`, []string{`"code":"syntax"`, `"position":{"offset":6,"line":1,"column":7}`, `"field":"query"`}},
		"no query":    {`{"filter":"tcp"}`, []string{`"code":"invalid"`, "give for example"}},
		"flows":       {`{"query":"G.Flows()"}`, []string{"a capture needs nodes"}},
		"option":      {`{"query":"G.V()","type":"pcap"}`, []string{`"code":"invalid"`, "use afpacket or ebpf"}},
		"unknown":     {`{"query":"G.V()","bpf":"tcp"}`, []string{`there is no field \"bpf\"`}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, answer := b.do("POST", "/api/v1/captures", `{"spec":`+x.spec+`}`, "Content-Type", "application/json")
			if resp.StatusCode != 400 {
				t.Errorf("%d", resp.StatusCode)
			}
			for _, want := range x.want {
				if !strings.Contains(answer, want) {
					t.Errorf("%s: no %s", answer, want)
				}
			}
		})
	}
	b.api.deps.Captures = nil
	for _, path := range []string{"/captures", "/captures/web", "/captures/web/nodes", "/hosts", "/hosts/h", "/hosts/h/assignments"} {
		if resp, answer := b.do("GET", "/api/v1"+path, ""); resp.StatusCode != 501 || !strings.Contains(answer, "gives no orders to hosts") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
}

func TestHosts(t *testing.T) {
	b, f := withCaptures(t)
	d := parse(t)
	resp, answer := b.do("GET", "/api/v1/hosts", "")
	var list []map[string]any
	if err := json.Unmarshal([]byte(answer), &list); err != nil || resp.StatusCode != 200 || len(list) != 1 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	s := d.Components.Schemas["Host"]
	checkShape(t, "Host", s, list[0])
	if len(s.Properties) != len(list[0]) {
		t.Errorf("%v, documented %d", list[0], len(s.Properties))
	}
	checkShape(t, "HostProblem", d.Components.Schemas["HostProblem"], list[0]["problems"].([]any)[0].(map[string]any))
	if resp, answer = b.do("GET", "/api/v1/hosts/h%2F1", ""); resp.StatusCode != 200 || !strings.Contains(answer, `"id":"h/1"`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer = b.do("GET", "/api/v1/hosts/other", ""); resp.StatusCode != 404 || !strings.Contains(answer, "no collector of a host other") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	f.hosts = nil
	if resp, answer = b.do("GET", "/api/v1/hosts", ""); resp.StatusCode != 200 || strings.TrimSpace(answer) != "[]" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

// TestAssignments asks through all that is laid around a handler.
func TestAssignments(t *testing.T) {
	b, f := withCaptures(t)
	ctx := t.Context()
	c, resp, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(b.server.URL, "http")+order.Path("h/1"),
		&websocket.DialOptions{HTTPHeader: http.Header{"Accept-Encoding": {"gzip"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow() //nolint:errcheck // it is closed
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", resp)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(ctx); err != nil || string(got) != "HELLO" {
		t.Errorf("%q, %v", got, err)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.served) != 1 || f.served[0] != "h/1" {
		t.Errorf("served %q", f.served)
	}
	resp, _ = b.do("GET", "/api/v1/hosts/h/assignments", "")
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Error(resp.StatusCode)
	}
}
