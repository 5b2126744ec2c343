package drops

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	addrA = "10.78.0.1"
	addrB = "10.78.0.2"
)

// newWorld makes two namespaces that reach one another.
func newWorld(t testing.TB) (a, b string) {
	t.Helper()
	a, b = netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, a, "va", b, "vb")
	for _, c := range []struct{ ns, dev, addr string }{{a, "va", addrA}, {b, "vb", addrB}} {
		netnstest.Run(t, "ip", "-n", c.ns, "addr", "add", c.addr+"/24", "dev", c.dev)
		netnstest.Run(t, "ip", "-n", c.ns, "link", "set", c.dev, "up")
		netnstest.Run(t, "ip", "-n", c.ns, "link", "set", "lo", "up")
	}
	return a, b
}

// inside runs a function in a namespace.
func inside(t testing.TB, name string, fn func() error) {
	t.Helper()
	ns, err := netns.Open(netnstest.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // a test
	if err := ns.Do(fn); err != nil {
		t.Fatal(err)
	}
}

func started(t testing.TB, cfg Config) *Table {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to load eBPF programs")
	}
	table := New(cfg, nil)
	if err := table.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Stop)
	for _, p := range table.Problems() {
		t.Skipf("not here: %s: %s", p.Feature, p.Error)
	}
	return table
}

// fast reads counts often, and looks at every packet however many others the host
// drops meanwhile.
func fast() Config {
	cfg := DefaultConfig()
	cfg.Interval = 100 * time.Millisecond
	cfg.Limit = 1 << 30
	return cfg
}

// sendUDP sends n datagrams from a socket of its own and returns its port.
func sendUDP(n int, local, remote string) (port uint16, err error) {
	d := net.Dialer{}
	if local != "" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local))
	}
	c, err := d.Dial("udp", remote)
	if err != nil {
		return 0, err
	}
	defer c.Close() //nolint:errcheck // a test
	for sent := 0; sent < n; {
		// What the other end says of the last one comes as an error of this one,
		// which is not sent.
		if _, err := c.Write([]byte("hello")); err == nil {
			sent++
		} else if !errors.Is(err, unix.ECONNREFUSED) {
			return 0, err
		}
	}
	return netip.MustParseAddrPort(c.LocalAddr().String()).Port(), nil
}

// Packets that nobody waits for, that come from where they cannot, that have no
// way: each with its reason.
func TestLive(t *testing.T) {
	netnstest.Need(t)
	a, b := newWorld(t)
	netnstest.In(t, b, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/vb/rp_filter; echo 1 > /proc/sys/net/ipv4/conf/all/forwarding")
	netnstest.Run(t, "ip", "-n", a, "addr", "add", "10.99.0.1/32", "dev", "lo")
	netnstest.Run(t, "ip", "-n", a, "route", "add", "10.98.0.0/24", "via", addrB)
	netnstest.Run(t, "ip", "-n", a, "-6", "addr", "add", "fd00::1/64", "dev", "va", "nodad")
	netnstest.Run(t, "ip", "-n", b, "-6", "addr", "add", "fd00::2/64", "dev", "vb", "nodad")
	table := started(t, fast())
	defer func() { t.Logf("%+v", table.Stats()) }()
	for _, c := range []struct {
		name, local, remote, protocol, reason string
		n                                     int64
	}{
		{name: "UDP to a closed port", remote: addrB + ":9", protocol: "UDP", reason: "NO_SOCKET", n: 5},
		{name: "UDP of IPv6", remote: "[fd00::2]:9", protocol: "UDP", reason: "NO_SOCKET", n: 4},
		{name: "TCP to a closed port", remote: addrB + ":9", protocol: "TCP", reason: "NO_SOCKET", n: 1},
		{name: "source without a route", local: "10.99.0.1:7001", remote: addrB + ":9", protocol: "UDP", reason: "IP_RPFILTER", n: 3},
		{name: "no route", remote: "10.98.0.9:9", protocol: "UDP", reason: "IP_INNOROUTES", n: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var port uint16
			from := addrA
			inside(t, a, func() (err error) {
				if c.protocol == "UDP" {
					port, err = sendUDP(int(c.n), c.local, c.remote)
					return err
				}
				port = 7002
				d := net.Dialer{LocalAddr: &net.TCPAddr{Port: int(port)}}
				if conn, err := d.Dial("tcp", c.remote); err == nil {
					_ = conn.Close()
					return fmt.Errorf("%s answers", c.remote)
				}
				return nil
			})
			to := netip.MustParseAddrPort(c.remote)
			switch {
			case c.local != "":
				from = netip.MustParseAddrPort(c.local).Addr().String()
			case to.Addr().Is6():
				from = "fd00::1"
			}
			r := flow(c.protocol, from, port, to.Addr().String(), to.Port())
			r.Metric.Start = time.Now().Add(-time.Second).UnixNano()
			proctest.Eventually(t, time.Minute, "all drops are known", func() error {
				table.Annotate(r)
				if r.Dropped < c.n {
					return fmt.Errorf("%s of %d", text(r), c.n)
				}
				return nil
			})
			want := c.reason
			if known, _ := kernelReasons(); !has(known, want) {
				want = "NOT_SPECIFIED" // an older kernel
			}
			if got := r.Drops.Map().Get(want).Int(); got != c.n || r.Dropped != c.n {
				t.Errorf("%s, not %d of %s", text(r), c.n, want)
			}
		})
	}
}

