package openflow

import (
	"encoding/binary"
	"fmt"
)

// Numbers of statistics (OFPST, OFPMP) and of the experimenters' own.
const (
	statsFlow        = 1
	statsGroup       = 6
	statsGroupDesc   = 7
	statsFlowMonitor = 16 // 1.4 and later
	statsVendor      = 0xffff

	nxstFlow        = 0
	nxstFlowMonitor = 2
	nxstGroup       = 7
	nxstGroupDesc   = 8

	onfstFlowMonitor = 1870
)

const statsMore = 1 // OFPSF_REPLY_MORE

// Part is one message of statistics, which may be one of several with the same
// transaction. An entry is never cut: each part can be decoded by itself.
type Part struct {
	Version    Version
	Type       uint16
	Vendor     uint32 // when Type is 0xffff
	Subtype    uint32 // likewise
	More       bool   // another part follows
	Body       []byte // what follows the headers; it shares the message's memory
	bodyOffset int
}

// Part reads the headers of a request or reply of statistics.
func (m Message) Part() (Part, error) {
	b := m.Body
	head := 8
	if m.Version == V10 {
		head = 4
	}
	if len(b) < head {
		return Part{}, fmt.Errorf("read statistics: %w", ErrShort)
	}
	p := Part{
		Version: m.Version, Type: binary.BigEndian.Uint16(b),
		More: binary.BigEndian.Uint16(b[2:])&statsMore != 0,
	}
	if p.Type == statsVendor {
		// 1.0 has four bytes of padding after the subtype, later ones before the
		// experimenter: both end at the same place.
		if len(b) < 16 {
			return Part{}, fmt.Errorf("read experimenter's statistics: %w", ErrShort)
		}
		p.Vendor, p.Subtype = binary.BigEndian.Uint32(b[head:]), binary.BigEndian.Uint32(b[head+4:])
		head = 16
	}
	p.bodyOffset, p.Body = HeaderLen+head, b[head:]
	return p, nil
}

// Kind says what a part of a reply holds.
func (p Part) Kind() Kind {
	switch {
	case p.Type == statsFlow, p.nicira(nxstFlow):
		return KindFlowStats
	case p.Type == statsGroup && p.Version >= V11, p.nicira(nxstGroup):
		return KindGroupStats
	case p.Type == statsGroupDesc && p.Version >= V11, p.nicira(nxstGroupDesc):
		return KindGroupDesc
	case p.Type == statsFlowMonitor && p.Version >= V14, p.nicira(nxstFlowMonitor),
		p.Type == statsVendor && p.Vendor == vendorONF && p.Subtype == onfstFlowMonitor:
		return KindFlowMonitor
	}
	return KindOtherStats
}

func (p Part) nicira(subtype uint32) bool {
	return p.Type == statsVendor && p.Vendor == vendorNicira && p.Subtype == subtype
}

// PartsLimit bounds what one request may be answered with.
type PartsLimit struct {
	Messages int
	Bytes    int64
}

// DefaultPartsLimit is enough for some millions of rules.
func DefaultPartsLimit() PartsLimit { return PartsLimit{Messages: 65536, Bytes: 1 << 30} }

// Parts follows the parts of the answer to one request. It keeps none of them.
// It is for one goroutine.
type Parts struct {
	xid      uint32
	limit    PartsLimit
	messages int
	bytes    int64
	kind     Kind
	done     bool
}

// NewParts follows the answer to the request with this transaction.
func NewParts(xid uint32, limit PartsLimit) *Parts { return &Parts{xid: xid, limit: limit} }

// Add takes the next part and says whether it was the last. A part of another
// transaction or kind, one after the last, and one over the limit are errors.
func (p *Parts) Add(m Message) (part Part, last bool, err error) {
	if m.XID != p.xid {
		return Part{}, false, fmt.Errorf("add part: transaction %d, not %d", m.XID, p.xid)
	}
	if part, err = m.Part(); err != nil {
		return Part{}, false, err
	}
	p.messages++
	p.bytes += int64(len(m.Body))
	switch {
	case p.done:
		return Part{}, false, fmt.Errorf("add part: the last one was there before")
	case p.messages > p.limit.Messages || p.bytes > p.limit.Bytes:
		return Part{}, false, fmt.Errorf("add part: answer is over %d messages or %d bytes", p.limit.Messages, p.limit.Bytes)
	case p.messages == 1:
		p.kind = part.Kind()
	case part.Kind() != p.kind:
		return Part{}, false, fmt.Errorf("add part: %v after %v", part.Kind(), p.kind)
	}
	p.done = !part.More
	return part, p.done, nil
}

// statsRequest makes a request of standard statistics.
func (d Dialect) statsRequest(xid uint32, typ uint16, body []byte) []byte {
	head := make([]byte, 8, 8+len(body))
	binary.BigEndian.PutUint16(head, typ)
	if d.Version == V10 {
		return message(d.Version, type10StatsRequest, xid, append(head[:4], body...))
	}
	return message(d.Version, type11StatsRequest, xid, append(head, body...))
}

// vendorRequest makes a request of an experimenter's statistics.
func (d Dialect) vendorRequest(xid, vendor, subtype uint32, body []byte) []byte {
	head := make([]byte, 16, 16+len(body))
	binary.BigEndian.PutUint16(head, statsVendor)
	at, typ := 8, uint8(type11StatsRequest)
	if d.Version == V10 {
		at, typ = 4, type10StatsRequest
	}
	binary.BigEndian.PutUint32(head[at:], vendor)
	binary.BigEndian.PutUint32(head[at+4:], subtype)
	return message(d.Version, typ, xid, append(head, body...))
}
