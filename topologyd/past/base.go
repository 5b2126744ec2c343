package past

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// Due reports whether the store wants a base: enough changed since the last
// one, or changes are missing. It costs next to nothing and may be asked after
// every Append; views that nobody used for long are let go meanwhile.
func (s *Store) Due() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.idle(s.now().Add(-s.cfg.CacheIdle))
	switch {
	case s.closed || s.writing || s.now().Before(s.retry):
		return false
	case s.needBase:
		return true
	case s.since == 0:
		return false
	}
	return s.since >= max(s.cfg.SegmentChanges, s.elements/2) || s.sinceBytes >= s.cfg.SegmentBytes ||
		s.at-s.baseAt >= int64(s.cfg.SegmentAge)
}

// Base takes the whole state of the graph, from which on changes are kept: the
// view after the last record that was appended, or that was not because of a
// hole, with that record's log time and number. It is written in the
// background; while one is written, another is not taken. A view of before
// what is kept is not taken either.
func (s *Store) Base(v *graph.View, at time.Time, record uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.writing || v.Revision() < s.revision || v.Revision() == 0 {
		return
	}
	s.seal()
	if v.Revision() > s.revision && !s.hole && !s.failed && s.revision > 0 {
		s.stats.Holes++
		s.log.Warn("changes are missing in the past; it goes on with a base", "after_revision", s.revision, "next_revision", v.Revision()+1)
	}
	s.since, s.sinceBytes = 0, 0
	s.failed, s.hole = false, false
	s.at = max(s.at, at.UnixNano())
	s.revision, s.record, s.baseAt, s.elements = v.Revision(), record, s.at, v.NodeCount()+v.EdgeCount()
	pos := position{log: s.cfg.Log, revision: s.revision, record: record, at: s.at}
	s.writing = true
	s.background.Add(1)
	go s.writeBase(pos, v)
}

// writeBase writes a base and then removes what is old.
func (s *Store) writeBase(pos position, v *graph.View) {
	defer s.background.Done()
	size, err := s.storeBase(pos, v)
	s.mu.Lock()
	s.writing = false
	if err != nil {
		s.stats.BaseErrors++
		s.needBase = true
		s.retry = s.now().Add(s.cfg.RetryAfter)
		s.log.Error("cannot write a base of the past; another attempt follows", "error", err)
		s.mu.Unlock()
		return
	}
	s.stats.BasesWritten++
	s.needBase = s.hole || s.failed
	s.addBase(baseInfo{
		path: s.path(pos.revision, suffixBase), revision: pos.revision, record: pos.record, at: pos.at,
		elements: v.NodeCount() + v.EdgeCount(), size: size,
	})
	s.heal()
	s.mu.Unlock()
	if err := s.syncFiles(); err != nil {
		s.log.Warn("cannot sync the past", "error", err)
	}
	s.expire(context.Background())
}

// addBase makes a base known; one of the same revision is replaced. s.mu is
// held.
func (s *Store) addBase(b baseInfo) {
	s.cache.changed(milliseconds(b.at)) // it may know what a gap had hidden
	for i := range s.bases {
		if s.bases[i].revision == b.revision {
			s.bases[i] = b
			return
		}
	}
	s.bases = append(s.bases, b)
}

// storeBase writes a base beside its place and moves it there when it is on
// the disk.
func (s *Store) storeBase(pos position, v *graph.View) (size int64, err error) {
	path := s.path(pos.revision, suffixBase)
	f, err := os.OpenFile(path+suffixNew, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return 0, fmt.Errorf("write base: %w", err)
	}
	err = writeBase(f, pos, v)
	if err == nil {
		var st os.FileInfo
		if st, err = f.Stat(); err == nil {
			size = st.Size()
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+suffixNew, path)
	}
	if err != nil {
		return 0, fmt.Errorf("write base: %w", errors.Join(err, os.Remove(path+suffixNew)))
	}
	if err := syncDir(s.cfg.Dir); err != nil {
		return 0, fmt.Errorf("write base: %w", err)
	}
	return size, nil
}

// expire removes segments that are not needed any more: those before a base
// that is older than the oldest time that is promised, and the oldest ones when
// there are too many bytes. A base that others depend on is read whole before.
func (s *Store) expire(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		now := min(s.now().UnixNano(), s.at) // a clock that jumps ahead removes nothing
		over := s.bytes() > s.cfg.MaxBytes
		next := -1
		for i := range s.bases {
			if b := &s.bases[i]; !b.bad && s.precedes(i) && (over || b.at <= now-int64(s.cfg.MaxAge)) {
				next = i
				break
			}
		}
		if next < 0 || s.closed {
			s.mu.Unlock()
			return
		}
		b := s.bases[next]
		s.mu.Unlock()
		if _, err := loadBase(b.path); err != nil {
			s.noteBad(b.path, err)
			continue
		}
		s.removeBefore(b.revision, b.at <= now-int64(s.cfg.MaxAge))
	}
}

// precedes reports whether there is anything before a base. s.mu is held.
func (s *Store) precedes(i int) bool {
	return i > 0 || len(s.files) > 0 && s.files[0].last <= s.bases[i].revision
}

// removeBefore removes all bases and files of changes up to a base's revision.
func (s *Store) removeBefore(revision uint64, aged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := uint64(0)
	// The bases first: changes without their base are known to be none.
	for len(s.bases) > 0 && s.bases[0].revision < revision {
		s.remove(s.bases[0].path)
		s.bases = append([]baseInfo(nil), s.bases[1:]...)
		n++
	}
	for len(s.files) > 0 && s.files[0].last <= revision {
		s.remove(s.files[0].path)
		s.files = append([]fileInfo(nil), s.files[1:]...)
		n++
	}
	s.cache.before(s.bases[0].at)
	if aged {
		s.stats.ExpiredAge += n
	} else {
		s.stats.ExpiredBytes += n
		s.log.Warn("removed a part of the past early: it takes more room than allowed", "max_bytes", s.cfg.MaxBytes, "oldest", time.Unix(0, s.bases[0].at))
	}
}

func (s *Store) remove(path string) {
	if err := os.Remove(path); err != nil {
		s.log.Warn("cannot remove a file of the past", "error", err)
	}
}
