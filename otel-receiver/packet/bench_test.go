package packet_test

import (
	"runtime"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// cpuTime is what the thread has used of the processor, in nanoseconds: what
// other programs on the machine take is not in it.
func cpuTime(b *testing.B) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Skipf("the processor time of a thread cannot be read: %v", err)
	}
	return ts.Nano()
}

// begin starts a measurement on this thread, and returns what ends it.
func begin(b *testing.B) (end func()) {
	runtime.LockOSThread()
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime(b)
	return func() {
		b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
		b.StopTimer()
		runtime.UnlockOSThread()
	}
}

func benchSamples() []string {
	return []string{"tcp4", "tcp6", "udp4", "icmp4-echo", "arp", "vlan", "qinq", "mpls-ip4", "fragment4-first", "ip6-chain", "udp4-big",
		"vxlan", "geneve-options", "gre", "gre-bridged", "erspan2", "gtpu", "geneve-vxlan"}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range benchSamples() {
		s, ok := packettest.Named(name)
		if !ok {
			b.Fatalf("no sample %s", name)
		}
		b.Run(name, func(b *testing.B) {
			d := packet.New()
			var p packet.Packet
			end := begin(b)
			for range b.N {
				d.Decode(&p, s.Link, s.Data, s.Wire)
			}
			end()
			if diff := s.Mismatch(&p); diff != "" {
				b.Error(diff)
			}
		})
	}
}

// BenchmarkMixed decodes frames of many kinds in turn, as a link has them.
func BenchmarkMixed(b *testing.B) {
	var frames []packettest.Sample
	for _, name := range benchSamples() {
		s, _ := packettest.Named(name)
		frames = append(frames, s)
	}
	d := packet.New()
	var p packet.Packet
	i := 0
	end := begin(b)
	for range b.N {
		s := &frames[i]
		d.Decode(&p, s.Link, s.Data, s.Wire)
		if i++; i == len(frames) {
			i = 0
		}
	}
	end()
}

// BenchmarkGopacket decodes the same frames with the fastest means of gopacket,
// which reuses its layers.
func BenchmarkGopacket(b *testing.B) {
	for _, name := range []string{"tcp4", "tcp6", "udp4", "icmp4-echo", "arp", "vlan", "udp4-big", "vxlan", "geneve-options", "gre", "gre-bridged"} {
		s, _ := packettest.Named(name)
		b.Run(name, func(b *testing.B) {
			parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &layers.Ethernet{}, &layers.Dot1Q{}, &layers.ARP{}, &layers.IPv4{},
				&layers.IPv6{}, &layers.TCP{}, &layers.UDP{}, &layers.ICMPv4{}, &layers.VXLAN{}, &layers.Geneve{}, &layers.GRE{})
			parser.IgnoreUnsupported = true
			decoded := make([]gopacket.LayerType, 0, 16)
			end := begin(b)
			for range b.N {
				if err := parser.DecodeLayers(s.Data, &decoded); err != nil {
					b.Fatal(err)
				}
			}
			end()
			if len(decoded) < 2 {
				b.Errorf("only %v was decoded", decoded)
			}
		})
	}
}
