package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx/httpxtest"
	"github.com/skein-net/skein/topologyd/config"
)

// conversation makes n reports of a flow of an application on an interface, one
// a second until now; each adds 1 packet with 100 bytes in one direction and 2
// with 1,000 in the other.
func conversation(r *rand.Rand, tid entity.UUID, app string, n int) []flowrecord.Record {
	base := flowrecord.Record{
		ID: flowrecordtest.ID(r), TrackingID: flowrecord.Tracking(r.Uint64() | 1), NodeTID: tid, HostID: "h", Interface: "veth0", CaptureID: "test",
		LayersPath: "Ethernet/IPv4/TCP", Application: app, LinkProtocol: "ETHERNET", NetworkProtocol: "IPV4", TransportProtocol: "TCP",
		NetworkA: netip.MustParseAddr("10.0.0.1"), NetworkB: netip.MustParseAddr("10.0.0.2"), TransportA: uint16(40000 + r.IntN(1000)), TransportB: 443,
		TCP: &flowrecord.TCP{State: "ESTABLISHED"},
	}
	start := time.Now().Add(-time.Duration(n) * time.Second).Truncate(time.Millisecond).UnixNano()
	base.Metric.Start = start
	var out []flowrecord.Record
	for i := range n {
		x := base
		x.Update = flowrecord.Metric{ABPackets: 1, ABBytes: 100, BAPackets: 2, BABytes: 1000, Start: start + int64(i)*1e9, Last: start + int64(i)*1e9 + 5e8}
		k := int64(i + 1)
		x.Metric = flowrecord.Metric{ABPackets: k, ABBytes: 100 * k, BAPackets: 2 * k, BABytes: 1000 * k, Start: start, Last: x.Update.Last}
		out = append(out, x)
	}
	return out
}

func (b *bench) sendFlows(records []flowrecord.Record) {
	b.t.Helper()
	body, err := plogotlp.NewExportRequestFromLogs(flowlog.Encode(records)).MarshalProto()
	if err != nil {
		b.t.Fatal(err)
	}
	resp, answer := httpxtest.Do(b.t, http.DefaultClient, http.MethodPost, b.url+"/v1/logs", body, "Content-Type", "application/x-protobuf")
	if resp.StatusCode != 200 {
		b.t.Fatalf("%d %q", resp.StatusCode, answer)
	}
}

