package faults

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/proctest"
)

// wire is a cable between two namespaces, v0 with 10.9.0.1 and eth0 with
// 10.9.0.2, and traffic on it. Nothing else is ever on it, neighbours are known
// by heart, and each packet is what it is on a wire.
type wire struct {
	t         testing.TB
	base      string
	near, far *netns.NS

	gate    sync.Mutex // held while one exchange is under way
	quit    chan struct{}
	running sync.WaitGroup
	servers []io.Closer
	err     error
	rounds  int
	steady  []net.Conn
}

func newWire(t testing.TB) *wire {
	t.Helper()
	needRoot(t, "making network namespaces")
	n := &network{t: t, base: t.TempDir()}
	w := &wire{t: t, base: n.base, near: n.make("near"), far: n.make("far")}
	for _, ns := range []string{"near", "far"} {
		for _, when := range []string{"default", "all"} {
			run(t, "nsenter", "--net="+filepath.Join(n.base, ns), "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/"+when+"/disable_ipv6")
		}
	}
	n.ip("near", "link", "add", "v0", "address", "02:00:00:00:09:01", "type", "veth", "peer", "name", "eth0",
		"address", "02:00:00:00:09:02", "netns", filepath.Join(n.base, "far"))
	for i, end := range [][2]string{{"near", "v0"}, {"far", "eth0"}} {
		run(t, "nsenter", "--net="+filepath.Join(n.base, end[0]), "ethtool", "-K", end[1], "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
		n.ip(end[0], "addr", "add", fmt.Sprintf("10.9.0.%d/24", i+1), "dev", end[1])
		n.ip(end[0], "link", "set", end[1], "up")
		n.ip(end[0], "neigh", "replace", fmt.Sprintf("10.9.0.%d", 2-i), "lladdr", fmt.Sprintf("02:00:00:00:09:%02d", 2-i), "dev", end[1], "nud", "permanent")
	}
	t.Cleanup(w.end)
	return w
}

func (w *wire) path() string { return filepath.Join(w.base, "near") }

// begin has traffic run until end: datagrams of 20 flows that go on all the
// time, one flow of three datagrams and one TCP connection every 20 ms.
func (w *wire) begin() {
	w.t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	require.NoError(w.t, w.far.Do(func() (err error) {
		if udp, err = net.ListenPacket("udp4", "10.9.0.2:7000"); err == nil { //nolint:noctx // they are closed by end
			tcp, err = net.Listen("tcp4", "10.9.0.2:7001") //nolint:noctx // see above
		}
		return err
	}))
	w.servers = []io.Closer{udp, tcp}
	w.running.Go(func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(buf[:n], from)
		}
	})
	w.running.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	})
	for range 20 {
		w.steady = append(w.steady, w.dial("udp4", "10.9.0.2:7000"))
	}
	quit := make(chan struct{})
	w.quit = quit
	w.running.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			w.gate.Lock()
			if w.err == nil && w.quit != nil {
				w.err = w.exchange()
			}
			w.gate.Unlock()
		}
	})
}

func (w *wire) dial(network, addr string) (c net.Conn) {
	w.t.Helper()
	var err error
	require.NoError(w.t, w.near.Do(func() error {
		c, err = net.DialTimeout(network, addr, 10*time.Second) //nolint:noctx // it has a timeout
		return err
	}))
	return c
}

// exchange is a few packets, all of which are answered.
func (w *wire) exchange() error {
	w.rounds++
	for i, c := range w.steady {
		if err := echo(c, 20+10*i, 1); err != nil {
			return err
		}
	}
	return w.near.Do(func() error {
		c, err := net.DialTimeout("udp4", "10.9.0.2:7000", 10*time.Second) //nolint:noctx // it has a timeout
		if err != nil {
			return err
		}
		defer c.Close()
		if err := echo(c, 300, 3); err != nil {
			return err
		}
		s, err := net.DialTimeout("tcp4", "10.9.0.2:7001", 10*time.Second) //nolint:noctx // it has a timeout
		if err != nil {
			return err
		}
		defer s.Close()
		if err := s.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := s.Write(make([]byte, 3000)); err != nil {
			return err
		}
		if err := s.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, s)
		return err
	})
}

func echo(c net.Conn, size, n int) error {
	buf := make([]byte, 2000)
	for range n {
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
		if _, err := c.Write(buf[:size]); err != nil {
			return err
		}
		if _, err := c.Read(buf); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for the exchange under way and until the interface is silent. No
// packet is sent until the function that it returns is called.
func (w *wire) pause() (resume func()) {
	w.t.Helper()
	w.gate.Lock()
	last, same := count{}, 0
	proctest.Eventually(w.t, 10*time.Second, "the wire is silent", func() error {
		if c := w.counted(); c != last {
			last, same = c, 0
		} else if same++; same >= 3 {
			return nil
		}
		return errors.New("packets come")
	})
	return w.gate.Unlock
}

// end ends the traffic after the exchange under way.
func (w *wire) end() {
	if w.quit == nil {
		return
	}
	w.gate.Lock()
	close(w.quit)
	w.quit = nil
	for _, s := range w.servers {
		_ = s.Close()
	}
	w.gate.Unlock()
	w.running.Wait()
	for _, c := range w.steady {
		_ = c.Close()
	}
	if w.err != nil {
		w.t.Errorf("traffic: %v", w.err)
	}
}

// counted is what the kernel counted on v0, both ways.
func (w *wire) counted() count {
	w.t.Helper()
	out, err := exec.Command("nsenter", "--net="+w.path(), "ip", "-s", "-j", "link", "show", "v0").Output()
	require.NoError(w.t, err)
	var links []struct {
		Stats struct {
			RX, TX struct{ Packets, Bytes int64 }
		} `json:"stats64"`
	}
	require.NoError(w.t, json.Unmarshal(out, &links))
	s := links[0].Stats
	return count{s.RX.Packets + s.TX.Packets, s.RX.Bytes + s.TX.Bytes}
}

// sumOf adds up the series of a metric in the text of Prometheus, with or
// without _total.
func sumOf(text io.Reader, name string) (sum int64, err error) {
	found := false
	for s := bufio.NewScanner(text); s.Scan(); {
		line := s.Text()
		series, value, ok := strings.Cut(line, " ")
		if i := strings.IndexByte(line, '{'); i >= 0 {
			j := strings.LastIndexByte(line, '}')
			series, value, ok = line[:i], strings.TrimSpace(line[j+1:]), j > i
		}
		if !ok || strings.TrimSuffix(series, "_total") != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("read metric %s: %w", name, err)
		}
		found = true
		sum += int64(v)
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return sum, nil
}
