package sockets

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// helper tells the test binary to be one end of a connection instead.
const helper = "SKEIN_SOCKETS_HELPER"

func TestMain(m *testing.M) {
	if do := os.Getenv(helper); do != "" {
		if err := help(strings.Fields(do)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// help serves or connects until its input ends. It prints a line when it is ready:
// its port.
func help(args []string) error {
	ready := func(a net.Addr) {
		fmt.Println(netip.MustParseAddrPort(a.String()).Port())
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	switch args[0] {
	case "listen":
		l, err := net.Listen("tcp", args[1])
		if err != nil {
			return err
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					_, _ = io.Copy(io.Discard, c)
					_ = c.Close()
				}()
			}
		}()
		ready(l.Addr())
	case "udp":
		c, err := net.ListenPacket("udp", args[1])
		if err != nil {
			return err
		}
		ready(c.LocalAddr())
	case "dial":
		c, err := net.Dial(args[1], args[2])
		if err != nil {
			return err
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		ready(c.LocalAddr())
	case "refused":
		var port uint16
		d := net.Dialer{LocalAddr: &net.TCPAddr{Port: 7777}}
		if _, err := d.Dial(args[1], args[2]); errors.Is(err, syscall.ECONNREFUSED) {
			port = 7777
		}
		ready(&net.TCPAddr{IP: net.IPv4zero, Port: int(port)})
	case "short":
		c, err := net.Dial(args[1], args[2])
		if err != nil {
			return err
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			return err
		}
		_ = c.Close()
		ready(c.LocalAddr())
	}
	return nil
}

// end is a helper that runs.
type end struct {
	pid  int64
	port uint16
	quit func()
}

// in starts a helper in a namespace, by another command if there is one that runs
// its arguments, and waits until it is ready.
func in(t testing.TB, name string, do string, by ...string) end {
	t.Helper()
	cmd := exec.Command("ip", "netns", "exec", name, os.Args[0])
	if len(by) > 0 {
		cmd = exec.Command(by[0], append(by[1:], cmd.Args...)...)
	}
	cmd.Env = append(os.Environ(), helper+"="+do)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	quit := func() {
		if !ended {
			ended = true
			_ = stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(quit)
	line, err := bufio.NewReader(out).ReadString('\n')
	var port uint16
	if _, err2 := fmt.Sscan(line, &port); err != nil || err2 != nil {
		t.Fatalf("helper %q says %q (%v)", do, line, err)
	}
	return end{int64(cmd.Process.Pid), port, quit}
}

// world is two namespaces that reach one another.
type world struct {
	a, b           string
	inodeA, inodeB int64
}

const (
	addrA = "10.77.0.1"
	addrB = "10.77.0.2"
)

func newWorld(t testing.TB) world {
	t.Helper()
	w := world{a: netnstest.Add(t), b: netnstest.Add(t)}
	netnstest.Veth(t, w.a, "va", w.b, "vb")
	for _, c := range []struct{ ns, dev, addr string }{{w.a, "va", addrA}, {w.b, "vb", addrB}} {
		netnstest.Run(t, "ip", "-n", c.ns, "addr", "add", c.addr+"/24", "dev", c.dev)
		netnstest.Run(t, "ip", "-n", c.ns, "link", "set", c.dev, "up")
		netnstest.Run(t, "ip", "-n", c.ns, "link", "set", "lo", "up")
	}
	inode := func(name string) int64 {
		id, err := netns.Stat(netnstest.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		return int64(id.Inode)
	}
	w.inodeA, w.inodeB = inode(w.a), inode(w.b)
	return w
}

func started(t testing.TB, cfg Config) *Table {
	t.Helper()
	table := New(cfg, nil)
	if err := table.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(table.Stop)
	return table
}

// expect waits until both ends of a flow are who they are, 0 for whom nothing is
// known.
func expect(t testing.TB, table *Table, r *flowrecord.Record, pidA, nsA, pidB, nsB int64) {
	t.Helper()
	proctest.Eventually(t, time.Minute, "both ends are known", func() error {
		r.ProcessA, r.ProcessB = flowrecord.Process{}, flowrecord.Process{}
		table.Annotate(r)
		a, b := r.ProcessA, r.ProcessB
		if a.PID != pidA || a.NetNS != nsA || b.PID != pidB || b.NetNS != nsB {
			return fmt.Errorf("%+v and %+v, want %d in %d and %d in %d", a, b, pidA, nsA, pidB, nsB)
		}
		for _, p := range []flowrecord.Process{a, b} {
			if p.PID != 0 && p.Name != "sockets.test" {
				return fmt.Errorf("the name is %q", p.Name)
			}
		}
		return nil
	})
}

func reportProblems(t testing.TB, table *Table) {
	t.Helper()
	for _, p := range table.Problems() {
		t.Logf("%s: %s: %s", p.Feature, p.Error, p.Fallback)
	}
	t.Logf("%+v", table.Stats())
}

func configs() map[string]Config {
	poll := DefaultConfig()
	poll.NoEBPF = true
	poll.Poll = 100 * time.Millisecond
	poll.CPU = 1
	return map[string]Config{"ebpf": DefaultConfig(), "polling": poll}
}

// Connections of TCP and UDP between two namespaces: of both ends it is said which
// process has them, and where.
func TestLive(t *testing.T) {
	netnstest.Need(t)
	for name, cfg := range configs() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := in(t, w.b, "listen :0")
			old := in(t, w.a, fmt.Sprintf("dial tcp %s:%d", addrB, before.port))
			table := started(t, cfg)
			defer reportProblems(t, table)

			// From before.
			expect(t, table, flow("TCP", addrA, old.port, addrB, before.port), old.pid, w.inodeA, before.pid, w.inodeB)
			// From now on.
			server := in(t, w.b, "listen "+addrB+":0")
			client := in(t, w.a, fmt.Sprintf("dial tcp %s:%d", addrB, server.port))
			r := flow("TCP", addrA, client.port, addrB, server.port)
			expect(t, table, r, client.pid, w.inodeA, server.pid, w.inodeB)
			// The flow's A may be the other end.
			expect(t, table, flow("TCP", addrB, server.port, addrA, client.port), server.pid, w.inodeB, client.pid, w.inodeA)
			// UDP: connected here, waiting for anybody there.
			u := in(t, w.b, "udp :0")
			v := in(t, w.a, fmt.Sprintf("dial udp %s:%d", addrB, u.port))
			expect(t, table, flow("UDP", addrA, v.port, addrB, u.port), v.pid, w.inodeA, u.pid, w.inodeB)
			// A connection that is over is known for a while.
			client.quit()
			server.quit()
			expect(t, table, r, client.pid, w.inodeA, server.pid, w.inodeB)
		})
	}
}

// What lives a few milliseconds is found by what the programs tell.
func TestLiveShort(t *testing.T) {
	netnstest.Need(t)
	w := newWorld(t)
	cfg := DefaultConfig()
	table := started(t, cfg)
	defer reportProblems(t, table)
	server := in(t, w.b, "listen :0")
	for _, p := range table.Problems() {
		t.Skipf("not here: %s: %s", p.Feature, p.Error)
	}
	// Until the namespaces are known, only connections are.
	u := in(t, w.b, "udp :0")
	expect(t, table, flow("UDP", "10.77.0.99", 1, addrB, u.port), 0, 0, u.pid, w.inodeB)
	for range 5 {
		tcp := in(t, w.a, fmt.Sprintf("short tcp %s:%d", addrB, server.port))
		expect(t, table, flow("TCP", addrA, tcp.port, addrB, server.port), tcp.pid, w.inodeA, server.pid, w.inodeB)
		udp := in(t, w.a, fmt.Sprintf("short udp %s:%d", addrB, u.port))
		expect(t, table, flow("UDP", addrA, udp.port, addrB, u.port), udp.pid, w.inodeA, u.pid, w.inodeB)
	}
}
