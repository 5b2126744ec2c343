package hops

import (
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Count is packets and bytes of one direction.
type Count struct{ Packets, Bytes int64 }

func (c *Count) add(o Count) {
	c.Packets += o.Packets
	c.Bytes += o.Bytes
}

// Conversation is what was seen of one tracking ID.
type Conversation struct {
	TrackingID flowrecord.Tracking
	// Application and what follows are those of its flows. A is who asked: who
	// sent the SYN or the echo request, else who was seen first at most points.
	Application, LayersPath string
	NetworkProtocol         string
	NetworkA, NetworkB      netip.Addr
	TransportProtocol       string
	TransportA, TransportB  uint16
	LinkA, LinkB            flowrecord.MAC
	// Points are in the order in which packets from A to B pass them, as far as it
	// is known; Order says by what.
	Points []Point
	Order  string
	// Between is one for each two points that follow one another, EndToEnd the
	// first and the last, nil when there are fewer than three.
	Between  []Between
	EndToEnd *Between
	// Total is the index of the point whose counts stand for the conversation: the
	// one with the most packets, of these the first.
	Total int
}

// Point is an interface that the conversation was seen on.
type Point struct {
	// NodeTID is the TID of the interface, Host and Interface its host.id and name.
	NodeTID         entity.UUID
	Host, Interface string
	// Captures are those that saw it there, Capture is the one whose counts are
	// given: the one that sampled least, of these the one with the most packets.
	Captures []string
	Capture  string
	// Flows is how many flows it was: more than one when it paused or was evicted.
	Flows  int
	AB, BA Count
	// RTT is the round trip from here to B and back in nanoseconds, 0 when unknown.
	RTT int64
	// First and Last are the times of packets, Unix nanoseconds by the clock of the
	// host.
	First, Last int64
	// Sampling is the largest sampling rate of what was counted, 1 when every packet
	// was.
	Sampling int64
	// Finish says why the last flow ended there, NotFinished when it goes on.
	Finish flowrecord.Finish
	// Swapped tells that B was seen first there.
	Swapped bool
	// Dropped counts packets of the conversation that the kernel of the host
	// dropped, Drops says why (see [flowrecord.Record]).
	Dropped int64
	Drops   entity.Value
	// Missed is how many packets of any flow the capture lost itself, by
	// [Options.Missed]: since it began, so they need not be of this one.
	Missed int64

	syn, ttl [2]int64 // from A, from B
}

// Packets is what was counted in both directions.
func (p *Point) Packets() int64 { return p.AB.Packets + p.BA.Packets }

// Name is the point for people: interface and host.
func (p *Point) Name() string {
	switch {
	case p.Interface == "" && p.Host == "":
		return p.NodeTID.String()
	case p.Host == "":
		return p.Interface
	default:
		return p.Interface + " of " + p.Host
	}
}

// Between is what lies between two points; From is the one nearer to A.
type Between struct {
	// From and To are indexes of Points.
	From, To int
	// AB is what was lost from A to B, BA on the way back.
	AB, BA Loss
	// RoundTrip is from From to To and back: the difference of the round trips that
	// both measured, so no clocks are compared.
	RoundTrip Delay
	// OneWayAB and OneWayBA compare the times of the same packet. SameClock tells
	// that one clock told both; otherwise the clocks of two hosts are assumed to
	// agree.
	OneWayAB, OneWayBA Delay
	SameClock          bool
	// Confidence is how far the losses can be believed, Evidence why, and what the
	// delays were taken from.
	Confidence Confidence
	Evidence   []string
}

// Loss compares what entered with what left.
type Loss struct {
	// Sent is what the point saw that comes first.
	Sent int64
	// Packets and Bytes were seen there, but not at the next one.
	Packets, Bytes int64
	// SurplusPackets and SurplusBytes were seen at the next point only: duplicated
	// on the way, or missed by the capture before.
	SurplusPackets, SurplusBytes int64
}

// Ratio is the part of the packets that was lost, from 0 to 1.
func (l *Loss) Ratio() float64 {
	if l.Sent == 0 {
		return 0
	}
	return float64(l.Packets) / float64(l.Sent)
}

// Delay is a time in nanoseconds. It is below zero where clocks or the order are
// wrong.
type Delay struct {
	NS    int64
	Known bool
}

// Confidence is how far a comparison of counts can be believed.
type Confidence uint8

// The degrees, the best first.
const (
	// Exact: both points counted every packet from the first to the last.
	Exact Confidence = iota
	// GoingOn: the flow has not ended at one of them, so the counts are of
	// different moments: what is on its way and not yet reported counts as lost.
	GoingOn
	// Partial: one of them began later or ended earlier than the flow, or lost
	// packets itself: what it did not see counts as lost.
	Partial
	// Estimate: one of them sampled.
	Estimate
)

// String returns the name as answers have it.
func (c Confidence) String() string {
	switch c {
	case GoingOn:
		return "going on"
	case Partial:
		return "partial"
	case Estimate:
		return "estimate"
	default:
		return "exact"
	}
}
