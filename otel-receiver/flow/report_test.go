package flow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// TestUpdates has each report tell what is new, and none when nothing is.
func TestUpdates(t *testing.T) {
	table := newTable(func(c *flow.Config) { c.Capacity = 64 })
	now, total := second, int64(0)
	for i, packets := range []int{1, 2, 0, 8, 5} {
		from := now
		for n := range packets {
			table.Add(udp(client, server, 100), nil, now+int64(n))
		}
		if got := expire(table, now+second); len(got) != 0 {
			t.Fatalf("round %d: %d reports before they are due", i, len(got))
		}
		now += 10 * second
		got := expire(table, now)
		if packets == 0 {
			if len(got) != 0 {
				t.Fatalf("round %d: a report without news: %s", i, line(&got[0]))
			}
			continue
		}
		total += int64(packets)
		if len(got) != 1 {
			t.Fatalf("round %d: %d reports, want 1", i, len(got))
		}
		r := &got[0]
		want := flowrecord.Metric{ABPackets: int64(packets), ABBytes: int64(packets) * 100, Start: from, Last: from + int64(packets) - 1}
		if r.Update != want || r.Metric.ABPackets != total || r.Metric.ABBytes != total*100 || r.Metric.Start != second {
			t.Errorf("round %d: update %+v of %+v, want %+v of %d", i, r.Update, r.Metric, want, total)
		}
		if r.Finish != flowrecord.NotFinished {
			t.Errorf("round %d: finished by %s", i, r.Finish)
		}
	}
	// The end tells nothing new but that.
	end := now + 120*second
	got := expire(table, end)
	if len(got) != 1 || got[0].Finish != flowrecord.FinishTimeout || !got[0].Update.IsZero() || got[0].Metric.ABPackets != 16 || got[0].Update.Last != end {
		t.Fatalf("the end is %+v", got)
	}
	if got := expire(table, now+1000*second); len(got) != 0 || table.Stats().Flows != 0 {
		t.Errorf("%d reports of a flow that has ended", len(got))
	}
}

// TestIdle ends flows after the idle times of what they are.
func TestIdle(t *testing.T) {
	dnsServer := server
	dnsServer.port = 53
	slow := host{3, "192.0.2.3", 9999}
	table := newTable(func(c *flow.Config) {
		c.IdleARP, c.IdleDNS, c.Update = 10*time.Second, 20*time.Second, 1000*time.Second
		c.Apps = []flow.AppPort{{Port: 9999, Proto: packet.LayerUDP, Name: "SLOW", Idle: 300 * time.Second}}
	})
	table.Add(arp(client, server), nil, 0)
	table.Add(udp(client, dnsServer, 80), nil, 0)
	table.Add(udp(client, server, 80), nil, 0)
	table.Add(udp(client, slow, 80), nil, 0)
	for _, step := range []struct {
		at   int64
		want string
	}{{9, "[]"}, {10, "[ARP]"}, {19, "[]"}, {20, "[DNS]"}, {119, "[]"}, {120, "[UDP]"}, {299, "[]"}, {300, "[SLOW]"}} {
		got := []string{}
		for _, r := range expire(table, step.at*second) {
			got = append(got, r.Application)
			if r.Finish != flowrecord.FinishTimeout {
				t.Errorf("%s ended by %s", r.Application, r.Finish)
			}
		}
		if fmt.Sprint(got) != step.want {
			t.Errorf("at %d s: %v ended, want %s", step.at, got, step.want)
		}
	}
}

// TestBriefFlows has flows that end soon after an update is due tell both at
// once.
func TestBriefFlows(t *testing.T) {
	dnsServer := server
	dnsServer.port = 53
	table := newTable(nil)
	table.Add(udp(client, dnsServer, 80), nil, 0)
	table.Add(udp(dnsServer, client, 180), nil, second/100)
	reports := 0
	for now := int64(0); now < 30*second; now += second / 10 {
		reports += len(expire(table, now))
	}
	if reports != 1 {
		t.Errorf("%d reports of a question and its answer, want 1", reports)
	}
	// One that goes on is told all the same.
	reports = 0
	for now := 100 * second; now < 200*second; now += second / 10 {
		table.Add(udp(client, dnsServer, 80), nil, now)
		reports += len(expire(table, now))
	}
	if reports < 7 || reports > 10 {
		t.Errorf("%d reports in 100 s of a flow that goes on", reports)
	}
}

