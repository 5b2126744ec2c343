package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/flows/flowstest"
)

// flowBench is an API with flows over a store in memory.
type flowBench struct {
	*bench
	store *flowstest.Memory
	flows *flows.Flows
	// now is the time of the newest report.
	now time.Time
}

// newFlowBench has 4 flows on eth0 and 1 on eth1: number i began i minutes ago,
// goes from 10.0.0.i to 10.0.1.1 and has moved 100*i bytes.
func newFlowBench(t testing.TB, change func(*Config), limits func(*flows.Config)) *flowBench {
	t.Helper()
	fb := &flowBench{store: &flowstest.Memory{}, now: time.Now().Truncate(time.Millisecond)}
	cfg := flows.DefaultConfig()
	if limits != nil {
		limits(&cfg)
	}
	var err error
	if fb.flows, err = flows.New(cfg, fb.store, nil); err != nil {
		t.Fatal(err)
	}
	fb.store.Match = fb.flows.Match
	fb.bench = newBenchWith(t, change, func(d *Deps) { d.Flows = fb.flows })
	fb.fill(2)
	for i := range int64(5) {
		fb.take(fb.record(i + 1))
	}
	return fb
}

func (b *flowBench) take(records ...flowrecord.Record) {
	b.t.Helper()
	if _, err := b.flows.Take(b.t.Context(), records); err != nil {
		b.t.Fatal(err)
	}
}

func (b *flowBench) tid(name string) (tid entity.UUID) {
	b.t.Helper()
	nodes, _ := b.graph.View().NodesWith("Name", entity.String(name))
	for n := range nodes {
		var err error
		if tid, err = entity.ParseUUID(n.Attrs.Get(entity.KeyTID).Str()); err != nil {
			b.t.Fatal(err)
		}
	}
	return tid
}

func (b *flowBench) record(i int64) flowrecord.Record {
	r := flowrecordtest.Full(rand.New(rand.NewPCG(uint64(i), 7)))
	r.NodeTID, r.HostID, r.Interface, r.CaptureID = b.tid("eth0"), "h", "eth0", "lan"
	r.Application, r.TransportProtocol, r.TransportB = "HTTPS", "TCP", 443
	if i == 5 {
		r.NodeTID, r.Interface, r.Application, r.TransportProtocol, r.TransportB = b.tid("eth1"), "eth1", "DNS", "UDP", 53
	}
	r.NetworkProtocol = "IPV4"
	r.NetworkA, r.NetworkB = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), netip.MustParseAddr("10.0.1.1")
	r.Finish, r.SamplingRate = flowrecord.NotFinished, 0
	last := b.now.Add(-time.Duration(i) * time.Second).UnixNano()
	r.Metric = flowrecord.Metric{Start: b.now.Add(-time.Duration(i) * time.Minute).UnixNano(), Last: last, ABBytes: 100 * i, ABPackets: i, RTT: i}
	r.Update = r.Metric
	r.TransportA = uint16(40000 + i)
	return r
}

// numbers returns which flows an answer has.
func numbers(t *testing.T, answer string) string {
	t.Helper()
	var list struct {
		Flows []struct {
			Network struct{ A string }
		}
	}
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	out := ""
	for _, f := range list.Flows {
		out += f.Network.A[len("10.0.0."):]
	}
	return out
}

