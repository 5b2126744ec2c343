package runtimedir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/dirtree"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// follower is one call of Follow. It is used by one goroutine.
type follower struct {
	s     *Source
	out   *feed.Sink
	tree  *dirtree.Tree
	exits *pidwatch.Watcher // nil when the system has none

	// found are the containers by the path of their directory, and by what they
	// are: those of one identity in order of preference.
	found map[string]*found
	same  map[entity.UUID][]*found
	byPID map[int][]*found
	// pending are directories without a state that can be read.
	pending map[string]*pending
}

// pending is a directory that is looked at again: a runtime makes it first, and
// writes the state then.
type pending struct {
	root  string
	delay time.Duration
	// next is zero when only an event or the next scan looks again.
	next time.Time
	// broken tells that there is a state, which cannot be read.
	broken bool
}

// A directory is looked at again after 1 ms, 2 ms, 4 ms … and 512 ms.
const (
	firstRetry = time.Millisecond
	lastRetry  = 512 * time.Millisecond
)

// reasonRemoved is why a container ended.
const reasonRemoved = "removed from the state directory"

func newFollower(s *Source, out *feed.Sink, watch *fsnotify.Watcher, exits *pidwatch.Watcher) *follower {
	return &follower{
		s: s, out: out, exits: exits, tree: dirtree.New(s.cfg.Dirs, watch),
		found: make(map[string]*found), same: make(map[entity.UUID][]*found), byPID: make(map[int][]*found),
		pending: make(map[string]*pending),
	}
}

// scan looks at everything.
func (f *follower) scan() {
	f.tree.Scan()
	seen := make(map[string]bool)
	left := int64(0)
	for _, root := range f.tree.Roots() {
		names, err := dirtree.ReadNames(root)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			f.tree.Fail(err)
		}
		for _, name := range names {
			dir := filepath.Join(root, name)
			if f.full(dir) {
				left++
				continue
			}
			seen[dir] = true
			f.look(root, dir)
		}
	}
	for dir := range f.found {
		if !seen[dir] {
			f.drop(dir)
		}
	}
	for dir := range f.pending {
		if !seen[dir] {
			f.drop(dir)
		}
	}
	f.s.left.Store(left)
	f.count()
}

// full reports whether dir is one more than may be kept.
func (f *follower) full(dir string) bool {
	return f.found[dir] == nil && f.pending[dir] == nil && len(f.found)+len(f.pending) >= f.s.cfg.MaxContainers
}

// count publishes how it goes.
func (f *follower) count() {
	broken := int64(0)
	for _, p := range f.pending {
		if p.broken {
			broken++
		}
	}
	f.s.containers.Store(int64(len(f.same)))
	f.s.shadowed.Store(int64(len(f.found) - len(f.same)))
	f.s.unreadable.Store(broken)
	if err := f.tree.Failed(); err == nil {
		f.s.unwatched.Store(nil)
	} else {
		f.s.unwatched.Store(&err)
	}
}

// event handles one notification.
func (f *follower) event(ev fsnotify.Event) {
	if ev.Op == fsnotify.Chmod {
		return
	}
	name := filepath.Clean(ev.Name)
	dir := filepath.Dir(name)
	came := ev.Has(fsnotify.Create) || ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
	switch {
	case came && f.tree.Concerns(name):
		f.scan()
		return
	case f.tree.IsRoot(dir):
		// A container's directory, or a file in it that its own watch tells of.
		if !came {
			return
		}
		switch {
		case !dirtree.IsDir(name):
			f.drop(name)
		case f.full(name):
			f.s.left.Add(1)
			return
		default:
			// It may be another of the same name: its watch ended with the old one.
			f.tree.Leave(name)
			f.look(dir, name)
		}
	case f.tree.IsRoot(filepath.Dir(dir)) && matters(filepath.Base(name)):
		if !dirtree.IsDir(dir) {
			f.drop(dir)
		} else if !f.full(dir) {
			f.look(filepath.Dir(dir), dir)
		}
	default:
		return
	}
	f.count()
}

// matters reports whether a file in a container's directory says something of
// it. A file that is renamed to one of these names when it is complete does not.
func matters(name string) bool {
	switch name {
	case "state.json", "status", "exec.fifo", "config.json":
		return true
	}
	return false
}

// ended handles the end of a process. It may have been another's that had the
// number before.
func (f *follower) ended(pid int) {
	for _, c := range slices.Clone(f.byPID[pid]) {
		c.watched = false
		f.look(c.root, c.dir)
	}
	f.count()
}

// look reads the state of the container in dir and tells it.
func (f *follower) look(root, dir string) {
	if !f.tree.Entered(dir) {
		if err := f.tree.Enter(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			f.tree.Fail(err)
		}
	}
	c := f.found[dir]
	if c == nil {
		c = &found{root: root, dir: dir, rank: f.s.cfg.rank(root)}
	}
	c, err := c.read(&f.s.cfg, f.s.mapper)
	switch {
	case err == nil:
		delete(f.pending, dir)
		f.set(c)
	case !dirtree.IsDir(dir):
		f.drop(dir)
	case errors.Is(err, os.ErrNotExist):
		// The state comes after the directory, and goes before it.
		f.forget(dir)
		f.later(root, dir, false)
	default:
		f.later(root, dir, true)
	}
}

// later has dir looked at again.
func (f *follower) later(root, dir string, broken bool) {
	p := f.pending[dir]
	if p == nil {
		p = &pending{root: root, delay: firstRetry / 2}
		f.pending[dir] = p
	}
	p.broken = broken
	p.next = time.Time{}
	if p.delay < lastRetry {
		p.delay *= 2
		p.next = time.Now().Add(p.delay)
	}
}

// retry looks again at the directories whose time has come.
func (f *follower) retry(now time.Time) {
	for dir, p := range f.pending {
		if !p.next.IsZero() && !p.next.After(now) {
			f.look(p.root, dir)
		}
	}
	f.count()
}

// nextRetry returns when retry has something to do, the zero time for never.
func (f *follower) nextRetry() time.Time {
	var next time.Time
	for _, p := range f.pending {
		if !p.next.IsZero() && (next.IsZero() || p.next.Before(next)) {
			next = p.next
		}
	}
	return next
}
