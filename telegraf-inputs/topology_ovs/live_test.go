package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

const patience = 20 * time.Second

// lab is an Open vSwitch and the plugin that reports it.
type lab struct {
	*ovstest.Instance
	world *feedtest.World
	log   *testutil.CaptureLogger
	plug  *TopologyOVS
}

func newLab(t *testing.T) *lab {
	t.Helper()
	return startLab(t, func(*TopologyOVS) {})
}

func startLab(t *testing.T, change func(*TopologyOVS)) *lab {
	t.Helper()
	l := &lab{Instance: ovstest.Start(t, ovstest.Config{}), log: &testutil.CaptureLogger{}}
	l.plug = New()
	l.plug.HostID, l.plug.Servers, l.plug.Log = "h1", []string{"unix:" + l.DBSocket()}, l.log
	change(l.plug)
	l.world = feedtest.Run(t, l.plug)
	return l
}

// sees waits until an entity of a type and name is as wanted.
func (l *lab) sees(t *testing.T, typ, name string, want func(s feedtest.State, ev *entity.Event) error) {
	t.Helper()
	l.world.Eventually(t, patience, typ+" "+name, func(s feedtest.State) error {
		ev, ok := s.Find(typ, "Name", name)
		if !ok {
			return errors.New("not there")
		}
		if want == nil {
			return nil
		}
		return want(s, &ev)
	})
}

// has returns a check of texts at paths, given in turn.
func has(pathsAndTexts ...string) func(feedtest.State, *entity.Event) error {
	return func(_ feedtest.State, ev *entity.Event) error {
		for i := 0; i < len(pathsAndTexts); i += 2 {
			if got := feedtest.Text(ev, pathsAndTexts[i]); got != pathsAndTexts[i+1] {
				return fmt.Errorf("%s is %q, want %q", pathsAndTexts[i], got, pathsAndTexts[i+1])
			}
		}
		return nil
	}
}

func (l *lab) absent(t *testing.T, typ, name string) {
	t.Helper()
	l.world.Eventually(t, patience, typ+" "+name+" is gone", func(s feedtest.State) error {
		if _, ok := s.Find(typ, "Name", name); ok {
			return errors.New("still there")
		}
		return nil
	})
}

func related(relation, typ, name string) func(feedtest.State, *entity.Event) error {
	return func(s feedtest.State, ev *entity.Event) error {
		to, ok := s.Find(typ, "Name", name)
		if !ok || !feedtest.Related(ev, relation, to.Ref) {
			return fmt.Errorf("no %s of %s %s in %+v", relation, typ, name, ev.Relationships)
		}
		return nil
	}
}