// TestFlush keeps the reason of what was over, and leaves the table as new.
func TestFlush(t *testing.T) {
	table := newTable(nil)
	table.Add(udp(client, server, 100), nil, 1)
	table.Add(tcp(client, server, packet.FlagSYN, 1, 0, 0), nil, 1)
	table.Add(tcp(server, client, packet.FlagRST|packet.FlagACK, 0, 2, 0), nil, 2)
	got := map[string]flowrecord.Finish{}
	for _, r := range flush(table, 3) {
		got[r.TransportProtocol] = r.Finish
	}
	if got["UDP"] != flowrecord.FinishStopped || got["TCP"] != flowrecord.FinishTCPRst {
		t.Errorf("ended by %v", got)
	}
	if n := table.Stats().Flows; n != 0 {
		t.Errorf("%d flows are left", n)
	}
	for range 3 {
		table.Add(udp(client, server, 100), nil, 10)
		if got := flush(table, 11); len(got) != 1 || got[0].Metric.ABPackets != 1 {
			t.Errorf("after a flush: %+v", got)
		}
	}
}

// TestRecord holds everything that one record tells.
func TestRecord(t *testing.T) {
	table := flow.New(flow.Config{}, flow.Place{HostID: "h", Interface: "eth0", CaptureID: "c", NodeTID: flowrecord.ID{1}}, nil)
	l := level(client, host{2, "192.0.2.2", 443}, packet.LayerTCP, 100)
	l.NVLANs, l.VLANs, l.N = 2, [4]uint16{5, 100}, 5
	l.Layers = [packet.MaxLayers]packet.Layer{packet.LayerEthernet, packet.LayerDot1Q, packet.LayerDot1Q, packet.LayerIPv4, packet.LayerTCP}
	table.Add(of(l), nil, 7)
	r := flush(table, 8)[0]
	if r.HostID != "h" || r.Interface != "eth0" || r.CaptureID != "c" || r.NodeTID != (flowrecord.ID{1}) {
		t.Errorf("the place is %+v", r)
	}
	if r.LayersPath != "Ethernet/Dot1Q/Dot1Q/IPv4/TCP" || r.Application != "HTTPS" || r.LinkID != 5|100<<12 || r.LinkProtocol != "ETHERNET" {
		t.Errorf("the layers are %s, %s, %d, %s", r.LayersPath, r.Application, r.LinkID, r.LinkProtocol)
	}
	if r.NetworkProtocol != "IPV4" || r.TransportProtocol != "TCP" || r.TCP == nil || r.LinkA.String() != "02:00:00:00:00:01" {
		t.Errorf("the keys are %+v", r)
	}
	if r.ID.IsZero() || r.ID[6]>>4 != 8 || !r.ParentID.IsZero() {
		t.Errorf("the ID is %s, the parent's %s", r.ID, r.ParentID)
	}
}

// TestSweep reports all flows of a large table within a second of calls, and no
// call all at once.
func TestSweep(t *testing.T) {
	const flows = 200_000
	table := newTable(func(c *flow.Config) { c.Capacity = flows })
	for i := range flows {
		table.Add(udp(host{1, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), 1}, server, 60), nil, 0)
	}
	table.Expire(10*second, func(*flowrecord.Record) {})
	told := int(table.Stats().Reports)
	for n := 1; n <= 20; n++ {
		got := 0
		table.Expire(10*second+int64(n)*second/10, func(*flowrecord.Record) { got++ })
		if got > 17000 {
			t.Fatalf("%d records in one call", got)
		}
		told += got
	}
	if e := table.Stats().Evicted; e > flows/100 {
		t.Errorf("%d flows had to make room before the table was full", e)
	}
	if told != flows {
		t.Errorf("%d of %d flows were told: %+v", told, flows, table.Stats())
	}
}
