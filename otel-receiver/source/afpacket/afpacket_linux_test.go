package afpacket

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

func TestMain(m *testing.M) {
	if status, child := liveframes.Main(); child {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// TestCountsEqualTheKernels sends frames of each kind through a veth and
// compares what is captured with the counters of the interface.
func TestCountsEqualTheKernels(t *testing.T) {
	const each = 500
	w := newWorld(t)
	kinds := map[string][]byte{
		"tcp":     ether(0x0800, ipv4(6, 1, 2, append([]byte{0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 1, 1, 0, 0, 0, 0}, make([]byte, 300)...))),
		"udp":     ether(0x0800, ipv4(17, 1, 2, udp(1000, 2000, make([]byte, 100)))),
		"icmp":    ether(0x0800, ipv4(1, 1, 2, []byte{8, 0, 0, 0, 0, 1, 0, 1})),
		"udp6":    ether(0x86dd, ipv6(17, udp(1000, 2000, make([]byte, 1000)))),
		"icmp6":   ether(0x86dd, ipv6(58, []byte{128, 0, 0, 0, 0, 1, 0, 1})),
		"vlan":    ether(0x8100, append([]byte{0, 42, 8, 0}, ipv4(17, 1, 2, udp(1, 2, make([]byte, 64)))...)),
		"arp":     ether(0x0806, make([]byte, 28)),
		"nothing": ether(0x88b5, nil),
	}
	in, out := &tape{}, &tape{}
	rx := start(t, Config{Interface: "vb", NetNS: path(w.b)}, in)
	tx := start(t, Config{Interface: "va", NetNS: path(w.a)}, out)
	s := w.sender(w.a, "va")
	sent, sentBytes := uint64(0), uint64(0)
	for range each {
		for _, f := range kinds {
			s.send(f)
			sent++
			sentBytes += uint64(len(f))
		}
	}
	rx.frames(sent)
	tx.frames(sent)
	for _, c := range []*capture{rx, tx} {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	packets, length := w.counter(w.b, "vb", "rx_packets"), w.counter(w.b, "vb", "rx_bytes")
	if packets != sent || length != sentBytes {
		t.Errorf("the kernel counts %d packets of %d bytes, %d of %d were sent", packets, length, sent, sentBytes)
	}
	for name, c := range map[string]*capture{"receiving": rx, "sending": tx} {
		st := c.src.Stats()
		if st.Received != packets || st.Bytes != length || st.Dropped != 0 || st.Malformed != 0 {
			t.Errorf("%s side: %+v, the kernel counts %d packets of %d bytes", name, st, packets, length)
		}
		if st.Truncated != 2*each { // tcp and udp6 are longer than 256 bytes
			t.Errorf("%s side: %d truncated, want %d", name, st.Truncated, 2*each)
		}
	}
	if p, b, _ := in.counts(); p != packets || b != length {
		t.Errorf("the worker saw %d packets of %d bytes", p, b)
	}
}

func TestFramesAsSent(t *testing.T) {
	w := newWorld(t)
	inner := ipv4(17, 1, 2, udp(1, 2, []byte("payload")))
	plain := ether(0x0800, inner)
	vlan := ether(0x8100, append([]byte{0x60, 42, 8, 0}, inner...)) // priority 3
	qinq := ether(0x88a8, append([]byte{0, 7, 0x81, 0, 0, 42, 8, 0}, inner...))
	twice := ether(0x8100, append([]byte{0, 7, 0x81, 0, 0, 42, 8, 0}, inner...))
	triple := ether(0x88a8, append([]byte{0, 7, 0x81, 0, 0, 42, 0x81, 0, 0, 43, 8, 0}, inner...))
	zero := ether(0x8100, append([]byte{0, 0, 8, 0}, inner...)) // priority tag
	sent := [][]byte{plain, vlan, qinq, twice, triple, zero}

	in, out := &tape{keep: true}, &tape{keep: true}
	rx := start(t, Config{Interface: "vb", NetNS: path(w.b), SnapLen: 4096}, in)
	tx := start(t, Config{Interface: "va", NetNS: path(w.a), SnapLen: 4096}, out)
	before := time.Now().UnixNano()
	w.sender(w.a, "va").send(sent...)
	rx.frames(uint64(len(sent)))
	tx.frames(uint64(len(sent)))
	for name, tp := range map[string]*tape{"in": in, "out": out} {
		for i, f := range tp.seen() {
			if !bytes.Equal(f.Data, sent[i]) || f.Wire != len(sent[i]) {
				t.Errorf("%s: frame %d is % x (%d), want % x", name, i, f.Data, f.Wire, sent[i])
			}
			if f.Link != packet.LinkEthernet || f.Outgoing != (name == "out") {
				t.Errorf("%s: frame %d: link %d, outgoing %v", name, i, f.Link, f.Outgoing)
			}
			if d := f.Time - before; d < 0 || d > int64(time.Minute) {
				t.Errorf("%s: frame %d: captured %s after it was sent", name, i, time.Duration(d))
			}
		}
	}
}

func TestSnapLength(t *testing.T) {
	w := newWorld(t)
	long := ether(0x8100, append([]byte{0, 42, 8, 0}, ipv4(17, 1, 2, udp(1, 2, make([]byte, 1000)))...))
	tp := &tape{keep: true}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), SnapLen: 60}, tp)
	w.sender(w.a, "va").send(long)
	st := c.frames(1)
	f := tp.seen()[0]
	if !bytes.Equal(f.Data, long[:64]) || f.Wire != len(long) || st.Truncated != 1 {
		t.Errorf("got %d bytes of %d, %+v", len(f.Data), f.Wire, st)
	}
}

