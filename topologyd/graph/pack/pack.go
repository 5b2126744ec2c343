// Package pack keeps attributes as few bytes, without pointers, from which one
// value can be read without decoding the rest. What recurs among many elements,
// keys, sets of keys, texts and lists, is kept once in a [Dict] and stands in
// the bytes as a number.
//
// The bytes belong to the Dict that made them and to the process: they are no
// format to be stored or sent. The package must never take such bytes from
// outside; it does not check them. It imports the standard library and
// internal/entity only and does no input or output.
package pack

import (
	"encoding/binary"
	"math"

	"github.com/skein-net/skein/internal/entity"
)

// A value is a head byte and what belongs to it. From 0x80 the head and the
// byte after it are the number of an interned value; from 0x40 the head is the
// length of a string that follows; below 0x20 it is an integer.
const (
	headFalse byte = iota + 0x20
	headTrue
	headInt8
	headInt16
	headInt32
	headInt64
	headFloat   // 8 bytes
	headWhole   // a float that is a whole number, as a varint
	headString  // length, text
	headHex     // length in bytes, the bytes of a text of hexadecimal digits
	headUUID    // 16 bytes
	headMAC     // 6 bytes
	headIPv4    // 4 bytes
	headIPv4Len // 4 bytes and the length of the prefix
	headNumber  // 2 bytes: the number of an interned value
	headOne     // a list of the one value that follows
	headList    // length of the rest, number of elements, elements
	headMap     // length of the rest, attributes
	headNone
)

const (
	maxSmall     = headFalse - 1 // the largest integer in a head
	shortString  = byte(0x40)
	maxShort     = 0x3f // the longest text whose length is in a head
	internedHead = byte(0x80)
	maxNear      = 1<<15 - 1 // the largest interned number in a head and a byte
)

// readUvarint returns the varint at p and where it ends.
func readUvarint(data string, p int) (uint64, int) {
	if c := data[p]; c < 0x80 {
		return uint64(c), p + 1
	}
	var v uint64
	for s := 0; ; s += 7 {
		c := data[p]
		p++
		if v |= uint64(c&0x7f) << s; c < 0x80 {
			return v, p
		}
	}
}

func readBits(data string, p, n int) (v uint64) {
	for i := range n {
		v |= uint64(data[p+i]) << (8 * i)
	}
	return v
}

// widths are the lengths of values by their heads, 0 where it takes more than
// the head to know.
const widths = "" +
	"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" + // integers
	"\x01\x01\x02\x03\x05\x09\x09\x00\x00\x00\x11\x07\x05\x06\x03\x00\x00\x00\x01" + // headFalse to headNone
	"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01" + // not used
	"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20" + // short strings
	"\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f\x30\x31\x32\x33\x34\x35\x36\x37\x38\x39\x3a\x3b\x3c\x3d\x3e\x3f\x40" +
	"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02" + // interned
	"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02" +
	"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02" +
	"\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02"

// skip returns where the value at p ends.
func skip(data string, p int) int {
	if w := widths[data[p]]; w != 0 {
		return p + int(w)
	}
	return skipLong(data, p)
}

func skipLong(data string, p int) int {
	for data[p] == headOne {
		p++
	}
	switch h := data[p]; h {
	case headWhole:
		_, p = readUvarint(data, p+1)
		return p
	case headString, headHex, headList, headMap:
		n, q := readUvarint(data, p+1)
		return q + int(n)
	default:
		return p + int(widths[h])
	}
}

// number decodes the number at p: its bits, and whether it is a float.
func number(data string, p int) (bits uint64, float bool) {
	switch h := data[p]; h {
	case headInt8:
		return uint64(int64(int8(data[p+1]))), false
	case headInt16:
		return uint64(int64(int16(readBits(data, p+1, 2)))), false
	case headInt32:
		return uint64(int64(int32(readBits(data, p+1, 4)))), false
	case headInt64:
		return readBits(data, p+1, 8), false
	case headFloat:
		return readBits(data, p+1, 8), true
	case headWhole:
		u, _ := readUvarint(data, p+1)
		return math.Float64bits(float64(int64(u>>1) ^ -int64(u&1))), true
	default:
		return uint64(h), false
	}
}

func appendInt(b []byte, i int64) []byte {
	switch {
	case i >= 0 && i <= int64(maxSmall):
		return append(b, byte(i))
	case i == int64(int8(i)):
		return append(b, headInt8, byte(i))
	case i == int64(int16(i)):
		return binary.LittleEndian.AppendUint16(append(b, headInt16), uint16(i))
	case i == int64(int32(i)):
		return binary.LittleEndian.AppendUint32(append(b, headInt32), uint32(i))
	default:
		return binary.LittleEndian.AppendUint64(append(b, headInt64), uint64(i))
	}
}

func appendFloat(b []byte, f float64) []byte {
	if i := int64(f); math.Abs(f) < 1<<48 && math.Float64bits(float64(i)) == math.Float64bits(f) {
		return binary.AppendVarint(append(b, headWhole), i)
	}
	return binary.LittleEndian.AppendUint64(append(b, headFloat), math.Float64bits(f))
}

// plain tells whether the head is that of a number or boolean, and decodes it.
func plain(data string, p int) (v entity.Value, ok bool) {
	switch h := data[p]; {
	case h == headFalse || h == headTrue:
		return entity.Bool(h == headTrue), true
	case h < headFalse || h >= headInt8 && h <= headWhole:
		bits, float := number(data, p)
		if float {
			return entity.Float(math.Float64frombits(bits)), true
		}
		return entity.Int(int64(bits)), true
	default:
		return entity.Value{}, false
	}
}
