package ofprobe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ovstest"
)

// lab is one real bridge and a probe of it.
type lab struct {
	*ovstest.Instance
	bridge Bridge
	world  *feedtest.World
	probe  *Probe
}

// protocols enables all versions at a bridge; 1.5 is not a default in each
// release.
const protocols = "protocols=OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15"

func newLab(t *testing.T, i *ovstest.Instance, name string, change func(*Config)) *lab {
	t.Helper()
	i.AddBridge(name, protocols, "fail_mode=secure")
	l := &lab{Instance: i, world: feedtest.New(t), bridge: Bridge{
		Name: name, Database: i.UUID("Open_vSwitch", "."), UUID: i.UUID("Bridge", name), Target: "unix:" + i.MgmtSocket(name),
	}}
	cfg := testConfig()
	cfg.Interval = 30 * time.Second
	change(&cfg)
	p, err := New(cfg, l.world.Accumulator(), testutil.Logger{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	p.Start(t.Context())
	t.Cleanup(p.Stop)
	p.Sync([]Bridge{l.bridge})
	l.probe = p
	l.agree(t, openflow.V10)
	return l
}

// target is how ovs-ofctl names the bridge.
func (l *lab) target() string { return "unix:" + l.MgmtSocket(l.bridge.Name) }

// dump is what ovs-ofctl says that the rules are.
func (l *lab) dump(v openflow.Version) (lines []string) {
	out := l.Ofctl("-O", v.String(), "--no-names", "--no-stats", "dump-flows", l.target())
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); strings.Contains(line, "actions=") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// line is what ovs-ofctl would print for a rule's entity.
func line(ev *entity.Event) string {
	get := func(path string) string { return feedtest.Text(ev, path) }
	var b strings.Builder
	part := func(prefix, value, usual string) {
		if value != usual && value != "" {
			b.WriteString(prefix + value + ", ")
		}
	}
	part("cookie=", get("Cookie"), "0x0")
	part("table=", get("Table"), "0")
	part("idle_timeout=", get("IdleTimeout"), "0")
	part("hard_timeout=", get("HardTimeout"), "0")
	for _, f := range ev.Attributes.Get("Flags").List() {
		b.WriteString(f.Str() + " ")
	}
	part("importance=", get("Importance"), "0")
	match := get("Match")
	if p := get("Priority"); p != "32768" {
		match = strings.TrimSuffix("priority="+p+","+match, ",")
	}
	if match != "" {
		match += " "
	}
	return b.String() + match + "actions=" + get("ActionsText")
}

// agree waits until the entities are what ovs-ofctl says, and returns how long
// that took.
func (l *lab) agree(t *testing.T, v openflow.Version) (rules int) {
	t.Helper()
	want := l.dump(v)
	l.world.Eventually(t, 20*time.Second, "the rules of ovs-ofctl", func(s feedtest.State) error {
		all := s.All(entity.TypeOFRule)
		if len(all) != len(want) {
			return fmt.Errorf("%d rules, want %d", len(all), len(want))
		}
		got := make([]string, 0, len(all))
		for i := range all {
			got = append(got, line(&all[i]))
		}
		slices.Sort(got)
		for i := range got {
			if got[i] != want[i] {
				return fmt.Errorf("rule %q, want %q", got[i], want[i])
			}
		}
		return nil
	})
	return len(want)
}

// flowFile writes n rules of some variety.
func flowFile(t *testing.T, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "table=%d,priority=%d,cookie=%#x,", i%8, 100+i%50, i)
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "tcp,nw_src=10.%d.%d.0/24,tp_dst=%d actions=mod_dl_src:02:00:00:00:%02x:%02x,output:%d\n", i>>8, i&255, 1000+i%500, i>>8, i&255, 1+i%9)
		case 1:
			fmt.Fprintf(&b, "in_port=%d,dl_dst=02:00:00:00:%02x:%02x actions=drop\n", 1+i%9, i>>8, i&255)
		case 2:
			fmt.Fprintf(&b, "ipv6,ipv6_dst=2001:db8::%x:%x/128 actions=resubmit(,%d)\n", i>>8, i&255, i%8+1)
		case 3:
			fmt.Fprintf(&b, "udp,reg0=%d,tp_src=%d/0xfff0 actions=load:%#x->NXM_NX_REG1[],output:%d\n", i, i&0xfff0, i, 1+i%9)
		}
	}
	path := filepath.Join(t.TempDir(), "flows")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOpenVSwitch5000 installs, modifies and deletes 5,000 rules and compares
