package past

import (
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// file is what a file of changes is written to.
type file interface {
	Write(b []byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

func createFile(path string) (file, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o640)
}

// maxBuffer is how many bytes wait to be written together.
const maxBuffer = 256 << 10

// activeFile is the file of changes that is written.
type activeFile struct {
	f       file
	w       *frameWriter
	info    fileInfo // with what waits
	written fileInfo // without
	buf     []byte
}

// Append keeps changes that a record of the event log made: its log time, its
// number, the changes by revision. Those that are kept already and those of the
// Stale mark alone are left out. When some before them are missing, or the disk
// refuses them, that is reported once and nothing more is kept until there is a
// base (see [Store.Due]); the error is of the disk. They are on disk after
// [Store.Sync].
func (s *Store) Append(at time.Time, record uint64, changes []graph.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	changes = s.wanted(changes)
	valid := int64(math.MaxInt64)
	for len(changes) > 0 && !s.hole && !s.failed {
		n := 0
		for n < len(changes) && changes[n].Revision == s.revision+uint64(n)+1 {
			n++
		}
		if n == 0 {
			s.stats.Holes++
			s.hole, s.needBase = true, true
			s.log.Warn("changes are missing in the past; it goes on with the next base", "after_revision", s.revision, "next_revision", changes[0].Revision)
			break
		}
		valid = min(valid, s.write(max(at.UnixNano(), s.at), record, changes[:n]))
		changes = changes[n:]
	}
	if valid != math.MaxInt64 {
		s.cache.changed(valid)
	}
	if s.hole {
		s.stats.DroppedHole += uint64(len(changes))
	} else if s.failed {
		s.stats.DroppedDisk += uint64(len(changes))
	}
	err := s.failure
	s.failure = nil
	return err
}

// wanted leaves out what is not to be kept.
func (s *Store) wanted(changes []graph.Change) []graph.Change {
	first := 0
	for first < len(changes) && (changes[first].IsMark() || changes[first].Revision <= s.revision) {
		if !changes[first].IsMark() {
			s.stats.Skipped++
		}
		first++
	}
	changes = changes[first:]
	for i := range changes {
		if changes[i].IsMark() {
			out := append(make([]graph.Change, 0, len(changes)), changes[:i]...)
			for _, c := range changes[i:] {
				if !c.IsMark() {
					out = append(out, c)
				}
			}
			return out
		}
	}
	return changes
}

// write appends frames and returns from when on the first change is valid.
// s.mu is held.
func (s *Store) write(at int64, record uint64, changes []graph.Change) (valid int64) {
	a := s.active
	valid = math.MaxInt64
	if a == nil {
		if a = s.begin(); a == nil {
			s.stats.DroppedDisk += uint64(len(changes))
			return valid
		}
	}
	for n := 0; n < len(changes); {
		if int(a.w.next) >= s.cfg.FileNames {
			if s.seal(); s.failed {
				a = nil
			} else {
				a = s.begin()
			}
			if a == nil {
				s.stats.DroppedDisk += uint64(len(changes) - n)
				break
			}
		}
		before := len(a.buf)
		var sum summary
		a.buf, sum = a.w.append(a.buf, at, record, changes[n:])
		if a.info.count == 0 {
			a.info.first, a.info.valid = at, sum.valid
		}
		valid = min(valid, sum.valid)
		n += sum.count
		a.info.valid = min(a.info.valid, sum.valid)
		a.info.last, a.info.at, a.info.record = sum.last(), at, record
		a.info.count += sum.count
		a.info.size += int64(len(a.buf) - before)
		s.revision, s.at, s.record = sum.last(), at, record
		s.since += sum.count
		s.sinceBytes += int64(len(a.buf) - before)
		s.stats.Appended += uint64(sum.count)
		if s.baseAt == 0 {
			s.baseAt = at
		}
		if len(a.buf) >= maxBuffer && !s.flush() {
			s.stats.DroppedDisk += uint64(len(changes) - n)
			break
		}
	}
	return valid
}

// begin makes the next file of changes. s.mu is held.
func (s *Store) begin() *activeFile {
	path := s.path(s.revision, suffixChanges)
	f, err := s.create(path)
	if err != nil {
		s.fail(err)
		return nil
	}
	info := fileInfo{path: path, log: s.cfg.Log, start: s.revision, last: s.revision, at: s.at, record: s.record}
	s.active = &activeFile{f: f, w: newFrameWriter(), info: info, written: info}
	s.active.buf = appendChangesHead(make([]byte, 0, maxBuffer+maxBuffer/4), s.cfg.Log, s.revision)
	s.active.info.size = int64(len(s.active.buf))
	s.newFiles = true
	return s.active
}

// flush writes what waits. It returns false, and keeps what was written
// before, when that cannot be done. s.mu is held.
func (s *Store) flush() bool {
	a := s.active
	if a == nil || len(a.buf) == 0 || a.info.count == a.written.count {
		return true
	}
	if _, err := a.f.Write(a.buf); err != nil {
		s.fail(err)
		return false
	}
	a.buf = a.buf[:0]
	a.written = a.info
	return true
}

// fail gives up the file that is written, apart from what is whole in it.
// s.mu is held.
func (s *Store) fail(err error) {
	s.stats.DiskErrors++
	s.failed, s.needBase = true, true
	s.retry = s.now().Add(s.cfg.RetryAfter)
	s.failure = errors.Join(s.failure, fmt.Errorf("append to the past: %w", err))
	a := s.active
	if a == nil {
		return
	}
	s.active = nil
	s.stats.DroppedDisk += uint64(a.info.count - a.written.count)
	s.stats.Appended -= uint64(a.info.count - a.written.count)
	s.revision, s.at, s.record = a.written.last, a.written.at, a.written.record
	err = errors.Join(a.f.Truncate(a.written.size), a.f.Close())
	if a.written.count == 0 {
		err = errors.Join(err, os.Remove(a.written.path))
	} else {
		s.files = append(s.files, a.written)
	}
	if err != nil {
		s.log.Warn("cannot cut off what was not written whole", "file", a.info.path, "error", err)
	}
	s.cache.clear()
}

// seal completes the file that is written. s.mu is held.
func (s *Store) seal() {
	if !s.flush() || s.active == nil {
		return
	}
	a := s.active
	if a.info.count == 0 {
		s.active = nil
		if err := errors.Join(a.f.Close(), os.Remove(a.info.path)); err != nil {
			s.log.Warn("cannot remove an empty file of the past", "error", err)
		}
		return
	}
	ids := newFilter(int(a.w.next))
	for id := range a.w.numbers {
		ids.add(&id)
	}
	done := a.info
	if _, err := a.f.Write(appendFoot(nil, a.info.size, &done, ids)); err != nil {
		// Opening the store reads the file whole then.
		err = errors.Join(err, a.f.Truncate(a.info.size))
		s.log.Warn("cannot complete a file of the past", "file", a.info.path, "error", err)
		done = a.info
	}
	s.active = nil
	s.files = append(s.files, done)
	s.closing = append(s.closing, a.f)
}

// Sync makes what was appended last: it is on the disk when Sync returns
// without an error.
func (s *Store) Sync() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.flush()
	err := s.failure
	s.failure = nil
	s.mu.Unlock()
	return errors.Join(err, s.syncFiles())
}

// syncFiles syncs the file that is written, closes those that are complete, and
// syncs the directory when it has new ones.
func (s *Store) syncFiles() error {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	s.mu.Lock()
	closing, dir := s.closing, s.newFiles
	s.closing, s.newFiles = nil, false
	var active file
	if s.active != nil {
		active = s.active.f
	}
	s.mu.Unlock()
	var errs []error
	for _, f := range closing {
		errs = append(errs, f.Sync(), f.Close())
	}
	if active != nil {
		if err := active.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if dir {
		errs = append(errs, syncDir(s.cfg.Dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sync the past: %w", err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
