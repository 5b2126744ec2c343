package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

// picture asks for a topology and reads it as the client does.
func (b *bench) picture(body string) *client.Topology {
	b.t.Helper()
	resp, answer := b.do(http.MethodPost, "/api/v1/topology", body)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeJSON {
		b.t.Fatalf("%s: %d %s", body, resp.StatusCode, answer)
	}
	p := &client.Topology{}
	dec := json.NewDecoder(strings.NewReader(answer))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		b.t.Fatalf("%s: %v", answer, err)
	}
	if fmt.Sprint(p.Revision) != resp.Header.Get(HeaderRevision) {
		b.t.Errorf("revision %d, in the header %s", p.Revision, resp.Header.Get(HeaderRevision))
	}
	return p
}

// drawn is a picture in one line: names of nodes, labels and sizes of groups,
// with what became of them, then the edges.
func drawn(p *client.Topology) string {
	name := make(map[string]string)
	var words []string
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Group != nil {
			name[n.ID] = fmt.Sprintf("%s*%d", n.Group.Label, n.Group.Nodes)
		} else {
			name[n.ID] = n.Node.Metadata.Get("Name").Str()
		}
		word := name[n.ID]
		if n.Change != "" {
			word += ":" + n.Change
		}
		for _, k := range n.Keys {
			word += fmt.Sprintf(" %s=%s>%s", k.Key, k.Old.Text(), k.New.Text())
		}
		words = append(words, word)
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		word := fmt.Sprintf("%s-%s*%d", name[e.Source], name[e.Target], e.Count)
		if e.Change != "" {
			word += ":" + e.Change
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestTopology(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	for body, want := range map[string]string{
		`{"gremlin":"G"}`:                                                             "eth0, eth1, eth2, h, ns, h-ns*1, ns-eth0*1, ns-eth1*1, ns-eth2*1",
		`{"gremlin":"G","limit":4}`:                                                   "device*3, ns, h, ns-device*3*3, h-ns*1",
		`{"gremlin":"G","limit":2}`:                                                   "ns*4, h, h-ns*4*1",
		`{"gremlin":"G","limit":1}`:                                                   "h*5",
		`{"gremlin":"G","limit":4,"group":["owner"]}`:                                 "h, ns, ns*3, h-ns*1, ns-ns*3*3",
		`{"gremlin":"G.V().Has('Type','device')"}`:                                    "eth0, eth1, eth2",
		`{"gremlin":"G.V().Has('Name','ns').OutE()","limit":2}`:                       "device*3, ns, ns-device*3*3",
		`{"gremlin":"G.V().Has('Name','eth1').InE()"}`:                                "eth1, ns, ns-eth1*1",
		`{"gremlin":"G.V().Has('Name','h').ShortestPathTo(METADATA('Name','eth2'))"}`: "eth2, h, ns, h-ns*1, ns-eth2*1",
		`{"gremlin":"G.V().Has('Name','nobody')","limits":{"timeout":"1s"}}`:          "",
		`{"gremlin":"G","limit":2,"expand":["host=h"],"group":["host"]}`:              "eth1, others*4, others*4-eth1*1",
	} {
		p := b.picture(body)
		// Names are sorted by ID within one time: compare without that order.
		if got := drawn(p); !sameWords(got, want) {
			t.Errorf("%s:\n%s, want\n%s", body, got, want)
		}
		shown := 0
		for i := range p.Nodes {
			if p.Nodes[i].Node != nil {
				shown++
			}
		}
		if p.Total.Nodes != shown+p.Grouped.Nodes+p.LeftOut.Nodes || p.Since != nil || p.Summary != nil || time.Since(p.Time) > time.Minute {
			t.Errorf("%s: %+v", body, p)
		}
	}
}

func sameWords(a, b string) bool {
	count := make(map[string]int)
	for _, w := range strings.Split(a, ", ") {
		count[w]++
	}
	for _, w := range strings.Split(b, ", ") {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestTopologyRefused(t *testing.T) {
	p := lived(t, func(c *Config) { c.Limits.Visited, c.Limits.Bytes = 500, 4000 })
	for _, c := range []struct {
		body   string
		status int
		code   string
		want   string
	}{
		{``, 400, httpx.CodeInvalid, `the body is no request for a topology: EOF; send {"gremlin":"G"}`},
		{`{"gremlin":"G","colour":"red"}`, 400, httpx.CodeInvalid, `unknown field "colour"`},
		{`{"gremlin":"G"} x`, 400, httpx.CodeInvalid, "there is text after the request's JSON object at byte 16"},
		{`{}`, 400, httpx.CodeInvalid, "there is no query"},
		{`{"gremlin":"G.V("}`, 400, httpx.CodeSyntax, "line 1, column 5"},
		{`{"gremlin":"G.V().Count()"}`, 400, httpx.CodeInvalid, "the query gives number, which cannot be drawn; have it give nodes"},
		{`{"gremlin":"G.V().Values('Name')"}`, 400, httpx.CodeInvalid, "the query gives values"},
		{`{"gremlin":"G.Flows()"}`, 400, httpx.CodeInvalid, "the query gives flows, which cannot be drawn; have it give their nodes"},
		{`{"gremlin":"G.Flows().Group('Application')"}`, 400, httpx.CodeInvalid, "the query gives groups"},
		{`{"gremlin":"G","limit":-1}`, 400, httpx.CodeInvalid, "limit -1: want 1 to 2000"},
		{`{"gremlin":"G","limit":2001}`, 400, httpx.CodeInvalid, "limit 2001"},
		{`{"gremlin":"G","group":["host","host"]}`, 400, httpx.CodeInvalid, `group: level "host" is there twice`},
		{`{"gremlin":"G","group":[""]}`, 400, httpx.CodeInvalid, "group: level 1 is empty"},
		{`{"gremlin":"G","expand":["host"]}`, 400, httpx.CodeInvalid, `expand: "host" is not the path of a group`},
		{`{"gremlin":"G","at":"soon"}`, 400, httpx.CodeInvalid, "at: "},
		{`{"gremlin":"G","since":"soon"}`, 400, httpx.CodeInvalid, "since: "},
		{`{"gremlin":"G","changes_only":true}`, 400, httpx.CodeInvalid, "give since"},
		{`{"gremlin":"G","keys":"MTU"}`, 400, httpx.CodeInvalid, "give since"},
		{`{"gremlin":"G","since":"-1h","keys":","}`, 400, httpx.CodeInvalid, "keys: there is an empty key"},
		{`{"gremlin":"G.At('-1m')","since":"-1h"}`, 400, httpx.CodeInvalid, "the query goes to a time of its own"},
		{`{"gremlin":"G","limits":{"results":-1}}`, 400, httpx.CodeInvalid, "limits are not negative"},
		{`{"gremlin":"G","limits":{"results":1}}`, 422, httpx.CodeLimit, "results limit"},
		{`{"gremlin":"G","limits":{"bytes":100}}`, 422, httpx.CodeLimit, "bytes limit"},
		{`{"gremlin":"G","since":"-50m","limits":{"results":2}}`, 422, httpx.CodeLimit, "results limit"},
		{`{"gremlin":"G","at":"-2h"}`, 410, httpx.CodeGone, "the past is kept from 2026-03-01T12:00:00Z on"},
		{`{"gremlin":"G","since":"-2h"}`, 410, httpx.CodeGone, "the past is kept from 2026-03-01T12:00:00Z on"},
	} {
		resp, answer := p.do(http.MethodPost, "/api/v1/topology", c.body)
		var e struct{ Error httpx.Error }
		if err := json.Unmarshal([]byte(answer), &e); err != nil || resp.StatusCode != c.status || e.Error.Code != c.code || !strings.Contains(e.Error.Message, c.want) {
			t.Errorf("%s: %d %s, want %d %s %s", c.body, resp.StatusCode, answer, c.status, c.code, c.want)
		}
	}
	if resp, _ := p.do(http.MethodPost, "/api/v1/topology", `{"gremlin":"G"}`, "Accept", "text/csv"); resp.StatusCode != http.StatusNotAcceptable {
		t.Errorf("CSV: %d", resp.StatusCode)
	}
	if resp, _ := p.do(http.MethodGet, "/api/v1/topology", ""); resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", resp.StatusCode)
	}
	if resp, _ := p.do(http.MethodPost, "/api/v1/topology", strings.Repeat(" ", maxQueryBody+1)); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a large body: %d", resp.StatusCode)
	}
}

// The history of lived: eth0 got another MTU at minute 4, eth1 went at minute 5.
func TestTopologyDifference(t *testing.T) {
	p := lived(t, nil)
	const everything = `"gremlin":"G"`
	for body, want := range map[string]string{
		`{` + everything + `,"at":"2026-03-01T12:02:00Z"}`:                                               "eth0, h, h-eth0*1",
		`{` + everything + `,"since":"2026-03-01T12:03:00Z"}`:                                            "eth0:changed MTU=1500>9000, h, eth1:removed, h-eth0*1, h-eth1*1:removed",
		`{` + everything + `,"since":"2026-03-01T12:03:00Z","keys":"Name"}`:                              "eth0, h, eth1:removed, h-eth0*1, h-eth1*1:removed",
		`{` + everything + `,"since":"2026-03-01T12:04:00Z","changes_only":true}`:                        "h, eth1:removed, h-eth1*1:removed",
		`{` + everything + `,"since":"2026-03-01T12:02:00Z","at":"2026-03-01T12:03:00Z"}`:                "eth0, h, eth1:added, h-eth0*1, h-eth1*1:added",
		`{` + everything + `,"since":"2026-03-01T12:03:00Z","limit":2}`:                                  "device*2, h, h-device*2*2:changed",
		`{` + everything + `,"since":"2026-03-01T12:03:00Z","limit":1}`:                                  "root*3",
		`{` + everything + `,"since":"NOW"}`:                                                             "eth0, h, h-eth0*1",
		`{"gremlin":"G.V().Has('MTU',1500)","since":"2026-03-01T12:03:00Z"}`:                             "eth0:removed, eth1:removed",
		`{"gremlin":"G.At('2026-03-01 12:03:00').V().Has('Type','device')","group":["owner"],"limit":1}`: "h*2",
		`{"gremlin":"G.At('2026-03-01 12:03:00')"}`:                                                      "eth0, eth1, h, h-eth0*1, h-eth1*1",
	} {
		if got := drawn(p.picture(body)); !sameWords(got, want) {
			t.Errorf("%s:\n%s, want\n%s", body, got, want)
		}
	}
	d := p.picture(`{"gremlin":"G","since":"2026-03-01T12:03:00Z","limit":1}`)
	if d.Summary == nil || d.Summary.Nodes != (client.DiffCount{Removed: 1, Changed: 1}) || d.Summary.Edges != (client.DiffCount{Removed: 1}) {
		t.Errorf("summary %+v", d.Summary)
	}
	if g := d.Nodes[0].Group; g.Removed != 1 || g.Changed != 1 || !d.Since.Equal(t0.Add(3*time.Minute)) || !d.Time.Equal(now) {
		t.Errorf("%+v from %v to %v", g, d.Since, d.Time)
	}
	none := newBench(t, nil)
	if resp, answer := none.do(http.MethodPost, "/api/v1/topology", `{"gremlin":"G","since":"-1h"}`); resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("without a past: %d %s", resp.StatusCode, answer)
	}
}

func TestTopologyTraffic(t *testing.T) {
	b := newBench(t, nil)
	b.fill(2)
	at := time.Unix(1700000000, 0)
	for i, bytes := range []int64{1000, 5000} {
		b.graph.SetMetric(entity.InterfaceRef("h", "1", "0").UUID(), at.Add(time.Duration(i)*3*time.Second), entity.Attrs{
			entity.A("RxBytes", entity.Int(bytes)), entity.A("TxBytes", entity.Int(2*bytes))})
	}
	for i := range b.picture(`{"gremlin":"G"}`).Nodes {
		n := b.picture(`{"gremlin":"G"}`).Nodes[i]
		if is := n.Node.Metadata.Get("Name").Str() == "eth0"; is != (n.Rate != nil) || is && (n.Rate.Rx != 1333.33 || n.Rate.Tx != 2666.67) {
			t.Errorf("%s: %+v", n.ID, n.Rate)
		}
	}
	if r := b.picture(`{"gremlin":"G","limit":1}`).Nodes[0].Rate; r == nil || r.Rx != 1333.33 {
		t.Errorf("of all %+v", r)
	}
}

// The OpenAPI document has everything that is sent.
func TestTopologyShapes(t *testing.T) {
	d := parse(t).Components.Schemas
	p := lived(t, nil)
	for _, body := range []string{`{"gremlin":"G","since":"2026-03-01T12:03:00Z"}`, `{"gremlin":"G","since":"2026-03-01T12:03:00Z","limit":2}`} {
		_, answer := p.do(http.MethodPost, "/api/v1/topology", body)
		var m map[string]any
		if err := json.Unmarshal([]byte(answer), &m); err != nil {
			t.Fatal(err)
		}
		checkShape(t, "Topology", d["Topology"], m)
		checkShape(t, "Topology.summary", d["Topology"].Properties["summary"], m["summary"].(map[string]any))
		checkShape(t, "TopologyCount", d["TopologyCount"], m["total"].(map[string]any))
		for _, x := range m["nodes"].([]any) {
			n := x.(map[string]any)
			checkShape(t, "TopologyNode", d["TopologyNode"], n)
			if g, ok := n["group"].(map[string]any); ok {
				checkShape(t, "TopologyGroup", d["TopologyGroup"], g)
			}
		}
		for _, x := range m["edges"].([]any) {
			checkShape(t, "TopologyEdge", d["TopologyEdge"], x.(map[string]any))
		}
	}
}

// Nobody waits for a place longer than the query may take, and who is gone gets
// nothing made.
func TestTopologyLimited(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Concurrency, c.Limits.Time = 1, 20*time.Millisecond })
	b.fill(2)
	release := b.hold()
	resp, answer := b.do(http.MethodPost, "/api/v1/topology", `{"gremlin":"G"}`)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(answer, httpx.CodeBusy) {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	release()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/topology", strings.NewReader(`{"gremlin":"G"}`))
	w := httptest.NewRecorder()
	b.api.topology(w, req)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("cancelled: %d %s", w.Code, w.Body)
	}
	b.hold()() // no place was lost
}

