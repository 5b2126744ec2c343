package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/client"
)

// startCluster starts three daemons that are one.
func startCluster(t testing.TB) (all []*daemon) {
	t.Helper()
	addrs := proctest.FreeAddrs(t, 6)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("of this test\n"), 0o600))
	for i := range 3 {
		d := &daemon{addr: addrs[i], dir: t.TempDir()}
		d.Process = proctest.Start(t, program(t, "topologyd"), nil, "--listen", d.addr, "--otlp-listen", "", "--data-dir", d.dir,
			"--cluster-name", "captures", "--cluster-node", fmt.Sprint("node", i), "--cluster-listen", addrs[3+i],
			"--cluster-peers", strings.Join(addrs[3:], ","), "--cluster-secret-file", secret)
		cfg := client.DefaultConfig()
		cfg.Server = "http://" + d.addr
		var err error
		d.Client, err = client.New(cfg)
		require.NoError(t, err)
		all = append(all, d)
	}
	for _, d := range all {
		proctest.Eventually(t, 60*time.Second, "a replica is ready", func() error { return d.Ready(context.Background()) })
	}
	return all
}

// holder waits until a host is connected to one of the daemons, and returns
// which.
func holder(t testing.TB, among []*daemon) (at int) {
	t.Helper()
	proctest.Eventually(t, 30*time.Second, "the host is connected", func() error {
		for i, d := range among {
			var hosts []struct{ Connected bool }
			status, b := d.send(t, http.MethodGet, "/api/v1/hosts", "")
			if status != http.StatusOK || json.Unmarshal(b, &hosts) != nil {
				return fmt.Errorf("%d: %s", status, b)
			}
			if len(hosts) == 1 && hosts[0].Connected {
				at = i
				return nil
			}
		}
		return fmt.Errorf("to none")
	})
	return at
}

// TestCaptureOutlivesTheLeader: the replica that gives the orders is killed; the
// host goes on, finds the next one, and follows what changed.
func TestCaptureOutlivesTheLeader(t *testing.T) {
	needRoot(t)
	all := startCluster(t)
	a := newAgent(t, all[0])
	b, err := os.ReadFile(a.collectorConf)
	require.NoError(t, err)
	conf := strings.Replace(string(b), "endpoints: [http://"+all[0].addr+"]",
		fmt.Sprintf("endpoints: [http://%s, http://%s, http://%s]", all[0].addr, all[1].addr, all[2].addr), 1)
	require.NoError(t, os.WriteFile(a.collectorConf, []byte(conf), 0o600))
	a.startCollector(t)
	first := holder(t, all)
	rest := append(append([]*daemon(nil), all[:first]...), all[first+1:]...)
	d := rest[0]
	a.telegrafConf = telegrafConf(t, "http://"+d.addr, a.hostNS)
	a.startTelegraf(t)
	a.addNS("far")
	a.hostNS.quiet("far")
	a.hostNS.wire("", "v0", "far", "eth0")
	d.same(t, a.hostNS, 20*time.Second)

	// Any replica takes the order.
	d.order(t, "all", `{"query":"G.V().Has('Type','veth')"}`)
	all[first].runs(t, "all", 20*time.Second, a.name+"/v0", a.name+"/eth0")
	const captured = "G.V().Has('Captures.State','running').Count()"
	d.counts(t, 2, captured)

	all[first].End(t, syscall.SIGKILL)
	second := holder(t, rest)
	rest[second].runs(t, "all", 30*time.Second, a.name+"/v0", a.name+"/eth0")
	a.hostNS.wire("", "v1", "far", "eth1")
	rest[second].runs(t, "all", 30*time.Second, a.name+"/v0", a.name+"/eth0", a.name+"/v1", a.name+"/eth1")
	rest[1-second].counts(t, 4, captured)
	rest[1-second].unorder(t, "all")
	rest[1-second].counts(t, 0, "G.V().HasKey('Captures').Count()")
}
