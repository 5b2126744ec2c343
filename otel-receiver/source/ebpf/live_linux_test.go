package ebpf

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/afpacket"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
	"github.com/skein-net/skein/otel-receiver/source/sourcetest"
)

// TestCounts sends datagrams both ways and compares with the counters of the
// interface.
func TestCounts(t *testing.T) {
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		tl := newTally()
		c := start(t, Config{Interface: "vb", NetNS: path(w.b), classic: classic}, tl)
		before, beforeBytes := w.counters(w.b, "vb")
		a, b := w.sender(w.a, "va"), w.sender(w.b, "vb")
		begin := time.Now().UnixNano()
		sent := uint64(0)
		for i := range uint16(100) {
			for n := range 10 {
				a.send(ether(0x0800, ipv4(17, 1, 2, udp(1000+i, 53, make([]byte, i)))))
				if n == 0 { // the first packet tells who asks
					c.saw(t, sent+1)
				}
				b.send(back(0x0800, ipv4(17, 2, 1, udp(53, 1000+i, nil))))
				sent += 2
			}
		}
		c.saw(t, sent)
		end := time.Now().UnixNano()
		if err := c.src.SelfTest(); err != nil {
			t.Error(err)
		}
		if want := map[bool]string{false: "tcx", true: "clsact"}[classic]; c.src.Detail().Attached != want {
			t.Errorf("attached by %q, want %q", c.src.Detail().Attached, want)
		}
		c.Until("memory and processor time are known", func(st source.Stats) bool { return st.Memory > 1<<20 && st.CPU > 0 })
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		packets, bytes := w.counters(w.b, "vb")
		gotPackets, gotBytes := tl.counts()
		if gotPackets != packets-before || gotBytes != bytes-beforeBytes {
			t.Errorf("%d packets with %d bytes, want %d with %d", gotPackets, gotBytes, packets-before, bytes-beforeBytes)
		}
		flows := tl.flows()
		if len(flows) != 100 || tl.bulks < 100 || tl.frames != 0 {
			t.Errorf("%d flows of %d samples and %d frames, want 100 of 100", len(flows), tl.bulks, tl.frames)
		}
		const slack = int64(time.Millisecond)
		for _, r := range flows {
			if m := r.Metric; m.ABPackets != 10 || m.BAPackets != 10 || m.Start < begin-slack || m.Start > m.Last || m.Last > end+slack || r.TransportB != 53 {
				t.Fatalf("%+v between %d and %d", r, begin, end)
			}
		}
	})
}

