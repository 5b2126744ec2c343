package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/guest/guesttest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// vswitch is a host with an Open vSwitch.
type vswitch struct {
	*hostNS
	ovs *ovstest.Instance
}

func newVSwitch(t testing.TB) *vswitch {
	t.Helper()
	h := newHost(t)
	return &vswitch{h, ovstest.Start(t, ovstest.Config{NetNS: h.named(), SystemID: h.name, Kernel: os.Getenv("SKEIN_GUEST") != ""})}
}

// input is the plugin's configuration.
func (v *vswitch) input(interval time.Duration) string {
	return fmt.Sprintf(`
[[inputs.topology_ovs]]
  host_id = %q
  host_name = %q
  servers = ["unix:%s"]
  report_interval = %q
`, v.name, v.name, v.ovs.DBSocket(), interval.String())
}

// tunnels are the kinds that this Open vSwitch has, and their options.
func tunnels() map[string][]string {
	return map[string][]string{
		"vxlan":  {"options:key=7"},
		"gre":    {"options:key=8"},
		"geneve": {"options:key=9"},
		"erspan": {"options:key=10", "options:erspan_ver=1", "options:erspan_idx=3"},
	}
}

// connect makes of two hosts: an underlay, a bond with LACP over two wires, and
// on a bridge without rules a tunnel of each kind; and on each a patch pair, a
// port in a namespace, and a mirror.
func connect(a, b *vswitch) {
	for _, dev := range []string{"wire", "bond0", "bond1"} {
		a.ip("", "link", "add", dev, "up", "type", "veth", "peer", "name", dev, "netns", b.root())
		b.ip("", "link", "set", dev, "up")
	}
	for i, v := range []*vswitch{a, b} {
		v.ovs.AddBridge("phy", "--", "add-port", "phy", "wire")
		v.ip("", "addr", "add", fmt.Sprintf("10.6.0.%d/24", i+1), "dev", "phy")
		v.ip("", "link", "set", "phy", "up")
		v.ovs.AddBridge("lag", "--", "set", "bridge", "lag", "fail_mode=secure", "--",
			"add-bond", "lag", "bond", "bond0", "bond1", "bond_mode=balance-tcp", "lacp=active", "other_config:lacp-time=fast")
		v.ovs.AddBridge("int", "--", "set", "bridge", "int", "fail_mode=secure")
		for kind, options := range tunnels() {
			v.ovs.Vsctl(append([]string{"add-port", "int", "tun-" + kind, "--", "set", "interface", "tun-" + kind, "type=" + kind,
				fmt.Sprintf("options:remote_ip=10.6.0.%d", 2-i)}, options...)...)
		}
		v.ovs.AddBridge("edge", "--", "add-port", "edge", "pe", "--", "set", "interface", "pe", "type=patch", "options:peer=pi", "--",
			"add-port", "int", "pi", "--", "set", "interface", "pi", "type=patch", "options:peer=pe")
		v.addNS("guest")
		v.port("vm0", "guest")
		v.ovs.Vsctl("--", "--id=@p", "get", "port", "pi", "--", "--id=@o", "get", "port", "vm0", "--",
			"--id=@m", "create", "mirror", "name=look", "select-src-port=@p", "output-port=@o", "--", "set", "bridge", "int", "mirrors=@m")
	}
}

// port makes an internal port of the bridge int in a namespace.
func (v *vswitch) port(name, ns string) {
	v.ovs.Vsctl("add-port", "int", name, "--", "set", "interface", name, "type=internal", "external_ids:iface-id=lsp-"+name)
	if ns != "" {
		v.move(name, ns)
	}
}

// ovsRow is what is compared of a row of OVSDB.
type ovsRow struct{ UUID, Name string }

// rows returns what ovs-vsctl lists.
func (v *vswitch) rows(t testing.TB, table string) (out []ovsRow) {
	t.Helper()
	for _, r := range v.ovs.Rows(table) {
		var id [2]string
		var name string
		require.NoError(t, json.Unmarshal(r["_uuid"], &id))
		require.NoError(t, json.Unmarshal(r["name"], &name))
		out = append(out, ovsRow{id[1], name})
	}
	return out
}

