package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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

// shipped is the configuration of the Collector that is delivered.
const shipped = "../../deploy/local/otelcol.yaml"

// collector is an otelcol with the shipped configuration that captures on v0 in
// a namespace and sends to a topologyd. It is started and ended again and again
// over one directory for its queue.
type collector struct {
	t    testing.TB
	conf string
	data string // where its queue is
	to   string // host:port of topologyd
	ns   *netns.NS
	http *http.Client
	port string // of its own counters
	out  proctest.Buffer

	cmd   *exec.Cmd
	ended chan struct{}

	mu    sync.Mutex
	most  int64 // bytes of memory that it ever had
	quit  chan struct{}
	looks sync.WaitGroup
}

// newCollector returns one that does not run yet. It captures in the namespace
// at the path; ns is where it runs, nil for here.
func newCollector(t testing.TB, d *daemon, ns *netns.NS, path string) *collector {
	t.Helper()
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	old := "interfaces: [default-route]\n"
	require.Contains(t, string(text), old)
	conf := strings.Replace(string(text), old, "interfaces: [v0]\n        netns: "+path+"\n", 1)
	c := &collector{
		t: t, conf: filepath.Join(t.TempDir(), "otelcol.yaml"), data: t.TempDir(), to: d.addr, ns: ns,
		http: newHTTP(ns), quit: make(chan struct{}),
	}
	c.http.Timeout = 5 * time.Second
	require.NoError(t, os.WriteFile(c.conf, []byte(conf), 0o600))
	_, c.port, err = net.SplitHostPort(proctest.FreeAddr(t))
	require.NoError(t, err)
	c.looks.Go(c.weigh)
	t.Cleanup(func() {
		close(c.quit)
		c.looks.Wait()
		if t.Failed() {
			if b, err := c.counters(); err == nil {
				t.Logf("the Collector's counters:\n%s", strings.Join(told.FindAllString(string(b), -1), "\n"))
			}
			text := c.out.String()
			t.Logf("otelcol printed:\n%s", text[max(0, len(text)-6000):])
		}
		c.signal(syscall.SIGKILL)
	})
	return c
}

