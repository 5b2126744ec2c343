package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
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
	"time"
)

// program is a process in the namespace of the wire's end.
type program struct {
	cmd  *exec.Cmd
	done chan struct{}
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write takes the program's output.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func (p *program) start(ctx context.Context, name string, args ...string) error {
	p.cmd, p.done = exec.CommandContext(ctx, name, args...), make(chan struct{})
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return nil
}

func (p *program) process() int { return p.cmd.Process.Pid }

func (p *program) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// until waits for a condition, and for as long as the program runs.
func (p *program) until(ctx context.Context, what string, ok func() bool) error {
	for end := time.Now().Add(20 * time.Second); !ok(); {
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.cmd.Path, p.text())
		default:
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited until %s: %s", what, p.text())
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// collector is the built Collector with one capture, its records thrown away
// after they were encoded for the file exporter.
type collector struct {
	program
	bin     string
	workers int
	addr    string
	// options are more of the capture's.
	options string
	// rest is for how many looks at its counters, two a second, they must rest.
	rest int
}

func newCollector(bin string, workers int) *collector {
	return &collector{bin: bin, workers: workers, options: ", ring_size: 64", rest: 3}
}

func (c *collector) rests() int { return c.rest }

func (c *collector) begin(ctx context.Context, w *wire, dir string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is only asked for its port
	if err != nil {
		return fmt.Errorf("find a port: %w", err)
	}
	c.addr = l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(c.addr)
	conf := filepath.Join(dir, "otelcol.yaml")
	text := fmt.Sprintf(`
receivers:
  flowcapture:
    captures: [{interfaces: [vb], netns: %s, workers: %d%s}]
exporters:
  file: {path: /dev/null, format: proto}
service:
  pipelines:
    logs: {receivers: [flowcapture], exporters: [file]}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: %s}}}}]}}
`, w.b, c.workers, c.options, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if err := c.start(ctx, filepath.Join(c.bin, "otelcol"), "--config", conf); err != nil {
		return err
	}
	return c.until(ctx, "the capture runs", func() bool {
		n, err := c.metric(ctx, "captures_running")
		return err == nil && n == 1
	})
}

func (c *collector) counts(ctx context.Context) (seen, lost uint64, err error) {
	if seen, err = c.metric(ctx, "packets_received"); err != nil {
		return 0, 0, err
	}
	lost, err = c.metric(ctx, "packets_dropped")
	return seen, lost, err
}

// metric adds up a metric of the receiver.
func (c *collector) metric(ctx context.Context, name string) (sum uint64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the Collector: %w", err)
	}
	defer resp.Body.Close()
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		line := s.Text()
		if !strings.HasPrefix(line, "#") && strings.Contains(line, "receiver_flowcapture_"+name) {
			v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			if err != nil {
				return 0, fmt.Errorf("read metric: %w", err)
			}
			sum += uint64(v)
		}
	}
	return sum, nil
}

// softflowd is the peer that makes flows of packets too.
type softflowd struct {
	program
	control string
}

func (s *softflowd) begin(ctx context.Context, w *wire, dir string) error {
	if _, err := exec.LookPath("softflowd"); err != nil {
		return fmt.Errorf("softflowd is not installed; make setup installs it")
	}
	s.control = filepath.Join(dir, "softflowd.ctl")
	_ = os.Remove(s.control)
	err := s.start(ctx, "nsenter", "--net=/run/netns/"+w.b, "softflowd", "-d", "-i", "vb", "-n", "127.0.0.1:9995", "-v", "9",
		"-m", "65536", "-c", s.control, "-p", filepath.Join(dir, "softflowd.pid"))
	if err != nil {
		return err
	}
	return s.until(ctx, "softflowd answers", func() bool {
		_, _, err := s.counts(ctx)
		return err == nil
	})
}

var (
	softflowdSeen = regexp.MustCompile(`Packets processed: (\d+)`)
	softflowdLost = regexp.MustCompile(`Packets dropped by libpcap: (\d+)|packets dropped by libpcap: (\d+)`)
)

func (s *softflowd) counts(ctx context.Context) (seen, lost uint64, err error) {
	out, err := exec.CommandContext(ctx, "softflowctl", "-c", s.control, "statistics").CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("ask softflowd: %w: %s", err, out)
	}
	m := softflowdSeen.FindSubmatch(out)
	if m == nil {
		return 0, 0, fmt.Errorf("softflowd does not say what it processed: %s", out)
	}
	seen, _ = strconv.ParseUint(string(m[1]), 10, 64)
	if m := softflowdLost.FindSubmatch(out); m != nil {
		lost, _ = strconv.ParseUint(string(m[1])+string(m[2]), 10, 64)
	}
	return seen, lost, nil
}

// tcpdump takes packets in and makes nothing of them.
type tcpdump struct{ program }

func (d *tcpdump) begin(ctx context.Context, w *wire, _ string) error {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		return fmt.Errorf("tcpdump is not installed; make setup installs it")
	}
	err := d.start(ctx, "nsenter", "--net=/run/netns/"+w.b, "tcpdump", "-i", "vb", "-n", "-s", "256", "-B", "65536", "-Z", "root", "-w", "/dev/null")
	if err != nil {
		return err
	}
	return d.until(ctx, "tcpdump listens", func() bool { return strings.Contains(d.text(), "listening on") })
}

var tcpdumpSeen = regexp.MustCompile(`(\d+) packets captured, (\d+) packets received by filter, (\d+) packets dropped by kernel`)

// counts asks with SIGUSR1 (tcpdump(8)).
func (d *tcpdump) counts(ctx context.Context) (seen, lost uint64, err error) {
	before := len(d.text())
	if err := d.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return 0, 0, fmt.Errorf("ask tcpdump: %w", err)
	}
	var m []string
	err = d.until(ctx, "tcpdump tells its counters", func() bool {
		m = tcpdumpSeen.FindStringSubmatch(d.text()[before:])
		return m != nil
	})
	if err != nil {
		return 0, 0, err
	}
	seen, _ = strconv.ParseUint(m[1], 10, 64)
	lost, _ = strconv.ParseUint(m[3], 10, 64)
	return seen, lost, nil
}
