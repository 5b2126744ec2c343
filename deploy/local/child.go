package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a process may take to stop before it is killed.
const grace = 15 * time.Second

// command is what to start.
type command struct {
	name, path string
	args, env  []string
	// log is the file that gets the output.
	log string
}

// child is a running process. It has a process group of its own, so that a
// Ctrl-C at the terminal reaches it only through stop, in the right order.
type child struct {
	cmd   command
	exec  *exec.Cmd
	ended chan struct{}
	// err and tail are set when ended is closed.
	err  error
	tail []string

	asked sync.Once
}

// start starts a process whose output goes to its log file and, line by line,
// to the terminal.
func start(c command, out *terminal) (*child, error) {
	file, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("make log of %s: %w", c.name, err)
	}
	p := &child{cmd: c, exec: exec.Command(c.path, c.args...), ended: make(chan struct{})} //nolint:noctx // stop ends it, in order and with grace
	p.exec.Env = append(os.Environ(), c.env...)
	p.exec.SysProcAttr = childAttributes()
	r, w, err := os.Pipe()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("make pipe of %s: %w", c.name, err)
	}
	p.exec.Stdout, p.exec.Stderr = w, w
	err = p.exec.Start()
	_ = w.Close() // the process has it
	if err != nil {
		_, _ = r.Close(), file.Close()
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer file.Close()
		defer r.Close()
		p.copy(r, file, out)
	}()
	go func() {
		p.err = p.exec.Wait()
		// The copy ends with the last writer; a process that left children
		// behind must not keep us.
		select {
		case <-copied:
		case <-time.After(time.Second):
			_ = r.Close()
			<-copied
		}
		close(p.ended)
	}()
	return p, nil
}

func (p *child) copy(r io.Reader, file io.Writer, out *terminal) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			if _, werr := io.WriteString(file, line); werr != nil {
				out.print(fmt.Sprintf("run: write %s: %v\n", p.cmd.log, werr))
			}
			p.tail = append(p.tail, line)
			if len(p.tail) > 10 {
				p.tail = p.tail[1:]
			}
			out.line(p.cmd.name, strings.TrimSuffix(line, "\n"))
		}
		if err != nil {
			return
		}
	}
}

// stop asks the process to stop, kills it after a grace period and returns
// when it has ended.
func (p *child) stop() {
	p.asked.Do(func() { _ = p.exec.Process.Signal(syscall.SIGTERM) }) // it may have ended already
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = p.exec.Process.Kill()
		<-p.ended
	}
}

// failure is the error of a process that ended by itself.
func (p *child) failure() error {
	why := "it stopped"
	if p.err != nil {
		why = p.err.Error()
	}
	return fmt.Errorf("%s ended: %s; its last lines:\n%s", p.cmd.name, why, strings.Join(p.tail, ""))
}

// heldLines bounds what is logged before the logs are followed.
const heldLines = 200

// terminal is what both logs and the summary are printed to.
type terminal struct {
	mu        sync.Mutex
	w         io.Writer
	following bool
	// held are the newest lines that were logged before follow.
	held []string
}

func (t *terminal) print(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = io.WriteString(t.w, text) // a closed terminal is no reason to stop
}

// follow prints log lines from now on, and those of the start: they say what
// the inputs may not see.
func (t *terminal) follow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.following = true
	for _, line := range t.held {
		_, _ = io.WriteString(t.w, line)
	}
	t.held = nil
}

func (t *terminal) line(name, text string) {
	line := fmt.Sprintf("%-9s | %s\n", name, text)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.following {
		_, _ = io.WriteString(t.w, line)
		return
	}
	if len(t.held) == heldLines {
		t.held = t.held[1:]
	}
	t.held = append(t.held, line)
}
