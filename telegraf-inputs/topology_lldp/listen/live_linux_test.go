package listen

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

const limit = 10 * time.Second

// lab is a namespace that stands for the host, joined to another by a veth pair
// of which both ends are called eth0.
type lab struct {
	t          *testing.T
	host, peer string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, host: netnstest.Add(t), peer: netnstest.Add(t)}
	l.pair("eth0")
	return l
}

// pair makes a veth pair between both and waits until it has a carrier.
func (l *lab) pair(name string) {
	l.t.Helper()
	netnstest.Veth(l.t, l.host, name, l.peer, name)
	for _, ns := range []string{l.host, l.peer} {
		// Without IPv6 nobody but the test sends anything.
		netnstest.In(l.t, ns, "sysctl", "-qw", "net.ipv6.conf."+name+".disable_ipv6=1")
		netnstest.Run(l.t, "ip", "-n", ns, "link", "set", name, "up")
	}
}

// follow listens in the namespace of the host, and in others when change says so.
func (l *lab) follow(change func(*Config)) (*feedtest.World, *Listener) {
	l.t.Helper()
	cfg := DefaultConfig()
	cfg.HostID = "h1"
	cfg.RootNetNS = netnstest.Path(l.host)
	cfg.Namespaces = false
	cfg.ReopenMax = time.Second
	if change != nil {
		change(&cfg)
	}
	li, err := New(cfg, testutil.Logger{Name: l.t.Name()})
	if err != nil {
		l.t.Fatal(err)
	}
	w, f := feedtest.Follow(l.t, neighbor.Source("h1"), li)
	proctest.Eventually(l.t, limit, "the listener is ready", func() error {
		if !f.Stats().Connected {
			return fmt.Errorf("not connected: %+v", f.Stats())
		}
		return nil
	})
	return w, li
}

// iface returns the entity of an interface of a namespace.
func (l *lab) iface(namespace, name string) entity.Ref {
	l.t.Helper()
	id, err := netns.Stat(netnstest.Path(namespace))
	if err != nil {
		l.t.Fatal(err)
	}
	index := strings.TrimSpace(netnstest.In(l.t, namespace, "cat", "/sys/class/net/"+name+"/ifindex"))
	return entity.InterfaceRef("h1", strconv.FormatUint(id.Inode, 10), index)
}

// heard waits until a port of a name is joined to exactly these interfaces; none:
// until it is gone, with its switch.
func (l *lab) heard(w *feedtest.World, what, port string, at ...entity.Ref) {
	l.t.Helper()
	w.Eventually(l.t, limit, what, func(s feedtest.State) error {
		ev, ok := s.Find(entity.TypeSwitchPort, "Name", port)
		if len(at) == 0 {
			if n := len(s.All(entity.TypeSwitch)); ok || n > 0 {
				return fmt.Errorf("port %v, switches %d", ok, n)
			}
			return nil
		}
		if !ok {
			return fmt.Errorf("no port %s among %d", port, len(s.All(entity.TypeSwitchPort)))
		}
		if len(ev.Relationships) != 2+len(at) {
			return fmt.Errorf("%d relationships", len(ev.Relationships))
		}
		for _, ref := range at {
			if !feedtest.Related(&ev, entity.RelPeerOf, ref) {
				return fmt.Errorf("not joined to %v: %v", ref, ev.Relationships)
			}
		}
		sw := entity.SwitchRef(ev.ID.Get(entity.IDChassis))
		if _, ok := s.Entity(sw); !ok || !feedtest.Related(&ev, entity.RelPartOf, sw) || !feedtest.Related(&ev, entity.RelMemberOf, sw) {
			return fmt.Errorf("switch %v of %v", sw, ev.Relationships)
		}
		return nil
	})
}