func has(r reasons, name string) bool {
	for _, n := range r {
		if n == name {
			return true
		}
	}
	return false
}

// A ping that the other end does not take.
func TestLivePing(t *testing.T) {
	netnstest.Need(t)
	a, b := newWorld(t)
	netnstest.In(t, b, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/forwarding")
	netnstest.Run(t, "ip", "-n", a, "route", "add", "10.98.0.0/24", "via", addrB)
	table := started(t, fast())
	const id = 0x4242
	inside(t, a, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err != nil {
			return err
		}
		defer unix.Close(fd) //nolint:errcheck // a test
		echo := []byte{8, 0, 0, 0, 0x42, 0x42, 0, 1}
		binary.BigEndian.PutUint16(echo[2:], ^uint16(0x0800+0x4242+1))
		return unix.Sendto(fd, echo, 0, &unix.SockaddrInet4{Addr: [4]byte{10, 98, 0, 9}})
	})
	r := ping("IPV4", addrA, "10.98.0.9", id)
	proctest.Eventually(t, time.Minute, "the ping is lost", func() error {
		if table.Annotate(r); r.Dropped != 1 {
			return fmt.Errorf("%s", text(r))
		}
		return nil
	})
}

// Above the limit one packet stands for many, and the sum is about right.
func TestLiveLimit(t *testing.T) {
	netnstest.Need(t)
	a, _ := newWorld(t)
	cfg := fast()
	cfg.Limit = 100
	table := started(t, cfg)
	const n = 20000
	var port uint16
	inside(t, a, func() (err error) {
		port, err = sendUDP(n, "", addrB+":9")
		return err
	})
	r := flow("UDP", addrA, port, addrB, 9)
	r.Metric.Start = time.Now().Add(-time.Minute).UnixNano()
	// A second may begin anew.
	proctest.Eventually(t, time.Minute, "the sum is about right", func() error {
		table.Annotate(r)
		if s := table.Stats(); s.Sampled == 0 || r.Dropped < n/2 {
			return fmt.Errorf("%s of %d: %+v", text(r), n, s)
		}
		return nil
	})
	if s := table.Stats(); r.Dropped > n*3/2 {
		t.Errorf("%s of %d: %+v", text(r), n, s)
	}
	t.Logf("%s: %+v", text(r), table.Stats())
}

// What is started and stopped leaves no descriptor behind, so no program either.
func TestLiveStop(t *testing.T) {
	netnstest.Need(t)
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	begin := func() {
		table := started(t, fast())
		table.Stop()
		table.Stop()
	}
	begin()
	before := descriptors()
	for range 5 {
		begin()
	}
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// BenchmarkDrop is what a packet to a closed port costs in the program, by the
// count of the kernel.
func BenchmarkDrop(b *testing.B) {
	table := started(b, DefaultConfig())
	stats, err := ebpf.EnableStats(0)
	if err != nil {
		b.Skipf("no counts of programs: %v", err)
	}
	defer stats.Close() //nolint:errcheck // a benchmark
	count := func() (runs uint64, spent time.Duration) {
		for id := ebpf.ProgramID(0); ; {
			next, err := ebpf.ProgramGetNextID(id)
			if err != nil {
				return runs, spent
			}
			id = next
			prog, err := ebpf.NewProgramFromID(id)
			if err != nil {
				continue
			}
			if info, err := prog.Info(); err == nil && info.Name == programsProgKfreeSkb {
				s, _ := prog.Stats()
				runs, spent = runs+s.RunCount, spent+s.Runtime
			}
			_ = prog.Close()
		}
	}
	runs, spent := count()
	b.ResetTimer()
	if _, err := sendUDP(b.N, "", "127.0.0.1:9"); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	r2, s2 := count()
	if r2 > runs {
		b.ReportMetric(float64((s2-spent).Nanoseconds())/float64(r2-runs), "ns/run")
		b.ReportMetric(float64(r2-runs)/float64(b.N), "runs/op")
	}
	_ = table
}
