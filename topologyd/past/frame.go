package past

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// Both kinds of files are a head of magicLen + 1 bytes, then frames: a mark of
// two bytes, the length of the payload, the CRC-32C of length and payload, and
// the payload, whose first byte tells what it is.
const (
	magicChanges = "SKEINPCH"
	magicBase    = "SKEINPBS"
	magicLen     = 8
	version      = 1

	frameMark = "\xa7\x5c"
	frameHead = 10
	// maxFrame bounds a payload.
	maxFrame = 64 << 20
)

// What the payload of a frame is.
const (
	kindHead    = 1 // of a file of changes
	kindChanges = 2
	kindFilter  = 3
	kindFoot    = 4
	kindBase    = 5 // head of a base
	kindNodes   = 6
	kindEdges   = 7
	kindTable   = 8
	kindEnd     = 9
)

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// beginFrame appends the head of a frame that endFrame completes.
func beginFrame(b []byte, kind byte) []byte {
	b = append(b, frameMark...)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0, kind)
}

// endFrame completes the frame that begins at a position and ends with b.
func endFrame(b []byte, begin int) {
	f := b[begin:]
	binary.LittleEndian.PutUint32(f[2:], uint32(len(f)-frameHead))
	binary.LittleEndian.PutUint32(f[6:], frameSum(f))
}

func frameSum(f []byte) uint32 {
	return crc32.Update(crc32.Checksum(f[2:6], castagnoli()), castagnoli(), f[frameHead:])
}

// frameAt returns the payload of the frame at a position, and where it ends.
func frameAt(s string, at int) (payload string, end int, ok bool) {
	if at < 0 || len(s)-at < frameHead+1 || s[at:at+2] != frameMark {
		return "", 0, false
	}
	f := bytesOf(s[at:])
	n := int(binary.LittleEndian.Uint32(f[2:]))
	if n < 1 || n > maxFrame || n > len(f)-frameHead {
		return "", 0, false
	}
	if binary.LittleEndian.Uint32(f[6:]) != frameSum(f[:frameHead+n]) {
		return "", 0, false
	}
	return s[at+frameHead : at+frameHead+n], at + frameHead + n, true
}

// nextFrame returns the first whole frame at or after a position, for going on
// behind one that is damaged.
func nextFrame(s string, at int) (begin int, payload string, end int, ok bool) {
	for {
		i := strings.Index(s[at:], frameMark)
		if i < 0 {
			return len(s), "", len(s), false
		}
		at += i
		if payload, end, ok = frameAt(s, at); ok {
			return at, payload, end, true
		}
		at++
	}
}

// fileHead is how a file begins before its first frame.
func fileHead(magic string) []byte { return append([]byte(magic), version) }

// checkHead tells whether a file is of the kind and version that can be read,
// and returns the payload of its first frame, "" when that is damaged. Kind and
// version are in both, and either is enough.
func checkHead(s, magic string, kind byte) (payload string, err error) {
	payload, _, ok := frameAt(s, magicLen+1)
	found, known := byte(0), false
	switch {
	case ok && len(payload) > 1 && payload[0] == kind:
		found, known = payload[1], true
	case len(s) > magicLen && s[:magicLen] == magic:
		found, known = s[magicLen], true
	}
	switch {
	case !known:
		return "", fmt.Errorf("%w: not a file of the past", errCorrupt)
	case found > version:
		return "", fmt.Errorf("%w: version %d, this daemon reads up to %d; use a newer daemon, or another data directory",
			ErrNewer, found, version)
	case found != version:
		return "", fmt.Errorf("%w: unknown version %d", errCorrupt, found)
	case !ok:
		return "", nil
	}
	return payload, nil
}
