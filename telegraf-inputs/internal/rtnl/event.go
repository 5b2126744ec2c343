package rtnl

// EventType tells what an [Event] is about: the kernel's message type.
type EventType uint16

// Types of events (linux/rtnetlink.h). The two of bridge ports are RTM_NEWLINK
// and RTM_DELLINK of family AF_BRIDGE, which say nothing about the link itself.
const (
	NewLink       EventType = 16
	DelLink       EventType = 17
	NewAddr       EventType = 20
	DelAddr       EventType = 21
	NewRoute      EventType = 24
	DelRoute      EventType = 25
	NewNeigh      EventType = 28
	DelNeigh      EventType = 29
	NewRule       EventType = 32
	DelRule       EventType = 33
	NewNSID       EventType = 88
	DelNSID       EventType = 89
	NewNexthop    EventType = 104
	DelNexthop    EventType = 105
	NewBridgePort EventType = 0x100 + 16
	DelBridgePort EventType = 0x100 + 17
)

// Event is one change. Exactly one of the pointers is set, the one of Type.
type Event struct {
	Type       EventType
	Link       *Link       `json:",omitempty"`
	BridgePort *BridgePort `json:",omitempty"`
	Addr       *Addr       `json:",omitempty"`
	Route      *Route      `json:",omitempty"`
	Rule       *Rule       `json:",omitempty"`
	Neigh      *Neigh      `json:",omitempty"`
	Nexthop    *Nexthop    `json:",omitempty"`
	NSID       *NSID       `json:",omitempty"`
	// Replaced tells of a NewRoute that it took the place of another route of
	// the same destination (NLM_F_REPLACE), of which no other event tells. It is
	// in the message's header: [DecodeEvent] does not set it.
	Replaced bool `json:",omitempty"`
}

// String returns the kernel's name of the type.
func (t EventType) String() string {
	switch t {
	case NewLink:
		return "RTM_NEWLINK"
	case DelLink:
		return "RTM_DELLINK"
	case NewAddr:
		return "RTM_NEWADDR"
	case DelAddr:
		return "RTM_DELADDR"
	case NewRoute:
		return "RTM_NEWROUTE"
	case DelRoute:
		return "RTM_DELROUTE"
	case NewNeigh:
		return "RTM_NEWNEIGH"
	case DelNeigh:
		return "RTM_DELNEIGH"
	case NewRule:
		return "RTM_NEWRULE"
	case DelRule:
		return "RTM_DELRULE"
	case NewNSID:
		return "RTM_NEWNSID"
	case DelNSID:
		return "RTM_DELNSID"
	case NewNexthop:
		return "RTM_NEWNEXTHOP"
	case DelNexthop:
		return "RTM_DELNEXTHOP"
	case NewBridgePort:
		return "RTM_NEWLINK (AF_BRIDGE)"
	case DelBridgePort:
		return "RTM_DELLINK (AF_BRIDGE)"
	default:
		return "message type " + utoa(uint64(t))
	}
}

// IsDelete reports whether the event takes something away.
func (t EventType) IsDelete() bool { return t&1 == 1 }

// DecodeEvent decodes the payload of a message of type msgType (nlmsg_type).
//
// ok is false for what carries no news: message types this package does not
// know and partial link messages (wireless events, per-family settings).
// An error comes with whatever could be decoded; the event is usable when ok is
// true, which then means that the record's identity was read.
func DecodeEvent(msgType uint16, payload []byte) (ev Event, ok bool, err error) {
	ev.Type = EventType(msgType)
	switch ev.Type {
	case NewLink, DelLink:
		return decodeLinkEvent(ev.Type, payload)
	case NewAddr, DelAddr:
		ev.Addr = new(Addr)
		err = ev.Addr.decode(payload)
	case NewRoute, DelRoute:
		ev.Route = new(Route)
		err = ev.Route.decode(payload)
	case NewNeigh, DelNeigh:
		ev.Neigh = new(Neigh)
		err = ev.Neigh.decode(payload)
	case NewRule, DelRule:
		ev.Rule = new(Rule)
		err = ev.Rule.decode(payload)
	case NewNSID, DelNSID:
		ev.NSID = new(NSID)
		err = ev.NSID.decode(payload)
	case NewNexthop, DelNexthop:
		ev.Nexthop = new(Nexthop)
		err = ev.Nexthop.decode(payload)
	default:
		return Event{}, false, nil
	}
	return ev, err == nil, err
}

// decodeLinkEvent sorts the three uses of link messages.
func decodeLinkEvent(t EventType, payload []byte) (Event, bool, error) {
	if len(payload) < sizeofIfInfomsg {
		return Event{}, false, shortHeader("ifinfomsg", payload, sizeofIfInfomsg)
	}
	switch Family(payload[0]) {
	case FamilyUnspec:
		l := new(Link)
		partial, err := l.decode(payload)
		return Event{Type: t, Link: l}, !partial && l.Index > 0 && l.Name != "", err
	case FamilyBridge:
		p := new(BridgePort)
		err := p.decode(payload)
		return Event{Type: t + 0x100, BridgePort: p}, err == nil, err
	default:
		return Event{}, false, nil
	}
}
