package eventlog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// salvageFiles is how many of the newest files are looked through. What is in
// older ones is in the snapshot of the graph long since.
const salvageFiles = 4

// salvage takes damaged records out of the newest files of the log, where whole
// ones follow. nats-server (2.15, msgBlock.rebuildStateFromBufLocked) would, when
// it next reads the file after a crash, cut off the first damaged record and all
// that come after it in the file, although they are whole. A damaged end is left
// to it.
//
// Damaged bytes are overwritten with what the server writes when a message is
// erased (msgBlock.eraseMsg), so that it knows the number as one that is gone.
func (l *Log) salvage() error {
	dir := filepath.Join(l.cfg.Dir, "jetstream", "*", "streams", l.cfg.streamName(), "msgs")
	files, err := filepath.Glob(filepath.Join(dir, "*.blk"))
	if err != nil {
		return fmt.Errorf("look for damage in event log: %w", err)
	}
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) // 9.blk before 10.blk
	})
	for _, path := range files[max(0, len(files)-salvageFiles):] {
		if err := l.salvageFile(path); err != nil {
			return fmt.Errorf("take damaged records out of event log: %w", err)
		}
	}
	return nil
}

func (l *Log) salvageFile(path string) error {
	number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".blk"), 10, 32)
	if err != nil {
		return nil //nolint:nilerr // not the server's
	}
	s, err := newSums(l.cfg.streamName(), number)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found := s.damage(b, l.cfg.subject("events"))
	if len(found) == 0 {
		return nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for _, d := range found {
		l.log.Error("a part of the event log is damaged and taken out", "file", path, "offset", d.at, "bytes", d.size, "after", d.after, "records", d.lost)
		if _, err := f.WriteAt(s.erased(d), int64(d.at)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	// The server's notes of what is in the files are not true any more.
	if err := os.Remove(filepath.Join(filepath.Dir(path), "index.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// damaged is a stretch of a file in which nothing can be read, before something
// that can.
type damaged struct {
	at, size int
	// after is the number of the record before, 0 if it is the first in the file;
	// number the one that the stretch is given, lost how many are gone.
	after, number, lost uint64
}

// sums computes the checksums of the records of one file.
type sums struct{ hash *highwayhash.Digest64 }

func newSums(stream string, file uint64) (*sums, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, file))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return nil, fmt.Errorf("make checksum: %w", err)
	}
	return &sums{h}, nil
}

// record returns length and number of the record that b begins with; ok is
// false when its checksum is wrong. The number is 0 of what is no record of
// ours: a mark of the server's.
func (s *sums) record(b []byte) (size int, number uint64, ok bool) {
	if len(b) < blockLeast {
		return 0, 0, false
	}
	n, number, ok := recordHead(b)
	if !ok || n > uint64(len(b)) {
		return 0, 0, false
	}
	subject := int(binary.LittleEndian.Uint16(b[20:]))
	from := blockHead + subject
	if binary.LittleEndian.Uint32(b)&headersBit != 0 {
		from += 4
	}
	end := int(n) - 8
	if from > end {
		return 0, 0, false
	}
	s.hash.Reset()
	_, _ = s.hash.Write(b[4:20]) // never fails
	_, _ = s.hash.Write(b[blockHead : blockHead+subject])
	_, _ = s.hash.Write(b[from:end])
	return int(n), number, bytes.Equal(s.hash.Sum(nil), b[end:n])
}

// damage finds the damaged stretches of a file.
func (s *sums) damage(b []byte, subject string) (out []damaged) {
	last := uint64(0)
	for at := 0; at < len(b); {
		size, number, ok := s.record(b[at:])
		if ok {
			last = max(last, number)
			at += size
			continue
		}
		next, follows := s.next(b, at, subject)
		if next < 0 {
			return out
		}
		d := damaged{at: at, size: next - at, after: last}
		if follows > last+1 {
			d.number = follows - 1
			if d.lost = follows - 1 - last; last == 0 {
				d.lost = 1 // at least; what was before is not known
			}
		}
		out = append(out, d)
		at = next
	}
	return out
}

// next finds the first whole record of the subject after the damage that begins
// at a position, -1 when there is none.
func (s *sums) next(b []byte, at int, subject string) (next int, number uint64) {
	for from := at + blockLeast + blockHead; from < len(b); {
		i := bytes.Index(b[from:], []byte(subject))
		if i < 0 {
			break
		}
		start := from + i - blockHead
		if _, number, ok := s.record(b[start:]); ok && number > 0 {
			return start, number
		}
		from += i + 1
	}
	return -1, 0
}

// erased returns an erased record that fills a stretch.
func (s *sums) erased(d damaged) []byte {
	b := make([]byte, d.size)
	binary.LittleEndian.PutUint32(b, uint32(d.size))
	binary.LittleEndian.PutUint64(b[4:], d.number|erasedBit)
	s.hash.Reset()
	_, _ = s.hash.Write(b[4:20])
	_, _ = s.hash.Write(b[blockHead : d.size-8])
	copy(b[d.size-8:], s.hash.Sum(nil))
	return b
}