// sameAs waits until each row of OVSDB is one node, with its name, and nothing
// else is of OVSDB; and the graph equals ip, so that none is there twice.
func (d *daemon) sameAs(t testing.TB, hosts ...*vswitch) {
	t.Helper()
	proctest.Eventually(t, 20*time.Second, "the graph equals ovs-vsctl", func() error {
		var want, got []string
		for _, v := range hosts {
			for _, table := range []string{"Bridge", "Port", "Interface"} {
				for _, r := range v.rows(t, table) {
					want = append(want, r.UUID+" "+r.Name)
				}
			}
		}
		var nodes []struct {
			Metadata struct{ UUID, Name, Type string }
		}
		if err := json.Unmarshal(d.text(t, "G.V().HasKey('UUID')"), &nodes); err != nil {
			return err
		}
		for _, n := range nodes {
			if n.Metadata.Type != "ovs" {
				got = append(got, n.Metadata.UUID+" "+n.Metadata.Name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			return fmt.Errorf("%d nodes, want %d:\n%s\nwant\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, v := range hosts {
			if err := difference(v.truth(), d.seen(t, v.hostNS)); err != nil {
				return err
			}
			for _, r := range v.rows(t, "Interface") {
				if n := d.number(t, fmt.Sprintf("G.V().Has('Ovs.HostID', %q, 'Name', %q).Has('Type', Without('ovsport', 'ovsbridge')).Count()", v.name, r.Name)); n != 1 {
					return fmt.Errorf("%d nodes for interface %s of %s", n, r.Name, v.name)
				}
			}
		}
		return nil
	})
}

// TestOpenVSwitch: two hosts, all that Open vSwitch draws on them, and between
// them; one node for what netlink and OVSDB both see; what changes, and what
// changes while OVSDB is away.
func TestOpenVSwitch(t *testing.T) {
	needRoot(t)
	ovstest.Need(t)
	began := time.Now()
	stage := func(what string) { t.Logf("%s after %v", what, time.Since(began).Round(100*time.Millisecond)) }
	a, b := newVSwitch(t), newVSwitch(t)
	connect(a, b)
	stage("two hosts are connected")
	d := startDaemon(t, "", "")
	for _, v := range []*vswitch{a, b} {
		startTelegraf(t, telegrafConf(t, "http://"+d.addr, v.hostNS, v.input(10*time.Second)))
	}
	d.sameAs(t, a, b)
	stage("the graph is right")

	// The predecessor's BridgeOVS, PatchOVS, InterfaceOVS and OVSOwnershipLink.
	for _, v := range []*vswitch{a, b} {
		bridge := fmt.Sprintf("G.V().Has('Name', %q, 'Type', 'host').Out('Type', 'ovsbridge', 'Name', 'int')", v.name)
		d.counts(t, 1, bridge+".Count()")
		d.counts(t, 1, bridge+".Out('Type', 'ovsport', 'Name', 'vm0').Out('Type', 'internal', 'Name', 'vm0').HasKey('MAC').Dedup().Count()")
		d.counts(t, 1, fmt.Sprintf("G.V().Has('@Host', %q, 'Type', 'netns', 'Name', 'guest').Out('Type', 'internal', 'ExtID.iface-id', 'lsp-vm0').Count()", v.name))
		for _, kind := range []string{"vxlan", "gre", "geneve", "erspan", "patch"} {
			d.counts(t, 1, bridge+fmt.Sprintf(".OutE('RelationType', 'ownership').OutV('Type', %q).Count()", kind))
		}
		d.counts(t, 2, bridge+".Out('Name', 'pi').Both('Type', 'patch').BothE('Type', 'patch').BothV().Dedup().Count()")
		d.counts(t, 1, fmt.Sprintf("G.V().Has('Type', 'ovsport', 'BondMode', 'balance-tcp', 'LACP', 'active').In('Name', 'lag').In('Name', %q).Dedup().Count()", v.name))
	}
	// Tunnels end at the other host, with the addresses of both.
	for kind := range tunnels() {
		ends := fmt.Sprintf("G.V().Has('Type', %q, 'LocalIP', '10.6.0.1', 'RemoteIP', '10.6.0.2', 'Ovs.HostID', %q)", kind, a.name)
		d.counts(t, 1, ends+fmt.Sprintf(".Both('Type', %q, 'LocalIP', '10.6.0.2', 'RemoteIP', '10.6.0.1', 'Ovs.HostID', %q).Count()", kind, b.name))
	}
	tunnel := d.ask(t, "G.V().Has('Type', 'vxlan').BothE('Type', 'tunnel').Dedup()")
	require.Len(t, tunnel, 1)
	why := d.ctl(t, "explain", "edge", tunnel[0].ID)
	t.Log(why)
	require.Contains(t, why, "tunnel-ovs")
	require.Contains(t, why, "10.6.0.1")
	require.Contains(t, why, "ovsdb")

	// A path from namespace to namespace, through bridge and tunnel.
	path := d.text(t, fmt.Sprintf("G.V().Has('Ovs.HostID', %q, 'ExtID.iface-id', 'lsp-vm0').ShortestPathTo(METADATA('Ovs.HostID', %q, 'ExtID.iface-id', 'lsp-vm0'), METADATA('RelationType', 'layer2'))", a.name, b.name))
	require.Regexp(t, `"Name":"tun-`, string(path))

	stage("it was asked")
	// What changes is seen.
	a.port("vm1", "")
	a.ovs.Vsctl("set", "port", "vm0", "tag=42", "--", "del-port", "int", "tun-gre", "--", "del-port", "edge", "pe")
	a.ip("", "link", "set", "vm1", "up")
	a.ip("", "addr", "add", "10.5.0.1/24", "dev", "vm1")
	d.sameAs(t, a, b)
	d.counts(t, 1, "G.V().Has('Type', 'ovsport', 'Vlans', 42).Count()")
	d.counts(t, 0, "G.V().Has('Type', 'gre').BothE('Type', 'tunnel').Count()")
	a.move("vm1", "guest")
	d.sameAs(t, a, b)
	d.counts(t, 1, "G.V().Has('Type', 'netns', 'Name', 'guest').Out('Name', 'vm1', 'Type', 'internal').Count()")

	stage("changes are seen")
	if os.Getenv("SKEIN_GUEST") != "" {
		return // the rest has nothing to do with the datapath, and a guest is slow
	}
	// OVSDB goes and comes: nothing is lost, and what changed meanwhile is seen.
	made := func(query string) map[string]int64 {
		out := map[string]int64{}
		for _, n := range d.ask(t, query) {
			out[n.ID] = n.CreatedAt
		}
		return out
	}
	// Once it reads the database again, ovs-vswitchd makes the devices of internal
	// ports anew that are in a namespace; sameAs tells that they are right.
	const all = "G.V().HasKey('UUID')"
	const lasting = all + ".Has('Type', NE('internal'))"
	before, stays := made(all), made(lasting)
	a.ovs.KillDB()
	d.reported(t)
	require.Equal(t, before, made(all))
	offline(t, a)
	a.ovs.RestartDB()
	d.counts(t, 1, "G.V().Has('Type', 'ovsbridge', 'ExtID.changed', 'meanwhile').Count()")
	d.sameAs(t, a, b)
	require.Equal(t, stays, made(lasting))
}

// offline changes the database while nobody serves it.
func offline(t testing.TB, v *vswitch) {
	t.Helper()
	v.run("ovsdb-tool", "transact", filepath.Join(v.ovs.RunDir, "conf.db"), `["Open_vSwitch",
		{"op": "mutate", "table": "Bridge", "where": [["name", "==", "edge"]], "mutations": [["external_ids", "insert", ["map", [["changed", "meanwhile"]]]]]}]`)
}

// TestFacetsOfOneNode: netlink and OVSDB speak of one interface by agents of
// their own. Whichever goes and comes, in whatever order, the node is what those
// who live say, and never two.
func TestFacetsOfOneNode(t *testing.T) {
	needRoot(t)
	ovstest.Need(t)
	v := newVSwitch(t)
	v.ovs.AddBridge("int")
	v.port("vm0", "")
	v.ip("", "link", "set", "vm0", "mtu", "1400")
	d := startDaemon(t, "", "")
	netlink := telegrafConf(t, "http://"+d.addr, v.hostNS, "")
	ovsdb := telegrafConf(t, "http://"+d.addr, v.hostNS, v.input(reportInterval))
	text, err := os.ReadFile(ovsdb)
	require.NoError(t, err)
	begin, end := strings.Index(string(text), "[[inputs.topology_host]]"), strings.Index(string(text), "[[inputs.topology_ovs]]")
	require.NoError(t, os.WriteFile(ovsdb, []byte(string(text)[:begin]+string(text)[end:]), 0o600))

	says := func(facets string) {
		t.Helper()
		proctest.Eventually(t, 30*time.Second, "the node says what "+facets+" does", func() error {
			var nodes []struct {
				ID, Origin string
				Metadata   struct {
					Type, UUID string
					MTU        int
					IfIndex    int
					Driver     string
					LinkFlags  []string
				}
			}
			if err := json.Unmarshal(d.text(t, "G.V().Has('Name', 'vm0').Has('Type', NE('ovsport'))"), &nodes); err != nil {
				return err
			}
			if len(nodes) > 1 && strings.Contains(facets, ",") {
				return fmt.Errorf("%d nodes: %+v", len(nodes), nodes)
			}
			if facets == "" {
				if len(nodes) > 0 {
					return fmt.Errorf("%+v is still there", nodes)
				}
				return nil
			}
			if len(nodes) != 1 {
				return fmt.Errorf("%d nodes: %+v", len(nodes), nodes)
			}
			n := nodes[0]
			if n.Origin != facets {
				return fmt.Errorf("it is of %s", n.Origin)
			}
			if has := strings.Contains(facets, "ovsdb"); has != (n.Metadata.UUID != "") || has != (n.Metadata.Type == "internal") {
				return fmt.Errorf("OVSDB: %+v", n.Metadata)
			}
			if has := strings.Contains(facets, "netlink"); has != (len(n.Metadata.LinkFlags) > 0) {
				return fmt.Errorf("netlink: %+v", n.Metadata)
			}
			return nil
		})
	}
	both := "netlink,ovsdb"
	n, o := startTelegraf(t, netlink), startTelegraf(t, ovsdb)
	says(both)
	n.End(t, syscall.SIGKILL)
	says("ovsdb")
	n = startTelegraf(t, netlink)
	says(both)
	o.End(t, syscall.SIGKILL)
	says("netlink")
	n.End(t, syscall.SIGKILL)
	says("")
	startTelegraf(t, ovsdb)
	says("ovsdb")
	startTelegraf(t, netlink)
	says(both)
	d.End(t, syscall.SIGKILL)
	d = startDaemon(t, d.dir, d.addr)
	says(both)
}

// TestOpenVSwitchInKernel runs TestOpenVSwitch in a guest, whose kernel has a
// datapath for Open vSwitch: there internal ports and tunnels are devices of the
// kernel.
func TestOpenVSwitchInKernel(t *testing.T) {
	bin, err := filepath.Abs(filepath.Dir(program(t, "topologyd")))
	require.NoError(t, err)
	r := guesttest.Run(t, guesttest.Options{Tests: "^TestOpenVSwitch$", MemoryMB: 2048, Env: []string{"SKEIN_BIN=" + bin}})
	require.Equal(t, []string{"TestOpenVSwitch"}, r.Names(guesttest.Pass))
}