func TestFlowList(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	id := b.record(3)
	for query, want := range map[string]string{
		"":                                   "12345",
		"order=asc":                          "54321",
		"sort=bytes":                         "54321",
		"sort=packets&order=asc":             "12345",
		"sort=start":                         "12345",
		"sort=rtt&limit=2":                   "54",
		"sort=Metric.ABBytes":                "54321",
		"limit=3":                            "123",
		"node=eth1":                          "5",
		"node=eth1&node=eth0":                "12345",
		"node=h":                             "",
		"node=" + b.tid("eth1").String():     "5",
		"node=G.V().Has('Name','eth0')":      "1234",
		"node=G.V().Has('Name','nope')":      "",
		"interface=eth1":                     "5",
		"host=h":                             "12345",
		"host=other":                         "",
		"capture=lan&application=dns":        "5",
		"address=10.0.0.2":                   "2",
		"address=10.0.0.2&address=10.0.0.3":  "23",
		"address=10.0.0.2/31":                "23",
		"address=10.0.1.1":                   "12345",
		"address=" + id.LinkA.String():       "3",
		"port=53":                            "5",
		"port=53&port=40001":                 "15",
		"protocol=udp":                       "5",
		"protocol=tcp&port=40002":            "2",
		"protocol=icmp":                      "",
		"application=HTTPS&sort=bytes":       "4321",
		"id=" + id.ID.String():               "3",
		"tracking=" + id.TrackingID.String(): "3",
		"finished=true":                      "",
		"finished=false":                     "12345",
		"since=-1h":                          "12345",
		"since=-1h&sort=bytes&limit=1":       "5",
		"to=-2h":                             "",
		fmt.Sprint("from=", b.now.Add(-3500*time.Millisecond).UnixMilli()): "123",
	} {
		resp, answer := b.do(http.MethodGet, "/api/v1/flows?"+strings.NewReplacer("'", "%27", "(", "%28", ")", "%29").Replace(query), "")
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", query, resp.StatusCode, answer)
			continue
		}
		if got := numbers(t, answer); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if strings.Contains(query, "limit") != strings.Contains(answer, `"more":true`) {
			t.Errorf("%s: %s", query, answer)
		}
		if past := strings.Contains(query, "since") || strings.Contains(query, "to=") || strings.Contains(query, "from="); past == strings.Contains(answer, `"live":true`) || past != strings.Contains(answer, `"from"`) {
			t.Errorf("%s: %s", query, answer)
		}
	}
}

func TestFlowListForms(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	resp, answer := b.do(http.MethodGet, "/api/v1/flows?limit=2", "", "Accept", typeNDJSON)
	if resp.StatusCode != 200 || strings.Count(answer, "\n") != 2 || !strings.HasPrefix(answer, `{"Application":`) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	if resp, answer := b.do(http.MethodPost, "/api/v1/flows", `{"port":[53,40001],"protocol":"udp","limit":7}`); resp.StatusCode != 200 || numbers(t, answer) != "5" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}

func TestFlowMistakes(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	for _, x := range []struct {
		path, code, want string
		status           int
	}{
		{"flows?adr=1", "invalid", "there is no parameter \\\"adr\\\"; there are node, host,", 400},
		{"flows?address=10.0.0.0/99", "invalid", "is not a network", 400},
		{"flows?address=x", "invalid", "neither an IP nor an Ethernet address", 400},
		{"flows?address=10.0.0.0/8&address=10.0.0.1", "invalid", "a network stands alone", 400},
		{"flows?port=0", "invalid", "is not a port", 400},
		{"flows?port=70000", "invalid", "is not a port", 400},
		{"flows?limit=0", "invalid", "from 1 to 10000", 400},
		{"flows?limit=10001", "invalid", "from 1 to 10000", 400},
		{"flows?sort=Nope", "invalid", "give bytes, packets", 400},
		{"flows?order=up", "invalid", "give asc or desc", 400},
		{"flows?id=x", "invalid", "is not the ID of a flow", 400},
		{"flows?finished=maybe", "invalid", "neither true nor false", 400},
		{"flows?since=-1h&from=-1h", "invalid", "give from or since", 400},
		{"flows?from=-1h&to=-2h", "invalid", "from is after to", 400},
		{"flows?since=soon", "invalid", "from: ", 400},
		{"flows?node=nowhere", "not_found", "no node is called", 404},
		{"flows?node=G.V(", "syntax", "", 400},
		{"flows?node=G.V().Count()", "type", "have it give nodes", 422},
		{"flows?node=eth0&to=-1h", "unsupported", "keeps no past", 501},
		{"flows/top?by=Nope", "invalid", "give source, destination", 400},
		{"flows/top?by=Last", "invalid", "give source, destination", 400},
		{"flows/top?metric=rtt", "invalid", "give bytes, packets, flows", 400},
		{"flows/top?by=conversation,Link.A,Link.B,Host,Interface", "invalid", "give at most 8", 400},
		{"flows/top?finished=true", "invalid", "there is no parameter", 400},
		{"flows/follow?since=-1h", "invalid", "there is no parameter", 400},
		{"flows/follow?node=nowhere", "not_found", "no node is called", 404},
		{"query?gremlin=G.Flows().Nope()", "syntax", "", 400},
		{"diff?from=-1h&gremlin=G.Flows()", "invalid", "which cannot be compared", 400},
	} {
		resp, answer := b.do(http.MethodGet, "/api/v1/"+x.path, "")
		if resp.StatusCode != x.status || !strings.Contains(answer, `"code":"`+x.code+`"`) || !strings.Contains(answer, x.want) {
			t.Errorf("%s: %d %s", x.path, resp.StatusCode, answer)
		}
	}
	for body, want := range map[string]string{
		"":                         "is not a JSON object",
		"[]":                       "is not a JSON object",
		`{"port":{"a":1}}`:         "want a text, a number or a list",
		`{"port":[[1]]}`:           "want a text, a number or a list",
		`{"address":"10.0.0.1"} x`: "is not a JSON object",
	} {
		if resp, answer := b.do(http.MethodPost, "/api/v1/flows", body); resp.StatusCode != 400 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", body, resp.StatusCode, answer)
		}
	}
	for _, path := range []string{"flows", "flows/follow"} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/"+path, "", "Accept", "text/html"); resp.StatusCode != 406 {
			t.Errorf("%d %s", resp.StatusCode, answer)
		}
	}
}

