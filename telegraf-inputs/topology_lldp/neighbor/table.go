package neighbor

import (
	"container/heap"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// Sink takes the entities of a table.
type Sink interface {
	Set(entity.Event)
	Delete(ref entity.Ref, why string)
}

// Counters is what happened to neighbours. All fields only grow.
type Counters struct {
	// Added, Changed, Shutdown, Expired and Forgotten count neighbours that were
	// new, said something new, said that they go, did not speak for as long as
	// what they said holds, and whose interface went.
	Added, Changed, Shutdown, Expired, Forgotten int64
	// Overflow counts frames of neighbours beyond the bound of an interface.
	Overflow int64
}

// Config is what a [Table] can be told.
type Config struct {
	// HostID is the identity of the host.
	HostID string
	// MaxNeighbors bounds the neighbours of one interface. Those that come first
	// stay (802.1AB-2016, 9.2.7.7.5).
	MaxNeighbors int
}

// Source returns the source that speaks for a host. Several hosts hear one
// switch: each has a facet of its own.
func Source(hostID string) string { return "lldp/" + hostID }

// key names a neighbour.
type key struct {
	at                      Interface
	protocol, chassis, port string
}

// node names a switch, or with a port one of its ports.
type node struct{ chassis, port string }

// entry is a neighbour at an interface.
type entry struct {
	key
	n     Neighbor
	until time.Time
	// changed orders the entries by when they said something new.
	changed uint64
	// target is the switchport that it speaks of.
	target node
	index  int // in the heap
}

// Table holds the neighbours of all interfaces of a host.
type Table struct {
	cfg      Config
	sink     Sink
	entries  map[key]*entry
	at       map[Interface][]*entry
	nodes    map[node]map[*entry]struct{}
	deadline deadlines
	seq      uint64
	// dirty are the nodes to be told of, with why they may have gone; told those
	// that the sink knows.
	dirty map[node]string
	told  map[node]struct{}
	count Counters
}

// NewTable returns an empty table.
func NewTable(cfg Config) *Table {
	return &Table{
		cfg:     cfg,
		entries: make(map[key]*entry),
		at:      make(map[Interface][]*entry),
		nodes:   make(map[node]map[*entry]struct{}),
		dirty:   make(map[node]string),
		told:    make(map[node]struct{}),
	}
}

// Attach tells a sink all that is known, and from now on what changes. nil: no
// sink.
func (t *Table) Attach(sink Sink) {
	t.sink = sink
	clear(t.told)
	for n := range t.nodes {
		t.dirty[n] = ""
	}
}

// Len is the number of neighbours, Counters what happened to them.
func (t *Table) Len() int { return len(t.entries) }

// Counters returns what happened so far.
func (t *Table) Counters() Counters { return t.count }

// Heard takes what a frame said at an interface.
func (t *Table) Heard(at Interface, n *Neighbor, now time.Time) {
	k := key{at, n.Protocol, n.Chassis, n.Port}
	e := t.entries[k]
	switch {
	case n.Hold <= 0 && e == nil:
		return
	case n.Hold <= 0:
		t.count.Shutdown++
		t.remove(e, "neighbor shut down")
		return
	case e == nil && len(t.at[at]) >= t.cfg.MaxNeighbors:
		t.count.Overflow++
		return
	case e == nil:
		e = &entry{key: k, n: *n, until: now.Add(n.Hold)}
		t.seq++
		e.changed = t.seq
		t.count.Added++
		t.entries[k] = e
		t.at[at] = append(t.at[at], e)
		heap.Push(&t.deadline, e)
		t.retarget(at, "")
		return
	}
	if !e.n.same(n) {
		t.seq++
		e.changed = t.seq
		t.count.Changed++
		renamed := e.n.System != n.System
		e.n = *n
		t.touch(e.target, "")
		if renamed {
			t.retarget(at, "neighbor changed its name")
		}
	}
	e.until = now.Add(n.Hold)
	heap.Fix(&t.deadline, e.index)
}

// Forget drops all neighbours of an interface.
func (t *Table) Forget(at Interface, why string) {
	for len(t.at[at]) > 0 {
		t.count.Forgotten++
		t.remove(t.at[at][0], why)
	}
}

// ForgetExcept drops the neighbours of all interfaces for which keep is false.
func (t *Table) ForgetExcept(keep func(Interface) bool, why string) {
	for at := range t.at {
		if !keep(at) {
			t.Forget(at, why)
		}
	}
}

// Keep drops the neighbours for which keep is false.
func (t *Table) Keep(keep func(at Interface, protocol, chassis, port string) bool, why string) {
	for k, e := range t.entries {
		if !keep(k.at, k.protocol, k.chassis, k.port) {
			t.count.Forgotten++
			t.remove(e, why)
		}
	}
}

// Next returns when [Table.Expire] has something to do; ok is false for never.
func (t *Table) Next() (at time.Time, ok bool) {
	if len(t.deadline) == 0 {
		return time.Time{}, false
	}
	return t.deadline[0].until, true
}

// Expire drops the neighbours that were silent for too long.
func (t *Table) Expire(now time.Time) {
	for len(t.deadline) > 0 && !t.deadline[0].until.After(now) {
		t.count.Expired++
		t.remove(t.deadline[0], "time to live is over")
	}
}

func (t *Table) remove(e *entry, why string) {
	delete(t.entries, e.key)
	heap.Remove(&t.deadline, e.index)
	t.at[e.at] = slices.DeleteFunc(t.at[e.at], func(x *entry) bool { return x == e })
	t.leave(e, why)
	if len(t.at[e.at]) == 0 {
		delete(t.at, e.at)
		return
	}
	t.retarget(e.at, why)
}

// retarget finds out of which switchport each neighbour of an interface speaks.
// A device may speak two protocols, which name it and its port differently: what
// CDP says of a device that is also heard by LLDP is said of the same node.
func (t *Table) retarget(at Interface, why string) {
	for _, e := range t.at[at] {
		want := e.n.target()
		if e.protocol == CDP {
			if o := t.twin(e); o != nil {
				want = o.n.target()
			}
		}
		if want == e.target {
			continue
		}
		if e.target != (node{}) {
			t.leave(e, first(why, "heard by LLDP too"))
		}
		e.target = want
		for _, n := range []node{want, {chassis: want.chassis}} {
			if t.nodes[n] == nil {
				t.nodes[n] = make(map[*entry]struct{}, 1)
			}
			t.nodes[n][e] = struct{}{}
		}
		t.touch(want, "")
	}
}

// twin returns the only neighbour of the interface that is heard by LLDP and has
// the name of e, nil for none or several.
func (t *Table) twin(e *entry) (found *entry) {
	for _, o := range t.at[e.at] {
		if o.protocol != LLDP || !sameSystem(o.n.System, e.n.System) {
			continue
		}
		if found != nil {
			return nil
		}
		found = o
	}
	return found
}

// leave takes an entry out of its nodes.
func (t *Table) leave(e *entry, why string) {
	for _, n := range []node{e.target, {chassis: e.target.chassis}} {
		delete(t.nodes[n], e)
		if len(t.nodes[n]) == 0 {
			delete(t.nodes, n)
		}
	}
	t.touch(e.target, why)
}

func (t *Table) touch(n node, why string) {
	t.dirty[n] = why
	t.dirty[node{chassis: n.chassis}] = why
}

// deadlines is a heap of entries, the one that expires first on top.
type deadlines []*entry

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].until.Before(d[j].until) }
func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].index, d[j].index = i, j
}

// Push implements [heap.Interface].
func (d *deadlines) Push(x any) {
	e, _ := x.(*entry)
	e.index = len(*d)
	*d = append(*d, e)
}

// Pop implements [heap.Interface].
func (d *deadlines) Pop() any {
	old := *d
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return e
}
