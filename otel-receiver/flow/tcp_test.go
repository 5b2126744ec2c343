package flow_test

import (
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

const (
	syn = packet.FlagSYN
	ack = packet.FlagACK
	fin = packet.FlagFIN
	rst = packet.FlagRST
)

// segment is one segment of a script: from the client unless back is set.
type segment struct {
	back     bool
	flags    uint8
	seq, ack uint32
	payload  int
	ms       int64
	closed   bool // the window
}

func play(table *flow.Table, start int64, script []segment) {
	for _, s := range script {
		from, to := client, server
		if s.back {
			from, to = to, from
		}
		p := tcp(from, to, s.flags, s.seq, s.ack, s.payload)
		if s.closed {
			p.Levels[0].Window = 0
		}
		table.Add(p, nil, start+s.ms*1e6)
	}
}

func handshake(isn, back uint32) []segment {
	return []segment{
		{flags: syn, seq: isn},
		{back: true, flags: syn | ack, seq: back, ack: isn + 1, ms: 2},
		{flags: ack, seq: isn + 1, ack: back + 1, ms: 3},
	}
}

func TestTCPStates(t *testing.T) {
	open := handshake(100, 500)
	both := append(open[:3:3],
		segment{flags: fin | ack, seq: 101, ack: 501, ms: 10},
		segment{back: true, flags: fin | ack, seq: 501, ack: 102, ms: 11})
	for _, tc := range []struct {
		name   string
		script []segment
		state  string
		finish flowrecord.Finish // after a long time without packets
	}{
		{"a SYN alone", open[:1], "SYN_SENT", flowrecord.FinishTimeout},
		{"answered", open[:2], "SYN_RECEIVED", flowrecord.FinishTimeout},
		{"established", open, "ESTABLISHED", flowrecord.FinishTimeout},
		{"one side closed", both[:4], "FIN_WAIT", flowrecord.FinishTimeout},
		{"both sides closed", both, "CLOSING", flowrecord.FinishTCPFin},
		{"and acknowledged", append(both[:5:5], segment{flags: ack, seq: 102, ack: 502, ms: 12}), "CLOSED", flowrecord.FinishTCPFin},
		{"a FIN again is not its acknowledgement", append(both[:5:5], segment{flags: fin | ack, seq: 101, ack: 501, ms: 12}), "CLOSING", flowrecord.FinishTCPFin},
		{"refused", []segment{open[0], {back: true, flags: rst | ack, ack: 101, ms: 1}}, "RESET", flowrecord.FinishTCPRst},
		{"reset", append(open[:3:3], segment{flags: rst, seq: 101, ms: 9}), "RESET", flowrecord.FinishTCPRst},
		{"a RST after both FINs", append(both[:5:5], segment{flags: rst, seq: 102, ms: 12}), "CLOSING", flowrecord.FinishTCPFin},
		{"beginning not seen, one direction", []segment{{flags: ack, seq: 7, payload: 10}}, "", flowrecord.FinishTimeout},
		{"beginning not seen, both", []segment{{flags: ack, seq: 7, payload: 10}, {back: true, flags: ack, seq: 9, payload: 3}}, "ESTABLISHED", flowrecord.FinishTimeout},
		{"one direction only, closed", []segment{{flags: ack, seq: 7, payload: 10}, {flags: fin | ack, seq: 17}}, "FIN_WAIT", flowrecord.FinishTCPFin},
		{"answer not seen", []segment{open[0], open[2]}, "ESTABLISHED", flowrecord.FinishTimeout},
		{"both at once", []segment{open[0], {back: true, flags: syn, seq: 500, ms: 1}, {back: true, flags: ack, seq: 501, ack: 101, ms: 2}}, "ESTABLISHED", flowrecord.FinishTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(func(c *flow.Config) { c.Update = 1e9; c.HoldFinished = 60e9 })
			play(table, second, tc.script)
			reports := expire(table, 200*second)
			if len(reports) != 1 {
				t.Fatalf("%d reports, want 1", len(reports))
			}
			if r := &reports[0]; r.TCP.State != tc.state || r.Finish != tc.finish {
				t.Errorf("state %q, ended by %s, want %q, %s", r.TCP.State, r.Finish, tc.state, tc.finish)
			}
		})
	}
}

