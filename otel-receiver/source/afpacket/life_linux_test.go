package afpacket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/device"
)

// udpTo is a filter for UDP to a port, for frames without options.
func udpTo(port uint32) Filter {
	return func(packet.LinkType) ([]bpf.RawInstruction, error) {
		return bpf.Assemble([]bpf.Instruction{
			bpf.LoadAbsolute{Off: 12, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0800, SkipTrue: 5},
			bpf.LoadAbsolute{Off: 23, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 17, SkipTrue: 3},
			bpf.LoadAbsolute{Off: 36, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: port, SkipTrue: 1},
			bpf.RetConstant{Val: 1 << 18},
			bpf.RetConstant{Val: 0},
		})
	}
}

// TestNothingLeaksPastTheFilter opens captures while frames keep coming that
// the filter refuses.
func TestNothingLeaksPastTheFilter(t *testing.T) {
	w := newWorld(t)
	s, flood := w.sender(w.a, "va"), w.sender(w.a, "va")
	refused := ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil)))
	wanted := ether(0x0800, ipv4(17, 1, 2, udp(1, 54, nil)))
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; !stop.Load() && n < 5_000_000; n++ {
			_ = unix.Sendto(flood.fd, refused, 0, &flood.addr)
		}
	}()
	for _, workers := range []int{1, 2} {
		for range 10 {
			tapes := []*tape{{keep: true}, {keep: true}}
			c := start(t, Config{Interface: "vb", NetNS: path(w.b), RingMiB: 1, Filter: udpTo(54)}, asWorkers(tapes[:workers])...)
			s.send(wanted)
			c.frames(1)
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, tp := range tapes {
				for _, f := range tp.seen() {
					n++
					if binary.BigEndian.Uint16(f.Data[36:]) != 54 {
						t.Fatalf("a refused frame got through: % x", f.Data)
					}
				}
			}
			if n != 1 {
				t.Errorf("%d frames, want 1", n)
			}
		}
	}
	stop.Store(true)
	<-done
}

func asWorkers(tapes []*tape) []source.Worker {
	out := make([]source.Worker, len(tapes))
	for i, tp := range tapes {
		out[i] = tp
	}
	return out
}

func TestFilterThatDoesNotCompile(t *testing.T) {
	bad := errors.New("syntax error")
	src, err := New(Config{Interface: "lo", Filter: func(packet.LinkType) ([]bpf.RawInstruction, error) { return nil, bad }})
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to open packet sockets")
	}
	if err := src.Run(t.Context(), []source.Worker{&tape{}}); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
}

// TestSlowWorker checks that what a slow worker misses is counted: everything
// sent is received or dropped.
func TestSlowWorker(t *testing.T) {
	w := newWorld(t)
	gate := make(chan struct{})
	tp := &tape{onFrame: func(*source.Frame) { <-gate }}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), RingMiB: 1, BlockTimeout: time.Millisecond}, tp)
	s := w.sender(w.a, "va")
	const sent = 20000
	frame := ether(0x0800, ipv4(17, 1, 2, udp(1, 53, make([]byte, 100))))
	for range sent {
		s.send(frame)
	}
	close(gate)
	eventually(t, time.Minute, func() bool {
		st := c.src.Stats()
		return st.Received+st.Dropped == sent
	}, "every frame is received or dropped")
	if st := c.src.Stats(); st.Dropped == 0 || st.Freezes == 0 || st.Received == 0 {
		t.Errorf("%+v", st)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

// TestStopHandsOnTheRest ends captures right after frames were sent.
func TestStopHandsOnTheRest(t *testing.T) {
	w := newWorld(t)
	s := w.sender(w.a, "va")
	frame := ether(0x0800, ipv4(17, 1, 2, udp(1, 53, nil)))
	for range 5 {
		tp := &tape{}
		c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tp)
		for range 1000 {
			s.send(frame)
		}
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
		if n, _, _ := tp.counts(); n != 1000 || c.src.Stats().Received != n {
			t.Errorf("%d frames of 1000, %+v", n, c.src.Stats())
		}
	}
}

func TestInterfaceDeleted(t *testing.T) {
	w := newWorld(t)
	tp := &tape{}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tp, &tape{})
	w.sender(w.a, "va").send(ether(0x88b5, nil))
	c.frames(1)
	w.run("ip", "-n", w.b, "link", "del", "vb")
	err := c.Wait()
	if !errors.Is(err, ErrGone) || err.Error() != "capture on vb: the interface is gone" {
		t.Errorf("the capture ended with %v", err)
	}
}

