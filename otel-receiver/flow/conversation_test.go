package flow_test

import (
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// TestSamples has every frame that the decoder is tested with make one flow for
// each of its levels, with the level's path, bytes and addresses.
func TestSamples(t *testing.T) {
	for _, s := range packettest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			table := newTable(nil)
			f := frame{at: second, link: s.Link, wire: s.Wire, data: s.Data}
			add(table, f, f, f)
			got := map[string]flowrecord.Record{}
			table.Flush(2*second, flowrecord.FinishStopped, func(r *flowrecord.Record) { got[r.ID.String()] = *r })
			if len(s.Levels) == 0 {
				if len(got) != 0 || table.Stats().Undecoded != 3 {
					t.Errorf("%d flows, %+v", len(got), table.Stats())
				}
				return
			}
			bytes, want := int64(0), int64(0)
			for _, r := range got {
				bytes += r.Metric.ABBytes + r.Metric.BABytes
			}
			for _, l := range s.Levels {
				want += 3 * int64(l.Wire)
			}
			if bytes != want {
				t.Errorf("%d bytes, want %d", bytes, want)
			}
			if len(got) != len(s.Levels) {
				t.Errorf("%d flows, want %d", len(got), len(s.Levels))
			}
			records := make([]flowrecord.Record, 0, len(got))
			for _, r := range got {
				records = append(records, r)
			}
			checkParents(t, records)
		})
	}
}

func build(t *testing.T, at int64, stack ...gopacket.SerializableLayer) frame {
	t.Helper()
	data, err := packettest.Frame(stack...)
	if err != nil {
		t.Fatal(err)
	}
	return frame{at: at, link: packet.LinkEthernet, wire: len(data), data: data}
}

// TestTunnelConversation has the two directions of a conversation in VXLAN be
// one flow inside and one outside, although the outer source port differs, and
// the inner one the same flow as where it comes from.
func TestTunnelConversation(t *testing.T) {
	inner := func(a, b byte, src, dst string, sport, dport uint16) []gopacket.SerializableLayer {
		return []gopacket.SerializableLayer{
			packettest.Ethernet(a, b, layers.EthernetTypeIPv4), packettest.IPv4(src, dst, layers.IPProtocolUDP), packettest.UDP(sport, dport), packettest.Payload(100),
		}
	}
	outer := func(a, b byte, src, dst string, sport uint16, inside []gopacket.SerializableLayer) []gopacket.SerializableLayer {
		return append([]gopacket.SerializableLayer{
			packettest.Ethernet(a, b, layers.EthernetTypeIPv4), packettest.IPv4(src, dst, layers.IPProtocolUDP), packettest.UDP(sport, 4789),
			&layers.VXLAN{ValidIDFlag: true, VNI: 10},
		}, inside...)
	}
	there, back := inner(5, 6, "10.1.1.1", "10.1.1.2", 1000, 2000), inner(6, 5, "10.1.1.2", "10.1.1.1", 2000, 1000)
	plain := flowsOf(flow.DefaultConfig(), []frame{build(t, 1, there...), build(t, 2, back...)})
	got := flowsOf(flow.DefaultConfig(), []frame{
		build(t, 1, outer(1, 2, "172.16.0.1", "172.16.0.2", 50001, there)...),
		build(t, 2, outer(2, 1, "172.16.0.2", "172.16.0.1", 60002, back)...),
	})
	if len(plain) != 1 || len(got) != 2 {
		t.Fatalf("%d and %d flows", len(plain), len(got))
	}
	in, out := got[0], got[1]
	if in.LayersPath != "Ethernet/IPv4/UDP" {
		in, out = out, in
	}
	if out.LayersPath != "Ethernet/IPv4/UDP/VXLAN" || out.NetworkID != 10 || out.TransportA != 50001 || out.TransportB != 4789 || out.Metric.BAPackets != 1 || out.Metric.ABBytes != 142+50 {
		t.Errorf("outside: %s", line(&out))
	}
	if in.Metric != plain[0].Metric || in.TrackingID != plain[0].TrackingID || in.ParentID != out.ID || in.ID == plain[0].ID || in.Metric.BAPackets != 1 {
		t.Errorf("inside: %s; where it comes from: %s", line(&in), line(&plain[0]))
	}
}
