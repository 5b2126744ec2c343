package gremlin

import (
	"context"
	"io"
	"iter"
	"net/netip"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
)

// heldFlows is a source that has its answer ready.
type heldFlows struct {
	*flowTable
	list []*flowrecord.Record
}

func (h *heldFlows) Flows(context.Context, *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		for _, r := range h.list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// BenchmarkFlows runs queries over 100 k flows of a source that heeds no hint.
func BenchmarkFlows(b *testing.B) {
	w := flowWorld(b)
	src := &heldFlows{}
	for i := range 100_000 {
		r := &flowrecord.Record{
			ID: flowrecord.ID{byte(i >> 16), byte(i >> 8), byte(i), 1}, TrackingID: flowrecord.Tracking(i/2 + 1), Application: []string{"HTTPS", "DNS", "SSH"}[i%3],
			NetworkProtocol: "IPV4", NetworkA: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), NetworkB: netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}),
			TransportProtocol: "TCP", TransportA: uint16(i), TransportB: 443, LinkA: flowrecord.MAC{2, 0, 0, 0, 0, 1},
			Metric: flowrecord.Metric{ABPackets: int64(i), ABBytes: int64(i * 7919 % 100_003), Start: 1e18, Last: 1e18 + int64(i)*1e6},
		}
		r.Update = r.Metric
		src.list = append(src.list, r)
	}
	for _, q := range []struct{ name, text string }{
		{"count", "G.Flows().Count()"},
		{"application", "G.Flows().Has('Application','HTTPS').Count()"},
		{"network", "G.Flows().Has('Network','10.1.0.7').Count()"},
		{"range", "G.Flows().Has('Network',IPV4RANGE('10.0.1.0/24')).Count()"},
		{"port", "G.Flows().Has('Transport',443).Count()"},
		{"sort-limit", "G.Flows().Sort(DESC,'Metric.ABBytes').Limit(10)"},
		{"dedup", "G.Flows().Dedup().Count()"},
		{"sum", "G.Flows().Sum('Metric.ABBytes')"},
		{"group", "G.Flows().Group('Application').Count()"},
		{"in", "G.Flows().In().Count()"},
		{"metrics-sum", "G.Flows().Metrics().Sum()"},
		{"aggregates", "G.Flows().Metrics().Aggregates(1)"},
	} {
		query := mustParse(b, q.text)
		b.Run(q.name, func(b *testing.B) {
			b.ReportAllocs()
			defer reportCPU(b)()
			for b.Loop() {
				if _, err := query.RunOn(b.Context(), w.view, Sources{Flows: src}, Limits{Memory: -1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	r, err := mustParse(b, "G.Flows().Limit(10000)").RunOn(b.Context(), w.view, Sources{Flows: src}, Limits{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("json-10k", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := r.WriteJSON(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
}
