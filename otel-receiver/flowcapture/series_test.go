package flowcapture

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// report is a report of one packet of 100 bytes to, and of two packets of 300
// bytes from, 10.0.0.n.
func report(n byte) *flowrecord.Record {
	return &flowrecord.Record{
		Interface: "eth0", Application: "HTTPS", NetworkProtocol: "IPV4", TransportProtocol: "TCP",
		NetworkA: netip.AddrFrom4([4]byte{10, 0, 0, 0}), NetworkB: netip.AddrFrom4([4]byte{10, 0, 0, n}),
		TransportA: 40000, TransportB: 443,
		Update: flowrecord.Metric{ABPackets: 1, ABBytes: 100, BAPackets: 2, BABytes: 300},
	}
}

// told is what a meter tells of aggregates, one line a point.
func told(names string, at *clock, aggregates ...*aggregate) (lines []string) {
	set := newSeriesSet(metricsConfig(), at.now)
	m := &meter{
		names: names, now: at.now, series: set,
		resource: func(pcommon.Resource) {}, scope: func(pcommon.InstrumentationScope) {},
	}
	for i, a := range aggregates {
		set.byName[fmt.Sprint("c", i)] = &sharedSeries{aggregate: a, users: 1}
	}
	metrics := m.metrics()
	for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		if !metric.Sum().IsMonotonic() || metric.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
			lines = append(lines, "not a cumulative sum")
		}
		for _, p := range metric.Sum().DataPoints().All() {
			lines = append(lines, fmt.Sprintf("%s %v %d +%s", metric.Name(), p.Attributes().AsRaw(), p.IntValue(),
				p.Timestamp().AsTime().Sub(p.StartTimestamp().AsTime())))
		}
	}
	return lines
}

func metricsConfig(attributes ...string) *MetricsConfig {
	c := DefaultConfig().Metrics
	c.Attributes = attributes
	return &c
}

func TestSeriesByAddress(t *testing.T) {
	at := &clock{at: then()}
	a := newAggregate(metricsConfig("source.address", "destination.address", "destination.port", "network.transport"), at.now)
	a.add(report(1))
	a.add(report(1))
	at.pass(time.Minute)
	require.Equal(t, []string{
		"network.flow.bytes map[destination.address:10.0.0.1 destination.port:443 flow.capture_id:c0 network.transport:tcp source.address:10.0.0.0] 200 +1m0s",
		"network.flow.bytes map[destination.address:10.0.0.0 destination.port:40000 flow.capture_id:c0 network.transport:tcp source.address:10.0.0.1] 600 +1m0s",
		"network.flow.packets map[destination.address:10.0.0.1 destination.port:443 flow.capture_id:c0 network.transport:tcp source.address:10.0.0.0] 2 +1m0s",
		"network.flow.packets map[destination.address:10.0.0.0 destination.port:40000 flow.capture_id:c0 network.transport:tcp source.address:10.0.0.1] 4 +1m0s",
	}, told(namesSkein, at, a))
}

// TestSeriesDefault: without addresses both directions are one series, and what
// a flow has not is left out.
func TestSeriesDefault(t *testing.T) {
	at := &clock{at: then()}
	c := DefaultConfig().Metrics
	a := newAggregate(&c, at.now)
	a.add(report(1))
	arp := &flowrecord.Record{Application: "ARP", Update: flowrecord.Metric{ABPackets: 1, ABBytes: 42}}
	a.add(arp)
	require.Equal(t, []string{
		"network.flow.bytes map[flow.capture_id:c0 network.protocol.name:ARP] 42 +0s",
		"network.flow.bytes map[flow.capture_id:c0 network.protocol.name:HTTPS network.transport:tcp] 400 +0s",
		"network.flow.packets map[flow.capture_id:c0 network.protocol.name:ARP] 1 +0s",
		"network.flow.packets map[flow.capture_id:c0 network.protocol.name:HTTPS network.transport:tcp] 3 +0s",
	}, told(namesSkein, at, a))
}

