package afpacket

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

// TestLiveFrames checks the sender of benchmarks, and the capture by it.
func TestLiveFrames(t *testing.T) {
	w := newWorld(t)
	a, b := &tape{}, &tape{}
	c := start(t, Config{Interface: "vb", NetNS: path(w.b)}, a, b)
	const n = 100_000
	res, err := liveframes.Child(t.Context(), w.live(60, n, 4096, 500_000))
	if err != nil {
		t.Skipf("no live frames: %v", err)
	}
	if res.Sent != n {
		t.Fatalf("%+v", res)
	}
	eventually(t, 10*time.Second, func() bool {
		st := c.src.Stats()
		return st.Received+st.Dropped == n
	}, "every frame is received or dropped")
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	x, _, _ := a.counts()
	y, _, _ := b.counts()
	if x == 0 || y == 0 || x+y != c.src.Stats().Received {
		t.Errorf("workers saw %d and %d, %+v", x, y, c.src.Stats())
	}
}

// live is a run of UDP frames of a length that belong to a number of flows.
func (w *world) live(length, count, flows, rate int) liveframes.Config {
	return liveframes.Config{
		NetNS: path(w.b), Interface: "vb", Count: count, Time: 30 * time.Second, Rate: rate,
		// Not for this host: the stack throws them away early.
		Frame: append([]byte{2, 0, 0, 0, 0, 0xff}, ether(0x0800, ipv4(17, 1, 2, udp(1000, 53, make([]byte, length-42))))[6:]...),
		Vary:  34, Values: flows,
	}
}

// touch is a worker that reads what a decoder would.
type touch struct{ sum uint64 }

func (t *touch) Frame(f *source.Frame) {
	if len(f.Data) > 41 {
		t.sum += uint64(f.Data[12]) + uint64(f.Data[23]) + uint64(f.Data[34])
	}
}
func (t *touch) Tick(int64) {}

// flows is a worker that does what a collector does.
type flows struct {
	decoder *packet.Decoder
	table   *flow.Table
	p       packet.Packet
	reports uint64
	last    int64
}

func (f *flows) Frame(fr *source.Frame) {
	f.decoder.Decode(&f.p, fr.Link, fr.Data, fr.Wire)
	f.table.AddWeighted(&f.p, fr.Data, fr.Time, fr.Weight)
	f.last = fr.Time
}

func (f *flows) Tick(now int64) { f.table.Expire(now, func(*flowrecord.Record) { f.reports++ }) }

// BenchmarkCapture captures live frames of a sender in another process; run it
// with -benchtime=1x. It tells the rate at which frames arrived, those lost, and
// the CPU time that this process took for a million frames.
func BenchmarkCapture(b *testing.B) {
	const frames = 8 << 20
	for _, bc := range []struct {
		work                               string
		length, workers, ring, rate, flows int
	}{
		{"touch", 60, 1, 16, 0, 4096},
		{"touch", 60, 2, 16, 0, 4096},
		{"touch", 1400, 1, 16, 0, 4096},
		{"flows", 60, 1, 16, 0, 1024},
		{"flows", 60, 1, 16, 0, 65536},
		{"flows", 60, 2, 16, 0, 65536},
		{"flows", 60, 1, 16, 400_000, 1024},
	} {
		b.Run(fmt.Sprintf("work=%s/flows=%d/length=%d/workers=%d/rate=%d", bc.work, bc.flows, bc.length, bc.workers, bc.rate), func(b *testing.B) {
			w := newWorld(b)
			count := frames
			if bc.rate > 0 {
				count = 5 * bc.rate
			}
			for range b.N {
				workers := make([]source.Worker, bc.workers)
				for i := range workers {
					workers[i] = &touch{}
					if bc.work == "flows" {
						cfg := flow.DefaultConfig()
						cfg.Capacity = 1 << 17
						workers[i] = &flows{decoder: packet.New(), table: flow.New(cfg, flow.Place{}, nil)}
					}
				}
				c := start(b, Config{Interface: "vb", NetNS: path(w.b), RingMiB: bc.ring}, workers...)
				before := cpu()
				res, err := liveframes.Child(b.Context(), w.live(bc.length, count, bc.flows, bc.rate))
				if err != nil {
					b.Skipf("no live frames: %v", err)
				}
				eventually(b, 10*time.Second, func() bool {
					st := c.src.Stats()
					return st.Received+st.Dropped >= uint64(res.Sent)
				}, "every frame is received or dropped")
				used := cpu() - before
				st := c.src.Stats()
				if err := c.Stop(); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(res.Sent)/res.Took.Seconds()/1e6, "Mpackets/s")
				b.ReportMetric(100*float64(st.Dropped)/float64(res.Sent), "%lost")
				b.ReportMetric(used.Seconds()/float64(st.Received)*1e6, "CPU-s/Mpackets")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// BenchmarkIdle tells what captures cost that see nothing.
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{1, 10} {
		b.Run(fmt.Sprintf("captures=%d", n), func(b *testing.B) {
			w := newWorld(b)
			for range b.N {
				var cs []*capture
				for range n {
					cs = append(cs, start(b, Config{Interface: "vb", NetNS: path(w.b), RingMiB: 1}, &touch{}))
				}
				before, at := cpu(), time.Now()
				<-time.NewTimer(5 * time.Second).C
				b.ReportMetric(100*(cpu()-before).Seconds()/time.Since(at).Seconds(), "%CPU")
				b.ReportMetric(0, "ns/op")
				for _, c := range cs {
					if err := c.Stop(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// cpu returns the CPU time of this process.
func cpu() time.Duration {
	var ru unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