// FuzzTopologyRequest: whatever is sent, the request is refused with a reason or
// answered with JSON.
func FuzzTopologyRequest(f *testing.F) {
	for _, s := range []string{`{"gremlin":"G"}`, `{"gremlin":"G.V()","group":["type"],"expand":["type=device","*"],"limit":3}`,
		`{"gremlin":"G","since":"-1h","changes_only":true,"keys":"*,-MTU"}`, `{"gremlin":"G","at":"1772366400","limits":{"timeout":"1s","visited":9}}`, `[]`, `{"limit":1e9}`} {
		f.Add([]byte(s))
	}
	p := lived(f, func(c *Config) {
		c.Limits = gremlin.Limits{Time: time.Second, Visited: 10_000, Results: 1000, Bytes: 1 << 20}
	})
	f.Fuzz(func(t *testing.T, data []byte) {
		req := httptest.NewRequest(http.MethodPost, "/api/v1/topology", strings.NewReader(string(data)))
		w := httptest.NewRecorder()
		p.api.topology(w, req)
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if w.Code == http.StatusInternalServerError {
			t.Fatalf("%s: %s", data, w.Body)
		}
	})
}

// BenchmarkTopology is the whole request, from its body to the encoded answer.
func BenchmarkTopology(b *testing.B) {
	for name, c := range map[string]overviewtest.Config{"5k": overviewtest.Large(), "100k": overviewtest.Huge()} {
		b.Run(name, func(b *testing.B) {
			view := c.Graph().View()
			bench := newBenchWith(b, nil, func(d *Deps) { d.View = func() *graph.View { return view } })
			b.ReportAllocs()
			for b.Loop() {
				req := httptest.NewRequest(http.MethodPost, "/api/v1/topology", strings.NewReader(`{"gremlin":"G"}`))
				w := httptest.NewRecorder()
				bench.api.topology(w, req)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