// twice captures with AF_PACKET too and compares what both saw while send runs. Send
// is given a function that waits until both saw all that the interface counted; it
// is called at the end in any case.
func (w *world) twice(t *testing.T, ns, dev string, cfg Config, send func(settle func())) (ours, theirs *tally, detail Detail) {
	t.Helper()
	ours, theirs = newTally(), newTally()
	af, err := afpacket.New(afpacket.Config{Interface: dev, NetNS: path(ns), RingMiB: 4, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	other := sourcetest.Start(t, af, theirs)
	other.Until("AF_PACKET is open", func(st source.Stats) bool { return st.Opened > 0 })
	cfg.Interface, cfg.NetNS = dev, path(ns)
	c := start(t, cfg, ours)
	before, beforeBytes := w.counters(ns, dev)
	settle := func() {
		t.Helper()
		looks := 0 // at which nothing was missing
		proctest.Eventually(t, patience, "both saw all", func() error {
			packets, _ := w.counters(ns, dev)
			if packets -= before; dev == "lo" {
				packets /= 2 // it counts both ways
			}
			n, err := c.counted()
			if err != nil {
				return err
			}
			if looks++; n < packets || af.Stats().Received < packets {
				looks = 0
			}
			if looks < 3 {
				return fmt.Errorf("of %d packets the programs saw %d, AF_PACKET %d", packets, n, af.Stats().Received)
			}
			return nil
		})
	}
	send(settle)
	settle()
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
	if detail = c.src.Detail(); c.src.Stats().Overflow != 0 {
		t.Errorf("%+v", c.src.Stats())
	}
	compare(t, ours, theirs)
	if packets, bytes := w.counters(ns, dev); dev != "lo" && (ours.packets != packets-before || ours.bytes != bytes-beforeBytes) {
		t.Errorf("%d packets with %d bytes, the interface counted %d with %d", ours.packets, ours.bytes, packets-before, bytes-beforeBytes)
	}
	return ours, theirs, detail
}

// swapped is a frame with its hardware addresses the other way round.
func swapped(f []byte) []byte {
	return slices.Concat(f[6:12], f[:6], f[12:])
}

// TestMatrix sends each kind of frame both ways and compares with AF_PACKET and
// the counters of the interface.
func TestMatrix(t *testing.T) {
	var frames [][]byte
	for _, s := range packettest.Samples() {
		if s.Link == packet.LinkEthernet && len(s.Data) == s.Wire && len(s.Data) >= 60 && len(s.Data) <= 1500 && len(s.Data) <= ringData {
			frames = append(frames, s.Data)
		}
	}
	both(t, func(t *testing.T, classic bool) {
		w := newWorld(t)
		w.twice(t, w.b, "vb", Config{classic: classic}, func(settle func()) {
			a, b := w.sender(w.a, "va"), w.sender(w.b, "vb")
			for range 3 {
				a.send(frames...)
				settle() // which way is seen first is of the flow
				for _, f := range frames {
					b.send(swapped(f))
				}
				settle()
			}
		})
		t.Logf("%d kinds of frames", len(frames))
	})
}

// TestTags sends frames with VLAN tags, of which the kernel takes one out of what
// comes in.
func TestTags(t *testing.T) {
	w := newWorld(t)
	ip, reply := ipv4(17, 1, 2, udp(1, 2, make([]byte, 30))), ipv4(17, 2, 1, udp(2, 1, make([]byte, 30)))
	tag := func(tpid, id uint16, typ uint16, inside []byte) []byte {
		b := binary.BigEndian.AppendUint16(nil, id)
		b = binary.BigEndian.AppendUint16(b, typ)
		return append(b, inside...)
	}
	ours, _, _ := w.twice(t, w.b, "vb", Config{}, func(settle func()) {
		a, b := w.sender(w.a, "va"), w.sender(w.b, "vb")
		for range 5 {
			for id := range uint16(3) {
				a.send(ether(0x8100, tag(0x8100, id, 0x0800, ip)), ether(0x88a8, tag(0x88a8, id, 0x8100, tag(0x8100, 100, 0x0800, ip))))
			}
			settle()
			for id := range uint16(3) {
				b.send(back(0x8100, tag(0x8100, id, 0x0800, reply)), back(0x88a8, tag(0x88a8, id, 0x8100, tag(0x8100, 100, 0x0800, reply))))
			}
		}
	})
	if n := len(ours.flows()); n != 6 || ours.frames != 0 {
		t.Errorf("%d flows and %d frames, want 6 flows", n, ours.frames)
	}
}

// TestLongFrames sends by TCP, whose frames the kernel does not cut to the MTU
// on a veth.
func TestLongFrames(t *testing.T) {
	w := newWorld(t)
	w.addresses()
	ours, _, d := w.twice(t, w.b, "vb", Config{}, func(func()) { w.transfer("10.99.0.2:0", 8<<20) })
	if d.Events > 8 {
		t.Errorf("%d segments came through the ring", d.Events)
	}
	for _, r := range ours.flows() {
		if r.TCP == nil || r.TCP.State != "CLOSED" || r.Metric.RTT <= 0 || r.TCP.AB.SynStart == 0 || r.TCP.BA.FinStart == 0 {
			t.Errorf("%+v %+v", r, r.TCP)
		}
	}
}

// TestKernelTraffic has the kernel send: pings, also in fragments, through VXLAN.
func TestKernelTraffic(t *testing.T) {
	w := newWorld(t)
	w.addresses()
	ours, _, _ := w.twice(t, w.b, "vb", Config{}, func(func()) {
		w.in(w.a, "ping", "-qc", "5", "-i", "0.01", "10.99.0.2")
		w.in(w.a, "ping", "-qc", "3", "-i", "0.01", "-s", "4000", "10.99.0.2")
		for i, end := range [][2]string{{w.a, "va"}, {w.b, "vb"}} {
			w.run("ip", "-n", end[0], "link", "add", "vx0", "type", "vxlan", "id", "42", "remote", fmt.Sprintf("10.99.0.%d", 2-i), "dev", end[1], "dstport", "4789")
			w.run("ip", "-n", end[0], "addr", "add", fmt.Sprintf("10.98.0.%d/24", i+1), "dev", "vx0")
			w.run("ip", "-n", end[0], "link", "set", "vx0", "up")
		}
		w.in(w.a, "ping", "-qc", "5", "-i", "0.01", "10.98.0.2")
	})
	rtt := 0
	for _, r := range ours.flows() {
		if r.Metric.RTT > 0 {
			rtt++
		}
	}
	if rtt < 3 {
		t.Errorf("%d flows have a round trip time, want those of three pings", rtt)
	}
}

// TestLoopback checks that a packet on lo is counted once.
func TestLoopback(t *testing.T) {
	w := newWorld(t)
	ours, _, _ := w.twice(t, w.a, "lo", Config{}, func(func()) {
		fd := inNS(t, path(w.a), func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
		defer unix.Close(fd)
		// Somebody listens: an answer of ICMP would be a packet too.
		l := inNS(t, path(w.a), func() (net.PacketConn, error) { return net.ListenPacket("udp4", "127.0.0.1:9") })
		defer l.Close()
		for range 100 {
			if err := unix.Sendto(fd, []byte("hello"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if ours.packets != 100 {
		t.Errorf("%d packets, want 100", ours.packets)
	}
}

// TestTun captures from an interface without a link header.
func TestTun(t *testing.T) {
	w := newWorld(t)
	fd := inNS(t, path(w.a), func() (int, error) {
		f, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return -1, nil //nolint:nilerr // the test is skipped
		}
		req, err := unix.NewIfreq("t0")
		if err != nil {
			return -1, err
		}
		req.SetUint16(unix.IFF_TUN) // with packet information: the protocol is ours to say
		if err := unix.IoctlIfreq(f, unix.TUNSETIFF, req); err != nil {
			unix.Close(f)
			return -1, nil //nolint:nilerr // the test is skipped
		}
		return f, nil
	})
	if fd < 0 {
		t.Skip("cannot make a tun interface")
	}
	defer unix.Close(fd)
	w.run("ip", "-n", w.a, "link", "set", "t0", "up")
	ip := ipv4(17, 1, 2, udp(1, 2, []byte("payload")))
	mpls := append([]byte{0, 0x01, 0x01, 64}, ip...)
	ours := newTally()
	ours.keep = true
	c := start(t, Config{Interface: "t0", NetNS: path(w.a)}, ours)
	for _, p := range []struct {
		proto uint16
		data  []byte
	}{{0x0800, ip}, {0x0800, ip}, {0x8847, mpls}} {
		b := binary.BigEndian.AppendUint16([]byte{0, 0}, p.proto)
		if _, err := unix.Write(fd, append(b, p.data...)); err != nil {
			t.Fatal(err)
		}
	}
	c.saw(t, 3)
	if err := c.src.SelfTest(); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if len(ours.flows()) != 1 || ours.frames != 1 || ours.packets != 3 || ours.bytes != uint64(2*len(ip)+len(mpls)+16) {
		t.Fatalf("%d flows, %d frames, %d packets, %d bytes", len(ours.flows()), ours.frames, ours.packets, ours.bytes)
	}
	cooked := append([]byte{0, 0, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x47}, mpls...)
	if f := ours.seen[0]; string(f.Data) != string(cooked) || f.Link != packet.LinkLinuxSLL {
		t.Errorf("% x, want % x", f.Data, cooked)
	}
}

// TestOverflow has more flows than there is room for: all packets are counted, to
// flows or as overflow.
func TestOverflow(t *testing.T) {
	w := newWorld(t)
	tl := newTally()
	gate := make(chan struct{})
	tl.onBulk = func(*source.Bulk) { <-gate }
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), Flows: 64, RingKiB: 16, Interval: time.Minute}, tl)
	s := w.sender(w.a, "va")
	// While the reader waits at the first flow.
	s.send(ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))))
	eventually(t, patience, func() bool { return c.src.count.drains.Load() > 0 }, "the map is read")
	const sent, length = 1000, 42 + 10
	for i := range uint16(sent) {
		s.send(ether(0x0800, ipv4(17, 1, 2, udp(1000+i, 53, make([]byte, 10)))))
	}
	close(gate)
	c.Until("the overflow is known", func(st source.Stats) bool { return st.Overflow > 0 })
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	st := c.src.Stats()
	if tl.packets+st.Overflow != sent+1 || tl.bytes+st.OverflowBytes != sent*length+42 || st.Received != tl.packets {
		t.Errorf("%d packets and %d bytes of %d, %+v", tl.packets, tl.bytes, sent+1, st)
	}
	if tl.bulks < 65 || tl.frames < 16 || tl.frames > 64 {
		t.Errorf("%d flows, %d frames: want those of a full map and a full ring", tl.bulks, tl.frames)
	}
	if n := uint64(len(tl.flows())); n != tl.packets {
		t.Errorf("%d flows of %d packets", n, tl.packets)
	}
}

// TestSampling checks that what is counted at a rate is an estimate of the truth.
func TestSampling(t *testing.T) {
	w := newWorld(t)
	tl := newTally()
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tl)
	for _, bad := range []uint32{0, MaxSampling + 1} {
		if err := c.src.SetSampling(bad); err == nil {
			t.Errorf("a rate of %d was taken", bad)
		}
	}
	const rate, sent = 8, 20000
	if err := c.src.SetSampling(rate); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() bool {
		c.src.mu.Lock()
		defer c.src.mu.Unlock()
		return c.src.live.control.Rate[c.src.live.control.Active] == rate
	}, "the rate is set")
	s := w.sender(w.a, "va")
	frame, ping := ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil))), ether(0x0800, ipv4(1, 1, 2, []byte{8, 0, 0, 0, 0, 1, 0, 1}))
	for range sent / 2 {
		s.send(frame, ping)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	// Six times the standard deviation of the estimate.
	slack := 6 * math.Sqrt(sent*(rate-1))
	if math.Abs(float64(tl.packets)-sent) > slack || tl.packets != c.src.Stats().Received*rate || tl.frames == 0 || tl.bulks == 0 {
		t.Errorf("%d packets, want %d within %.0f; %+v", tl.packets, sent, slack, c.src.Stats())
	}
	for _, r := range tl.flows() {
		if r.SamplingRate != rate || math.Abs(float64(r.Metric.ABPackets)-sent/2) > slack {
			t.Errorf("%+v", r)
		}
	}
}

// TestTurns has packets come without pause while the two maps take turns as fast
// as they can: not one is lost or counted twice.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	tl := newTally()
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), Interval: minInterval, Flows: 256}, tl)
	const n = 300_000
	// More flows than the map is allowed to have: it is read when it fills.
	cfg := w.live(60, n, 128, 200_000)
	res, err := liveframes.Child(t.Context(), cfg)
	if err != nil {
		t.Skipf("no live frames: %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	st, d := c.src.Stats(), c.src.Detail()
	if st.Received+st.Overflow != uint64(res.Sent) || tl.packets != st.Received || tl.bytes != 60*st.Received {
		t.Errorf("%d packets of %d, %+v", tl.packets, res.Sent, st)
	}
	if d.Drains < 5 || st.Overflow != 0 {
		t.Errorf("%+v %+v", d, st)
	}
	flows := tl.flows()
	var sum int64
	for _, r := range flows {
		sum += r.Metric.ABPackets
	}
	if len(flows) != 128 || sum != int64(res.Sent) {
		t.Errorf("%d flows with %d packets", len(flows), sum)
	}
}
