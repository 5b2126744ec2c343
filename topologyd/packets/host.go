package packets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/orders"
)

// Bounds of what a host may send.
const (
	// chunkBytes and chunkPackets are those of one message, several times what a
	// collector makes.
	chunkBytes   = 1 << 20
	chunkPackets = 8192
	// mostRefused is how many packets that nobody asked for it may send, and
	// mostEmpty how many messages one after the other without one that was.
	mostRefused = 10_000
	mostEmpty   = 10_000
	// mostLinks is how many link types an interface may have.
	mostLinks = 4
)

// Packet is one packet of an answer.
type Packet struct {
	// Time is Unix nanoseconds.
	Time int64
	// Node is where it was captured, Capture by which capture, TID is the node's,
	// Assignment the capture at the node.
	Node       *orders.NodeStatus
	Capture    *definition.Definition
	TID        entity.UUID
	Assignment string
	// Flow is the flow, the zero value when none is known.
	Flow flowrecord.ID
	// Link is the LINKTYPE of Data, Wire the length on the wire, Out tells that the
	// host sent it.
	Link uint16
	Wire int
	Out  bool
	Data []byte
}

// part is what one message of a host comes to; err ends it. An empty one says
// that the host answers.
type part struct {
	host    string
	packets []Packet
	lost    int64
	refused int64
	err     error
}

// errEnd ends the parts of a host that told everything.
var errEnd = errors.New("the host has told everything")

// host checks what one host sends.
type host struct {
	id    string
	q     *Query
	flows map[flowrecord.ID]struct{} // nil: all
	// find returns where an assignment of the host is, nil when it was not asked for.
	find    func(host, id string) *place
	refused int64
	empty   int
	// links are the link types that the packets of assignments have had.
	links map[string][]uint16
}

// ask asks the host for all it has, at once and as it comes, and hands parts to
// give until that returns false, the last of which has an error.
func (s *Service) ask(ctx context.Context, h *host, f order.Fetch, give func(part) bool) {
	for m, err := range s.deps.Hosts.Fetch(ctx, h.id, f) {
		p := part{host: h.id, err: err}
		if err == nil {
			h.check(m, &p)
		}
		if !give(p) || p.err != nil {
			return
		}
	}
	give(part{host: h.id, err: errEnd})
}

// check takes what can be taken of a message.
func (h *host) check(m *order.Packets, p *part) {
	if m == nil {
		return
	}
	n := 0
	for i := range m.Packets {
		n += len(m.Packets[i].Data)
	}
	if n > chunkBytes || len(m.Packets) > chunkPackets {
		p.err = fmt.Errorf("it sent %d packets of %d bytes in one message, which is not allowed", len(m.Packets), n)
		return
	}
	p.lost = max(m.Lost, 0)
	for i := range m.Packets {
		if k, ok := h.packet(&m.Packets[i]); ok {
			p.packets = append(p.packets, k)
		} else {
			p.refused++
		}
	}
	// Of one capture they are in order; of several they may not be.
	slices.SortStableFunc(p.packets, func(a, b Packet) int { return compare(a.Time, b.Time) })
	h.refused += p.refused
	if h.empty++; len(p.packets) > 0 {
		h.empty = 0
	}
	switch {
	case m.Error != "":
		p.err = fmt.Errorf("it says: %.300s", strings.ToValidUTF8(m.Error, "?"))
	case m.Done:
		p.err = errEnd
	case h.refused > mostRefused:
		p.err = fmt.Errorf("it sent %d packets that nobody asked for", h.refused)
	case h.empty > mostEmpty:
		p.err = fmt.Errorf("it sent %d messages without a packet", h.empty)
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// packet checks one packet.
func (h *host) packet(p *order.Packet) (out Packet, ok bool) {
	at := h.find(h.id, p.Capture)
	if at == nil || p.Time <= 0 || p.Time > pcapwrite.MaxTime || len(p.Data) > pcapwrite.MaxData {
		return out, false
	}
	if !h.q.From.IsZero() && p.Time < h.q.From.UnixNano() || !h.q.To.IsZero() && p.Time > h.q.To.UnixNano() {
		return out, false
	}
	out = Packet{
		Time: p.Time, Node: &at.NodeStatus, Capture: at.capture, TID: at.tid, Assignment: at.id,
		Link: p.Link, Wire: min(max(p.Wire, len(p.Data)), 1<<30), Out: p.Out, Data: p.Data,
	}
	if p.Flow != "" {
		id, err := entity.ParseUUID(p.Flow)
		if err != nil {
			return out, false
		}
		out.Flow = id
	}
	if h.flows != nil {
		if _, asked := h.flows[out.Flow]; !asked {
			return out, false
		}
	}
	if links := h.links[at.id]; !slices.Contains(links, p.Link) {
		if len(links) >= mostLinks {
			return out, false
		}
		h.links[at.id] = append(links, p.Link)
	}
	return out, true
}
