// Package containertest runs real container runtimes for tests: dockerd,
// containerd, podman, runc, crun, LXD and LXC, each with directories of its own
// and, those that make networks, in a network namespace of its own, so that
// several are several hosts.
// It is for tests only. It ends nothing but what it started, and leaves no
// container, no mount and no process behind.
package containertest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// Image is the image that the daemons have: busybox and links to it.
const Image = "busybox:test"

// patience is how long a tool, or a daemon that starts, may take.
const patience = time.Minute

// need skips a test that cannot run these programs here.
func need(t testing.TB, programs ...string) {
	t.Helper()
	netnstest.Need(t)
	for _, name := range append(programs, "nsenter") {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s", name)
		}
	}
	if _, err := busybox(); err != nil {
		t.Skip(err)
	}
}

// applets are the links to busybox that the image has.
var applets = []string{"sh", "sleep", "true", "echo", "cat", "ip", "ping", "wget", "nc", "httpd", "kill", "hostname"}

// busybox finds the program; it has to be a static one.
func busybox() (string, error) {
	for _, path := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("needs busybox (package busybox-static)")
}

// scratch returns a directory with a short path, as that of a socket has at most
// 107 bytes. When the test ends, what is mounted and what runs there goes.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ct-") //nolint:usetesting // its paths are too long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		endAll(t, dir)
		unmountAll(dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Logf("remove scratch directory: %v", err)
		}
	})
	return dir
}

// endAll kills what was started with a directory in its arguments and is still
// there: shims and monitors of containers that a failed test left.
func endAll(t testing.TB, dir string) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		args, err := os.ReadFile(path)
		pid, e := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || e != nil || pid == os.Getpid() || !bytes.Contains(args, []byte(dir+"/")) {
			continue
		}
		t.Logf("left over: %s", bytes.ReplaceAll(args, []byte{0}, []byte{' '}))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// unmountAll unmounts all that is mounted below a directory, the deepest first.
func unmountAll(dir string) {
	mounts, _ := os.ReadFile("/proc/self/mounts")
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], dir+"/") {
			points = append(points, f[1])
		}
	}
	slices.Sort(points)
	for _, p := range slices.Backward(points) {
		_, _ = try(nil, "umount", "--lazy", p)
	}
}

// Rootfs makes a root file system with busybox below dir and returns its path.
func Rootfs(t testing.TB, dir string) string {
	t.Helper()
	root := filepath.Join(dir, "rootfs")
	for _, d := range []string{"bin", "proc", "sys", "dev", "etc", "tmp", "run"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path, err := busybox()
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), program, 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	for _, a := range applets {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", a)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// imageTar writes the same file system as a tar archive, which docker and podman
// import, and returns its path.
func imageTar(t testing.TB, dir string) string {
	t.Helper()
	path, err := busybox()
	if err != nil {
		t.Skip(err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(h tar.Header, data []byte) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"bin", "proc", "sys", "dev", "etc", "tmp", "run"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: 0o755}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755, Size: int64(len(program))}, program)
	for _, a := range applets {
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + a, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return out
}

// namespace returns the name given or that of a new one with loopback up.
func namespace(t testing.TB, name string) string {
	t.Helper()
	if name == "" {
		name = netnstest.Add(t)
		netnstest.Run(t, "ip", "-n", name, "link", "set", "lo", "up")
	}
	return name
}

// inside is the command line that runs a program inside a namespace. It becomes
// the program, and unlike ip netns exec leaves /sys/fs/cgroup as it is.
func inside(netns string, args ...string) []string {
	return append([]string{"--net=" + netnstest.Path(netns)}, args...)
}

// tool runs a program, which must succeed, and returns what it prints.
func tool(t testing.TB, env []string, args ...string) string {
	t.Helper()
	out, err := try(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	// A program left behind that holds the outputs open does not hold up the test.
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// ready waits until a daemon answers.
func ready(t testing.TB, p *proctest.Process, what string, ask func() error) {
	t.Helper()
	proctest.Eventually(t, patience, what+" answers", func() error {
		select {
		case <-p.Done:
			t.Fatalf("%s ended at once: %s", what, p.Out.String())
		default:
		}
		return ask()
	})
}
