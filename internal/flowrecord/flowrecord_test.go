package flowrecord_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
)

// TestEveryFieldRoundTrips: what Get gives Set takes, into that field alone.
func TestEveryFieldRoundTrips(t *testing.T) {
	full := flowrecordtest.Full(rand.New(rand.NewPCG(1, 2)))
	for _, f := range flowrecord.Fields() {
		v := f.Get(&full)
		if v.Kind() != f.Kind {
			t.Errorf("%s: a %s, the table says %s", f.Wire, v.Kind(), f.Kind)
		}
		var rec flowrecord.Record
		if !f.Set(&rec, v) {
			t.Errorf("%s: Set does not take %s", f.Wire, v.Text())
		}
		for _, g := range flowrecord.Fields() {
			switch got := g.Get(&rec); {
			case g.Wire == f.Wire:
				if !got.Equal(v) {
					t.Errorf("%s: got %s, want %s", f.Wire, got.Text(), v.Text())
				}
			case g.Wire != "flow.finish" && !got.IsZero():
				t.Errorf("setting %s sets %s", f.Wire, g.Wire)
			}
		}
	}
}

// TestNamesAreUnique: neither name is used twice, and no name of the wire has
// what a log store would have to quote.
func TestNamesAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range flowrecord.Fields() {
		for _, name := range []string{"query " + f.Query, "wire " + f.Wire} {
			if seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if strings.Trim(f.Wire, "abcdefghijklmnopqrstuvwxyz0123456789._") != "" {
			t.Errorf("%s", f.Wire)
		}
		if f.Time && f.Kind != entity.KindInt {
			t.Errorf("%s: a time that is a %s", f.Wire, f.Kind)
		}
	}
}

// TestZeroRecord: a record of nothing has nothing but that it goes on, and
// reading makes no TCP.
func TestZeroRecord(t *testing.T) {
	var rec flowrecord.Record
	for _, f := range flowrecord.Fields() {
		if v := f.Get(&rec); !v.IsZero() && f.Wire != "flow.finish" {
			t.Errorf("%s is %s", f.Wire, v.Text())
		}
	}
	if rec.TCP != nil {
		t.Error("reading made TCP")
	}
	if got := entity.Map(flowrecord.NewTable().Attrs(&rec)).Text(); !strings.Contains(got, `"FinishType":"NOT_FINISHED"`) {
		t.Error(got)
	}
}

func TestSetRefuses(t *testing.T) {
	table := flowrecord.NewTable()
	for wire, values := range map[string][]entity.Value{
		"flow.id":             {{}, entity.Int(1), entity.String("x")},
		"flow.tracking_id":    {{}, entity.String("123"), entity.String("000000000000000g")},
		"host.id":             {{}, entity.Int(1), entity.Map(nil)},
		"network.flow.start":  {{}, entity.Int(-1), entity.Float(1), entity.String("1")},
		"flow.finish":         {{}, entity.String(""), entity.String("tcp_fin")},
		"source.mac":          {{}, entity.String("02:00:00:00:00"), entity.String("02:00:00:00:00-01"), entity.String("zz:00:00:00:00:01")},
		"source.address":      {{}, entity.String("10.0.0"), entity.String("fe80::1%lo")},
		"source.port":         {{}, entity.Int(-1), entity.Int(65536), entity.Float(1)},
		"network.transport":   {{}, entity.Int(6), entity.String("t\u00e7p")},
		"flow.dns":            {{}, entity.String("{}"), entity.List()},
		"flow.tcp.syn.ttl":    {{}, entity.Int(-1)},
		"network.io.packets":  {{}, entity.Int(math.MinInt64)},
		"flow.l3_tracking_id": {entity.String(strings.Repeat("f", 17))},
	} {
		f := table.Wire(wire)
		if f == nil {
			t.Fatalf("no field %s", wire)
		}
		for _, v := range values {
			if f.Set(new(flowrecord.Record), v) {
				t.Errorf("%s takes %s %s", wire, v.Kind(), v.Text())
			}
		}
	}
}

// sample is the record of the tests below.
func sample() *flowrecord.Record {
	return &flowrecord.Record{
		ID: entity.UUID{15: 1}, TrackingID: 0xab, Application: "HTTPS", LayersPath: "Ethernet/IPv4/TCP",
		NetworkProtocol: "IPV4", NetworkA: netip.MustParseAddr("10.0.0.1"), NetworkB: netip.MustParseAddr("10.0.0.2"),
		TransportProtocol: "TCP", TransportA: 40000, TransportB: 443,
		Metric: flowrecord.Metric{ABPackets: 3, ABBytes: 300, Start: 5_000_999_999, Last: 7_000_000_000},
		TCP:    &flowrecord.TCP{State: "ESTABLISHED"},
		DNS:    entity.Map(entity.Attrs{entity.A("Questions", entity.List(entity.Map(entity.Attrs{entity.A("Name", entity.String("a.example"))})))}),
	}
}