// TestHold keeps a closed connection for late segments, and begins a new flow
// for a new connection.
func TestHold(t *testing.T) {
	script := append(handshake(100, 500),
		segment{flags: fin | ack, seq: 101, ack: 501, ms: 10},
		segment{back: true, flags: fin | ack, seq: 501, ack: 102, ms: 11})
	table := newTable(nil)
	play(table, 0, script)
	if got := expire(table, 5*second); len(got) != 0 || table.Stats().Flows != 1 {
		t.Fatalf("after 5 s: %d reports, %d flows", len(got), table.Stats().Flows)
	}
	got := expire(table, 15*second+11e6)
	if len(got) != 1 || got[0].Finish != flowrecord.FinishTCPFin || got[0].Metric.ABPackets != 3 || got[0].Metric.BAPackets != 2 || table.Stats().Flows != 0 {
		t.Fatalf("after 15 s: %+v", got)
	}

	play(table, 100*second, script)
	play(table, 101*second, handshake(900, 950))
	got = flush(table, 102*second)
	if len(got) != 2 || got[0].ID == got[1].ID || got[0].TrackingID != got[1].TrackingID {
		t.Fatalf("a connection after another gives %+v", got)
	}
	if got[0].Finish != flowrecord.FinishTCPFin || got[1].Finish != flowrecord.FinishStopped || got[1].Metric.ABPackets != 2 || got[1].Metric.Start != 101*second {
		t.Errorf("got %s and %s", line(&got[0]), line(&got[1]))
	}
}

func TestTCPDetails(t *testing.T) {
	open := handshake(100, 500)
	data := func(more ...segment) []segment { return append(open[:3:3], more...) }
	a := func(seq uint32, n int, ms int64) segment {
		return segment{flags: ack, seq: seq, ack: 501, payload: n, ms: ms}
	}
	for _, tc := range []struct {
		name   string
		script []segment
		want   flowrecord.TCPSide // without the times of SYN
	}{
		{"in order", data(a(101, 100, 4), a(201, 100, 5)), flowrecord.TCPSide{}},
		{"sent again", data(a(101, 100, 4), a(101, 100, 300)), flowrecord.TCPSide{Retransmits: 1}},
		{"sent again with more", data(a(101, 100, 4), a(151, 100, 300), a(251, 10, 301)), flowrecord.TCPSide{Retransmits: 1}},
		{"a gap", data(a(101, 100, 4), a(301, 100, 5)), flowrecord.TCPSide{Skipped: 1, SkippedBytes: 100}},
		{"out of order", data(a(201, 100, 4), a(101, 100, 5)), flowrecord.TCPSide{OutOfOrder: 1}},
		{"lost before the capture and sent again", data(a(201, 100, 4), a(101, 100, 300)), flowrecord.TCPSide{Retransmits: 1}},
		{"half a gap filled", data(a(201, 100, 4), a(101, 50, 5)), flowrecord.TCPSide{OutOfOrder: 1, Skipped: 1, SkippedBytes: 50}},
		{"a gap filled in the middle", data(a(401, 100, 4), a(201, 100, 5)), flowrecord.TCPSide{OutOfOrder: 1, Skipped: 2, SkippedBytes: 200}},
		{"then all of it", data(a(401, 100, 4), a(201, 100, 5), a(101, 100, 5), a(301, 100, 5)), flowrecord.TCPSide{OutOfOrder: 3}},
		{"more gaps than are remembered", data(a(201, 100, 4), a(401, 100, 4), a(601, 100, 4), a(101, 100, 5)), flowrecord.TCPSide{Skipped: 3, SkippedBytes: 300, Retransmits: 1}},
		{"keep-alives", data(a(101, 100, 4), a(200, 0, 5000), a(200, 1, 9000)), flowrecord.TCPSide{}},
		{"the window closes twice", data(
			segment{flags: ack, seq: 101, ack: 501, ms: 4, closed: true}, segment{flags: ack, seq: 101, ack: 501, ms: 5, closed: true},
			a(101, 0, 6), segment{flags: ack, seq: 101, ack: 501, ms: 7, closed: true}), flowrecord.TCPSide{ZeroWindows: 2}},
		{"a SYN again", append([]segment{open[0], open[0]}, open...), flowrecord.TCPSide{Retransmits: 2}},
		{"closed", data(segment{flags: fin | ack, seq: 101, ack: 501, ms: 8}), flowrecord.TCPSide{FinStart: second + 8e6}},
		{"reset", data(segment{flags: rst, seq: 101, ms: 8}, segment{flags: rst, seq: 101, ms: 9}), flowrecord.TCPSide{RstStart: second + 8e6}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(nil)
			play(table, second, tc.script)
			r := flush(table, 2*second)[0]
			tc.want.SynStart, tc.want.SynTTL = second, 64
			if r.TCP.AB != tc.want {
				t.Errorf("got  %+v\nwant %+v", r.TCP.AB, tc.want)
			}
			if r.TCP.BA != (flowrecord.TCPSide{SynStart: second + 2e6, SynTTL: 64}) {
				t.Errorf("the other side has %+v", r.TCP.BA)
			}
		})
	}
}

