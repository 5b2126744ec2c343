package sockets

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// A process in a cgroup that is named like a container's is in that container, by
// an event as well as by asking.
func TestLiveContainer(t *testing.T) {
	netnstest.Need(t)
	c := newCgroups("/proc")
	defer c.close()
	id := strings.Repeat("cd", 32)
	dir := filepath.Join(c.mount, fmt.Sprintf("skein-live-%d", os.Getpid()))
	inner := filepath.Join(dir, "docker-"+id+".scope")
	if c.fd < 0 {
		t.Skip("cgroup version 2 is not mounted")
	}
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	t.Cleanup(func() {
		_ = os.Remove(inner)
		_ = os.Remove(dir)
	})
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			table := started(t, cfg)
			server := in(t, w.b, "listen :0")
			// The shell moves itself, and becomes the client.
			client := in(t, w.a, fmt.Sprintf("dial tcp %s:%d", addrB, server.port), "sh", "-c", "echo $$ > "+inner+"/cgroup.procs && exec \"$@\"", "sh")
			r := flow("TCP", addrA, client.port, addrB, server.port)
			expect(t, table, r, client.pid, w.inodeA, server.pid, w.inodeB)
			if p := r.ProcessA; p.ContainerID != id || p.Cgroup != strings.TrimPrefix(inner, c.mount) {
				t.Errorf("%+v", p)
			}
			client.quit()
		})
	}
}

// BenchmarkEvents is what a connection costs in the kernel (by its own count) and
// in the table, on loopback: one to connect and one to accept, both closed.
func BenchmarkEvents(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	stats, err := ebpf.EnableStats(0)
	if err != nil {
		b.Skipf("no counts of programs: %v", err)
	}
	defer stats.Close() //nolint:errcheck // a benchmark
	table := New(DefaultConfig(), nil)
	p := attach("", func(string, error) {})
	if !p.tcp {
		b.Skip("no tracepoint")
	}
	ctx, cancel := context.WithCancel(context.Background())
	groups := newCgroups("/proc")
	table.done.Go(func() { table.read(ctx, p, newProcesses("/proc", groups)) })
	defer func() {
		cancel()
		table.Stop()
		p.close()
		groups.close()
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a benchmark
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
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
			if info, err := prog.Info(); err == nil && info.Name == programsProgSetState {
				s, _ := prog.Stats()
				runs, spent = runs+s.RunCount, spent+s.Runtime
			}
			_ = prog.Close()
		}
	}
	runs, spent := count()
	b.ResetTimer()
	for range b.N {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
	}
	b.StopTimer()
	r2, s2 := count()
	if r2 > runs {
		b.ReportMetric(float64((s2-spent).Nanoseconds())/float64(r2-runs), "ns/run")
		b.ReportMetric(float64(r2-runs)/float64(b.N), "runs/op")
		b.ReportMetric(float64((s2-spent).Nanoseconds())/float64(b.N), "kernel-ns/op")
	}
	b.ReportMetric(float64(table.lost.Load()), "lost")
}

// BenchmarkRead is what reading an event costs in user space.
func BenchmarkRead(b *testing.B) {
	table := New(DefaultConfig(), nil)
	ps := newProcesses("/proc", newCgroups("/proc"))
	defer ps.cgroups.close()
	raw := encodeEvent(&event{cgroup: 1, pid: uint32(os.Getpid()), netns: 5, kind: kindConnected, tuple: tuple{local: ip("10.0.0.1"), remote: ip("10.0.0.2"), lport: 1, rport: 80, protocol: 6}, exe: "curl", comm: "curl"})
	b.ReportAllocs()
	for i := range b.N {
		raw[18], raw[19] = byte(i), byte(i>>8)
		e, err := decodeEvent(raw)
		if err != nil {
			b.Fatal(err)
		}
		table.apply(&e, ps.event(&e), int64(i))
	}
}

// A port that nobody answers at: the connection fails, and it is known who tried.
func TestLiveRefused(t *testing.T) {
	netnstest.Need(t)
	w := newWorld(t)
	table := started(t, DefaultConfig())
	if len(table.Problems()) > 0 {
		t.Skipf("not here: %v", table.Problems())
	}
	port := in(t, w.a, "refused tcp "+addrB+":9").port
	if port == 0 {
		t.Fatal("it was not refused")
	}
	r := flow("TCP", addrA, port, addrB, 9)
	proctest.Eventually(t, time.Minute, "the one who tried is known", func() error {
		r.ProcessA = flowrecord.Process{}
		if table.Annotate(r); r.ProcessA.Name != "sockets.test" || r.ProcessA.NetNS != w.inodeA {
			return fmt.Errorf("%+v", r.ProcessA)
		}
		return nil
	})
}

// BenchmarkRound is what asking costs, by the number of connections.
func BenchmarkRound(b *testing.B) {
	netnstest.Need(b)
	const n = 1000
	name := netnstest.Add(b)
	netnstest.Run(b, "ip", "-n", name, "link", "set", "lo", "up")
	table := New(Config{NetNSDirs: []string{}}, nil)
	groups := newCgroups("/proc")
	defer groups.close()
	p := &poller{t: table, scan: newScanner("/proc"), ps: newProcesses("/proc", groups)}
	ns, err := netns.Open(netnstest.Path(name))
	if err != nil {
		b.Fatal(err)
	}
	defer ns.Close() //nolint:errcheck // a benchmark
	err = ns.Do(func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		b.Cleanup(func() { _ = l.Close() })
		for range n {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			b.Cleanup(func() { _ = c.Close() })
			d, err := l.Accept()
			if err != nil {
				return err
			}
			b.Cleanup(func() { _ = d.Close() })
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		in, err := p.enter(ns.ID().Inode, netnstest.Path(name), true)
		if err != nil || len(in.sockets) < 2*n {
			b.Fatalf("%d sockets, %v", len(in.sockets), err)
		}
		p.apply(ns.ID().Inode, &in, time.Now())
		table.sweep(map[uint64]int64{ns.ID().Inode: 0}, true, 0)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(2*n), "ns/socket")
}
