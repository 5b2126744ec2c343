package pidwatch

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newWatcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// sleeper starts a process that ends with the test.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skipf("no process to watch: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

func ended(t *testing.T, w *Watcher) int {
	t.Helper()
	select {
	case pid := <-w.Ended():
		return pid
	case <-time.After(10 * time.Second):
		t.Fatal("nothing ended")
		return 0
	}
}

func TestEnded(t *testing.T) {
	w := newWatcher(t)
	a, b, c := sleeper(t), sleeper(t), sleeper(t)
	for _, cmd := range []*exec.Cmd{a, b, c, b} {
		if err := w.Add(cmd.Process.Pid); errors.Is(err, ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	w.Remove(a.Process.Pid)
	w.Remove(a.Process.Pid)
	for _, cmd := range []*exec.Cmd{a, b, c} {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if cmd == a {
			continue
		}
		if pid := ended(t, w); pid != cmd.Process.Pid {
			t.Errorf("%d ended, want %d", pid, cmd.Process.Pid)
		}
	}
	if err := w.Add(b.Process.Pid); !errors.Is(err, unix.ESRCH) {
		t.Errorf("watch of a process that ended: %v", err)
	}
}

// A watcher can be closed while it tells of an end that nobody listens to, more
// than once, and takes nothing afterwards.
func TestClose(t *testing.T) {
	w := newWatcher(t)
	a, b := sleeper(t), sleeper(t)
	if err := w.Add(a.Process.Pid); err != nil {
		t.Skip(err)
	}
	if err := w.Add(b.Process.Pid); err != nil {
		t.Fatal(err)
	}
	_ = a.Process.Kill()
	w.Close()
	w.Close()
	if err := w.Add(b.Process.Pid); err == nil {
		t.Error("a closed watcher watches")
	}
}
