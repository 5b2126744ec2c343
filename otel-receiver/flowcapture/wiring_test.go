package flowcapture

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// scripted is a source that does what a function says.
type scripted struct {
	run      func(ctx context.Context, workers []source.Worker) error
	received atomic.Uint64
	opened   atomic.Uint64
}

func (s *scripted) Run(ctx context.Context, workers []source.Worker) error {
	return s.run(ctx, workers)
}

func (s *scripted) Stats() source.Stats {
	return source.Stats{Received: s.received.Load(), Opened: s.opened.Load()}
}

// frame hands a frame to a worker.
func (s *scripted) frame(w source.Worker, data []byte, at int64) {
	s.received.Add(1)
	w.Frame(&source.Frame{Data: data, Wire: len(data), Time: at, Link: packet.LinkEthernet})
}

// fake is an opener behind which are scripted sources.
type fake struct {
	mu     sync.Mutex
	names  func() ([]string, error)
	placed func(iface string) (flow.Place, error)
	open   func(iface string) (source.Source, error)
}

func (f *fake) interfaces(*CaptureConfig) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names()
}

func (f *fake) set(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names = func() ([]string, error) { return names, nil }
}

func (f *fake) place(c *CaptureConfig, iface string) (flow.Place, error) {
	if f.placed != nil {
		return f.placed(iface)
	}
	return flow.Place{HostID: "h", Interface: iface, CaptureID: c.name()}, nil
}

func (f *fake) source(_ *CaptureConfig, iface string) (source.Source, error) { return f.open(iface) }

// ticking runs until ctx ends and lets the worker know the time.
func ticking(ctx context.Context, w source.Worker) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			w.Tick(now.UnixNano())
		}
	}
}

// udp is a frame from 10.0.0.a to 10.0.0.b.
func udp(t testing.TB, a, b byte, from, to uint16, payload int) []byte {
	t.Helper()
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 0, 0, a}, DstIP: []byte{10, 0, 0, b}}
	u := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	require.NoError(t, u.SetNetworkLayerForChecksum(ip))
	buf := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, a}, DstMAC: []byte{2, 0, 0, 0, 0, b}, EthernetType: layers.EthernetTypeIPv4},
		ip, u, gopacket.Payload(make([]byte, payload))))
	return append([]byte(nil), buf.Bytes()...)
}

// testConfig is a configuration with one capture of a type.
func testConfig(typ string) *Config {
	cfg := DefaultConfig()
	cfg.Host = HostConfig{ID: "h", Name: "host"}
	cfg.UpdateInterval = 100 * time.Millisecond
	cfg.Queue.Delay = 10 * time.Millisecond
	c := DefaultCapture()
	c.Name, c.Type, c.Flows = "c", typ, 1024
	if typ == typeAFPacket {
		c.Interfaces = []string{"eth0"}
	}
	cfg.Captures = []CaptureConfig{c}
	return cfg
}

// unstarted is a receiver for the pipelines that are not nil.
func unstarted(t testing.TB, cfg *Config, logs consumer.Logs, metrics consumer.Metrics) *flowReceiver {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	factory := NewFactory()
	var r component.Component
	if logs != nil {
		l, err := factory.CreateLogs(t.Context(), set, cfg, logs)
		require.NoError(t, err)
		r = l
	}
	if metrics != nil {
		m, err := factory.CreateMetrics(t.Context(), set, cfg, metrics)
		require.NoError(t, err)
		if r != nil {
			require.Same(t, r, m, "the signals do not share one capture")
		}
		r = m
	}
	return r.(*flowReceiver)
}

// start starts a receiver behind which are fakes.
func start(t testing.TB, cfg *Config, f *fake, logs consumer.Logs, metrics consumer.Metrics, host component.Host) *flowReceiver {
	t.Helper()
	r := unstarted(t, cfg, logs, metrics)
	if f != nil {
		r.newOpener = func(HostConfig) opener { return f }
	}
	require.NoError(t, r.Start(t.Context(), host))
	return r
}

func stop(t testing.TB, r component.Component) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	require.NoError(t, r.Shutdown(ctx))
	require.NoError(t, r.Shutdown(ctx), "a second time")
}

// records returns what a sink holds.
func records(t testing.TB, sink *consumertest.LogsSink) (out []flowrecord.Record) {
	t.Helper()
	for _, logs := range sink.AllLogs() {
		ignored, invalid, err := otlplog.Decode(logs, func(r *flowrecord.Record) { out = append(out, *r) })
		require.NoError(t, err)
		require.Zero(t, ignored+invalid)
	}
	return out
}

