package openflow

import (
	"encoding/binary"
	"fmt"
	"time"
)

// DecodeFlowStats reads a part of KindFlowStats. It ends at the first error of
// each, which it returns as it is. A rule whose match or actions are not
// understood is no error: what is not known of it is kept as hexadecimal. A
// rule keeps none of the message's memory.
func DecodeFlowStats(p Part, each func(*Rule) error) error {
	d := newDecoder(p.Version)
	read := d.rule11
	switch {
	case p.Version == V10 && p.Type == statsVendor:
		read = d.ruleNicira
	case p.Version == V10:
		read = d.rule10
	case p.Version == V15:
		read = d.rule15
	}
	return entries(p.Body, "flow", func(b []byte) error {
		r := &Rule{GotoTable: -1, IdleAge: -1}
		if err := read(r, b); err != nil {
			return err
		}
		return each(r)
	})
}

// rule10 reads struct ofp10_flow_stats.
func (d *decoder) rule10(r *Rule, b []byte) error {
	if len(b) < 88 {
		return fmt.Errorf("read flow: %w", ErrShort)
	}
	r.Table = b[2]
	d.match10(r, b[4:44])
	r.Duration = duration(b[44:])
	r.Priority = binary.BigEndian.Uint16(b[52:])
	r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[54:]), binary.BigEndian.Uint16(b[56:])
	r.Cookie = binary.BigEndian.Uint64(b[64:])
	r.Packets, r.Bytes = binary.BigEndian.Uint64(b[72:]), binary.BigEndian.Uint64(b[80:])
	d.ruleActions(r, b[88:])
	return nil
}

// ruleNicira reads struct nx_flow_stats.
func (d *decoder) ruleNicira(r *Rule, b []byte) error {
	if len(b) < 48 {
		return fmt.Errorf("read flow: %w", ErrShort)
	}
	r.Table = b[2]
	r.Duration = duration(b[4:])
	r.Priority = binary.BigEndian.Uint16(b[12:])
	r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[14:]), binary.BigEndian.Uint16(b[16:])
	n := int(binary.BigEndian.Uint16(b[18:]))
	if age := binary.BigEndian.Uint16(b[20:]); age > 0 {
		r.IdleAge = time.Duration(age-1) * time.Second
	}
	r.Cookie = binary.BigEndian.Uint64(b[24:])
	r.Packets, r.Bytes = binary.BigEndian.Uint64(b[32:]), binary.BigEndian.Uint64(b[40:])
	if 48+roundUp8(n) > len(b) {
		return fmt.Errorf("read flow: match of %d bytes: %w", n, ErrShort)
	}
	d.matchFields(r, b[48:48+n])
	d.ruleActions(r, b[48+roundUp8(n):])
	return nil
}

// rule11 reads struct ofp11_flow_stats of 1.1 to 1.4.
func (d *decoder) rule11(r *Rule, b []byte) error {
	if len(b) < 48 {
		return fmt.Errorf("read flow: %w", ErrShort)
	}
	r.Table = b[2]
	r.Duration = duration(b[4:])
	r.Priority = binary.BigEndian.Uint16(b[12:])
	r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[14:]), binary.BigEndian.Uint16(b[16:])
	if d.version >= V13 {
		r.Flags = flowFlags(binary.BigEndian.Uint16(b[18:]))
	}
	if d.version >= V14 {
		r.Importance = binary.BigEndian.Uint16(b[20:])
	}
	r.Cookie = binary.BigEndian.Uint64(b[24:])
	r.Packets, r.Bytes = binary.BigEndian.Uint64(b[32:]), binary.BigEndian.Uint64(b[40:])
	d.instructions(r, d.match(r, b[48:]))
	return nil
}

// rule15 reads struct ofp15_flow_desc, whose counters are TLVs (OXS).
func (d *decoder) rule15(r *Rule, b []byte) error {
	if len(b) < 24 {
		return fmt.Errorf("read flow: %w", ErrShort)
	}
	r.Table, r.Priority = b[4], binary.BigEndian.Uint16(b[6:])
	r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	r.Flags = flowFlags(binary.BigEndian.Uint16(b[12:]))
	r.Importance = binary.BigEndian.Uint16(b[14:])
	r.Cookie = binary.BigEndian.Uint64(b[16:])
	r.Packets, r.Bytes = NoCount, NoCount
	rest := d.match(r, b[24:])
	if len(rest) < 4 {
		return fmt.Errorf("read flow: no statistics: %w", ErrShort)
	}
	n := int(binary.BigEndian.Uint16(rest[2:]))
	if n < 4 || roundUp8(n) > len(rest) {
		return fmt.Errorf("read flow: statistics of %d bytes: %w", n, ErrShort)
	}
	r.oxs(rest[4:n])
	d.instructions(r, rest[roundUp8(n):])
	return nil
}

// oxs reads the statistics of OpenFlow 1.5 (1.5.1, 7.2.4.2).
func (r *Rule) oxs(b []byte) {
	const openflowBasic = 0x8002
	for len(b) >= 4 {
		class, field, n := binary.BigEndian.Uint16(b), b[2]>>1, int(b[3])
		if 4+n > len(b) {
			return
		}
		v := b[4 : 4+n]
		switch {
		case class != openflowBasic || n < 8:
		case field == 0:
			r.Duration = duration(v)
		case field == 1:
			if sec := binary.BigEndian.Uint32(v); sec != 0xffffffff {
				r.IdleAge = duration(v)
			}
		case field == 4:
			r.Packets = binary.BigEndian.Uint64(v)
		case field == 5:
			r.Bytes = binary.BigEndian.Uint64(v)
		}
		b = b[4+n:]
	}
}

// duration reads seconds and nanoseconds, four bytes each.
func duration(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b))*time.Second + time.Duration(binary.BigEndian.Uint32(b[4:]))
}

// flowFlags names the bits of OFPFF, those that are not known by number.
func flowFlags(bits uint16) []string {
	var out []string
	names := [...]string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"}
	for i, name := range names {
		if bits&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}
