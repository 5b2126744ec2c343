package ingest

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
)

// Values of the label protocol.
const (
	protoLine = "line"
	protoHTTP = "otlp_http"
	protoGRPC = "otlp_grpc"
)

// Values of the label reason.
const (
	reasonMalformed   = "malformed"
	reasonInvalid     = "invalid_event"
	reasonInvalidFlow = "invalid_flow"
	reasonForeign     = "foreign"
	reasonTooLong     = "line_too_long"
	reasonTooLarge    = "body_too_large"
	reasonEncoding    = "content_encoding"
	reasonType        = "content_type"
	reasonBody        = "body_broken"
	reasonSlow        = "body_slow"
	reasonBusy        = "busy"
	reasonLog         = "log"
	reasonFlowStore   = "flow_store"
	reasonStopped     = "stopped"
	reasonChanges     = "host_changes"
	reasonRecords     = "host_records"
)

// counters are the metrics of the package.
type counters struct {
	requests *prometheus.CounterVec // protocol, code
	bytes    *prometheus.CounterVec // protocol
	events   *prometheus.CounterVec // protocol, result
	ignored  *prometheus.CounterVec // protocol, kind
	rejected *prometheus.CounterVec // protocol, reason
	flows    *prometheus.CounterVec // protocol, result
	series   *prometheus.CounterVec // protocol, result
}

func newCounters(reg prometheus.Registerer) (*counters, error) {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_ingest_" + name, Help: help}, labels)
	}
	c := &counters{
		requests: vec("requests_total", "Ingest requests by protocol and status.", "protocol", "code"),
		bytes:    vec("bytes_total", "Bytes received in request bodies, as they came over the wire.", "protocol"),
		events:   vec("events_total", "Entity events taken, by what they did: heartbeat (recognized undecoded), changed, unchanged, outdated; and interface counters: metric.", "protocol", "result"),
		ignored:  vec("ignored_total", "What was well formed but is not for this daemon: measurement, log_record, data_point, metric (of a node that is not known).", "protocol", "kind"),
		flows:    vec("flow_records_total", "Flow records taken: stored, late (stored, and older than what was known of the flow), duplicate (stored before).", "protocol", "result"),
		series:   vec("counters_total", "Interface counters kept over time: stored, dropped (the flow store did not take them).", "protocol", "result"),
		rejected: vec("rejected_total", "Events, counters and flow records (reasons malformed, invalid_event, invalid_flow, line_too_long; foreign: the sender may not speak of that host) and whole requests (other reasons) that were refused.", "protocol", "reason"),
	}
	for _, v := range []*prometheus.CounterVec{c.requests, c.bytes, c.events, c.ignored, c.rejected, c.flows, c.series} {
		if err := reg.Register(v); err != nil {
			return nil, fmt.Errorf("register metrics of ingest: %w", err)
		}
	}
	return c, nil
}

func (c *counters) summary(protocol string, s engine.Summary) {
	c.events.WithLabelValues(protocol, "changed").Add(float64(s.Changed))
	c.events.WithLabelValues(protocol, "unchanged").Add(float64(s.Unchanged))
	c.events.WithLabelValues(protocol, "outdated").Add(float64(s.Outdated))
}

func (c *counters) metrics(protocol string, taken, unknown int) {
	c.events.WithLabelValues(protocol, "metric").Add(float64(taken))
	c.ignored.WithLabelValues(protocol, "metric").Add(float64(unknown))
}

func (c *counters) taken(protocol string, t *flows.Taken) {
	c.flows.WithLabelValues(protocol, "stored").Add(float64(t.Stored - t.Late))
	c.flows.WithLabelValues(protocol, "late").Add(float64(t.Late))
	c.flows.WithLabelValues(protocol, "duplicate").Add(float64(t.Duplicate))
}

func (c *counters) reject(protocol, reason string, n int) {
	c.rejected.WithLabelValues(protocol, reason).Add(float64(n))
}
