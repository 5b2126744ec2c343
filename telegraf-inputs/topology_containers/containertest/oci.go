package containertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// OCIRuntime is runc or crun with a state directory of its own.
type OCIRuntime struct {
	// Program is its name, Dir its scratch directory, Root its state directory.
	Program, Dir, Root string
	// Rootfs is what its containers have.
	Rootfs string
	t      testing.TB
	prefix []string
}

// Runc returns a runc. It skips the test where that cannot be.
func Runc(t testing.TB) *OCIRuntime {
	t.Helper()
	return newRuntime(t, "runc", nil)
}

// Crun returns a crun. It skips the test where that cannot be.
func Crun(t testing.TB) *OCIRuntime {
	t.Helper()
	var prefix []string
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err == nil {
		// It refuses both versions of control groups at once: it does not see one.
		prefix = []string{"unshare", "-m", "sh", "-c", `mount --make-rprivate / && umount /sys/fs/cgroup/unified && exec "$@"`, "sh"}
	}
	return newRuntime(t, "crun", prefix)
}

func newRuntime(t testing.TB, program string, prefix []string) *OCIRuntime {
	t.Helper()
	need(t, program, "unshare")
	dir := scratch(t)
	return &OCIRuntime{
		Program: program, Dir: dir, Root: filepath.Join(dir, "state", program),
		Rootfs: Rootfs(t, dir), t: t, prefix: prefix,
	}
}

// OCIConfig is the part of a container's configuration that tests choose.
type OCIConfig struct {
	Annotations map[string]string
	Hostname    string
	// NetNS is the path of its network namespace, "host" for that of the runtime;
	// empty: a new one.
	NetNS string
	// HostsFile is mounted as /etc/hosts.
	HostsFile string
	// Args is what it runs; empty: it sleeps.
	Args []string
}

// Bundle makes the bundle of a container and returns its path.
func (r *OCIRuntime) Bundle(id string, cfg OCIConfig) string {
	r.t.Helper()
	type object = map[string]any
	bundle := filepath.Join(r.Dir, "bundles", id)
	if err := os.MkdirAll(bundle, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if len(cfg.Args) == 0 {
		cfg.Args = []string{"/bin/sleep", "1000"}
	}
	namespaces := []object{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}
	switch cfg.NetNS {
	case "host":
	case "":
		namespaces = append(namespaces, object{"type": "network"})
	default:
		namespaces = append(namespaces, object{"type": "network", "path": cfg.NetNS})
	}
	mounts := []object{{"destination": "/proc", "type": "proc", "source": "proc"}}
	if cfg.HostsFile != "" {
		mounts = append(mounts, object{
			"destination": "/etc/hosts", "type": "bind", "source": cfg.HostsFile, "options": []string{"bind", "ro"},
		})
	}
	b, err := json.Marshal(object{
		"ociVersion":  "1.0.2",
		"process":     object{"args": cfg.Args, "cwd": "/", "env": []string{"PATH=/bin"}, "user": object{"uid": 0, "gid": 0}},
		"root":        object{"path": r.Rootfs},
		"hostname":    cfg.Hostname,
		"annotations": cfg.Annotations,
		"mounts":      mounts,
		"linux":       object{"namespaces": namespaces},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), b, 0o600); err != nil {
		r.t.Fatal(err)
	}
	return bundle
}

// Create makes a container that waits to be started.
func (r *OCIRuntime) Create(id string, cfg OCIConfig) {
	r.t.Helper()
	r.make("create", id, cfg)
}

// Run makes and starts a container.
func (r *OCIRuntime) Run(id string, cfg OCIConfig) {
	r.t.Helper()
	r.make("run", id, cfg)
}

func (r *OCIRuntime) make(command, id string, cfg OCIConfig) {
	r.t.Helper()
	args := []string{command, "--bundle", r.Bundle(id, cfg), id}
	if command == "run" {
		args = append([]string{command, "-d"}, args[1:]...)
	}
	r.t.Cleanup(func() { _, _ = r.try("delete", "-f", id) })
	r.Do(args...)
}

// Delete ends and removes a container.
func (r *OCIRuntime) Delete(id string) {
	r.t.Helper()
	r.Do("delete", "-f", id)
}

// Do runs the program, which must succeed, and returns what it prints.
func (r *OCIRuntime) Do(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil && strings.Contains(err.Error(), "hybrid") {
		r.t.Skipf("%s does not run here: %v", r.Program, err)
	} else if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// try has the output in a file: what a container inherits must not be a pipe,
// whose end one would wait for.
func (r *OCIRuntime) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	line := append(append([]string(nil), r.prefix...), r.Program, "--root", r.Root)
	line = append(line, args...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	f, err := os.CreateTemp(r.Dir, "out")
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // a test's
	cmd.Stdout, cmd.Stderr = f, f
	failed := cmd.Run()
	out, err := os.ReadFile(f.Name())
	if failed != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(line, " "), failed, bytes.TrimSpace(out))
	}
	return strings.TrimSpace(string(out)), err
}