// TestSequenceWraps goes through 2^32 with a gap, a late segment and one sent
// again.
func TestSequenceWraps(t *testing.T) {
	table := newTable(nil)
	isn := ^uint32(0) - 150
	play(table, second, append(handshake(isn, 500),
		segment{flags: ack, seq: isn + 1, ack: 501, payload: 100, ms: 4},
		segment{flags: ack, seq: isn + 201, ack: 501, payload: 100, ms: 5},
		segment{flags: ack, seq: isn + 101, ack: 501, payload: 100, ms: 6},
		segment{flags: ack, seq: isn + 301, ack: 501, payload: 100, ms: 7},
		segment{flags: ack, seq: isn + 1, ack: 501, payload: 100, ms: 400}))
	got := flush(table, 2*second)[0].TCP.AB
	if got.OutOfOrder != 1 || got.Retransmits != 1 || got.Skipped != 0 || got.SkippedBytes != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestRTT(t *testing.T) {
	open := handshake(100, 500)
	for _, tc := range []struct {
		name   string
		script []segment
		want   int64
	}{
		{"handshake", open, 2e6},
		{"refused", []segment{open[0], {back: true, flags: rst | ack, ack: 101, ms: 7}}, 7e6},
		{"SYN sent again: nobody knows which one was answered", []segment{open[0], {flags: syn, seq: 100, ms: 1}, open[1]}, 0},
		{"answer sent again", append(open[:2:2], segment{back: true, flags: syn | ack, seq: 500, ack: 101, ms: 900}), 2e6},
		{"answer to something else", []segment{open[0], {back: true, flags: syn | ack, seq: 500, ack: 999, ms: 2}}, 0},
		{"answer first", []segment{{back: true, flags: syn | ack, seq: 500, ack: 101}, {flags: syn, seq: 100, ms: 3}}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table := newTable(nil)
			play(table, second, tc.script)
			if r := flush(table, 2*second)[0]; r.Metric.RTT != tc.want {
				t.Errorf("got %d ns, want %d", r.Metric.RTT, tc.want)
			}
		})
	}
}

// TestPingRTT finds the request of a reply by its number, so that one that is
// lost does not count as a long way.
func TestPingRTT(t *testing.T) {
	table := newTable(nil)
	table.Add(ping(client, server, 7, 1), nil, 1*second) // its reply is lost
	table.Add(ping(client, server, 7, 2), nil, 2*second)
	table.Add(ping(server, client, 7, 2), nil, 2*second+3e6)
	table.Add(ping(client, server, 8, 2), nil, 3*second) // another ping
	got := map[int64]flowrecord.Metric{}
	for _, r := range expire(table, 12*second) {
		got[r.ICMPID] = r.Update
	}
	if got[7].RTT != 3e6 || got[8].RTT != 0 {
		t.Errorf("RTT %d and %d", got[7].RTT, got[8].RTT)
	}
	table.Add(ping(client, server, 7, 3), nil, 13*second)
	for _, r := range expire(table, 23*second) {
		if r.ICMPID == 7 && (r.Update.RTT != 0 || r.Metric.RTT != 3e6) {
			t.Errorf("without a new reply: RTT %d of %d", r.Update.RTT, r.Metric.RTT)
		}
	}
	table.Add(ping(server, client, 7, 3), nil, 13*second+9e6)
	table.Add(ping(server, client, 7, 3), nil, 13*second+99e6) // a duplicate
	for _, r := range flush(table, 24*second) {
		if r.ICMPID == 7 && r.Update.RTT != 9e6 {
			t.Errorf("RTT %d, want 9 ms", r.Update.RTT)
		}
	}
}

// TestTCPRefused counts connections without room for details; their packets,
// state and end are known all the same.
func TestTCPRefused(t *testing.T) {
	table := newTable(func(c *flow.Config) { c.TCPDetails = 1 })
	play(table, second, handshake(100, 500))
	other := client
	other.port++
	for _, p := range []*packet.Packet{
		tcp(other, server, syn, 1, 0, 0), tcp(server, other, syn|ack, 1, 2, 0), tcp(other, server, ack, 2, 2, 0), tcp(other, server, rst, 2, 2, 0),
	} {
		table.Add(p, nil, second)
	}
	for _, r := range flush(table, 2*second) {
		known := r.TransportA == client.port
		if (r.TCP.AB.SynStart != 0) != known {
			t.Errorf("port %d: %+v", r.TransportA, r.TCP)
		}
		if !known && (r.Finish != flowrecord.FinishTCPRst || r.TCP.State != "RESET") {
			t.Errorf("without details: %s, %s", r.Finish, r.TCP.State)
		}
	}
	if n := table.Stats().TCPRefused; n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
	// Also one that stands for others, or is told in bulk.
	other.port++
	table = newTable(func(c *flow.Config) { c.TCPDetails = 1 })
	play(table, second, handshake(100, 500))
	for range 2 {
		table.AddWeighted(tcp(other, server, syn, 1, 0, 0), nil, second, 8)
	}
	other.port++
	for range 2 {
		table.AddBulk(tcp(other, server, syn, 1, 0, 0), nil, &flow.Bulk{Same: flow.Count{Packets: 3, Bytes: 180, First: second, Last: 2 * second}})
	}
	flush(table, 2*second)
	if n := table.Stats().TCPRefused; n != 2 {
		t.Errorf("%d refused, want 2", n)
	}
}