// veth0 has the graph know an interface and returns its TID.
func (b *bench) veth0() entity.UUID {
	b.t.Helper()
	e := event(1, 0)
	e.Attributes = entity.Attrs{entity.A("Name", entity.String("veth0")), entity.A("Type", entity.String("veth"))}.Normalize()
	b.write(encode(host(), e))
	var tids []string
	if err := json.Unmarshal([]byte(b.query("G.V().Has('Name','veth0').Values('TID')")), &tids); err != nil || len(tids) != 1 {
		b.t.Fatalf("%v %v", tids, err)
	}
	tid, err := entity.ParseUUID(tids[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return tid
}

const seedQuery = "G.V().Has('Name','veth0').Flows().Has('Application','HTTPS').Metrics()"

// TestFlows sends flow records as a collector does, and asks for them by
// Gremlin, before and after a restart.
func TestFlows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	b := start(t, testConfig(dir))
	tid := b.veth0()
	r := rand.New(rand.NewPCG(1, 1))
	https, dns := conversation(r, tid, "HTTPS", 20), conversation(r, tid, "DNS", 3)
	b.sendFlows(https[:10])
	b.sendFlows(https[:10]) // no answer was heard, say
	conn, err := grpc.NewClient(b.d.OTLPAddr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the end of the test
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(flowlog.Encode(append(https[10:], dns...)))); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		t.Helper()
		for _, q := range []string{seedQuery, strings.Replace(seedQuery, "Flows().Has(", "Flows(", 1), strings.Replace(seedQuery, "G.V()", "G.Context(NOW, 600).V()", 1)} {
			proctest.Eventually(t, 20*time.Second, what+": "+q, func() error { // a window of the past is asked of the store
				got := b.query(q)
				var m []map[string][]struct{ ABBytes, BABytes int64 }
				if err := json.Unmarshal([]byte(got), &m); err != nil || len(m) != 1 || len(m[0]) != 1 {
					return errors.New(got)
				}
				var ab, ba int64
				for _, list := range m[0] {
					for _, x := range list {
						ab, ba = ab+x.ABBytes, ba+x.BABytes
					}
				}
				if ba == 10*ab && (ab == 2000 || !strings.Contains(q, "Context") && ab == 100) {
					return nil
				}
				return errors.New(got)
			})
		}
		if got := b.query("G.Flows().Count()"); got != "2" {
			t.Errorf("%s: %s flows", what, got)
		}
		if got := b.query("G.Flows().Has('Network','10.0.0.2').Has('Transport',443).CaptureNode().Dedup().Values('Name')"); got != `["veth0"]` {
			t.Errorf("%s: captured on %s", what, got)
		}
		if got := b.query("G.V().Has('Name','h').Flows().Count()"); got != "0" {
			t.Errorf("%s: %s flows on the host itself", what, got)
		}
	}
	check("at once")
	_, metrics := b.do(http.MethodGet, "/metrics", nil)
	for _, want := range []string{
		"topologyd_flows_live 2", `topologyd_ingest_flow_records_total{protocol="otlp_http",result="stored"} 10`,
		`topologyd_ingest_flow_records_total{protocol="otlp_http",result="duplicate"} 10`,
		`topologyd_ingest_flow_records_total{protocol="otlp_grpc",result="stored"} 13`,
		"topologyd_flow_store_written_total 23", `topologyd_flows_evicted_total{reason="full"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	b.stop()

	b = start(t, testConfig(dir))
	check("after a restart")
	b.sendFlows(https) // the collector's queue was never told
	check("sent again after a restart")
}

func TestFlowEndpoints(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	tid := b.veth0()
	r := rand.New(rand.NewPCG(2, 1))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/api/v1/flows/follow?application=HTTPS", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // the end of the test

	b.sendFlows(conversation(r, tid, "HTTPS", 5))
	b.sendFlows(conversation(r, tid, "DNS", 5))

	var m struct {
		Type  string
		Flows []struct{ Application string }
	}
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || json.Unmarshal([]byte(line), &m) != nil || m.Type != "flows" || len(m.Flows) == 0 || m.Flows[0].Application != "HTTPS" {
		t.Errorf("%s %v", line, err)
	}
	cancel()

	code, answer := b.do(http.MethodGet, "/api/v1/flows?node=veth0&port=443&sort=bytes", nil)
	if code != 200 || strings.Count(answer, `"UUID"`) != 2 {
		t.Errorf("%d %s", code, answer)
	}
	proctest.Eventually(t, 20*time.Second, "the top", func() error { // it is summed in the store
		_, top := b.do(http.MethodGet, "/api/v1/flows/top?by=application&metric=bytes&since=-1m", nil)
		if strings.Contains(top, `"rows":[{"key":{"Application":"DNS"},"value":5500},{"key":{"Application":"HTTPS"},"value":5500}]`) {
			return nil
		}
		return errors.New(top)
	})
}

func TestCountersAreKept(t *testing.T) {
	b := start(t, testConfig(t.TempDir()))
	b.veth0()
	id := entity.InterfaceRef("h", "1", "1").UUID()
	now := time.Now()
	for i := range 3 {
		at := now.Add(time.Duration(i-3) * time.Second).UnixNano()
		b.write(fmt.Appendf(nil, "topology_interface,entity=%s rx_bytes=%di,tx_bytes=7i %d\n", id, 1000*(i+1), at))
	}
	proctest.Eventually(t, 20*time.Second, "counters", func() error {
		if got := b.query("G.Context(NOW, 60).V().Has('Name','veth0').Metrics()"); !strings.Contains(got, "RxBytes") {
			return errors.New(got)
		}
		return nil
	})
}

func TestFlowsOff(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Flows.Keep = false
	b := start(t, cfg)
	b.sendFlows(conversation(rand.New(rand.NewPCG(3, 1)), entity.UUID{1}, "HTTPS", 1))
	if code, answer := b.do(http.MethodGet, "/api/v1/flows", nil); code != 501 || !strings.Contains(answer, "--flows=false") {
		t.Errorf("%d %s", code, answer)
	}
	if code, answer := b.do(http.MethodPost, "/api/v1/query", []byte(`{"gremlin":"G.Flows()"}`)); code != 422 || !strings.Contains(answer, "no flows are kept here") {
		t.Errorf("%d %s", code, answer)
	}
	if _, err := os.Stat(cfg.FlowDir()); err == nil {
		t.Error("there is a directory for flows")
	}
}

func TestFlowStoreCannotStart(t *testing.T) {
	cfg := testConfig(t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Flows.Dir = file
	d, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "flow store") {
		t.Errorf("%v", err)
	}
}

func TestFlowStoreSecrets(t *testing.T) {
	dir := t.TempDir()
	c := config.DefaultConfig()
	c.Flows.URL, c.Flows.User, c.Flows.PasswordFile, c.Flows.Tenant = "http://127.0.0.1:1", "u", filepath.Join(dir, "p"), "3:4"
	if _, err := flowStoreConfig(&c); err == nil || !strings.Contains(err.Error(), "--flow-store-password-file") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(c.Flows.PasswordFile, []byte("pass word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := flowStoreConfig(&c)
	if err != nil || s.Remote.Password != "pass word" || s.Remote.User != "u" || s.Remote.AccountID != 3 || s.Remote.ProjectID != 4 || s.Dir != "" {
		t.Errorf("%+v %v", s, err)
	}
}

// While the VictoriaLogs is away flow records are refused, so that their senders
// keep them; everything else goes on.
func TestVictoriaLogsIsAway(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.Flows.URL = "http://" + proctest.FreeAddr(t)
	b := start(t, cfg)
	tid := b.veth0()
	body, err := plogotlp.NewExportRequestFromLogs(flowlog.Encode(conversation(rand.New(rand.NewPCG(4, 1)), tid, "HTTPS", 2))).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	resp, answer := httpxtest.Do(t, http.DefaultClient, http.MethodPost, b.url+"/v1/logs", body, "Content-Type", "application/x-protobuf")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "5" {
		t.Errorf("%d %q", resp.StatusCode, answer)
	}
	if code, answer := b.do(http.MethodGet, "/api/v1/flows", nil); code != 503 || !strings.Contains(answer, `"unavailable"`) {
		t.Errorf("%d %s", code, answer)
	}
	if code, answer := b.do(http.MethodPost, "/api/v1/query", []byte(`{"gremlin":"`+seedQuery+`"}`)); code != 503 {
		t.Errorf("%d %s", code, answer)
	}
	b.write(fmt.Appendf(nil, "topology_interface,entity=%s rx_bytes=1i\n", entity.InterfaceRef("h", "1", "1").UUID()))
	if got := b.query("G.V().Has('Name','veth0').Count()"); got != "1" {
		t.Error(got)
	}
}
