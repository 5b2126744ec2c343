package ingest

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	eventlog "github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/internal/flowrecord"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/topologyd/auth"
)

func counterLines(ids ...entity.UUID) (b []byte) {
	for i, id := range ids {
		b = fmt.Appendf(b, "topology_interface,entity=%s rx_bytes=%di 1700000000000000000\n", id, i+5)
	}
	return b
}

// TestForeignCounters: of nodes of others and of nobody's no counters are taken,
// and of nodes that are not known yet none are kept over time.
func TestForeignCounters(t *testing.T) {
	b := newClaimsBench(t)
	b.write("a", encode(world("a", global)...))
	b.write("b", encode(world("b", another)...))
	rule := world("b", another)[8].UUID()
	sw := entity.SwitchRef("mac:02:00:00:00:00:01").UUID()
	later := eth("a", "77").UUID()
	code, e := b.write("b", counterLines(eth("b", "2").UUID(), eth("a", "2").UUID(), rule, sw, later))
	if code != http.StatusBadRequest || e.Error.Rejected != 2 || e.Error.Position.Line != 2 || !strings.Contains(e.Message, eth("a", "2").UUID().String()+" is not of its host") {
		t.Errorf("%d %+v", code, e)
	}
	var kept []string
	for _, m := range b.series.got {
		kept = append(kept, m.Node.String())
	}
	if want := []string{eth("b", "2").UUID().String(), rule.String()}; fmt.Sprint(kept) != fmt.Sprint(want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	v := b.graph.View()
	if n := v.NodeByID(eth("a", "2").UUID()); !n.Metric.IsZero() {
		t.Errorf("host a's interface has %v", n.Metric)
	}
	if n := v.NodeByID(eth("b", "2").UUID()); n.Metric.Map().Get("RxBytes").Int() != 5 {
		t.Errorf("its own has %v", n.Metric)
	}
	if n := b.counter("topologyd_ingest_ignored_total", "metric"); n != 1 {
		t.Errorf("%v ignored, want 1: the one that is not known", n)
	}
	// In the request that tells of a node for the first time they are taken.
	b.series.got = nil
	body := append(encode(ev(eth("b", "8"), "netlink", text("Name", "eth8"))), counterLines(eth("b", "8").UUID())...)
	if code, e := b.write("b", body); code != http.StatusNoContent || len(b.series.got) != 1 {
		t.Errorf("%d %+v, %d kept", code, e, len(b.series.got))
	}
	// The bound of what is remembered.
	for i := range maxOwners + 2 {
		b.in.owners.byID[entity.UUID{byte(i), byte(i >> 8), byte(i >> 16), 1}] = "x"
	}
	b.write("b", counterLines(eth("b2", "1").UUID(), netns("b").UUID()))
	if n := len(b.in.owners.byID); n > maxOwners {
		t.Errorf("%d nodes are remembered", n)
	}
}

// TestForeignLogs: entity events by OTLP, in both encodings.
func TestForeignLogs(t *testing.T) {
	for _, media := range []string{typeProtobuf, typeJSON} {
		b := newClaimsBench(t)
		b.write("a", encode(world("a", global)...))
		before := stateOf(b.graph.View(), "a")
		logs := eventlog.Encode([]entity.Event{*ev(eth("a", "2"), "netlink", text("Name", "x")), *ev(eth("b", "2"), "netlink", text("Name", "eth0"))})
		code, _, answer := b.post("/v1/logs", marshal(t, media, logs), "Content-Type", media, "As", "b")
		p := unmarshal(t, media, answer).PartialSuccess()
		if code != http.StatusOK || p.RejectedLogRecords() != 1 || !strings.Contains(p.ErrorMessage(), "not yours to report: the entity \"interface host.id=a") {
			t.Errorf("%d %q", code, p.ErrorMessage())
		}
		if n := b.counter("topologyd_ingest_rejected_total", protoHTTP, reasonForeign); n != 1 {
			t.Errorf("%v refused", n)
		}
		if after := stateOf(b.graph.View(), "a"); after != before || b.graph.View().SlotByID(eth("b", "2").UUID()) < 0 {
			t.Errorf("host a:\n%s\nwas:\n%s", after, before)
		}
	}
}

// TestForeignFlows: flow records of others are refused on both ways in, those of
// its own interfaces and of such that have gone are taken.
func TestForeignFlows(t *testing.T) {
	for name, media := range map[string]string{"quick": typeProtobuf, "by pdata": typeJSON} {
		t.Run(name, func(t *testing.T) {
			b := newClaimsBench(t)
			b.write("a", encode(world("a", global)...))
			b.write("b", encode(world("b", another)...))
			tid := func(ref entity.Ref) (id entity.UUID) {
				if err := id.UnmarshalText([]byte(b.graph.View().NodeByID(ref.UUID()).Attrs.Get(entity.KeyTID).Str())); err != nil {
					t.Fatal(err)
				}
				return id
			}
			at := func(host string, tid entity.UUID) flowrecord.Record {
				_, all := flowLogs(1)
				all[0].HostID, all[0].NodeTID = host, tid
				return all[0]
			}
			records := []flowrecord.Record{
				at("b", tid(eth("b", "2"))), at("a", tid(eth("a", "2"))), at("b", tid(eth("a", "2"))), at("", tid(eth("b", "2"))),
				at("b", entity.UUID{1}), at("b2", entity.UUID{}), at("z", entity.UUID{}),
			}
			code, _, answer := b.post("/v1/logs", marshal(t, media, flowlog.Encode(records)), "Content-Type", media, "As", "b")
			p := unmarshal(t, media, answer).PartialSuccess()
			if code != http.StatusOK || p.RejectedLogRecords() != 4 || !strings.Contains(p.ErrorMessage(), "is of the host") && !strings.Contains(p.ErrorMessage(), "has no host") {
				t.Errorf("%d %d %q", code, p.RejectedLogRecords(), p.ErrorMessage())
			}
			var kept []string
			for _, r := range b.flows.reports {
				kept = append(kept, r.HostID+" "+r.NodeTID.String())
			}
			want := []string{"b " + tid(eth("b", "2")).String(), "b " + entity.UUID{1}.String(), "b2 " + entity.UUID{}.String()}
			if len(kept) != len(want) {
				t.Fatalf("kept %q, want %q", kept, want)
			}
			for _, w := range want {
				if !strings.Contains(strings.Join(kept, "\n"), w) {
					t.Errorf("kept %q, want %q", kept, want)
				}
			}
			if n := b.counter("topologyd_ingest_rejected_total", protoHTTP, reasonForeign); n != 4 {
				t.Errorf("%v refused", n)
			}
		})
	}
}

// TestClaimsGRPC: who sends is told by the context there too.
func TestClaimsGRPC(t *testing.T) {
	b := newClaimsBench(t)
	ctx := auth.With(t.Context(), who["b"])
	logs := eventlog.Encode([]entity.Event{*ev(eth("a", "2"), "netlink"), *ev(eth("b", "2"), "netlink")})
	resp, err := b.in.takeLogs(ctx, protoGRPC, logs)
	if err != nil || resp.PartialSuccess().RejectedLogRecords() != 1 {
		t.Errorf("%v %v", resp, err)
	}
	if v := b.graph.View(); v.SlotByID(eth("a", "2").UUID()) >= 0 || v.SlotByID(eth("b", "2").UUID()) < 0 {
		t.Error("host a's was taken, or host b's was not")
	}
}

// take takes lines as a request would, without one.
func (b *claimsBench) take(t testing.TB, id *auth.Identity, body []byte) (rejected int) {
	lw := b.in.lineWriter()
	defer b.in.recycle(lw)
	lw.claims = b.in.claimsOf(auth.With(t.Context(), id))
	lw.now, lw.unit = b.clock.UnixNano(), 1
	for lw.buf == nil || cap(lw.buf) < len(body) {
		if err := lw.grow(b.in); err != nil {
			t.Fatal(err)
		}
	}
	defer lw.release(b.in)
	lw.buf = append(lw.buf, body...)
	if _, err := lw.take(t.Context(), b.in, true); err != nil {
		t.Fatal(err)
	}
	return lw.rejected
}

// FuzzClaims: whatever lines b sends, nothing of host a changes.
func FuzzClaims(f *testing.F) {
	for _, e := range world("a", global) {
		f.Add(encode(e))
	}
	for _, e := range world("b", another) {
		f.Add(encode(e))
	}
	f.Add(encode(ev(netns("b"), "netlink", to(entity.Ownership, eth("a", "2")))))
	f.Add(encode(ev(entity.HostRef("b"), "host", text("Name", "name-a"))))
	f.Add(counterLines(eth("a", "2").UUID()))
	b := newClaimsBench(f)
	if code, _ := b.write("a", encode(world("a", global)...)); code != http.StatusNoContent {
		f.Fatal(code)
	}
	before := stateOf(b.graph.View(), "a")
	b.graph.CollectHeard()
	f.Fuzz(func(t *testing.T, body []byte) {
		later := bytes.ReplaceAll(body, []byte(" 1700000000"), []byte(" 1700000030"))
		b.take(t, who["b"], later)
		if after := stateOf(b.graph.View(), "a"); after != before {
			t.Fatalf("%q changes host a:\n%s\nwas:\n%s", later, after, before)
		}
		if !b.graph.View().NodeByID(eth("a", "2").UUID()).Metric.IsZero() {
			t.Fatalf("%q counts at host a", later)
		}
		for _, h := range b.graph.TakeHeard() {
			if is, known := b.in.owners.host(h.Node, b.graph); known && is == "a" {
				t.Fatalf("%q confirms %v of host a", later, h)
			}
		}
	})
}

// BenchmarkClaimsHeartbeat is what a line costs that says nothing new, of a sender
// that may say everything, of one host, and of one for a hundred.
func BenchmarkClaimsHeartbeat(b *testing.B) {
	hundred := &auth.Identity{Name: "hundred", Roles: []auth.Role{auth.Host}, Hosts: []string{"host-1"}}
	for i := range 99 {
		hundred.Hosts = append(hundred.Hosts, fmt.Sprint("other-", i))
	}
	for name, id := range map[string]*auth.Identity{
		"anybody": who["relay"], "host": {Name: "h", Roles: []auth.Role{auth.Host}, Hosts: []string{"host-1"}}, "hundred hosts": hundred,
	} {
		b.Run(name, func(b *testing.B) {
			w := newClaimsBench(b)
			const n = 1000
			body := lines(0, n)
			w.take(b, id, body)
			b.ReportAllocs()
			for b.Loop() {
				if rejected := w.take(b, id, body); rejected > 0 {
					b.Fatal(rejected)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/line")
		})
	}
}

// TestHeartbeatOfTomorrow: a line that says nothing new cannot take a container for
// good by its time.
func TestHeartbeatOfTomorrow(t *testing.T) {
	b := newClaimsBench(t)
	id := entity.ContainerRef(strings.Repeat("ab", 32))
	line := encode(ev(id, "docker", text("Name", "x")))
	if code, e := b.write("b", line); code != http.StatusNoContent {
		t.Fatalf("%d %+v", code, e)
	}
	tomorrow := bytes.ReplaceAll(line, []byte("1700000000000000000"), []byte("1700086400000000000"))
	if code, e := b.write("b", tomorrow); code != http.StatusBadRequest || !strings.Contains(e.Message, "which is to come") || bytes.Equal(line, tomorrow) {
		t.Errorf("%d %+v", code, e)
	}
	state := b.graph.View().NodeState(b.graph.View().NodeByID(id.UUID()))
	if got := state.Facets[0].Time; got != 1700000000000000000 {
		t.Errorf("its last report is of %v", got)
	}
}

// TestManyHosts: a relay for many hosts speaks for them as one for few does, and what
// is kept of it is never another's.
func TestManyHosts(t *testing.T) {
	b := newClaimsBench(t)
	many := make([]string, 10*fewHosts)
	for i := range many {
		many[i] = fmt.Sprintf("host-%d", i)
	}
	relay := &auth.Identity{Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}, Hosts: many}
	viewer := &auth.Identity{Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}, Hosts: many}
	other := &auth.Identity{Name: "relay", Method: auth.MethodToken, Roles: []auth.Role{auth.Host}, Hosts: many[1:]}
	salts := make(map[*auth.Identity]uint64)
	for range 3 {
		for _, id := range []*auth.Identity{relay, viewer, other} {
			for range 2 {
				c := b.in.claimsOf(auth.With(t.Context(), id))
				if c.tid(entity.UUID{1}); c.who != id || salts[id] != 0 && salts[id] != c.salt {
					t.Fatalf("the claims of %+v", c.who)
				}
				salts[id] = c.salt
				for _, h := range append(many, "", "host-x") {
					if got, want := c.of(h) == own, id.SpeaksFor(h); got != want {
						t.Errorf("%v speaks for %q: %v", id.Roles, h, got)
					}
				}
				if fresh := b.in.claimsOf(auth.With(t.Context(), id)); fresh.tids != nil {
					t.Error("a request remembers what another one looked at")
				}
			}
		}
	}
	if salts[relay] == salts[other] {
		t.Error("two relays for other hosts confirm what the other one said")
	}
}

// BenchmarkClaimsMany is a request with one line of a relay for 10,000 hosts.
func BenchmarkClaimsMany(b *testing.B) {
	w := newClaimsBench(b)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("host-%d", i)
	}
	ctx := auth.With(b.Context(), &auth.Identity{Name: "r", Roles: []auth.Role{auth.Host}, Hosts: many})
	b.ReportAllocs()
	for b.Loop() {
		if c := w.in.claimsOf(ctx); c.of("host-9999") != own {
			b.Fatal("it does not speak for its host")
		}
	}
}

// BenchmarkClaimsEvent is what a line costs that is decoded, with nothing behind it.
func BenchmarkClaimsEvent(b *testing.B) {
	w := newClaimsBench(b)
	var dec lineproto.Decoder
	dec.Now = time.Unix(1700000000, 0)
	r, err := dec.Decode(bytes.TrimSpace(lines(1, 2)))
	if err != nil {
		b.Fatal(err)
	}
	c := w.in.claimsOf(auth.With(b.Context(), &auth.Identity{Name: "h", Roles: []auth.Role{auth.Host}, Hosts: []string{"host-1"}}))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.event(&r.Event); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkClaimsFlows is what a flow record costs.
func BenchmarkClaimsFlows(b *testing.B) {
	w := newClaimsBench(b)
	w.write("b", encode(world("b", another)...))
	_, all := flowLogs(1000)
	for i := range all {
		all[i].HostID, all[i].NodeTID = "b", entity.UUID{byte(i % 4)}
	}
	ctx := auth.With(b.Context(), who["b"])
	b.ReportAllocs()
	for b.Loop() {
		c := w.in.claimsOf(ctx)
		if kept, err := c.flows(all); len(kept) != len(all) || err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/record")
}
