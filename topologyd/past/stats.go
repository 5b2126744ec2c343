package past

import "log/slog"

// Stats counts what a store did since it was opened, and what it holds.
type Stats struct {
	// Files, Bases and Bytes are what is on the disk, what waits in memory to be
	// written included. Views and Elements are what the cache holds.
	Files, Bases    int
	Bytes           int64
	Views, Elements int
	// Appended counts changes; Skipped those that were there already.
	Appended, Skipped uint64
	// DroppedHole and DroppedDisk count changes that were not kept: because some
	// before them were never handed over, because they could not be written.
	// Holes and DiskErrors count how often that began.
	DroppedHole, DroppedDisk, Holes, DiskErrors uint64
	// TornBytes were cut off the ends of files when the store was opened.
	// LostRevisions were found to be in damaged frames, LostFiles are files that
	// were damaged as a whole, BadBases are damaged bases, for which an older one
	// stands in.
	TornBytes                          int64
	LostRevisions, LostFiles, BadBases uint64
	// BasesWritten and BaseErrors count bases.
	BasesWritten, BaseErrors uint64
	// Built and Cached count views that were built, and those that were there.
	Built, Cached uint64
	// ExpiredAge and ExpiredBytes count files that were removed for their age, and
	// because there were too many bytes.
	ExpiredAge, ExpiredBytes uint64
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Files, st.Bases, st.Bytes = len(s.files), 0, s.bytes()
	for i := range s.bases {
		if !s.bases[i].bad {
			st.Bases++
		}
	}
	if s.active != nil {
		st.Files++
	}
	st.Views, st.Elements = len(s.cache.views), s.cache.elements
	return st
}

// bytes returns the length of all files. s.mu is held.
func (s *Store) bytes() int64 {
	n := int64(0)
	for i := range s.files {
		n += s.files[i].size
	}
	for i := range s.bases {
		n += s.bases[i].size
	}
	if s.active != nil {
		n += s.active.info.size
	}
	return n
}

// noteLost reports damaged frames, each of them once.
func (s *Store) noteLost(c *changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range c.lost {
		if s.lost[l] {
			continue
		}
		s.lost[l] = true
		s.stats.LostRevisions += l.to - l.from + 1
		s.log.Error("changes of the past are damaged on disk and lost", "file", c.path, "from_revision", l.from, "to_revision", l.to)
	}
	if len(c.lost) > 0 {
		s.heal()
	}
	c.lost = nil
}

// heal asks for a base when what was lost is after the newest one: elements
// whose differences have lost what they build on are whole again from it on.
// s.mu is held.
func (s *Store) heal() {
	newest := uint64(0)
	for i := range s.bases {
		if !s.bases[i].bad {
			newest = max(newest, s.bases[i].revision)
		}
	}
	for l := range s.lost {
		s.needBase = s.needBase || l.to > newest
	}
}

// noteBad reports a damaged base, once, and takes it out of use.
func (s *Store) noteBad(path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.bases {
		if s.bases[i].path == path && !s.bases[i].bad {
			s.bases[i].bad = true
			s.stats.BadBases++
			s.log.Error("a base of the past is damaged; the one before it stands in", slog.Any("error", err))
		}
	}
}
