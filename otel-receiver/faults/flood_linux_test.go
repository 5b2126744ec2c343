package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

// The flood: frames from so many addresses, each with so many random ports, one
// address after the other.
const (
	floodHosts = 49
	floodPorts = 1 << 16
	floodEvery = 200 * time.Millisecond
)

// Bounds of memory in the flood. The Collector with the configuration that is
// delivered has a table of 16,384 flows (4 MiB), a queue of 32,768 records (32
// MiB) and a limit of 256 MiB for all of it. topologyd has 50,000 flows in memory
// (50 MiB) and a flow store whose buffers and merges take some hundred MiB.
const (
	collectorMemory = 256 << 20
	daemonMemory    = 1 << 30
)

// TestFlood proves that more flows than fit anywhere, two million in ten seconds
// through the Collector as it is delivered to topologyd, end in counted evictions
// and not in growth. What the kernel gave is received or counted as dropped, each
// flow that began is live or was evicted, each record was sent or is counted as
// lost, each that was sent is stored, and all packets are in the metrics. Traffic
// afterwards is counted exactly.
func TestFlood(t *testing.T) {
	w := newWire(t)
	const most = 50_000
	d := startDaemon(t, "--flow-live-max", fmt.Sprint(most))
	c, metrics := startCollector(t, d, shipped(t, w.b))
	before := c.peak()

	sent, distinct, took := w.flood()
	t.Logf("sent %d frames of %.0f flows in %v", sent, distinct, took.Round(10*time.Millisecond))
	count := func(name string, labels ...string) int64 {
		return c.counter("otelcol_receiver_flowcapture_"+name, labels...)
	}
	// Counters are as of the last tick, flows are reported within 5 s.
	proctest.Eventually(t, 60*time.Second, "all that was sent is received or counted as dropped", func() error {
		c.runs()
		return equal(count("packets_received")+count("packets_dropped"), sent)
	})
	received, dropped := count("packets_received"), count("packets_dropped")
	require.Greater(t, received, sent/4, "hardly anything was captured")
	proctest.Eventually(t, 60*time.Second, "the metrics have all packets", func() error {
		n, err := c.read(metrics, "network_flow_packets")
		if err != nil {
			return err
		}
		return equal(n, received)
	})
	created, live, evicted := count("flows_created"), count("flows_live"), count("flows_evicted")
	require.Equal(t, created, live+evicted, "each flow is in the table or had to make room")
	require.LessOrEqual(t, live, int64(16384))
	require.Greater(t, evicted, int64(500_000))

	proctest.Eventually(t, 300*time.Second, "all records are stored", func() error {
		c.runs()
		d.runs()
		if n := c.counter("otelcol_exporter_queue_size", `"logs"`) + count("queue_records") + c.counter("otelcol_exporter_in_flight_requests", `"logs"`); n > 0 {
			return fmt.Errorf("%d records or requests wait", n)
		}
		stored := d.counter("topologyd_ingest_flow_records", `result="stored"`) + d.counter("topologyd_ingest_flow_records", `result="late"`)
		return equal(stored, count("records_sent"))
	})
	unreported, lost, refused := count("flows_unreported"), count("records_dropped"), count("records_refused")
	records := count("records_sent")
	t.Logf("%d packets received, %d dropped by the kernel; %d flows began, %d are live, %d had to make room, %d of them unreported; %d records sent, %d without room in the queue, %d refused by the pipeline",
		received, dropped, created, live, evicted, unreported, records, lost, refused)
	require.GreaterOrEqual(t, records+lost+refused, evicted-unreported, "each flow that made room is reported or counted")
	require.Equal(t, records, d.counter("topologyd_flow_store_written"))
	require.LessOrEqual(t, d.counter("topologyd_flows_live"), int64(most+64), "flows in topologyd's memory: as many too many as it has shards")
	t.Logf("memory: the Collector %d MiB at most (%d before), topologyd %d MiB with %d flows, %d evicted", c.peak()>>20, before>>20, d.peak()>>20,
		d.counter("topologyd_flows_live"), d.counter("topologyd_flows_evicted", `"full"`))
	require.Less(t, c.peak(), int64(collectorMemory), "memory of the Collector")
	require.Less(t, d.peak(), int64(daemonMemory), "memory of topologyd")

	w.talk(7000, 500, 100)
	d.heard(7000, 500, 100)
}

func equal(have, want int64) error {
	if have != want {
		return fmt.Errorf("%d, not %d", have, want)
	}
	return nil
}

// flood has vb receive the frames; it returns how many, as the kernel counted
// them, of about how many flows.
func (w *wire) flood() (sent int64, flows float64, took time.Duration) {
	w.t.Helper()
	before := w.arrived()
	begin := time.Now()
	for host := range floodHosts {
		res, err := liveframes.Run(w.t.Context(), liveframes.Config{
			NetNS: "/run/netns/" + w.b, Interface: "vb", Count: floodPorts, Time: 20 * time.Second,
			Frame: datagram(byte(host + 1)), Vary: 34, Values: floodPorts,
		})
		if err != nil && host == 0 {
			w.t.Skipf("no live frames: %v", err)
		}
		require.NoError(w.t, err)
		flows += floodPorts * (1 - math.Exp(-float64(res.Sent)/floodPorts))
		sleep(w.t.Context(), time.Until(begin.Add(time.Duration(host+1)*floodEvery)))
	}
	took = time.Since(begin)
	return w.arrived() - before, flows, took
}

// arrived is how many IPv4 packets have arrived in b. Interfaces do not count
// live frames, and a run that a signal interrupted sends more than it says.
func (w *wire) arrived() int64 {
	w.t.Helper()
	lines := strings.Split(w.ip("netns", "exec", w.b, "cat", "/proc/net/snmp"), "\n")
	names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
	i := slices.Index(names, "InReceives")
	require.Equal(w.t, "Ip:", names[0])
	n, err := strconv.ParseInt(values[i], 10, 64)
	require.NoError(w.t, err)
	return n
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// datagram is 60 bytes of UDP from 10.0.1.host to an address that is not here.
func datagram(host byte) []byte {
	f := make([]byte, 60)
	copy(f, []byte{2, 0, 0, 0, 9, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 1, host, 10, 0, 2, 9,
		0, 0, 0x23, 0x28, 0, 26, 0, 0})
	sum := uint32(0)
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum+sum>>16))
	return f
}