// TestFlowsArrive: frames become a report while the flow goes on, and its end
// at shutdown, with the place and the resource.
func TestFlowsArrive(t *testing.T) {
	sink := new(consumertest.LogsSink)
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			now := time.Now().UnixNano()
			for i := range 10 {
				s.frame(w[0], udp(t, 1, 2, 4000, 5000, 100), now+int64(i))
				s.frame(w[0], udp(t, 2, 1, 5000, 4000, 10), now+int64(i))
			}
			return ticking(ctx, w[0])
		}
		return s, nil
	}}
	f.set("eth0")
	r := start(t, testConfig(typeAFPacket), f, sink, nil, componenttest.NewNopHost())
	eventually(t, "a report", time.Minute, func() bool { return len(records(t, sink)) > 0 })
	stop(t, r)

	got := records(t, sink)
	require.Len(t, got, 2)
	first, last := got[0], got[1]
	require.Equal(t, flowrecord.NotFinished, first.Finish)
	require.Equal(t, flowrecord.FinishStopped, last.Finish)
	require.Equal(t, first.ID, last.ID)
	require.Equal(t, netip.MustParseAddr("10.0.0.1"), first.NetworkA)
	require.Equal(t, uint16(5000), first.TransportB)
	require.Equal(t, int64(10), first.Metric.ABPackets)
	require.Equal(t, int64(1420), first.Update.ABBytes)
	require.Equal(t, int64(600), first.Metric.BABytes)
	require.Equal(t, "h", first.HostID)
	require.Equal(t, "eth0", first.Interface)
	require.Equal(t, "c", first.CaptureID)
	require.Zero(t, last.Update.ABPackets)

	rl := sink.AllLogs()[0].ResourceLogs().At(0)
	require.Equal(t, map[string]any{"host.id": "h", "host.name": "host"}, rl.Resource().Attributes().AsRaw())
	require.Equal(t, metadata.ScopeName, rl.ScopeLogs().At(0).Scope().Name())
	lr := rl.ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, flowrecord.EventName, lr.EventName())
	require.Equal(t, first.Update.Last, int64(lr.Timestamp()))
	require.NotZero(t, lr.ObservedTimestamp())
}

// flood sends each of n flows one packet, as a source of a type would.
func flood(t testing.TB, n int) *fake {
	frame := udp(t, 1, 2, 4000, 5000, 0)
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			now := time.Now().UnixNano()
			for i := range n {
				frame[34], frame[35], frame[29] = byte(i>>8), byte(i), byte(i>>16)
				s.frame(w[0], frame, now+int64(i)*1000)
				if i%100 == 0 {
					w[0].Tick(now + int64(i)*1000)
				}
				if ctx.Err() != nil {
					break
				}
			}
			return ticking(ctx, w[0])
		}
		return s, nil
	}}
	f.set("eth0")
	return f
}

// TestRefused: a pipeline that refuses loses records, counted, and nothing else
// happens.
func TestRefused(t *testing.T) {
	cfg := testConfig(typeAFPacket)
	r := start(t, cfg, flood(t, 5000), consumertest.NewErr(errors.New("no")), nil, componenttest.NewNopHost())
	eventually(t, "all refused", 20*time.Second, func() bool { return r.sender.refused.Load() > 3000 })
	stop(t, r)
	require.Zero(t, r.sender.sent.Load())
	reports := uint64(0)
	r.captures[0].eachTap(func(_ string, tt totals) { reports += tt.table.Reports })
	require.Equal(t, reports, r.sender.refused.Load()+r.queue.full.Load()+r.queue.late.Load(), "every report is counted")
	require.NotZero(t, reports)

}

// blocking is a consumer that takes nothing until it is told or its context
// ends.
type blocking struct {
	consumertest.LogsSink
	release chan struct{}
	calls   atomic.Int64
}

