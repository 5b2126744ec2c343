package ebpf

import (
	"fmt"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

// live is a run of UDP frames of a length that belong to a number of flows.
func (w *world) live(length, count, flows, rate int) liveframes.Config {
	return liveframes.Config{
		NetNS: path(w.b), Interface: "vb", Count: count, Time: 30 * time.Second, Rate: rate,
		// Not for this host: the stack throws them away early.
		Frame: append([]byte{2, 0, 0, 0, 0, 0xff}, ether(0x0800, ipv4(17, 1, 2, udp(1000, 53, make([]byte, length-42))))[6:]...),
		Vary:  34, Values: flows,
	}
}

// BenchmarkCapture counts live frames of a sender in another process; run it with
// -benchtime=1x. It tells the rate at which frames arrived, what the programs
// took for one by the kernel's statistics, and the processor time of the reader,
// in percent of a core.
func BenchmarkCapture(b *testing.B) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skipf("no statistics: %v", err)
	}
	defer stats.Close()
	for _, bc := range []struct{ flows, rate, frames int }{
		{1, 0, 4 << 20},
		{1024, 0, 4 << 20},
		{65536, 0, 8 << 20},
		{65536, 1_000_000, 8 << 20},
	} {
		b.Run(fmt.Sprintf("flows=%d/rate=%d", bc.flows, bc.rate), func(b *testing.B) {
			w := newWorld(b)
			for range b.N {
				tl := newTally()
				c := start(b, Config{Interface: "vb", NetNS: path(w.b), Flows: 1 << 17}, tl)
				before := c.src.Detail()
				res, err := liveframes.Child(b.Context(), w.live(60, bc.frames, bc.flows, bc.rate))
				if err != nil {
					b.Skipf("no live frames: %v", err)
				}
				eventually(b, 30*time.Second, func() bool {
					st := c.src.Stats()
					return st.Received+st.Overflow >= uint64(res.Sent)
				}, "every frame is counted")
				st, d := c.src.Stats(), c.src.Detail()
				if err := c.Stop(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(res.Sent)/res.Took.Seconds()/1e6, "Mpackets/s")
				b.ReportMetric(100*float64(st.Overflow)/float64(res.Sent), "%lost")
				b.ReportMetric(float64(d.PerPacket), "kernel-ns/packet")
				b.ReportMetric(100*(d.Reader-before.Reader).Seconds()/res.Took.Seconds(), "reader-%core")
				b.ReportMetric(float64((d.Reader-before.Reader).Nanoseconds())/float64(d.Samples+d.Events), "reader-ns/flow")
				b.ReportMetric(float64(d.Events), "through-ring")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// BenchmarkIdle tells what captures cost that see nothing.
func BenchmarkIdle(b *testing.B) {
	w := newWorld(b)
	const n = 10
	for range b.N {
		var cs []*capture
		for range n {
			cs = append(cs, start(b, Config{Interface: "vb", NetNS: path(w.b)}, newTally()))
		}
		reader := func() (d time.Duration) {
			for _, c := range cs {
				d += c.src.Detail().Reader
			}
			return d
		}
		before, at := reader(), time.Now()
		<-time.NewTimer(5 * time.Second).C
		b.ReportMetric(100*(reader()-before).Seconds()/time.Since(at).Seconds()/n, "reader-%core")
		b.ReportMetric(0, "ns/op")
		for _, c := range cs {
			if err := c.Stop(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
