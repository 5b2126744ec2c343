package containertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// LXCPath is a directory of classic LXC containers.
type LXCPath struct {
	// Dir is its scratch directory, Path the one of the containers.
	Dir, Path string
	rootfs    string
	t         testing.TB
}

// LXC returns an empty directory for containers. It skips the test where LXC
// cannot run. The sockets of its monitors are in the network namespace of the
// test itself.
func LXC(t testing.TB) *LXCPath {
	t.Helper()
	need(t, "lxc-execute", "lxc-stop", "lxc-freeze")
	dir := scratch(t)
	l := &LXCPath{Dir: dir, Path: filepath.Join(dir, "lxc"), t: t, rootfs: Rootfs(t, dir)}
	if err := os.Mkdir(l.Path, 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

// Config writes the configuration of a container, with a network namespace of its
// own unless lines say otherwise.
func (l *LXCPath) Config(name string, lines ...string) {
	l.t.Helper()
	text := "lxc.rootfs.path = dir:" + l.rootfs + "\nlxc.apparmor.profile = unconfined\nlxc.mount.auto = proc:mixed\n"
	if joined := strings.Join(lines, "\n"); strings.Contains(joined, "lxc.net.0.type") || strings.Contains(joined, "lxc.namespace.share.net") {
		text += joined + "\n"
	} else {
		text += "lxc.net.0.type = empty\n" + joined + "\n"
	}
	if err := os.MkdirAll(filepath.Join(l.Path, name), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.Path, name, "config"), []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// Start runs a container that is configured and sleeps.
func (l *LXCPath) Start(name string) {
	l.t.Helper()
	l.t.Cleanup(func() { _, _ = l.try("lxc-stop", name, "-k") })
	l.Do("lxc-execute", name, "-d", "--", "/bin/sleep", "1000")
}

// Stop ends a container.
func (l *LXCPath) Stop(name string) {
	l.t.Helper()
	l.Do("lxc-stop", name, "-k")
}

// Do runs one of LXC's programs for a container, which must succeed.
func (l *LXCPath) Do(program, name string, args ...string) string {
	l.t.Helper()
	out, err := l.try(program, name, args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// try has the output in a file: the container keeps it open.
func (l *LXCPath) try(program, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"-P", l.Path, "-n", name}, args...)...)
	f, err := os.CreateTemp(l.Dir, "out")
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // a test's
	cmd.Stdout, cmd.Stderr = f, f
	failed := cmd.Run()
	out, err := os.ReadFile(f.Name())
	if failed != nil {
		return "", fmt.Errorf("%s -n %s %s: %w: %s", program, name, strings.Join(args, " "), failed, bytes.TrimSpace(out))
	}
	return strings.TrimSpace(string(out)), err
}
