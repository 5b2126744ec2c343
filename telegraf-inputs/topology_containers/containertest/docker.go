package containertest

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// DockerDaemon is a dockerd with a containerd of its own. Its containers go on
// while it is not there.
type DockerDaemon struct {
	// Dir is its scratch directory, Socket the path of its socket.
	Dir, Socket string
	// NetNS is the name of the namespace that is the host's own to it.
	NetNS string
	// Containerd is the one that it uses. Docker's containers are in its
	// namespace moby.
	Containerd *ContainerdDaemon
	t          testing.TB
	process    *proctest.Process
}

// Docker starts a dockerd inside the network namespace of that name, or a new
// one, and waits until it answers and has [Image]. It skips the test where that
// cannot be.
func Docker(t testing.TB, netns string) *DockerDaemon {
	t.Helper()
	need(t, "dockerd", "docker", "containerd", "ctr", "runc", "iptables")
	netns = namespace(t, netns)
	dir := scratch(t)
	d := &DockerDaemon{Dir: dir, Socket: filepath.Join(dir, "docker.sock"), NetNS: netns, t: t}
	d.Containerd = newContainerd(t, dir)
	if err := os.WriteFile(dir+"/daemon.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Restart()
	d.CLI("import", imageTar(t, dir), Image)
	return d
}

// NetNSPath is the file of the namespace that is the host's own to the daemon.
func (d *DockerDaemon) NetNSPath() string { return netnstest.Path(d.NetNS) }

// Restart starts dockerd as it was left, and waits until it answers.
func (d *DockerDaemon) Restart() {
	d.t.Helper()
	d.process = proctest.Start(d.t, "nsenter", nil, inside(d.NetNS, "dockerd",
		"--data-root", d.Dir+"/data", "--exec-root", d.Dir+"/exec", "--config-file", d.Dir+"/daemon.json",
		"--host", "unix://"+d.Socket, "--pidfile", d.Dir+"/docker.pid", "--containerd", d.Containerd.Socket,
		"--live-restore", "--log-level", "warn")...)
	ready(d.t, d.process, "dockerd", func() error {
		_, err := d.try("version")
		return err
	})
	d.t.Cleanup(d.removeAll) // while there is somebody to ask
}

// Kill kills dockerd. Its containers and containerd go on.
func (d *DockerDaemon) Kill() {
	d.t.Helper()
	d.process.End(d.t, syscall.SIGKILL)
}

// CLI runs docker, which must succeed, and returns what it prints.
func (d *DockerDaemon) CLI(args ...string) string {
	d.t.Helper()
	out, err := d.try(args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

// Run runs a container that sleeps and returns its ID. more are further flags of
// docker run.
func (d *DockerDaemon) Run(name string, more ...string) string {
	d.t.Helper()
	args := append([]string{"run", "-d", "--name", name}, more...)
	return d.CLI(append(args, Image, "/bin/sleep", "1000")...)
}

func (d *DockerDaemon) try(args ...string) (string, error) {
	return try([]string{"DOCKER_HOST=unix://" + d.Socket, "DOCKER_CONFIG=" + d.Dir}, append([]string{"docker"}, args...)...)
}

func (d *DockerDaemon) removeAll() {
	select {
	case <-d.process.Done:
		return
	default:
	}
	out, err := d.try("ps", "-aq")
	if ids := strings.Fields(out); err == nil && len(ids) > 0 {
		_, err = d.try(append([]string{"rm", "-f"}, ids...)...)
	}
	if err != nil {
		d.t.Logf("clean up: %v", err)
	}
}
