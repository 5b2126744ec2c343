package rtnl

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// Group is a set of multicast groups of rtnetlink.
type Group uint64

// The groups (enum rtnetlink_groups of linux/rtnetlink.h).
const (
	GroupLink Group = 1 << iota
	GroupNeigh
	GroupAddr4
	GroupAddr6
	GroupRoute4
	GroupRoute6
	GroupRouteMPLS
	GroupRule4
	GroupRule6
	GroupNSID
	GroupNexthop
)

// AllGroups is every group that this package decodes.
const AllGroups = GroupNexthop<<1 - 1

// numbers calls yield with the kernel's number of each group of the set.
func (g Group) numbers(yield func(uint32) bool) {
	for i, n := range [...]uint32{1, 3, 5, 9, 7, 11, 27, 8, 19, 28, 32} {
		if g&(1<<i) != 0 && !yield(n) {
			return
		}
	}
}

// DefaultReceiveBuffer is what an event socket needs to sit out the events of
// 1,000 veth pairs made in one batch, with room to spare.
const DefaultReceiveBuffer = 16 << 20

// Options configure [Dial].
type Options struct {
	// NetNS is a file descriptor of the namespace to open the sockets in, -1 for
	// that of the caller. It is needed only during the call of Dial. Note that
	// 0 is a valid descriptor: set -1 explicitly.
	NetNS int
	// Groups are the events to receive; 0 for none: then no event socket is
	// opened and Receive fails.
	Groups Group
	// ReceiveBuffer is the size of the event socket's buffer in bytes, as the
	// kernel accounts it (which is several times the messages' length).
	// 0: DefaultReceiveBuffer. Where the process may not force it (no
	// CAP_NET_ADMIN), the kernel cuts it to net.core.rmem_max: see
	// [Conn.ReceiveBuffer].
	ReceiveBuffer int
	// Buffers lends the memory to read into; nil: the Conn has its own. Whoever
	// opens many connections lets them share one.
	Buffers *Buffers
}

var (
	// ErrOverrun tells that the kernel dropped events because nobody read them
	// in time (ENOBUFS). What was received stays valid, but the caller must list
	// everything again; a listing that begins after Receive returned ErrOverrun is
	// followed by all events that it does not show.
	ErrOverrun = errors.New("netlink receive buffer overrun: events were lost")
	// ErrClosed tells that the Conn was closed.
	ErrClosed = errors.New("rtnetlink connection closed")
	// ErrInterrupted tells that a listing was interrupted by changes more often
	// than it is worth to try again. The records that came with it are complete
	// but perhaps of different moments.
	ErrInterrupted = errors.New("listing kept being interrupted by changes")
)

// Counters counts what happened on a Conn. All fields only grow.
type Counters struct {
	// Messages counts messages received as events, Events those that were handed
	// on.
	Messages, Events uint64
	// Overruns counts ErrOverrun, Discarded the messages that were read away
	// after one, because a listing will tell more.
	Overruns, Discarded uint64
	// Unknown counts messages of types that nobody asked for, Partial link
	// messages without news (wireless, per-family).
	Unknown, Partial uint64
	// Malformed counts messages with an error in them, Short those too short for
	// their own header.
	Malformed, Short uint64
	// Dumps counts listings, Interrupted those that had to be made again.
	Dumps, Interrupted uint64
}

type counters struct {
	messages, events, overruns, discarded, unknown, partial, malformed, short, dumps, interrupted atomic.Uint64
}

func (c *counters) snapshot() Counters {
	return Counters{
		Messages: c.messages.Load(), Events: c.events.Load(), Overruns: c.overruns.Load(), Discarded: c.discarded.Load(),
		Unknown: c.unknown.Load(), Partial: c.partial.Load(),
		Malformed: c.malformed.Load(), Short: c.short.Load(),
		Dumps: c.dumps.Load(), Interrupted: c.interrupted.Load(),
	}
}

// transport is a netlink socket. Its methods may be called at the same time as
// close and interrupt.
type transport interface {
	send(b []byte) error
	// size waits for a datagram and returns its length without taking it.
	size() (n int, err error)
	// recv reads one datagram; full tells that it was longer than buf. With wait
	// false it returns errWouldBlock at once when there is none. errNoBuffers
	// tells that datagrams were dropped.
	recv(buf []byte, wait bool) (n int, full bool, err error)
	// interrupt makes a waiting recv return os.ErrDeadlineExceeded, and every
	// later one until it is called with false.
	interrupt(on bool) error
	close() error
}