func TestFlowsAreNotKept(t *testing.T) {
	b := newBench(t, nil)
	for _, path := range []string{"flows", "flows/top", "flows/series", "flows/follow"} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/"+path, ""); resp.StatusCode != 501 || !strings.Contains(answer, "keeps no flows") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
}

func TestFlowFailures(t *testing.T) {
	for _, x := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("x: %w", flows.ErrTooMuch), 422, httpx.CodeLimit},
		{flows.ErrStore, 503, httpx.CodeUnavailable},
		{flows.ErrStopped, 503, httpx.CodeUnavailable},
		{context.DeadlineExceeded, 408, httpx.CodeLimit},
		{errors.New("whatever"), 400, httpx.CodeInvalid},
	} {
		if f := flowFailure(x.err); f.status != x.status || f.err.Code != x.code {
			t.Errorf("%v: %d %v", x.err, f.status, f.err)
		}
	}
}

func TestFlowTop(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	for query, want := range map[string]string{
		"by=application":                        `"by":["Application"],"metric":"bytes","rows":[{"key":{"Application":"HTTPS"},"value":1000},{"key":{"Application":"DNS"},"value":500}]}`,
		"by=application&metric=packets":         `"metric":"packets","rows":[{"key":{"Application":"HTTPS"},"value":10},`,
		"by=application&metric=flows":           `{"key":{"Application":"HTTPS"},"value":4}`,
		"by=application&metric=ba_bytes":        `{"key":{"Application":"HTTPS"},"value":0}`,
		"limit=1":                               `"by":["Network.A","Network.B"],"metric":"bytes","rows":[{"key":{"Network.A":"10.0.0.5","Network.B":"10.0.1.1"},"value":500}]}`,
		"by=source&node=eth0&limit=1":           `"rows":[{"key":{"Network.A":"10.0.0.4"},"value":400}]}`,
		"by=Transport.B,port&since=-1h":         `"by":["Transport.B"],"metric":"bytes","rows":[{"key":{"Transport.B":443},"value":1000},`,
		"by=port&from=-1h&to=-50m":              `"rows":[]}`,
		"by=host&id=" + b.record(3).ID.String(): `"rows":[{"key":{"Host":"h"},"value":300}]}`,
	} {
		resp, answer := b.do(http.MethodGet, "/api/v1/flows/top?"+query, "")
		if resp.StatusCode != 200 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, answer)
		}
	}
}

func TestFlowQueries(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	resp, answer := b.query("G.V().Has('Name','eth0').Flows().Has('Application','HTTPS').Count()")
	if resp.StatusCode != 200 || strings.TrimSpace(answer) != "4" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	resp, answer = b.query("G.Flows().Sort('Metric.ABBytes').Limit(1)")
	if resp.Header.Get(HeaderKind) != "flows" || !strings.Contains(answer, `"A":"10.0.0.`) {
		t.Errorf("%v %s", resp.Header, answer)
	}
}