// each time with what ovs-ofctl says, in each version.
func TestOpenVSwitch5000(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	i := ovstest.Start(t, ovstest.Config{})
	flows := flowFile(t, 5000)
	for v := openflow.V10; v <= openflow.V15; v++ {
		t.Run(v.String(), func(t *testing.T) {
			l := newLab(t, i, fmt.Sprint("br", v), func(c *Config) {
				c.Version = v
				if !(openflow.Dialect{Version: v}).CanMonitor() {
					c.Interval = time.Second
				}
			})
			start := time.Now()
			step := func(what string, want int, args ...string) {
				t.Helper()
				l.Ofctl(append([]string{args[0], l.target()}, args[1:]...)...)
				at := time.Now()
				n := l.agree(t, v)
				if n != want {
					t.Fatalf("%s: %d rules, want %d", what, n, want)
				}
				t.Logf("%s: %d rules, equal %v after ovs-ofctl ended", what, n, time.Since(at).Round(time.Millisecond))
			}
			step("installed", 5000, "add-flows", flows)
			step("other actions", 5000, "mod-flows", "table=1,actions=output:77")
			step("a table deleted", 4375, "del-flows", "table=1")
			l.Vsctl("del-br", l.bridge.Name)
			l.probe.Sync(nil)
			l.world.Eventually(t, patience, "the end of the bridge", nothing)
			t.Logf("in %v", time.Since(start).Round(time.Millisecond))
		})
	}
}

// TestOpenVSwitch plays what a controller does with few rules.
func TestOpenVSwitch(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	i := ovstest.Start(t, ovstest.Config{})
	l := newLab(t, i, "br0", func(c *Config) { c.Interval = 2 * time.Second })
	step := func(want int, args ...string) {
		t.Helper()
		l.Ofctl(append([]string{"-O", "OpenFlow15", "--strict", args[0], l.target()}, args[1:]...)...)
		if n := l.agree(t, openflow.V15); n != want {
			t.Fatalf("%v: %d rules, want %d", args, n, want)
		}
	}
	step(1, "add-flow", "priority=10,ip,nw_dst=10.0.0.1,actions=output:1")
	step(2, "add-flow", "priority=20,ip,nw_dst=10.0.0.1,actions=output:2") // superimposed
	step(3, "add-flow", "table=5,priority=20,ip,nw_dst=10.0.0.1,actions=output:2")
	step(3, "mod-flows", "priority=10,ip,nw_dst=10.0.0.1,actions=output:3,output:4") // actions only
	step(4, "add-flow", "cookie=0x1234,priority=30,udp,actions=drop")
	step(4, "add-flow", "cookie=0x99,priority=30,udp,actions=drop") // replaces it
	step(5, "add-flow", "priority=5,send_flow_rem,importance=7,idle_timeout=1000,hard_timeout=2000,actions=normal")
	step(4, "del-flows", "priority=30,udp")
	// A rule that ends by itself.
	l.Ofctl("add-flow", l.target(), "priority=40,icmp,idle_timeout=1,actions=drop")
	l.agree(t, openflow.V15)
	l.world.Eventually(t, patience, "the idle timeout", func(s feedtest.State) error {
		if n := len(s.All(entity.TypeOFRule)); n != 4 {
			return fmt.Errorf("%d rules", n)
		}
		return nil
	})

	group := func(want string) {
		t.Helper()
		l.world.Eventually(t, patience, "group "+want, func(s feedtest.State) error {
			var got []string
			for _, g := range s.All(entity.TypeOFGroup) {
				got = append(got, feedtest.Text(&g, "GroupId")+" "+feedtest.Text(&g, "GroupType")+" "+strconv.Itoa(len(g.Attributes.Get("Buckets").List())))
			}
			if fmt.Sprint(got) != want {
				return fmt.Errorf("groups are %v", got)
			}
			return nil
		})
	}
	for _, s := range [][]string{
		{"[7 select 2]", "add-group", "group_id=7,type=select,bucket=weight:1,actions=output:1,bucket=weight:2,actions=output:2"},
		{"[7 all 1]", "mod-group", "group_id=7,type=all,bucket=actions=output:1"},
		{"[]", "del-groups", "group_id=7"},
	} {
		l.Ofctl("-O", "OpenFlow15", s[1], l.target(), s[2])
		group(s[0])
	}

	// A restart of the switch loses its rules.
	l.KillSwitch()
	l.RestartSwitch()
	proctest.Eventually(t, patience, "the management socket", func() error {
		c, err := net.Dial("unix", l.MgmtSocket("br0"))
		if err != nil {
			return err
		}
		return c.Close()
	})
	step(1, "add-flow", "priority=1,actions=drop")

	l.Vsctl("del-br", "br0")
	l.probe.Sync(nil)
	l.world.Eventually(t, patience, "the end of the bridge", nothing)
}

