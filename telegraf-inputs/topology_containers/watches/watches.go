// Package watches opens what tells of changes at once: of directories by inotify,
// of the ends of processes by pidfd. Where the system has one of the two not, its
// channels never say anything, and whoever listens has to look from time to time.
// It knows nothing of containers.
package watches

import (
	"errors"
	"fmt"
	"os"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// ErrEnded tells that the watch of directories ended by itself.
var ErrEnded = errors.New("the watch of directories ended")

// Watches are open until Close.
type Watches struct {
	// Dirs and Exits are nil when the system has none.
	Dirs  *fsnotify.Watcher
	Exits *pidwatch.Watcher
	// Events and Failures are those of Dirs, Ended those of Exits.
	Events   <-chan fsnotify.Event
	Failures <-chan error
	Ended    <-chan int
}

// Open opens what the system has.
func Open() *Watches {
	w := &Watches{}
	if dirs, err := fsnotify.NewWatcher(); err == nil {
		w.Dirs, w.Events, w.Failures = dirs, dirs.Events, dirs.Errors
	}
	if exits, err := pidwatch.New(); err == nil {
		w.Exits, w.Ended = exits, exits.Ended()
	}
	return w
}

// Close ends the watches.
func (w *Watches) Close() {
	if w.Dirs != nil {
		_ = w.Dirs.Close() // ends the watches, whatever it says
	}
	if w.Exits != nil {
		w.Exits.Close()
	}
}

// Failure tells what was received from Failures: that events were lost, so that
// everything is to be looked at; or that the watch is of no more use.
func Failure(received error, open bool) (lost bool, err error) {
	switch {
	case !open:
		return false, ErrEnded
	case errors.Is(received, fsnotify.ErrEventOverflow):
		return true, nil
	case errors.Is(received, os.ErrNotExist):
		return false, nil // what was watched is gone
	}
	return false, fmt.Errorf("watch directories: %w", received)
}