func (*blocking) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (b *blocking) ConsumeLogs(ctx context.Context, logs plog.Logs) error {
	b.calls.Add(1)
	select {
	case <-b.release:
		return b.LogsSink.ConsumeLogs(ctx, logs)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestBlockedPipeline: while the pipeline takes nothing, the queue stays within
// its bound, the table keeps reports back, and what is lost is counted; when it
// goes on, everything that was not lost arrives.
func TestBlockedPipeline(t *testing.T) {
	cfg := testConfig(typeAFPacket)
	cfg.Queue = QueueConfig{Size: 500, Batch: 100, Delay: 10 * time.Millisecond}
	b := &blocking{release: make(chan struct{})}
	r := start(t, cfg, flood(t, 20_000), b, nil, componenttest.NewNopHost())
	most := int64(0)
	var total totals
	eventually(t, "postponed reports", 20*time.Second, func() bool {
		most = max(most, r.queue.count.Load())
		r.captures[0].eachTap(func(_ string, tt totals) { total = tt })
		return total.postponed > 10 && total.source.Received == 20_000
	})
	require.LessOrEqual(t, most, int64(500))
	require.Zero(t, r.sender.sent.Load())
	close(b.release)
	stop(t, r)
	r.captures[0].eachTap(func(_ string, tt totals) { total = tt })
	require.Equal(t, total.table.Reports, r.sender.sent.Load()+r.queue.full.Load())
	require.Zero(t, r.queue.late.Load())
	require.Zero(t, r.queue.count.Load())
	require.Equal(t, int(r.sender.sent.Load()), len(records(t, &b.LogsSink))) //nolint:testifylint // no one wants to see them all
	require.Equal(t, total.table.Created, total.table.Evicted+uint64(1024), "the table was full")
}

// TestShutdownGivesUp: a pipeline that takes nothing does not hold up shutdown
// beyond its deadline.
func TestShutdownGivesUp(t *testing.T) {
	b := &blocking{release: make(chan struct{})}
	r := start(t, testConfig(typeAFPacket), flood(t, 1000), b, nil, componenttest.NewNopHost())
	eventually(t, "a call", time.Minute, func() bool { return b.calls.Load() > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := r.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "are lost")
	require.NoError(t, r.Shutdown(t.Context()))
}

// TestPatientSource: a source that can wait loses nothing to a slow pipeline.
func TestPatientSource(t *testing.T) {
	cfg := testConfig(typePcapFile)
	cfg.Captures[0].File = "x"
	cfg.Queue = QueueConfig{Size: 100, Batch: 50, Delay: 10 * time.Millisecond}
	f := flood(t, 3000)
	f.set("")
	b := &blocking{release: make(chan struct{})}
	r := start(t, cfg, f, b, nil, componenttest.NewNopHost())
	eventually(t, "a full queue", time.Minute, func() bool { return r.queue.count.Load() == 100 })
	close(b.release)
	eventually(t, "all frames", 20*time.Second, func() bool {
		n := uint64(0)
		r.captures[0].eachTap(func(_ string, tt totals) { n += tt.source.Received })
		return n == 3000
	})
	stop(t, r)
	ids := make(map[flowrecord.ID]bool)
	for _, rec := range records(t, &b.LogsSink) {
		if rec.Finished() {
			ids[rec.ID] = true
		}
	}
	require.Equal(t, 3000, len(ids)) //nolint:testifylint // no one wants to see them all
	require.Zero(t, r.queue.full.Load()+r.queue.late.Load())
}

// statusHost is a host that remembers what it is told.
type statusHost struct {
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(e *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

func (h *statusHost) last() (componentstatus.Status, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events) == 0 {
		return componentstatus.StatusNone, ""
	}
	e := h.events[len(h.events)-1]
	if e.Err() != nil {
		return e.Status(), e.Err().Error()
	}
	return e.Status(), ""
}

// TestRecoverable: a capture that cannot start is told and tried again, and the
// others run meanwhile.
func TestRecoverable(t *testing.T) {
	var there atomic.Bool
	f := &fake{}
	f.open = func(iface string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			if iface == "late" && !there.Load() {
				return errors.New("no such interface: late")
			}
			s.opened.Add(1)
			s.frame(w[0], udp(t, 1, 2, 4000, 5000, 0), time.Now().UnixNano())
			return ticking(ctx, w[0])
		}
		return s, nil
	}
	f.set("eth0", "late")
	sink, host := new(consumertest.LogsSink), new(statusHost)
	r := start(t, testConfig(typeAFPacket), f, sink, nil, host)
	eventually(t, "the error", time.Minute, func() bool {
		s, msg := host.last()
		return s == componentstatus.StatusRecoverableError && msg == "capture c: no such interface: late"
	})
	eventually(t, "flows of the other", time.Minute, func() bool { return len(records(t, sink)) > 0 })
	require.NotZero(t, r.captures[0].failures.Load())
	there.Store(true)
	eventually(t, "recovery", 20*time.Second, func() bool { s, _ := host.last(); return s == componentstatus.StatusOK })
	eventually(t, "its flows", time.Minute, func() bool {
		for _, rec := range records(t, sink) {
			if rec.Interface == "late" {
				return true
			}
		}
		return false
	})
	stop(t, r)
}

// TestInterfacesComeAndGo: a pattern's interfaces are looked for again; flows of
// one that is gone are reported as ended, and its totals stay.
func TestInterfacesComeAndGo(t *testing.T) {
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			s.frame(w[0], udp(t, 1, 2, 4000, 5000, 0), time.Now().UnixNano())
			return ticking(ctx, w[0])
		}
		return s, nil
	}}
	f.set("a")
	sink := new(consumertest.LogsSink)
	r := start(t, testConfig(typeAFPacket), f, sink, nil, componenttest.NewNopHost())
	ended := func(iface string) bool {
		for _, rec := range records(t, sink) {
			if rec.Interface == iface && rec.Finish == flowrecord.FinishStopped {
				return true
			}
		}
		return false
	}
	eventually(t, "a's flow", time.Minute, func() bool { return len(records(t, sink)) > 0 })
	f.set("b")
	eventually(t, "the end of a's flow", 20*time.Second, func() bool { return ended("a") })
	received := make(map[string]uint64)
	eventually(t, "b", 20*time.Second, func() bool {
		r.captures[0].eachTap(func(iface string, tt totals) { received[iface] = tt.source.Received })
		return received["b"] == 1
	})
	require.Equal(t, uint64(1), received["a"])
	require.False(t, ended("b"))
	stop(t, r)
	require.True(t, ended("b"))
}

