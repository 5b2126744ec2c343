package sockets

// process is who has a socket. It never changes once it is there.
type process struct {
	pid                       int64
	name, containerID, cgroup string
}

// trust says how well it is known who has a socket.
type trust uint8

const (
	unknown trust = iota
	// guessed: who listens has what was accepted, until more is known.
	guessed
	sure
)

// conn is a connected socket. Times are Unix nanoseconds.
type conn struct {
	tuple
	netns uint64
	inode uint64
	owner *process
	trust trust
	// seen is when it was last known to be there, closed when it went, 0 before.
	seen, closed int64
	// next has the same tuple in another namespace.
	next *conn
	// newer and older are its neighbours in the order of use.
	newer, older *conn
}

// conns are the connected sockets. Those that were used least lately go first when
// there are too many.
type conns struct {
	by             map[tuple]*conn
	n, max         int
	newest, oldest *conn
	evicted        uint64
}

func newConns(limit int) conns { return conns{by: make(map[tuple]*conn), max: limit} }

// get finds the connection of a namespace.
func (s *conns) get(t *tuple, netns uint64) *conn {
	for c := s.by[*t]; c != nil; c = c.next {
		if c.netns == netns {
			return c
		}
	}
	return nil
}

// put finds or makes the connection of a namespace, as the newest.
func (s *conns) put(t *tuple, netns uint64) *conn {
	c := s.get(t, netns)
	if c != nil {
		s.unlink(c)
		s.link(c)
		return c
	}
	if s.n >= s.max {
		s.evicted++
		s.remove(s.oldest)
	}
	c = &conn{tuple: *t, netns: netns, next: s.by[*t]}
	s.by[*t] = c
	s.n++
	s.link(c)
	return c
}

func (s *conns) link(c *conn) {
	c.older, c.newer = s.newest, nil
	if s.newest != nil {
		s.newest.newer = c
	} else {
		s.oldest = c
	}
	s.newest = c
}

func (s *conns) unlink(c *conn) {
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		s.newest = c.older
	}
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		s.oldest = c.newer
	}
}

func (s *conns) remove(c *conn) {
	s.unlink(c)
	s.n--
	first := s.by[c.tuple]
	if first == c {
		if c.next == nil {
			delete(s.by, c.tuple)
		} else {
			s.by[c.tuple] = c.next
		}
		return
	}
	for ; first != nil; first = first.next {
		if first.next == c {
			first.next = c.next
			return
		}
	}
}

// expire removes what was closed before a time.
func (s *conns) expire(before int64) {
	for c := s.oldest; c != nil; {
		newer := c.newer
		if c.closed != 0 && c.closed < before {
			s.remove(c)
		}
		c = newer
	}
}

// holder is one of the sockets that listen at one place.
type holder struct {
	// inode is 0 as long as only an event told of it.
	inode        uint64
	owner        *process
	seen, closed int64
}

// maxHolders bounds the sockets at one place (SO_REUSEPORT): they are looked at one
// by one, also for each flow.
const maxHolders = 256

// listeners are the sockets without a remote end.
type listeners struct {
	by      map[listening][]holder
	n, max  int
	refused uint64
}

func newListeners(limit int) listeners {
	return listeners{by: make(map[listening][]holder), max: limit}
}

// event notes what an event said of a listening socket: there is no inode.
func (s *listeners) event(l listening, p *process, now int64) *holder {
	list := s.by[l]
	for i := range list {
		h := &list[i]
		if h.owner == p || h.owner != nil && p != nil && h.owner.pid == p.pid || h.owner == nil {
			h.owner, h.seen, h.closed = p, now, 0
			return h
		}
	}
	return s.add(l, holder{owner: p, seen: now})
}

// diag notes that the kernel has a listening socket; nil says that there is no
// room.
func (s *listeners) diag(l listening, inode uint64, now int64) *holder {
	list := s.by[l]
	var fresh *holder
	for i := range list {
		h := &list[i]
		if h.inode == inode {
			h.seen, h.closed = now, 0
			return h
		}
		if h.inode == 0 && h.closed == 0 {
			fresh = h
		}
	}
	if fresh != nil {
		fresh.inode, fresh.seen = inode, now
		return fresh
	}
	if s.full(l) {
		s.refused++
		return nil
	}
	return s.add(l, holder{inode: inode, seen: now})
}

func (s *listeners) full(l listening) bool { return s.n >= s.max || len(s.by[l]) >= maxHolders }

// add notes one more, if there is room; if there is none, the note goes nowhere.
func (s *listeners) add(l listening, h holder) *holder {
	if s.full(l) {
		s.refused++
		return &h
	}
	s.n++
	list := append(s.by[l], h)
	s.by[l] = list
	return &list[len(list)-1]
}

// expire removes what was closed before a time.
func (s *listeners) expire(before int64) {
	for l, list := range s.by {
		kept := list[:0]
		for _, h := range list {
			if h.closed == 0 || h.closed >= before {
				kept = append(kept, h)
			}
		}
		s.n -= len(list) - len(kept)
		switch {
		case len(kept) == 0:
			delete(s.by, l)
		case len(kept) < len(list):
			s.by[l] = append([]holder(nil), kept...)
		}
	}
}
