package sockets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/netns"
)

// How often what is asked for seldom is: all sockets of TCP where the programs
// tell of them, and the namespaces of processes.
const (
	pollTCP       = 10 * time.Second
	pollProcesses = 5 * time.Second
)

// poller asks the kernel for what the programs do not tell. It is for one
// goroutine.
type poller struct {
	t    *Table
	scan *scanner
	ps   *processes
	// told is set when a program tells of sockets of TCP.
	told bool
	// discover is when to look for the namespaces of processes, tcp when to ask for
	// sockets of TCP.
	discover, tcp time.Time
	// paths are the namespaces that are known, by inode number.
	paths map[uint64]string
}

// run asks until ctx is done. The time between two rounds grows when they cost
// more than they may.
func (p *poller) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		started := time.Now()
		p.round(ctx)
		spent := time.Since(started)
		p.t.busy.Add(int64(spent))
		timer.Reset(max(p.t.cfg.Poll, time.Duration(float64(spent)/p.t.cfg.CPU)) - min(spent, p.t.cfg.Poll))
	}
}

// round asks once in each namespace and looks for the processes of what is new.
func (p *poller) round(ctx context.Context) {
	t := p.t
	now := t.now()
	asked := make(map[uint64]int64)
	p.findSpaces(now, asked)
	tcp := !p.told || !now.Before(p.tcp)
	if tcp {
		p.tcp = now.Add(pollTCP)
	}
	for inode, path := range p.paths {
		if ctx.Err() != nil {
			return
		}
		at := t.now()
		in, err := p.enter(inode, path, tcp)
		switch {
		case errors.Is(err, errGone):
			p.forget(inode, asked)
		case err != nil:
			t.problem("sock_diag", err, "sockets that were there before, and those of UDP, are not known")
		default:
			p.apply(inode, &in, at)
			t.refused.Add(in.refused)
			asked[inode] = at.UnixNano()
		}
	}
	t.sweep(asked, tcp, now.Add(-t.cfg.Keep).UnixNano())
	// The first round looks at everything at once.
	budget := time.Duration(float64(t.cfg.Poll) * t.cfg.CPU)
	if t.polls.Add(1) == 1 {
		budget = t.cfg.Poll
	}
	began := time.Now()
	looked := p.scan.run(now, func() bool { return time.Since(began) > budget || ctx.Err() != nil }, p.found)
	t.scanned.Add(uint64(looked))
	if p.scan.denied != nil {
		t.problem("proc", fmt.Errorf("read descriptors of processes: %w", p.scan.denied), "only the process of sockets that are opened from now on is known")
		p.scan.denied = nil
	}
}

var errGone = errors.New("the namespace is gone")

// findSpaces brings the list of namespaces up to date.
func (p *poller) findSpaces(now time.Time, asked map[uint64]int64) {
	t := p.t
	paths := make(map[uint64]string)
	self := t.cfg.Proc + "/self/ns/net"
	if id, err := netns.Stat(self); err == nil {
		paths[id.Inode] = self
	}
	for _, dir := range t.cfg.NetNSDirs {
		list, err := netns.List(dir)
		if err != nil {
			continue // nobody named one
		}
		for _, n := range list {
			paths[n.ID.Inode] = n.Path
		}
	}
	if now.Before(p.discover) {
		for inode, path := range p.paths {
			if _, ok := paths[inode]; !ok {
				paths[inode] = path
			}
		}
	} else {
		p.discover = now.Add(pollProcesses)
		for _, pid := range pids(t.cfg.Proc) {
			path := p.ps.path(pid, "ns/net")
			if inode, ok := spaceOf(path); ok && paths[inode] == "" {
				paths[inode] = path
			}
		}
	}
	for inode := range p.paths {
		if paths[inode] == "" {
			p.forget(inode, asked)
		}
	}
	p.paths = paths
}

// enter asks in a namespace, through which its number must still lead.
func (p *poller) enter(inode uint64, path string, tcp bool) (in inside, err error) {
	ns, err := netns.Open(path)
	if err != nil || ns.ID().Inode != inode {
		if ns != nil {
			_ = ns.Close()
		}
		return in, errGone
	}
	defer ns.Close() //nolint:errcheck // nothing to be done
	err = ns.Do(func() (err error) {
		in, err = ask(tcp, p.t.cfg.MaxSockets)
		return err
	})
	if err != nil {
		return in, fmt.Errorf("look into %s: %w", ns.ID(), err)
	}
	return in, nil
}

// forget ends the sockets and addresses of a namespace: it was asked, and there
// was nothing.
func (p *poller) forget(inode uint64, asked map[uint64]int64) {
	delete(p.paths, inode)
	p.discover = time.Time{}
	now := p.t.now()
	asked[inode] = now.UnixNano()
	p.apply(inode, &inside{}, now)
	p.t.mu.Lock()
	delete(p.t.spaces, inode)
	delete(p.t.addresses, inode)
	p.t.mu.Unlock()
}

// apply notes what there is in a namespace that was asked at a time.
func (p *poller) apply(netns uint64, in *inside, at time.Time) {
	t, now := p.t, at.UnixNano()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spaces[netns] = true
	t.setAddresses(netns, in.addresses)
	for i := range in.sockets {
		s := &in.sockets[i]
		if s.listen {
			l := listening{netns: netns, local: s.tuple.local, lport: s.tuple.lport, protocol: s.tuple.protocol}
			if h := t.listeners.diag(l, s.inode, now); h != nil && h.owner == nil {
				p.scan.want(s.inode, target{listen: true, tuple: s.tuple, netns: netns}, at)
			}
			continue
		}
		c := t.conns.put(&s.tuple, netns)
		gone := c.closed != 0 && c.closed < now
		c.seen, c.closed = now, 0
		if s.inode == 0 {
			// Its process has closed it, and the kernel is not yet done with it.
			continue
		}
		if c.inode != s.inode && (c.inode != 0 || gone) {
			// Another socket than the one that was known.
			*c = c.again(nil, unknown)
		}
		c.inode = s.inode
		if c.trust < sure {
			p.scan.want(s.inode, target{tuple: s.tuple, netns: netns}, at)
		}
	}
}

// found notes which process has a socket.
func (p *poller) found(w target, inode uint64, pid int64) {
	owner := p.ps.read(pid)
	if owner == nil {
		return
	}
	t := p.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if !w.listen {
		if c := t.conns.get(&w.tuple, w.netns); c != nil && c.inode == inode && c.trust < sure {
			c.owner, c.trust = owner, sure
		}
		return
	}
	list := t.listeners.by[listening{netns: w.netns, local: w.tuple.local, lport: w.tuple.lport, protocol: w.tuple.protocol}]
	for i := range list {
		if list[i].inode == inode && list[i].owner == nil {
			list[i].owner = owner
		}
	}
}
