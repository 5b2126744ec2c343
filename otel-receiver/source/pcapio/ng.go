package pcapio

import (
	"encoding/binary"
	"math/bits"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// The blocks of pcapng that are read; all others are left out.
const (
	blockSection  = 0x0a0d0d0a
	blockIface    = 1
	blockOldFrame = 2
	blockSimple   = 3
	blockEnhanced = 6

	byteOrderMagic = 0x1a2b3c4d

	maxInterfaces = 4096
	maxOptions    = 64 << 10 // of blocks whose options are looked at
	maxBlock      = 1 << 30
)

// Options that are looked at.
const (
	optEnd      = 0
	optFlags    = 2  // epb_flags
	optResol    = 9  // if_tsresol
	optTSOffset = 14 // if_tsoffset
)

// ngFile is the state of the section being read.
type ngFile struct {
	ifaces []ngIface
	last   int64 // the time of the last frame: simple ones have none
}

// ngIface is what an interface says of its frames.
type ngIface struct {
	link packet.LinkType
	snap uint32
	// A second has 10^exp ticks, or 2^exp when binary is set.
	exp    uint8
	binary bool
	offset int64 // seconds
}

// startNG reads the first section's header.
func (r *Reader) startNG() error {
	typ, n, err := r.blockHead()
	if err != nil {
		return err
	}
	return r.block(typ, n, nil)
}

// readNG reads blocks until one is a frame.
func (r *Reader) readNG(f *source.Frame) error {
	for {
		typ, n, err := r.blockHead()
		if err != nil {
			return err
		}
		switch typ {
		case blockEnhanced, blockOldFrame, blockSimple:
			return r.block(typ, n, f)
		}
		if err := r.block(typ, n, nil); err != nil {
			return err
		}
	}
}

// blockHead reads a block's type and the length of its body. A section's header
// also says in which byte order it and the rest is.
func (r *Reader) blockHead() (typ uint32, body int, err error) {
	h := r.head[:8]
	if err := r.full(h, 0); err != nil {
		return 0, 0, err
	}
	if binary.LittleEndian.Uint32(h) == blockSection { // a palindrome
		if err := r.full(r.head[8:12], 8); err != nil {
			return 0, 0, err
		}
		switch m := r.head[8:12]; {
		case binary.LittleEndian.Uint32(m) == byteOrderMagic:
			r.order = binary.LittleEndian
		case binary.BigEndian.Uint32(m) == byteOrderMagic:
			r.order = binary.BigEndian
		default:
			return 0, 0, r.corrupt("section with byte order % x", m)
		}
		total := r.order.Uint32(h[4:])
		if total < 28 || total > maxBlock || total%4 != 0 {
			return 0, 0, r.corrupt("section header of %d bytes", total)
		}
		return blockSection, int(total) - 16, nil
	}
	total := r.order.Uint32(h[4:])
	if total < 12 || total > maxBlock || total%4 != 0 {
		return 0, 0, r.corrupt("block of %d bytes", total)
	}
	return r.order.Uint32(h), int(total) - 12, nil
}

// block reads the body of a block and the length behind it.
func (r *Reader) block(typ uint32, n int, f *source.Frame) error {
	left, err := r.body(typ, n, f)
	if err != nil {
		return err
	}
	if err := r.skip(left); err != nil {
		return err
	}
	total := uint32(n + 12)
	if typ == blockSection {
		total += 4
	}
	tail := r.head[:4]
	if err := r.full(tail, 1); err != nil {
		return err
	}
	if end := r.order.Uint32(tail); end != total {
		return r.corrupt("a block is %d bytes long at its beginning and %d at its end", total, end)
	}
	return nil
}

// body reads what is of interest in a block's body of n bytes and returns how
// many are left.
func (r *Reader) body(typ uint32, n int, f *source.Frame) (left int, err error) {
	switch typ {
	case blockSection:
		v := r.head[:4]
		if err := r.full(v, 1); err != nil {
			return 0, err
		}
		if major := r.order.Uint16(v); major != 1 {
			return 0, r.corrupt("version %d.%d of pcapng is not known", major, r.order.Uint16(v[2:]))
		}
		r.ng.ifaces = r.ng.ifaces[:0]
		return n - 4, nil
	case blockIface:
		return r.iface(n)
	case blockEnhanced, blockOldFrame:
		return r.enhanced(typ, n, f)
	case blockSimple:
		return r.simple(n, f)
	}
	return n, nil
}

func (r *Reader) iface(n int) (left int, err error) {
	if n < 8 || n > maxOptions {
		return 0, r.corrupt("interface of %d bytes", n)
	}
	if len(r.ng.ifaces) == maxInterfaces {
		return 0, r.corrupt("more than %d interfaces", maxInterfaces)
	}
	b, err := r.data(n)
	if err != nil {
		return 0, err
	}
	i := ngIface{link: linkType(uint32(r.order.Uint16(b))), snap: r.order.Uint32(b[4:]), exp: 6}
	err = r.options(b[8:], func(code uint16, v []byte) {
		switch {
		case code == optResol && len(v) == 1:
			i.exp, i.binary = v[0]&0x7f, v[0]&0x80 != 0
		case code == optTSOffset && len(v) == 8:
			i.offset = int64(r.order.Uint64(v))
		}
	})
	if err != nil {
		return 0, err
	}
	if i.binary && i.exp > 63 || !i.binary && i.exp > 19 {
		return 0, r.corrupt("interface with 2 or 10 to the %dth ticks a second", i.exp)
	}
	r.ng.ifaces = append(r.ng.ifaces, i)
	return 0, nil
}

func (r *Reader) enhanced(typ uint32, n int, f *source.Frame) (left int, err error) {
	if n < 20 {
		return 0, r.corrupt("frame's block of %d bytes", n)
	}
	h := r.head[:20]
	if err := r.full(h, 1); err != nil {
		return 0, err
	}
	id := r.order.Uint32(h)
	if typ == blockOldFrame {
		id = uint32(r.order.Uint16(h))
	}
	ticks := uint64(r.order.Uint32(h[4:]))<<32 | uint64(r.order.Uint32(h[8:]))
	length, wire := r.order.Uint32(h[12:]), r.order.Uint32(h[16:])
	if id >= uint32(len(r.ng.ifaces)) {
		return 0, r.corrupt("frame of interface %d of %d", id, len(r.ng.ifaces))
	}
	padded := (int64(length) + 3) &^ 3
	if length > MaxRecord || padded > int64(n-20) || wire > 1<<30 {
		return 0, r.corrupt("frame of %d bytes, %d on the wire, in a block of %d", length, wire, n)
	}
	rest := n - 20 - int(padded)
	if rest > maxOptions {
		return 0, r.corrupt("%d bytes of options", rest)
	}
	b, err := r.data(int(padded) + rest) // the frame, its padding, its options
	if err != nil {
		return 0, err
	}
	i := &r.ng.ifaces[id]
	*f = source.Frame{Data: b[:length:length], Wire: max(int(wire), int(length)), Time: i.time(ticks), Link: i.link}
	r.ng.last = f.Time
	if typ == blockEnhanced && rest > 0 {
		err = r.options(b[padded:], func(code uint16, v []byte) {
			if code == optFlags && len(v) == 4 {
				f.Outgoing = r.order.Uint32(v)&3 == 2
			}
		})
	}
	return 0, err
}

func (r *Reader) simple(n int, f *source.Frame) (left int, err error) {
	if len(r.ng.ifaces) == 0 {
		return 0, r.corrupt("frame of interface 0 of 0")
	}
	if n < 4 {
		return 0, r.corrupt("frame's block of %d bytes", n)
	}
	if err := r.full(r.head[:4], 1); err != nil {
		return 0, err
	}
	wire, i := r.order.Uint32(r.head[:4]), &r.ng.ifaces[0]
	length := min(wire, uint32(n-4))
	if i.snap != 0 {
		length = min(length, i.snap)
	}
	if length > MaxRecord || wire > 1<<30 {
		return 0, r.corrupt("frame of %d bytes", wire)
	}
	b, err := r.data(int(length))
	if err != nil {
		return 0, err
	}
	*f = source.Frame{Data: b, Wire: int(wire), Time: r.ng.last, Link: i.link}
	return n - 4 - int(length), nil
}

// options calls fn for each option.
func (r *Reader) options(b []byte, fn func(code uint16, v []byte)) error {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == optEnd {
			return nil
		}
		if padded := (n + 3) &^ 3; padded > len(b)-4 {
			return r.corrupt("option %d of %d bytes where %d are left", code, n, len(b)-4)
		}
		fn(code, b[4:4+n])
		b = b[4+(n+3)&^3:]
	}
	return nil
}

// time returns Unix nanoseconds. What does not fit wraps around.
func (i *ngIface) time(ticks uint64) int64 {
	var ns uint64
	switch {
	case i.binary:
		hi, lo := bits.Mul64(ticks, 1e9)
		ns = lo >> i.exp
		if i.exp > 0 {
			ns |= hi << (64 - i.exp)
		}
	case i.exp <= 9:
		ns = ticks * pow10(9-i.exp)
	default:
		ns = ticks / pow10(i.exp-9)
	}
	return int64(ns) + i.offset*1e9
}

func pow10(n uint8) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
