package graph

import (
	"math"
	"slices"
	"time"
)

// liveness is what moves with every report of a facet, changed or not. It is
// the writer's alone and runs parallel to the facets of the node.
type liveness struct {
	time     int64  // of the newest event, Unix nanoseconds on the source's clock
	seen     int64  // when the last report came, Unix nanoseconds on the daemon's clock
	hash     uint64 // of what it said
	line     uint64 // fingerprint of its encoded form, 0: unknown
	interval uint32 // seconds, rounded up; 0: never expires
	stale    bool
	noted    bool // among Graph.noted
	// many, of a node's first facet, tells that there are several; known, that
	// there is one.
	known, many bool
}

// seconds is an interval as liveness keeps it.
func seconds(interval int64) uint32 {
	return uint32(min((interval+int64(time.Second)-1)/int64(time.Second), math.MaxUint32))
}

func (l *liveness) keep() int64 { return int64(l.interval) * int64(time.Second) }

// heartbeats hold the liveness of all facets: that of a node's only facet in
// place, those of several aside.
type heartbeats struct {
	one  paged[[1]liveness]
	many map[int32][]liveness
	// lines finds nodes by the fingerprints of the encoded forms of their facets.
	lines table
}

// unshared is the epoch of tables that no view has: they are never copied.
const unshared = 0

// of returns the liveness of a node's facets, to be read and written.
func (h *heartbeats) of(slot int32) []liveness {
	one := h.one.at(slot)
	switch {
	case one[0].many:
		return h.many[slot]
	case one[0].known:
		return one[:]
	default:
		return nil
	}
}

// insert makes room for facet i of a node.
func (h *heartbeats) insert(slot int32, i int) {
	one := h.one.at(slot)
	switch {
	case one[0].many:
		h.many[slot] = slices.Insert(h.many[slot], i, liveness{})
	case one[0].known:
		list := make([]liveness, 2)
		list[1-i] = one[0]
		h.many[slot] = list
		one[0] = liveness{many: true}
	default:
		one[0] = liveness{known: true}
	}
}

// remove takes facet i of a node away.
func (h *heartbeats) remove(slot int32, i int) {
	one := h.one.at(slot)
	if !one[0].many {
		one[0] = liveness{}
		return
	}
	list := slices.Delete(h.many[slot], i, i+1)
	h.many[slot] = list
	if len(list) == 1 {
		one[0] = list[0]
		one[0].known, one[0].many = true, false
		delete(h.many, slot)
	}
}

// setLine remembers the fingerprint of a facet's encoded form.
func (h *heartbeats) setLine(slot int32, facet int, line uint64) {
	l := &h.of(slot)[facet]
	if l.line == line {
		return
	}
	if l.line != 0 {
		h.lines.remove(l.line, slot, unshared)
	}
	if l.line = line; line != 0 {
		h.lines.insert(line, slot, unshared)
	}
}

// findLine returns the facet whose encoded form has a fingerprint, and its
// node; -1 when there is none.
func (h *heartbeats) findLine(line uint64) (slot int32, facet int) {
	slot = h.lines.find(line, func(s int32) bool {
		list := h.of(s)
		for i := range list {
			if list[i].line == line {
				facet = i
				return true
			}
		}
		return false
	})
	return slot, facet
}
