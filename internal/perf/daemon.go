package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
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
func (p *program) rss() (int64, error) { return p.memory("VmRSS:") }

// peak returns the most it has been.
func (p *program) peak() (int64, error) { return p.memory("VmHWM:") }

// memory returns a figure of proc(5), status, in bytes.
func (p *program) memory(field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory use: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == field {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("no %s", field)
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

// daemon is a topologyd in a directory of its own, and a client of it.
type daemon struct {
	*program
	*client.Client
	bin, dir, url string
	// web keeps as many connections as are used at the same time.
	web *http.Client
	// more are further arguments.
	more []string
}

// newDaemon makes the directory and starts topologyd, with further arguments.
func newDaemon(ctx context.Context, bin string, more ...string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "skein-perf-")
	if err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	idle := askers + changers
	d := &daemon{bin: bin, dir: dir, more: more, web: &http.Client{Transport: &http.Transport{MaxIdleConns: idle, MaxIdleConnsPerHost: idle}}}
	if err := d.start(ctx); err != nil {
		d.remove()
		return nil, err
	}
	return d, nil
}

// remove stops topologyd and removes the directory.
func (d *daemon) remove() {
	d.web.CloseIdleConnections()
	if d.program != nil {
		d.stop()
	}
	_ = os.RemoveAll(d.dir) // temporary
}

// restart stops topologyd and tells how long it takes from then to its first
// answer.
func (d *daemon) restart(ctx context.Context) (time.Duration, error) {
	d.stop()
	d.program = nil
	begin := time.Now()
	if err := d.start(ctx); err != nil {
		return 0, err
	}
	_, err := d.ask(ctx, "G.V().Count()")
	return time.Since(begin), err
}

func (d *daemon) start(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a port: %w", err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cfg := client.DefaultConfig()
	cfg.Server = "http://" + addr
	c, err := client.New(cfg)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	p, err := startProgram(ctx, d.dir, filepath.Join(d.bin, "topologyd"), append([]string{
		"--listen", addr, "--otlp-listen", "", "--data-dir", filepath.Join(d.dir, "data"), "--query-max-results", "1000000"}, d.more...)...)
	if err != nil {
		return err
	}
	for {
		if c.Ready(ctx) == nil {
			d.program, d.Client, d.url = p, c, cfg.Server
			return nil
		}
		select {
		case err := <-p.done:
			text, _ := os.ReadFile(p.log.Name()) // the directory goes
			_ = p.log.Close()
			return fmt.Errorf("topologyd ended: %w: %s", err, bytes.TrimSpace(text))
		case <-ctx.Done():
			p.stop()
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// size returns the bytes of all files in one directory of the data.
func (d *daemon) size(name string) (sum int64, err error) {
	err = filepath.WalkDir(filepath.Join(d.dir, "data", name), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err == nil { // otherwise a part that was merged meanwhile
			sum += info.Size()
		}
		return nil
	})
	return sum, err
}

// send writes line protocol, as an agent does.
func (d *daemon) send(ctx context.Context, lines []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/v2/write", bytes.NewReader(lines))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := d.web.Do(req)
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
