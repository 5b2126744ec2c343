package ebpf

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
	"github.com/skein-net/skein/otel-receiver/source"
)

// bench is the programs without an interface.
type bench struct {
	*session
	t testing.TB
}

func newBench(t testing.TB, cfg Config, raw bool) *bench {
	t.Helper()
	needRoot(t)
	cfg.Interface = "none"
	src, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	x := &session{src: src, cfg: src.cfg, closing: map[[16]byte]struct{}{}, arphrd: unix.ARPHRD_ETHER, link: packet.LinkEthernet}
	if raw {
		x.link, x.arphrd = packet.LinkRaw, unix.ARPHRD_NONE
	}
	if x.programs, err = load(src.cfg, raw); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.close)
	x.control.Rate = [2]uint32{src.cfg.Sampling, src.cfg.Sampling}
	x.batch = newBatch(x.programs.sample, cfg.single)
	if x.reader, err = ringbuf.NewReader(x.programs.ring); err != nil {
		t.Fatal(err)
	}
	x.clock()
	if err := x.measure(); err != nil {
		t.Fatal(err)
	}
	return &bench{session: x, t: t}
}

// count has a worker told of frames.
func (b *bench) count(to source.BulkWorker, frames ...[]byte) {
	b.t.Helper()
	b.worker = to
	for _, f := range frames {
		if _, err := b.programs.runTest(f, 1); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := b.drain(); err != nil {
		b.t.Fatal(err)
	}
}

// essence is what two captures of the same packets must agree on.
func essence(records map[flowrecord.ID]flowrecord.Record) []string {
	var out []string
	for _, r := range records {
		m := r.Metric
		s := fmt.Sprintf("%s %s %s %x %s>%s/%d %s %s>%s/%d %s %d>%d icmp %s/%d/%d: %d/%d %d/%d frag %d/%d", r.LayersPath, r.Application, r.TrackingID, r.L3TrackingID,
			r.LinkA, r.LinkB, r.LinkID, r.NetworkProtocol, r.NetworkA, r.NetworkB, r.NetworkID, r.TransportProtocol, r.TransportA, r.TransportB,
			r.ICMPType, r.ICMPCode, r.ICMPID, m.ABPackets, m.ABBytes, m.BAPackets, m.BABytes, r.Fragments, r.FragmentErrors)
		if r.TCP != nil {
			s += " " + r.TCP.State
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// direct is what a capture gives that decodes each frame, of which it keeps as
// much as comes through the ring.
func direct(link packet.LinkType, frames ...[]byte) *tally {
	tl := newTally()
	for i, f := range frames {
		tl.Frame(&source.Frame{Data: f[:min(len(f), ringData)], Wire: len(f), Link: link, Time: time.Now().UnixNano() + int64(i)})
	}
	return tl
}

func compare(t *testing.T, got, want *tally) {
	t.Helper()
	if got.packets != want.packets || got.bytes != want.bytes {
		t.Errorf("%d packets with %d bytes, want %d with %d", got.packets, got.bytes, want.packets, want.bytes)
	}
	g, w := essence(got.flows()), essence(want.flows())
	if !slices.Equal(g, w) {
		t.Errorf("flows are\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
}

// inMap are the samples that must be counted in the map; others may.
var inMap = []string{"tcp4", "tcp6", "udp4", "vxlan", "geneve", "gre"}

// TestSamples compares, for every kind of frame, with what a capture gives that
// decodes each one.
func TestSamples(t *testing.T) {
	for name, cfg := range map[string]Config{"small": {}, "large": {SnapLen: LargeSample}, "single": {single: true}} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, cfg, false)
			bulk := 0
			for _, s := range packettest.Samples() {
				if s.Link != packet.LinkEthernet || len(s.Data) != s.Wire || len(s.Data) < 14 || len(s.Data) > 3000 {
					continue
				}
				t.Run(s.Name, func(t *testing.T) {
					frames := [][]byte{s.Data, s.Data, s.Data}
					got := newTally()
					b.count(got, frames...)
					compare(t, got, direct(s.Link, frames...))
					if got.bulks > 0 {
						bulk++
					} else if slices.Contains(inMap, s.Name) {
						t.Error("it came through the ring")
					}
				})
			}
			t.Logf("%d kinds of frames are counted in the map", bulk)
			if bulk < 10 {
				t.Errorf("only %d kinds of frames are counted in the map", bulk)
			}
		})
	}
}

// TestRawSamples does the same for interfaces without a link header. The test run
// of the kernel takes a link header away before.
func TestRawSamples(t *testing.T) {
	b := newBench(t, Config{}, true)
	head := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for _, s := range packettest.Samples() {
		if s.Link != packet.LinkRaw || len(s.Data) != s.Wire || len(s.Data) < 20 {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			typ := []byte{8, 0}
			if s.Data[0]>>4 == 6 {
				typ = []byte{0x86, 0xdd}
			}
			frame := slices.Concat(head, typ, s.Data)
			got := newTally()
			b.count(got, frame, frame)
			compare(t, got, direct(s.Link, s.Data, s.Data))
		})
	}
}

// TestConversations compares whole conversations.
func TestConversations(t *testing.T) {
	b := newBench(t, Config{}, false)
	six := func(c packettest.Conversation) packettest.Conversation {
		c.A, c.B = netip.MustParseAddrPort("[fd00::2]:40000"), netip.MustParseAddrPort("[fd00::1]:443")
		return c
	}
	tagged := func(c packettest.Conversation) packettest.Conversation { c.VLAN = 7; return c }
	wrapped := func(c packettest.Conversation) packettest.Conversation { c.Wrap = packettest.VXLAN(42); return c }
	as := func(c packettest.Conversation) packettest.Conversation { return c }
	for name, change := range map[string]func(packettest.Conversation) packettest.Conversation{
		"plain": as, "IPv6": six, "VLAN": tagged, "VXLAN": wrapped,
		"VLAN in VXLAN": func(c packettest.Conversation) packettest.Conversation { return tagged(wrapped(c)) },
		"IPv6 in VXLAN": func(c packettest.Conversation) packettest.Conversation { return six(wrapped(c)) },
	} {
		for kind, make := range map[string]func(packettest.Conversation) ([]packettest.Packet, error){
			"TCP":  func(c packettest.Conversation) ([]packettest.Packet, error) { return c.TCP(3000, 9000) },
			"UDP":  func(c packettest.Conversation) ([]packettest.Packet, error) { return c.UDP(10, 30, 700) },
			"ping": func(c packettest.Conversation) ([]packettest.Packet, error) { return c.Ping(9, 5, 56) },
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				packets, err := make(change(packettest.NewConversation()))
				if err != nil {
					t.Fatal(err)
				}
				var frames [][]byte
				for _, p := range packets {
					frames = append(frames, p.Data)
				}
				got := newTally()
				b.count(got, frames...)
				compare(t, got, direct(packet.LinkEthernet, frames...))
				if kind == "UDP" && (got.bulks != 1 || got.frames != 0) {
					t.Errorf("%d flows and %d frames, want one flow", got.bulks, got.frames)
				}
			})
		}
	}
}

// TestOpensWhileRead has a connection end and its ports used again by what waits in
// the ring while the map is read, for long: it is not read over again.
func TestOpensWhileRead(t *testing.T) {
	b := newBench(t, Config{}, false)
	segment := func(flags byte) []byte {
		tcp := make([]byte, 20)
		binary.BigEndian.PutUint16(tcp, 1000)
		binary.BigEndian.PutUint16(tcp[2:], 80)
		tcp[12], tcp[13] = 5<<4, flags
		return ether(0x0800, ipv4(6, 1, 2, tcp))
	}
	tl := newTally()
	tl.onFrame = func(*source.Frame) {
		eventually(t, patience, func() bool { return boot()-b.swapped >= leastDrain }, "the map could be read again")
	}
	b.count(tl, segment(0x11), segment(0x02))
	if n := b.src.count.drains.Load(); tl.frames != 2 || n != 1 {
		t.Errorf("%d frames, the map was read %d times", tl.frames, n)
	}
}
