package sockets

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// kind is what an event tells; the numbers are those of bpf/sockets.c.
type kind uint8

const (
	kindConnected kind = 1 + iota
	kindAccepted
	kindListening
	kindOwned
	kindClosed
	kindReleased
)

// event is what a program tells of a socket.
type event struct {
	cgroup    uint64
	pid       uint32
	netns     uint32
	kind      kind
	tuple     tuple
	exe, comm string
}

// eventSize is the size of struct event.
const eventSize = 104

var errEvent = errors.New("decode event of a socket: it is malformed")

// decodeEvent reads struct event of bpf/sockets.c, in the byte order of the host.
func decodeEvent(b []byte) (e event, err error) {
	if len(b) < eventSize {
		return e, errEvent
	}
	order := binary.NativeEndian
	e.cgroup = order.Uint64(b)
	e.pid = order.Uint32(b[8:])
	e.netns = order.Uint32(b[12:])
	e.kind = kind(b[16])
	e.tuple.protocol = b[17]
	e.tuple.lport = order.Uint16(b[18:])
	e.tuple.rport = order.Uint16(b[20:])
	e.tuple.local = address(b[24:40])
	e.tuple.remote = address(b[40:56])
	e.exe = text(b[56:88])
	e.comm = text(b[88:104])
	if e.kind < kindConnected || e.kind > kindReleased || e.netns == 0 {
		return e, errEvent
	}
	return e, nil
}

// text is a string of C.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// apply notes what an event tells; p is the process that it names, nil for none.
// The caller holds the lock.
func (t *Table) apply(e *event, p *process, now int64) {
	netns := uint64(e.netns)
	if e.tuple.rport == 0 && e.tuple.remote.isAny() {
		t.applyListening(e, p, now)
		return
	}
	if e.kind == kindClosed && t.conns.get(&e.tuple, netns) == nil {
		return
	}
	c := t.conns.put(&e.tuple, netns)
	switch e.kind {
	case kindConnected:
		*c = c.again(p, sure)
	case kindAccepted:
		owner, _ := t.holders(&e.tuple, netns, now)
		*c = c.again(owner, guessed)
	case kindOwned, kindReleased:
		// A process that ends has no executable any more: what was known of it is
		// better.
		if p != nil && (c.owner == nil || c.trust < sure || c.owner.pid != p.pid) {
			c.owner, c.trust = p, sure
		}
	}
	c.seen, c.closed = now, 0
	if e.kind == kindClosed || e.kind == kindReleased {
		c.closed = now
	}
}

// again is a new connection in the place of one that may have had the same tuple.
func (c *conn) again(p *process, how trust) conn {
	n := *c
	n.inode, n.owner, n.trust = 0, p, how
	if p == nil {
		n.trust = unknown
	}
	return n
}

// applyListening is apply for sockets without a remote end.
func (t *Table) applyListening(e *event, p *process, now int64) {
	l := listening{netns: uint64(e.netns), local: e.tuple.local, lport: e.tuple.lport, protocol: e.tuple.protocol}
	switch e.kind {
	case kindListening:
		t.listeners.event(l, p, now)
	case kindReleased:
		h := t.listeners.event(l, p, now)
		h.closed = now
	case kindClosed:
		// Which one it was of several is for the next round of questions to find.
		if list := t.listeners.by[l]; len(list) == 1 {
			list[0].closed = now
		}
	}
}
