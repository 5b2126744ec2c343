package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// lastOnDisk returns the highest number of a record of which there is a trace
// in the newest block file of a stream, 0 when there is none. nats-server
// (2.15, fileStore) opens a log with a damaged end by cutting it off without a
// word, and gives the numbers of what it cut off to new records; this tells
// what there was. It believes lengths and numbers and verifies no checksum.
func lastOnDisk(dir, stream, subject string) uint64 {
	files, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	if err != nil || len(files) == 0 {
		return 0
	}
	newest := slices.MaxFunc(files, func(a, b string) int {
		if d := len(a) - len(b); d != 0 { // 9.blk before 10.blk
			return d
		}
		return strings.Compare(a, b)
	})
	b, err := os.ReadFile(newest)
	if err != nil {
		return 0
	}
	return lastInBlock(b, subject)
}

// The head of a record in a block file: its length, with a bit for message
// headers, its number, with bits for its kind, time and length of the subject.
const (
	blockHead   = 22
	blockLeast  = blockHead + 8 // and a checksum
	headersBit  = 1 << 31
	erasedBit   = 1 << 63
	tombBit     = 1 << 62
	longestJump = 1 << 17 // no block holds more
)

// lastInBlock walks over the records of a block. Where one makes no sense it
// looks for the next that bears the subject.
func lastInBlock(b []byte, subject string) (last uint64) {
	for len(b) > blockHead {
		size, number, ok := recordHead(b)
		if ok && number > 0 && last > 0 {
			ok = number > last && number-last <= longestJump
		}
		if ok {
			last = max(last, number)
		}
		if ok && size <= uint64(len(b)) {
			b = b[size:]
			continue
		}
		// Torn, or damaged: the subject follows the head of a record. Its own is
		// not the next.
		at := bytes.Index(b[blockHead+1:], []byte(subject))
		if at < 0 {
			return last
		}
		b = b[at+1:]
	}
	return last
}

// recordHead reads the head of a record; number is 0 when it only tells that
// another one was deleted, or only fills a place.
func recordHead(b []byte) (size, number uint64, ok bool) {
	size = uint64(binary.LittleEndian.Uint32(b) &^ headersBit)
	number = binary.LittleEndian.Uint64(b[4:])
	if number&tombBit != 0 || number == erasedBit {
		number = 0
	} else if number &^= erasedBit; number == 0 || number > 1<<60 {
		return 0, 0, false
	}
	return size, number, size >= blockLeast && size <= maxMessage+4096
}

// maxVoid is the most numbers that are skipped; a log that lacks more has
// another history.
const maxVoid = 200_000

// skipTo makes the log go on after the number given, by storing empty records,
// which followers are told as missing: a number is never used twice.
func (l *Log) skipTo(ctx context.Context, number uint64) error {
	info, err := l.info(ctx)
	if err != nil {
		return err
	}
	last := info.State.LastSeq
	if number <= last {
		return nil
	}
	if number-last > maxVoid {
		return &RewoundError{After: number, Last: last}
	}
	l.log.Warn("the end of the event log is damaged: records that cannot be read are left out",
		"first", last+1, "last", number, "records", number-last)
	for ; last < number; last++ {
		if _, err := l.append(ctx, nil); err != nil {
			return fmt.Errorf("skip lost records: %w", err)
		}
	}
	return nil
}
