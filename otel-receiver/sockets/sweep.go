package sockets

import "slices"

// sweep notes the end of what was not found any more in the namespaces that were
// asked, and forgets what ended before a time. What an event told of since a
// namespace was asked is younger.
func (t *Table) sweep(asked map[uint64]int64, tcp bool, before int64) {
	gone := func(netns uint64, protocol uint8, seen, closed int64) bool {
		return closed == 0 && seen < asked[netns] && (tcp || protocol != protocolTCP)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.conns.oldest; c != nil; c = c.newer {
		if gone(c.netns, c.protocol, c.seen, c.closed) {
			c.closed = asked[c.netns]
		}
	}
	for l, list := range t.listeners.by {
		for i := range list {
			if gone(l.netns, l.protocol, list[i].seen, list[i].closed) {
				list[i].closed = asked[l.netns]
			}
		}
	}
	t.conns.expire(before)
	t.listeners.expire(before)
}

// setAddresses replaces the addresses of a namespace.
func (t *Table) setAddresses(netns uint64, list []address) {
	if slices.Equal(t.addresses[netns], list) {
		return
	}
	t.addresses[netns] = list
	fresh := make(map[address]bool, len(list))
	for _, a := range list {
		fresh[a] = true
	}
	for a, spaces := range t.local {
		for i, ns := range spaces {
			if ns != netns {
				continue
			}
			if fresh[a] {
				delete(fresh, a)
			} else if rest := append(append([]uint64(nil), spaces[:i]...), spaces[i+1:]...); len(rest) > 0 {
				t.local[a] = rest
			} else {
				delete(t.local, a)
			}
			break
		}
	}
	for a := range fresh {
		t.local[a] = append(t.local[a], netns)
	}
}
