package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/config"
)

// What the flow store's library starts when it is loaded, and with its first
// summary, lives as long as the process.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/VictoriaMetrics/metrics.summariesSwapCron"))
}

func testConfig(dir string) config.Config {
	c := config.DefaultConfig()
	c.Listen, c.OTLPListen, c.DataDir = "127.0.0.1:0", "127.0.0.1:0", dir
	c.Durability = config.DurabilityBatched // the tests are about what is above
	return c
}

// bench is a running daemon.
type bench struct {
	t       *testing.T
	d       *Daemon
	cfg     config.Config
	url     string
	states  []string
	stopped bool
	log     *bytes.Buffer
}

func start(t *testing.T, cfg config.Config) *bench {
	t.Helper()
	b := &bench{t: t, cfg: cfg, log: &bytes.Buffer{}}
	var err error
	b.d, err = New(cfg, slog.New(slog.NewTextHandler(&locked{w: b.log}, nil)), func(s string) { b.states = append(b.states, s) })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + b.d.HTTPAddr().String()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) stop() {
	b.t.Helper()
	if b.stopped {
		return
	}
	b.stopped = true
	http.DefaultClient.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.d.Stop(ctx); err != nil {
		b.t.Error(err)
	}
}

func (b *bench) do(method, path string, body []byte) (int, string) {
	b.t.Helper()
	resp, answer := httpxtest.Do(b.t, http.DefaultClient, method, b.url+path, body)
	return resp.StatusCode, strings.TrimSpace(string(answer))
}

func (b *bench) query(text string) string {
	b.t.Helper()
	body, err := json.Marshal(map[string]string{"gremlin": text})
	if err != nil {
		b.t.Fatal(err)
	}
	code, answer := b.do(http.MethodPost, "/api/v1/query", body)
	if code != 200 {
		b.t.Fatalf("%s: %d %s", text, code, answer)
	}
	return answer
}

func (b *bench) write(body []byte) {
	b.t.Helper()
	if code, answer := b.do(http.MethodPost, "/api/v2/write", body); code != 204 {
		b.t.Fatalf("%d %s", code, answer)
	}
}

// event is interface i of host h at second s.
func event(i, s int) entity.Event {
	return entity.Event{
		Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Source: "netlink",
		Time: time.Now().Add(time.Duration(s) * time.Second).Truncate(time.Millisecond), Interval: time.Minute,
		Attributes:    entity.Attrs{entity.A("Name", entity.String(fmt.Sprintf("eth%d", i))), entity.A("Type", entity.String("device"))}.Normalize(),
		Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h")}},
	}
}

func host() entity.Event {
	return entity.Event{Ref: entity.HostRef("h"), Source: "netlink", Time: time.Now(), Interval: time.Minute,
		Attributes: entity.Attrs{entity.A("Name", entity.String("h")), entity.A("Type", entity.String("host"))}}
}

func encode(events ...entity.Event) []byte {
	var b []byte
	for i := range events {
		b = lineproto.AppendEvent(b, &events[i])
	}
	return b
}

func TestWriteQueryRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := start(t, testConfig(dir))
	b.write(encode(host(), event(1, 0), event(2, 0)))
	if got := b.query("G.V().Has('Type','host').Out().Count()"); got != "2" {
		t.Errorf("%s interfaces", got)
	}
	if code, answer := b.do(http.MethodGet, "/-/ready", nil); code != 200 {
		t.Errorf("%d %s", code, answer)
	}
	_, status := b.do(http.MethodGet, "/api/v1/status", nil)
	if !strings.Contains(status, `"nodes":3,"edges":2`) {
		t.Errorf("%s", status)
	}
	_, metrics := b.do(http.MethodGet, "/metrics", nil)
	for _, want := range []string{"topologyd_graph_nodes 3", `topologyd_ingest_events_total{protocol="line",result="changed"} 3`,
		`topologyd_http_requests_total{code="204",route="/api/v2/write"} 1`, "go_goroutines"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	before := b.query("G.V().Has('Name','eth1')")
	b.stop()
	if !slices.Equal(b.states, []string{"READY=1", "STOPPING=1"}) {
		t.Errorf("the service manager heard %q", b.states)
	}

	b = start(t, testConfig(dir))
	if after := b.query("G.V().Has('Name','eth1')"); after != before {
		t.Errorf("before the restart\n%s\nafter\n%s", before, after)
	}
}

