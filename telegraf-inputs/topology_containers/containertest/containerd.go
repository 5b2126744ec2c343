package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/proctest"
)

// ContainerdDaemon is a containerd without its service for Kubernetes.
type ContainerdDaemon struct {
	// Dir is its scratch directory, Socket the path of its socket.
	Dir, Socket string
	t           testing.TB
	process     *proctest.Process
	rootfs      string
}

// Containerd starts a containerd and waits until it answers. It skips the test
// where that cannot be.
func Containerd(t testing.TB) *ContainerdDaemon {
	t.Helper()
	need(t, "containerd", "ctr", "runc")
	d := newContainerd(t, scratch(t))
	d.rootfs = Rootfs(t, d.Dir)
	return d
}

func newContainerd(t testing.TB, dir string) *ContainerdDaemon {
	t.Helper()
	d := &ContainerdDaemon{Dir: dir, Socket: filepath.Join(dir, "c.sock"), t: t}
	text := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
  address = %q
[ttrpc]
  address = %q
`, dir+"/croot", dir+"/cstate", d.Socket, d.Socket+".ttrpc")
	if err := os.WriteFile(dir+"/containerd.toml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Restart()
	return d
}

// Restart starts containerd as it was left, and waits until it answers.
func (d *ContainerdDaemon) Restart() {
	d.t.Helper()
	d.process = proctest.Start(d.t, "containerd", nil, "-c", d.Dir+"/containerd.toml", "-l", "warn")
	ready(d.t, d.process, "containerd", func() error {
		_, err := try(nil, "ctr", "-a", d.Socket, "--connect-timeout", "2s", "namespaces", "ls", "-q")
		return err
	})
	// What a test leaves is removed while there is somebody to ask.
	d.t.Cleanup(d.removeAll)
}

// Kill kills containerd. Its containers go on.
func (d *ContainerdDaemon) Kill() {
	d.t.Helper()
	d.process.End(d.t, syscall.SIGKILL)
}

// RuncRoot is the directory below which runc keeps the state of the containers
// that Start made, one directory for each namespace of containerd.
func (d *ContainerdDaemon) RuncRoot() string { return d.Dir + "/runc" }

// Ctr runs ctr in a namespace of containerd, which must succeed, and returns
// what it prints.
func (d *ContainerdDaemon) Ctr(namespace string, args ...string) string {
	d.t.Helper()
	return tool(d.t, nil, append([]string{"ctr", "-a", d.Socket, "-n", namespace}, args...)...)
}

// Start runs a container that sleeps. more are further flags of ctr run, such as
// --label a=b or --net-host.
func (d *ContainerdDaemon) Start(namespace, id string, more ...string) {
	d.t.Helper()
	// By default all containerds of a machine share one directory of runc's.
	args := append([]string{"run", "-d", "--runc-root", d.RuncRoot()}, more...)
	d.Ctr(namespace, append(args, "--rootfs", d.rootfs, id, "/bin/sleep", "1000")...)
}

func (d *ContainerdDaemon) removeAll() {
	select {
	case <-d.process.Done:
		return // the processes are ended by their arguments
	default:
	}
	ctr := func(args ...string) []string {
		out, err := try(nil, append([]string{"ctr", "-a", d.Socket}, args...)...)
		if err != nil {
			d.t.Logf("clean up: %v", err)
		}
		return strings.Fields(out)
	}
	for _, ns := range ctr("namespaces", "ls", "-q") {
		for _, id := range ctr("-n", ns, "tasks", "ls", "-q") {
			ctr("-n", ns, "tasks", "rm", "-f", id)
		}
		for _, id := range ctr("-n", ns, "containers", "ls", "-q") {
			ctr("-n", ns, "containers", "rm", id)
		}
	}
}
