// Package flowrecord is the one contract for flows: what a capture says of a
// conversation, the names its fields have on the wire (OpenTelemetry
// attributes) and in queries (Network.A, Metric.ABBytes), and what can be
// asked of a store of them. Collector, flow store and query language agree on
// nothing else.
//
// It is pure: it knows no transport, no store and no query language.
package flowrecord

// EventName is the EventName of the log records that carry flows. A log
// record with another name is not a flow.
const EventName = "network.flow"
