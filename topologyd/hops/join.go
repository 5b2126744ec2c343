package hops

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Options say how records are joined.
type Options struct {
	// MaxFlows is how many flows are held, some 400 bytes each; 0 is 100,000.
	MaxFlows int
	// L3 joins by the L3TrackingID of flows that have one: also across routers.
	L3 bool
	// Missed, when set, tells how many packets a capture lost itself at a node, of
	// all flows.
	Missed func(node entity.UUID, capture string) int64
}

// ErrTooMany is wrapped by the error of [Join.Add] for more flows than may be
// held.
var ErrTooMany = errors.New("too many flows to join")

const defaultFlows = 100_000

// Join collects records. It is not safe for concurrent use.
type Join struct {
	o     Options
	flows map[flowrecord.ID]*seen
	talks map[flowrecord.Tracking]*talk
	// order are the conversations as they were met.
	order []*talk
}

// New returns an empty join.
func New(o Options) *Join {
	if o.MaxFlows <= 0 {
		o.MaxFlows = defaultFlows
	}
	return &Join{o: o, flows: make(map[flowrecord.ID]*seen), talks: make(map[flowrecord.Tracking]*talk)}
}

// talk is a conversation that is collected.
type talk struct {
	id flowrecord.Tracking
	// Application and LayersPath are those of the first flow.
	application, layers string
	network, transport  string
	low, high           end
	flows               []*seen
}

// end is one side of a conversation.
type end struct {
	addr addr
	port uint16
	mac  flowrecord.MAC
}

// seen is the newest report of one flow.
type seen struct {
	node            entity.UUID
	host, iface     string
	capture         string
	finish          flowrecord.Finish
	start, last     int64
	rtt, sampling   int64
	dropped         int64
	drops           entity.Value
	count, reversed Count // from A to B, and back
	syn, ttl        [2]int64
	// low tells that A is the lower end; asked that A is who asked, and answered
	// that B is.
	low, asked, answered bool
}

// Add takes a report. Of several of one flow the newest counts, so reports may
// come twice, or not at all, but the last one. What has no tracking ID is left
// out. The record may be used again afterwards.
func (j *Join) Add(r *flowrecord.Record) error {
	id := r.TrackingID
	if j.o.L3 && r.L3TrackingID != 0 {
		id = r.L3TrackingID
	}
	if id == 0 {
		return nil
	}
	s := j.flows[r.ID]
	if s == nil {
		if len(j.flows) >= j.o.MaxFlows {
			return fmt.Errorf("%w: more than %d; ask for a shorter time, or name an address or a node", ErrTooMany, j.o.MaxFlows)
		}
		s = &seen{}
		j.flows[r.ID] = s
		t := j.talk(id, r)
		t.flows = append(t.flows, s)
	} else if !newer(r, s) {
		return nil
	}
	s.take(r)
	return nil
}

// newer tells whether a report says more than what is known.
func newer(r *flowrecord.Record, s *seen) bool {
	m := &r.Metric
	return cmp.Or(cmp.Compare(m.ABPackets+m.BAPackets, s.count.Packets+s.reversed.Packets), cmp.Compare(m.Last, s.last),
		cmp.Compare(r.Finish, s.finish)) > 0
}

func (j *Join) talk(id flowrecord.Tracking, r *flowrecord.Record) *talk {
	t := j.talks[id]
	if t != nil {
		return t
	}
	t = &talk{id: id, application: r.Application, layers: r.LayersPath, network: r.NetworkProtocol, transport: r.TransportProtocol}
	t.low, t.high = ends(r)
	if !lowFirst(r) {
		t.low, t.high = t.high, t.low
	}
	j.talks[id] = t
	j.order = append(j.order, t)
	return t
}

