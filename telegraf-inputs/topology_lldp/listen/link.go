package listen

import (
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// link is an interface that is listened on.
type link struct {
	// running tells that frames can come.
	running bool
	// budget is how many frames may come at once, at the time at.
	budget float64
	at     time.Time
}

// A device sends once a second at most, but for a few after a change
// (802.1AB-2016, 9.2.5.17), and one interface has few. What is beyond this rate
// in frames a second and this burst is an attack or a loop, and not looked at.
const (
	frameRate  = 100
	frameBurst = 500
)

// allows takes a frame from the budget; false: there is none left.
func (l *link) allows(now time.Time) bool {
	l.budget = min(l.budget+frameRate*now.Sub(l.at).Seconds(), frameBurst)
	l.at = now
	if l.budget < 1 {
		return false
	}
	l.budget--
	return true
}

// listedLinks takes over a listing.
func (r *run) listedLinks(sp *space, sock *socket, links []rtnl.Link, read func()) {
	if r.spaces[sp.id] != sp {
		return
	}
	there := make(map[int32]bool, len(links))
	for i := range links {
		there[links[i].Index] = true
	}
	for index := range sp.links {
		if !there[index] {
			r.drop(sp, index, "interface removed")
		}
	}
	inode := sp.id.Inode
	if sp.sock != sock {
		// A new socket: nobody accepts the groups for it yet.
		r.l.stats.interfaces.Add(-int64(len(sp.links)))
		clear(sp.links)
		sp.sock = sock
	}
	for i := range links {
		r.link(sp, &links[i], read)
	}
	r.l.table.ForgetExcept(func(at neighbor.Interface) bool {
		_, known := sp.links[at.Index]
		return at.NetNS != inode || known
	}, "interface removed")
	sp.settled, sp.failing = true, false
}

// linkEvents takes over changes.
func (r *run) linkEvents(sp *space, sock *socket, events []rtnl.Event, read func()) {
	if r.spaces[sp.id] != sp || sp.sock != sock {
		return
	}
	for i := range events {
		switch ev := &events[i]; {
		case ev.Link == nil:
		case ev.Type == rtnl.NewLink:
			r.link(sp, ev.Link, read)
		case ev.Link.NewNSID.Set || ev.Link.NewIndex.Set:
			r.drop(sp, ev.Link.Index, "interface moved to another network namespace")
		default:
			r.drop(sp, ev.Link.Index, "interface removed")
		}
	}
}

// link takes over the state of one link.
func (r *run) link(sp *space, l *rtnl.Link, read func()) {
	known := sp.links[l.Index]
	if !r.l.choose.chooses(l) {
		if known != nil {
			sp.sock.leave(l.Index)
			r.drop(sp, l.Index, "interface is down or no longer listened on")
		}
		return
	}
	if known == nil {
		if err := r.listenOn(sp, l.Index, read); err != nil {
			r.l.stats.errors.Add(1)
			r.l.log.Debugf("Cannot listen on %s in network namespace %q: %v", l.Name, sp.getPath(), err)
			return
		}
		r.l.stats.interfaces.Add(1)
		known = &link{budget: frameBurst, at: time.Now()}
		sp.links[l.Index] = known
	}
	running := l.Flags&rtnl.FlagRunning != 0
	if known.running && !running {
		r.l.table.Forget(neighbor.Interface{NetNS: sp.id.Inode, Index: l.Index}, "interface has no carrier")
	}
	known.running = running
}

// listenOn begins to listen on an interface, and to receive at all if it is the
// first one of the namespace.
func (r *run) listenOn(sp *space, index int32, read func()) error {
	if !sp.sock.bound {
		if err := sp.sock.bind(); err != nil {
			return err
		}
		read()
	}
	return sp.sock.join(index)
}

// drop forgets an interface.
func (r *run) drop(sp *space, index int32, why string) {
	if _, known := sp.links[index]; known {
		delete(sp.links, index)
		r.l.stats.interfaces.Add(-1)
	}
	r.l.table.Forget(neighbor.Interface{NetNS: sp.id.Inode, Index: index}, why)
}

// receive hands on the frames of a namespace until the socket is closed.
func (r *run) receive(sp *space, sock *socket) {
	st := &r.l.stats
	for {
		err := sock.receive(func(index int32, frame []byte) {
			n, err := decode(frame, r.l.cfg.ByName)
			if err != nil {
				st.malformed[reasonOf(err)].Add(1)
				return
			}
			r.post(func() { r.heard(sp, index, &n) })
		})
		if err != nil {
			return
		}
		st.kernelDrops.Add(sock.drops(time.Now()))
	}
}

// heard takes over what a frame says.
func (r *run) heard(sp *space, index int32, n *neighbor.Neighbor) {
	l, now := sp.links[index], time.Now()
	switch {
	case l == nil || r.spaces[sp.id] != sp:
		r.l.stats.ignored.Add(1)
		return
	case !l.allows(now):
		r.l.stats.limited.Add(1)
		return
	}
	if n.Protocol == neighbor.LLDP {
		r.l.stats.frames[0].Add(1)
	} else {
		r.l.stats.frames[1].Add(1)
	}
	r.l.table.Heard(neighbor.Interface{NetNS: sp.id.Inode, Index: index}, n, now)
}
