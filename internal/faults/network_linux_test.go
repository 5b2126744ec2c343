package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/netns"
)

// network is namespaces on one bridge: the hub, which has the bridge and in
// which clients are, and the hosts.
type network struct {
	t    testing.TB
	base string
	hub  *netns.NS
	host []*netns.NS
}

func newNetwork(t testing.TB, hosts int) *network {
	t.Helper()
	needRoot(t, "making network namespaces")
	n := &network{t: t, base: t.TempDir()}
	n.hub = n.make("hub")
	n.ip("hub", "link", "add", "br0", "type", "bridge")
	n.ip("hub", "addr", "add", "10.77.0.254/24", "dev", "br0")
	n.ip("hub", "link", "set", "br0", "up")
	for i := range hosts {
		name := fmt.Sprint("host", i)
		n.host = append(n.host, n.make(name))
		n.ip("hub", "link", "add", n.port(i), "type", "veth", "peer", "name", "eth0", "netns", filepath.Join(n.base, name))
		n.ip("hub", "link", "set", n.port(i), "master", "br0", "up")
		n.ip(name, "addr", "add", n.addr(i)+"/24", "dev", "eth0")
		n.ip(name, "link", "set", "eth0", "up")
	}
	return n
}

func (n *network) make(name string) *netns.NS {
	n.t.Helper()
	path := filepath.Join(n.base, name)
	require.NoError(n.t, os.WriteFile(path, nil, 0o600))
	run(n.t, "unshare", "--net="+path, "true")
	n.t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
	n.ip(name, "link", "set", "lo", "up")
	ns, err := netns.Open(path)
	require.NoError(n.t, err)
	n.t.Cleanup(func() { _ = ns.Close() })
	return ns
}

// ip runs ip in a namespace.
func (n *network) ip(ns string, args ...string) {
	n.t.Helper()
	run(n.t, "nsenter", append([]string{"--net=" + filepath.Join(n.base, ns), "ip"}, args...)...)
}

func (n *network) addr(host int) string { return fmt.Sprintf("10.77.0.%d", host+1) }

func (n *network) port(host int) string { return fmt.Sprint("port", host) }

// cut takes the cable out of a host: nothing tells the ends of its connections.
func (n *network) cut(host int) { n.t.Helper(); n.ip("hub", "link", "set", n.port(host), "down") }

// join puts it back.
func (n *network) join(host int) { n.t.Helper(); n.ip("hub", "link", "set", n.port(host), "up") }

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %s: %s", name, strings.Join(args, " "), out)
}
