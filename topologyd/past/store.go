package past

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Store is an open past. Append, Base and Sync are for one goroutine, the
// other methods for any; readers hold up the writer for moments only.
type Store struct {
	cfg Config
	log *slog.Logger

	mu     sync.Mutex
	files  []fileInfo // complete ones, by revision
	bases  []baseInfo // by revision
	active *activeFile
	// revision, at (Unix ns) and record are of the last change that is kept, or
	// of the base after it.
	revision, record uint64
	at               int64
	since            int   // changes since the last base
	sinceBytes       int64 // of them
	baseAt           int64 // log time of the last base, or of the first change
	elements         int   // of the last base
	// needBase: changes are missing, nothing is kept until there is a base.
	// hole and failed say why nothing is kept before it is asked for.
	needBase, hole, failed bool
	failure                error     // not returned by Append yet
	retry                  time.Time // no base is due before
	writing, closed        bool      // a base; the store
	closing                []file
	newFiles               bool // the directory is not synced
	stats                  Stats
	lost                   map[span]bool
	cache                  cache
	flights                map[int64]*flight

	syncing    sync.Mutex
	builds     chan struct{} // one for each view that is built
	gate       chan struct{} // see turn
	lent       atomic.Int32  // large views that are in use
	background sync.WaitGroup
	// Replaced by tests:
	now    func() time.Time
	create func(path string) (file, error)
}

// baseInfo is a base on disk.
type baseInfo struct {
	path     string
	revision uint64
	record   uint64
	at       int64 // log time, Unix ns
	elements int
	size     int64
	bad      bool
}

const (
	suffixChanges = ".changes"
	suffixBase    = ".base"
	suffixNew     = ".new"
)

func (s *Store) path(revision uint64, suffix string) string {
	return filepath.Join(s.cfg.Dir, fmt.Sprintf("%020d%s", revision, suffix))
}

// Open opens the past in a directory. What a crash left unfinished or the disk
// damaged at the end of a file is cut off and reported. The error wraps
// ErrNewer when a file is of a version that is not known, and ErrOtherLog when
// one was made from another event log; nothing is changed then. Nobody else may
// use the directory at the same time.
func Open(cfg Config, log *slog.Logger) (*Store, error) {
	cfg = cfg.withDefaults()
	s := &Store{
		cfg: cfg, log: log, lost: make(map[span]bool), flights: make(map[int64]*flight),
		builds: make(chan struct{}, cfg.Builds), gate: make(chan struct{}, 1), now: time.Now, create: createFile,
	}
	s.cache = cache{limit: cfg.CacheElements, building: make(map[*flight]int64)}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make directory of the past: %w", err)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("open past: %w", err)
	}
	return s, nil
}

// Revision returns the revision of the last change that is kept. Changes up to
// it are skipped by Append.
func (s *Store) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// Bounds returns the times that can be asked about: the first one, and the log
// time of the last change; and the revision after which all changes are kept.
// Times are zero when nothing is kept.
func (s *Store) Bounds() (oldest, newest time.Time, oldestRevision uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.flush()
	}
	l := s.layout()
	if s.at != 0 {
		newest = time.Unix(0, s.at)
	}
	ms, revision, ok := l.oldest()
	if ok {
		oldest = time.UnixMilli(ms)
	}
	return oldest, newest, revision
}

// Close completes the file that is written and waits for what goes on in the
// background. It is safe to call more than once.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.seal()
	err := s.failure
	s.failure = nil
	s.mu.Unlock()
	s.background.Wait()
	return errors.Join(err, s.syncFiles())
}