// TestIndexUsedAgain makes another interface of the same name and index at once:
// it is not the one that the capture was started on.
func TestIndexUsedAgain(t *testing.T) {
	w := newWorld(t)
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, &tape{})
	index := strings.TrimSpace(w.in(w.b, "cat", "/sys/class/net/vb/ifindex"))
	script := filepath.Join(t.TempDir(), "batch")
	text := "link del vb\nlink add vb index " + index + " type veth peer name vc\nlink set vb up\nlink set vc up\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run("ip", "-n", w.b, "-batch", script)
	if got := strings.TrimSpace(w.in(w.b, "cat", "/sys/class/net/vb/ifindex")); got != index {
		t.Skipf("the index is %s, not %s", got, index)
	}
	if err := c.Wait(); !errors.Is(err, ErrGone) {
		t.Errorf("the capture ended with %v", err)
	}
}

func TestInterfaceMovedAway(t *testing.T) {
	w := newWorld(t)
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, &tape{})
	w.run("ip", "-n", w.b, "link", "set", "vb", "netns", w.a)
	if err := c.Wait(); !errors.Is(err, ErrGone) {
		t.Errorf("the capture ended with %v", err)
	}
}

// TestInterfaceComesBack deletes an interface, makes one of another index and
// the same name, and expects its frames.
func TestInterfaceComesBack(t *testing.T) {
	w := newWorld(t)
	a, b := &tape{}, &tape{}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), Retry: true}, a, b)
	w.sender(w.a, "va").send(ether(0x88b5, nil))
	c.frames(1)
	w.run("ip", "-n", w.b, "link", "del", "vb")
	_, _, before := b.counts()
	eventually(t, time.Minute, func() bool { _, _, n := b.counts(); return n > before+3 }, "time goes on without the interface")
	w.veth()
	eventually(t, time.Minute, func() bool { return c.src.Stats().Opened == 2 }, "the capture found the interface again")
	w.sender(w.a, "va").send(ether(0x88b5, nil))
	c.frames(2)
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

func TestInterfaceDownAndUp(t *testing.T) {
	for _, workers := range []int{1, 2} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			w := newWorld(t)
			w.run("ip", "-n", w.b, "link", "set", "vb", "down")
			c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, asWorkers([]*tape{{}, {}}[:workers])...)
			for i := range uint64(2) {
				w.run("ip", "-n", w.b, "link", "set", "vb", "up")
				s := w.sender(w.a, "va")
				eventually(t, time.Minute, func() bool { // carrier comes a moment after
					return unix.Sendto(s.fd, ether(0x88b5, nil), 0, &s.addr) == nil && c.src.Stats().Received > i
				}, "frames come")
				w.run("ip", "-n", w.b, "link", "set", "vb", "down")
			}
			if err := c.Stop(); err != nil {
				t.Error(err)
			}
			if st := c.src.Stats(); st.Opened != 1 {
				t.Errorf("opened %d times, want once", st.Opened)
			}
		})
	}
}

// TestNamespaceDeleted checks that a capture does not keep a namespace alive
// that has lost its name.
func TestNamespaceDeleted(t *testing.T) {
	w := newWorld(t)
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, &tape{})
	w.run("ip", "netns", "del", w.b)
	if err := c.Wait(); !errors.Is(err, ErrGone) {
		t.Errorf("the capture ended with %v", err)
	}
	eventually(t, time.Minute, func() bool {
		_, err := os.Stat("/sys/class/net")
		return err == nil && !w.has(w.a, "va")
	}, "the other end of the veth went with the namespace")
}

func (w *world) has(ns, dev string) bool {
	n, err := netns.Open(path(ns))
	if err != nil {
		w.t.Fatal(err)
	}
	defer n.Close()
	return n.Do(func() error { _, _, err := device.LookUp(dev); return err }) == nil
}

