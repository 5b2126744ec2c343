package watch

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/netns"
)

// place is the network namespace in which an ovs-vswitchd runs. It is not safe
// for concurrent use.
type place struct {
	cfg *Config
	// inode is that of the namespace as text, "" when it is not known.
	inode string
	path  string
	// routes keeps what was found by remote address, for a while.
	routes map[string]route
	now    func() time.Time
}

type route struct {
	local string
	until time.Time
}

// routeAge is how long a route is taken to stay what it is.
const routeAge = 10 * time.Second

func newPlace(cfg *Config) *place {
	return &place{cfg: cfg, routes: make(map[string]route), now: time.Now}
}

// find looks where the daemon runs now, and tells whether that changed.
func (p *place) find() (changed bool) {
	path := p.cfg.NetNS
	if path == "" {
		path = p.daemonPath()
	}
	inode := ""
	if path != "" {
		if id, err := netns.Stat(path); err == nil {
			inode = strconv.FormatUint(id.Inode, 10)
		}
	}
	if inode == p.inode {
		p.path = path
		return false
	}
	p.inode, p.path = inode, path
	clear(p.routes)
	return true
}

// daemonPath is the namespace file of ovs-vswitchd, by the process number in its
// pid file; else of the process that listens on the database's socket, which
// runs at the same place.
func (p *place) daemonPath() string {
	if dir := p.cfg.runDir(); dir != "" {
		if pid, err := readPID(filepath.Join(dir, "ovs-vswitchd.pid")); err == nil && isDaemon(pid) {
			return nsPath(pid)
		}
	}
	if socket := p.cfg.socket(); socket != "" {
		if pid, err := peerPID(socket); err == nil && pid > 0 {
			return nsPath(pid)
		}
	}
	return ""
}

func nsPath(pid int) string { return fmt.Sprintf("/proc/%d/ns/net", pid) }

func readPID(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read process number: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("read process number: %s holds none", path)
	}
	return pid, nil
}

// isDaemon guards against the file of a process that is gone, whose number
// another one has by now.
func isDaemon(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(b), "ovs-vswitchd")
}

// localIP returns the address from which the host would send to a remote one: it
// asks the kernel for the route by connecting a UDP socket, which sends nothing.
func (p *place) localIP(remote string) string {
	if p.path == "" {
		return ""
	}
	now := p.now()
	if r, ok := p.routes[remote]; ok && now.Before(r.until) {
		return r.local
	}
	ns, err := netns.Open(p.path)
	if err != nil {
		return ""
	}
	defer ns.Close() //nolint:errcheck // nothing to be done
	local := ""
	_ = ns.Do(func() error { // without a route, or the right to look, there is no address
		local = lookup(remote)
		return nil
	})
	p.routes[remote] = route{local, now.Add(routeAge)}
	return local
}

// lookup asks in the namespace of the calling thread.
func lookup(remote string) string {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return ""
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, discardPort)))
	if err != nil {
		return ""
	}
	defer c.Close() //nolint:errcheck // nothing was sent
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("").String()
	}
	return ""
}

// discardPort is the port of the socket's other end, to which nothing is sent.
const discardPort = 9

// refresh forgets routes to where nothing leads any more, looks again at those that
// are old, and tells whether one of them changed.
func (p *place) refresh(used map[string]bool) (changed bool) {
	now := p.now()
	for remote, r := range p.routes {
		if used[remote] && now.Before(r.until) {
			continue
		}
		delete(p.routes, remote)
		if used[remote] && p.localIP(remote) != r.local {
			changed = true
		}
	}
	return changed
}
