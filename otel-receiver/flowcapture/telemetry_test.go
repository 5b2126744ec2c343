package flowcapture

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// values returns what the Collector's telemetry tells of the receiver: one line
// a value that is not zero.
func values(t testing.TB, tel *componenttest.Telemetry) string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, tel.Reader.Collect(context.Background(), &rm))
	var lines []string
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			var points []metricdata.DataPoint[int64]
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				points = d.DataPoints
			case metricdata.Gauge[int64]:
				points = d.DataPoints
			}
			for _, p := range points {
				var attrs []string
				for _, kv := range p.Attributes.ToSlice() {
					if kv.Value.AsString() != "" && !strings.HasPrefix(string(kv.Key), "otel.") {
						attrs = append(attrs, string(kv.Key)+"="+kv.Value.AsString())
					}
				}
				if p.Value != 0 {
					lines = append(lines, fmt.Sprintf("%s{%s} %d", strings.TrimPrefix(m.Name, "otelcol_receiver_"), strings.Join(attrs, ","), p.Value))
				}
			}
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// TestTelemetry: everything that a capture does is told.
func TestTelemetry(t *testing.T) {
	tel := componenttest.NewTelemetry()
	defer func() { require.NoError(t, tel.Shutdown(context.Background())) }()
	set := receivertest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = tel.NewTelemetrySettings()
	cfg := testConfig(typeAFPacket)
	cfg.Captures[0].Flows = 64
	cfg.Metrics.MaxSeries, cfg.Metrics.Attributes = 2, []string{"destination.port"}
	f := &fake{}
	f.open = func(iface string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			if iface == "down" {
				return fmt.Errorf("no such interface")
			}
			s.opened.Add(1)
			now := time.Now().UnixNano()
			for i := range 100 {
				s.frame(w[0], udp(t, 1, 2, 4000, uint16(i+1), 0), now)
				w[0].Tick(now)
			}
			s.frame(w[0], []byte{1, 2, 3}, now)
			s.frame(w[0], udp(t, 1, 2, 4000, 1, 0)[:36], now)
			return ticking(ctx, w[0])
		}
		return s, nil
	}
	f.set("eth0", "down")
	factory := NewFactory()
	_, err := factory.CreateMetrics(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	l, err := factory.CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	r := l.(*flowReceiver)
	r.newOpener = func(HostConfig) opener { return f }
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))

	var got string
	want := []string{
		"flowcapture_packets_received{capture=c,interface=eth0} 102",
		"flowcapture_captures_running{capture=c,interface=eth0} 1",
		"flowcapture_capture_failures{capture=c} ",
		"flowcapture_flows_live{capture=c,interface=eth0} 64",
		"flowcapture_flows_created{capture=c,interface=eth0} 101",
		"flowcapture_flows_evicted{capture=c,interface=eth0} 37",
		"flowcapture_decode_stops{capture=c,interface=eth0,reason=malformed} 2",
		"flowcapture_packets_ignored{capture=c,interface=eth0,reason=undecoded} 1",
		"flowcapture_records_sent{} ",
		"flowcapture_series{capture=c} 3",
		"flowcapture_series_overflows{capture=c} ",
		"accepted_log_records{receiver=flowcapture",
		"accepted_metric_points{receiver=flowcapture",
	}
	missing := func() (out []string) {
		for _, line := range want {
			if !strings.Contains(got, line) {
				out = append(out, line)
			}
		}
		return out
	}
	untilThen(t, func() bool { got = values(t, tel); return len(missing()) == 0 }, func() string {
		return fmt.Sprintf("missing %q in\n%s", missing(), got)
	})
	stop(t, r)
}

// untilThen waits for a condition and tells how it was at last.
func untilThen(t testing.TB, cond func() bool, last func() string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatal(last())
		}
		<-time.After(20 * time.Millisecond)
	}
}

// TestPanic: a worker that panics costs its flows, not the Collector.
func TestPanic(t *testing.T) {
	var runs int
	f := &fake{}
	f.open = func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			if runs++; runs == 1 {
				return source.Guard(0, func() error {
					s.frame(w[0], udp(t, 1, 2, 3, 4, 0), time.Now().UnixNano())
					panic("oh")
				})
			}
			s.frame(w[0], udp(t, 1, 2, 3, 5, 0), time.Now().UnixNano())
			return ticking(ctx, w[0])
		}
		return s, nil
	}
	f.set("eth0")
	sink, host := new(consumertest.LogsSink), new(statusHost)
	r := start(t, testConfig(typeAFPacket), f, sink, nil, host)
	eventually(t, "a flow of the second run", 20*time.Second, func() bool { return len(records(t, sink)) > 0 })
	require.Equal(t, uint16(5), records(t, sink)[0].TransportB)
	require.Equal(t, uint64(2), tapTotals(r).source.Received)
	stop(t, r)
}

