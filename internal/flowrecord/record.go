package flowrecord

import (
	"encoding/hex"
	"net/netip"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// ID identifies a flow at one capture point; it is made by the collector and
// stays the same in all reports of the flow.
type ID = entity.UUID

// MAC is an Ethernet address. The zero value means that there is none.
type MAC [6]byte

// String returns the usual form, for example "02:00:00:00:00:01", "" for the
// zero value.
func (m MAC) String() string {
	if m == (MAC{}) {
		return ""
	}
	b := make([]byte, 0, 17)
	for i := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, m[i:i+1])
	}
	return string(b)
}

// ParseMAC parses the usual form of an Ethernet address.
func ParseMAC(s string) (m MAC, ok bool) {
	if len(s) != 17 {
		return MAC{}, false
	}
	for i := range m {
		if i > 0 && s[3*i-1] != ':' {
			return MAC{}, false
		}
		if n, err := hex.Decode(m[i:i+1], []byte(s[3*i:3*i+2])); n != 1 || err != nil {
			return MAC{}, false
		}
	}
	return m, true
}

// Tracking is a tracking ID: a hash of the flow's keys that is the same in both
// directions and at every capture point. 0 means none.
type Tracking uint64

// String returns 16 hexadecimal digits, "" for 0.
func (t Tracking) String() string {
	if t == 0 {
		return ""
	}
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[t>>(60-4*i)&15]
	}
	return string(b[:])
}

// ParseTracking parses what String returns.
func ParseTracking(s string) (Tracking, bool) {
	n, err := strconv.ParseUint(s, 16, 64)
	return Tracking(n), err == nil && len(s) == 16
}

// Finish says why a flow has ended.
type Finish uint8

// The reasons. Evicted is a flow that had to make room for another one in a
// full table; Stopped one whose capture ended.
const (
	NotFinished Finish = iota
	FinishTimeout
	FinishTCPFin
	FinishTCPRst
	FinishEvicted
	FinishStopped
)

// Metric counts packets and bytes of a flow in both directions. A is where the
// first packet that was seen came from.
type Metric struct {
	ABPackets, ABBytes, BAPackets, BABytes int64
	// Start and Last are the times of the first and the last packet counted, in
	// Unix nanoseconds.
	Start, Last int64
	// RTT is the round trip time in nanoseconds, 0 when it is not known.
	RTT int64
}

// IsZero reports whether nothing was counted.
func (m *Metric) IsZero() bool { return m.ABPackets == 0 && m.BAPackets == 0 }

// TCPSide is what was seen of one direction of a TCP connection. Times are
// Unix nanoseconds, 0 when the segment was not seen.
type TCPSide struct {
	SynStart, FinStart, RstStart int64
	// SynTTL is the TTL or hop limit of the SYN.
	SynTTL int64
	// Retransmits counts segments sent again, OutOfOrder those that came later
	// than their successors, Skipped gaps in the sequence that nothing has
	// filled and SkippedBytes their length.
	Retransmits, OutOfOrder, Skipped, SkippedBytes int64
	// ZeroWindows counts segments that closed the window.
	ZeroWindows int64
}

// TCP is what was seen of a TCP connection beyond packets and bytes.
type TCP struct {
	AB, BA TCPSide
	// State is the connection's state as the capture saw it: "SYN_SENT",
	// "SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT", "CLOSING", "CLOSED", "RESET",
	// or "" for one whose beginning was not seen and of which nothing is known.
	State string
}

// Record is one report of a flow: all of it up to now (Metric), and what is new
// since the report before (Update).
type Record struct {
	// ID is the flow, ParentID the flow of the tunnel around it, if any.
	ID, ParentID ID
	// TrackingID is the same wherever the flow is seen, L3TrackingID also where
	// its frames have other addresses or tags.
	TrackingID, L3TrackingID Tracking
	// NodeTID is the TID of the interface on which it was seen, HostID and
	// Interface its host.id and name.
	NodeTID           entity.UUID
	HostID, Interface string
	// CaptureID names the capture.
	CaptureID string
	// LayersPath lists the layers, for example "Ethernet/Dot1Q/IPv4/TCP".
	LayersPath string
	// Application is the name of the application, or of the innermost layer.
	Application string
	// Finish says why it has ended; one that goes on is NotFinished.
	Finish Finish

	// LinkProtocol is "ETHERNET" or "", LinkID the VLAN tags, outermost
	// lowest, 12 bits each.
	LinkProtocol string
	LinkA, LinkB MAC
	LinkID       int64
	// NetworkProtocol is "IPV4", "IPV6" or "", NetworkID the identifier in the
	// tunnel header that the flow carries: VNI, GRE key or TEID.
	NetworkProtocol    string
	NetworkA, NetworkB netip.Addr
	NetworkID          int64
	// TransportProtocol is "TCP", "UDP", "SCTP" or "".
	TransportProtocol      string
	TransportA, TransportB uint16
	// ICMPType is the name of the type of the first packet ("ECHO"), "" when
	// there is none; ICMPID is the identifier of echo messages.
	ICMPType string
	ICMPCode int64
	ICMPID   int64

	// Metric counts from the flow's start, Update since the report before. An
	// Update without packets is a report that only says that the flow ended.
	Metric, Update Metric
	// TCP is nil for flows that are not TCP.
	TCP *TCP
	// Fragments and FragmentErrors count IP fragments.
	Fragments, FragmentErrors int64
	// DNS, DHCPv4 and VRRPv2 are maps with the details of the last message, when
	// the capture was told to decode them.
	DNS, DHCPv4, VRRPv2 entity.Value
	// RawPackets is how many packets of the flow were kept.
	RawPackets int64
	// SamplingRate is 0 or 1 when every packet was counted. Above, one packet of so
	// many was, and stands for all of them: counts of packets and bytes are scaled
	// already, hence estimates. It is the largest rate since the flow's start, as
	// Metric is an estimate from then on.
	SamplingRate int64
	// ProcessA and ProcessB are who has the socket at either end, when it is on the
	// host that reports.
	ProcessA, ProcessB Process
	// Dropped counts the packets of the flow that the kernel of the host dropped,
	// Drops is a map from the reason's name (SKB_DROP_REASON without that prefix,
	// include/net/dropreason-core.h) to how many. They are of the whole flow.
	Dropped int64
	Drops   entity.Value
}

// Process is who has a socket.
type Process struct {
	// PID is the process in the host's PID namespace, 0 when none is known.
	PID int64
	// Name is the name of its executable.
	Name string
	// ContainerID is that of the container whose cgroup it is in, "" for none.
	ContainerID string
	// Cgroup is the path of its cgroup below the root of cgroup v2.
	Cgroup string
	// NetNS is the inode number of the network namespace of the socket.
	NetNS int64
}

// Finished reports whether the flow has ended.
func (r *Record) Finished() bool { return r.Finish != NotFinished }
