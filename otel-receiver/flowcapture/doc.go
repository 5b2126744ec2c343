// Package flowcapture is the receiver flowcapture of the OpenTelemetry
// Collector: it watches packets and reports the flows that they are part of, as
// log records and as metrics. It ties together sources of packets, the decoder,
// the flow table and the Collector, and knows itself nothing about packets or
// protocols.
//
// It must never block a source for the sake of a slow pipeline without an end,
// nor grow with what it watches.
package flowcapture

//go:generate go tool -modfile=../../tools/go.mod mdatagen metadata.yaml
