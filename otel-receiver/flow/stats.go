package flow

import "sync/atomic"

// Stats is what a table counted since it was made, and how full it is.
type Stats struct {
	// Packets and Bytes count what was added, bytes of the outermost level.
	// Undecoded counts packets without a level that a flow could be made of.
	Packets, Bytes, Undecoded uint64
	// Flows is how many flows there are now, Capacity how many there may be.
	Flows, Capacity uint64
	// Created counts flows that began, Reports records that were told.
	Created, Reports uint64
	// Evicted counts flows that had to make room, connections that were over and
	// still held among them. They are reported, except
	// Unreported of all flows that ended: more ended between two calls of Expire
	// than can wait. UnreportedPackets and UnreportedBytes are what was lost with
	// them.
	Evicted, Unreported                uint64
	UnreportedPackets, UnreportedBytes uint64
	// TCPRefused counts connections without room for details, MessagesRefused
	// messages without room, MessagesFailed those that could not be explained,
	// PathsRefused flows without room for their layers.
	TCPRefused, MessagesRefused, MessagesFailed, PathsRefused uint64
	// Fragments counts IP fragments, FragmentsLost those whose first one did not
	// come in time, FragmentsEvicted datagrams that had to make room.
	Fragments, FragmentsLost, FragmentsEvicted uint64
}

// counters are those of the worker.
type counters struct {
	packets, bytes, undecoded                                 uint64
	created, reports                                          uint64
	evicted, unreported, unreportedPackets, unreportedBytes   uint64
	tcpRefused, messagesRefused, messagesFailed, pathsRefused uint64
	fragments, fragmentsLost, fragmentsEvicted                uint64
}

// shared is the copy of the counters that others may read.
type shared struct {
	n [18]atomic.Uint64
}

func (s *shared) publish(c *counters, flows int) {
	for i, v := range [...]uint64{
		c.packets, c.bytes, c.undecoded, uint64(flows), c.created, c.reports,
		c.evicted, c.unreported, c.unreportedPackets, c.unreportedBytes,
		c.tcpRefused, c.messagesRefused, c.messagesFailed, c.pathsRefused,
		c.fragments, c.fragmentsLost, c.fragmentsEvicted,
	} {
		s.n[i].Store(v)
	}
}

// Stats returns the counters as of the last call of Expire or Flush. It may be
// called from any goroutine.
func (t *Table) Stats() Stats {
	n := func(i int) uint64 { return t.shared.n[i].Load() }
	return Stats{
		Packets: n(0), Bytes: n(1), Undecoded: n(2), Flows: n(3), Capacity: uint64(t.cfg.Capacity),
		Created: n(4), Reports: n(5),
		Evicted: n(6), Unreported: n(7), UnreportedPackets: n(8), UnreportedBytes: n(9),
		TCPRefused: n(10), MessagesRefused: n(11), MessagesFailed: n(12), PathsRefused: n(13),
		Fragments: n(14), FragmentsLost: n(15), FragmentsEvicted: n(16),
	}
}
