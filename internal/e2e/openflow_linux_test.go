package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// rules returns what ovs-ofctl dumps of a bridge: priority, match and actions of
// each rule.
func (v *vswitch) rules(bridge string) []string {
	var out []string
	for line := range strings.Lines(v.ovs.Ofctl("--no-names", "--no-stats", "dump-flows", bridge)) {
		if line = strings.TrimSpace(line); strings.Contains(line, "actions=") {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// TestOpenFlowRules: 5,000 rules are nodes below their bridge, as they are
// installed, modified and deleted, and as ovs-ofctl has them.
func TestOpenFlowRules(t *testing.T) {
	needRoot(t)
	ovstest.Need(t)
	v := newVSwitch(t)
	v.ovs.AddBridge("int", "--", "set", "bridge", "int", "fail_mode=secure")
	d := startDaemon(t, "", "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, v.hostNS, v.input(30*time.Second)+"  openflow = true\n"))
	const many = 5000
	install := func(what string, action func(i int) string) {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, "table=%d,priority=%d,ip,nw_dst=10.%d.%d.0/24,%s\n", i%4, 100+i%50, i/256, i%256, action(i))
		}
		path := filepath.Join(t.TempDir(), "rules")
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
		v.ovs.Ofctl(what, "int", path)
	}
	same := func(what string) {
		t.Helper()
		began := time.Now()
		proctest.Eventually(t, 60*time.Second, what, func() error {
			want := len(v.rules("int"))
			if got := d.number(t, "G.V().Has('Name', 'int', 'Type', 'ovsbridge').Out('Type', 'ofrule').Count()"); got != want {
				return fmt.Errorf("%d rules, want %d", got, want)
			}
			return nil
		})
		t.Logf("%s: seen %v later", what, time.Since(began).Round(time.Millisecond))
	}
	texts := func() []string {
		var nodes []struct {
			Metadata struct {
				Table, Priority    int
				Match, ActionsText string
			}
		}
		require.NoError(t, json.Unmarshal(d.text(t, "G.V().Has('Type', 'ofrule')"), &nodes))
		var out []string
		for _, n := range nodes {
			m, table := n.Metadata, ""
			if m.Table > 0 {
				table = fmt.Sprintf("table=%d, ", m.Table)
			}
			out = append(out, fmt.Sprintf("%spriority=%d,%s actions=%s", table, m.Priority, m.Match, m.ActionsText))
		}
		slices.Sort(out)
		return out
	}
	install("add-flows", func(i int) string { return fmt.Sprintf("actions=output:%d", 1+i%7) })
	same("5,000 rules installed")
	require.Equal(t, v.rules("int"), texts())
	v.ovs.Ofctl("mod-flows", "int", "table=1,ip,actions=drop")
	proctest.Eventually(t, 60*time.Second, "rules are modified", func() error {
		if !slices.Equal(v.rules("int"), texts()) {
			return fmt.Errorf("the graph and ovs-ofctl differ")
		}
		return nil
	})
	v.ovs.Ofctl("del-flows", "int", "table=2,ip")
	same("1,250 rules deleted")
	require.Equal(t, v.rules("int"), texts())
	v.ovs.Vsctl("del-br", "int")
	d.counts(t, 0, "G.V().Has('Type', 'ofrule').Count()")
}