func TestLookup(t *testing.T) {
	table, rec := flowrecord.NewTable(), sample()
	for path, want := range map[string]string{
		"UUID":                       "00000000-0000-0000-0000-000000000001",
		"TrackingID":                 "00000000000000ab",
		"Network":                    `{"A":"10.0.0.1","B":"10.0.0.2","Protocol":"IPV4"}`,
		"Network.Protocol":           "IPV4",
		"Network.A":                  "10.0.0.1",
		"Transport.B":                "443",
		"Transport.Protocol":         "TCP",
		"Start":                      "5000",
		"Metric.Start":               "5000",
		"Metric.Last":                "7000",
		"Metric.ABPackets":           "3",
		"Metric.BAPackets":           "0",
		"Metric":                     `{"ABBytes":300,"ABPackets":3,"BABytes":0,"BAPackets":0,"Last":7000,"RTT":0,"Start":5000}`,
		"LastUpdateMetric":           "",
		"LastUpdateMetric.ABBytes":   "0",
		"TCPMetric.State":            "ESTABLISHED",
		"TCPMetric.ABSynStart":       "",
		"Link":                       "",
		"ParentUUID":                 "",
		"ICMP.Type":                  "",
		"FinishType":                 "NOT_FINISHED",
		"DNS.Questions.Name":         "a.example",
		"DNS.Answers":                "",
		"Nothing":                    "",
		"Nothing.At.All":             "",
		"":                           "",
		".":                          "",
		"Application.x":              "",
		"Transport.":                 "",
		"LastUpdateMetric.Something": "",
	} {
		var got []string
		table.Lookup(rec, path, func(v entity.Value) bool {
			got = append(got, v.Text())
			return true
		})
		if strings.Join(got, "|") != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// TestAttrs: the answer has what Lookup finds, no more and no less.
func TestAttrs(t *testing.T) {
	table := flowrecord.NewTable()
	got := entity.Map(table.Attrs(sample())).Text()
	want := `{"Application":"HTTPS","DNS":{"Questions":[{"Name":"a.example"}]},"FinishType":"NOT_FINISHED","Last":7000,` +
		`"LayersPath":"Ethernet/IPv4/TCP","Metric":{"ABBytes":300,"ABPackets":3,"BABytes":0,"BAPackets":0,"Last":7000,"RTT":0,"Start":5000},` +
		`"Network":{"A":"10.0.0.1","B":"10.0.0.2","Protocol":"IPV4"},"Start":5000,"TCPMetric":{"State":"ESTABLISHED"},` +
		`"TrackingID":"00000000000000ab","Transport":{"A":40000,"B":443,"Protocol":"TCP"},"UUID":"00000000-0000-0000-0000-000000000001"}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		rec := flowrecordtest.Record(r)
		a := table.Attrs(&rec)
		for _, f := range table.Fields() {
			var inAttrs, byLookup entity.Value
			a.Lookup(f.Query, func(v entity.Value) bool { inAttrs = v; return false })
			table.Lookup(&rec, f.Query, func(v entity.Value) bool { byLookup = v; return false })
			if rec.Update.IsZero() && strings.HasPrefix(f.Query, "LastUpdateMetric.") {
				continue
			}
			if !inAttrs.Equal(byLookup) {
				t.Errorf("%s: %s in Attrs, %s by Lookup", f.Query, inAttrs.Text(), byLookup.Text())
			}
		}
	}
}

func TestTableFinds(t *testing.T) {
	table := flowrecord.NewTable()
	for _, f := range table.Fields() {
		if q, w := table.Query(f.Query), table.Wire(f.Wire); q == nil || q != w {
			t.Errorf("%s and %s lead to different fields", f.Query, f.Wire)
		}
	}
	if table.Query("source.port") != nil || table.Wire("Transport.A") != nil {
		t.Error("names of the one are names of the other")
	}
}

func TestFinish(t *testing.T) {
	for f := flowrecord.NotFinished; f <= flowrecord.FinishStopped; f++ {
		if got, ok := flowrecord.ParseFinish(f.String()); !ok || got != f {
			t.Errorf("%d: %s, %v", f, got, ok)
		}
		if rec := (flowrecord.Record{Finish: f}); rec.Finished() != (f != flowrecord.NotFinished) {
			t.Errorf("%s: finished is %v", f, rec.Finished())
		}
	}
	if got := flowrecord.Finish(200).String(); got != "NOT_FINISHED" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "02:00:00:00:00:01", "00000000000000ab", "ffffffffffffffff", "+fffffffffffffff", "TCP_FIN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if m, ok := flowrecord.ParseMAC(s); ok && m != (flowrecord.MAC{}) && m.String() != strings.ToLower(s) {
			t.Errorf("MAC %q: %s", s, m)
		}
		if n, ok := flowrecord.ParseTracking(s); ok && n != 0 && n.String() != strings.ToLower(s) {
			t.Errorf("tracking %q: %s", s, n)
		}
		if x, ok := flowrecord.ParseFinish(s); ok && x.String() != s {
			t.Errorf("finish %q: %s", s, x)
		}
	})
}
