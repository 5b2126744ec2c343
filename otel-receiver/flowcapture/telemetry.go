package flowcapture

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/skein-net/skein/otel-receiver/flow"
)

// addWorkers adds what the workers of a tap counted.
func (t *totals) addWorkers(workers []*worker) {
	for _, w := range workers {
		for i := range w.seen {
			t.stops[i] += w.seen[i].Load()
		}
		t.postponed += w.postponed.Load()
		s := w.table.Stats()
		t.live += int64(s.Flows)
		addTable(&t.table, &s)
	}
}

func addTable(to, s *flow.Stats) {
	to.Undecoded += s.Undecoded
	to.Created += s.Created
	to.Reports += s.Reports
	to.Evicted += s.Evicted
	to.Unreported += s.Unreported
	to.UnreportedPackets += s.UnreportedPackets
	to.UnreportedBytes += s.UnreportedBytes
}

// observe registers what is read when the Collector's own telemetry is
// collected. Nothing is counted by instruments on the way of a packet.
func (r *flowReceiver) observe() error {
	b := r.builder
	taps := func(register func(metric.Int64Callback) error, observe func(tapObserver, *totals)) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			r.eachTap(func(capture, iface string, t *totals) { observe(tapObserver{o, capture, iface}, t) })
			return nil
		})
	}
	captures := func(register func(metric.Int64Callback) error, each func(add func(capture string, n int64))) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			sums := make(map[string]int64)
			each(func(capture string, n int64) { sums[capture] += n })
			for name, n := range sums {
				o.Observe(n, metric.WithAttributes(attribute.String("capture", name)))
			}
			return nil
		})
	}
	return errors.Join(
		taps(b.RegisterReceiverFlowcapturePacketsReceivedCallback, func(o tapObserver, t *totals) { o.count(t.source.Received) }),
		taps(b.RegisterReceiverFlowcaptureBytesReceivedCallback, func(o tapObserver, t *totals) { o.count(t.source.Bytes) }),
		taps(b.RegisterReceiverFlowcapturePacketsDroppedCallback, func(o tapObserver, t *totals) { o.count(t.source.Dropped) }),
		taps(b.RegisterReceiverFlowcapturePacketsTruncatedCallback, func(o tapObserver, t *totals) { o.count(t.source.Truncated) }),
		taps(b.RegisterReceiverFlowcaptureRingFreezesCallback, func(o tapObserver, t *totals) { o.count(t.source.Freezes) }),
		taps(b.RegisterReceiverFlowcapturePacketsIgnoredCallback, func(o tapObserver, t *totals) {
			o.reason("filtered", t.source.Filtered)
			o.reason("malformed", t.source.Malformed)
			o.reason("undecoded", t.table.Undecoded)
		}),
		taps(b.RegisterReceiverFlowcaptureDecodeStopsCallback, func(o tapObserver, t *totals) {
			for i, reason := range stops() {
				if reason != "" {
					o.reason(reason, t.stops[i])
				}
			}
		}),
		taps(b.RegisterReceiverFlowcaptureFlowsLiveCallback, func(o tapObserver, t *totals) { o.value(t.live) }),
		taps(b.RegisterReceiverFlowcaptureFlowsCreatedCallback, func(o tapObserver, t *totals) { o.count(t.table.Created) }),
		taps(b.RegisterReceiverFlowcaptureFlowsEvictedCallback, func(o tapObserver, t *totals) { o.count(t.table.Evicted) }),
		taps(b.RegisterReceiverFlowcaptureFlowsUnreportedCallback, func(o tapObserver, t *totals) { o.count(t.table.Unreported) }),
		taps(b.RegisterReceiverFlowcaptureCapturesRunningCallback, func(o tapObserver, t *totals) {
			if t.running {
				o.value(1)
			} else {
				o.value(0)
			}
		}),
		captures(b.RegisterReceiverFlowcaptureCaptureFailuresCallback, func(add func(string, int64)) {
			for _, c := range r.captures {
				add(c.name, int64(c.failures.Load()))
			}
			if r.orders != nil {
				r.orders.eachFailure(add)
			}
		}),
		captures(b.RegisterReceiverFlowcaptureStreamsRefusedCallback, func(add func(string, int64)) {
			for _, c := range r.captures {
				n := int64(0)
				c.eachTap(func(_ string, t totals) { n += int64(t.source.Refused) })
				add(c.name, n)
			}
		}),
		r.observeOrders(),
		r.observeMetrics(),
		r.observeRecords(),
	)
}

