package sockets

import (
	"github.com/skein-net/skein/internal/flowrecord"
)

// slack is by how much packets may follow the end of their socket: what the
// kernel still sends for it, in nanoseconds.
const slack = 5e9

// Annotate fills in who has the sockets of a flow, at each end that is on this
// host. An end of which nothing is known stays as it is.
func (t *Table) Annotate(r *flowrecord.Record) { t.AnnotateIn(r, 0) }

// AnnotateIn is Annotate for a flow that was seen in a network namespace, which
// decides when its addresses are those of several. netns is an inode number, 0
// when it is not known.
func (t *Table) AnnotateIn(r *flowrecord.Record, netns uint64) {
	protocol := protocolOf(r.TransportProtocol)
	if protocol == 0 || !r.NetworkA.IsValid() || !r.NetworkB.IsValid() {
		return
	}
	ab := tuple{
		local: r.NetworkA.As16(), remote: r.NetworkB.As16(),
		lport: r.TransportA, rport: r.TransportB, protocol: protocol,
	}
	ba := tuple{local: ab.remote, remote: ab.local, lport: ab.rport, rport: ab.lport, protocol: protocol}
	t.mu.RLock()
	t.find(&ab, netns, r.Metric.Start, &r.ProcessA)
	t.find(&ba, netns, r.Metric.Start, &r.ProcessB)
	t.mu.RUnlock()
}

// find looks for the socket of a flow that began at start. The caller holds the
// lock.
func (t *Table) find(k *tuple, netns uint64, start int64, p *flowrecord.Process) {
	best, several := (*conn)(nil), false
	for c := t.conns.by[*k]; c != nil; c = c.next {
		if c.closed != 0 && start > c.closed+slack {
			continue
		}
		if c.netns == netns {
			best, several = c, false
			break
		}
		several = best != nil
		best = c
	}
	switch {
	case several:
		t.ambiguous.Add(1)
		return
	case best != nil && best.owner != nil:
		t.found.Add(1)
		fill(p, best.owner, best.netns)
		return
	}
	owner, in := t.findListener(k, netns, start)
	switch {
	case in == 0 && best != nil:
		in = best.netns
	case in == ambiguous:
		t.ambiguous.Add(1)
		return
	}
	if owner != nil {
		t.found.Add(1)
	} else {
		t.missed.Add(1)
	}
	if owner != nil || in != 0 {
		fill(p, owner, in)
	}
}

func fill(p *flowrecord.Process, owner *process, netns uint64) {
	*p = flowrecord.Process{NetNS: int64(netns)}
	if owner != nil {
		p.PID, p.Name, p.ContainerID, p.Cgroup = owner.pid, owner.name, owner.containerID, owner.cgroup
	}
}

// ambiguous is no inode number: the kernel's have 32 bits.
const ambiguous = 1<<64 - 1

// findListener looks for a socket without a remote end: one that is not connected,
// or listens. Its address has to be one of its namespace. It returns in which
// namespace it is, 0 for none.
func (t *Table) findListener(k *tuple, netns uint64, start int64) (*process, uint64) {
	var owner *process
	var in uint64
	try := func(ns uint64) {
		p, ok := t.holders(k, ns, start)
		switch {
		case !ok:
		case in != 0:
			in = ambiguous
		default:
			owner, in = p, ns
		}
	}
	if k.local.isLoopback() {
		if netns != 0 {
			try(netns)
			return owner, in
		}
		for ns := range t.spaces {
			try(ns)
		}
		return owner, in
	}
	for _, ns := range t.local[k.local] {
		if ns == netns {
			owner, in = nil, 0
			try(ns)
			return owner, in
		}
		try(ns)
	}
	return owner, in
}

// holders looks for who listens in a namespace. When several processes do, what
// they have in common is said.
func (t *Table) holders(k *tuple, netns uint64, start int64) (p *process, ok bool) {
	l := listening{netns: netns, local: k.local, lport: k.lport, protocol: k.protocol}
	for _, local := range [3]address{k.local, anyIPv4, anyIPv6} {
		if local == anyIPv4 && !k.local.isIPv4() {
			continue
		}
		l.local = local
		for _, h := range t.listeners.by[l] {
			if h.closed != 0 && start > h.closed+slack {
				continue
			}
			p, ok = common(p, h.owner, ok), true
		}
		if ok {
			return p, true
		}
	}
	return nil, false
}

// common is what two processes have in common.
func common(a, b *process, both bool) *process {
	switch {
	case !both || a == nil:
		return b
	case b == nil || a == b || *a == *b:
		return a
	}
	var c process
	if a.pid == b.pid {
		c.pid = a.pid
	}
	if a.name == b.name {
		c.name = a.name
	}
	if a.containerID == b.containerID {
		c.containerID = a.containerID
	}
	if a.cgroup == b.cgroup {
		c.cgroup = a.cgroup
	}
	return &c
}
