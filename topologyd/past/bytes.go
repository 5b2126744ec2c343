package past

import (
	"math"
	"unsafe"
)

// stringOf returns bytes that nobody changes any more as a string.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns the bytes of a string, which must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func floatOf(bits uint64) float64 { return math.Float64frombits(bits) }

// offsetIn returns where part, which is a part of s, begins in it.
func offsetIn(s, part string) int {
	return int(uintptr(unsafe.Pointer(unsafe.StringData(part))) - uintptr(unsafe.Pointer(unsafe.StringData(s))))
}