// follow opens a stream and returns a function that reads the next message.
func (b *flowBench) follow(query, accept string) (next func() string, end func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL+"/api/v1/flows/follow"+query, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	resp, err := b.server.Client().Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != accept {
		b.t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	in := bufio.NewReader(resp.Body)
	return func() string {
			line, _ := in.ReadString('\n')
			return strings.TrimSuffix(line, "\n")
		}, func() {
			cancel()
			resp.Body.Close() //nolint:errcheck,gosec // the end of the test
		}
}

func TestFlowFollow(t *testing.T) {
	b := newFlowBench(t, func(c *Config) { c.ChunkElements, c.PingInterval = 2, 50*time.Millisecond }, nil)
	next, end := b.follow("?application=https", typeNDJSON)
	defer end()
	if got := next(); got != `{"type":"ping"}` {
		t.Errorf("%s", got)
	}
	b.take(b.record(6), b.record(7), b.record(8))
	var got []string
	for len(got) < 2 {
		if line := next(); line != `{"type":"ping"}` {
			got = append(got, line)
		}
	}
	if !strings.HasPrefix(got[0], `{"type":"flows","flows":[{"`) || strings.Count(got[0], `"UUID"`)+strings.Count(got[1], `"UUID"`) != 3 {
		t.Errorf("%q", got)
	}
	go b.api.StopWatchers(context.Background())
	last := ""
	for line := next(); line != ""; line = next() {
		last = line
	}
	if !strings.HasPrefix(last, `{"type":"error","code":"stopping","message":"the daemon is stopping; connect again"}`) {
		t.Errorf("%s", last)
	}
}

func TestFlowFollowEvents(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	next, end := b.follow("", typeEventStream)
	defer end()
	b.take(b.record(6))
	if first, second, third := next(), next(), next(); first != "event: flows" || !strings.HasPrefix(second, `data: {"type":"flows"`) || third != "" {
		t.Errorf("%q %q %q", first, second, third)
	}
	b.flows.Stop()
	for line := next(); ; line = next() {
		if line == "" {
			t.Error("no reason")
			break
		}
		if strings.HasPrefix(line, `data: {"type":"error","code":"stopping"`) {
			break
		}
	}
}

// One that falls behind is told how much it missed; nobody else waits for it.
func TestFlowFollowLost(t *testing.T) {
	b := newFlowBench(t, func(c *Config) { c.ChunkElements = 1 }, func(c *flows.Config) { c.Queue, c.Followers = 1, 1 })
	next, end := b.follow("", typeNDJSON)
	defer end()
	resp, answer := b.do(http.MethodGet, "/api/v1/flows/follow", "")
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, "too many followers") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	const n = 200
	batch := make([]flowrecord.Record, n)
	for i := range batch {
		batch[i] = b.record(6)
		batch[i].ID = flowrecord.ID{1, byte(i)}
	}
	b.take(batch...)
	got := 0
	for got < n {
		var m struct {
			Type  string
			Count int
			Flows []json.RawMessage
		}
		line := next()
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got += len(m.Flows) + m.Count
	}
	if lost := b.flows.Stats().Lost; got != n || lost == 0 {
		t.Errorf("%d of %d are accounted for, %d lost", got, n, lost)
	}
	end()
	proctest.Eventually(t, 10*time.Second, "the follower is gone", func() error {
		if s := b.flows.Stats(); s.Followers != 0 {
			return fmt.Errorf("%d followers", s.Followers)
		}
		return nil
	})
}

// TestFlowShapes holds the schemas against what is really sent.
func TestFlowShapes(t *testing.T) {
	b := newFlowBench(t, nil, nil)
	d := parse(t)
	has := func(name string, answer []byte) {
		t.Helper()
		var m map[string]any
		if err := json.Unmarshal(answer, &m); err != nil {
			t.Fatal(err)
		}
		checkShape(t, name, d.Components.Schemas[name], m)
	}
	full := flowrecordtest.Full(rand.New(rand.NewPCG(1, 1)))
	has("Flow", flowrecord.NewTable().Attrs(&full).AppendJSON(nil))
	_, answer := b.do(http.MethodGet, "/api/v1/flows?since=-1h", "")
	has("FlowList", []byte(answer))
	_, answer = b.do(http.MethodGet, "/api/v1/flows/top", "")
	has("FlowTop", []byte(answer))
	var top struct{ Rows []json.RawMessage }
	if err := json.Unmarshal([]byte(answer), &top); err != nil || len(top.Rows) == 0 {
		t.Fatalf("%v %s", err, answer)
	}
	has("FlowTopRow", top.Rows[0])
}
