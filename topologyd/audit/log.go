package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// SyncEvery is after how long at the latest a record is on the disk that does not
// have to be there at once.
const SyncEvery = time.Second

// Config says where the log is and how large it gets.
type Config struct {
	// Path is the file; older ones are beside it, with .1, .2 … behind the name.
	Path string
	// MaxBytes is when a new file is begun, Keep how many older ones are kept.
	MaxBytes int64
	Keep     int
	// Refusals is how many records are written at once of downloads that did not begin,
	// of requests that were not let in of those who proved who they are, and of those
	// who did not; RefusalRate is how many of each a minute after that. So none of them
	// hides another, and whoever may do nothing cannot push out what was done: further
	// ones are counted.
	Refusals, RefusalRate int
}

// DefaultConfig returns a log of 60 MB at most.
func DefaultConfig(path string) Config {
	return Config{Path: path, MaxBytes: 10 << 20, Keep: 5, Refusals: 120, RefusalRate: 10}
}

// errClosed is for what is recorded too early or too late.
var errClosed = errors.New("the audit log is not open")

// Log is an audit log. Its methods may be called by several goroutines.
type Log struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	mu         sync.Mutex
	file       *os.File
	size       int64
	timer      *time.Timer // set when there is something to sync
	suppressed int64
	tally      Tally
	refusals   map[refusal]*rate.Limiter
}

// refusal is what refusals have in common that are counted together.
type refusal struct {
	action string
	known  bool
}

// New returns a log that is not open yet. Lines of records also go to log, at level
// Info. now is the clock, nil is [time.Now].
func New(cfg Config, log *slog.Logger, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{cfg: cfg, log: log, now: now, refusals: make(map[refusal]*rate.Limiter)}
}

// Open opens the log, and makes it and its folder when they are not there. It is
// called once.
func (l *Log) Open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(l.cfg.Path), 0o700); err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	return l.open()
}

// open opens the file. A line that was not finished is ended.
func (l *Log) open() error {
	f, err := os.OpenFile(l.cfg.Path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	fail := func(err error) error { return errors.Join(fmt.Errorf("open audit log: %w", err), f.Close()) }
	if err := f.Chmod(0o600); err != nil {
		return fail(err)
	}
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	size := info.Size()
	if size > 0 {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return fail(err)
		}
		if last[0] != '\n' {
			if _, err := f.WriteString("\n"); err != nil {
				return fail(err)
			}
			size++
		}
	}
	l.file, l.size = f, size
	return nil
}

// Record writes a record, whose time it sets. When that fails nothing may be
// handed out. Requests that are not let in before the log is open are counted with
// those that are too many.
func (l *Log) Record(r Record) error {
	r.Time = l.now().UTC()
	r.cut()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil && r.Action == AuthRefused {
		l.suppressed++
		l.tally.Suppressed++
		return nil
	}
	refused := r.Action == PacketsFetch && r.Outcome != OK || r.Action == AuthRefused
	if refused && !l.mayRefuse(refusal{r.Action, r.User != ""}, r.Time) {
		l.suppressed++
		l.tally.Suppressed++
		return nil
	}
	r.Suppressed = l.suppressed
	if err := l.write(&r); err != nil {
		l.tally.Failed++
		if refused {
			l.suppressed++
		}
		return fmt.Errorf("write audit log: %w", err)
	}
	l.suppressed = 0
	l.tally.Written++
	l.log.LogAttrs(context.Background(), slog.LevelInfo, "audit", r.attrs()...)
	return nil
}

// Tally counts records since the start.
type Tally struct {
	// Written are in the log, Suppressed were refusals too many, Failed could not be
	// written.
	Written, Suppressed, Failed uint64
}

// Tally returns how many records there were.
func (l *Log) Tally() Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally
}

// mayRefuse reports whether one more refusal of a kind may be written.
func (l *Log) mayRefuse(kind refusal, now time.Time) bool {
	b := l.refusals[kind]
	if b == nil {
		b = rate.NewLimiter(rate.Limit(float64(l.cfg.RefusalRate)/60), l.cfg.Refusals)
		l.refusals[kind] = b
	}
	return b.AllowN(now, 1)
}

func (l *Log) write(r *Record) error {
	if l.file == nil {
		return errClosed
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // six bytes for one, of what comes from outside
	if err := enc.Encode(r); err != nil {
		return err
	}
	b := line.Bytes()
	if l.size > 0 && l.size+int64(len(b)) > l.cfg.MaxBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(b)
	l.size += int64(n)
	if err != nil {
		if n > 0 { // half a line: the next one begins anew
			m, _ := l.file.WriteString("\n")
			l.size += int64(m)
		}
		return err
	}
	if r.Action == PacketsFetch && r.Outcome == OK {
		return l.file.Sync()
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(SyncEvery, l.sync)
	}
	return nil
}

// sync brings what was written to the disk.
func (l *Log) sync() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if l.file == nil {
		return
	}
	if err := l.file.Sync(); err != nil {
		l.log.Error("cannot bring the audit log to the disk", "error", err)
	}
}

// name is that of the file which is n files old.
func (l *Log) name(n int) string {
	if n == 0 {
		return l.cfg.Path
	}
	return l.cfg.Path + "." + strconv.Itoa(n)
}

// rotate begins a new file. The oldest one goes. When the last try failed after
// the file was renamed, that is not done again: each time the oldest one would go.
func (l *Log) rotate() error {
	if err := l.file.Sync(); err != nil {
		return err
	}
	_, err := os.Lstat(l.cfg.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case l.cfg.Keep < 1:
		if err := os.Remove(l.cfg.Path); err != nil {
			return err
		}
	default:
		for n := l.cfg.Keep - 1; n >= 0; n-- {
			if err := os.Rename(l.name(n), l.name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	old := l.file
	if err := l.open(); err != nil {
		return err // the old one goes on, under its new name
	}
	return old.Close()
}

// Close brings the log to the disk and ends it.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	if err != nil {
		return fmt.Errorf("close audit log: %w", err)
	}
	return nil
}
