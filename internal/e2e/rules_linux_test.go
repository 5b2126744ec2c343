package e2e

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// ctl runs topologyctl against the daemon.
func (d *daemon) ctl(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, "topologyctl"), append([]string{"--server", "http://" + d.addr}, args...)...).CombinedOutput()
	require.NoError(t, err, "topologyctl %v: %s", args, out)
	return string(out)
}

// counts waits until a query counts a number of elements.
func (d *daemon) counts(t testing.TB, want int, query string) {
	t.Helper()
	proctest.Eventually(t, 20*time.Second, query, func() error {
		if got := d.number(t, query); got != want {
			return fmt.Errorf("%d, want %d", got, want)
		}
		return nil
	})
}

// TestRules is the predecessor's NodeRuleCreate, NodeRuleUpdate and
// EdgeRuleCreate: rules make, describe and link nodes, follow what changes, hold
// after a restart, are in the past, and leave nothing behind.
func TestRules(t *testing.T) {
	h := newHost(t)
	h.ip("", "link", "add", "br-rule", "type", "bridge")
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	d.same(t, h, 20*time.Second)

	d.ctl(t, "node-rule", "create", "--id", "switch", "--action", "create", "--node-name", "TOR1", "--node-type", "fabric-switch")
	d.ctl(t, "node-rule", "create", "--id", "owner", "--action", "update", "--query", "G.V().Has('Type','bridge')", "-m", "Owner=netops")
	d.ctl(t, "edge-rule", "create", "--id", "uplink", "--source", "G.V().Has('Name','TOR1')", "--destination", "G.V().Has('Name','br-rule')", "--relation-type", "layer2")
	d.counts(t, 1, "G.V().Has('Name','TOR1','Type','fabric-switch').Count()")
	d.counts(t, 1, "G.V().Has('Owner','netops').Count()")
	d.counts(t, 1, "G.V().Has('Name','TOR1').Out('Name','br-rule').Count()")
	before := time.Now()

	h.ip("", "link", "add", "br-later", "type", "bridge")
	d.counts(t, 2, "G.V().Has('Owner','netops').Count()")
	h.ip("", "link", "del", "br-rule")
	d.counts(t, 0, "G.V().Has('Name','TOR1').Out().Count()")
	d.counts(t, 1, "G.V().Has('Owner','netops').Count()")

	d.End(t, syscall.SIGKILL)
	d = startDaemon(t, d.dir, d.addr)
	d.counts(t, 1, "G.V().Has('Owner','netops').Count()")
	h.ip("", "link", "add", "br-rule", "type", "bridge")
	d.counts(t, 1, "G.V().Has('Name','TOR1').Out('Name','br-rule').Count()")
	d.counts(t, 2, "G.V().Has('Owner','netops').Count()")

	d.ctl(t, "node-rule", "delete", "switch")
	d.ctl(t, "node-rule", "delete", "owner")
	d.ctl(t, "edge-rule", "delete", "uplink")
	d.counts(t, 0, "G.V().Has('Name','TOR1').Count()")
	d.counts(t, 0, "G.V().HasKey('Owner').Count()")
	d.same(t, h, 20*time.Second)
	require.Equal(t, 1, d.number(t, then("G.V().Has('Name','TOR1').Out('Name','br-rule').Count()", before)))
	require.Equal(t, 1, d.number(t, then("G.V().Has('Owner','netops').Count()", before)))
}
