// Package ovstest runs real Open vSwitch for tests: an ovsdb-server and an
// ovs-vswitchd with the user-space datapath, each instance in a network namespace
// and a directory of its own, so that several are several hosts. It is for tests
// only, and ends nothing but the processes that it started.
package ovstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// patience is how long a tool, or a daemon that starts or ends, may take.
const patience = 30 * time.Second

// Config says how an instance is set up. The zero value is ready.
type Config struct {
	// NetNS is the name of the namespace below /run/netns in which the daemons run.
	// Empty: a new one, with loopback up, that goes with the test.
	NetNS string
	// SystemID is external_ids:system-id. Empty: the name of the namespace.
	SystemID string
	// Remotes are more addresses at which ovsdb-server listens, for example
	// "ptcp:6640:127.0.0.1".
	Remotes []string
	// ServerArgs are more arguments of ovsdb-server, for example for TLS.
	ServerArgs []string
	// NoSwitch leaves ovs-vswitchd out: there is only the database then.
	NoSwitch bool
	// Kernel has bridges of the kernel's datapath, which has to have one.
	Kernel bool
	// Here runs the database in the namespace of the test, so that it can be reached
	// on loopback. There is no ovs-vswitchd then.
	Here bool
}

// Instance is one Open vSwitch. Its methods fail the test on any error. They may
// be called from several goroutines, except those that end or start daemons.
type Instance struct {
	// NetNS is the name of the namespace, RunDir the directory of the sockets.
	NetNS, RunDir string

	t      testing.TB
	cfg    Config
	db     *proctest.Process
	daemon *proctest.Process
}

// Need skips a test that cannot run Open vSwitch here: short tests, and those
// without root or without the programs.
func Need(t testing.TB) {
	t.Helper()
	netnstest.Need(t)
	for _, tool := range []string{"ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl", "ovs-appctl", "ovsdb-tool", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s (package openvswitch-switch)", tool)
		}
	}
	if _, err := os.Stat(schemaFile); err != nil {
		t.Skipf("needs the schema of Open vSwitch: %v", err)
	}
}

// schemaFile is where packages put the schema of the database.
const schemaFile = "/usr/share/openvswitch/vswitch.ovsschema"

// Start starts an instance and waits until it is ready. It ends with the test.
func Start(t testing.TB, cfg Config) *Instance {
	t.Helper()
	Need(t)
	if cfg.Here {
		cfg.NetNS, cfg.NoSwitch = "", true
	} else if cfg.NetNS == "" {
		cfg.NetNS = netnstest.Add(t)
		netnstest.Run(t, "ip", "-n", cfg.NetNS, "link", "set", "lo", "up")
	}
	if cfg.SystemID == "" {
		cfg.SystemID = cfg.NetNS
	}
	// A short path: that of a socket has at most 107 bytes.
	dir, err := os.MkdirTemp("", "ovs-") //nolint:usetesting // its paths are too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	i := &Instance{NetNS: cfg.NetNS, RunDir: dir, t: t, cfg: cfg}
	i.tool("ovsdb-tool", "create", i.path("conf.db"), schemaFile)
	i.RestartDB()
	i.Vsctl("--no-wait", "init")
	i.Vsctl("--no-wait", "set", "Open_vSwitch", ".", "external-ids:system-id="+cfg.SystemID)
	if !cfg.NoSwitch {
		i.RestartSwitch()
	}
	return i
}

func (i *Instance) path(name string) string { return filepath.Join(i.RunDir, name) }

// DBSocket is the path of the database's socket.
func (i *Instance) DBSocket() string { return i.path("db.sock") }

// MgmtSocket is the path of a bridge's OpenFlow socket. The bridge has to have
// the protocols that one wants to speak.
func (i *Instance) MgmtSocket(bridge string) string { return i.path(bridge + ".mgmt") }

// Vsctl runs ovs-vsctl, which waits until ovs-vswitchd has done what was asked,
// and returns what it prints.
func (i *Instance) Vsctl(args ...string) string {
	i.t.Helper()
	return i.tool("ovs-vsctl", append([]string{"--db=unix:" + i.DBSocket(), "--timeout=20"}, args...)...)
}

// Ofctl runs ovs-ofctl.
func (i *Instance) Ofctl(args ...string) string {
	i.t.Helper()
	return i.tool("ovs-ofctl", append([]string{"--timeout=20"}, args...)...)
}

// Appctl runs ovs-appctl for ovs-vswitchd.
func (i *Instance) Appctl(args ...string) string {
	i.t.Helper()
	return i.tool("ovs-appctl", append([]string{"--timeout=20", "--target=" + i.path("ovs-vswitchd.ctl")}, args...)...)
}

// IP runs ip in the instance's namespace.
func (i *Instance) IP(args ...string) string {
	i.t.Helper()
	return i.tool("ip", append([]string{"-n", i.NetNS}, args...)...)
}

// AddBridge makes a bridge, of the user-space datapath unless the configuration
// says otherwise. more are further arguments of ovs-vsctl for the same
// transaction, which begin with "--".
func (i *Instance) AddBridge(name string, more ...string) {
	i.t.Helper()
	datapath := "netdev"
	if i.cfg.Kernel {
		datapath = "system"
	}
	i.Vsctl(append([]string{"add-br", name, "--", "set", "bridge", name, "datapath_type=" + datapath}, more...)...)
}

// Rows returns the rows of a table as ovs-vsctl lists them: the values of the
// columns in the notation of RFC 7047, 5.1.
func (i *Instance) Rows(table string) []map[string]json.RawMessage {
	i.t.Helper()
	var list struct {
		Headings []string            `json:"headings"`
		Data     [][]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(i.Vsctl("--format=json", "list", table)), &list); err != nil {
		i.t.Fatalf("read what ovs-vsctl lists: %v", err)
	}
	rows := make([]map[string]json.RawMessage, len(list.Data))
	for n, values := range list.Data {
		rows[n] = make(map[string]json.RawMessage, len(values))
		for c, v := range values {
			rows[n][list.Headings[c]] = v
		}
	}
	return rows
}

// UUID returns the _uuid of the row of a table with that name.
func (i *Instance) UUID(table, name string) string {
	i.t.Helper()
	return strings.TrimSpace(i.Vsctl("get", table, name, "_uuid"))
}

func (i *Instance) tool(name string, args ...string) string {
	i.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = i.env()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		i.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out)
}

func (i *Instance) env() []string {
	env := os.Environ()
	for _, v := range []string{"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"} {
		env = append(env, fmt.Sprintf("%s=%s", v, i.RunDir))
	}
	return env
}
