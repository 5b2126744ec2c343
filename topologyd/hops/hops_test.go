package hops_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/hops"
)

const ms = int64(1_000_000)

// at makes a report of the conversation of the tests at an interface; the change
// functions say what is special about it.
func at(iface string, changes ...func(*flowrecord.Record)) *flowrecord.Record {
	r := &flowrecord.Record{
		TrackingID: 0xa1, Application: "HTTPS", LayersPath: "Ethernet/IPv4/TCP", HostID: "h1", Interface: iface, CaptureID: "all",
		NetworkProtocol: "IPV4", NetworkA: netip.MustParseAddr("10.0.0.1"), NetworkB: netip.MustParseAddr("10.0.0.2"),
		TransportProtocol: "TCP", TransportA: 40000, TransportB: 443, Finish: flowrecord.FinishTCPFin,
		Metric: flowrecord.Metric{ABPackets: 10, ABBytes: 1000, BAPackets: 8, BABytes: 9000, Start: 1000 * ms, Last: 5000 * ms},
	}
	for _, c := range changes {
		c(r)
	}
	r.NodeTID = entity.TID(entity.UUID{}, r.HostID+"/"+r.Interface, "test")
	if r.ID.IsZero() {
		r.ID = entity.TID(r.NodeTID, r.CaptureID, "flow")
	}
	return r
}

type change = func(*flowrecord.Record)

func host(h string) change    { return func(r *flowrecord.Record) { r.HostID = h } }
func capture(c string) change { return func(r *flowrecord.Record) { r.CaptureID = c } }
func counts(ab, ba int64) change {
	return func(r *flowrecord.Record) { r.Metric.ABPackets, r.Metric.BAPackets = ab, ba }
}
func bytesOf(ab, ba int64) change {
	return func(r *flowrecord.Record) { r.Metric.ABBytes, r.Metric.BABytes = ab, ba }
}
func rtt(ns int64) change               { return func(r *flowrecord.Record) { r.Metric.RTT = ns } }
func start(ns int64) change             { return func(r *flowrecord.Record) { r.Metric.Start = ns } }
func sampled(n int64) change            { return func(r *flowrecord.Record) { r.SamplingRate = n } }
func finish(f flowrecord.Finish) change { return func(r *flowrecord.Record) { r.Finish = f } }
func id(n byte) change                  { return func(r *flowrecord.Record) { r.ID = entity.UUID{15: n} } }

func syn(ab, ba, ttl int64) change {
	return func(r *flowrecord.Record) {
		r.TCP = &flowrecord.TCP{AB: flowrecord.TCPSide{SynStart: ab, SynTTL: ttl}, BA: flowrecord.TCPSide{SynStart: ba}}
	}
}

// swap has the other end be A.
func swap(r *flowrecord.Record) {
	r.NetworkA, r.NetworkB, r.TransportA, r.TransportB, r.LinkA, r.LinkB = r.NetworkB, r.NetworkA, r.TransportB, r.TransportA, r.LinkB, r.LinkA
	m := &r.Metric
	m.ABPackets, m.BAPackets, m.ABBytes, m.BABytes = m.BAPackets, m.ABPackets, m.BABytes, m.ABBytes
	if r.TCP != nil {
		r.TCP.AB, r.TCP.BA = r.TCP.BA, r.TCP.AB
	}
}