// TestSeriesOBI: the names of OpenTelemetry's eBPF instrumentation.
func TestSeriesOBI(t *testing.T) {
	at := &clock{at: then()}
	a := newAggregate(metricsConfig("network.interface.name", "source.address", "destination.address", "source.port", "destination.port", "network.transport"), at.now)
	r := report(1)
	r.Update.BAPackets = 0
	a.add(r)
	const attrs = "map[dst.address:10.0.0.1 dst.port:443 flow.capture_id:c0 iface:eth0 src.address:10.0.0.0 src.port:40000 transport:tcp]"
	require.Equal(t, []string{
		"obi.network.flow.bytes " + attrs + " 100 +0s",
		"obi.network.flow.packets " + attrs + " 1 +0s",
	}, told(namesOBI, at, a))
}

// TestSeriesBudget: what is beyond the budget is in one series, nothing is
// lost, and what a capture has does not cost another.
func TestSeriesBudget(t *testing.T) {
	at := &clock{at: then()}
	c := metricsConfig("destination.address", "destination.port")
	c.MaxSeries = 3
	a, b := newAggregate(c, at.now), newAggregate(c, at.now)
	for n := range 100 {
		r := report(byte(n + 1))
		r.Update.BAPackets, r.Update.BABytes = 0, 0
		a.add(r)
	}
	b.add(report(1))
	n, over := a.size()
	require.Equal(t, 4, n)
	require.Equal(t, uint64(97), over)
	lines := told(namesSkein, at, a, b)
	require.Len(t, lines, 2*(4+2))
	require.Equal(t, "network.flow.bytes map[destination.address:other destination.port:other flow.capture_id:c0] 9700 +0s", lines[3])
}

// TestSeriesExpiry: a series without traffic makes room for another, and starts
// anew when it comes back.
func TestSeriesExpiry(t *testing.T) {
	at := &clock{at: then()}
	c := metricsConfig("destination.port")
	c.MaxSeries, c.Expiry = 1, time.Minute
	a := newAggregate(c, at.now)
	one := func(port uint16) {
		r := report(1)
		r.TransportB, r.Update.BAPackets = port, 0
		a.add(r)
	}
	one(1)
	at.pass(30 * time.Second)
	told(namesSkein, at, a)
	one(2)
	at.pass(31 * time.Second)
	require.Contains(t, told(namesSkein, at, a), "network.flow.bytes map[destination.port:1 flow.capture_id:c0] 100 +1m1s")
	one(2)
	require.Equal(t, []string{
		"network.flow.bytes map[destination.port:2 flow.capture_id:c0] 100 +0s",
		"network.flow.bytes map[destination.port:other flow.capture_id:c0] 100 +31s",
		"network.flow.packets map[destination.port:2 flow.capture_id:c0] 1 +0s",
		"network.flow.packets map[destination.port:other flow.capture_id:c0] 1 +31s",
	}, told(namesSkein, at, a))
}

// TestSeriesInner: flows inside of tunnels are counted on demand only.
func TestSeriesInner(t *testing.T) {
	at := &clock{at: then()}
	for _, inner := range []bool{false, true} {
		c := metricsConfig("network.transport")
		c.Inner = inner
		a := newAggregate(c, at.now)
		r := report(1)
		r.ParentID = entity.UUID{1}
		a.add(r)
		n, _ := a.size()
		require.Equal(t, inner, n == 1)
	}
}

func BenchmarkSeries(b *testing.B) {
	at := &clock{at: then()}
	a := newAggregate(metricsConfig("source.address", "destination.address", "network.transport", "network.protocol.name"), at.now)
	var reports []*flowrecord.Record
	for n := range 256 {
		reports = append(reports, report(byte(n)))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		a.add(reports[i%256])
		i++
	}
}