func TestFanout(t *testing.T) {
	w := newWorld(t)
	const flows, each = 200, 20
	tapes := []*tape{{keep: true}, {keep: true}}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tapes[0], tapes[1])
	there, back := w.sender(w.a, "va"), w.sender(w.b, "vb")
	for range each {
		for i := range uint16(flows) {
			there.send(ether(0x0800, ipv4(17, i, 9, udp(1000+i, 53, nil))))
			back.send(ether(0x0800, ipv4(17, 9, i, udp(53, 1000+i, nil))))
		}
	}
	st := c.frames(2 * flows * each)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if st.Received != 2*flows*each || st.Dropped != 0 {
		t.Errorf("%+v, want %d received", st, 2*flows*each)
	}
	owner := map[uint16]int{}
	for i, tp := range tapes {
		if len(tp.seen()) == 0 {
			t.Errorf("worker %d saw nothing", i)
		}
		for _, f := range tp.seen() {
			d := f.Data[34:]
			port := max(uint16(d[0])<<8|uint16(d[1]), uint16(d[2])<<8|uint16(d[3]))
			if o, known := owner[port]; known && o != i {
				t.Fatalf("port %d was seen by both workers", port)
			}
			owner[port] = i
		}
	}
	if len(owner) != flows {
		t.Errorf("%d flows, want %d", len(owner), flows)
	}
}

// TestFragmentsMeet checks what the package says about fragments.
func TestFragmentsMeet(t *testing.T) {
	w := newWorld(t)
	tapes := []*tape{{keep: true}, {keep: true}}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tapes[0], tapes[1])
	s := w.sender(w.a, "va")
	const datagrams = 50
	for i := range uint16(datagrams) {
		first := ipv4(17, i, 9, udp(1000+i, 53, make([]byte, 24)))
		first[5], first[6] = byte(i), 0x20
		second := ipv4(17, i, 9, make([]byte, 16))
		second[5], second[7] = byte(i), 4
		s.send(ether(0x0800, first), ether(0x0800, second))
	}
	st := c.frames(2 * datagrams)
	if st.Received != 2*datagrams {
		t.Errorf("%d fragments, want %d", st.Received, 2*datagrams)
	}
	for _, tp := range tapes {
		parts := map[byte]int{}
		for _, f := range tp.seen() {
			parts[f.Data[14+15]]++
		}
		for host, n := range parts {
			if n != 2 {
				t.Errorf("%d fragments from host %d in one worker, want both", n, host)
			}
		}
	}
}

func TestPanicEndsTheCapture(t *testing.T) {
	w := newWorld(t)
	good, bad := &tape{}, &tape{onFrame: func(*source.Frame) { panic("boom") }}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, bad, good)
	s := w.sender(w.a, "va")
	for i := range uint16(64) {
		s.send(ether(0x0800, ipv4(17, i, 9, udp(1000+i, 53, nil))))
	}
	err := c.Wait()
	var p *source.PanicError
	if !errors.As(err, &p) || p.Worker != 0 || !strings.Contains(err.Error(), "capture on vb: worker 0 panicked: boom") {
		t.Errorf("the capture ended with %v", err)
	}
	if st := c.src.Stats(); st.Panics != 1 {
		t.Errorf("%+v", st)
	}
}

func TestTicksWhileIdle(t *testing.T) {
	w := newWorld(t)
	a, b := &tape{}, &tape{}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, a, b)
	eventually(t, time.Minute, func() bool {
		_, _, x := a.counts()
		_, _, y := b.counts()
		return x >= 3 && y >= 3
	}, "both workers were told the time")
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}
