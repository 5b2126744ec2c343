package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// collectorMemory bounds what a Collector with the shipped configuration may
// take: the limit of its memory_limiter.
const collectorMemory = 256 << 20

// onDisk is how long after it was acknowledged a report is on disk, as
// docs/flows.md has it.
const onDisk = 6 * time.Second

// TestFlowsCut proves that no flow record is lost while topologyd cannot be
// reached for a minute, and none is counted twice afterwards: first the cable is
// out, then the daemon is killed, then nobody listens. The Collector, which has
// the shipped configuration, is restarted meanwhile. In the end flows count what
// the interface did, to the packet and the byte, and so do the sums of their
// reports.
func TestFlowsCut(t *testing.T) {
	away := time.Minute
	if testing.Short() {
		away = 15 * time.Second
	}
	n := newNetwork(t, 2)
	w := newWire(t)
	d := &daemon{t: t, name: "topologyd", addr: n.addr(0) + ":4280", dir: t.TempDir(), ns: n.host[0]}
	d.args = []string{"--otlp-listen", "", "--query-max-results", "1000000"}
	d.prepare()
	d.start()
	c := newCollector(t, d, n.host[1], w.path())
	c.start()
	require.Zero(t, w.counted(), "nothing has been sent yet")
	w.begin()
	proctest.Eventually(t, 30*time.Second, "flows arrive", func() error {
		all, _, err := d.flows(time.Minute)
		if err == nil && len(all) < 50 {
			err = fmt.Errorf("%d flows", len(all))
		}
		return err
	})

	begin := time.Now()
	n.cut(0)
	quiet(t, begin, max(away/2, onDisk+2*time.Second))
	d.kill()
	n.join(0) // now connections are refused
	resume := w.pause()
	took := c.stop()
	sent := c.restarted(t)
	resume()
	t.Logf("the Collector ended within %v and had %d requests on disk", took.Round(time.Millisecond), sent)
	quiet(t, begin, away)

	d.start()
	t.Logf("topologyd could not be reached for %v", time.Since(begin).Round(time.Millisecond))
	quiet(t, time.Now(), 2*time.Second) // and traffic goes on
	w.end()
	want := w.counted()
	begin = time.Now()
	all := d.allFlows(90*time.Second, want)
	t.Logf("%d flows with %d packets, %d bytes, all there %v after the last packet; the Collector had %d MiB at most",
		len(all), want.packets, want.bytes, time.Since(begin).Round(time.Millisecond), c.peak()>>20)
	c.lostNothing(t)
	require.Less(t, c.peak(), int64(collectorMemory), "memory of the Collector")
}

// quiet waits until some time after begin: it is the time that is tested.
func quiet(t *testing.T, begin time.Time, d time.Duration) {
	t.Helper()
	sleep(t.Context(), time.Until(begin.Add(d)))
}

// restarted starts the Collector again and returns how many requests its queue
// held on disk.
func (c *collector) restarted(t *testing.T) int64 {
	t.Helper()
	c.start()
	return c.must("exporter_queue_size")
}

// lostNothing checks the Collector's own counters, and that it has sent all.
func (c *collector) lostNothing(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"receiver_flowcapture_packets_dropped", "receiver_flowcapture_records_dropped", "receiver_flowcapture_records_refused",
		"receiver_flowcapture_flows_unreported", "receiver_flowcapture_flows_evicted",
	} {
		require.Zero(t, c.must(name), name)
	}
	proctest.Eventually(t, 20*time.Second, "the queue is empty", func() error {
		if n := c.must("exporter_queue_size"); n != 0 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
}
