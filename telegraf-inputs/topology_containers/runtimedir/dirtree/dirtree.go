// Package dirtree keeps watches on directories that are named by patterns, may
// not exist yet, and hold a directory for each container. It looks at names only,
// and never opens a file.
package dirtree

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// Tree knows which directories there are of those that patterns name, its roots,
// and which directories above them have to be watched to hear of others. It is
// used by one goroutine.
type Tree struct {
	patterns []string
	watch    *fsnotify.Watcher
	roots    []string
	// above maps each directory above roots, or above what is not there yet, to the patterns of names in it that matter.
	above map[string][]string
	// containers are the watched directories below roots.
	containers map[string]bool
	// failed is why not everything is watched.
	failed error
}

var errNoWatcher = errors.New("no inotify instance")

// New returns a tree of patterns (path.Match, element by element) of absolute
// paths. watch may be nil, when the system gave us none. Nothing is watched
// before the first Scan.
func New(patterns []string, watch *fsnotify.Watcher) *Tree {
	t := &Tree{watch: watch, above: make(map[string][]string), containers: make(map[string]bool)}
	for _, p := range patterns {
		t.patterns = append(t.patterns, filepath.Clean(p))
	}
	return t
}

// Roots are the directories that the last Scan found, in the order of their
// patterns. The caller must not change them.
func (t *Tree) Roots() []string { return t.roots }

// IsRoot reports whether dir is one of them.
func (t *Tree) IsRoot(dir string) bool { return slices.Contains(t.roots, dir) }

// Failed is why not everything is watched; nil when all is.
func (t *Tree) Failed() error { return t.failed }

// Scan finds the roots, and watches them and what is above.
func (t *Tree) Scan() {
	t.roots, t.failed = nil, nil
	clear(t.above)
	for _, p := range t.patterns {
		// The longest part without a pattern need not be walked.
		elements := strings.Split(strings.TrimPrefix(p, "/"), "/")
		fixed := slices.IndexFunc(elements, isPattern)
		if fixed < 0 {
			fixed = len(elements)
		}
		t.walk("/"+filepath.Join(elements[:fixed]...), elements[fixed:])
	}
	if t.watch == nil {
		t.failed = errNoWatcher
		return
	}
	for _, dir := range t.watch.WatchList() {
		if _, ok := t.above[dir]; !ok && !t.containers[dir] && !t.IsRoot(dir) {
			_ = t.watch.Remove(dir)
		}
	}
}

func isPattern(element string) bool { return strings.ContainsAny(element, `*?[\`) }

// walk looks at dir, which should exist, and at what is below it by the
// patterns of rest.
func (t *Tree) walk(dir string, rest []string) {
	if !t.reach(dir) {
		return
	}
	if len(rest) == 0 {
		if !t.IsRoot(dir) {
			t.roots = append(t.roots, dir)
		}
		return
	}
	t.above[dir] = append(t.above[dir], rest[0])
	if !isPattern(rest[0]) {
		t.walk(filepath.Join(dir, rest[0]), rest[1:])
		return
	}
	names, err := ReadNames(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fail(err)
	}
	for _, name := range names {
		if ok, err := path.Match(rest[0], name); ok && err == nil {
			t.walk(filepath.Join(dir, name), rest[1:])
		}
	}
}

// reach watches dir; as long as it does not exist the deepest directory above it
// that does. It reports whether dir is there.
func (t *Tree) reach(dir string) bool {
	for range 8 { // directories may come and go meanwhile
		err := t.add(dir)
		if err == nil {
			return true
		}
		if !errors.Is(err, os.ErrNotExist) {
			t.Fail(err)
			return IsDir(dir)
		}
		missing := dir
		for at := filepath.Dir(dir); ; missing, at = at, filepath.Dir(at) {
			if err = t.add(at); err == nil {
				t.above[at] = append(t.above[at], filepath.Base(missing))
				break
			}
			if at == "/" {
				return false
			}
		}
		// What was missing may have come before the watch did: of what comes below it
		// nothing would be heard.
		if !IsDir(missing) {
			return false
		}
	}
	return false
}

// add watches a directory, in the place of another of its name if it was
// replaced.
func (t *Tree) add(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, syscall.ENOTDIR), err == nil && !info.IsDir():
		return os.ErrNotExist
	case err != nil || t.watch == nil:
		return err
	}
	return t.watch.Add(dir)
}

// Fail notes why something is not watched.
func (t *Tree) Fail(err error) {
	if t.failed == nil {
		t.failed = err
	}
}

// Concerns reports whether a change of a path may have changed which roots there
// are.
func (t *Tree) Concerns(name string) bool {
	if _, ok := t.above[name]; ok || t.IsRoot(name) {
		return true
	}
	for _, pattern := range t.above[filepath.Dir(name)] {
		if ok, err := path.Match(pattern, filepath.Base(name)); ok && err == nil {
			return true
		}
	}
	return false
}

// Enter watches a directory below a root. It may be called again.
func (t *Tree) Enter(dir string) error {
	if t.watch == nil {
		return errNoWatcher
	}
	if err := t.watch.Add(dir); err != nil {
		return err
	}
	t.containers[dir] = true
	return nil
}

// Leave ends that watch, if there is one.
func (t *Tree) Leave(dir string) {
	if t.containers[dir] {
		delete(t.containers, dir)
		_ = t.watch.Remove(dir) // it is gone with the directory
	}
}

// Entered reports whether a directory is watched.
func (t *Tree) Entered(dir string) bool { return t.containers[dir] }

// IsDir reports whether there is a directory at path.
func IsDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ReadNames returns the names in a directory, sorted.
func ReadNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