// take makes s the flow of a report.
func (s *seen) take(r *flowrecord.Record) {
	m := &r.Metric
	*s = seen{
		node: r.NodeTID, host: strings.Clone(r.HostID), iface: strings.Clone(r.Interface), capture: strings.Clone(r.CaptureID),
		finish: r.Finish, start: m.Start, last: m.Last, rtt: m.RTT, sampling: max(1, r.SamplingRate), dropped: r.Dropped, drops: r.Drops,
		count: Count{m.ABPackets, m.ABBytes}, reversed: Count{m.BAPackets, m.BABytes}, low: lowFirst(r),
	}
	if t := r.TCP; t != nil {
		s.syn, s.ttl = [2]int64{t.AB.SynStart, t.BA.SynStart}, [2]int64{t.AB.SynTTL, t.BA.SynTTL}
		// A SYN alone may be the one that answers.
		both := s.syn[0] != 0 && s.syn[1] != 0
		s.asked = both && s.syn[0] <= s.syn[1] || t.State == "SYN_SENT"
		s.answered = both && s.syn[1] < s.syn[0]
	} else if r.ICMPType == "ECHO" {
		s.asked = true
	}
}

// Len is the number of conversations.
func (j *Join) Len() int { return len(j.order) }

// Conversations yields each conversation joined, in the order in which they were
// met. It may be called more than once.
func (j *Join) Conversations() iter.Seq[*Conversation] {
	return func(yield func(*Conversation) bool) {
		for _, t := range j.order {
			if !yield(t.join(&j.o)) {
				return
			}
		}
	}
}

// join makes the conversation.
func (t *talk) join(o *Options) *Conversation {
	low := t.askerIsLow()
	a, b := t.low, t.high
	if !low {
		a, b = b, a
	}
	c := &Conversation{
		TrackingID: t.id, Application: t.application, LayersPath: t.layers, NetworkProtocol: t.network, TransportProtocol: t.transport,
		NetworkA: a.addr, NetworkB: b.addr, TransportA: a.port, TransportB: b.port, LinkA: a.mac, LinkB: b.mac,
	}
	list := points(t.flows, low, o)
	c.Order = order(list)
	c.Points = make([]Point, len(list))
	for i, p := range list {
		c.Points[i] = *p
	}
	for i := range c.Points {
		if p, best := &c.Points[i], &c.Points[c.Total]; p.Packets() > best.Packets() {
			c.Total = i
		}
		if i > 0 {
			c.Between = append(c.Between, between(c.Points, i-1, i))
		}
	}
	if n := len(c.Points); n > 2 {
		b := between(c.Points, 0, n-1)
		c.EndToEnd = &b
	}
	return c
}

// askerIsLow tells which end is A: who asked, by most of the points that saw it,
// else who was first at most of them, else at the one that saw it first.
func (t *talk) askerIsLow() bool {
	asked, first := 0, 0
	earliest := t.flows[0]
	vote := func(low bool, n *int) {
		if low {
			*n++
		} else {
			*n--
		}
	}
	for _, s := range t.flows {
		if s.asked || s.answered {
			vote(s.low == s.asked, &asked)
		}
		vote(s.low, &first)
		if s.start < earliest.start || s.start == earliest.start && bytes.Compare(s.node[:], earliest.node[:]) < 0 {
			earliest = s
		}
	}
	switch {
	case asked != 0:
		return asked > 0
	case first != 0:
		return first > 0
	default:
		return earliest.low
	}
}

// Sort puts conversations in an order: by "lost" packets, "packets", "bytes" or
// "last", the most first; those that are equal by packets and then by their IDs. It reports whether it
// knows the order.
func Sort(list []*Conversation, by string) bool {
	var key func(c *Conversation) int64
	switch by {
	case "lost":
		key = (*Conversation).lost
	case "packets":
		key = func(c *Conversation) int64 { return c.Points[c.Total].Packets() }
	case "bytes":
		key = func(c *Conversation) int64 { p := &c.Points[c.Total]; return p.AB.Bytes + p.BA.Bytes }
	case "last":
		key = func(c *Conversation) int64 { return c.Points[c.Total].Last }
	default:
		return false
	}
	slices.SortFunc(list, func(a, b *Conversation) int {
		return cmp.Or(cmp.Compare(key(b), key(a)), cmp.Compare(b.Points[b.Total].Packets(), a.Points[a.Total].Packets()), cmp.Compare(a.TrackingID, b.TrackingID))
	})
	return true
}

func (c *Conversation) lost() (n int64) {
	for i := range c.Between {
		n += c.Between[i].AB.Packets + c.Between[i].BA.Packets
	}
	return n
}
