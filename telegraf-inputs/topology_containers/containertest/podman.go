package containertest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// PodmanService is podman with its service, whose API is Docker's.
type PodmanService struct {
	// Dir is its scratch directory, Socket the path of the service's socket.
	Dir, Socket string
	// NetNS is the name of the namespace that is the host's own to it.
	NetNS   string
	t       testing.TB
	process *proctest.Process
}

// Podman starts podman's service inside the network namespace of that name, or a
// new one, and waits until it answers and has [Image]. It skips the test where
// that cannot be.
func Podman(t testing.TB, netns string) *PodmanService {
	t.Helper()
	need(t, "podman", "runc", "conmon")
	netns = namespace(t, netns)
	dir := scratch(t)
	p := &PodmanService{Dir: dir, Socket: filepath.Join(dir, "p.sock"), NetNS: netns, t: t}
	if err := os.MkdirAll(dir+"/tmp", 0o755); err != nil {
		t.Fatal(err)
	}
	p.Restart()
	t.Cleanup(func() {
		if _, err := try(nil, p.command("rm", "-fa", "-t", "0")...); err != nil {
			t.Logf("clean up: %v", err)
		}
	})
	p.CLI("import", imageTar(t, dir), Image)
	return p
}

// NetNSPath is the file of the namespace that is the host's own to podman.
func (p *PodmanService) NetNSPath() string { return netnstest.Path(p.NetNS) }

// Restart starts the service and waits until it answers.
func (p *PodmanService) Restart() {
	p.t.Helper()
	args := p.command("system", "service", "--time", "0", "unix://"+p.Socket)
	p.process = proctest.Start(p.t, args[0], nil, args[1:]...)
	ready(p.t, p.process, "podman", func() error {
		c, err := (&net.Dialer{}).DialContext(context.Background(), "unix", p.Socket)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// Kill kills the service. Containers go on.
func (p *PodmanService) Kill() {
	p.t.Helper()
	p.process.End(p.t, syscall.SIGKILL)
}

// CLI runs podman, which must succeed, and returns what it prints.
func (p *PodmanService) CLI(args ...string) string {
	p.t.Helper()
	return tool(p.t, nil, p.command(args...)...)
}

// Run runs a container that sleeps and returns its ID. more are further flags of
// podman run.
func (p *PodmanService) Run(name string, more ...string) string {
	p.t.Helper()
	// Without these limits podman fails where it may not raise its own.
	args := append([]string{"run", "-d", "--name", name, "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"}, more...)
	return p.CLI(append(args, Image, "/bin/sleep", "1000")...)
}

func (p *PodmanService) command(args ...string) []string {
	return append([]string{"nsenter"}, inside(p.NetNS, append([]string{
		"podman", "--root", p.Dir + "/data", "--runroot", p.Dir + "/run", "--tmpdir", p.Dir + "/tmp", "--storage-driver", "overlay",
		"--runtime", "runc", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--log-level", "error",
	}, args...)...)...)
}
