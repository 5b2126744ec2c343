package openflow

import "encoding/binary"

// AllTables stands for all tables in a query (OFPTT_ALL).
const AllTables = 0xff

const (
	port10None  = 0xffff
	port11Any   = 0xffffffff
	groupAny    = 0xffffffff // OFPG_ANY: no wish about groups
	matchOXM    = 1          // OFPMT_OXM
	match10Size = 40
	match11Size = 88 // OFPMT_STANDARD
)

// FlowQuery says which rules are asked for. The zero value asks for those of
// table 0; set Table to AllTables for all.
type FlowQuery struct {
	Table              uint8
	Cookie, CookieMask uint64 // rules whose cookie agrees in the bits of the mask
	// Standard asks in 1.0 for the protocol's own statistics, which can not
	// say all matches, and not for Nicira's, which can.
	Standard bool
}

// FlowStatsRequest asks for rules; the answer is KindFlowStats.
func (d Dialect) FlowStatsRequest(xid uint32, q FlowQuery) []byte {
	if d.Version > V10 {
		var b []byte
		b = append(b, q.Table, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, port11Any)
		b = binary.BigEndian.AppendUint32(b, groupAny)
		b = append(b, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint64(b, q.Cookie)
		b = binary.BigEndian.AppendUint64(b, q.CookieMask)
		return d.statsRequest(xid, statsFlow, d.appendAnyMatch(b))
	}
	if q.Standard {
		b := make([]byte, match10Size)
		binary.BigEndian.PutUint32(b, 0x3fffff) // OFPFW_ALL
		b = append(b, q.Table, 0)
		b = binary.BigEndian.AppendUint16(b, port10None)
		return d.statsRequest(xid, statsFlow, b)
	}
	var match []byte
	if q.CookieMask != 0 {
		match = binary.BigEndian.AppendUint32(match, 0x0001<<16|30<<9|1<<8|16) // NXM_NX_COOKIE_W
		match = binary.BigEndian.AppendUint64(match, q.Cookie)
		match = binary.BigEndian.AppendUint64(match, q.CookieMask)
	}
	b := binary.BigEndian.AppendUint16(nil, port10None)
	b = binary.BigEndian.AppendUint16(b, uint16(len(match)))
	b = append(b, q.Table, 0, 0, 0)
	b = append(b, match...)
	b = append(b, make([]byte, roundUp8(len(match))-len(match))...)
	return d.vendorRequest(xid, vendorNicira, nxstFlow, b)
}

// GroupDescRequest asks for all groups; the answer is KindGroupDesc. In 1.0 it
// is an extension that only Open vSwitch has.
func (d Dialect) GroupDescRequest(xid uint32) []byte {
	all := binary.BigEndian.AppendUint32(nil, AnyGroup)
	all = append(all, 0, 0, 0, 0)
	switch {
	case d.Version == V10:
		return d.vendorRequest(xid, vendorNicira, nxstGroupDesc, all)
	case d.Version < V15:
		return d.statsRequest(xid, statsGroupDesc, nil)
	}
	return d.statsRequest(xid, statsGroupDesc, all)
}

// GroupStatsRequest asks for the counters of all groups; the answer is
// KindGroupStats.
func (d Dialect) GroupStatsRequest(xid uint32) []byte {
	all := binary.BigEndian.AppendUint32(nil, AnyGroup)
	all = append(all, 0, 0, 0, 0)
	if d.Version == V10 {
		return d.vendorRequest(xid, vendorNicira, nxstGroup, all)
	}
	return d.statsRequest(xid, statsGroup, all)
}

// appendAnyMatch appends a match of 1.1 or later that matches everything.
func (d Dialect) appendAnyMatch(b []byte) []byte {
	if d.Version == V11 {
		m := make([]byte, match11Size)
		binary.BigEndian.PutUint16(m[2:], match11Size)
		binary.BigEndian.PutUint32(m[8:], 0x3ff) // OFPFW11_ALL
		fillOnes(m[18:24])                       // dl_src_mask
		fillOnes(m[30:36])                       // dl_dst_mask
		fillOnes(m[48:52])                       // nw_src_mask
		fillOnes(m[56:60])                       // nw_dst_mask
		fillOnes(m[80:88])                       // metadata_mask
		return append(b, m...)
	}
	return append(b, 0, matchOXM, 0, 4, 0, 0, 0, 0)
}

func fillOnes(b []byte) {
	for i := range b {
		b[i] = 0xff
	}
}
