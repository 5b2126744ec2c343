package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/flows"
)

// sighting is a conversation at an interface: number n, at a time, of so many
// packets there and back.
func (b *flowBench) sighting(n int64, iface string, at time.Time, ab, ba int64) flowrecord.Record {
	tid := b.tid(iface)
	r := flowrecord.Record{
		TrackingID: flowrecord.Tracking(0xc0 + n), L3TrackingID: 0xf0, NodeTID: tid, HostID: "h", Interface: iface, CaptureID: "wan", Application: "SSH",
		NetworkProtocol: "IPV4", NetworkA: netip.AddrFrom4([4]byte{10, 9, 0, byte(n)}), NetworkB: netip.MustParseAddr("10.9.1.1"),
		TransportProtocol: "TCP", TransportA: 50000, TransportB: 22, Finish: flowrecord.FinishTCPFin,
	}
	r.ID = entity.TID(tid, fmt.Sprint(n, at), "flow")
	r.Metric = flowrecord.Metric{Start: at.UnixNano(), Last: at.Add(time.Second).UnixNano(), ABPackets: ab, ABBytes: 100 * ab, BAPackets: ba, BABytes: 100 * ba}
	r.Update = r.Metric
	return r
}

type hopsAnswer struct {
	Live, More    bool
	From          time.Time
	Conversations []struct {
		TrackingID string
		Hops       []struct {
			Interface, Name, Node string
			ABPackets             int64
		}
		Between []struct {
			From, To, LostABPackets, LostBAPackets int64
			LossAB                                 float64
			Confidence                             string
		}
		Total struct{ ABPackets, Hop int64 }
	}
}

func (b *flowBench) hops(query string) (a hopsAnswer, text string) {
	b.t.Helper()
	resp, answer := b.do(http.MethodGet, "/api/v1/flows/hops?"+query, "")
	if err := json.Unmarshal([]byte(answer), &a); err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("%s: %d %v %s", query, resp.StatusCode, err, answer)
	}
	var parts []string
	for _, c := range a.Conversations {
		part := c.TrackingID[14:]
		for i, h := range c.Hops {
			if i > 0 {
				x := c.Between[i-1]
				part += fmt.Sprintf(" -%d-%d(%s)", x.LostABPackets, x.LostBAPackets, x.Confidence)
			}
			part += " " + h.Interface
		}
		parts = append(parts, part)
	}
	return a, strings.Join(parts, ", ")
}

func newHopsBench(t *testing.T, at time.Time) *flowBench {
	b := newFlowBench(t, nil, func(c *flows.Config) { c.Oldest = 400 * 24 * time.Hour })
	b.take(
		b.sighting(1, "eth1", at, 10, 8), b.sighting(1, "eth0", at.Add(time.Millisecond), 7, 8),
		b.sighting(2, "eth1", at, 20, 20), b.sighting(2, "eth0", at.Add(time.Millisecond), 20, 20),
		b.sighting(3, "eth0", at, 1, 0),
	)
	return b
}

func TestFlowHops(t *testing.T) {
	b := newHopsBench(t, time.Now().Add(-10*time.Second))
	for query, want := range map[string]string{
		"application=SSH":                      "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0, c3 eth0",
		"application=SSH&points=2":             "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0",
		"application=SSH&sort=packets&limit=1": "c2 eth1 -0-0(exact) eth0",
		"application=SSH&node=eth1":            "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0",
		"capture=wan&interface=eth0":           "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0, c3 eth0",
		"tracking=00000000000000c2":            "c2 eth1 -0-0(exact) eth0",
		"address=10.9.0.1":                     "c1 eth1 -3-0(exact) eth0",
		"interface=none":                       "",
		"application=SSH&join=l3&points=2":     "f0 eth1 -2-0(exact) eth0",
		"application=SSH&finished=false":       "",
		"application=SSH&since=-1m&node=eth1":  "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0",
		"application=SSH&since=-2h&to=-1h":     "",
	} {
		if _, got := b.hops(query); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
	a, _ := b.hops("application=SSH&limit=2")
	if c := a.Conversations[0]; !a.Live || !a.More || c.Hops[0].Name != "eth1" || len(c.Hops[0].Node) != 36 || c.Total.ABPackets != 10 || c.Total.Hop != 0 || c.Between[0].LossAB != 0.3 {
		t.Errorf("%+v", a)
	}
	for query, want := range map[string]string{
		"sort=speed": "sort=", "join=mac": "join=", "points=0": "points=", "limit=1001": "limit=", "order=asc": "no parameter", "dedup=1": "no parameter", "node=nowhere": "no node",
	} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/flows/hops?"+query, ""); resp.StatusCode/100 != 4 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", query, resp.StatusCode, answer)
		}
	}
}

