package ebpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/device"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
	"github.com/skein-net/skein/otel-receiver/source/sourcetest"
)

func TestMain(m *testing.M) {
	if status, child := liveframes.Main(); child {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

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
		for _, of := range []string{"all", "default"} {
			w.set(ns, "/proc/sys/net/ipv6/conf/"+of+"/disable_ipv6", "1")
		}
		w.run("ip", "-n", ns, "link", "set", "lo", "up")
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
	eventually(w.t, patience, func() bool { return w.attrs(w.b, "vb").OperState == netlink.OperUp }, "the veth is up")
}

// addresses gives both ends addresses, and what ARP would find.
func (w *world) addresses() {
	w.t.Helper()
	w.run("ip", "-n", w.a, "addr", "add", "10.99.0.1/24", "dev", "va")
	w.run("ip", "-n", w.b, "addr", "add", "10.99.0.2/24", "dev", "vb")
	w.run("ip", "-n", w.a, "neigh", "add", "10.99.0.2", "lladdr", "02:00:00:00:00:0b", "dev", "va")
	w.run("ip", "-n", w.b, "neigh", "add", "10.99.0.1", "lladdr", "02:00:00:00:00:0a", "dev", "vb")
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

// set writes to a file of sysctl, which is that of the namespace of who opens it.
func (w *world) set(ns, file, value string) {
	w.t.Helper()
	inNS(w.t, path(ns), func() (struct{}, error) { return struct{}{}, os.WriteFile(file, []byte(value), 0) })
}

// attrs is what the kernel says of an interface.
func (w *world) attrs(ns, dev string) *netlink.LinkAttrs {
	w.t.Helper()
	return inNS(w.t, path(ns), func() (*netlink.LinkAttrs, error) {
		l, err := netlink.LinkByName(dev)
		if err != nil {
			return nil, err
		}
		return l.Attrs(), nil
	})
}

// counters are the packets and bytes of an interface, of both directions.
func (w *world) counters(ns, dev string) (packets, bytes uint64) {
	w.t.Helper()
	n := w.attrs(ns, dev).Statistics
	return n.RxPackets + n.TxPackets, n.RxBytes + n.TxBytes
}

// inNS calls fn in a namespace.
func inNS[T any](t testing.TB, path string, fn func() (T, error)) (out T) {
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

// sender sends raw frames on an interface of a namespace.
type sender struct {
	t    testing.TB
	fd   int
	addr unix.SockaddrLinklayer
}

func (w *world) sender(ns, dev string) *sender {
	w.t.Helper()
	s := &sender{t: w.t}
	s.fd = inNS(w.t, path(ns), func() (int, error) {
		index, _, err := device.LookUp(dev)
		if err != nil {
			return -1, err
		}
		s.addr = unix.SockaddrLinklayer{Ifindex: index}
		return unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	})
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

// back makes a frame from vb to va.
func back(typ uint16, payload []byte) []byte {
	f := []byte{2, 0, 0, 0, 0, 0x0a, 2, 0, 0, 0, 0, 0x0b}
	f = binary.BigEndian.AppendUint16(f, typ)
	return append(f, payload...)
}

// ipv4 makes a packet of the 10.0.0.0/8 from host src to host dst.
func ipv4(proto byte, src, dst uint16, payload []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, byte(src >> 8), byte(src), 10, 0, byte(dst >> 8), byte(dst)}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	return append(b, payload...)
}

func udp(src, dst uint16, payload []byte) []byte {
	b := make([]byte, 8)
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	return append(b, payload...)
}

// tally is a worker that does what a collector does, and counts.
type tally struct {
	mu             sync.Mutex
	decoder        *packet.Decoder
	table          *flow.Table
	p              packet.Packet
	frames, bulks  uint64
	packets, bytes uint64
	ticks          uint64
	keep           bool
	seen           []source.Frame
	onFrame        func(*source.Frame)
	onBulk         func(*source.Bulk)
	records        map[flowrecord.ID]flowrecord.Record
	last           int64
}

func newTally() *tally {
	cfg := flow.DefaultConfig()
	cfg.Capacity = 1 << 17
	cfg.NoSequences = true
	return &tally{decoder: packet.New(), table: flow.New(cfg, flow.Place{}, nil), records: map[flowrecord.ID]flowrecord.Record{}}
}

func (t *tally) Frame(f *source.Frame) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames++
	t.packets += uint64(max(f.Weight, 1))
	t.bytes += uint64(f.Wire) * uint64(max(f.Weight, 1))
	t.decoder.Decode(&t.p, f.Link, f.Data, f.Wire)
	t.table.AddWeighted(&t.p, f.Data, f.Time, f.Weight)
	t.last = max(t.last, f.Time)
	if t.keep {
		c := *f
		c.Data = append([]byte(nil), f.Data...)
		t.seen = append(t.seen, c)
	}
	if t.onFrame != nil {
		t.onFrame(f)
	}
}

func (t *tally) Bulk(b *source.Bulk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bulks++
	t.packets += b.Same.Packets + b.Reverse.Packets
	t.bytes += b.Same.Bytes + b.Reverse.Bytes
	f := &b.Sample
	t.decoder.Decode(&t.p, f.Link, f.Data, f.Wire)
	t.table.AddBulk(&t.p, f.Data, &flow.Bulk{Same: flow.Count(b.Same), Reverse: flow.Count(b.Reverse), Weight: f.Weight})
	t.last = max(t.last, b.Same.Last, b.Reverse.Last)
	if t.onBulk != nil {
		t.onBulk(b)
	}
}

func (t *tally) Tick(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ticks++
	t.table.Expire(now, t.record)
}

func (t *tally) record(r *flowrecord.Record) { t.records[r.ID] = *r }

// flows ends all flows and returns them.
func (t *tally) flows() map[flowrecord.ID]flowrecord.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.table.Flush(t.last, flowrecord.FinishStopped, t.record)
	return t.records
}

func (t *tally) counts() (packets, bytes uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.packets, t.bytes
}

// capture is a running source.
type capture struct {
	*sourcetest.Running
	src *Source
}

// start runs a capture and waits until it is live.
func start(t testing.TB, cfg Config, workers ...source.Worker) *capture {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &capture{Running: sourcetest.Start(t, src, workers...), src: src}
	c.Until("the capture is open", func(st source.Stats) bool { return st.Opened > 0 || c.Ended() })
	if c.Ended() {
		t.Fatal(c.Wait())
	}
	return c
}

// counted is how many packets the programs counted, those in their maps included,
// which nobody was told of yet.
func (c *capture) counted() (n uint64, err error) {
	c.src.mu.Lock() // so that the maps are not read meanwhile
	defer c.src.mu.Unlock()
	st := c.src.Stats()
	n = st.Received + st.Overflow
	if c.src.live == nil {
		return n, nil
	}
	for _, m := range c.src.live.programs.flows {
		var key [keySize]byte
		var v []byte
		all := m.Iterate()
		for all.Next(&key, &v) {
			n += value(v).packets(0) + value(v).packets(1)
		}
		if err := all.Err(); err != nil {
			return 0, fmt.Errorf("read flows: %w", err)
		}
	}
	return n, nil
}

// saw waits until the programs have counted so many packets. One that was sent is
// not there yet: a kernel that has much to do takes what comes on a veth later.
func (c *capture) saw(t testing.TB, want uint64) {
	t.Helper()
	proctest.Eventually(t, patience, fmt.Sprintf("the programs saw %d packets", want), func() error {
		n, err := c.counted()
		if err == nil && n < want {
			err = fmt.Errorf("they saw %d", n)
		}
		return err
	})
}

// patience is how long things may take in a guest that is emulated, beside others.
const patience = 2 * time.Minute

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
