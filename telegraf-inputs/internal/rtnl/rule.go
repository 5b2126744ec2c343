package rtnl

import (
	"encoding/binary"
	"net/netip"
)

// Rule is one RTM_NEWRULE or RTM_DELRULE message (struct fib_rule_hdr and the
// FRA_* attributes of linux/fib_rules.h).
type Rule struct {
	Family   Family
	Priority uint32
	// Src and Dst are not valid when the rule matches all.
	Src   netip.Prefix `json:",omitzero"`
	Dst   netip.Prefix `json:",omitzero"`
	TOS   uint8        `json:",omitempty"`
	DSCP  Opt[uint8]   `json:",omitzero"`
	Table uint32
	// Action is lookup, goto, nop, blackhole, unreachable, prohibit or the number.
	Action string
	// Goto is the priority that Action goto jumps to.
	Goto             uint32      `json:",omitempty"`
	InIf, OutIf      string      `json:",omitempty"`
	Mark             Opt[uint32] `json:",omitzero"`
	MarkMask         Opt[uint32] `json:",omitzero"`
	Invert           bool        `json:",omitempty"`
	L3MDev           bool        `json:",omitempty"`
	SuppressPrefix   Opt[uint32] `json:",omitzero"`
	SuppressGroup    Opt[uint32] `json:",omitzero"`
	UIDs             Opt[Range]  `json:",omitzero"`
	IPProto          uint8       `json:",omitempty"`
	SrcPort, DstPort Opt[Range]  `json:",omitzero"`
	TunID            uint64      `json:",omitempty"`
	Realm            uint32      `json:",omitempty"`
	Protocol         RouteProto
	// Flags are FIB_RULE_*.
	Flags uint32
}

// Range is a range of numbers, both ends included.
type Range struct{ From, To uint32 }

const (
	sizeofFibRuleHdr = 12         // struct fib_rule_hdr
	ruleInvert       = 0x2        // FIB_RULE_INVERT
	ruleUnset        = 0xffffffff // what the kernel says for "not set"
)

// DecodeRule decodes the payload of an RTM_NEWRULE or RTM_DELRULE message.
func DecodeRule(payload []byte) (Rule, error) {
	var r Rule
	err := r.decode(payload)
	return r, err
}

func (r *Rule) decode(b []byte) (first error) {
	if len(b) < sizeofFibRuleHdr {
		return shortHeader("fib_rule_hdr", b, sizeofFibRuleHdr)
	}
	dstLen, srcLen := b[1], b[2]
	r.Family, r.TOS, r.Table = Family(b[0]), b[3], uint32(b[4])
	r.Action = enumName([]string{1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}, uint64(b[7]))
	r.Flags = binary.NativeEndian.Uint32(b[8:])
	r.Invert = r.Flags&ruleInvert != 0
	it := newAttrs("RTM_NEWRULE", b[sizeofFibRuleHdr:])
	for it.next() {
		switch a := it.a; a.typ {
		case 1:
			keep(&first, a.prefix("FRA_DST", dstLen, &r.Dst))
		case 2:
			keep(&first, a.prefix("FRA_SRC", srcLen, &r.Src))
		default:
			keep(&first, r.attr(a))
		}
	}
	keep(&first, it.err)
	return first
}

// attr decodes one FRA_* attribute (linux/fib_rules.h).
func (r *Rule) attr(a attr) error {
	switch a.typ {
	case 3:
		return a.text("FRA_IIFNAME", &r.InIf)
	case 4:
		return a.u32("FRA_GOTO", &r.Goto)
	case 6:
		return a.u32("FRA_PRIORITY", &r.Priority)
	case 10:
		return a.optU32("FRA_FWMARK", &r.Mark)
	case 11:
		return a.u32("FRA_FLOW", &r.Realm)
	case 12:
		return a.be64("FRA_TUN_ID", &r.TunID)
	case 13:
		return a.optSet("FRA_SUPPRESS_IFGROUP", &r.SuppressGroup)
	case 14:
		return a.optSet("FRA_SUPPRESS_PREFIXLEN", &r.SuppressPrefix)
	case 15:
		return a.u32("FRA_TABLE", &r.Table)
	case 16:
		return a.optU32("FRA_FWMASK", &r.MarkMask)
	case 17:
		return a.text("FRA_OIFNAME", &r.OutIf)
	case 19:
		return a.boolean("FRA_L3MDEV", &r.L3MDev)
	case 20:
		if len(a.data) < 8 {
			return tooShort("FRA_UID_RANGE", len(a.data), 8)
		}
		r.UIDs = Some(Range{binary.NativeEndian.Uint32(a.data), binary.NativeEndian.Uint32(a.data[4:])})
	case 21:
		return a.u8("FRA_PROTOCOL", (*uint8)(&r.Protocol))
	case 22:
		return a.u8("FRA_IP_PROTO", &r.IPProto)
	case 23:
		return a.portRange("FRA_SPORT_RANGE", &r.SrcPort)
	case 24:
		return a.portRange("FRA_DPORT_RANGE", &r.DstPort)
	case 25:
		var d uint8
		err := a.u8("FRA_DSCP", &d)
		if err == nil {
			r.DSCP = Some(d)
		}
		return err
	}
	return nil
}

// optSet is optU32 for numbers whose "not set" is all ones.
func (a attr) optSet(name string, p *Opt[uint32]) error {
	var u uint32
	err := a.u32(name, &u)
	if err == nil && u != ruleUnset {
		*p = Some(u)
	}
	return err
}

// portRange is struct fib_rule_port_range, in host order.
func (a attr) portRange(name string, p *Opt[Range]) error {
	if len(a.data) < 4 {
		return tooShort(name, len(a.data), 4)
	}
	*p = Some(Range{uint32(binary.NativeEndian.Uint16(a.data)), uint32(binary.NativeEndian.Uint16(a.data[2:]))})
	return nil
}
