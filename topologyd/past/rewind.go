package past

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// Rewind forgets all that was made from log records after one, and returns how
// many changes that were. It is for a log that lost its last records in a crash
// of the machine while the past had kept what they changed: the log goes on
// with other changes of the same revisions then. Call it after Open with the
// log's last record, before anything else.
func (s *Store) Rewind(record uint64) (forgotten int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active != nil || s.writing || s.closed {
		return 0, errors.New("rewind past: it is in use")
	}
	if s.record <= record {
		return 0, nil
	}
	for i := len(s.bases) - 1; i >= 0 && (s.bases[i].record > record || s.bases[i].bad); i-- {
		if err := os.Remove(s.bases[i].path); err != nil {
			return forgotten, fmt.Errorf("rewind past: %w", err)
		}
		s.bases = slices.Delete(s.bases, i, i+1)
	}
	for i := len(s.files) - 1; i >= 0 && s.files[i].record > record; i-- {
		n, err := s.cut(i, record)
		forgotten += n
		if err != nil {
			return forgotten, fmt.Errorf("rewind past: %w", err)
		}
	}
	s.cache.clear()
	s.revision, s.record, s.at, s.since, s.sinceBytes, s.baseAt, s.elements = 0, 0, 0, 0, 0, 0, 0
	s.resume()
	s.log.Warn("the past forgets what the event log has lost", "changes", forgotten, "last_record", s.record, "revision", s.revision)
	return forgotten, syncDir(s.cfg.Dir)
}

// cut takes what was made from later records off the end of a file. s.mu is
// held.
func (s *Store) cut(i int, record uint64) (forgotten int, err error) {
	info := &s.files[i]
	c, err := info.load()
	if err != nil {
		return 0, err
	}
	kept, next := int64(0), *info
	next.count, next.sealed, next.filterAt, next.filterLen = 0, false, 0, 0
	var ids idCollector
	err = c.each(func(sum summary, payload string) error {
		if sum.record > record {
			return nil
		}
		kept = int64(offsetIn(c.s, payload) + len(payload))
		next.count += sum.count
		next.last, next.at, next.record = sum.last(), sum.at, sum.record
		return ids.frame(payload)
	})
	if err != nil {
		return 0, err
	}
	forgotten = info.count - next.count
	if next.count == 0 {
		s.files = slices.Delete(s.files, i, i+1)
		return forgotten, os.Remove(c.path)
	}
	if err := os.Truncate(next.path, kept); err != nil {
		return 0, err
	}
	next.size = kept
	if err := complete(&next, ids.filter()); err != nil {
		return 0, err
	}
	s.files[i] = next
	return forgotten, nil
}
