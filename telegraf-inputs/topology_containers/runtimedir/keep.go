package runtimedir

import (
	"cmp"
	"slices"

	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir/pidwatch"
)

// set keeps a container and tells it, if it is the first of its identity.
func (f *follower) set(c *found) {
	if old := f.found[c.dir]; old != nil && (old.id != c.id || old.pid() != c.pid()) {
		f.forget(c.dir)
		c.watched = false
	} else if old != nil {
		f.replace(old, c)
		return
	}
	f.found[c.dir] = c
	same := append(f.same[c.id], c)
	slices.SortFunc(same, func(a, b *found) int { return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.dir, b.dir)) })
	f.same[c.id] = same
	if pid := c.pid(); pid > 0 {
		f.byPID[pid] = append(f.byPID[pid], c)
		f.watch(c)
	}
	if same[0] == c {
		f.out.Set(c.event)
	}
}

// replace keeps what a container is now in the place of what it was; identity
// and process are the same.
func (f *follower) replace(old, c *found) {
	f.found[c.dir] = c
	for _, list := range [][]*found{f.same[c.id], f.byPID[c.pid()]} {
		if i := slices.Index(list, old); i >= 0 {
			list[i] = c
		}
	}
	if !old.watched {
		f.watch(c)
	}
	if f.same[c.id][0] == c {
		f.out.Set(c.event)
	}
}

// watch has the end of a container's process told.
func (f *follower) watch(c *found) {
	if f.exits == nil || c.pid() <= 0 || !c.running {
		return
	}
	if err := f.exits.Add(c.pid()); err != nil {
		return // the next scan sees it
	}
	c.watched = true
	// It may have ended before.
	if !pidwatch.Alive(f.s.mapper.ProcDir(), c.pid(), c.state.StartTime) {
		f.exits.Remove(c.pid())
		c.watched = false
		f.later(c.root, c.dir, false)
	}
}

// drop ends what is known of a directory that is gone.
func (f *follower) drop(dir string) {
	delete(f.pending, dir)
	f.tree.Leave(dir)
	f.forget(dir)
}

// forget takes a container away, and tells its end or the next one of the same
// identity.
func (f *follower) forget(dir string) {
	c := f.found[dir]
	if c == nil {
		return
	}
	delete(f.found, dir)
	if pid := c.pid(); pid > 0 {
		rest := slices.DeleteFunc(f.byPID[pid], func(o *found) bool { return o == c })
		if f.byPID[pid] = rest; len(rest) == 0 {
			delete(f.byPID, pid)
			if f.exits != nil {
				f.exits.Remove(pid)
			}
		}
	}
	rest := slices.DeleteFunc(f.same[c.id], func(o *found) bool { return o == c })
	if f.same[c.id] = rest; len(rest) > 0 {
		f.out.Set(rest[0].event)
		return
	}
	delete(f.same, c.id)
	f.out.Delete(c.event.Ref, reasonRemoved)
}
