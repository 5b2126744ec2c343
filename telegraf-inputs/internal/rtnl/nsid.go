package rtnl

// NSID is one RTM_NEWNSID or RTM_DELNSID message (linux/net_namespace.h): the
// number by which the namespace of the socket knows another one.
type NSID struct {
	// ID is [NoNSID] when the namespace has no number here.
	ID int32
	// PID and FD are set only in messages that name the namespace so.
	PID Opt[uint32] `json:",omitzero"`
	FD  Opt[uint32] `json:",omitzero"`
}

// NoNSID is NETNSA_NSID_NOT_ASSIGNED.
const NoNSID int32 = -1

// sizeofRtgenmsg is the size of struct rtgenmsg with its padding.
const sizeofRtgenmsg = 4

// DecodeNSID decodes the payload of an RTM_NEWNSID or RTM_DELNSID message.
func DecodeNSID(payload []byte) (NSID, error) {
	var n NSID
	err := n.decode(payload)
	return n, err
}

func (n *NSID) decode(b []byte) (first error) {
	n.ID = NoNSID
	if len(b) < sizeofRtgenmsg {
		return shortHeader("rtgenmsg", b, sizeofRtgenmsg)
	}
	it := newAttrs("RTM_NEWNSID", b[sizeofRtgenmsg:])
	for it.next() {
		switch it.a.typ {
		case 1:
			keep(&first, it.a.index("NETNSA_NSID", &n.ID))
		case 2:
			keep(&first, it.a.optU32("NETNSA_PID", &n.PID))
		case 3:
			keep(&first, it.a.optU32("NETNSA_FD", &n.FD))
		}
	}
	keep(&first, it.err)
	return first
}