func join(t *testing.T, o hops.Options, records ...*flowrecord.Record) *hops.Conversation {
	t.Helper()
	j := hops.New(o)
	for _, r := range records {
		if err := j.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if j.Len() != 1 {
		t.Fatalf("%d conversations", j.Len())
	}
	for c := range j.Conversations() {
		return c
	}
	return nil
}

// path is the conversation in one line: points and what lies between them.
func path(c *hops.Conversation) string {
	var b strings.Builder
	for i := range c.Points {
		if i > 0 {
			x := &c.Between[i-1]
			fmt.Fprintf(&b, " -%d-%d", x.AB.Packets, x.BA.Packets)
			if x.AB.SurplusPackets+x.BA.SurplusPackets > 0 {
				fmt.Fprintf(&b, "+%d+%d", x.AB.SurplusPackets, x.BA.SurplusPackets)
			}
			fmt.Fprintf(&b, "(%s)-> ", x.Confidence)
		}
		b.WriteString(c.Points[i].Interface)
	}
	return b.String()
}

func TestJoin(t *testing.T) {
	for name, x := range map[string]struct {
		records []*flowrecord.Record
		want    string
		order   string
	}{
		"one point": {[]*flowrecord.Record{at("a")}, "a", ""},
		"nothing lost": {
			[]*flowrecord.Record{at("b", start(1001*ms)), at("a")},
			"a -0-0(exact)-> b", "the first packet, by the clock of one host",
		},
		"lost both ways": {
			[]*flowrecord.Record{at("a", counts(10, 5)), at("b", start(1001*ms), counts(7, 8))},
			"a -3-3(exact)-> b", "the first packet, by the clock of one host",
		},
		"more came out than went in": {
			[]*flowrecord.Record{at("a"), at("b", start(1001*ms), counts(12, 8))},
			"a -0-0+2+0(exact)-> b", "the first packet, by the clock of one host",
		},
		"swapped at one": {
			[]*flowrecord.Record{at("a"), at("b", start(1001*ms), counts(9, 8), swap), at("c", start(1002*ms), counts(9, 8))},
			"a -1-0(exact)-> b -0-0(exact)-> c", "the first packet, by the clock of one host",
		},
		"swapped at most, but one sent a SYN": {
			[]*flowrecord.Record{at("a", syn(1000*ms, 1002*ms, 64)), at("b", start(1003*ms), swap), at("c", start(1002*ms), swap)},
			"a -0-0(exact)-> c -0-0(exact)-> b", "the first packet, by the clock of one host",
		},
		"by SYN, though one began later": {
			[]*flowrecord.Record{at("a", syn(1000*ms, 1009*ms, 64)), at("b", start(900*ms), syn(1001*ms, 1008*ms, 64))},
			"a -0-0(exact)-> b", "the first SYN, by the clock of one host",
		},
		"by TTL": {
			[]*flowrecord.Record{at("c", host("h3"), syn(1, 2, 62)), at("a", syn(9, 10, 64)), at("b", host("h2"), syn(5, 6, 63))},
			"a -0-0(exact)-> b -0-0(exact)-> c", "the TTL of the SYN",
		},
		"by TTL, and then": {
			[]*flowrecord.Record{at("d", host("h2"), syn(5, 6, 63)), at("b", syn(8, 10, 64)), at("a", syn(7, 11, 64)), at("c", host("h2"), syn(4, 7, 63))},
			"a -0-0(exact)-> b -0-0(exact)-> c -0-0(exact)-> d", "the TTL of the SYN, of those where it is equal the first SYN, by the clock of one host",
		},
		"by round trip": {
			[]*flowrecord.Record{at("b", host("h2"), rtt(20*ms)), at("a", rtt(90*ms), start(1500*ms)), at("c", host("h3"), rtt(1*ms))},
			"a -0-0(exact)-> b -0-0(exact)-> c", "the round trip to B, which is shorter the nearer it is",
		},
		"by the clocks of hosts": {
			[]*flowrecord.Record{at("b", host("h2"), start(1001*ms)), at("a")},
			"a -0-0(exact)-> b", "the first packet, by the clocks of several hosts, assumed equal",
		},
		"by nothing": {
			[]*flowrecord.Record{at("b", host("h2"), start(9001*ms)), at("a")},
			"a -0-0(partial)-> b", "nothing: the captures began at different times; the order is not known",
		},
		"two captures at one interface": {
			[]*flowrecord.Record{at("a"), at("a", capture("web"), counts(4, 4)), at("b", start(1001*ms), counts(9, 8))},
			"a -1-0(exact)-> b", "the first packet, by the clock of one host",
		},
		"the capture that does not sample counts": {
			[]*flowrecord.Record{at("a"), at("a", capture("cheap"), counts(16, 16), sampled(8)), at("b", start(1001*ms))},
			"a -0-0(exact)-> b", "the first packet, by the clock of one host",
		},
		"sampled": {
			[]*flowrecord.Record{at("a", counts(16, 8), sampled(8)), at("b", start(1001*ms), counts(11, 8))},
			"a -5-0(estimate)-> b", "the first packet, by the clock of one host",
		},
		"going on": {
			[]*flowrecord.Record{at("a", finish(0)), at("b", start(1001*ms), counts(9, 8), finish(0))},
			"a -1-0(going on)-> b", "the first packet, by the clock of one host",
		},
		"a capture that ended": {
			[]*flowrecord.Record{at("a"), at("b", start(1001*ms), counts(9, 8), finish(flowrecord.FinishStopped))},
			"a -1-0(partial)-> b", "the first packet, by the clock of one host",
		},
		"a capture that began later": {
			[]*flowrecord.Record{at("a", syn(1000*ms, 1001*ms, 64), rtt(2*ms)), at("b", start(1500*ms), counts(9, 8), rtt(ms))},
			"a -1-0(partial)-> b", "the round trip to B, which is shorter the nearer it is",
		},
		"evicted and seen again": {
			[]*flowrecord.Record{
				at("a"), at("b", start(1001*ms), counts(4, 4), finish(flowrecord.FinishEvicted), id(1)), at("b", start(3000*ms), counts(6, 4), id(2)),
			},
			"a -0-0(exact)-> b", "the first packet, by the clock of one host",
		},
		"reports doubled and out of order": {
			[]*flowrecord.Record{
				at("a"), at("a"), at("a", counts(3, 3), finish(0)), at("b", start(1001*ms), counts(1, 1), finish(0)), at("b", start(1001*ms)),
			},
			"a -0-0(exact)-> b", "the first packet, by the clock of one host",
		},
	} {
		slices.Reverse(x.records)
		for range 2 {
			slices.Reverse(x.records)
			c := join(t, hops.Options{}, x.records...)
			if got := path(c); got != x.want || c.Order != x.order {
				t.Errorf("%s:\ngot  %s by %s\nwant %s by %s", name, got, c.Order, x.want, x.order)
			}
		}
	}
}

func TestDelays(t *testing.T) {
	c := join(t, hops.Options{},
		at("a", syn(1000*ms, 1030*ms, 64), rtt(30*ms)), at("b", start(1001*ms), syn(1001*ms, 1028*ms, 64), rtt(27*ms)),
		at("c", host("h2"), start(900*ms), syn(900*ms, 910*ms, 63), rtt(10*ms)))
	b := &c.Between[0]
	if b.RoundTrip != (hops.Delay{NS: 3 * ms, Known: true}) || b.OneWayAB.NS != ms || b.OneWayBA.NS != 2*ms || !b.SameClock {
		t.Errorf("%+v", b)
	}
	if b = &c.Between[1]; b.RoundTrip.NS != 17*ms || b.SameClock || b.OneWayAB.NS != -101*ms {
		t.Errorf("%+v", b)
	}
	if e := c.EndToEnd; e == nil || e.From != 0 || e.To != 2 || e.RoundTrip.NS != 20*ms {
		t.Errorf("%+v", c.EndToEnd)
	}
	if text := strings.Join(b.Evidence, "; "); !strings.Contains(text, "clocks of two hosts, assumed equal") || !strings.Contains(text, "no clocks are compared") {
		t.Error(text)
	}
	// The first packet is the same one only when none was lost.
	c = join(t, hops.Options{}, at("a"), at("b", start(1004*ms)))
	if b = &c.Between[0]; b.OneWayAB != (hops.Delay{NS: 4 * ms, Known: true}) || b.RoundTrip.Known || b.OneWayBA.Known {
		t.Errorf("%+v", b)
	}
	if c = join(t, hops.Options{}, at("a", counts(11, 8)), at("b", start(1004*ms))); c.Between[0].OneWayAB.Known {
		t.Errorf("%+v", c.Between[0])
	}
	// A SYN that was lost came again.
	if c = join(t, hops.Options{}, at("a", counts(11, 8), syn(1000*ms, 2030*ms, 64)), at("b", syn(2010*ms, 2020*ms, 64))); c.Between[0].OneWayAB.Known || !c.Between[0].OneWayBA.Known {
		t.Errorf("%+v", c.Between[0])
	}
}

func TestTotal(t *testing.T) {
	c := join(t, hops.Options{}, at("a", counts(5, 5)), at("b", start(1001*ms), counts(6, 6)), at("c", start(1002*ms), counts(6, 6)))
	if c.Total != 1 || c.Points[c.Total].Packets() != 12 {
		t.Errorf("total of point %d: %+v", c.Total, c.Points[c.Total])
	}
	a := c.Attrs(func(tid entity.UUID) entity.Attrs { return entity.Attrs{entity.A("Name", entity.String("x"))} })
	for path, want := range map[string]string{
		"Total.ABPackets": "6", "Total.Hop": "1", "Between.LostABPackets": "0", "Network.A": "10.0.0.1", "Transport.B": "443", "TrackingID": "00000000000000a1",
		"EndToEnd.To": "2", "Hops.Name": "x", "Hops.First": "1000", "Between.Confidence": "exact", "Between.SurplusABPackets": "1", "Hops.Captures": `["all"]`,
	} {
		var got []string
		a.Lookup(path, func(v entity.Value) bool {
			got = append(got, v.Text())
			return true
		})
		if len(got) == 0 || got[0] != want {
			t.Errorf("%s: %q, want %s", path, got, want)
		}
	}
	rows := slices.Collect(c.Rows())
	if len(rows) != 2 || rows[1].Get("From").Map().Get("Interface").Str() != "b" || rows[1].Get("Hop").Int() != 1 {
		t.Errorf("%v", entity.Map(rows[1]).Text())
	}
}

func TestMissedAndDropped(t *testing.T) {
	o := hops.Options{Missed: func(_ entity.UUID, capture string) int64 {
		if capture == "lossy" {
			return 7
		}
		return 0
	}}
	dropped := func(r *flowrecord.Record) {
		r.Dropped, r.Drops = 2, entity.Map(entity.Attrs{entity.A("NETFILTER_DROP", entity.Int(2))})
	}
	c := join(t, o, at("a", capture("lossy")), at("b", start(1001*ms), counts(8, 8), dropped))
	text := strings.Join(c.Between[0].Evidence, "; ")
	if c.Between[0].Confidence != hops.Partial || !strings.Contains(text, "lossy lost 7 packets") {
		t.Errorf("%s: %s", c.Between[0].Confidence, text)
	}
	c = join(t, o, at("a", dropped), at("b", host("h2"), start(1001*ms), counts(8, 8)))
	if text = strings.Join(c.Between[0].Evidence, "; "); !strings.Contains(text, "the kernel of h1 dropped 2 packets of it: NETFILTER_DROP 2") {
		t.Error(text)
	}
}

// TestDropsAddUp: what was dropped of several flows at a point is told by reason,
// once for a host, also when only the farther point knew of it.
func TestDropsAddUp(t *testing.T) {
	drops := func(n int64, reasons ...entity.Attr) change {
		return func(r *flowrecord.Record) { r.Dropped, r.Drops = n, entity.Map(entity.Attrs(reasons).Normalize()) }
	}
	b1 := drops(3, entity.A("NETFILTER_DROP", entity.Int(2)), entity.A("NO_SOCKET", entity.Int(1)), entity.A("x", entity.String("y")))
	b2 := drops(4, entity.A("NETFILTER_DROP", entity.Int(3)), entity.A("TCP_CSUM", entity.Int(1)))
	for name, x := range map[string]struct {
		records []*flowrecord.Record
		want    []string
	}{
		"at the farther one":   {[]*flowrecord.Record{at("a"), at("b", start(1001*ms), b1, id(1)), at("b", start(2000*ms), b2, id(2))}, []string{"h1 dropped 7 packets of it: NETFILTER_DROP 5, NO_SOCKET 1, TCP_CSUM 1"}},
		"at both, not as much": {[]*flowrecord.Record{at("a", b1), at("b", start(1001*ms), b2)}, []string{"h1 dropped 4 packets of it: NETFILTER_DROP 3, TCP_CSUM 1"}},
		"on two hosts":         {[]*flowrecord.Record{at("a", b1), at("b", host("h2"), start(1001*ms), b2)}, []string{"h1 dropped 3 packets", "h2 dropped 4 packets"}},
		"on hosts not known":   {[]*flowrecord.Record{at("a", host(""), b1), at("b", host(""), start(1001*ms), b2)}, []string{"a dropped 3 packets", "b dropped 4 packets"}},
	} {
		c := join(t, hops.Options{}, x.records...)
		text := strings.Join(c.Between[0].Evidence, "; ")
		for _, want := range x.want {
			if !strings.Contains(text, "the kernel of "+want) || strings.Count(text, "the kernel of") != len(x.want) {
				t.Errorf("%s: %s, want %s", name, text, want)
			}
		}
	}
}

// TestManyPoints: a conversation at very many points is joined, whatever they say
// of times, and all points and what lies between them are told.
func TestManyPoints(t *testing.T) {
	const n = 10_000
	var records []*flowrecord.Record
	for i := range n {
		r := at(fmt.Sprint("p", i), host(fmt.Sprint("h", i%3)), start(int64(i%5)), counts(int64(i%7), int64(i%11)), rtt(int64(i%13)))
		if i%2 == 0 {
			swap(r)
		}
		if i%3 == 0 {
			r.Metric.Start, r.Metric.Last = 0, 0
		}
		records = append(records, r)
	}
	c := join(t, hops.Options{MaxFlows: n}, records...)
	rows := 0
	for range c.Rows() {
		rows++
	}
	if len(c.Points) != n || len(c.Between) != n-1 || rows != n-1 || c.Total >= n || c.EndToEnd == nil {
		t.Errorf("%d points, %d between, %d rows", len(c.Points), len(c.Between), rows)
	}
}

func TestBounds(t *testing.T) {
	j := hops.New(hops.Options{MaxFlows: 2})
	for i, want := range []error{nil, nil, nil, hops.ErrTooMany} {
		if err := j.Add(at("a", id(byte(max(1, i))))); !errors.Is(err, want) {
			t.Errorf("%d: %v", i, err)
		}
	}
	none := at("b")
	none.TrackingID = 0
	if err := j.Add(none); err != nil || j.Len() != 1 {
		t.Errorf("a flow without a tracking ID: %v, %d conversations", err, j.Len())
	}
}

func TestL3(t *testing.T) {
	a, b := at("a"), at("b", host("h2"), start(1001*ms))
	a.TrackingID, a.L3TrackingID, b.TrackingID, b.L3TrackingID = 1, 9, 2, 9
	c := join(t, hops.Options{L3: true}, a, b)
	if len(c.Points) != 2 || c.TrackingID != 9 {
		t.Errorf("%s", path(c))
	}
	j := hops.New(hops.Options{})
	_, _ = j.Add(a), j.Add(b)
	if j.Len() != 2 {
		t.Errorf("%d conversations", j.Len())
	}
}

func TestSort(t *testing.T) {
	j := hops.New(hops.Options{})
	for i, n := range []int64{5, 9, 7} {
		for _, r := range []*flowrecord.Record{at("a", counts(n, 0), bytesOf(100*(10-n), 0), id(byte(10+i))), at("b", start(1001*ms), counts(n-int64(i), 0), id(byte(20+i)))} {
			r.TrackingID = flowrecord.Tracking(i + 1)
			if err := j.Add(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	list := slices.Collect(j.Conversations())
	for by, want := range map[string]string{"lost": "[3 2 1]", "packets": "[2 3 1]", "bytes": "[1 3 2]", "last": "[2 3 1]"} {
		ok := hops.Sort(list, by)
		var got []int
		for _, c := range list {
			got = append(got, int(c.TrackingID))
		}
		if !ok || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", by, got, want)
		}
	}
	if hops.Sort(list, "nothing") {
		t.Error("an order that there is not")
	}
}
