package afpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/device"
	"github.com/skein-net/skein/otel-receiver/source/sourcetest"
)

// world is two network namespaces with a veth between them: va in a, vb in b.
type world struct {
	t    testing.TB
	a, b string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, a: netnstest.Add(t), b: netnstest.Add(t)}
	for _, ns := range []string{w.a, w.b} {
		// Nothing but what the test sends: no router solicitations, no MLD.
		w.in(ns, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
		w.in(ns, "ip", "link", "set", "lo", "up")
	}
	w.veth()
	return w
}

// veth makes the pair.
func (w *world) veth() {
	w.t.Helper()
	netnstest.Veth(w.t, w.a, "va", w.b, "vb")
	w.run("ip", "-n", w.a, "link", "set", "va", "address", "02:00:00:00:00:0a", "arp", "off", "up")
	w.run("ip", "-n", w.b, "link", "set", "vb", "address", "02:00:00:00:00:0b", "arp", "off", "up")
	eventually(w.t, time.Minute, func() bool { return strings.TrimSpace(w.in(w.b, "cat", "/sys/class/net/vb/operstate")) == "up" }, "the veth is up")
}

func path(ns string) string { return netnstest.Path(ns) }

func (w *world) run(args ...string) string {
	w.t.Helper()
	return netnstest.Run(w.t, args...)
}

func (w *world) in(ns string, args ...string) string {
	w.t.Helper()
	return netnstest.In(w.t, ns, args...)
}

// counter reads a counter of an interface.
func (w *world) counter(ns, dev, name string) uint64 {
	w.t.Helper()
	n, err := strconv.ParseUint(strings.TrimSpace(w.in(ns, "cat", "/sys/class/net/"+dev+"/statistics/"+name)), 10, 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// sender sends raw frames on an interface of a namespace.
type sender struct {
	t    testing.TB
	fd   int
	addr unix.SockaddrLinklayer
}

func (w *world) sender(ns, dev string) *sender {
	w.t.Helper()
	s := &sender{t: w.t}
	n, err := netns.Open(path(ns))
	if err != nil {
		w.t.Fatal(err)
	}
	defer n.Close()
	err = n.Do(func() error {
		index, _, err := device.LookUp(dev)
		if err != nil {
			return err
		}
		s.addr = unix.SockaddrLinklayer{Ifindex: index}
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = unix.Close(s.fd) })
	return s
}

func (s *sender) send(frames ...[]byte) {
	s.t.Helper()
	for _, f := range frames {
		for {
			err := unix.Sendto(s.fd, f, 0, &s.addr)
			if err == unix.ENOBUFS {
				continue
			}
			if err != nil {
				s.t.Fatal(err)
			}
			break
		}
	}
}

// ether makes a frame from va to vb.
func ether(typ uint16, payload []byte) []byte {
	f := []byte{2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a}
	f = binary.BigEndian.AppendUint16(f, typ)
	return append(f, payload...)
}

// ipv4 makes a packet of the 10.0.0.0/8 from host src to host dst.
func ipv4(proto byte, src, dst uint16, payload []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, byte(src >> 8), byte(src), 10, 0, byte(dst >> 8), byte(dst)}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	return append(b, payload...)
}

func ipv6(proto byte, payload []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, proto, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[8], b[23], b[24], b[39] = 0xfd, 1, 0xfd, 2
	return append(b, payload...)
}

func udp(src, dst uint16, payload []byte) []byte {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	return append(b, payload...)
}

// tape is a worker that keeps what it saw.
type tape struct {
	mu                    sync.Mutex
	keep                  bool // the bytes too
	frames                []source.Frame
	packets, bytes, ticks uint64
	onFrame               func(*source.Frame)
}

func (t *tape) Frame(f *source.Frame) {
	t.mu.Lock()
	t.packets++
	t.bytes += uint64(f.Wire)
	if t.keep {
		c := *f
		c.Data = bytes.Clone(f.Data)
		t.frames = append(t.frames, c)
	}
	hook := t.onFrame
	t.mu.Unlock()
	if hook != nil {
		hook(f)
	}
}

func (t *tape) Tick(int64) {
	t.mu.Lock()
	t.ticks++
	t.mu.Unlock()
}

func (t *tape) counts() (packets, bytes, ticks uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.packets, t.bytes, t.ticks
}

func (t *tape) seen() []source.Frame {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames
}

// capture is a running source.
type capture struct {
	*sourcetest.Running
	src *Source
}

// start runs a capture and waits until it is live.
func start(t testing.TB, cfg Config, workers ...source.Worker) *capture {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, src, workers...)
}

// run is start for a source that is there already.
func run(t testing.TB, src *Source, workers ...source.Worker) *capture {
	t.Helper()
	c := &capture{Running: sourcetest.Start(t, src, workers...), src: src}
	c.Until("the capture is open", func(st source.Stats) bool { return st.Opened > 0 || c.Ended() })
	return c
}

func (c *capture) frames(n uint64) source.Stats {
	c.Until(fmt.Sprintf("%d frames are there", n), func(st source.Stats) bool { return st.Received >= n })
	return c.src.Stats()
}

// eventually waits for a condition.
func eventually(t testing.TB, limit time.Duration, cond func() bool, what string) {
	t.Helper()
	proctest.Eventually(t, limit, what, func() error {
		if !cond() {
			return errors.New("not yet")
		}
		return nil
	})
}
