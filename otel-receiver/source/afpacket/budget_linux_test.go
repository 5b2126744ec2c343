package afpacket

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"testing"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/budget"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

// BenchmarkBudget captures live frames of a sender in another process with a
// budget; run it with -benchtime=1x. It tells the rate that was found, what the
// capture used of a core and this process with all its threads, on average from
// the fifth second on, and how far what the table counted is from the truth.
func BenchmarkBudget(b *testing.B) {
	const seconds = 25
	for _, bc := range []struct{ cpu, rate int }{{0, 200_000}, {50, 200_000}, {50, 400_000}, {20, 400_000}} {
		b.Run(fmt.Sprintf("cpu=%d/rate=%d", bc.cpu, bc.rate), func(b *testing.B) {
			for range b.N {
				w := newWorld(b)
				cfg := flow.DefaultConfig()
				worker := &flows{decoder: packet.New(), table: flow.New(cfg, flow.Place{}, nil)}
				c := start(b, Config{Interface: "vb", NetNS: path(w.b)}, worker)
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan error, 1)
				var steps []budget.Step
				var used []int64 // by this process, at each step
				go func() {
					ended <- budget.Run(ctx, c.src, budget.Config{CPU: bc.cpu}, slog.New(slog.DiscardHandler), func(s budget.Step) {
						steps, used = append(steps, s), append(used, int64(cpu()))
					})
				}()
				res, err := liveframes.Child(b.Context(), w.live(60, seconds*bc.rate, 1024, bc.rate))
				cancel()
				if failed := <-ended; failed != nil {
					b.Fatal(failed)
				}
				if err != nil {
					b.Skipf("no live frames: %v", err)
				}
				if err := c.Stop(); err != nil {
					b.Fatal(err)
				}
				var told int64
				worker.table.Flush(worker.last, flowrecord.FinishStopped, func(r *flowrecord.Record) { told += r.Metric.ABPackets })
				b.Logf("%d sent in %s, %d counted, %+v", res.Sent, res.Took, told, c.src.Stats())
				line := ""
				for _, s := range steps {
					line += fmt.Sprintf(" %d:%d", s.Rate, s.Used)
				}
				b.Logf("rate:thousandths of a core, each second:%s", line)
				const from = 5
				if len(steps) <= from+1 {
					b.Fatal("too short")
				}
				sum := 0
				for _, s := range steps[from:] {
					sum += s.Used
				}
				last := len(steps) - 1
				b.ReportMetric(float64(steps[last].Rate), "rate")
				b.ReportMetric(float64(sum)/float64(len(steps)-from)/10, "%CPU")
				b.ReportMetric(float64(used[last]-used[from])/float64(last-from)/1e7, "%CPU-process")
				b.ReportMetric(100*math.Abs(float64(told-int64(res.Sent)))/float64(res.Sent), "%off")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
