package metafile

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// rewatch watches the directories of all places on the way to the files.
func (w *Watcher) rewatch() {
	w.byPlace = w.findPlaces()
	if w.notify == nil {
		return
	}
	// What was missing may have come before the watch did, and lead elsewhere.
	for range 5 {
		w.watchDirs()
		was := w.byPlace
		w.byPlace = w.findPlaces()
		if samePlaces(was, w.byPlace) {
			return
		}
		for _, s := range w.sources {
			if s.outcome.done {
				s.ask(time.Now(), w.cfg.Debounce)
			}
		}
	}
}

func (w *Watcher) findPlaces() map[string][]*source {
	found := make(map[string][]*source)
	for _, s := range w.sources {
		for _, p := range places(s.path) {
			found[p] = append(found[p], s)
		}
	}
	return found
}

func samePlaces(a, b map[string][]*source) bool {
	if len(a) != len(b) {
		return false
	}
	for p, s := range a {
		if !slices.Equal(s, b[p]) {
			return false
		}
	}
	return true
}

func (w *Watcher) watchDirs() {
	wanted := make(map[string]bool)
	for place := range w.byPlace {
		dir := filepath.Dir(place)
		if wanted[dir] {
			continue
		}
		wanted[dir] = true
		// Add of a directory that is watched already does no harm. It is done each
		// time because another may have taken its name.
		if err := w.notify.Add(dir); err != nil && !isMissing(err) {
			w.warnOnce(fmt.Errorf("watch %s: %w", dir, err))
		}
	}
	for _, dir := range w.notify.WatchList() {
		if !wanted[dir] {
			_ = w.notify.Remove(dir) // it may be gone already
		}
	}
}

func (w *Watcher) warnOnce(err error) {
	if !w.warned {
		w.warned = true
		w.log.Warnf("Changes of metadata files are noticed only every %s: %v", w.cfg.Poll, err)
	}
}