func TestNotThere(t *testing.T) {
	w := newWorld(t)
	for name, cfg := range map[string]Config{
		"no such interface":    {Interface: "nosuch", NetNS: path(w.b)},
		"no such namespace":    {Interface: "vb", NetNS: path(w.b) + "x"},
		"another index":        {Interface: "vb", NetNS: path(w.b), IfIndex: 12345},
		"not a namespace file": {Interface: "vb", NetNS: "/etc/passwd"},
	} {
		src, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		err = src.Run(t.Context(), []source.Worker{&tape{}})
		if !errors.Is(err, ErrNoInterface) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoopback checks that a packet on lo is seen once.
func TestLoopback(t *testing.T) {
	w := newWorld(t)
	tp := &tape{keep: true}
	c := start(t, Config{Interface: "lo", NetNS: path(w.a), Filter: udpTo(9)}, tp)
	n, err := netns.Open(path(w.a))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var fd int
	if err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const sent = 100
	for range sent {
		if err := unix.Sendto(fd, []byte("hello"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
	}
	c.frames(sent)
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(tp.seen()); got != sent {
		t.Errorf("%d packets, want %d", got, sent)
	}
	for _, f := range tp.seen() {
		if f.Outgoing || f.Link != packet.LinkEthernet || f.Wire != 14+20+8+5 {
			t.Fatalf("%+v", f)
		}
	}
}

// TestTun captures from an interface without a link header.
func TestTun(t *testing.T) {
	w := newWorld(t)
	n, err := netns.Open(path(w.a))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	fd := -1
	if err := n.Do(func() error {
		f, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq("t0")
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TUN) // with packet information: the protocol is ours to say
		if err := unix.IoctlIfreq(f, unix.TUNSETIFF, req); err != nil {
			unix.Close(f)
			return err
		}
		fd = f
		return nil
	}); err != nil {
		t.Skipf("cannot make a tun interface: %v", err)
	}
	defer unix.Close(fd)
	w.run("ip", "-n", w.a, "link", "set", "t0", "up")
	tp := &tape{keep: true}
	c := start(t, Config{Interface: "t0", NetNS: path(w.a)}, tp)
	ip := ipv4(17, 1, 2, udp(1, 2, []byte("payload")))
	ip6 := ipv6(17, udp(1, 2, nil))
	mpls := append([]byte{0, 0x01, 0x01, 64}, ip...)
	for _, p := range []struct {
		proto uint16
		data  []byte
	}{{0x0800, ip}, {0x86dd, ip6}, {0x8847, mpls}} {
		b := binary.BigEndian.AppendUint16([]byte{0, 0}, p.proto)
		if _, err := unix.Write(fd, append(b, p.data...)); err != nil {
			t.Fatal(err)
		}
	}
	c.frames(3)
	got := tp.seen()
	cooked := append([]byte{0, 0, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x47}, mpls...)
	for i, want := range []source.Frame{
		{Data: ip, Wire: len(ip), Link: packet.LinkRaw},
		{Data: ip6, Wire: len(ip6), Link: packet.LinkRaw},
		{Data: cooked, Wire: len(cooked), Link: packet.LinkLinuxSLL},
	} {
		if f := got[i]; string(f.Data) != string(want.Data) || f.Wire != want.Wire || f.Link != want.Link {
			t.Errorf("frame %d: % x (%d, %d), want % x (%d, %d)", i, f.Data, f.Wire, f.Link, want.Data, want.Wire, want.Link)
		}
	}
}

// TestPromiscuous checks that the interface is promiscuous for as long as the
// capture runs.
func TestPromiscuous(t *testing.T) {
	w := newWorld(t)
	promiscuity := func() string {
		_, rest, _ := strings.Cut(w.run("ip", "-n", w.b, "-d", "link", "show", "vb"), "promiscuity ")
		return strings.Fields(rest)[0]
	}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b), Promiscuous: true}, &tape{})
	if got := promiscuity(); got != "1" {
		t.Errorf("promiscuity %s, want 1", got)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if got := promiscuity(); got != "0" {
		t.Errorf("promiscuity %s after the capture, want 0", got)
	}
}

// TestLongFrames sends by TCP, whose frames the kernel does not cut to the MTU
// on a veth, and compares with the counters of the interface.
func TestLongFrames(t *testing.T) {
	w := newWorld(t)
	w.run("ip", "-n", w.a, "addr", "add", "10.99.0.1/24", "dev", "va")
	w.run("ip", "-n", w.b, "addr", "add", "10.99.0.2/24", "dev", "vb")
	w.run("ip", "-n", w.a, "neigh", "add", "10.99.0.2", "lladdr", "02:00:00:00:00:0b", "dev", "va")
	w.run("ip", "-n", w.b, "neigh", "add", "10.99.0.1", "lladdr", "02:00:00:00:00:0a", "dev", "vb")
	var longest atomic.Int64
	tp := &tape{onFrame: func(f *source.Frame) { longest.Store(max(longest.Load(), int64(f.Wire))) }}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, tp)

	listener := inNS(t, path(w.b), func() (net.Listener, error) { return net.Listen("tcp4", "10.99.0.2:0") })
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		done <- err
	}()
	conn := inNS(t, path(w.a), func() (net.Conn, error) { return net.Dial("tcp4", listener.Addr().String()) })
	if _, err := conn.Write(make([]byte, 8<<20)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() bool {
		st := c.src.Stats()
		return st.Received == w.counter(w.b, "vb", "rx_packets")+w.counter(w.b, "vb", "tx_packets") &&
			st.Bytes == w.counter(w.b, "vb", "rx_bytes")+w.counter(w.b, "vb", "tx_bytes")
	}, "the capture has counted what the interface has")
	if longest.Load() <= 1514 {
		t.Skipf("the longest frame has %d bytes: segments are not joined here", longest.Load())
	}
}

// inNS calls fn in a namespace.
func inNS[T any](t *testing.T, path string, fn func() (T, error)) (out T) {
	t.Helper()
	n, err := netns.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Do(func() (err error) { out, err = fn(); return err }); err != nil {
		t.Fatal(err)
	}
	return out
}
