package lxc

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/dirtree"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/files"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// Limits of what is read.
const (
	maxConfig  = 1 << 20
	maxSockets = 64 << 20
)

// reasonRemoved is why a container ended.
const reasonRemoved = "neither configured nor running"

// key names a container.
type key struct{ path, name string }

func (k key) dir() string { return filepath.Join(k.path, k.name) }

// follower is one call of Follow. It is used by one goroutine.
type follower struct {
	s     *Source
	out   *feed.Sink
	tree  *dirtree.Tree
	exits *pidwatch.Watcher // nil when the system has none
	known map[key]*known
}

// known is a container that was told.
type known struct {
	stamp    files.Stamp
	settings *Settings // nil: it has no configuration
	state    state
	told     *container.Container
	// skip is how many polls leave it alone: its monitor did not answer.
	skip int
}

// skipped is how many polls leave one alone whose monitor does not answer, so that
// it does not hold up the others each time.
const skipped = 10

func newFollower(s *Source, out *feed.Sink, watch *fsnotify.Watcher, exits *pidwatch.Watcher) *follower {
	return &follower{s: s, out: out, exits: exits, tree: dirtree.New(s.cfg.Paths, watch), known: make(map[key]*known)}
}

// scan looks at everything.
func (f *follower) scan(ctx context.Context) {
	f.tree.Scan()
	seen := make(map[key]bool)
	for _, root := range f.tree.Roots() {
		names, err := dirtree.ReadNames(root)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			f.tree.Fail(err)
		}
		for _, name := range names {
			seen[key{root, name}] = true
		}
	}
	// One that lxc-execute made may have no directory.
	if b, err := files.Read(filepath.Join(f.s.mapper.ProcDir(), "net/unix"), maxSockets, files.Anyone); err == nil {
		for root, names := range parseSockets(b, f.tree.Roots()) {
			for _, name := range names {
				seen[key{root, name}] = true
			}
		}
	}
	for k := range f.known {
		if !seen[k] {
			f.drop(k)
		}
	}
	left := int64(0)
	for k := range seen {
		if f.known[k] == nil && len(f.known) >= f.s.cfg.MaxContainers {
			left++
			continue
		}
		f.look(ctx, k)
	}
	f.s.left.Store(left)
	f.count()
}

func (f *follower) count() {
	f.s.containers.Store(int64(len(f.known)))
	if err := f.tree.Failed(); err == nil {
		f.s.unwatched.Store(nil)
	} else {
		f.s.unwatched.Store(&err)
	}
}

// event handles one notification.
func (f *follower) event(ctx context.Context, ev fsnotify.Event) {
	if ev.Op == fsnotify.Chmod {
		return
	}
	path := filepath.Clean(ev.Name)
	dir := filepath.Dir(path)
	came := ev.Has(fsnotify.Create) || ev.Has(fsnotify.Remove) || ev.Has(fsnotify.Rename)
	k := key{dir, filepath.Base(path)}
	switch {
	case came && f.tree.Concerns(path):
		f.scan(ctx)
		return
	case came && f.tree.IsRoot(dir):
		f.tree.Leave(path) // it may be another of the same name
	case f.tree.IsRoot(filepath.Dir(dir)) && filepath.Base(path) == "config":
		k = key{filepath.Dir(dir), filepath.Base(dir)}
	default:
		return
	}
	if f.known[k] != nil || len(f.known) < f.s.cfg.MaxContainers {
		f.look(ctx, k)
	} else {
		f.s.left.Add(1)
	}
	f.count()
}

// ended handles the end of a process, which may have been another's that had the
// number before.
func (f *follower) ended(ctx context.Context, pid int) {
	for k, c := range f.known {
		if c.state.pid == pid {
			f.look(ctx, k)
		}
	}
	f.count()
}

// poll looks at the states of all.
func (f *follower) poll(ctx context.Context) {
	for k, c := range f.known {
		if c.skip > 0 {
			c.skip--
			continue
		}
		f.look(ctx, k)
	}
	f.count()
}

// look tells what a container is now, or that it is no more.
func (f *follower) look(ctx context.Context, k key) {
	c := f.known[k]
	if c == nil {
		c = &known{}
	}
	f.configuration(k, c)
	now, err := f.s.state(ctx, k)
	c.skip = 0
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		// Nobody knows: what was known stands.
		f.s.refused.Add(1)
		c.skip = skipped
		now = c.state
	}
	if c.settings == nil && !now.running() {
		f.drop(k)
		return
	}
	if f.exits != nil && c.state.pid != now.pid {
		f.exits.Remove(c.state.pid)
	}
	if f.exits != nil && now.pid > 0 {
		// Each time: what was watched before may have been another process.
		if c.state.pid != now.pid || c.told == nil {
			_ = f.exits.Add(now.pid) // else the next poll sees its end
		}
	}
	c.state = now
	c.told = describe(k.path, k.name, c.settings, now.status, now.pid)
	if err != nil {
		c.told.Limitations = []string{"state: " + err.Error()}
	}
	f.known[k] = c
	f.out.Set(f.s.mapper.Event(c.told))
}

// configuration reads the configuration of a container, unless it is as it was.
func (f *follower) configuration(k key, c *known) {
	dir := k.dir()
	if !dirtree.IsDir(dir) {
		f.tree.Leave(dir)
		c.settings, c.stamp = nil, files.Stamp{}
		return
	}
	if !f.tree.Entered(dir) {
		if err := f.tree.Enter(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			f.tree.Fail(err)
		}
	}
	path := filepath.Join(dir, "config")
	stamp, err := files.StampOf(path)
	if err != nil {
		c.settings, c.stamp = nil, files.Stamp{}
		return
	}
	if c.settings != nil && stamp == c.stamp {
		return
	}
	owner, err := files.Trust(k.path)
	if err != nil {
		return
	}
	b, err := files.Read(path, maxConfig, owner)
	if err == nil {
		c.settings, c.stamp = ParseSettings(b), stamp
	} else if !errors.Is(err, os.ErrNotExist) {
		f.s.refused.Add(1)
	}
}

// drop ends what is known of a container.
func (f *follower) drop(k key) {
	if !dirtree.IsDir(k.dir()) {
		f.tree.Leave(k.dir())
	}
	c := f.known[k]
	if c == nil {
		return
	}
	delete(f.known, k)
	if f.exits != nil {
		f.exits.Remove(c.state.pid)
	}
	f.out.Delete(f.s.mapper.RefOf(c.told), reasonRemoved)
}
