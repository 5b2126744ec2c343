package e2e

import (
	"fmt"
	"testing"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
)

// TestLLDP: a host hears its neighbour, which is a host that reports too; the
// neighbour changes its name, and goes.
func TestLLDP(t *testing.T) {
	needRoot(t)
	lldptest.Need(t)
	a, b := newHost(t), newHost(t)
	a.quiet("")
	b.quiet("")
	a.ip("", "link", "add", "up0", "up", "type", "veth", "peer", "name", "down0", "netns", b.root())
	b.ip("", "link", "set", "down0", "up")
	d := startDaemon(t, "", "")
	for _, h := range []*hostNS{a, b} {
		startTelegraf(t, telegrafConf(t, "http://"+d.addr, h, fmt.Sprintf(`
[[inputs.topology_lldp]]
  host_id = %q
  root_netns = %q
  netns_dirs = [%q]
  process_namespaces = false
  report_interval = %q
`, h.name, h.root(), h.dir, reportInterval.String())))
	}
	leaf := lldptest.Start(t, b.named(), "leaf1", 4)
	leaf.Configure("lldp", "portidsubtype", "macaddress")

	port := "G.V().Has('Type', 'switch', 'Name', 'leaf1').Out('Type', 'switchport')"
	d.counts(t, 1, port+".Dedup().Count()")
	d.counts(t, 1, port+fmt.Sprintf(".BothE('Type', 'lldp', 'RelationType', 'layer2').BothV().Has('@Host', %q, 'Name', 'up0').Dedup().Count()", a.name))
	// The port is an interface that the other host reports.
	d.counts(t, 1, port+fmt.Sprintf(".BothE('RelationType', 'mapping').BothV().Has('@Host', %q, 'Name', 'down0').Dedup().Count()", b.name))

	leaf.Configure("system", "hostname", "leaf2")
	d.counts(t, 1, "G.V().Has('Type', 'switch').Has('Name', 'leaf2').Count()")
	d.counts(t, 1, "G.V().Has('Type', 'switch').Count()")
	leaf.Kill()
	d.counts(t, 0, "G.V().Has('Type', Within('switch', 'switchport')).Count()")
	d.same(t, a, 0)
}