// gated is a connection that is not read until its gate is closed (a channel).
type gated struct {
	net.Conn
	gate func() <-chan struct{}
}

func (g *gated) Read(b []byte) (int, error) {
	<-g.gate()
	return g.Conn.Read(b)
}

// TestOpenVSwitchPauses does not read while rules change in thousands, so that
// the switch pauses to tell them. In the end both agree.
func TestOpenVSwitchPauses(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	i := ovstest.Start(t, ovstest.Config{})
	flows := flowFile(t, 5000)
	for _, v := range []openflow.Version{openflow.V10, openflow.V13, openflow.V15} {
		t.Run(v.String(), func(t *testing.T) {
			var mu sync.Mutex
			ch := make(chan struct{})
			close(ch)
			l := newLab(t, i, fmt.Sprint("br", v), func(c *Config) {
				c.Version, c.Timeout = v, time.Minute
				c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
					if err != nil {
						return nil, err
					}
					return &gated{conn, func() <-chan struct{} { mu.Lock(); defer mu.Unlock(); return ch }}, nil
				}
			})
			shut := func() func() {
				mu.Lock()
				defer mu.Unlock()
				closed := make(chan struct{})
				ch = closed
				return sync.OnceFunc(func() { close(closed) })
			}
			l.Ofctl("--bundle", "add-flows", l.target(), flows)
			l.agree(t, v)
			open := shut()
			defer open()
			for round := range 10 {
				l.Ofctl("mod-flows", l.target(), fmt.Sprintf("table=%d,actions=output:%d", round%8, round+1))
				l.Ofctl("del-flows", l.target(), fmt.Sprintf("table=%d", (round+4)%8))
				l.Ofctl("--bundle", "add-flows", l.target(), flows)
			}
			l.Ofctl("del-flows", l.target(), "table=3")
			l.Ofctl("mod-flows", l.target(), "table=5,actions=output:99")
			open()
			l.agree(t, v)
			st := l.probe.Stats()[l.bridge.Name]
			t.Logf("%+v", st)
			if st.Pauses == 0 {
				t.Error("the switch never paused")
			}
		})
	}
}

// TestOpenVSwitchFresh is how soon a change is seen, in any version that the
// bridge allows.
func TestOpenVSwitchFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Open vSwitch")
	}
	l := newLab(t, ovstest.Start(t, ovstest.Config{}), "br0", func(*Config) {})
	l.Ofctl("add-flow", l.target(), "priority=10,ip,actions=output:1")
	start := time.Now()
	proctest.Eventually(t, patience, "the rule", func() (err error) {
		l.world.See(func(s feedtest.State) {
			if _, ok := s.Find(entity.TypeOFRule, "Name", "table=0,priority=10,ip"); !ok {
				err = errors.New("not there")
			}
		})
		return err
	})
	t.Logf("seen %v after ovs-ofctl ended", time.Since(start).Round(time.Millisecond))

	// The bridge is told to speak another version.
	l.Vsctl("set", "bridge", "br0", "protocols=OpenFlow13")
	l.Ofctl("-O", "OpenFlow13", "add-flow", l.target(), "priority=11,ip,actions=output:1")
	l.agree(t, openflow.V13)
	if st := l.probe.Stats()["br0"]; st.Version != openflow.V13 || !st.Monitored {
		t.Errorf("%+v", st)
	}
}