func TestLiveTopology(t *testing.T) {
	l := newLab(t)
	l.sees(t, "ovs", l.NetNS, has("Type", "ovs", "ExtID.system-id", l.NetNS))
	id, err := netns.Stat(netnstest.Path(l.NetNS))
	if err != nil {
		t.Fatal(err)
	}

	// A bridge with its own port and an internal one (BridgeOVS, InterfaceOVS).
	// Without rules: the tunnels below lead back into the bridge that carries them.
	l.AddBridge("br0", "--", "set-fail-mode", "br0", "secure",
		"--", "add-port", "br0", "int0", "--", "set", "interface", "int0", "type=internal", "external-ids:iface-id=vif1")
	l.sees(t, "ovsbridge", "br0", has("Ovs.DatapathType", "netdev"))
	l.sees(t, "ovsport", "br0", related("member_of", "ovsbridge", "br0"))
	l.sees(t, "ovsport", "int0", related("part_of", "ovsbridge", "br0"))
	l.sees(t, "ovsinterface", "int0", related("member_of", "ovsport", "int0"))
	l.sees(t, "ovsinterface", "int0", l.kernels("int0"))
	l.sees(t, "ovsinterface", "int0", has("Type", "internal", "ExtID.iface-id", "vif1", "Ovs.HostID", "h1",
		"Ovs.NetNS", strconv.FormatUint(id.Inode, 10), "Ovs.Bridge", "br0", "Driver", "tun"))

	// Patch ports (PatchOVS) and tunnels (OVSOwnershipLink).
	l.IP("addr", "add", "10.99.0.1/24", "dev", "int0")
	l.IP("link", "set", "int0", "up")
	l.AddBridge("br1", "--", "set-fail-mode", "br1", "secure")
	l.Vsctl("add-port", "br0", "pa", "--", "set", "interface", "pa", "type=patch", "options:peer=pb",
		"--", "add-port", "br1", "pb", "--", "set", "interface", "pb", "type=patch", "options:peer=pa")
	l.sees(t, "ovsinterface", "pa", related("peer_of", "ovsinterface", "pb"))
	l.sees(t, "ovsinterface", "pb", related("peer_of", "ovsinterface", "pa"))
	l.sees(t, "ovsinterface", "pa", related("part_of", "ovsbridge", "br0"))
	for _, typ := range []string{"vxlan", "gre", "geneve", "erspan"} {
		args := []string{"add-port", "br0", "t-" + typ, "--", "set", "interface", "t-" + typ, "type=" + typ, "options:remote_ip=10.99.0.2", "options:key=7"}
		if typ == "erspan" {
			args = append(args, "options:erspan_ver=1", "options:erspan_idx=1")
		}
		l.Vsctl(args...)
		l.sees(t, "ovsinterface", "t-"+typ, related("part_of", "ovsbridge", "br0"))
		l.sees(t, "ovsinterface", "t-"+typ, has("Type", typ, "RemoteIP", "10.99.0.2", "LocalIP", "10.99.0.1", "Ovs.TunnelKey", "7"))
	}
	l.Vsctl("set", "interface", "t-gre", "options:local_ip=10.99.0.77")
	l.sees(t, "ovsinterface", "t-gre", has("LocalIP", "10.99.0.77"))

	// A device that is not there.
	l.Vsctl("--no-wait", "add-port", "br1", "nothere")
	l.sees(t, "ovsinterface", "nothere", has("Ovs.Error", "could not open network device nothere (No such device)"))
	l.sees(t, "ovsinterface", "nothere", related("part_of", "ovsbridge", "br1"))
	l.Vsctl("--no-wait", "del-port", "br1", "nothere")
	l.absent(t, "ovsinterface", "nothere")

	// An internal port moves into another namespace (NameSpaceOVSInterface).
	other := netnstest.Add(t)
	l.IP("link", "set", "int0", "netns", other)
	l.sees(t, "ovsinterface", "int0", has("IfIndex", "", "MAC", "", "Type", "internal"))

	// All goes with the bridge.
	l.Vsctl("del-br", "br1")
	l.absent(t, "ovsinterface", "pb")
	l.absent(t, "ovsport", "pb")
	l.absent(t, "ovsbridge", "br1")
	l.sees(t, "ovsinterface", "pa", func(_ feedtest.State, ev *entity.Event) error {
		if slices.ContainsFunc(ev.Relationships, func(r entity.Relationship) bool { return r.Type == entity.RelPeerOf }) {
			return errors.New("still has its peer")
		}
		return nil
	})
	l.equal(t)
}

// link is what the kernel says of a device of the instance's namespace; empty when
// it is not there.
func (l *lab) link(name string) (index, mac string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "ip", "-n", l.NetNS, "-j", "link", "show", name).Output()
	var links []struct {
		IfIndex int    `json:"ifindex"`
		Address string `json:"address"`
	}
	if err != nil || json.Unmarshal(out, &links) != nil || len(links) != 1 {
		return "", ""
	}
	return strconv.Itoa(links[0].IfIndex), links[0].Address
}

// kernels is a check that index and MAC are those that the kernel gave.
func (l *lab) kernels(name string) func(feedtest.State, *entity.Event) error {
	return func(s feedtest.State, ev *entity.Event) error {
		index, mac := l.link(name)
		if index == "" {
			return errors.New("the kernel has no such device")
		}
		return has("IfIndex", index, "MAC", mac)(s, ev)
	}
}

// equal waits until the entities are the rows that ovs-vsctl lists, by UUID and
// name.
func (l *lab) equal(t *testing.T) {
	t.Helper()
	want := make(map[string]string)
	for table, typ := range map[string]string{"Bridge": "ovsbridge", "Port": "ovsport", "Interface": "ovsinterface"} {
		for _, row := range l.Rows(table) {
			var uuid [2]string
			var name string
			if json.Unmarshal(row["_uuid"], &uuid) != nil || json.Unmarshal(row["name"], &name) != nil {
				t.Fatalf("row of %s: %s", table, row)
			}
			want[typ+" "+uuid[1]] = name
		}
	}
	l.world.Eventually(t, patience, "entities are rows", func(s feedtest.State) error {
		got := make(map[string]string)
		for _, typ := range []string{"ovsbridge", "ovsport", "ovsinterface"} {
			for _, ev := range s.All(typ) {
				got[typ+" "+ev.ID.Get(entity.IDUUID)] = feedtest.Text(&ev, "Name")
			}
		}
		for k, name := range want {
			if got[k] != name {
				return fmt.Errorf("%s is %q, want %q", k, got[k], name)
			}
			delete(got, k)
		}
		if len(got) > 0 {
			return fmt.Errorf("more than there is: %v", got)
		}
		return nil
	})
}