// TestFileEnds: the end of a file is the end of its flows; it is read once.
func TestFileEnds(t *testing.T) {
	var opened atomic.Int64
	f := &fake{open: func(string) (source.Source, error) {
		opened.Add(1)
		s := &scripted{}
		s.run = func(_ context.Context, w []source.Worker) error {
			s.opened.Add(1)
			for i := range 3 {
				s.frame(w[0], udp(t, 1, 2, 4000, 5000, 0), 1_700_000_000_000_000_000+int64(i)*1e9)
			}
			w[0].Tick(1_700_000_003_000_000_000)
			return nil
		}
		return s, nil
	}}
	f.set("")
	cfg := testConfig(typePcapFile)
	cfg.Captures[0].File, cfg.Captures[0].Timestamps = "x", timestampsNow
	sink := new(consumertest.LogsSink)
	before := time.Now().UnixNano()
	r := start(t, cfg, f, sink, nil, componenttest.NewNopHost())
	eventually(t, "the end", time.Minute, func() bool {
		got := records(t, sink)
		return len(got) > 0 && got[len(got)-1].Finished()
	})
	stop(t, r)
	got := records(t, sink)
	rec := got[len(got)-1]
	require.Equal(t, flowrecord.FinishStopped, rec.Finish)
	require.Equal(t, int64(3), rec.Metric.ABPackets)
	require.Equal(t, int64(2e9), rec.Metric.Last-rec.Metric.Start, "the spacing is kept")
	require.GreaterOrEqual(t, rec.Metric.Start, before, "times are moved to now")
	require.Equal(t, int64(1), opened.Load())
}

// TestNeverStarted: shutting down what was not started does nothing.
func TestNeverStarted(t *testing.T) {
	r, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), testConfig(typeAFPacket), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, r.Shutdown(t.Context()))
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, limit time.Duration, cond func() bool) {
	t.Helper()
	proctest.Eventually(t, limit, what, func() error {
		if cond() {
			return nil
		}
		return errors.New("not yet")
	})
}

// TestMetricsCountAll: whatever becomes of reports, the metrics count every
// packet and byte.
func TestMetricsCountAll(t *testing.T) {
	cfg := testConfig(typeAFPacket)
	cfg.Captures[0].Flows = 64
	cfg.Queue = QueueConfig{Size: 10, Batch: 10, Delay: 10 * time.Millisecond}
	sink := new(consumertest.MetricsSink)
	b := &blocking{release: make(chan struct{})}
	r := start(t, cfg, flood(t, 20_000), b, sink, componenttest.NewNopHost())
	eventually(t, "all packets", 20*time.Second, func() bool { return tapTotals(r).source.Received == 20_000 })
	close(b.release)
	stop(t, r)
	total := tapTotals(r)
	require.NotZero(t, total.table.Unreported)
	sums := make(map[string]int64)
	all := sink.AllMetrics()
	for _, m := range all[len(all)-1].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		for _, p := range m.Sum().DataPoints().All() {
			sums[m.Name()] += p.IntValue()
		}
	}
	require.Equal(t, map[string]int64{"network.flow.packets": 20_000, "network.flow.bytes": 20_000 * 60}, sums)
}
