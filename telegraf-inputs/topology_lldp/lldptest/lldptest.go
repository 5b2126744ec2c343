// Package lldptest is what tests of LLDP share: lldpd in namespaces, and frames
// made by hand. It is for tests only, and ends nothing that it did not start.
package lldptest

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// LLDPD is an lldpd that runs in a namespace.
type LLDPD struct {
	// Socket is its control socket.
	Socket string
	t      testing.TB
	proc   *proctest.Process
}

// Need skips a test where lldpd is not installed or cannot be run.
func Need(t testing.TB) {
	t.Helper()
	netnstest.Need(t)
	for _, name := range []string{"lldpd", "lldpcli"} {
		if _, err := find(name); err != nil {
			t.Skipf("needs %s", name)
		}
	}
}

// find looks for a program also where daemons are, which may not be in PATH.
func find(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path := filepath.Join("/usr/sbin", name)
	_, err := os.Stat(path)
	return path, err
}

// Start runs lldpd in a namespace (netnstest.Add) until the test ends. It speaks
// LLDP every second, and calls itself name. hold is for how many seconds what it
// says holds. More options may be given, such as -ccccc to have it speak CDP, too.
func Start(t testing.TB, namespace, name string, hold int, options ...string) *LLDPD {
	t.Helper()
	Need(t)
	path, err := find("lldpd")
	if err != nil {
		t.Fatal(err)
	}
	// The path of a socket is short.
	dir, err := os.MkdirTemp("", "lldp") //nolint:usetesting // t.TempDir is too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	// The part of lldpd without rights looks at the socket, too.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // it holds the socket alone
		t.Fatal(err)
	}
	d := &LLDPD{t: t, Socket: filepath.Join(dir, "s")}
	args := []string{"netns", "exec", namespace, path, "-d", "-u", d.Socket, "-O", "/dev/null", "-S", "test of " + name}
	d.proc = proctest.Start(t, "ip", nil, append(args, options...)...)
	proctest.Eventually(t, 10*time.Second, "lldpd answers", func() error {
		select {
		case <-d.proc.Done:
			return errors.New("it ended: " + d.proc.Out.String())
		default:
		}
		// Until it has read its own configuration it is paused, and forgets what it
		// is told of intervals.
		if !strings.Contains(d.proc.Out.String(), "should resume operations") {
			return errors.New("it has not begun yet")
		}
		_, err := d.try("configure", "lldp", "tx-interval", "1")
		return err
	})
	d.Configure("lldp", "tx-hold", itoa(hold))
	d.Configure("system", "hostname", name)
	return d
}

// Configure gives a command to lldpcli: what follows "configure".
func (d *LLDPD) Configure(args ...string) {
	d.t.Helper()
	if out, err := d.try(append([]string{"configure"}, args...)...); err != nil {
		d.t.Fatalf("lldpcli configure %v: %v: %s", args, err, out)
	}
}

func (d *LLDPD) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	path, err := find("lldpcli")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, append([]string{"-u", d.Socket}, args...)...).CombinedOutput()
	return string(out), err
}

// Stop ends lldpd as an administrator does: it tells its neighbours that it goes.
func (d *LLDPD) Stop() {
	d.t.Helper()
	d.proc.End(d.t, syscall.SIGTERM)
}

// Kill ends lldpd without a chance to tell anybody.
func (d *LLDPD) Kill() {
	d.t.Helper()
	for _, pid := range children(d.proc.Cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	d.proc.End(d.t, syscall.SIGKILL)
}
