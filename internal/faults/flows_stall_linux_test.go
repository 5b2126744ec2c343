package faults

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// TestFlowsStall proves that a Collector that gets no processor for a second, as
// on a host that is overloaded, loses no packet: they wait in the ring.
func TestFlowsStall(t *testing.T) {
	w := newWire(t)
	d := newDaemon(t)
	d.start()
	c := newCollector(t, d, nil, w.path())
	c.start()
	w.begin()
	received := func() int64 { return c.must("receiver_flowcapture_packets_received") }
	for range 2 {
		before := received()
		proctest.Eventually(t, 20*time.Second, "packets arrive", func() error { return atLeast(received(), before+1000) })
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGSTOP))
		sleep(t.Context(), time.Second)
		require.NoError(t, c.cmd.Process.Signal(syscall.SIGCONT))
	}
	w.end()
	want := w.counted()
	all := d.allFlows(60*time.Second, want)
	t.Logf("%d flows with %d packets, %d bytes", len(all), want.packets, want.bytes)
	c.lostNothing(t)
}
