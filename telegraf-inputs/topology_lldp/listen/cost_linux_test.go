package listen

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldptest"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// TestMany listens on 200 interfaces in 50 namespaces, and logs what it costs.
func TestMany(t *testing.T) {
	const spaces, each = 50, 4
	names := make([]string, spaces)
	for i := range names {
		names[i] = netnstest.Add(t)
	}
	// Two pairs between each namespace and the next: four interfaces in each.
	for i, name := range names {
		next := names[(i+1)%spaces]
		var batch strings.Builder
		for j := range each / 2 {
			fmt.Fprintf(&batch, "link add many-%da type veth peer name many-%db netns %s\nlink set many-%da up\n", j, j, next, j)
		}
		file := filepath.Join(t.TempDir(), "batch")
		if err := os.WriteFile(file, []byte(batch.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		netnstest.Run(t, "ip", "-n", name, "-batch", file)
		netnstest.Run(t, "ip", "-n", next, "link", "set", "many-0b", "up")
		netnstest.Run(t, "ip", "-n", next, "link", "set", "many-1b", "up")
	}
	cfg := DefaultConfig()
	cfg.HostID = "h1"
	cfg.RootNetNS = netnstest.Path(names[0])
	cfg.Discovery.Processes = false
	cfg.Interfaces = []string{"many-*"}
	li, err := New(cfg, testutil.Logger{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	before, cpu, began := memory(), cpuTime(t), time.Now()
	w, _ := feedtest.Follow(t, neighbor.Source("h1"), li)
	until(t, li, "all interfaces are listened on", func(s Stats) bool { return s.Interfaces == spaces*each })
	t.Logf("%d interfaces in %d namespaces after %v, %v of CPU, %d KiB of heap and stacks, %d goroutines",
		spaces*each, spaces, time.Since(began).Round(time.Millisecond), cpuTime(t)-cpu, (memory()-before)>>10, runtime.NumGoroutine())

	for i, name := range names {
		for j := range each / 2 {
			pdu := lldptest.PDU(fmt.Sprintf("sw%d", i), fmt.Sprintf("p%d", j), 120, lldptest.Text(5, "switch"))
			lldptest.Send(t, name, fmt.Sprintf("many-%da", j), lldptest.LLDP(pdu))
			lldptest.Send(t, name, fmt.Sprintf("many-%db", j), lldptest.LLDP(pdu))
		}
	}
	w.Eventually(t, limit, "all neighbours are there", func(s feedtest.State) error {
		joined := 0
		for _, ev := range s.All(entity.TypeSwitchPort) {
			joined += len(ev.Relationships) - 2
		}
		if n := len(s.All(entity.TypeSwitch)); n != spaces || joined != spaces*each {
			return fmt.Errorf("%d switches joined to %d interfaces", n, joined)
		}
		return nil
	})
}

func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Round(time.Millisecond)
}

// TestRecorded sends a well-known frame to an interface.
func TestRecorded(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "pcaps", "lldp-detailed.pcap"))
	if err != nil {
		t.Skip("the capture lldp-detailed.pcap is not here")
	}
	l := newLab(t)
	w, li := l.follow(nil)
	until(t, li, "eth0 is listened on", func(s Stats) bool { return s.Interfaces == 1 })
	lldptest.Send(t, l.peer, "eth0", b[24+16:])
	l.heard(w, "the recorded frame", "Summit300-48-Port 1001", l.iface(l.host, "eth0"))
	w.See(func(s feedtest.State) {
		sw, _ := s.Find(entity.TypeSwitch, "Name", "Summit300-48")
		port, _ := s.Find(entity.TypeSwitchPort, "Name", "Summit300-48-Port 1001")
		if feedtest.Text(&sw, "LLDP.ChassisID") != "00:01:30:f9:ad:a0" || feedtest.Text(&port, "MTU") != "1522" {
			t.Errorf("%v, %v", sw, port)
		}
	})
}

// BenchmarkOtherFrames sends frames over a veth pair that are neither LLDP nor
// CDP: what the listener adds to each.
func BenchmarkOtherFrames(b *testing.B) {
	for _, listening := range []bool{false, true} {
		b.Run(map[bool]string{false: "alone", true: "listened to"}[listening], func(b *testing.B) {
			host, peer := netnstest.Add(b), netnstest.Add(b)
			netnstest.Veth(b, host, "eth0", peer, "eth0")
			netnstest.Run(b, "ip", "-n", host, "link", "set", "eth0", "up")
			netnstest.Run(b, "ip", "-n", peer, "link", "set", "eth0", "up")
			if listening {
				cfg := DefaultConfig()
				cfg.HostID, cfg.RootNetNS, cfg.Namespaces = "h1", netnstest.Path(host), false
				li, err := New(cfg, testutil.Logger{Quiet: true})
				if err != nil {
					b.Fatal(err)
				}
				feedtest.Follow(b, neighbor.Source("h1"), li)
				for li.Stats().Interfaces == 0 {
					runtime.Gosched()
				}
			}
			ns, err := netns.Open(netnstest.Path(peer))
			if err != nil {
				b.Fatal(err)
			}
			defer ns.Close()
			frame := append([]byte("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02\x08\x00"), make([]byte, 50)...)
			err = ns.Do(func() error {
				i, err := net.InterfaceByName("eth0")
				if err != nil {
					return err
				}
				fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					return err
				}
				defer unix.Close(fd)
				to := &unix.SockaddrLinklayer{Ifindex: i.Index}
				for b.Loop() {
					if err := unix.Sendto(fd, frame, 0, to); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
