package listen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// space is one namespace in which the host's interfaces are listened on.
type space struct {
	id     netns.ID
	ctx    context.Context
	cancel context.CancelFunc
	ns     *netns.NS // of the root namespace only

	mu   sync.Mutex
	path string

	// What follows belongs to the loop.
	sock *socket
	// links are those on which to listen.
	links map[int32]*link
	// settled tells that the links were listed once, or cannot be.
	settled, failing bool
}

var errOtherNS = errors.New("another network namespace is there now")

func (r *run) add(id netns.ID, path string) *space {
	sp := &space{id: id, path: path, links: make(map[int32]*link)}
	sp.ctx, sp.cancel = context.WithCancel(r.ctx)
	r.spaces[id] = sp
	r.l.stats.namespaces.Store(int64(len(r.spaces)))
	return sp
}

// remove forgets a namespace that ended.
func (r *run) remove(sp *space) {
	sp.cancel()
	r.clear(sp, "network namespace ended")
	delete(r.spaces, sp.id)
	r.l.stats.namespaces.Store(int64(len(r.spaces)))
}

// clear forgets the interfaces of a namespace.
func (r *run) clear(sp *space, why string) {
	r.l.stats.interfaces.Add(-int64(len(sp.links)))
	clear(sp.links)
	inode := sp.id.Inode
	r.l.table.ForgetExcept(func(at neighbor.Interface) bool { return at.NetNS != inode }, why)
}

func (sp *space) setPath(path string) {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	sp.path = path
}

func (sp *space) getPath() string {
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.path
}

// start follows the links of a namespace on a goroutine, again after each
// failure.
func (r *run) start(sp *space) {
	r.wg.Go(func() {
		pause := r.l.cfg.ReopenMin
		for sp.ctx.Err() == nil {
			began := time.Now()
			err := r.follow(sp)
			if sp.ctx.Err() != nil || !r.post(func() { r.failed(sp, err) }) {
				return
			}
			if time.Since(began) > r.l.cfg.ReopenMax {
				pause = r.l.cfg.ReopenMin
			} else if errors.Is(err, os.ErrPermission) {
				pause = r.l.cfg.ReopenMax // does not come by waiting
			}
			t := time.NewTimer(pause)
			select {
			case <-sp.ctx.Done():
			case <-t.C:
			}
			t.Stop()
			pause = min(2*pause, r.l.cfg.ReopenMax)
		}
	})
}

// follow opens the sockets of a namespace, lists its links and follows them
// until something breaks.
func (r *run) follow(sp *space) error {
	conn, sock, err := r.open(sp)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(sp.ctx, func() {
		_ = conn.Close()
		sock.close()
	})
	defer func() {
		stop()
		_ = conn.Close()
		sock.close()
	}()
	broken := make(chan struct{})
	// read receives frames on a goroutine, which ends with the socket. It is called
	// by the loop.
	read := func() {
		r.wg.Go(func() {
			defer close(broken)
			defer conn.Close() //nolint:errcheck // ends the wait for link events
			r.receive(sp, sock)
		})
	}
	for list := true; ; list = false {
		var links []rtnl.Link
		if list {
			if links, err = conn.Links(sp.ctx); err != nil {
				return fmt.Errorf("list links: %w", err)
			}
			if !r.wait(func() { r.listedLinks(sp, sock, links, read) }) {
				return r.ctx.Err()
			}
		}
		events, err := conn.Receive()
		if len(events) > 0 && !r.wait(func() { r.linkEvents(sp, sock, events, read) }) {
			return r.ctx.Err()
		}
		switch {
		case errors.Is(err, rtnl.ErrOverrun):
			r.l.stats.overruns.Add(1)
			if links, err = conn.Links(sp.ctx); err != nil {
				return fmt.Errorf("list links: %w", err)
			}
			if !r.wait(func() { r.listedLinks(sp, sock, links, read) }) {
				return r.ctx.Err()
			}
		case err != nil:
			select {
			case <-broken:
				return errors.New("the packet socket failed")
			default:
				return fmt.Errorf("follow links: %w", err)
			}
		}
	}
}

// wait runs a function on the loop and waits for its end.
func (r *run) wait(f func()) bool {
	done := make(chan struct{})
	if !r.post(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// open opens rtnetlink and a packet socket in the namespace.
func (r *run) open(sp *space) (conn *rtnl.Conn, sock *socket, err error) {
	select {
	case r.l.opening <- struct{}{}:
		defer func() { <-r.l.opening }()
	case <-sp.ctx.Done():
		return nil, nil, sp.ctx.Err()
	}
	ns := sp.ns
	if ns == nil {
		if ns, err = netns.Open(sp.getPath()); err != nil {
			return nil, nil, err
		}
		defer ns.Close() //nolint:errcheck // the sockets keep the namespace
		if ns.ID() != sp.id {
			return nil, nil, errOtherNS
		}
	}
	err = ns.Do(func() error {
		var err error
		if sock, err = openSocket(r.l.filter, &r.l.frames); err != nil {
			return err
		}
		opts := rtnl.Options{NetNS: -1, Groups: rtnl.GroupLink, ReceiveBuffer: 4 << 20, Buffers: &r.l.links}
		if conn, err = rtnl.Dial(opts); err != nil {
			sock.close()
		}
		return err
	})
	return conn, sock, err
}
