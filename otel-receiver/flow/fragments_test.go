package flow_test

import (
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// fragment makes one of the fragments of a datagram: of UDP, 1,000 bytes each.
func fragment(from, to host, id uint32, n, of3 int) *packet.Packet {
	l := level(from, to, packet.LayerUDP, 1000)
	l.Fragment, l.FragID, l.FragOffset, l.FragLen, l.FragMore = true, id, uint16(n*960), 960, n < of3-1
	l.Layers[2], l.Layers[3], l.N = packet.LayerFragment, packet.LayerUDP, 4
	if n > 0 {
		l.Transport, l.N, l.SrcPort, l.DstPort = packet.LayerNone, 3, 0xdead, 0xbeef // left from before
	}
	return of(l)
}

// TestFragmentOrders counts the fragments of a datagram to its flow in whatever
// order they come.
func TestFragmentOrders(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		table := newTable(nil)
		for i, n := range order {
			table.Add(fragment(client, server, 7, n, 3), nil, second+int64(i))
		}
		table.Add(udp(server, client, 60), nil, 2*second)
		got := flush(table, 3*second)
		if len(got) != 1 {
			t.Fatalf("%v: %d flows: %s, %s", order, len(got), line(&got[0]), line(&got[1]))
		}
		r := &got[0]
		want := flowrecord.Metric{ABPackets: 3, ABBytes: 3000, BAPackets: 1, BABytes: 60, Start: second, Last: 2 * second}
		if r.Metric != want || r.Fragments != 3 || r.FragmentErrors != 0 || r.TransportB != 80 || r.Update != want {
			t.Errorf("%v: %s, %d fragments, %d errors", order, line(r), r.Fragments, r.FragmentErrors)
		}
	}
}

// TestFragmentsApart has the same identification between others, or in another
// protocol, be another datagram.
func TestFragmentsApart(t *testing.T) {
	third := host{3, "192.0.2.3", 80}
	six, six2 := host{1, "2001:db8::1", 1}, host{2, "2001:db8::2", 2}
	table := newTable(nil)
	for _, to := range []host{server, third} {
		table.Add(fragment(client, to, 7, 1, 2), nil, 1)
		table.Add(fragment(client, to, 7, 0, 2), nil, 1)
		table.Add(fragment(to, client, 7, 0, 2), nil, 1)
		table.Add(fragment(to, client, 7, 1, 2), nil, 1)
	}
	table.Add(fragment(six, six2, 7, 0, 2), nil, 1)
	table.Add(fragment(six, six2, 7, 1, 2), nil, 1)
	got := flush(table, 2)
	if len(got) != 3 {
		t.Fatalf("%d flows, want 3", len(got))
	}
	for _, r := range got {
		if r.Metric.ABPackets != 2 || (r.NetworkProtocol == "IPV4" && r.Metric.BAPackets != 2) {
			t.Errorf("%s", line(&r))
		}
	}
}

// TestFragmentsInVain makes a flow of fragments whose first one never comes, and
// counts an error to the flow of a datagram whose last one never comes.
func TestFragmentsInVain(t *testing.T) {
	table := newTable(nil)
	table.Add(fragment(client, server, 7, 1, 3), nil, second)
	table.Add(fragment(client, server, 7, 2, 3), nil, second+5)
	table.Add(fragment(client, server, 8, 0, 3), nil, second)
	if got := expire(table, 25*second); len(got) != 1 || got[0].TransportA != client.port || got[0].Metric.ABPackets != 1 {
		t.Fatalf("before the timeout: %+v", got)
	}
	if got := expire(table, 40*second); len(got) != 1 {
		t.Fatalf("after the timeout: %d reports", len(got))
	}
	got := map[string]flowrecord.Record{}
	for _, r := range flush(table, 50*second) {
		got[r.LayersPath] = r
	}
	lost, half := got["Ethernet/IPv4/Fragment"], got["Ethernet/IPv4/Fragment/UDP"]
	if len(got) != 2 || lost.Metric.ABPackets != 2 || lost.Metric.ABBytes != 2000 || lost.Metric.Start != second || lost.FragmentErrors != 1 || lost.TransportA != 0 {
		t.Errorf("lost: %+v", lost)
	}
	if half.Metric.ABPackets != 1 || half.FragmentErrors != 1 {
		t.Errorf("half: %+v", half)
	}
	if s := table.Stats(); s.Fragments != 3 || s.FragmentsLost != 2 {
		t.Errorf("stats %+v", s)
	}
}

// TestFragmentFlood has more datagrams than there is room for, none with its
// first fragment: all are counted.
func TestFragmentFlood(t *testing.T) {
	table := newTable(func(c *flow.Config) { c.Fragments = 16 })
	const n = 1000
	for i := range uint32(n) {
		table.Add(fragment(client, server, i, 1, 2), nil, second+int64(i))
	}
	packets := int64(0)
	for _, r := range flush(table, 2*second) {
		packets += r.Metric.ABPackets
	}
	if s := table.Stats(); packets != n || s.FragmentsEvicted < n-16-1 {
		t.Errorf("%d of %d packets, %+v", packets, n, s)
	}
}

// TestWithoutPorts needs no first fragment for protocols that have no ports.
func TestWithoutPorts(t *testing.T) {
	table := newTable(nil)
	for n := range 3 {
		p := fragment(client, server, 7, 2-n, 3)
		l := &p.Levels[0]
		l.Proto, l.Transport, l.N = 50, packet.LayerNone, 3
		table.Add(p, nil, second)
	}
	if got := flush(table, 2*second); len(got) != 1 || got[0].Metric.ABPackets != 3 || got[0].Fragments != 3 {
		t.Errorf("got %+v", got)
	}
}