var (
	errWouldBlock = errors.New("no message yet")
	errNoBuffers  = errors.New("no buffer space")
)

// Conn is rtnetlink of one network namespace. Listings may be called by several
// goroutines, which take turns; Receive by one. Close may be called at any time
// and ends all of them.
type Conn struct {
	lists  lister
	events transport // nil: no groups
	bufs   *Buffers
	count  counters
	joined Group
	rcvbuf int
}

// Groups returns the groups that the kernel let the Conn join: older kernels
// lack some.
func (c *Conn) Groups() Group { return c.joined }

// ReceiveBuffer returns the size of the event socket's buffer as the kernel set
// it: twice what was asked for, less where the process may not force it.
func (c *Conn) ReceiveBuffer() int { return c.rcvbuf }

// Counters returns what happened so far.
func (c *Conn) Counters() Counters { return c.count.snapshot() }

// Close closes the sockets. Receive and listings under way return [ErrClosed].
func (c *Conn) Close() error {
	err := c.lists.sock.close()
	if c.events != nil {
		err = errors.Join(err, c.events.close())
	}
	return err
}

// countError counts a decoding error.
func (c *Conn) countError(err error) {
	if errors.Is(err, errShortHeader) {
		c.count.short.Add(1)
		return
	}
	c.count.malformed.Add(1)
}

// maxBatch bounds how many datagrams one Receive takes.
const maxBatch = 512

// Receive waits for messages and returns the events that are there, at most a
// few hundred, perhaps none. The error is [ErrOverrun] when the kernel dropped some; the events
// that come with it precede the loss. It is [ErrClosed] after Close.
func (c *Conn) Receive() ([]Event, error) {
	if c.events == nil {
		return nil, errors.New("receive events: no groups were asked for")
	}
	// Wait without a buffer: most connections wait most of the time.
	if _, err := c.events.size(); errors.Is(err, errNoBuffers) {
		return nil, c.overrun()
	} else if err != nil {
		return nil, fmt.Errorf("receive events: %w", err)
	}
	buf := c.bufs.get()
	defer c.bufs.put(buf)
	var out []Event
	for range maxBatch {
		n, full, err := c.events.recv(buf, false)
		switch {
		case errors.Is(err, errWouldBlock), errors.Is(err, ErrClosed) && len(out) > 0:
			return out, nil
		case full, errors.Is(err, errNoBuffers):
			return out, c.overrun()
		case err != nil:
			return out, fmt.Errorf("receive events: %w", err)
		}
		out = c.appendEvents(out, buf[:n])
	}
	return out, nil
}

// overrun counts an overrun and reads away what is left after it. The kernel drops everything,
// and says so no second time, until the queue is empty once
// (NETLINK_S_CONGESTED): only after that is a listing followed by all events.
func (c *Conn) overrun() error {
	c.count.overruns.Add(1)
	var none [1]byte // the rest of each datagram is cut off
	for {
		_, _, err := c.events.recv(none[:], false)
		switch {
		case err == nil:
			c.count.discarded.Add(1)
		case errors.Is(err, errNoBuffers):
		case errors.Is(err, errWouldBlock):
			return ErrOverrun
		default:
			return fmt.Errorf("receive events: %w", err)
		}
	}
}

// appendEvents decodes one datagram.
func (c *Conn) appendEvents(out []Event, b []byte) []Event {
	for len(b) > 0 {
		m, rest, err := nextMessage(b)
		if err != nil {
			c.countError(err)
			return out
		}
		b = rest
		c.count.messages.Add(1)
		ev, ok, err := DecodeEvent(m.typ, m.data)
		if err != nil {
			c.countError(err)
		}
		switch {
		case ok:
			c.count.events.Add(1)
			ev.Replaced = ev.Route != nil && m.flags&flagReplace != 0
			out = append(out, ev)
		case err != nil:
		case ev.Link != nil || m.typ == uint16(NewLink) || m.typ == uint16(DelLink):
			c.count.partial.Add(1)
		default:
			c.count.unknown.Add(1)
		}
	}
	return out
}
