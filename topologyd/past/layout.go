package past

import (
	"slices"
	"time"
)

// layout is which files there are at one moment, for a reader.
type layout struct {
	files    []fileInfo
	bases    []baseInfo
	revision uint64
	at       int64 // log time of the last change, Unix ns
	unknown  bool  // changes were made that the store has never seen
}

// layout returns what can be read. s.mu is held.
func (s *Store) layout() layout {
	l := layout{files: slices.Clip(s.files), bases: slices.Clone(s.bases), revision: s.revision, at: s.at}
	if a := s.active; a != nil && a.written.count > 0 {
		l.files = append(l.files, a.written)
	}
	l.unknown = s.needBase && len(l.files) == 0
	return l
}

// readable is layout with all that was appended written out.
func (s *Store) readable() (layout, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return layout{}, ErrClosed
	}
	s.flush()
	return s.layout(), nil
}

// whole reports whether the changes are kept from the very first on.
func (l *layout) whole() bool {
	return len(l.files) > 0 && l.files[0].start == 0 || len(l.files) == 0 && len(l.bases) == 0 && !l.unknown
}

// oldest returns the first time that can be asked about (Unix ms) and the
// revision after which all changes are kept; false when there is none.
func (l *layout) oldest() (ms int64, revision uint64, ok bool) {
	if l.whole() {
		if len(l.files) == 0 {
			return 0, 0, false
		}
		ms = milliseconds(l.files[0].first)
		for i := range l.files {
			ms = min(ms, l.files[i].valid)
		}
		return ms, 0, true
	}
	for i := range l.bases {
		if b := &l.bases[i]; !b.bad {
			return milliseconds(b.at), b.revision, true
		}
	}
	return 0, 0, false
}

func (l *layout) tooOld() error {
	ms, revision, ok := l.oldest()
	e := ErrTooOld{Revision: revision}
	if ok {
		e.Oldest = time.UnixMilli(ms)
	}
	return e
}

// root returns the newest base at or before a time, nil when that is the empty
// graph from which all began; an error when it is not kept.
func (l *layout) root(ms int64) (*baseInfo, error) {
	for i := len(l.bases) - 1; i >= 0; i-- {
		if b := &l.bases[i]; !b.bad && milliseconds(b.at) <= ms {
			return b, nil
		}
	}
	if oldest, _, ok := l.oldest(); !l.whole() || ok && ms < oldest {
		return nil, l.tooOld()
	}
	return nil, nil
}

// rootAt returns the newest base at or before a revision, as root does.
func (l *layout) rootAt(revision uint64) (*baseInfo, error) {
	for i := len(l.bases) - 1; i >= 0; i-- {
		if b := &l.bases[i]; !b.bad && b.revision <= revision {
			return b, nil
		}
	}
	if !l.whole() {
		return nil, l.tooOld()
	}
	return nil, nil
}

// next returns the time of the base after a time (Unix ms), else a time that
// never comes.
func (l *layout) next(ms, never int64) int64 {
	for i := range l.bases {
		if b := &l.bases[i]; !b.bad && milliseconds(b.at) > ms {
			return milliseconds(b.at)
		}
	}
	return never
}
