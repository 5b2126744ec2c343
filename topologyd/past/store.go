package past

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	builds     chan struct{}
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
		builds: make(chan struct{}, cfg.Builds), now: time.Now, create: createFile,
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

func (s *Store) open() error {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	if err := s.check(entries); err != nil {
		return err
	}
	probe, err := os.CreateTemp(s.cfg.Dir, "probe-*"+suffixNew)
	if err != nil {
		return fmt.Errorf("%w; the daemon must be able to write there", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.Dir, e.Name())
		revision, suffix, ok := parseName(e)
		switch {
		case strings.HasSuffix(e.Name(), suffixNew):
			err = os.Remove(path)
		case !ok:
		case suffix == suffixChanges:
			err = s.openChanges(path)
		default:
			s.openBase(path, revision)
		}
		if err != nil {
			return err
		}
	}
	s.dropOrphans()
	s.resume()
	return nil
}

// check looks at the heads of all files before anything is changed.
func (s *Store) check(entries []fs.DirEntry) error {
	for _, e := range entries {
		_, suffix, ok := parseName(e)
		if !ok {
			continue
		}
		path := filepath.Join(s.cfg.Dir, e.Name())
		head, err := readStart(path)
		if err != nil {
			return err
		}
		log := ""
		if suffix == suffixBase {
			var p position
			p, _, err = baseHead(head)
			log = p.log
		} else {
			c := changes{s: head}
			err = c.readHead()
			log = c.log
		}
		if errors.Is(err, ErrNewer) {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err == nil && log != "" && s.cfg.Log != "" && log != s.cfg.Log {
			return fmt.Errorf("%s: %w: that of %s, this one is %s", path, ErrOtherLog, log, s.cfg.Log)
		}
	}
	return nil
}

// readStart reads the part of a file that its head is in.
func readStart(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	buf := make([]byte, 4096)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", err
	}
	return stringOf(buf[:n]), nil
}

func parseName(e fs.DirEntry) (revision uint64, suffix string, ok bool) {
	suffix = filepath.Ext(e.Name())
	if suffix != suffixChanges && suffix != suffixBase || !e.Type().IsRegular() {
		return 0, "", false
	}
	revision, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), suffix), 10, 64)
	return revision, suffix, err == nil
}

// openChanges takes a file of changes up; one that was not completed is.
func (s *Store) openChanges(path string) error {
	if info, ok := readFoot(path); ok {
		s.files = append(s.files, info)
		return nil
	}
	c, ids, torn, err := scan(path)
	switch {
	case errors.Is(err, errEmpty):
		if torn > int64(magicLen+1) && !headOnly(c) {
			s.stats.TornBytes += torn
			s.log.Error("cut off a damaged file of the past: nothing in it is whole", "file", path, "bytes", torn)
		}
		return os.Remove(path)
	case errors.Is(err, errCorrupt):
		s.stats.LostFiles++
		s.log.Error("set a damaged file of the past aside", "file", path, "error", err)
		return os.Rename(path, path+".damaged")
	case err != nil:
		return err
	}
	if torn > 0 {
		s.stats.TornBytes += torn
		s.log.Warn("cut off the damaged end of a file of the past", "file", path, "bytes", torn, "last_revision", c.last)
		if err := os.Truncate(path, c.size); err != nil {
			return err
		}
	}
	s.noteLost(c)
	if err := complete(&c.fileInfo, ids); err != nil {
		s.log.Warn("cannot complete a file of the past; it is read again next time", "file", path, "error", err)
	}
	s.files = append(s.files, c.fileInfo)
	return nil
}

func headOnly(c *changes) bool {
	_, end, ok := frameAt(c.s, magicLen+1)
	return ok && end == len(c.s)
}

// complete appends the foot of a file.
func complete(info *fileInfo, ids filter) error {
	f, err := os.OpenFile(info.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	done := *info
	if _, err := f.Write(appendFoot(nil, info.size, &done, ids)); err != nil {
		return errors.Join(err, f.Truncate(info.size), f.Close())
	}
	*info = done
	return errors.Join(f.Sync(), f.Close())
}

func (s *Store) openBase(path string, revision uint64) {
	info := baseInfo{path: path, revision: revision}
	head, err := readStart(path)
	if err == nil {
		var p position
		if p, info.elements, err = baseHead(head); err == nil {
			info.record, info.at = p.record, p.at
			if p.revision != revision {
				err = fmt.Errorf("%w: of revision %d", errCorrupt, p.revision)
			}
		}
	}
	if st, serr := os.Stat(path); serr == nil {
		info.size = st.Size()
	}
	s.bases = append(s.bases, info)
	if err != nil {
		s.noteBad(path, fmt.Errorf("%s: %w", path, err))
	}
}

// dropOrphans removes what a retention that was cut short left: changes whose
// base is gone.
func (s *Store) dropOrphans() {
	if len(s.bases) == 0 || len(s.files) > 0 && s.files[0].start == 0 {
		return
	}
	s.files = slices.DeleteFunc(s.files, func(f fileInfo) bool {
		orphan := f.last <= s.bases[0].revision
		if orphan {
			if err := os.Remove(f.path); err != nil {
				s.log.Warn("cannot remove a file of the past", "error", err)
			}
		}
		return orphan
	})
}

// resume finds out where to go on.
func (s *Store) resume() {
	s.needBase = len(s.files) > 0 && s.files[0].start > 0
	for i := range s.bases {
		if b := &s.bases[i]; !b.bad {
			s.revision, s.record, s.at = b.revision, b.record, max(s.at, b.at)
			s.baseAt, s.elements, s.needBase = b.at, b.elements, false
		}
	}
	root := s.revision
	for i := range s.files {
		f := &s.files[i]
		if f.last > s.revision {
			s.revision, s.record, s.at = f.last, f.record, max(s.at, f.at)
		}
		if f.last > root {
			s.since += f.count
			s.sinceBytes += f.size
			if s.baseAt == 0 {
				s.baseAt = f.first
			}
		}
	}
}

// Revision returns the revision of the last change that is kept. Changes up to
// it are skipped by Append.
func (s *Store) Revision() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// Record returns the number of the last log record of which a change is kept.
func (s *Store) Record() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.record
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

func baseHead(s string) (p position, elements int, err error) {
	payload, err := checkHead(s, magicBase, kindBase)
	if err == nil && payload == "" {
		err = errCorrupt
	}
	if err != nil {
		return p, 0, err
	}
	var d decoder
	d.read(payload[1:], nil)
	p, nodes, edges := readBaseHead(&d)
	return p, nodes + edges, d.err
}