// until waits for figures of the listener.
func until(t *testing.T, li *Listener, what string, ok func(Stats) bool) {
	t.Helper()
	proctest.Eventually(t, limit, what, func() error {
		if s := li.Stats(); !ok(s) {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

func TestFrames(t *testing.T) {
	l := newLab(t)
	w, li := l.follow(nil)
	here := l.iface(l.host, "eth0")
	until(t, li, "eth0 is listened on", func(s Stats) bool { return s.Interfaces == 1 })
	send := func(frames ...[]byte) { lldptest.Send(t, l.peer, "eth0", frames...) }

	send(lldptest.LLDP(lldptest.PDU("sw", "p1", 120)))
	l.heard(w, "a neighbour", "p1", here)
	send(lldptest.LLDP(lldptest.PDU("sw", "p1", 120, lldptest.Text(4, "uplink"))))
	l.heard(w, "what it says changes", "uplink", here)
	send(lldptest.LLDP(lldptest.PDU("sw", "p1", 0)))
	l.heard(w, "it shuts down", "uplink")

	send(lldptest.Tagged(lldptest.LLDP(lldptest.PDU("sw", "prio", 120)), 5<<13))
	l.heard(w, "a frame with a priority tag", "prio", here)
	send(lldptest.LLDP(lldptest.PDU("sw", "prio", 1)))
	l.heard(w, "its time to live is over", "prio")

	send(lldptest.CDP(lldptest.CDPPacket("cisco", "Gi0/1", 180)))
	l.heard(w, "a neighbour by CDP", "Gi0/1", here)
	send(lldptest.CDP(lldptest.CDPPacket("cisco", "Gi0/1", 0)))
	l.heard(w, "it shuts down", "Gi0/1")

	before := li.Stats()
	cut := lldptest.LLDP(lldptest.PDU("sw", "p1", 120, lldptest.Text(4, string(make([]byte, 100)))))
	send(
		cut[:70],                             // ends within a TLV
		lldptest.LLDP(lldptest.TLV(3, 0, 1)), // begins with the TTL
		lldptest.LLDP(lldptest.TLV(1, 7)),    // an empty ID
		lldptest.CDP([]byte{9, 180, 0, 0}),   // of an unknown version
		lldptest.Tagged(lldptest.LLDP(lldptest.PDU("sw", "vlan", 120)), 100), // of a VLAN: not let through
	)
	until(t, li, "malformed frames are counted", func(s Stats) bool {
		return s.Short == before.Short+1 && s.Mandatory == before.Mandatory+1 && s.ID == before.ID+1 && s.Other == before.Other+1
	})
	// What the host itself sends is no neighbour.
	lldptest.Send(t, l.host, "eth0", lldptest.LLDP(lldptest.PDU("self", "eth0", 120)))
	send(lldptest.LLDP(lldptest.PDU("sw", "last", 120)))
	l.heard(w, "the last frame", "last", here)
	w.See(func(s feedtest.State) {
		if n := len(s.All(entity.TypeSwitchPort)); n != 1 {
			t.Errorf("%d ports, want 1", n)
		}
	})
	if s := li.Stats(); s.Expired != 1 || s.Shutdown != 2 || s.LLDP != 6 || s.CDP != 2 || s.KernelDrops != 0 || s.Errors != 0 {
		t.Errorf("%+v", s)
	}
}

// TestFlood: a flood costs no more than it may, and is over when it is.
func TestFlood(t *testing.T) {
	l := newLab(t)
	w, li := l.follow(func(c *Config) { c.MaxNeighbors = 2 })
	until(t, li, "eth0 is listened on", func(s Stats) bool { return s.Interfaces == 1 })
	var flood [][]byte
	for i := range 3000 {
		flood = append(flood, lldptest.LLDP(lldptest.PDU("flood", fmt.Sprint("p", i), 1)))
	}
	lldptest.Send(t, l.peer, "eth0", flood...)
	until(t, li, "frames are dropped", func(s Stats) bool { return s.Limited+s.KernelDrops > 0 && s.Overflow > 0 })
	if s := li.Stats(); s.Neighbors > 2 || s.Added > 2 {
		t.Errorf("%+v", s)
	}
	until(t, li, "all are forgotten", func(s Stats) bool { return s.Neighbors == 0 })
	send := func() {
		lldptest.Send(t, l.peer, "eth0", lldptest.LLDP(lldptest.PDU("sw", "p1", 120)))
	}
	proctest.Eventually(t, limit, "others are heard again", func() error {
		send()
		if s := li.Stats(); s.Neighbors == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	l.heard(w, "a neighbour after the flood", "p1", l.iface(l.host, "eth0"))
}

// TestLinks: neighbours go with the carrier and the interface; bridges hide
// nothing; several interfaces hear one port.
func TestLinks(t *testing.T) {
	l := newLab(t)
	w, li := l.follow(func(c *Config) { c.ExcludeInterfaces = []string{"skip*"} })
	here := l.iface(l.host, "eth0")
	frame := lldptest.LLDP(lldptest.PDU("sw", "p1", 120))
	cdp := lldptest.CDP(lldptest.CDPPacket("sw", "p2", 180))
	ready := func(n int64) {
		t.Helper()
		until(t, li, "interfaces are listened on", func(s Stats) bool { return s.Interfaces == n })
	}
	ready(1)
	lldptest.Send(t, l.peer, "eth0", frame)
	l.heard(w, "a neighbour", "p1", here)
	netnstest.Run(t, "ip", "-n", l.peer, "link", "set", "eth0", "down")
	l.heard(w, "no carrier", "p1")
	netnstest.Run(t, "ip", "-n", l.peer, "link", "set", "eth0", "up")

	l.pair("eth1")
	l.pair("skip0")
	ready(2)
	lldptest.Send(t, l.peer, "eth0", frame)
	lldptest.Send(t, l.peer, "eth1", frame)
	lldptest.Send(t, l.peer, "skip0", frame)
	l.heard(w, "heard twice", "p1", here, l.iface(l.host, "eth1"))
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", "eth1", "down")
	ready(1)
	l.heard(w, "heard once", "p1", here)

	// A port of a bridge, which takes its frames.
	netnstest.Run(t, "ip", "-n", l.host, "link", "add", "br0", "type", "bridge")
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", "br0", "up")
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", "eth0", "master", "br0")
	lldptest.Send(t, l.peer, "eth0", lldptest.LLDP(lldptest.PDU("sw", "p1", 0)))
	l.heard(w, "told to go as a port of a bridge", "p1")
	lldptest.Send(t, l.peer, "eth0", cdp)
	l.heard(w, "CDP at a port of a bridge", "p2", here)

	netnstest.Run(t, "ip", "-n", l.host, "link", "del", "eth0")
	l.heard(w, "the interface is gone", "p2")
	ready(0)
}

// TestNamespaces: an interface moves into a namespace that comes and goes.
func TestNamespaces(t *testing.T) {
	l := newLab(t)
	other := netnstest.Add(t)
	name := fmt.Sprintf("lldp%d", os.Getpid()) // other tests run beside
	w, li := l.follow(func(c *Config) {
		c.Namespaces = true
		c.Discovery.Processes = false
		c.Interfaces = []string{name}
	})
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", "eth0", "down")
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", "eth0", "name", name)
	netnstest.Run(t, "ip", "-n", l.host, "link", "set", name, "up")
	until(t, li, "the renamed interface is listened on", func(s Stats) bool { return s.Interfaces == 1 })
	frame := lldptest.LLDP(lldptest.PDU("sw", "p1", 120))
	lldptest.Send(t, l.peer, "eth0", frame)
	l.heard(w, "a neighbour", "p1", l.iface(l.host, name))

	netnstest.Run(t, "ip", "-n", l.host, "link", "set", name, "netns", other)
	l.heard(w, "the interface moved", "p1")
	netnstest.Run(t, "ip", "-n", other, "link", "set", name, "up")
	until(t, li, "it is listened on there", func(s Stats) bool { return s.Interfaces == 1 })
	lldptest.Send(t, l.peer, "eth0", frame)
	l.heard(w, "heard in the other namespace", "p1", l.iface(other, name))
	netnstest.Run(t, "ip", "netns", "del", other)
	l.heard(w, "the namespace is gone", "p1")
	until(t, li, "no interface is left", func(s Stats) bool { return s.Interfaces == 0 })
}

// TestLLDPD has two of lldpd talk to each other, and listens beside one.
func TestLLDPD(t *testing.T) {
	lldptest.Need(t)
	l := newLab(t)
	lldptest.Start(t, l.host, "near", 3)
	far := lldptest.Start(t, l.peer, "far", 2)
	w, li := l.follow(nil)
	here := l.iface(l.host, "eth0")
	back, _ := (&lab{t: t, host: l.peer}).follow(nil)

	l.heard(w, "the far one is heard", "eth0", here)
	l.heard(back, "the near one is heard", "eth0", l.iface(l.peer, "eth0"))
	mac := macOf(t, l.peer)
	w.See(func(s feedtest.State) {
		sw, ok := s.Entity(entity.SwitchRef("mac:" + mac))
		port, ok2 := s.Entity(entity.SwitchPortRef("mac:"+mac, "mac:"+mac))
		if !ok || !ok2 || feedtest.Text(&sw, "Name") != "far" || feedtest.Text(&sw, "LLDP.Description") != "test of far" ||
			feedtest.Text(&sw, "LLDP.ChassisID") != mac || feedtest.Text(&port, "LLDP.PortIDType") != "MAC Address" ||
			feedtest.Text(&port, "LLDP.TTL") != "2" {
			a, _ := json.Marshal(sw.Attributes)
			b, _ := json.Marshal(port.Attributes)
			t.Errorf("switch %v %s, port %v %s", ok, a, ok2, b)
		}
	})
	far.Configure("system", "hostname", "renamed")
	w.Eventually(t, limit, "its new name is seen", func(s feedtest.State) error {
		if _, ok := s.Find(entity.TypeSwitch, "Name", "renamed"); !ok {
			return fmt.Errorf("%d switches, frames %+v", len(s.All(entity.TypeSwitch)), li.Stats())
		}
		return nil
	})
	far.Kill()
	began := time.Now()
	l.heard(w, "it was killed", "eth0")
	t.Logf("gone %v after it was killed, with a time to live of 2 s", time.Since(began).Round(10*time.Millisecond))

	far = lldptest.Start(t, l.peer, "far", 120)
	l.heard(w, "it is back", "eth0", here)
	began = time.Now()
	far.Stop()
	l.heard(w, "it was stopped", "eth0")
	t.Logf("gone %v after it was stopped, with a time to live of 120 s", time.Since(began).Round(10*time.Millisecond))
}

// TestBothProtocols hears one lldpd by LLDP and by CDP: one switch with one port.
func TestBothProtocols(t *testing.T) {
	lldptest.Need(t)
	l := newLab(t)
	w, _ := l.follow(nil)
	lldptest.Start(t, l.peer, "far", 120, "-l", "-ccccc") // both whether somebody answers or not
	w.Eventually(t, limit, "one switch that is heard twice", func(s feedtest.State) error {
		switches, ports := s.All(entity.TypeSwitch), s.All(entity.TypeSwitchPort)
		if len(switches) != 1 || len(ports) != 1 {
			return fmt.Errorf("%d switches, %d ports", len(switches), len(ports))
		}
		for _, path := range []string{"LLDP.ChassisID", "LLDP.SysName", "CDP.DeviceID", "CDP.Platform"} {
			if feedtest.Text(&switches[0], path) == "" {
				return fmt.Errorf("no %s", path)
			}
		}
		if got := feedtest.Text(&ports[0], "CDP.PortID"); got != "eth0" || feedtest.Text(&ports[0], "LLDP.PortID") != macOf(t, l.peer) {
			return fmt.Errorf("port %q", got)
		}
		return nil
	})
}

func macOf(t *testing.T, namespace string) string {
	t.Helper()
	mac, err := net.ParseMAC(strings.TrimSpace(netnstest.In(t, namespace, "cat", "/sys/class/net/eth0/address")))
	if err != nil {
		t.Fatal(err)
	}
	return mac.String()
}

// TestRights: without the right to open packet sockets the error says which.
func TestRights(t *testing.T) {
	netnstest.Need(t)
	prog, err := program(true, true)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			got <- err
			return
		}
		_, err := openSocket(prog, nil)
		got <- err
	}()
	if err := <-got; !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("got %v", err)
	}
}
