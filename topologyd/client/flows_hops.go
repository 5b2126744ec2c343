package client

import (
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// HopQuery asks for conversations: what was lost from one point that saw them to
// the next, and how long it took. Filters of a place choose conversations that
// were seen there; the answer has all of their points.
type HopQuery struct {
	FlowFilter
	// From and To are given as in [Query]; without both, the flows of now are
	// asked for.
	From, To string
	// Sort is what comes first, the most of it: lost, packets, bytes or last; "" is
	// lost.
	Sort string
	// Join is tracking or l3, which joins across routers; "" is tracking.
	Join string
	// Points leaves out what was seen at fewer, 0 nothing.
	Points int
	// Limit is the most conversations; 0 is the server's default.
	Limit int
}

// HopList is the answer to a [HopQuery].
type HopList struct {
	// Live tells that it is of the flows of now; From and To are zero then.
	Live bool      `json:"live"`
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// More tells that there are more than Limit.
	More          bool           `json:"more"`
	Conversations []Conversation `json:"conversations"`
	// Raw is the whole answer, in JSON.
	Raw json.RawMessage `json:"-"`
}

// Conversation is what was seen of one tracking ID. A is who asked.
type Conversation struct {
	TrackingID, Application, LayersPath string
	Link, Network                       FlowEnds
	Transport                           FlowPorts
	// Hops are the points in the order in which packets from A to B pass them;
	// OrderedBy says what tells it.
	Hops      []Hop
	OrderedBy string
	// Between is one for each two hops that follow one another, EndToEnd the first
	// and the last when there are more than two.
	Between  []HopLoss
	EndToEnd *HopLoss
	// Total is the hop with the most packets, whose counts stand for all.
	Total struct {
		HopCount
		Hop int
	}
}

// HopCount counts packets and bytes at a point.
type HopCount struct {
	ABPackets, ABBytes, BAPackets, BABytes int64
	// SamplingRate is 0 when every packet was counted; otherwise one of so many was.
	SamplingRate int64
}

// Hop is a point that saw a conversation.
type Hop struct {
	HopCount
	// Node is the ID of the node, zero when it is gone, Name its name.
	Node            entity.UUID
	Name            string
	NodeTID         entity.UUID
	Host, Interface string
	// Captures saw it there, CountedBy is the one whose counts these are, Flows how
	// many flows it was.
	Captures  []string
	CountedBy string
	Flows     int
	// First and Last are Unix milliseconds by the clock of the host, RTT is
	// nanoseconds from here to B and back, 0 when unknown.
	First, Last int64
	RTT         int64
	FinishType  string
	// Dropped is how many packets of it the kernel of the host dropped, Drops how
	// many by reason; Missed how many the capture lost itself, of all flows.
	Dropped int64
	Drops   map[string]int64
	Missed  int64
}

// HopLoss is what lies between two hops, From the one nearer to A.
type HopLoss struct {
	From, To                         int
	LostABPackets, LostABBytes       int64
	LostBAPackets, LostBABytes       int64
	LossAB, LossBA                   float64
	SurplusABPackets, SurplusABBytes int64
	SurplusBAPackets, SurplusBABytes int64
	// RoundTrip is there and back, OneWayAB and OneWayBA one way, in nanoseconds; nil
	// when unknown. SameClock tells that one clock told both ends of one way.
	RoundTrip, OneWayAB, OneWayBA *int64
	SameClock                     bool
	// Confidence is exact, going on, partial or estimate; Evidence says why.
	Confidence string
	Evidence   []string
}

// Hops asks for conversations hop by hop.
func (c *Client) Hops(ctx context.Context, q HopQuery) (*HopList, error) {
	v := q.values()
	maps.Copy(v, url.Values{"from": {q.From}, "to": {q.To}, "sort": {q.Sort}, "join": {q.Join}, "points": {limitText(q.Points)}, "limit": {limitText(q.Limit)}})
	l := &HopList{}
	var err error
	if l.Raw, err = c.getJSON(ctx, "/api/v1/flows/hops", v, l); err != nil {
		return nil, err
	}
	return l, nil
}