// TestLeaks: starting and stopping leaves no goroutine, whatever is captured.
func TestLeaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	cfg := testConfig(typePcapSocket)
	cfg.Captures[0].Listen = "127.0.0.1:0"
	file := DefaultCapture()
	file.Type, file.File = typePcapFile, "/nonexistent"
	live := DefaultCapture()
	live.Interfaces = []string{"nonexistent0"}
	cfg.Captures = append(cfg.Captures, file, live)
	for range 3 {
		r := start(t, cfg, nil, consumertest.NewNop(), consumertest.NewNop(), componenttest.NewNopHost())
		stop(t, r)
	}
	goleak.VerifyNone(t, before)
}

// benchmark is b.N packets of some flows through the receiver.
func benchmark(b *testing.B, logs, metrics bool, flows int) {
	frame := udp(b, 1, 2, 4000, 5000, 400)
	done := make(chan struct{})
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, w []source.Worker) error {
			s.opened.Add(1)
			now := int64(1_700_000_000_000_000_000)
			fr := source.Frame{Data: frame, Wire: len(frame), Link: packet.LinkEthernet}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				now += 1000 // a million packets a second
				n := i % flows
				frame[34], frame[35] = byte(n>>8), byte(n)
				fr.Time = now
				w[0].Frame(&fr)
				if i%100_000 == 0 {
					w[0].Tick(now)
				}
			}
			w[0].Tick(now)
			b.StopTimer()
			close(done)
			<-ctx.Done()
			return nil
		}
		return s, nil
	}, placed: func(string) (flow.Place, error) { return flow.Place{}, nil }}
	f.set("eth0")
	cfg := testConfig(typeAFPacket)
	cfg.UpdateInterval = 10 * time.Second
	cfg.Captures[0].Flows = 65536
	var r *flowReceiver
	switch {
	case logs && metrics:
		r = start(b, cfg, f, consumertest.NewNop(), consumertest.NewNop(), componenttest.NewNopHost())
	case logs:
		r = start(b, cfg, f, consumertest.NewNop(), nil, componenttest.NewNopHost())
	default:
		r = start(b, cfg, f, nil, consumertest.NewNop(), componenttest.NewNopHost())
	}
	<-done
	stop(b, r)
}

func BenchmarkLogs(b *testing.B)    { benchmark(b, true, false, 10_000) }
func BenchmarkMetrics(b *testing.B) { benchmark(b, false, true, 10_000) }
func BenchmarkBoth(b *testing.B)    { benchmark(b, true, true, 10_000) }

// BenchmarkSender is the way of a record from the queue to the pipeline.
func BenchmarkSender(b *testing.B) {
	cfg := testConfig(typeAFPacket)
	f := &fake{open: func(string) (source.Source, error) {
		s := &scripted{}
		s.run = func(ctx context.Context, _ []source.Worker) error { <-ctx.Done(); return nil }
		return s, nil
	}}
	f.set("eth0")
	r := start(b, cfg, f, consumertest.NewNop(), nil, componenttest.NewNopHost())
	rec := report(1)
	rec.ID[0], rec.TrackingID, rec.L3TrackingID, rec.NodeTID[0], rec.ParentID[0] = 1, 1, 1, 1, 1
	rec.LayersPath, rec.CaptureID, rec.LinkProtocol = "Ethernet/IPv4/TCP", "c", "ETHERNET"
	rec.LinkA, rec.LinkB = [6]byte{2}, [6]byte{2, 1}
	rec.Metric = someMetric()
	rec.Update = rec.Metric
	b.ReportAllocs()
	for b.Loop() {
		r.queue.wait(b.Context(), rec)
	}
	stop(b, r)
}

func someMetric() flowrecord.Metric {
	return flowrecord.Metric{ABPackets: 1, ABBytes: 2, BAPackets: 3, BABytes: 4, Start: 5, Last: 6, RTT: 7}
}
