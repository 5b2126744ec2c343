package discovery

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/internal/netns"
)

// Watcher finds namespaces and keeps looking.
type Watcher struct {
	cfg  Config
	sink Sink

	dirs  *directories
	procs scanner
	found map[netns.ID]process
	told  map[netns.ID]Namespace
}

// New returns a watcher that tells sink. It does nothing until [Watcher.Run].
func New(cfg Config, sink Sink) *Watcher {
	return &Watcher{
		cfg:   cfg,
		sink:  sink,
		procs: scanner{dir: cfg.ProcDir},
		told:  make(map[netns.ID]Namespace),
	}
}

// Run looks at everything, tells the sink, and watches until ctx ends. Where
// the system gives no notification it scans only.
func (w *Watcher) Run(ctx context.Context) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		notify = nil
	}
	var events <-chan fsnotify.Event
	var errs <-chan error
	if notify != nil {
		defer notify.Close() //nolint:errcheck // nothing to be done
		events, errs = notify.Events, notify.Errors
	}
	w.dirs = newDirectories(w.cfg.Dirs, notify)

	w.scan()
	tick := time.NewTicker(w.cfg.ScanInterval)
	defer tick.Stop()
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	for {
		if next := w.dirs.nextRetry(); !next.IsZero() {
			retry.Reset(time.Until(next))
		} else {
			retry.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.scan()
		case <-retry.C:
			w.dirs.retry(time.Now())
			w.tell()
		case ev := <-events:
			if w.drain(ev, events) {
				w.scan()
			} else {
				w.tell()
			}
		case <-errs:
			// Most likely the queue of notifications overran: look at everything.
			w.scan()
		}
	}
}

// drain handles ev and what else is waiting, within a bound, before anything
// is told, and reports whether everything must be looked at.
func (w *Watcher) drain(ev fsnotify.Event, events <-chan fsnotify.Event) bool {
	now := time.Now()
	all := w.dirs.event(ev, now)
	for range 1000 {
		select {
		case ev := <-events:
			all = w.dirs.event(ev, now) || all
		default:
			return all
		}
	}
	return all
}

func (w *Watcher) scan() {
	var report Report
	report.NotWatched = w.dirs.scan(time.Now())
	if w.cfg.Processes {
		// On error what was known stays; /proc does not go away.
		if procs, denied, err := w.procs.scan(); err == nil {
			w.setProcesses(procs)
			report.DeniedProcesses = denied
		}
	}
	w.tell()
	report.DeniedFiles = len(w.dirs.denied)
	report.Namespaces = len(w.told)
	w.sink.Scanned(report)
}

// tell tells the sink of every namespace that is not as it was told before.
func (w *Watcher) tell() {
	if len(w.dirs.changed) == 0 {
		return
	}
	var appeared []Namespace
	for id := range w.dirs.changed {
		now, exists := namespaceOf(id, w.dirs.byID[id], w.found)
		old, known := w.told[id]
		switch {
		case slices.Contains(w.cfg.Skip, id):
		case !exists && known:
			delete(w.told, id)
			w.sink.Lost(id)
		case exists && (!known || !old.equal(&now)):
			w.told[id] = now
			appeared = append(appeared, now)
		}
	}
	clear(w.dirs.changed)
	// In order of path, so that one start is like the next.
	slices.SortFunc(appeared, func(a, b Namespace) int { return cmp.Compare(a.Path, b.Path) })
	for _, n := range appeared {
		w.sink.Found(n)
	}
}

// setProcesses takes over what a scan of the processes found.
func (w *Watcher) setProcesses(procs map[netns.ID]process) {
	for id, p := range procs {
		if w.found[id] != p {
			w.dirs.changed[id] = true
		}
	}
	for id := range w.found {
		if _, still := procs[id]; !still {
			w.dirs.changed[id] = true
		}
	}
	w.found = procs
}
