package flowrecord

import (
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
)

// Field is one row of the table of fields.
type Field struct {
	// Query is the name in queries and in answers; a dot leads into a group.
	Query string
	// Wire is the attribute of the log record, and the field of a stored row.
	Wire string
	// Kind is the kind of the value on the wire: a string or an integer. What
	// is KindMap in a record is JSON text there.
	Kind entity.Kind
	// Time is set for times: Unix nanoseconds on the wire, milliseconds in
	// queries.
	Time bool
	// Get returns the value as it is on the wire, the zero Value when the record
	// has none. Integers of 0 and empty strings are none.
	Get func(*Record) entity.Value
	// Set takes a value from the wire; it reports whether it makes sense.
	Set func(*Record, entity.Value) bool
}

// Fields is the table that maps the names of the wire to those of queries. Its
// order is that of answers. source.*, destination.* and network.* are names of
// OpenTelemetry's semantic conventions, network.io.* and network.flow.* those
// of the Collector's netflow receiver: what is new from A to B; the same from B
// to A has "reverse" in its name (RFC 5103).
func Fields() []Field {
	return []Field{
		id("UUID", "flow.id", func(r *Record) *entity.UUID { return &r.ID }),
		id("ParentUUID", "flow.parent_id", func(r *Record) *entity.UUID { return &r.ParentID }),
		tracking("TrackingID", "flow.tracking_id", func(r *Record) *Tracking { return &r.TrackingID }),
		tracking("L3TrackingID", "flow.l3_tracking_id", func(r *Record) *Tracking { return &r.L3TrackingID }),
		id("NodeTID", "flow.node_tid", func(r *Record) *entity.UUID { return &r.NodeTID }),
		text("Host", "host.id", func(r *Record) *string { return &r.HostID }),
		text("Interface", "network.interface.name", func(r *Record) *string { return &r.Interface }),
		text("CaptureID", "flow.capture_id", func(r *Record) *string { return &r.CaptureID }),
		text("LayersPath", "flow.layers", func(r *Record) *string { return &r.LayersPath }),
		text("Application", "network.protocol.name", func(r *Record) *string { return &r.Application }),
		instant("Start", "network.flow.start", func(r *Record) *int64 { return &r.Metric.Start }),
		instant("Last", "network.flow.end", func(r *Record) *int64 { return &r.Metric.Last }),
		finish(),

		text("Link.Protocol", "flow.link.protocol", func(r *Record) *string { return &r.LinkProtocol }),
		mac("Link.A", "source.mac", func(r *Record) *MAC { return &r.LinkA }),
		mac("Link.B", "destination.mac", func(r *Record) *MAC { return &r.LinkB }),
		integer("Link.ID", "flow.link.id", func(r *Record) *int64 { return &r.LinkID }),
		network(),
		addr("Network.A", "source.address", func(r *Record) *netip.Addr { return &r.NetworkA }),
		addr("Network.B", "destination.address", func(r *Record) *netip.Addr { return &r.NetworkB }),
		integer("Network.ID", "flow.network.id", func(r *Record) *int64 { return &r.NetworkID }),
		transport(),
		port("Transport.A", "source.port", func(r *Record) *uint16 { return &r.TransportA }),
		port("Transport.B", "destination.port", func(r *Record) *uint16 { return &r.TransportB }),
		text("ICMP.Type", "flow.icmp.type", func(r *Record) *string { return &r.ICMPType }),
		integer("ICMP.Code", "flow.icmp.code", func(r *Record) *int64 { return &r.ICMPCode }),
		integer("ICMP.ID", "flow.icmp.id", func(r *Record) *int64 { return &r.ICMPID }),

		integer("Metric.ABPackets", "flow.packets", func(r *Record) *int64 { return &r.Metric.ABPackets }),
		integer("Metric.ABBytes", "flow.bytes", func(r *Record) *int64 { return &r.Metric.ABBytes }),
		integer("Metric.BAPackets", "flow.reverse.packets", func(r *Record) *int64 { return &r.Metric.BAPackets }),
		integer("Metric.BABytes", "flow.reverse.bytes", func(r *Record) *int64 { return &r.Metric.BABytes }),
		integer("Metric.RTT", "flow.rtt", func(r *Record) *int64 { return &r.Metric.RTT }),
		integer("LastUpdateMetric.ABPackets", "network.io.packets", func(r *Record) *int64 { return &r.Update.ABPackets }),
		integer("LastUpdateMetric.ABBytes", "network.io.bytes", func(r *Record) *int64 { return &r.Update.ABBytes }),
		integer("LastUpdateMetric.BAPackets", "network.io.reverse.packets", func(r *Record) *int64 { return &r.Update.BAPackets }),
		integer("LastUpdateMetric.BABytes", "network.io.reverse.bytes", func(r *Record) *int64 { return &r.Update.BABytes }),
		instant("LastUpdateMetric.Start", "flow.update.start", func(r *Record) *int64 { return &r.Update.Start }),
		instant("LastUpdateMetric.Last", "flow.update.end", func(r *Record) *int64 { return &r.Update.Last }),
		integer("LastUpdateMetric.RTT", "flow.update.rtt", func(r *Record) *int64 { return &r.Update.RTT }),

		tcpText("TCPMetric.State", "network.connection.state", func(t *TCP) *string { return &t.State }),
		tcpInstant("TCPMetric.ABSynStart", "flow.tcp.syn.start", func(t *TCP) *int64 { return &t.AB.SynStart }),
		tcpInstant("TCPMetric.BASynStart", "flow.tcp.reverse.syn.start", func(t *TCP) *int64 { return &t.BA.SynStart }),
		tcpInteger("TCPMetric.ABSynTTL", "flow.tcp.syn.ttl", func(t *TCP) *int64 { return &t.AB.SynTTL }),
		tcpInteger("TCPMetric.BASynTTL", "flow.tcp.reverse.syn.ttl", func(t *TCP) *int64 { return &t.BA.SynTTL }),
		tcpInstant("TCPMetric.ABFinStart", "flow.tcp.fin.start", func(t *TCP) *int64 { return &t.AB.FinStart }),
		tcpInstant("TCPMetric.BAFinStart", "flow.tcp.reverse.fin.start", func(t *TCP) *int64 { return &t.BA.FinStart }),
		tcpInstant("TCPMetric.ABRstStart", "flow.tcp.rst.start", func(t *TCP) *int64 { return &t.AB.RstStart }),
		tcpInstant("TCPMetric.BARstStart", "flow.tcp.reverse.rst.start", func(t *TCP) *int64 { return &t.BA.RstStart }),
		tcpInteger("TCPMetric.ABRetransmits", "flow.tcp.retransmits", func(t *TCP) *int64 { return &t.AB.Retransmits }),
		tcpInteger("TCPMetric.BARetransmits", "flow.tcp.reverse.retransmits", func(t *TCP) *int64 { return &t.BA.Retransmits }),
		tcpInteger("TCPMetric.ABSegmentOutOfOrder", "flow.tcp.out_of_order", func(t *TCP) *int64 { return &t.AB.OutOfOrder }),
		tcpInteger("TCPMetric.BASegmentOutOfOrder", "flow.tcp.reverse.out_of_order", func(t *TCP) *int64 { return &t.BA.OutOfOrder }),
		tcpInteger("TCPMetric.ABSegmentSkipped", "flow.tcp.skipped", func(t *TCP) *int64 { return &t.AB.Skipped }),
		tcpInteger("TCPMetric.BASegmentSkipped", "flow.tcp.reverse.skipped", func(t *TCP) *int64 { return &t.BA.Skipped }),
		tcpInteger("TCPMetric.ABSegmentSkippedBytes", "flow.tcp.skipped.bytes", func(t *TCP) *int64 { return &t.AB.SkippedBytes }),
		tcpInteger("TCPMetric.BASegmentSkippedBytes", "flow.tcp.reverse.skipped.bytes", func(t *TCP) *int64 { return &t.BA.SkippedBytes }),
		tcpInteger("TCPMetric.ABZeroWindows", "flow.tcp.zero_windows", func(t *TCP) *int64 { return &t.AB.ZeroWindows }),
		tcpInteger("TCPMetric.BAZeroWindows", "flow.tcp.reverse.zero_windows", func(t *TCP) *int64 { return &t.BA.ZeroWindows }),

		integer("IPMetric.Fragments", "flow.ip.fragments", func(r *Record) *int64 { return &r.Fragments }),
		integer("IPMetric.FragmentErrors", "flow.ip.fragment_errors", func(r *Record) *int64 { return &r.FragmentErrors }),
		details("DNS", "flow.dns", func(r *Record) *entity.Value { return &r.DNS }),
		details("DHCPv4", "flow.dhcpv4", func(r *Record) *entity.Value { return &r.DHCPv4 }),
		details("VRRPv2", "flow.vrrpv2", func(r *Record) *entity.Value { return &r.VRRPv2 }),
		integer("RawPacketsCaptured", "flow.raw_packets", func(r *Record) *int64 { return &r.RawPackets }),
		integer("SamplingRate", "flow.sampling_rate", func(r *Record) *int64 { return &r.SamplingRate }),

		integer("ProcessA.PID", "source.process.pid", func(r *Record) *int64 { return &r.ProcessA.PID }),
		text("ProcessA.Name", "source.process.executable.name", func(r *Record) *string { return &r.ProcessA.Name }),
		text("ProcessA.ContainerID", "source.container.id", func(r *Record) *string { return &r.ProcessA.ContainerID }),
		text("ProcessA.Cgroup", "source.process.cgroup", func(r *Record) *string { return &r.ProcessA.Cgroup }),
		integer("ProcessA.NetNS", "source.process.netns", func(r *Record) *int64 { return &r.ProcessA.NetNS }),
		integer("ProcessB.PID", "destination.process.pid", func(r *Record) *int64 { return &r.ProcessB.PID }),
		text("ProcessB.Name", "destination.process.executable.name", func(r *Record) *string { return &r.ProcessB.Name }),
		text("ProcessB.ContainerID", "destination.container.id", func(r *Record) *string { return &r.ProcessB.ContainerID }),
		text("ProcessB.Cgroup", "destination.process.cgroup", func(r *Record) *string { return &r.ProcessB.Cgroup }),
		integer("ProcessB.NetNS", "destination.process.netns", func(r *Record) *int64 { return &r.ProcessB.NetNS }),

		integer("Dropped", "flow.dropped", func(r *Record) *int64 { return &r.Dropped }),
		details("Drops", "flow.drops", func(r *Record) *entity.Value { return &r.Drops }),
	}
}
