package flow_test

import (
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// one returns the record of the only flow that packets make.
func one(t *testing.T, change func(*flow.Config), packets ...*packet.Packet) flowrecord.Record {
	t.Helper()
	table := newTable(change)
	for i, p := range packets {
		table.Add(p, nil, second+int64(i))
	}
	got := flush(table, 2*second)
	if len(got) != 1 {
		t.Fatalf("%d flows, want 1", len(got))
	}
	return got[0]
}

// tagged puts a VLAN tag into a level.
func tagged(p *packet.Packet, vlan uint16) *packet.Packet {
	l := &p.Levels[0]
	l.NVLANs, l.VLANs = 1, [4]uint16{vlan}
	l.Layers = [packet.MaxLayers]packet.Layer{packet.LayerEthernet, packet.LayerDot1Q, packet.LayerIPv4, l.Transport}
	l.N = 4
	return p
}

// TestTrackingIsPinned holds the IDs of docs/formats/tracking-id.md: stored flows
// and other machines depend on them.
func TestTrackingIsPinned(t *testing.T) {
	six, six2 := host{1, "2001:db8::1", 40000}, host{2, "2001:db8::2", 443}
	for _, tc := range []struct {
		name   string
		p      *packet.Packet
		l2, l3 string
	}{
		{"tcp", tcp(client, server, syn, 1, 0, 0), "8b38abf793539eba", "369f891fae4de054"},
		{"tcp in VLAN 5", tagged(tcp(client, server, syn, 1, 0, 0), 5), "165196d2bd75704c", "369f891fae4de054"},
		{"ping", ping(client, server, 0x1234, 1), "f40636f6872e9cc4", "40f2438992473710"},
		{"udp over IPv6", udp(six, six2, 100), "e0e31e3d925eda0b", "f2c8f29a3956274e"},
		{"arp", arp(client, server), "509064be2ff29483", ""},
	} {
		r := one(t, nil, tc.p)
		if r.TrackingID.String() != tc.l2 || r.L3TrackingID.String() != tc.l3 {
			t.Errorf("%s: %s, %s, want %s, %s", tc.name, r.TrackingID, r.L3TrackingID, tc.l2, tc.l3)
		}
	}
}

// TestTrackingIsSymmetric has both directions have the same IDs, whichever is
// first, and of no other flow.
func TestTrackingIsSymmetric(t *testing.T) {
	six, six2 := host{1, "2001:db8::1", 40000}, host{2, "2001:db8::2", 443}
	samePort, self := host{2, "192.0.2.2", 40000}, host{1, "192.0.2.1", 40001}
	seen := map[flowrecord.Tracking]string{}
	for _, pair := range [][2]host{{client, server}, {six, six2}, {client, samePort}, {client, self}, {client, client}} {
		for _, transport := range []packet.Layer{packet.LayerTCP, packet.LayerUDP, packet.LayerSCTP} {
			there, back := of(level(pair[0], pair[1], transport, 60)), of(level(pair[1], pair[0], transport, 60))
			a, b := one(t, nil, there, back), one(t, nil, back, there)
			if a.TrackingID != b.TrackingID || a.L3TrackingID != b.L3TrackingID {
				t.Errorf("%s: %s, %s; the other way %s, %s", line(&a), a.TrackingID, a.L3TrackingID, b.TrackingID, b.L3TrackingID)
			}
			if other, taken := seen[a.TrackingID]; taken {
				t.Errorf("%s has the tracking ID of %s", line(&a), other)
			}
			seen[a.TrackingID] = line(&a)
			if a.NetworkA.String() != pair[0].addr || b.NetworkA.String() != pair[1].addr || a.TransportA != pair[0].port {
				t.Errorf("A is not where the first packet came from: %s, %s", line(&a), line(&b))
			}
		}
	}
}

// TestSwappedPorts are two connections (1000 to 2000, and 2000 to 1000).
func TestSwappedPorts(t *testing.T) {
	a1, b1, a2, b2 := client, server, client, server
	a1.port, b1.port, a2.port, b2.port = 1000, 2000, 2000, 1000
	table := newTable(nil)
	for i := range int64(10) {
		table.Add(udp(a1, b1, 60), nil, i)
		table.Add(udp(a2, b2, 60), nil, i)
		table.Add(udp(b1, a1, 60), nil, i)
		table.Add(udp(b2, a2, 60), nil, i)
	}
	got := flush(table, 11)
	if len(got) != 2 || got[0].TrackingID == got[1].TrackingID {
		t.Fatalf("%d flows", len(got))
	}
	for _, r := range got {
		if r.Metric.ABPackets != 10 || r.Metric.BAPackets != 10 {
			t.Errorf("%s", line(&r))
		}
	}
}

// TestKeyModes tells flows apart by their link headers, or not.
func TestKeyModes(t *testing.T) {
	elsewhere := client
	elsewhere.mac = 9
	packets := []*packet.Packet{udp(client, server, 60), udp(elsewhere, server, 60), tagged(udp(client, server, 64), 8)}
	for mode, want := range map[flow.KeyMode]int{flow.L2: 3, flow.L3: 1} {
		table := newTable(func(c *flow.Config) { c.KeyMode = mode })
		for _, p := range packets {
			table.Add(p, nil, 1)
		}
		table.Add(arp(client, server), nil, 1)
		table.Add(arp(elsewhere, server), nil, 1)
		got := flush(table, 2)
		arps, ids, ids3 := 0, map[flowrecord.Tracking]bool{}, map[flowrecord.Tracking]bool{}
		for _, r := range got {
			if r.Application == "ARP" {
				arps++
				continue
			}
			ids[r.TrackingID], ids3[r.L3TrackingID] = true, true
		}
		if arps != 2 || len(got)-arps != want || len(ids) != want || len(ids3) != 1 {
			t.Errorf("mode %d: %d flows, %d of ARP, %d IDs, %d L3 IDs", mode, len(got), arps, len(ids), len(ids3))
		}
	}
}

// TestFlowIDs are the same for the same flow at the same place, and for no
// other.
func TestFlowIDs(t *testing.T) {
	id := func(place flow.Place, at int64, p *packet.Packet) (id flowrecord.ID) {
		table := flow.New(flow.Config{}, place, nil)
		table.Add(p, nil, at)
		table.Flush(at, flowrecord.FinishStopped, func(r *flowrecord.Record) { id = r.ID })
		return id
	}
	here := flow.Place{HostID: "a", Interface: "eth0", CaptureID: "c"}
	base := id(here, 1, udp(client, server, 60))
	if again := id(here, 1, udp(client, server, 60)); again != base {
		t.Errorf("%s, then %s", base, again)
	}
	there := here
	there.Interface = "eth1"
	seen := map[flowrecord.ID]bool{base: true}
	for _, other := range []flowrecord.ID{id(there, 1, udp(client, server, 60)), id(here, 2, udp(client, server, 60)), id(here, 1, tcp(client, server, syn, 1, 0, 0))} {
		if seen[other] {
			t.Errorf("two flows have the ID %s", other)
		}
		seen[other] = true
	}
}
