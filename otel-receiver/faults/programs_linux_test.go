package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/proctest"
)

// programs are what the tests run.
var programs proctest.Programs

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// process is a program that runs.
type process struct {
	t     testing.TB
	name  string
	cmd   *exec.Cmd
	out   proctest.Buffer
	ended chan struct{}
	// metrics is the URL of its counters.
	metrics string

	quit  chan struct{}
	looks sync.WaitGroup
	mu    sync.Mutex
	most  int64
}

// start starts a program and waits until it is ready.
func start(t testing.TB, path, metrics string, env []string, ready func(*process) error, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(path), cmd: exec.Command(path, args...), ended: make(chan struct{}), quit: make(chan struct{}), metrics: metrics}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = &p.out, &p.out, append(os.Environ(), env...)
	require.NoError(t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	p.looks.Go(p.weigh)
	t.Cleanup(func() {
		close(p.quit)
		p.looks.Wait()
		p.end(syscall.SIGKILL)
		if t.Failed() {
			text := p.out.String()
			t.Logf("%s printed:\n%s", p.name, text[max(0, len(text)-6000):])
		}
	})
	proctest.Eventually(t, 30*time.Second, p.name+" is ready", func() error {
		p.runs()
		return ready(p)
	})
	return p
}

// runs fails the test when the program has ended.
func (p *process) runs() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Fatalf("%s ended", p.name)
	default:
	}
}

func (p *process) end(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.t.Errorf("%s did not end on %v", p.name, s)
	}
}

var anonymous = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// weigh notes how much memory the process has that the system cannot take back:
// pages of files that are mapped, such as the queue on disk, are not among it.
func (p *process) weigh() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-tick.C:
		}
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if m := anonymous.FindSubmatch(b); m != nil {
			n, _ := strconv.ParseInt(string(m[1]), 10, 64)
			p.mu.Lock()
			p.most = max(p.most, n<<10)
			p.mu.Unlock()
		}
	}
}

// peak returns the most memory that the process ever had.
func (p *process) peak() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

func get(url string) ([]byte, error) {
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Get(url) //nolint:noctx // the client has a timeout
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return b, err
}

// counter returns the sum of all series of a counter whose labels hold all
// texts, 0 when there is none.
func (p *process) counter(name string, labels ...string) int64 {
	p.t.Helper()
	n, err := p.read(p.metrics, name, labels...)
	require.NoError(p.t, err)
	return n
}

func (p *process) read(url, name string, labels ...string) (sum int64, err error) {
	b, err := get(url)
	if err != nil {
		return 0, err
	}
	s := bufio.NewScanner(bytes.NewReader(b))
	for s.Buffer(nil, 1<<20); s.Scan(); {
		line := s.Text()
		end := strings.LastIndexByte(line, ' ')
		if end < 0 || line[0] == '#' {
			continue
		}
		series, of, _ := strings.Cut(line[:end], "{")
		ok := strings.TrimSuffix(series, "_total") == name
		for _, l := range labels {
			ok = ok && strings.Contains(of, l)
		}
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("read counter %s: %w", name, err)
		}
		sum += int64(v)
	}
	return sum, s.Err()
}

// daemon is a topologyd that runs.
type daemon struct {
	*process
	addr string
}

func startDaemon(t testing.TB, args ...string) *daemon {
	t.Helper()
	d := &daemon{addr: proctest.FreeAddr(t)}
	args = append([]string{"--listen", d.addr, "--otlp-listen", "", "--data-dir", t.TempDir()}, args...)
	d.process = start(t, programs.Path(t, "topologyd/cmd/topologyd"), "http://"+d.addr+"/metrics", nil, func(*process) error {
		_, err := get("http://" + d.addr + "/-/ready")
		return err
	}, args...)
	return d
}

// query asks in Gremlin.
func (d *daemon) query(gremlin string, to any) error {
	body, err := json.Marshal(map[string]string{"gremlin": gremlin})
	if err != nil {
		return err
	}
	c := http.Client{Timeout: 30 * time.Second}
	resp, err := c.Post("http://"+d.addr+"/api/v1/query", "application/json", bytes.NewReader(body)) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	return err
}

// startCollector runs the Collector with a configuration; its counters and the
// metrics of flows are where it says ${env:SKEIN_COLLECTOR_PORT} and
// ${env:SKEIN_PROMETHEUS}, topologyd is at ${env:SKEIN_HTTP}.
func startCollector(t testing.TB, d *daemon, conf string) (p *process, flows string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "otelcol.yaml")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	own, prometheus := proctest.FreeAddr(t), proctest.FreeAddr(t)
	_, port, err := net.SplitHostPort(own)
	require.NoError(t, err)
	env := []string{"SKEIN_HTTP=" + d.addr, "SKEIN_DATA=" + t.TempDir(), "SKEIN_COLLECTOR_PORT=" + port, "SKEIN_PROMETHEUS=" + prometheus}
	return start(t, programs.Path(t, "otel-receiver/cmd/otelcol"), "http://"+own+"/metrics", env, func(p *process) error {
		running, err := p.read(p.metrics, "otelcol_receiver_flowcapture_captures_running", `interface="vb"`)
		if err == nil && running != 1 {
			err = errors.New("nothing is captured")
		}
		return err
	}, "--config", path), "http://" + prometheus + "/metrics"
}

