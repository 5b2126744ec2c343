package openflow

import "encoding/binary"

// Flags of learn, and the parts of what it copies (NX_LEARN).
const (
	learnSendFlowRem   = 1 << 0
	learnDeleteLearned = 1 << 1
	learnWriteResult   = 1 << 2

	learnBits      = 0x3ff
	learnImmediate = 1 << 13
	learnTo        = 3 << 11
	learnMatch     = 0 << 11
	learnLoad      = 1 << 11
	learnOutput    = 2 << 11
)

// learn prints an action that adds rules.
func (d *decoder) learn(a *Action, b []byte, second bool) bool {
	if len(b) < 32 || second && len(b) < 40 {
		return false
	}
	a.Type = "learn"
	d.print("learn(table=")
	d.dec(a, "table", uint64(b[26]))
	opt := func(name string, at int) {
		if n := binary.BigEndian.Uint16(b[at:]); n != 0 {
			d.print("," + name + "=")
			d.dec(a, name, uint64(n))
		}
	}
	opt("idle_timeout", 10)
	opt("hard_timeout", 12)
	opt("fin_idle_timeout", 28)
	opt("fin_hard_timeout", 30)
	if n := binary.BigEndian.Uint16(b[14:]); n != DefaultPriority {
		d.print(",priority=")
		d.dec(a, "priority", uint64(n))
	}
	flags := binary.BigEndian.Uint16(b[24:])
	if flags&learnSendFlowRem != 0 {
		d.print(",")
		d.flag(a, "send_flow_rem")
	}
	if flags&learnDeleteLearned != 0 {
		d.print(",")
		d.flag(a, "delete_learned")
	}
	if n := binary.BigEndian.Uint64(b[16:]); n != 0 {
		d.print(",cookie=")
		d.hex(a, "cookie", n)
	}
	specs := b[32:]
	if second {
		specs = b[40:]
		if n := binary.BigEndian.Uint32(b[32:]); n != 0 {
			d.print(",limit=")
			d.dec(a, "limit", uint64(n))
		}
		if flags&learnWriteResult != 0 {
			h, n, ok := parseOXM(specs)
			if !ok {
				return false
			}
			d.print(",result_dst=")
			d.sub(a, "result_dst", subfield{header: h, offset: int(binary.BigEndian.Uint16(b[36:])), bits: 1})
			specs = specs[n:]
		}
	}
	for len(specs) >= 2 && !isZero(specs[:2]) {
		n, ok := d.learnSpec(a, specs)
		if !ok {
			return false
		}
		specs = specs[n:]
	}
	d.print(")")
	return true
}

// learnSpec prints one thing that a learned rule matches or does, and says how
// long it is.
func (d *decoder) learnSpec(a *Action, b []byte) (n int, ok bool) {
	head := int(binary.BigEndian.Uint16(b))
	bits, to, immediate := head&learnBits, head&learnTo, head&learnImmediate != 0
	n = 2
	part := func() (subfield, bool) {
		h, size, ok := parseOXM(b[n:])
		if !ok || n+size+2 > len(b) {
			return subfield{}, false
		}
		s := subfield{header: h, bits: bits, offset: int(binary.BigEndian.Uint16(b[n+size:]))}
		n += size + 2
		return s, true
	}
	var src, dst subfield
	var value []byte
	if immediate {
		size := 2 * ((bits + 15) / 16)
		if n+size > len(b) {
			return 0, false
		}
		value = b[n+size-(bits+7)/8 : n+size]
		n += size
	} else if src, ok = part(); !ok {
		return 0, false
	}
	if to == learnMatch || to == learnLoad {
		if dst, ok = part(); !ok {
			return 0, false
		}
	}
	d.print(",")
	switch {
	case to == learnMatch && immediate:
		d.learnValue(a, dst, value)
	case to == learnMatch:
		d.sub(a, "match", dst)
		if src != dst {
			d.print("=")
			d.sub(a, "source", src)
		}
	case to == learnLoad:
		d.print("load:")
		if immediate {
			d.arg(a, "value", func() { d.text = appendHex(d.text, value) })
		} else {
			d.sub(a, "source", src)
		}
		d.print("->")
		d.sub(a, "destination", dst)
	case to == learnOutput && !immediate:
		d.print("output:")
		d.sub(a, "output", src)
	default:
		return 0, false
	}
	return n, true
}

// learnValue prints a match of a learned rule on a value that is known now.
func (d *decoder) learnValue(a *Action, dst subfield, value []byte) {
	if id := dst.header.field(); id != noField && dst.offset == 0 && dst.bits == id.info().bits {
		f := id.info()
		d.arg(a, "match", func() { d.print(f.name) })
		d.print("=")
		full := make([]byte, f.bytes)
		copy(full[max(0, len(full)-len(value)):], value)
		d.arg(a, "value", func() { d.text = f.appendValue(d.text, full, nil) })
		return
	}
	d.sub(a, "match", dst)
	d.print("=")
	d.arg(a, "value", func() { d.text = appendHex(d.text, value) })
}
