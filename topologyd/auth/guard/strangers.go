package guard

import (
	"container/list"
	"net"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// strangers are the connections on which nobody has proved who he is. There are only
// so many: for each more the oldest one is closed. Whoever proves who he is does so
// with his first request, so that he is not among them for long.
type strangers struct {
	most   int
	closed prometheus.Counter

	mu sync.Mutex
	// order has each *stranger, the oldest first; byEnds finds it.
	order  *list.List
	byEnds map[ends]*list.Element
}

// ends are the two ends of a connection: of several with one address and port of a
// client each is to another one here.
type ends struct{ local, remote netip.AddrPort }

func endsOf(local, remote net.Addr) ends { return ends{addrPort(local), addrPort(remote)} }

// addrPort is an address of TCP, not valid when it is none.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// stranger is one of the connections.
type stranger struct {
	net.Conn
	all  *strangers
	ends ends
}

// Close forgets the connection.
func (s *stranger) Close() error {
	s.all.mu.Lock()
	if e := s.all.byEnds[s.ends]; e != nil && e.Value == s {
		s.all.forget(e)
	}
	s.all.mu.Unlock()
	return s.Conn.Close()
}

// forget is called with the lock.
func (a *strangers) forget(e *list.Element) {
	delete(a.byEnds, a.order.Remove(e).(*stranger).ends)
}

// add takes a connection in, and closes the oldest one when there are too many.
func (a *strangers) add(c net.Conn) net.Conn {
	s := &stranger{Conn: c, all: a, ends: endsOf(c.LocalAddr(), c.RemoteAddr())}
	a.mu.Lock()
	var oldest net.Conn
	if a.order.Len() >= a.most {
		e := a.order.Front()
		oldest = e.Value.(*stranger).Conn
		a.forget(e)
	}
	if e := a.byEnds[s.ends]; e != nil { // it has ended, and nobody has closed it yet
		a.forget(e)
	}
	a.byEnds[s.ends] = a.order.PushBack(s)
	a.mu.Unlock()
	if oldest != nil {
		a.closed.Inc()
		_ = oldest.Close() // whoever reads from it is told
	}
	return s
}

// proved tells that somebody proved on a connection who he is.
func (a *strangers) proved(c ends) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e := a.byEnds[c]; e != nil {
		a.forget(e)
	}
}

func (a *strangers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.order.Len()
}

// listener takes in what it accepts.
type listener struct {
	net.Listener
	all *strangers
}

// Accept implements [net.Listener].
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.all.add(c), nil
}

// Listener bounds the connections of a listener, and of all others together, on which
// nobody proves who he is, where anybody is asked: each takes about 20 kB, with
// TLS 55 kB, for as long as it says nothing.
func (g *Guard) Listener(l net.Listener) net.Listener {
	if !g.Asks() {
		return l
	}
	return listener{l, &g.strangers}
}
