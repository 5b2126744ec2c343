package pcapfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/pcapio"
)

// Config says what is replayed.
type Config struct {
	// Path is the file.
	Path string
	// Reader is read instead of a file when it is set. When it is an [io.Closer],
	// it is closed to end a Read that waits while the capture is ended.
	Reader io.Reader
	// Filter chooses the frames; nil takes all.
	Filter source.Filter
	// SnapLen cuts frames to a length; 0 leaves them as long as they are.
	SnapLen int
	// Speed is how fast time passes: 1 is as it did when the frames were captured,
	// 10 is ten times as fast. 0 is as fast as can be.
	Speed float64
	// Log is told when the file ends in the middle of a record. nil is
	// slog.Default().
	Log *slog.Logger
}

// Source replays one file. It is a [source.Source].
type Source struct {
	cfg     Config
	started atomic.Bool
	sieve   *source.Sieve

	malformed, opened, panics atomic.Uint64
}

// New returns a source that has not been started. The file is opened by Run.
func New(cfg Config) (*Source, error) {
	switch {
	case cfg.Path == "" && cfg.Reader == nil:
		return nil, errors.New("configure replay: no file is named")
	case cfg.SnapLen < 0:
		return nil, fmt.Errorf("configure replay: snap length %d is negative", cfg.SnapLen)
	case !(cfg.Speed >= 0 && cfg.Speed <= 1e9):
		return nil, fmt.Errorf("configure replay: speed %v is not between 0 and 1e9", cfg.Speed)
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Source{cfg: cfg, sieve: source.NewSieve(cfg.Filter, cfg.SnapLen)}, nil
}

// Stats implements [source.Source]. A file that ends in the middle of a record
// counts as malformed.
func (s *Source) Stats() source.Stats {
	st := s.sieve.Stats()
	st.Malformed, st.Opened, st.Panics = s.malformed.Load(), s.opened.Load(), s.panics.Load()
	return st
}

// Run implements [source.Source]. The first worker gets all frames, the others
// nothing but the time. The end of the file is no error, nor is one in the
// middle of a record: all frames before it were handed on. A file that
// contradicts itself ends with an error that wraps [pcapio.ErrCorrupt] or
// [pcapio.ErrFormat].
func (s *Source) Run(ctx context.Context, workers []source.Worker) error {
	name := s.cfg.Path
	if s.cfg.Reader != nil {
		name = "stream"
	}
	if len(workers) == 0 {
		return fmt.Errorf("replay %s: no workers", name)
	}
	if s.started.Swap(true) {
		return fmt.Errorf("replay %s: a source runs only once", name)
	}
	err := source.Guard(0, func() error { return s.run(ctx, all(workers)) })
	var p *source.PanicError
	switch {
	case errors.As(err, &p):
		s.panics.Add(1)
	case err == nil, ctx.Err() != nil:
		return nil //nolint:nilerr // what a closed file says while the capture ends is no news
	case errors.Is(err, pcapio.ErrTruncated):
		s.malformed.Add(1)
		s.cfg.Log.Warn("replayed file is not whole", "file", name, "reason", err)
		return nil
	case errors.Is(err, pcapio.ErrCorrupt), errors.Is(err, pcapio.ErrFormat):
		s.malformed.Add(1)
	}
	return fmt.Errorf("replay %s: %w", name, err)
}

func (s *Source) run(ctx context.Context, w source.Worker) error {
	r, end, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer end()
	rd, err := pcapio.NewReader(r)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it is empty", pcapio.ErrFormat)
	}
	if err != nil {
		return err
	}
	s.opened.Add(1)
	var (
		f    source.Frame
		out  = s.sieve.Open()
		pace = pacer{speed: s.cfg.Speed, w: w}
	)
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return nil
		}
		if err := rd.Next(&f); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if !pace.wait(ctx, f.Time) {
			return nil
		}
		if err := out.Frame(&f, w); err != nil {
			return err
		}
	}
}

// open opens the file, and closes it when ctx ends.
func (s *Source) open(ctx context.Context) (r io.Reader, end func(), err error) {
	r = s.cfg.Reader
	if r == nil {
		f, err := os.Open(s.cfg.Path)
		if err != nil {
			return nil, nil, fmt.Errorf("open file: %w", err)
		}
		if st, err := f.Stat(); err == nil && st.IsDir() {
			_ = f.Close()
			return nil, nil, errors.New("it is a directory")
		}
		r = f
	}
	c, ok := r.(io.Closer)
	if !ok {
		return r, func() {}, nil
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return r, func() {
		if stop() && s.cfg.Reader == nil {
			_ = c.Close()
		}
	}, nil
}

// pacer tells the worker the file's time, and lets the day's time pass with it.
type pacer struct {
	speed float64
	w     source.Worker
	clock source.Clock
	first int64
	start time.Time
	timer *time.Timer
}

// wait waits until it is time for a frame. It is false when ctx ended before.
func (p *pacer) wait(ctx context.Context, at int64) bool {
	if !p.clock.Begun() {
		p.first, p.start = at, time.Now()
	}
	for p.speed > 0 && at > p.first {
		left := time.Duration(float64(at-p.first)/p.speed) - time.Since(p.start)
		if left <= 0 {
			break
		}
		if p.timer == nil {
			p.timer = time.NewTimer(min(left, source.TickInterval))
			defer func() { p.timer.Stop(); p.timer = nil }()
		} else {
			p.timer.Reset(min(left, source.TickInterval))
		}
		select {
		case <-ctx.Done():
			return false
		case <-p.timer.C:
		}
		p.clock.To(p.w, min(at, p.first+int64(float64(time.Since(p.start))*p.speed)))
	}
	p.clock.To(p.w, at)
	return true
}

// all returns a worker that is the first of them and tells the others the time.
func all(workers []source.Worker) source.Worker {
	if len(workers) == 1 {
		return workers[0]
	}
	return &first{workers}
}

type first struct{ workers []source.Worker }

func (f *first) Frame(fr *source.Frame) { f.workers[0].Frame(fr) }
func (f *first) Tick(now int64) {
	for _, w := range f.workers {
		w.Tick(now)
	}
}
