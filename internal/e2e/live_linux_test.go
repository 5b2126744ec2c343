package e2e

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// build makes a small network: two namespaces on a bridge of the root one, a
// pair between the namespaces, and tunnels.
func (h *hostNS) build() {
	h.addNS("blue")
	h.addNS("red")
	h.ip("", "link", "add", "br0", "type", "bridge")
	for i, ns := range []string{"blue", "red"} {
		dev := fmt.Sprint("port", i)
		h.ip("", "link", "add", dev, "type", "veth", "peer", "name", "tmp0")
		h.ip("", "link", "set", dev, "master", "br0", "up")
		h.move("tmp0", ns)
		h.ip(ns, "link", "set", "tmp0", "name", "eth0", "up")
		h.ip(ns, "addr", "add", fmt.Sprintf("10.9.0.%d/24", i+1), "dev", "eth0")
		h.ip(ns, "route", "add", "default", "via", "10.9.0.254")
	}
	h.ip("blue", "link", "add", "x0", "type", "veth", "peer", "name", "x1", "netns", h.path("red"))
	h.ip("", "link", "add", "vx0", "type", "vxlan", "id", "42", "dev", "br0", "dstport", "4789")
	h.ip("", "link", "add", "mv0", "link", "br0", "type", "macvlan", "mode", "bridge")
	h.ip("", "tuntap", "add", "tap0", "mode", "tap")
	h.ip("", "link", "set", "br0", "up")
}

// change does to it what happens to networks.
func (h *hostNS) change() {
	h.ip("", "link", "set", "mv0", "name", "mv9")
	h.ip("", "link", "set", "port0", "address", "02:00:00:00:00:99")
	h.ip("", "link", "set", "tap0", "mtu", "1400")
	h.ip("red", "addr", "del", "10.9.0.2/24", "dev", "eth0")
	h.ip("red", "addr", "add", "10.9.0.22/24", "dev", "eth0")
	h.ip("", "link", "del", "vx0")
	h.addNS("green")
	h.move("tap0", "green")
	h.ip("blue", "link", "set", "x0", "netns", h.path("green"))
}

func TestHostIsLive(t *testing.T) {
	h := newHost(t)
	h.build()
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)

	require.Equal(t, 6, d.number(t, "G.V().Has('Type','veth').Count()"))
	require.Equal(t, 1, d.number(t, "G.V().Has('IPV4','10.9.0.1/24').Count()"))
	path := d.text(t, "G.V().Has('IPV4','10.9.0.1/24').ShortestPathTo(METADATA('IPV4','10.9.0.2/24'), METADATA('RelationType','layer2'))")
	require.Contains(t, string(path), `"br0"`, "from one namespace to the other by the bridge")
	require.Equal(t, 1, d.number(t, "G.V().Has('Name','br0').Out('Name','vx0').Count()"))
	require.Equal(t, 1, d.number(t, "G.V().Has('Info.VNI',42).Count()"))
	proctest.Eventually(t, 20*time.Second, "counters are on the nodes", func() error {
		if d.number(t, "G.V().Has('Metric.RxPackets', GTE(0)).Count()") == 0 {
			return fmt.Errorf("no node has any")
		}
		return nil
	})

	h.change()
	d.same(t, h, 20*time.Second)
	h.ip("blue", "link", "del", "eth0")
	h.ip("", "link", "set", "port1", "nomaster")
	h.delNS("blue")
	d.same(t, h, 20*time.Second)
	require.Equal(t, 0, d.number(t, "G.V().Has('Type','netns').Has('Name','blue').Count()"))
}

// revisions returns the revision of each node and edge of a host.
func (d *daemon) revisions(t *testing.T, h *hostNS) map[string]string {
	out := map[string]string{}
	for _, e := range append(d.ask(t, fmt.Sprintf("G.V().Has('@Host', %q)", h.name)), d.ask(t, "G.E()")...) {
		out[e.ID] = fmt.Sprint(e.Metadata.Name, e.Metadata.RelationType, e.CreatedAt, e.Revision)
	}
	return out
}

// reported waits until every entity has been reported once more.
func (d *daemon) reported(t *testing.T) {
	t.Helper()
	time.Sleep(reportInterval + reportInterval/2) // what must not happen has to be given time
}

func TestAgentKilledAndStartedAgain(t *testing.T) {
	h := newHost(t)
	h.build()
	d := startDaemon(t, "", "")
	conf := telegrafConf(t, "http://"+d.addr, h)
	agent := startTelegraf(t, conf)
	d.same(t, h, 20*time.Second)
	d.reported(t)
	before := d.revisions(t, h)
	agent.End(t, syscall.SIGKILL)
	startTelegraf(t, conf)
	d.reported(t)
	d.reported(t)
	require.Equal(t, before, d.revisions(t, h), "no node is made anew and nothing has a new revision")
	d.same(t, h, 20*time.Second)
}

func TestDaemonKilledAndStartedAgain(t *testing.T) {
	h := newHost(t)
	h.build()
	d := startDaemon(t, "", "")
	agent := startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	d.reported(t)

	// Alone, it has the graph from its log.
	agent.End(t, syscall.SIGTERM)
	before := d.revisions(t, h)
	d.End(t, syscall.SIGKILL)
	d = startDaemon(t, d.dir, d.addr)
	require.Equal(t, before, d.revisions(t, h))

	// What changed while it was away comes when it is back.
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	d.End(t, syscall.SIGKILL)
	h.change()
	d = startDaemon(t, d.dir, d.addr)
	d.same(t, h, 30*time.Second)
}

func TestThousandPairsInOneBatch(t *testing.T) {
	h := newHost(t)
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	var add, del []string
	for i := range 1000 {
		add = append(add, fmt.Sprintf("link add va%d type veth peer name vb%d", i, i))
		del = append(del, fmt.Sprintf("link del va%d", i))
	}
	begin := time.Now()
	h.batch("", add)
	made := time.Since(begin)
	d.same(t, h, 60*time.Second)
	t.Logf("2000 interfaces: made in %v, all in the graph %v later", made, time.Since(begin)-made)
	require.Equal(t, 2000, d.number(t, "G.V().Has('Type','veth').Count()"))
	require.Equal(t, 1000, d.number(t, "G.E().Has('Type','veth').Count()"))
	h.batch("", del)
	d.same(t, h, 60*time.Second)
	require.Equal(t, 0, d.number(t, "G.V().Has('Type','veth').Count()"))
}

func TestStops(t *testing.T) {
	h := newHost(t)
	d := startDaemon(t, "", "")
	agent := startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)
	for _, p := range []*proctest.Process{agent, d.Process} {
		p.End(t, syscall.SIGTERM)
		require.Zero(t, p.Cmd.ProcessState.ExitCode(), p.Cmd.Path)
	}
	require.Error(t, d.Ready(context.Background()))
}
