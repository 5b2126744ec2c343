package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
)

// program is one process that perf started.
type program struct {
	cmd  *exec.Cmd
	done chan error
	log  *os.File
}

func startProgram(ctx context.Context, dir, path string, args ...string) (*program, error) {
	log, err := os.Create(filepath.Join(dir, filepath.Base(path)+".log"))
	if err != nil {
		return nil, fmt.Errorf("make log: %w", err)
	}
	p := &program{cmd: exec.CommandContext(ctx, path, args...), done: make(chan error, 1), log: log}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w; run make build", path, err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	return p, nil
}

// stop ends the program with SIGINT, or SIGKILL when that takes too long.
func (p *program) stop() {
	defer p.log.Close()
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// rss returns the resident memory of the program in bytes.
func (p *program) rss() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory use: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS")
}

// cpu returns the processor time of the program (proc(5), stat, in ticks of 10
// ms), 0 where there is no such file.
func (p *program) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// daemon is a topologyd and a client of it.
type daemon struct {
	*program
	*client.Client
	url string
}

func startDaemon(ctx context.Context, bin, dir string, args ...string) (*daemon, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	args = append([]string{"--listen", addr, "--otlp-listen", "", "--data-dir", filepath.Join(dir, "data"), "--query-max-results", "1000000"}, args...)
	cfg := client.DefaultConfig()
	cfg.Server = "http://" + addr
	c, err := client.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	p, err := startProgram(ctx, dir, filepath.Join(bin, "topologyd"), args...)
	if err != nil {
		return nil, err
	}
	d := &daemon{program: p, Client: c, url: cfg.Server}
	for {
		if d.Ready(ctx) == nil {
			return d, nil
		}
		select {
		case err := <-p.done:
			return nil, fmt.Errorf("topologyd ended: %w; see %s", err, p.log.Name())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// send writes line protocol, as an agent does.
func (d *daemon) send(ctx context.Context, lines []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/v2/write", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("write: %s: %.300s", resp.Status, b)
	}
	return err
}

// ask returns the answer to a query as it comes, undecoded: what is measured
// is the server.
func (d *daemon) ask(ctx context.Context, gremlin string) ([]byte, error) {
	a, err := d.Ask(ctx, client.Query{Gremlin: gremlin}, client.JSON)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	return io.ReadAll(a.Body)
}
