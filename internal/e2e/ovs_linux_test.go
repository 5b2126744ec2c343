package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// schema is what an Open vSwitch database is made from.
const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// ovs joins both ends of the wire by a tunnel of Open vSwitch's datapath in
// user space, and sends 50 echo requests through it.
func (h *hostNS) ovs(t *testing.T, kind string) {
	t.Helper()
	if _, err := os.Stat(schema); err != nil {
		t.Skip("Open vSwitch is not installed; make setup installs it")
	}
	for i, end := range [][2]string{{"", "v0"}, {"far", "eth0"}} {
		vsctl := h.switchd(t, end[0])
		local, remote := fmt.Sprintf("10.7.0.%d", i+1), fmt.Sprintf("10.7.0.%d", 2-i)
		// The wire becomes a port of the bridge that has the tunnels' address.
		h.ip(end[0], "addr", "flush", "dev", end[1])
		vsctl("add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev", "--", "add-port", "phy", end[1])
		h.ip(end[0], "addr", "add", local+"/24", "dev", "phy")
		h.ip(end[0], "link", "set", "phy", "up")
		options := []string{"options:remote_ip=" + remote, "options:key=7"}
		if kind == "erspan" {
			options = append(options, "options:erspan_ver=1", "options:erspan_idx=3")
		}
		vsctl(append([]string{"add-br", "int", "--", "set", "bridge", "int", "datapath_type=netdev", "--",
			"add-port", "int", "tun0", "--", "set", "interface", "tun0", "type=" + kind}, options...)...)
		h.ip(end[0], "addr", "add", fmt.Sprintf("10.8.0.%d/24", i+1), "dev", "int")
		h.ip(end[0], "link", "set", "int", "up")
	}
	proctest.Eventually(t, 20*time.Second, "the tunnel works", func() error {
		out := h.run("nsenter", "--net="+h.path(""), "sh", "-c", "ping -n -c 1 -W 1 10.8.0.2 || true")
		if !strings.Contains(out, " 0% packet loss") {
			return fmt.Errorf("no answer")
		}
		return nil
	})
	h.ping("", "10.8.0.2", 50, 56)
}

// switchd runs Open vSwitch in a namespace and returns ovs-vsctl.
func (h *hostNS) switchd(t *testing.T, ns string) func(args ...string) {
	t.Helper()
	dir := t.TempDir()
	sock := filepath.Join(dir, "db.sock")
	h.run("ovsdb-tool", "create", filepath.Join(dir, "conf.db"), schema)
	inside := func(name string, args ...string) {
		t.Helper()
		pid := filepath.Join(dir, name+".pid")
		args = append(args, "--pidfile="+pid, "--unixctl="+filepath.Join(dir, name+".ctl"), "--log-file="+filepath.Join(dir, name+".log"), "--detach", "--no-chdir")
		h.run("nsenter", append([]string{"--net=" + h.path(ns), "env", "OVS_RUNDIR=" + dir, "OVS_DBDIR=" + dir, "OVS_LOGDIR=" + dir, "OVS_SYSCONFDIR=" + dir, name}, args...)...)
		text, err := os.ReadFile(pid)
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimSpace(string(text)))
		require.NoError(t, err)
		t.Cleanup(func() {
			_ = syscall.Kill(n, syscall.SIGTERM)
			proctest.Eventually(t, time.Minute, name+" has ended", func() error {
				if syscall.Kill(n, 0) == nil {
					return fmt.Errorf("it runs")
				}
				return nil
			})
		})
	}
	inside("ovsdb-server", filepath.Join(dir, "conf.db"), "--remote=punix:"+sock)
	vsctl := func(args ...string) {
		t.Helper()
		h.run("ovs-vsctl", append([]string{"--timeout=20", "--db=unix:" + sock}, args...)...)
	}
	vsctl("--no-wait", "init")
	inside("ovs-vswitchd", "unix:"+sock)
	return vsctl
}
