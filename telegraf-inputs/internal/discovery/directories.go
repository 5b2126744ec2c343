package discovery

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/internal/netns"
)

// directories keeps the named namespaces of a list of directories, and watches
// these: the directory itself, or as long as it does not exist the deepest one
// above it that does.
type directories struct {
	dirs  []string
	watch *fsnotify.Watcher // nil when the system gave us none
	// watched maps each directory to what is watched in its place.
	watched map[string]string

	named map[string]netns.Named // by path
	byID  map[netns.ID][]netns.Named
	// changed are the namespaces whose names changed since somebody asked.
	changed map[netns.ID]bool
	// pending are files that are no namespace yet: `ip netns add` makes the file
	// first and mounts the namespace on it then.
	pending map[string]*pending
	// rejected are files that stayed something else for as long as we waited.
	// Each scan looks at them once.
	rejected map[string]bool
	denied   map[string]bool
}

type pending struct {
	delay time.Duration
	next  time.Time
}

// A file is looked at again after 1 ms, 2 ms, 4 ms … and 512 ms; then the next
// scan of everything has to do.
const (
	firstRetry = time.Millisecond
	lastRetry  = 512 * time.Millisecond
)

func newDirectories(dirs []string, watch *fsnotify.Watcher) *directories {
	d := &directories{
		watch:    watch,
		watched:  make(map[string]string),
		named:    make(map[string]netns.Named),
		byID:     make(map[netns.ID][]netns.Named),
		changed:  make(map[netns.ID]bool),
		pending:  make(map[string]*pending),
		denied:   make(map[string]bool),
		rejected: make(map[string]bool),
	}
	for _, dir := range dirs {
		d.dirs = append(d.dirs, filepath.Clean(dir))
	}
	return d
}

// scan looks at every file of every directory. The error says why a directory
// could not be watched.
func (d *directories) scan(now time.Time) error {
	err := d.rewatch()
	seen := make(map[string]bool)
	for _, dir := range d.dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			path := filepath.Join(dir, e.Name())
			seen[path] = true
			if d.pending[path] == nil {
				d.look(path, now, !d.rejected[path])
			}
		}
	}
	for _, known := range []map[string]bool{keys(d.named), d.rejected, d.denied} {
		for path := range known {
			if !seen[path] {
				d.forget(path)
			}
		}
	}
	return err
}

// look identifies one file. A file that is no namespace is looked at again
// soon when retry is set.
func (d *directories) look(path string, now time.Time, retry bool) {
	id, err := netns.Stat(path)
	switch {
	case err == nil:
		d.set(path, id)
		delete(d.pending, path)
		delete(d.denied, path)
		delete(d.rejected, path)
	case errors.Is(err, netns.ErrNotNetNS) && retry:
		d.unset(path)
		p := d.pending[path]
		if p == nil {
			p = &pending{delay: firstRetry / 2}
			d.pending[path] = p
		}
		if p.delay *= 2; p.delay > lastRetry {
			delete(d.pending, path)
			d.rejected[path] = true
			return
		}
		p.next = now.Add(p.delay)
	case errors.Is(err, netns.ErrNotNetNS):
		d.unset(path)
	default:
		d.forget(path)
		if errors.Is(err, os.ErrPermission) {
			d.denied[path] = true
		}
	}
}

// set says that the file at path is the namespace id.
func (d *directories) set(path string, id netns.ID) {
	if old, known := d.named[path]; known && old.ID == id {
		return
	}
	d.unset(path)
	n := netns.Named{Name: filepath.Base(path), Path: path, ID: id}
	d.named[path] = n
	d.byID[id] = append(d.byID[id], n)
	d.sort(d.byID[id])
	d.changed[id] = true
}

// unset says that the file at path is no namespace.
func (d *directories) unset(path string) {
	n, known := d.named[path]
	if !known {
		return
	}
	delete(d.named, path)
	rest := slices.DeleteFunc(d.byID[n.ID], func(x netns.Named) bool { return x.Path == path })
	if d.byID[n.ID] = rest; len(rest) == 0 {
		delete(d.byID, n.ID)
	}
	d.changed[n.ID] = true
}

// sort orders the names of one namespace by preference: by directory, then by
// name.
func (d *directories) sort(ns []netns.Named) {
	rank := func(n netns.Named) int { return slices.Index(d.dirs, filepath.Dir(n.Path)) }
	slices.SortFunc(ns, func(a, b netns.Named) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
}

func (d *directories) forget(path string) {
	d.unset(path)
	delete(d.pending, path)
	delete(d.denied, path)
	delete(d.rejected, path)
}

func keys(m map[string]netns.Named) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

// retry looks again at the files whose time has come.
func (d *directories) retry(now time.Time) {
	for path, p := range d.pending {
		if !p.next.After(now) {
			d.look(path, now, true)
		}
	}
}

// nextRetry returns when retry has something to do, the zero time for never.
func (d *directories) nextRetry() time.Time {
	var next time.Time
	for _, p := range d.pending {
		if next.IsZero() || p.next.Before(next) {
			next = p.next
		}
	}
	return next
}

// event handles one notification. all is set when everything must be looked at
// again, because a directory came or went.
func (d *directories) event(ev fsnotify.Event, now time.Time) (all bool) {
	path := filepath.Clean(ev.Name)
	dir := filepath.Dir(path)
	for _, x := range d.dirs {
		switch {
		case x == path, d.watched[x] == path, d.watched[x] == dir && dir != x:
			// The directory itself, or one above it.
			all = all || ev.Has(fsnotify.Create) || ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
		case x != dir:
		case ev.Has(fsnotify.Remove), ev.Has(fsnotify.Rename):
			// The file may be there again already, with another namespace.
			d.forget(path)
			if _, err := os.Lstat(path); err == nil {
				d.look(path, now, true)
			}
		case ev.Has(fsnotify.Create):
			d.look(path, now, true)
		}
	}
	return all
}

// rewatch watches every directory, or what there is above it.
func (d *directories) rewatch() error {
	if d.watch == nil {
		return errNoWatcher
	}
	var first error
	wanted := make(map[string]bool, len(d.dirs))
	for _, dir := range d.dirs {
		at, err := d.place(dir)
		if err != nil {
			if first == nil {
				first = err
			}
			delete(d.watched, dir)
			continue
		}
		d.watched[dir] = at
		wanted[at] = true
	}
	for _, at := range d.watch.WatchList() {
		if !wanted[at] {
			_ = d.watch.Remove(at)
		}
	}
	return first
}

var errNoWatcher = errors.New("no inotify instance")

// place watches dir or, as long as it does not exist, the deepest directory
// above it, and returns which.
func (d *directories) place(dir string) (string, error) {
	at, below := dir, ""
	for {
		// Add of a path that is watched already does no harm. It is done each time
		// because a directory may have been replaced by another of its name.
		err := d.watch.Add(at)
		switch {
		case err == nil && below == "":
			return at, nil
		case err == nil:
			// What was missing may have come before the watch did.
			if !exists(below) {
				return at, nil
			}
			at, below = dir, ""
		case !errors.Is(err, os.ErrNotExist) || at == filepath.Dir(at):
			return "", err
		default:
			at, below = filepath.Dir(at), at
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
