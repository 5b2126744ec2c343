package proctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// endWithin is how long a program may take to end.
const endWithin = 20 * time.Second

// Process is a program that a test runs.
type Process struct {
	Cmd *exec.Cmd
	// Out is what it printed, on both outputs.
	Out Buffer
	// Done is closed when it has ended.
	Done chan struct{}
}

// Start runs a program until it ends or the test does. env is added to the
// environment. If the test fails, the end of what the program printed is logged.
func Start(t testing.TB, path string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(path, args...), Done: make(chan struct{})} //nolint:noctx // it ends with the test
	p.Cmd.Stdout, p.Cmd.Stderr = &p.Out, &p.Out
	p.Cmd.Env = append(os.Environ(), env...)
	if err := p.Cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	go func() { _ = p.Cmd.Wait(); close(p.Done) }()
	t.Cleanup(func() {
		p.End(t, os.Interrupt)
		if t.Failed() {
			text := p.Out.String()
			t.Logf("%s printed:\n%s", filepath.Base(path), text[max(0, len(text)-8000):])
		}
	})
	return p
}

// End sends a signal and waits; what does not end in time is killed, and the
// test fails. A program that has ended is left alone.
func (p *Process) End(t testing.TB, s os.Signal) {
	t.Helper()
	_ = p.Cmd.Process.Signal(s)
	select {
	case <-p.Done:
	case <-time.After(endWithin):
		_ = p.Cmd.Process.Kill()
		<-p.Done
		t.Errorf("%s did not end on %v", p.Cmd.Path, s)
	}
}
