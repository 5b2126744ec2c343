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

// skip returns where the value at p ends.
func skip(data string, p int) int {
	for {
		h := data[p]
		switch {
		case h >= internedHead:
			return p + 2
		case h >= shortString:
			return p + 1 + int(h&maxShort)
		case h < headFalse:
			return p + 1
		}
		switch h {
		case headInt8:
			return p + 2
		case headInt16, headNumber:
			return p + 3
		case headInt32, headIPv4:
			return p + 5
		case headInt64, headFloat:
			return p + 9
		case headUUID:
			return p + 17
		case headMAC:
			return p + 7
		case headIPv4Len:
			return p + 6
		case headOne:
			p++
		case headWhole:
			_, p = readUvarint(data, p+1)
			return p
		case headString, headHex, headList, headMap:
			n, q := readUvarint(data, p+1)
			return q + int(n)
		default:
			return p + 1
		}
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
