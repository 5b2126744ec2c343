package metafile

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/internal/entity"
)

// Sink takes the values of all files.
type Sink interface {
	// SetConfig tells the values by name, sorted. Names without a value are left
	// out. It is called only when something changed, one call at a time, and the
	// values are not touched afterwards.
	SetConfig(values entity.Attrs)
}

// Logger takes what a person should read. Telegraf's loggers satisfy it.
type Logger interface {
	Infof(format string, args ...any)
	Warnf(format string, args ...any)
}

// Stats says what happened since the start.
type Stats struct {
	// Reads counts readings of a file, Errors those that gave a file, or a value
	// in it, that cannot be used. A file that stays broken counts once.
	Reads, Errors int64
}

// Watcher reads files and reads them again when they change.
//
// A file that is not there has no values, whether it comes later or went. The
// same holds for a value that a file does not have. A file that cannot be read
// or parsed keeps the values it had.
type Watcher struct {
	cfg  Config
	sink Sink
	log  Logger

	reads, errors atomic.Int64
	cancel        context.CancelFunc
	wg            sync.WaitGroup

	// What follows belongs to Start and then to the goroutine.
	notify  *fsnotify.Watcher // nil when the system gave us none
	sources []*source
	// byPlace are the sources that a change of a name may concern.
	byPlace map[string][]*source
	warned  bool // that a directory cannot be watched
	values  map[string]entity.Value
	told    entity.Attrs
}

// New returns a watcher that tells sink. It does nothing until
// [Watcher.Start].
func New(cfg Config, sink Sink, log Logger) (*Watcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := &Watcher{cfg: cfg, sink: sink, log: log, values: make(map[string]entity.Value)}
	type key struct {
		path   string
		format Format
	}
	known := make(map[key]*source)
	for _, f := range cfg.Files {
		format, err := f.format()
		if err != nil {
			return nil, err
		}
		k := key{filepath.Clean(f.Path), format}
		s := known[k]
		if s == nil {
			s = &source{path: k.path, format: k.format}
			known[k] = s
			w.sources = append(w.sources, s)
		}
		s.files = append(s.files, f)
	}
	return w, nil
}

// Start reads all files, tells the sink, and watches until ctx ends or
// [Watcher.Stop]. Call it once. Where the system gives no notification the
// files are looked at from time to time.
func (w *Watcher) Start(ctx context.Context) {
	if len(w.sources) == 0 {
		return
	}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		w.warnOnce(err)
	} else {
		w.notify = notify
	}
	w.rewatch()
	for _, s := range w.sources {
		w.read(s)
	}
	w.tell()
	ctx, w.cancel = context.WithCancel(ctx)
	w.wg.Go(func() { w.run(ctx) })
}

// Stop ends the watch and waits for that. The values stay as they were told.
func (w *Watcher) Stop() {
	if w.cancel != nil {
		w.cancel()
		w.wg.Wait()
	}
}

// Stats returns what happened so far. Any goroutine may call it.
func (w *Watcher) Stats() Stats {
	return Stats{Reads: w.reads.Load(), Errors: w.errors.Load()}
}

func (w *Watcher) run(ctx context.Context) {
	var events <-chan fsnotify.Event
	var errs <-chan error
	if w.notify != nil {
		defer w.notify.Close() //nolint:errcheck // nothing to be done
		events, errs = w.notify.Events, w.notify.Errors
	}
	poll := time.NewTicker(w.cfg.Poll)
	defer poll.Stop()
	due := time.NewTimer(time.Hour)
	defer due.Stop()
	for {
		if next := w.next(); !next.IsZero() {
			due.Reset(time.Until(next))
		} else {
			due.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case ev := <-events:
			w.event(ev)
		case <-errs:
			// Most likely the queue of notifications overran: read everything.
			w.rewatch()
			for _, s := range w.sources {
				s.ask(time.Now(), w.cfg.Debounce)
			}
		case <-poll.C:
			w.rewatch()
			for _, s := range w.sources {
				if s.looksChanged() {
					s.ask(time.Now(), w.cfg.Debounce)
				}
			}
		case <-due.C:
			w.readDue(time.Now())
		}
	}
}

// event finds out which files a notification is about: of most changes in a
// watched directory, none.
func (w *Watcher) event(ev fsnotify.Event) {
	name := filepath.Clean(ev.Name)
	concerned := w.byPlace[name]
	gone := ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
	if gone {
		// The watched directory itself went, with all in it.
		for place, sources := range w.byPlace {
			if filepath.Dir(place) == name {
				concerned = append(slices.Clip(concerned), sources...)
			}
		}
	}
	if len(concerned) == 0 {
		return
	}
	now := time.Now()
	for _, s := range concerned {
		s.ask(now, w.cfg.Debounce)
	}
	if gone || ev.Has(fsnotify.Create) {
		w.rewatch()
	}
}

// next returns when a file is to be read, the zero time for never.
func (w *Watcher) next() time.Time {
	var next time.Time
	for _, s := range w.sources {
		if !s.due.IsZero() && (next.IsZero() || s.due.Before(next)) {
			next = s.due
		}
	}
	return next
}

func (w *Watcher) readDue(now time.Time) {
	for _, s := range w.sources {
		if !s.due.IsZero() && !s.due.After(now) {
			s.due = time.Time{}
			w.read(s)
		}
	}
	w.tell()
}

// read reads one file, takes over its values and logs what is new about it.
func (w *Watcher) read(s *source) {
	w.reads.Add(1)
	c := s.read()
	if c == nil {
		return
	}
	for name, v := range c.values {
		if v.IsZero() {
			delete(w.values, name)
		} else {
			w.values[name] = v
		}
	}
	switch {
	case len(c.errs) > 0:
		w.errors.Add(1)
		for _, err := range c.errs {
			w.log.Warnf("Metadata file %s cannot be used, its last values stay: %v", s.path, err)
		}
	case c.missing:
		w.log.Infof("Metadata file %s does not exist", s.path)
	case s.broken || s.missing:
		w.log.Infof("Metadata file %s is used again", s.path)
	}
	s.broken, s.missing = len(c.errs) > 0, c.missing
}

// tell tells the sink when the values are not those it was told before.
func (w *Watcher) tell() {
	now := make(entity.Attrs, 0, len(w.values))
	for name, v := range w.values {
		now = append(now, entity.A(name, v))
	}
	if now = now.Normalize(); !now.Equal(w.told) {
		w.told = now
		w.sink.SetConfig(now)
	}
}
