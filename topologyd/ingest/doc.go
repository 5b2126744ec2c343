// Package ingest receives what sources say: Influx line protocol over HTTP as
// Telegraf's stock outputs write it, and OTLP logs over HTTP and gRPC.
//
// It decodes, refuses what is malformed by name and position, and hands the
// rest to a [Sink], flow records to a [FlowSink]; a request is acknowledged when
// the sink has it. Valid events are taken even when others of the same request
// are not. A line that says what the graph already knows is recognized by its
// fingerprint before it is decoded: that is the common case, and costs almost
// nothing.
//
// The package must never hold more memory for senders than its limits allow,
// and never interpret what an event says.
package ingest
