package mapping_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

var record = flag.Bool("record", false, "record testdata/ovs.json from an Open vSwitch that is run for it")

// TestRecord writes down what the monitor of a real database says, with one of
// everything in it.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("records only with -record")
	}
	i := ovstest.Start(t, ovstest.Config{SystemID: "ovs-1"})
	for _, n := range []string{"1a", "1b", "phy"} {
		i.IP("link", "add", "v"+n, "type", "veth", "peer", "name", "w"+n)
		i.IP("link", "set", "v"+n, "up")
		i.IP("link", "set", "w"+n, "up")
	}
	i.AddBridge("br-phy", "--", "add-port", "br-phy", "vphy")
	i.IP("link", "set", "br-phy", "up")
	i.IP("addr", "add", "172.31.0.1/24", "dev", "br-phy")
	i.AddBridge("br-int", "--", "set-fail-mode", "br-int", "secure", "--", "set", "bridge", "br-int", "protocols=OpenFlow10,OpenFlow13",
		"other-config:hwaddr=02:00:00:00:00:01", "external-ids:owner=test", "rstp_enable=true", "mcast_snooping_enable=true",
		"--", "set-controller", "br-int", "tcp:127.0.0.1:1", "--", "set-manager", "ptcp:0:127.0.0.1")
	tunnel := func(name, typ string, options ...string) {
		args := []string{"add-port", "br-int", name, "--", "set", "interface", name, "type=" + typ}
		for _, o := range options {
			args = append(args, "options:"+o)
		}
		i.Vsctl(args...)
	}
	tunnel("t-vxlan", "vxlan", `remote_ip=172.31.0.2`, "key=101", "dst_port=4790")
	tunnel("t-flow", "vxlan", "remote_ip=flow", "key=flow")
	tunnel("t-gre", "gre", `remote_ip=172.31.0.2`, `local_ip=172.31.0.1`)
	tunnel("t-geneve", "geneve", `remote_ip="fd00::2"`, "in_key=5", "out_key=0x3")
	tunnel("t-erspan", "erspan", `remote_ip=172.31.0.2`, "key=1", "erspan_ver=1", "erspan_idx=0x3")
	i.AddBridge("br-a", "--", "add-port", "br-a", "pa", "--", "set", "interface", "pa", "type=patch", "options:peer=pb",
		"--", "add-port", "br-int", "pb", "--", "set", "interface", "pb", "type=patch", "options:peer=pa",
		"--", "add-port", "br-int", "lone", "--", "set", "interface", "lone", "type=patch", "options:peer=nobody")
	i.AddBridge("br-bond", "--", "add-bond", "br-bond", "bond0", "v1a", "v1b", "bond_mode=active-backup", "lacp=passive",
		"--", "set", "port", "bond0", "other_config:lacp-time=fast", "trunks=10,20,30", "tag=30", "vlan_mode=native-untagged", "bond_updelay=100")
	i.Vsctl("add-port", "br-int", "int0", "--", "set", "interface", "int0", "type=internal", `mac="02:00:00:00:00:10"`,
		"external-ids:iface-id=vif-1", `external-ids:attached-mac="02:00:00:00:00:10"`, "ingress_policing_rate=1000", "ingress_policing_burst=100",
		"mtu_request=1400", "--", "set", "port", "int0", "tag=10",
		"--", "add-port", "br-int", "qinq", "--", "set", "interface", "qinq", "type=internal",
		"--", "set", "port", "qinq", "vlan_mode=dot1q-tunnel", "tag=20", "cvlans=1,2", "protected=true")
	i.Vsctl("add-port", "br-int", "mir0", "--", "set", "interface", "mir0", "type=internal")
	i.Vsctl("--", "--id=@a", "get", "port", "int0", "--", "--id=@b", "get", "port", "qinq", "--", "--id=@o", "get", "port", "mir0",
		"--", "--id=@m", "create", "mirror", "name=m0", "select-src-port=@a,@b", "select-dst-port=@a", "output-port=@o", "select_vlan=10", "snaplen=100",
		"--", "--id=@n", "create", "mirror", "name=m1", "select-src-port=@b", "output-vlan=99",
		"--", "set", "bridge", "br-int", "mirrors=@m,@n",
		"--", "--id=@q", "create", "qos", "type=linux-htb", "other-config:max-rate=1000000", "queues:0=@u", "queues:1=@w",
		"--", "--id=@u", "create", "queue", "dscp=10", "other-config:max-rate=500000", "--", "--id=@w", "create", "queue", "other-config:min-rate=1000",
		"--", "set", "port", "int0", "qos=@q")
	i.Vsctl("--", "--id=@s", "create", "sflow", "agent=lo", `target="127.0.0.1:6343"`, "header=128", "sampling=64", "polling=10",
		"--", "--id=@n", "create", "netflow", `targets="127.0.0.1:2055"`, "active_timeout=60",
		"--", "--id=@i", "create", "ipfix", `targets="127.0.0.1:4739"`, "obs_domain_id=1", "obs_point_id=2", "sampling=64",
		"--", "set", "bridge", "br-int", "sflow=@s", "netflow=@n", "ipfix=@i")
	other := netnstest.Add(t)
	i.Vsctl("add-port", "br-int", "moved", "--", "set", "interface", "moved", "type=internal")
	i.IP("link", "set", "moved", "netns", other)
	i.Vsctl("--no-wait", "add-port", "br-int", "missing")

	cfg := database.DefaultConfig()
	cfg.Endpoint = "unix:" + i.DBSocket()
	c, err := database.Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	byName := func(name string) *database.Interface {
		for _, i := range c.Tables().Interfaces {
			if i.Name == name {
				return i
			}
		}
		return &database.Interface{}
	}
	for byName("missing").Error == nil || byName("moved").MACInUse != nil || byName("t-vxlan").Status["tunnel_egress_iface"] == "" {
		if _, err := c.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.MarshalIndent(c.Tables(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("testdata/ovs.json", append(b, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