// shipped is the configuration of the Collector that is delivered, capturing on
// vb in a namespace.
func shipped(t testing.TB, ns string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/local/otelcol.yaml")
	require.NoError(t, err)
	old := "interfaces: [default-route]\n"
	require.Contains(t, string(text), old)
	return strings.Replace(string(text), old, "interfaces: [vb]\n        netns: "+ns+"\n", 1)
}

// wire is a veth pair between two named namespaces: va with 10.9.0.1 in a, vb
// with 10.9.0.2 in b. Nothing is on it but what the tests send, and the answers.
type wire struct {
	t    testing.TB
	a, b string
}

func newWire(t testing.TB) *wire {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces and floods them")
	}
	if os.Geteuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	id := rand.Uint32()
	w := &wire{t, fmt.Sprintf("skein-faults-a-%08x", id), fmt.Sprintf("skein-faults-b-%08x", id)}
	for i, ns := range []string{w.a, w.b} {
		w.ip("netns", "add", ns)
		t.Cleanup(func() { w.ip("netns", "del", ns) })
		for _, when := range []string{"default", "all"} {
			w.run("ip", "netns", "exec", ns, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/"+when+"/disable_ipv6")
		}
		if i == 1 {
			w.ip("-n", w.a, "link", "add", "va", "address", "02:00:00:00:09:01", "type", "veth", "peer", "name", "vb", "address", "02:00:00:00:09:02", "netns", w.b)
		}
	}
	for i, end := range [][2]string{{w.a, "va"}, {w.b, "vb"}} {
		w.run("ip", "netns", "exec", end[0], "ethtool", "-K", end[1], "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
		w.ip("-n", end[0], "addr", "add", fmt.Sprintf("10.9.0.%d/24", i+1), "dev", end[1])
		w.ip("-n", end[0], "link", "set", end[1], "up")
		w.ip("-n", end[0], "neigh", "replace", fmt.Sprintf("10.9.0.%d", 2-i), "lladdr", fmt.Sprintf("02:00:00:00:09:%02d", 2-i), "dev", end[1], "nud", "permanent")
	}
	return w
}

func (w *wire) run(name string, args ...string) string {
	w.t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(w.t, err, "%s %s: %s", name, strings.Join(args, " "), out)
	return string(out)
}

func (w *wire) ip(args ...string) string { w.t.Helper(); return w.run("ip", args...) }

// do runs a function in a namespace.
func (w *wire) do(ns string, fn func() error) {
	w.t.Helper()
	n, err := netns.Open("/run/netns/" + ns)
	require.NoError(w.t, err)
	defer n.Close()
	require.NoError(w.t, n.Do(fn))
}

// counted is how many packets the kernel counted on vb, both ways.
func (w *wire) counted() (packets int64) {
	w.t.Helper()
	var links []struct {
		Stats struct {
			RX, TX struct{ Packets int64 }
		} `json:"stats64"`
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.ip("-n", w.b, "-s", "-j", "link", "show", "vb")), &links))
	return links[0].Stats.RX.Packets + links[0].Stats.TX.Packets
}

// talk sends n datagrams of size bytes from va to a port behind vb, each of
// which is answered.
func (w *wire) talk(port, n, size int) {
	w.t.Helper()
	var server net.PacketConn
	w.do(w.b, func() (err error) {
		server, err = net.ListenPacket("udp4", fmt.Sprintf("10.9.0.2:%d", port)) //nolint:noctx // it is closed below
		return err
	})
	defer server.Close()
	var client net.Conn
	w.do(w.a, func() (err error) {
		client, err = net.DialTimeout("udp4", fmt.Sprintf("10.9.0.2:%d", port), 10*time.Second) //nolint:noctx // it has a timeout
		return err
	})
	defer client.Close()
	buf := make([]byte, 2000)
	for range n {
		end := time.Now().Add(20 * time.Second)
		require.NoError(w.t, client.SetDeadline(end))
		require.NoError(w.t, server.SetDeadline(end))
		_, err := client.Write(buf[:size])
		require.NoError(w.t, err)
		got, from, err := server.ReadFrom(buf)
		require.NoError(w.t, err)
		_, err = server.WriteTo(buf[:got], from)
		require.NoError(w.t, err)
		_, err = client.Read(buf)
		require.NoError(w.t, err)
	}
}

// heard waits until topologyd counts a talk to the packet and the byte.
func (d *daemon) heard(port, n, size int) {
	d.t.Helper()
	type metric struct{ ABPackets, ABBytes, BAPackets, BABytes int }
	want := metric{n, n * (42 + size), n, n * (42 + size)}
	proctest.Eventually(d.t, 60*time.Second, "traffic is counted", func() error {
		var fs []struct{ Metric metric }
		if err := d.query(fmt.Sprintf("G.Flows('Interface','vb','Transport.B',%d,'Network.B','10.9.0.2')", port), &fs); err != nil {
			return err
		}
		if len(fs) != 1 || fs[0].Metric != want {
			return fmt.Errorf("flows %+v, want one of %+v", fs, want)
		}
		return nil
	})
}
