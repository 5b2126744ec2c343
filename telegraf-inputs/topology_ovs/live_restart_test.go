package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
)

func TestLiveRestarts(t *testing.T) {
	l := newLab(t)
	l.AddBridge("br0", "--", "add-port", "br0", "stays", "--", "set", "interface", "stays", "type=internal",
		"--", "add-port", "br0", "goes", "--", "set", "interface", "goes", "type=internal")
	l.sees(t, "ovsinterface", "stays", l.kernels("stays"))
	l.sees(t, "ovsinterface", "goes", nil)
	l.sees(t, "ovs", l.NetNS, nil)
	l.equal(t)
	var before feedtest.State
	l.world.See(func(s feedtest.State) { before = s })
	index, mac := l.link("stays")

	whole := l.watch("stays", has("IfIndex", index, "MAC", mac))
	l.KillDB()
	l.world.Eventually(t, patience, "the break is noticed", func(feedtest.State) error {
		if l.plug.feeds.Stats()[0].Connected {
			return errors.New("still connected")
		}
		return nil
	})
	// What is changed now is changed while nobody looks.
	l.IP("link", "set", "lo", "up")
	l.RestartDB()
	l.Vsctl("--no-wait", "del-port", "goes", "--", "add-port", "br0", "comes", "--", "set", "interface", "comes", "type=internal")
	l.absent(t, "ovsinterface", "goes")
	l.sees(t, "ovsinterface", "comes", nil)
	l.equal(t)
	if err := whole(); err != nil {
		t.Errorf("while the server was away: %v", err)
	}
	l.world.See(func(s feedtest.State) {
		if d := s.Deleted - before.Deleted; d != 2 {
			t.Errorf("%d entities were deleted, want the port that went and its interface", d)
		}
		ev, _ := s.Find("ovsinterface", "Name", "stays")
		if err := has("IfIndex", index, "MAC", mac)(s, &ev); err != nil {
			t.Error(err)
		}
	})

	l.KillSwitch()
	l.RestartSwitch()
	l.sees(t, "ovsinterface", "comes", l.kernels("comes"))
	l.equal(t)
	if w := strings.Join(l.log.Errors(), "\n"); w != "" {
		t.Errorf("errors were logged: %s", w)
	}
}

// watch looks at an interface all the time, until the function that it returns is
// called, which tells when it was not as wanted.
func (l *lab) watch(name string, want func(feedtest.State, *entity.Event) error) func() error {
	stop, result := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			ev, ok := l.find("ovsinterface", name)
			err := errors.New("not there")
			if ok {
				err = want(feedtest.State{}, &ev)
			}
			if err != nil {
				result <- err
				return
			}
			select {
			case <-stop:
				result <- nil
				return
			case <-tick.C:
			}
		}
	}()
	return func() error {
		close(stop)
		return <-result
	}
}

// TestLiveRandom changes the database at random, some of it while its server is
// away, and wants the entities to be its rows.
func TestLiveRandom(t *testing.T) {
	l := newLab(t)
	r := mrand.New(mrand.NewPCG(7, 7))
	name := func(kind string) string { return fmt.Sprint(kind, r.IntN(4)) }
	for step := range 60 {
		if step == 30 {
			l.KillDB()
			l.RestartDB()
		}
		b, p := name("br"), name("p")
		add := func(settings ...string) []string {
			return append([]string{"--may-exist", "add-br", b, "--", "set", "bridge", b, "datapath_type=netdev", "fail_mode=secure",
				"--", "--if-exists", "del-port", p, "--", "add-port", b, p, "--", "set", "interface", p}, settings...)
		}
		var args []string
		switch r.IntN(6) {
		case 0:
			args = []string{"--if-exists", "del-br", b}
		case 1:
			args = []string{"--if-exists", "del-port", p}
		case 2:
			args = add("type=internal")
		case 3:
			args = add("type=vxlan", "options:remote_ip=10.0.0.9", fmt.Sprint("options:key=", r.IntN(9)))
		case 4:
			args = add("type=patch", "options:peer="+name("p"))
		default:
			args = append(add("type=internal"), "--", "set", "port", p, fmt.Sprint("tag=", 1+r.IntN(9)))
		}
		l.Vsctl(append([]string{"--no-wait"}, args...)...)
	}
	l.equal(t)
}

// TestLiveOpenFlow: the rules of a bridge come and go with it.
func TestLiveOpenFlow(t *testing.T) {
	l := startLab(t, func(p *TopologyOVS) { p.Enabled = true })
	l.AddBridge("br0", "--", "set", "bridge", "br0", "protocols=OpenFlow10,OpenFlow13,OpenFlow14,OpenFlow15")
	count := func(want int) {
		t.Helper()
		l.world.Eventually(t, patience, fmt.Sprint(want, " rules"), func(s feedtest.State) error {
			rules := s.All(entity.TypeOFRule)
			if len(rules) != want {
				return fmt.Errorf("%d rules", len(rules))
			}
			bridge, _ := s.Find("ovsbridge", "Name", "br0")
			for _, r := range rules {
				if !feedtest.Related(&r, "part_of", bridge.Ref) {
					return fmt.Errorf("%+v is not part of br0", r)
				}
			}
			return nil
		})
	}
	count(1) // NORMAL
	l.Ofctl("add-flow", "unix:"+l.MgmtSocket("br0"), "tcp,tp_dst=80,actions=drop")
	count(2)
	l.Vsctl("del-br", "br0")
	count(0)
}
