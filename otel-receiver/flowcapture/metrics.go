package flowcapture

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"
)

// captureAttribute names the capture of a series.
const captureAttribute = "flow.capture_id"

// metricNames are the names of the two metrics.
func metricNames(names string) (bytes, packets string) {
	if names == namesOBI {
		return "obi.network.flow.bytes", "obi.network.flow.packets"
	}
	return "network.flow.bytes", "network.flow.packets"
}

func attributeName(a *seriesAttribute, names string) string {
	if names == namesOBI {
		return a.obi
	}
	return a.name
}

// meter sends the aggregates of all captures as metrics.
type meter struct {
	names    string
	interval time.Duration
	series   *seriesSet
	consumer consumer.Metrics
	resource func(pcommon.Resource)
	scope    func(pcommon.InstrumentationScope)
	obs      *receiverhelper.ObsReport
	log      *zap.Logger
	now      func() time.Time

	failing bool
}

// run sends until stop is closed, and a last time then. Calls of the consumer
// get ctx.
func (m *meter) run(ctx context.Context, stop <-chan struct{}) {
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			m.send(ctx)
		case <-stop:
			m.send(ctx)
			return
		}
	}
}

func (m *meter) send(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	metrics := m.metrics()
	n := metrics.DataPointCount()
	if n == 0 {
		return
	}
	op := m.obs.StartMetricsOp(ctx)
	err := m.consumer.ConsumeMetrics(op, metrics)
	m.obs.EndMetricsOp(op, format, n, err)
	if err != nil && !m.failing {
		m.log.Warn("The pipeline refuses flow metrics", zap.Int("points", n), zap.Error(err))
	}
	m.failing = err != nil
}

func (m *meter) metrics() pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	m.resource(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	m.scope(sm.Scope())
	bytesName, packetsName := metricNames(m.names)
	bytes := sum(sm.Metrics().AppendEmpty(), bytesName, "Bytes of flows on the wire.", "By")
	packets := sum(sm.Metrics().AppendEmpty(), packetsName, "Packets of flows.", "{packets}")
	now := pcommon.NewTimestampFromTime(m.now())
	m.series.each(func(name string, a *aggregate) {
		a.snapshot(func(p *point) {
			m.point(bytes.AppendEmpty(), name, a, p, p.bytes, now)
			m.point(packets.AppendEmpty(), name, a, p, p.packets, now)
		})
	})
	m.series.sweep()
	return metrics
}

func sum(to pmetric.Metric, name, description, unit string) pmetric.NumberDataPointSlice {
	to.SetName(name)
	to.SetDescription(description)
	to.SetUnit(unit)
	s := to.SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return s.DataPoints()
}

func (m *meter) point(to pmetric.NumberDataPoint, capture string, in *aggregate, p *point, value int64, now pcommon.Timestamp) {
	to.SetStartTimestamp(pcommon.Timestamp(p.start))
	to.SetTimestamp(now)
	to.SetIntValue(value)
	a := to.Attributes()
	a.EnsureCapacity(1 + len(p.values))
	a.PutStr(captureAttribute, capture)
	for i := range in.attributes {
		attr, v := &in.attributes[i], p.values[i]
		if v == "" {
			continue
		}
		if n, err := strconv.Atoi(v); err == nil && isPort(attr.name) {
			a.PutInt(attributeName(attr, m.names), int64(n))
			continue
		}
		a.PutStr(attributeName(attr, m.names), v)
	}
}

// isPort reports whether an attribute is a number, as conventions want it.
func isPort(name string) bool { return name == "source.port" || name == "destination.port" }
