package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/perf/table"
)

// manyFlows is how many flows the packets of a run have that is to show what many
// cost: as many as a sender of one frame can make.
const manyFlows = 65536

// longRun is how many seconds a run has at least, several times that between two
// looks at what was counted.
const longRun = 16

// newEBPF returns a Collector that counts in the kernel.
func newEBPF(bin string) *collector {
	c := newCollector(bin, 1)
	c.options = ", type: ebpf, flows: 131072"
	// What was counted is read every 10 s at most when there are many flows.
	c.rest = 24
	return c
}

// measureEBPF measures a capture by eBPF beside one by AF_PACKET: packets of few
// flows and of many, at the rate that is the goal.
func measureEBPF(ctx context.Context, t *table.Table, w *wire, bin, dir string, frames int) error {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		t.Add("the Collector by eBPF", "", "not measured: %v", err)
		return nil
	}
	defer stats.Close()
	defer func() { w.flows = flows }()
	const rate = 1_000_000
	frames = max(frames, longRun*rate)
	for _, n := range []int{1, flows, manyFlows} {
		w.flows = n
		for _, c := range []struct {
			name string
			make func() *collector
			goal string
		}{
			{"by eBPF", func() *collector { return newEBPF(bin) }, "150 ns in the kernel, 2 % of a core besides"},
			{"by AF_PACKET", func() *collector { return newCollector(bin, 1) }, ""},
		} {
			name := fmt.Sprintf("the Collector %s, %d packets/s offered, %d flows", c.name, rate, n)
			before := programTime()
			got, sent, took, err := observe(ctx, w, c.make(), dir, frames, rate)
			if err != nil {
				t.Add(name, c.goal, "not measured: %v", err)
				continue
			}
			kernel := "the kernel's part is not told apart"
			if ran := got.programs.since(before); ran.n > 0 {
				kernel = fmt.Sprintf("%.0f ns in the kernel for each", float64(ran.took.Nanoseconds())/float64(ran.n))
			}
			t.Add(name, c.goal, "%.2f M packets/s, %.2f %% lost, %s, %.1f %% of a core besides, %d MiB",
				float64(sent)/took.Seconds()/1e6, 100*(1-min(1, float64(got.seen)/float64(sent))), kernel,
				100*got.sending.Seconds()/took.Seconds(), got.rss)
		}
	}
	return nil
}

// ran is how long programs ran, and how often.
type ran struct {
	took time.Duration
	n    uint64
}

func (r ran) since(before ran) ran {
	if r.n < before.n {
		return r
	}
	return ran{r.took - before.took, r.n - before.n}
}

// programTime adds up what the kernel counted of the programs of captures that
// are loaded now.
func programTime() (sum ran) {
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if err != nil {
			if !errors.Is(err, os.ErrNotExist) {
				return ran{}
			}
			return sum
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it is gone meanwhile
		}
		info, err := p.Info()
		if err == nil && (info.Name == "skein_in" || info.Name == "skein_out") {
			if st, err := p.Stats(); err == nil {
				sum.took += st.Runtime
				sum.n += st.RunCount
			}
		}
		_ = p.Close()
	}
}