// TestHopsOfPast: a place chooses conversations, all points of which are told.
func TestHopsOfPast(t *testing.T) {
	b := newHopsBench(t, time.Now().Add(-time.Hour))
	for query, want := range map[string]string{
		"application=SSH&since=-2h&interface=eth1":                "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0",
		"application=SSH&since=-2h&to=-30m&interface=eth1":        "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0",
		"application=SSH&since=-2h&to=-30m&capture=wan":           "c1 eth1 -3-0(exact) eth0, c2 eth1 -0-0(exact) eth0, c3 eth0",
		"since=-2h&to=-30m&interface=eth1&join=l3":                "f0 eth1 -2-0(exact) eth0",
		"application=DNS&since=-2h&to=-30m&interface=eth1&host=h": "",
	} {
		if a, got := b.hops(query); got != want || a.Live || a.From.IsZero() {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
}

// TestHopsMemory: what is joined counts as memory of queries, and is refused when
// there is none left.
func TestHopsMemory(t *testing.T) {
	b := newFlowBench(t, func(c *Config) { c.Lanes.Memory = 4 * hopsBytes }, nil)
	for i, want := range map[int64]int{4: http.StatusOK, 5: http.StatusUnprocessableEntity} {
		at := time.Now().Add(-time.Duration(i) * time.Second)
		for n := range i {
			r := b.sighting(n, "eth1", at, 1, 1)
			r.Application = fmt.Sprint(i)
			b.take(r)
		}
		if resp, answer := b.do(http.MethodGet, fmt.Sprintf("/api/v1/flows/hops?application=%d", i), ""); resp.StatusCode != want || want != 200 && resp.Header.Get(HeaderLimit) != "memory" {
			t.Errorf("%d flows: %d %s", i, resp.StatusCode, answer)
		}
	}
}

func TestHopsShape(t *testing.T) {
	b := newHopsBench(t, time.Now().Add(-10*time.Second))
	d := parse(t)
	_, answer := b.do(http.MethodGet, "/api/v1/flows/hops?application=SSH&since=-1m", "")
	var m map[string]any
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "HopList", d.Components.Schemas["HopList"], m)
	c := m["conversations"].([]any)[0].(map[string]any)
	checkShape(t, "Conversation", d.Components.Schemas["Conversation"], c)
	checkShape(t, "Hop", d.Components.Schemas["Hop"], c["Hops"].([]any)[0].(map[string]any))
	checkShape(t, "HopLoss", d.Components.Schemas["HopLoss"], c["Between"].([]any)[0].(map[string]any))
}

// TestTopOnce: each conversation counts once, and what was sampled is told.
func TestTopOnce(t *testing.T) {
	b := newHopsBench(t, time.Now().Add(-10*time.Second))
	for query, want := range map[string]string{
		"top?by=application&application=SSH&metric=packets":                 `"metric":"packets","rows":[{"key":{"Application":"SSH"},"value":114}]`,
		"top?by=application&application=SSH&metric=packets&dedup=1":         `"metric":"packets","dedup":true,"rows":[{"key":{"Application":"SSH"},"value":59}]`,
		"top?by=application&application=SSH&metric=flows&dedup=true":        `"value":3}]`,
		"series?by=application&application=SSH&metric=packets&dedup=1":      `"dedup":true,"series":[{"key":{"Application":"SSH"},"total":59,`,
		"series?application=SSH&metric=packets&dedup=1&since=-1m&step=1h":   `"total":59,`,
		"series?by=application&application=SSH&metric=packets&dedup=0&to=0": `"series":[]`,
		"top?dedup=perhaps": "neither true nor false",
	} {
		if _, answer := b.do(http.MethodGet, "/api/v1/flows/"+query, ""); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", query, answer)
		}
	}
	r := b.sighting(4, "eth0", time.Now().Add(-5*time.Second), 64, 0)
	r.SamplingRate, r.Application = 64, "BULK"
	b.take(r)
	for query, want := range map[string]string{
		"top?by=application": `"sampled":64`, "top?by=application&application=BULK&dedup=1": `"dedup":true,"sampled":64,"rows"`, "series?by=application": `"sampled":64`,
	} {
		if _, answer := b.do(http.MethodGet, "/api/v1/flows/"+query, ""); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", query, answer)
		}
	}
	if _, answer := b.do(http.MethodGet, "/api/v1/flows/top?by=application&address=10.9.0.1", ""); strings.Contains(answer, "sampled") {
		t.Error(answer)
	}
}
