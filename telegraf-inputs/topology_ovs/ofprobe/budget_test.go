package ofprobe

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

func TestBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	b := newBudget(0.05)
	if got := b.wait(now); got != 0 {
		t.Fatalf("nothing spent, but wait %v", got)
	}
	b.spend(now, 50*time.Millisecond) // costs one second
	if got := b.wait(now); got != 0 {
		t.Fatalf("within the burst, but wait %v", got)
	}
	b.spend(now, 500*time.Millisecond) // costs ten seconds more
	if got := b.wait(now); got < 8*time.Second || got > 9*time.Second {
		t.Fatalf("wait %v, want between 8 s and 9 s", got)
	}
	now = now.Add(time.Hour)
	if got := b.wait(now); got != 0 {
		t.Fatalf("all is paid, but wait %v", got)
	}
	// Idle time is not saved up.
	b.spend(now, 500*time.Millisecond)
	if got := b.wait(now); got < 7*time.Second || got > 8*time.Second {
		t.Fatalf("wait %v after an idle hour, want between 7 s and 8 s", got)
	}
}

// TestBudgetHolds spends as fast as it may and adds up.
func TestBudgetHolds(t *testing.T) {
	for _, share := range []float64{0.01, 0.05, 0.5, 1} {
		b := newBudget(share)
		start := time.Unix(1000, 0)
		now, busy := start, time.Duration(0)
		for now.Sub(start) < 10*time.Minute {
			const work = 10 * time.Millisecond
			now = now.Add(work)
			busy += work
			b.spend(now, work)
			now = now.Add(b.wait(now))
		}
		got := float64(busy) / float64(now.Sub(start))
		if got > share*1.01+0.0001 {
			t.Errorf("share %v: spent %v", share, got)
		}
	}
}

// TestBudgetOutlivesConnections has debts of a connection before: the next one
// takes nothing until they are paid.
func TestBudgetOutlivesConnections(t *testing.T) {
	cfg := testConfig()
	cfg.CPU = 0.05
	cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		return &script{rest: append(openflow.Hello(1, openflow.AllVersions), parts(2, 1, nil)[0]...)}, nil
	}
	b := testBridge(t)
	src := newSource(&cfg, b, &testutil.Accumulator{}, &testutil.CaptureLogger{})
	src.budget.spend(time.Now(), time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f := &follow{source: src, bridge: b, moved: src.moved, out: &discard{}}
	if err := f.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v, as if it had gone on", err)
	}
	if n := src.stats.bytes.Get(); n != 0 {
		t.Errorf("%d bytes were taken", n)
	}
}