// observeMetrics is for what exists only with a pipeline of metrics.
func (r *flowReceiver) observeMetrics() error {
	if r.metrics == nil {
		return nil
	}
	series := func(register func(metric.Int64Callback) error, value func(*aggregate) int64) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			r.series.each(func(name string, a *aggregate) {
				o.Observe(value(a), metric.WithAttributes(attribute.String("capture", name)))
			})
			return nil
		})
	}
	return errors.Join(
		series(r.builder.RegisterReceiverFlowcaptureSeriesCallback, func(a *aggregate) int64 {
			n, _ := a.size()
			return int64(n)
		}),
		series(r.builder.RegisterReceiverFlowcaptureSeriesOverflowsCallback, func(a *aggregate) int64 {
			_, over := a.size()
			return int64(over)
		}),
	)
}

// observeOrders is for what exists only with orders.
func (r *flowReceiver) observeOrders() error {
	if r.session == nil {
		return nil
	}
	b := r.builder
	return errors.Join(
		b.RegisterReceiverFlowcaptureOrdersAssignmentsCallback(func(_ context.Context, o metric.Int64Observer) error {
			for state, n := range r.orders.count() {
				o.Observe(n, metric.WithAttributes(attribute.String("state", state)))
			}
			return nil
		}),
		b.RegisterReceiverFlowcaptureOrdersConnectedCallback(func(_ context.Context, o metric.Int64Observer) error {
			n := int64(0)
			if r.session.Stats().Connected {
				n = 1
			}
			o.Observe(n)
			return nil
		}),
		b.RegisterReceiverFlowcaptureOrdersSessionsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(r.session.Stats().Sessions))
			return nil
		}),
		b.RegisterReceiverFlowcaptureOrdersFailuresCallback(func(_ context.Context, o metric.Int64Observer) error {
			s := r.session.Stats()
			o.Observe(int64(s.Failures), metric.WithAttributes(attribute.String("reason", "session")))
			o.Observe(int64(s.Invalid), metric.WithAttributes(attribute.String("reason", "message")))
			o.Observe(int64(s.StoreFailures), metric.WithAttributes(attribute.String("reason", "storage")))
			return nil
		}),
		b.RegisterReceiverFlowcaptureOrdersMessagesCallback(func(_ context.Context, o metric.Int64Observer) error {
			s := r.session.Stats()
			o.Observe(int64(s.Received), metric.WithAttributes(attribute.String("direction", "received")))
			o.Observe(int64(s.Sent), metric.WithAttributes(attribute.String("direction", "sent")))
			return nil
		}),
	)
}

// eachTap calls yield once for every capture's name and interface's name: orders
// may well have several captures of one name on interfaces of one name, in
// different namespaces.
func (r *flowReceiver) eachTap(yield func(capture, iface string, t *totals)) {
	sums := make(map[[2]string]*totals)
	add := func(capture, iface string, t *totals) {
		key := [2]string{capture, iface}
		if sum := sums[key]; sum != nil {
			sum.add(t)
			return
		}
		sums[key] = t
	}
	for _, c := range r.captures {
		c.eachTap(func(iface string, t totals) { add(c.name, iface, &t) })
	}
	if r.orders != nil {
		r.orders.eachTap(add)
	}
	for key, t := range sums {
		yield(key[0], key[1], t)
	}
}

// observeRecords is for what exists only with a pipeline of logs.
func (r *flowReceiver) observeRecords() error {
	if r.logs == nil {
		return nil
	}
	b := r.builder
	one := func(register func(metric.Int64Callback) error, value func() uint64) error {
		return register(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(value()))
			return nil
		})
	}
	return errors.Join(
		one(b.RegisterReceiverFlowcaptureRecordsSentCallback, r.sender.sent.Load),
		one(b.RegisterReceiverFlowcaptureRecordsRefusedCallback, r.sender.refused.Load),
		one(b.RegisterReceiverFlowcaptureQueueRecordsCallback, func() uint64 { return uint64(r.queue.count.Load()) }),
		one(b.RegisterReceiverFlowcaptureReportsPostponedCallback, func() (n uint64) {
			r.eachTap(func(_, _ string, t *totals) { n += t.postponed })
			return n
		}),
		b.RegisterReceiverFlowcaptureRecordsDroppedCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(r.queue.full.Load()), metric.WithAttributes(attribute.String("reason", "queue_full")))
			o.Observe(int64(r.queue.late.Load()), metric.WithAttributes(attribute.String("reason", "shutdown")))
			return nil
		}),
	)
}

// tapObserver tells values of one tap.
type tapObserver struct {
	metric.Int64Observer
	capture, iface string
}

func (o tapObserver) value(n int64) {
	o.Observe(n, metric.WithAttributes(attribute.String("capture", o.capture), attribute.String("interface", o.iface)))
}

func (o tapObserver) count(n uint64) { o.value(int64(n)) }

func (o tapObserver) reason(reason string, n uint64) {
	o.Observe(int64(n), metric.WithAttributes(attribute.String("capture", o.capture), attribute.String("interface", o.iface),
		attribute.String("reason", reason)))
}