func TestHeartbeatChangesNothing(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	events := []entity.Event{host(), event(1, 0)}
	b.write(encode(events...))
	before := b.query("G")
	for i := range events {
		events[i].Time = events[i].Time.Add(time.Second)
	}
	b.write(encode(events...))
	if after := b.query("G"); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	_, metrics := b.do(http.MethodGet, "/metrics", nil)
	if want := `topologyd_ingest_events_total{protocol="line",result="heartbeat"} 2`; !strings.Contains(metrics, want) {
		t.Errorf("no %s in the metrics", want)
	}
}

func TestOTLP(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	conn, err := grpc.NewClient(b.d.OTLPAddr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	logs := otlplog.Encode([]entity.Event{host(), event(1, 0)})
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs)); err != nil {
		t.Fatal(err)
	}
	if got := b.query("G.V().Has('Type','host').Out().Values('Name')"); got != `["eth1"]` {
		t.Errorf("%s", got)
	}
}

func TestWatchAndStop(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	b.write(encode(host()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(b.url, "http")+"/api/v1/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow() //nolint:errcheck // the end of the test
	read := func() (m struct {
		Type     string
		Revision uint64
		Nodes    []any
		Changes  []struct{ Op string }
	}) {
		t.Helper()
		_, data, err := c.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	snapshot := read()
	if snapshot.Type != "snapshot" || len(snapshot.Nodes) != 1 {
		t.Fatalf("%+v", snapshot)
	}
	b.write(encode(event(1, 0)))
	var ops []string
	for len(ops) < 2 {
		for _, x := range read().Changes {
			ops = append(ops, x.Op)
		}
	}
	slices.Sort(ops)
	if !slices.Equal(ops, []string{"edge_added", "node_added"}) {
		t.Errorf("%q", ops)
	}
	// One that comes later resumes and gets the same.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/api/v1/watch?from=%d", b.url, snapshot.Revision), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	first := make([]byte, len("event: changes"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "event: changes" {
		t.Errorf("%q %v", first, err)
	}
	go b.d.api.StopWatchers(ctx)
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("%v", err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(rest, []byte(`"stopping"`)) {
		t.Errorf("%q %v", rest, err)
	}
}

// Stop does not wait for ever for a client that does nothing.
func TestStopCutsOff(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	conn, err := net.Dial("tcp", b.d.HTTPAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	fmt.Fprintf(conn, "POST /api/v2/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nentity_state")
	b.query("G.V().Count()")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b.stopped = true
	http.DefaultClient.CloseIdleConnections()
	if err := b.d.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func TestStartErrors(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	taken := testConfig(t.TempDir())
	taken.OTLPListen = b.d.HTTPAddr().String()
	same := testConfig(b.d.cfg.DataDir)
	for name, x := range map[string]struct {
		cfg  config.Config
		want string
	}{
		"port taken":           {taken, "--otlp-listen"},
		"data directory taken": {same, "start engine"},
	} {
		d, err := New(x.cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := b.query("G.V().Count()"); got != "0" {
		t.Errorf("the other daemon: %s", got)
	}
}

func TestWithoutGRPC(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.OTLPListen = ""
	b := start(t, cfg)
	if b.d.OTLPAddr() != nil || b.query("G.V().Count()") != "0" {
		t.Error("gRPC is on")
	}
}

// TestRoutesAreDocumented holds the OpenAPI document against the routes.
func TestRoutesAreDocumented(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(api.OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for path, ops := range doc.Paths {
		for method := range ops {
			want = append(want, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range b.d.routes {
		got = append(got, r.Method+" "+strings.TrimSuffix(r.Path, "{$}"))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("routes\n%s\ndocumented\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	_, page := b.do(http.MethodGet, "/", nil)
	for _, r := range got {
		method, path, _ := strings.Cut(r, " ")
		if !strings.Contains(page+"\n", fmt.Sprintf("%-5s %s\n", method, path)) {
			t.Errorf("%s is not on the page\n%s", r, page)
		}
	}
}

func TestNotifier(t *testing.T) {
	Notifier("", slog.Default())("READY=1")
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skip("no unix sockets here: ", err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	Notifier(path, slog.Default())("READY=1")
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := conn.Read(buf)
	if err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("%q %v", buf[:n], err)
	}
}
