package probe

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// The pause after a namespace could not be opened doubles from one to the
// other. Permission does not come by waiting: then the longest is taken.
const (
	reopenMin = 100 * time.Millisecond
	reopenMax = time.Minute
)

// open opens the sockets of the namespace on a worker and then lists it.
func (sp *space) open() {
	p := sp.p
	if sp.gone || sp.conn != nil || sp.work.busy {
		return
	}
	sp.work.busy = true
	path, root := sp.path, sp.root
	opts := rtnl.Options{NetNS: -1, Groups: p.cfg.groups(), ReceiveBuffer: p.cfg.ReceiveBuffer, Buffers: &p.bufs}
	p.pool.add(func() {
		conn, ctl, err := p.openSpace(sp.id, path, root, opts)
		posted := p.post(func() { sp.opened(conn, ctl, err) })
		if !posted && err == nil {
			_ = conn.Close()
			closeSocket(ctl)
		}
	})
}

var errOther = errors.New("another network namespace is there now")

func (p *Probe) openSpace(id netns.ID, path string, root bool, opts rtnl.Options) (*rtnl.Conn, int, error) {
	if root {
		return openSockets(p.rootNS, opts)
	}
	ns, err := netns.Open(path)
	if err != nil {
		return nil, -1, err
	}
	defer ns.Close() //nolint:errcheck // the sockets keep the namespace
	if ns.ID() != id {
		return nil, -1, fmt.Errorf("%s: %w", path, errOther)
	}
	return openSockets(ns, opts)
}

// opened runs on the loop.
func (sp *space) opened(conn *rtnl.Conn, ctl int, err error) {
	p := sp.p
	sp.work.busy = false
	now := time.Now()
	switch {
	case err == nil && sp.gone:
		_ = conn.Close()
		closeSocket(ctl)
		return
	case sp.gone:
		return
	case err != nil:
		sp.openFailed(err, now)
		return
	}
	if sp.failed != nil {
		sp.failed = nil
		p.root.touch(now)
	}
	sp.conn, sp.ctl, sp.attempts = conn, ctl, 0
	sp.recv = &receiver{sp: sp, conn: conn, epoch: now}
	p.wg.Go(sp.recv.run)
	sp.work.relist(p.cfg.kinds(), now)
}

func (sp *space) openFailed(err error, now time.Time) {
	p := sp.p
	pause := min(reopenMin<<min(sp.attempts, 20), reopenMax)
	if errors.Is(err, os.ErrPermission) {
		pause = reopenMax
	}
	sp.attempts++
	p.sched.at(&sp.reopen, now.Add(pause))
	first := sp.failed == nil
	sp.failed = err
	if first && !errors.Is(err, os.ErrPermission) && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, errOther) {
		p.log.Errorf("Cannot look into network namespace %q: %v", sp.name, err)
	}
	if first {
		p.stats.errors.Add(1)
		sp.touch(now)
		p.root.touch(now)
		p.checkReady()
	}
}

// limitation says why a namespace cannot be looked into.
func limitation(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return "interfaces are not seen: needs CAP_SYS_ADMIN"
	}
	return "interfaces are not seen: " + err.Error()
}

// openTarget opens a namespace for a question about it: by its socket where
// there is one, or else by its path.
func openTarget(ctl int, path string, id netns.ID) (*netns.NS, error) {
	if ctl >= 0 {
		if ns, err := netns.OpenSocket(ctl); err == nil && ns.ID() == id {
			return ns, nil
		} else if err == nil {
			_ = ns.Close()
		}
	}
	if path == "" {
		path = "/proc/self/ns/net"
	}
	ns, err := netns.Open(path)
	if err != nil {
		return nil, err
	}
	if ns.ID() != id {
		_ = ns.Close()
		return nil, errOther
	}
	return ns, nil
}