func TestLiveBondMirrorQoS(t *testing.T) {
	l := newLab(t)
	for _, n := range []string{"a", "b"} {
		l.IP("link", "add", "b1"+n, "type", "veth", "peer", "name", "b2"+n)
		l.IP("link", "set", "b1"+n, "up")
		l.IP("link", "set", "b2"+n, "up")
	}
	for _, n := range []string{"1", "2"} {
		l.AddBridge("br"+n, "--", "add-bond", "br"+n, "bond"+n, "b"+n+"a", "b"+n+"b", "bond_mode=balance-tcp", "lacp=active",
			"--", "set", "port", "bond"+n, "other_config:lacp-time=fast", "trunks=10,20", "vlan_mode=trunk")
	}
	l.sees(t, "ovsport", "bond1", has("BondMode", "balance-tcp", "LACP", "active", "Vlans", "[10,20]", "Ovs.VLANMode", "trunk"))
	for _, n := range []string{"b1a", "b1b"} {
		l.sees(t, "ovsinterface", n, related("member_of", "ovsport", "bond1"))
		l.sees(t, "ovsinterface", n, has("Ovs.LACPCurrent", "true", "Type", "system"))
	}

	l.Vsctl("add-port", "br1", "src", "--", "set", "interface", "src", "type=internal", "--", "set", "port", "src", "tag=10",
		"--", "add-port", "br1", "tap0", "--", "set", "interface", "tap0", "type=internal")
	l.Vsctl("--", "--id=@s", "get", "port", "src", "--", "--id=@o", "get", "port", "tap0",
		"--", "--id=@m", "create", "mirror", "name=m0", "select-src-port=@s", "select-dst-port=@s", "output-port=@o", "--", "set", "bridge", "br1", "mirrors=@m",
		"--", "--id=@q", "create", "qos", "type=linux-htb", "other-config:max-rate=1000000", "queues:1=@u",
		"--", "--id=@u", "create", "queue", "dscp=10", "other-config:max-rate=500000", "--", "set", "port", "src", "qos=@q")
	l.sees(t, "ovsbridge", "br1", has("Ovs.Mirrors.Name", "m0", "Ovs.Mirrors.SelectSrcPort", `["src"]`, "Ovs.Mirrors.OutputPort", `["tap0"]`))
	l.sees(t, "ovsport", "src", related("mirror", "ovsport", "tap0"))
	l.sees(t, "ovsport", "src", has("Ovs.Tag", "10", "Ovs.QoS.Type", "linux-htb", "Ovs.QoS.Queues.DSCP", "10"))
	l.Vsctl("set-controller", "br1", "tcp:127.0.0.1:1", "--", "set-fail-mode", "br1", "secure")
	l.sees(t, "ovsbridge", "br1", has("Ovs.Controllers.Connected", "false", "Ovs.Controllers.Target", "tcp:127.0.0.1:1", "Ovs.FailMode", "secure"))
	l.Vsctl("clear", "bridge", "br1", "mirrors", "--", "clear", "port", "src", "qos", "--", "--all", "destroy", "qos", "--", "--all", "destroy", "queue")
	l.sees(t, "ovsbridge", "br1", has("Ovs.Mirrors", ""))
	l.sees(t, "ovsport", "src", func(_ feedtest.State, ev *entity.Event) error {
		if len(ev.Relationships) != 2 || feedtest.Text(ev, "Ovs.QoS") != "" {
			return fmt.Errorf("%+v", ev)
		}
		return nil
	})
	l.equal(t)
}

func TestLiveStatistics(t *testing.T) {
	l := newLab(t)
	l.AddBridge("br0", "--", "add-port", "br0", "t0", "--", "set", "interface", "t0", "type=vxlan", "options:remote_ip=10.99.0.2")
	l.sees(t, "ovsinterface", "t0", nil)
	tunnel, _ := l.find("ovsinterface", "t0")
	proctest.Eventually(t, patience, "both metrics of the tunnel, one of the bridge's port", func() error {
		if err := l.plug.Gather(l.world.Accumulator()); err != nil {
			return err
		}
		names := func(measurement string) (out []string) {
			for _, m := range l.world.Metrics(measurement) {
				name, _ := m.GetTag("interface")
				id, _ := m.GetTag("entity")
				if name == "t0" && id != tunnel.UUID().String() {
					return nil
				}
				out = append(out, name)
			}
			slices.Sort(out)
			return slices.Compact(out)
		}
		all, known := names(measurement), names(entity.MeasurementInterface)
		if !slices.Equal(all, []string{"br0", "t0"}) || !slices.Equal(known, []string{"t0"}) {
			return fmt.Errorf("%v and %v", all, known)
		}
		return nil
	})
}

func (l *lab) find(typ, name string) (ev entity.Event, ok bool) {
	l.world.See(func(s feedtest.State) { ev, ok = s.Find(typ, "Name", name) })
	return ev, ok
}