// start starts the process and waits until it captures.
func (c *collector) start() {
	c.t.Helper()
	require.Nil(c.t, c.cmd, "it runs already")
	cmd, ended := exec.Command(programs.Path(c.t, "otel-receiver/cmd/otelcol"), "--config", c.conf), make(chan struct{})
	cmd.Env = append(os.Environ(), "SKEIN_HTTP="+c.to, "SKEIN_DATA="+c.data, "SKEIN_COLLECTOR_PORT="+c.port, "SKEIN_PROMETHEUS=127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = &c.out, &c.out
	start := cmd.Start
	if c.ns != nil {
		start = func() error { return c.ns.Do(cmd.Start) }
	}
	require.NoError(c.t, start())
	go func() { _ = cmd.Wait(); close(ended) }()
	c.mu.Lock()
	c.cmd, c.ended = cmd, ended
	c.mu.Unlock()
	proctest.Eventually(c.t, 30*time.Second, "the Collector captures", func() error {
		select {
		case <-ended:
			c.t.Fatal("the Collector ended")
		default:
		}
		n, err := c.metric("receiver_flowcapture_captures_running")
		if err == nil && n != 1 {
			err = fmt.Errorf("%d captures run", n)
		}
		return err
	})
}

// stop ends the process as a service manager does and returns how long that
// took; it must end well.
func (c *collector) stop() time.Duration {
	c.t.Helper()
	begin := time.Now()
	cmd := c.signal(syscall.SIGTERM)
	require.NotNil(c.t, cmd, "it does not run")
	require.Zero(c.t, cmd.ProcessState.ExitCode(), "exit code")
	return time.Since(begin)
}

func (c *collector) signal(s syscall.Signal) *exec.Cmd {
	c.mu.Lock()
	cmd, ended := c.cmd, c.ended
	c.cmd = nil
	c.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(s)
	select {
	case <-ended:
	case <-time.After(60 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
		c.t.Errorf("otelcol did not end on %v", s)
	}
	c.http.CloseIdleConnections()
	return cmd
}

// metric returns one of the Collector's own counters: the sum of all series
// whose name ends so, or begins so and ends with _total.
func (c *collector) metric(name string) (sum int64, err error) {
	b, err := c.counters()
	if err != nil {
		return 0, err
	}
	return sumOf(bytes.NewReader(b), "otelcol_"+name)
}

// counters returns the text of all counters.
func (c *collector) counters() ([]byte, error) {
	resp, err := c.http.Get("http://127.0.0.1:" + c.port + "/metrics") //nolint:noctx // the client has a timeout
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// must is metric of a Collector that answers.
func (c *collector) must(name string) int64 {
	c.t.Helper()
	n, err := c.metric(name)
	require.NoError(c.t, err)
	return n
}

// weigh notes how much memory the process has, until the test is over.
func (c *collector) weigh() {
	for {
		select {
		case <-c.quit:
			return
		case <-time.After(100 * time.Millisecond):
		}
		c.mu.Lock()
		if c.cmd != nil {
			c.most = max(c.most, memory(c.cmd.Process.Pid))
		}
		c.mu.Unlock()
	}
}

// peak returns the most memory that the process ever had.
func (c *collector) peak() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// told are the counters that tell why a test failed.
var told = regexp.MustCompile(`(?m)^otelcol_(exporter|receiver_flowcapture)_[^\n]* [1-9][^\n]*$`)

var anonymous = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// memory returns the bytes of resident memory of a process that the system
// cannot take back, 0 when it has ended: pages of files that are mapped, such as
// those of the queue on disk, are not among them.
func memory(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	m := anonymous.FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n << 10
}

// conversation is one flow as the tests look at it.
type conversation struct {
	UUID   string
	Metric struct{ ABPackets, ABBytes, BAPackets, BABytes int64 }
}

// count is packets and bytes.
type count struct{ packets, bytes int64 }

// flows returns what flows counted, flow by flow, two times: in all, and as the
// sum of what their reports added.
func (d *daemon) flows(since time.Duration) (all, added map[string]count, err error) {
	window := fmt.Sprintf("G.Context(%d, %d).Flows()", time.Now().Add(time.Second).Unix(), int(since.Seconds()))
	var list []conversation
	if err := d.answer(window, &list); err != nil {
		return nil, nil, err
	}
	var updates []map[string][]struct{ ABPackets, ABBytes, BAPackets, BABytes int64 }
	if err := d.answer(window+".Metrics()", &updates); err != nil {
		return nil, nil, err
	}
	all, added = map[string]count{}, map[string]count{}
	for i := range list {
		m := &list[i].Metric
		if _, twice := all[list[i].UUID]; twice {
			return nil, nil, fmt.Errorf("flow %s is there twice", list[i].UUID)
		}
		all[list[i].UUID] = count{m.ABPackets + m.BAPackets, m.ABBytes + m.BABytes}
	}
	for _, u := range updates {
		for id, ms := range u {
			n := added[id]
			for _, m := range ms {
				n.packets += m.ABPackets + m.BAPackets
				n.bytes += m.ABBytes + m.BABytes
			}
			added[id] = n
		}
	}
	return all, added, nil
}

func (d *daemon) answer(gremlin string, to any) error {
	body, err := json.Marshal(map[string]string{"gremlin": gremlin})
	if err != nil {
		return err
	}
	_, b, err := d.do(d.t.Context(), d.http, http.MethodPost, "/api/v1/query", body)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	return err
}

// sum adds up.
func sum(of map[string]count) (n count) {
	for _, c := range of {
		n.packets += c.packets
		n.bytes += c.bytes
	}
	return n
}

// allFlows waits until flows count what the interface did, and what their
// reports added is the same, flow by flow.
func (d *daemon) allFlows(limit time.Duration, want count) map[string]count {
	d.t.Helper()
	var all map[string]count
	proctest.Eventually(d.t, limit, "all packets are in flows", func() error {
		var added map[string]count
		var err error
		if all, added, err = d.flows(10 * time.Minute); err != nil {
			return err
		}
		if got := sum(all); got != want {
			return fmt.Errorf("%d flows count %+v, the interface %+v", len(all), got, want)
		}
		var odd []string
		for id, n := range all {
			if added[id] != n {
				odd = append(odd, fmt.Sprintf("flow %s counts %+v, its reports add up to %+v", id, n, added[id]))
			}
		}
		slices.Sort(odd)
		if len(odd) > 0 || len(added) != len(all) {
			return fmt.Errorf("%d flows, metrics of %d: %s", len(all), len(added), strings.Join(odd, "; "))
		}
		return nil
	})
	return all
}
