package runtimedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

const limit = 10 * time.Second

// host is a made-up host: state directories, and the processes of the containers.
type host struct {
	t   *testing.T
	dir string
	cfg Config
	src *Source
}

func newHost(t *testing.T, dirs ...string) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), cfg: DefaultConfig()}
	h.cfg.Dirs = nil
	for _, d := range dirs {
		h.cfg.Dirs = append(h.cfg.Dirs, h.path(d))
	}
	h.cfg.Rescan = time.Hour
	h.cfg.CgroupDir = h.path("cgroup")
	return h
}

func (h *host) path(elements ...string) string {
	return filepath.Join(append([]string{h.dir}, elements...)...)
}

func (h *host) start() *feedtest.World {
	h.t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: h.path("proc")})
	if err != nil {
		h.t.Fatal(err)
	}
	if h.src, err = New(h.cfg, m); err != nil {
		h.t.Fatal(err)
	}
	w, _ := feedtest.Follow(h.t, container.SourceRunc, h.src)
	return w
}

func (h *host) write(path, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// process makes a process that started at tick 100. Its number is one that no
// real process has.
func (h *host) process(n int) int {
	h.t.Helper()
	pid := 1<<22 + n
	h.write(h.path("proc", fmt.Sprint(pid), "stat"), fmt.Sprintf("%d (a) b) S 1 %s 100 0", pid, strings.Repeat("0 ", 17)))
	return pid
}

func (h *host) state(id string, pid int) string {
	return fmt.Sprintf(`{"id":%q,"init_process_pid":%d,"init_process_start":100,"config":{"hostname":"h","labels":["bundle=%s"]}}`, id, pid, h.path("bundle", id))
}

// container waits until a container has values at paths, given in turn.
func (h *host) container(w *feedtest.World, id string, pathsAndValues ...string) {
	h.t.Helper()
	w.Eventually(h.t, limit, "container "+id, func(s feedtest.State) error {
		ev, ok := s.Find(entity.TypeContainer, "Container.ID", id)
		if !ok {
			return fmt.Errorf("no such container among %d", len(s.All(entity.TypeContainer)))
		}
		for i := 0; i < len(pathsAndValues); i += 2 {
			if got := feedtest.Text(&ev, pathsAndValues[i]); got != pathsAndValues[i+1] {
				return fmt.Errorf("%s is %q, want %q", pathsAndValues[i], got, pathsAndValues[i+1])
			}
		}
		return nil
	})
}

func (h *host) count(w *feedtest.World, want int) {
	h.t.Helper()
	w.Eventually(h.t, limit, fmt.Sprintf("%d containers", want), func(s feedtest.State) error {
		if n := len(s.All(entity.TypeContainer)); n != want {
			return fmt.Errorf("%d containers; %+v", n, h.src.Stats())
		}
		return nil
	})
}

// stats waits until they are right.
func (h *host) stats(want Stats) {
	h.t.Helper()
	proctest.Eventually(h.t, limit, "stats", func() error {
		if got := h.src.Stats(); got != want {
			return fmt.Errorf("%+v, want %+v", got, want)
		}
		return nil
	})
}

// Directories appear from the top to the bottom, and go again.
func TestDirectoriesAppear(t *testing.T) {
	h := newHost(t, "run/runc", "run/user/*/crun", "run/containerd/runc/*")
	w := h.start()
	pid := h.process(1)
	h.write(h.path("run/runc/a/state.json"), h.state("a", pid))
	h.container(w, "a", "Container.Status", "running", "Container.Runtime", "runc")
	h.write(h.path("run/user/1000/crun/b/status"), fmt.Sprintf(`{"pid":%d,"process-start-time":100,"bundle":"/b"}`, pid))
	h.container(w, "b", "Container.Runtime", "crun")
	h.write(h.path("run/containerd/runc/k8s.io/c/state.json"), h.state("c", pid))
	h.container(w, "c")
	h.write(h.path("run/user/1001/crun/d/status"), `{"pid":1,"process-start-time":7,"bundle":"/b"}`)
	h.container(w, "d", "Container.Status", "exited")
	h.count(w, 4)
	h.stats(Stats{Containers: 4})
	for n, dir := range []string{"run/user", "run/containerd/runc/k8s.io", "run"} {
		if err := os.RemoveAll(h.path(dir)); err != nil {
			t.Fatal(err)
		}
		h.count(w, []int{2, 1, 0}[n])
	}
	h.write(h.path("run/runc/a/state.json"), h.state("a", pid))
	h.container(w, "a", "Container.Status", "running")
}

// A state is there when it can be read, and stays until it is gone.
func TestHalfWritten(t *testing.T) {
	h := newHost(t, "runc")
	w := h.start()
	pid := h.process(1)
	whole := h.state("a", pid)
	h.write(h.path("runc/a/state.json"), whole[:len(whole)/2])
	h.write(h.path("runc/b/state.json"), h.state("b", pid))
	h.container(w, "b")
	h.stats(Stats{Containers: 1, Unreadable: 1})
	h.write(h.path("runc/a/state.json"), whole)
	h.container(w, "a", "Container.Status", "running")
	h.stats(Stats{Containers: 2})
	// What was known of it stands while it is written anew.
	h.write(h.path("runc/a/state.json"), whole[:20])
	h.stats(Stats{Containers: 2, Unreadable: 1})
	h.container(w, "a", "Container.Status", "running")
	h.write(h.path("runc/a/state.json"), strings.Replace(whole, `"h"`, `"other"`, 1))
	h.container(w, "a", "Container.Hostname", "other")
	// The state goes before the directory.
	if err := os.Remove(h.path("runc/a/state.json")); err != nil {
		t.Fatal(err)
	}
	h.count(w, 1)
	// The state of another is none.
	h.write(h.path("runc/a/state.json"), h.state("z", pid))
	h.stats(Stats{Containers: 1, Unreadable: 1})
	h.write(h.path("runc/file"), "")
	h.write(h.path("runc/a/state.json"), whole)
	h.container(w, "a")
}

// A process that is another, or a zombie, is none.
func TestProcessGone(t *testing.T) {
	h := newHost(t, "runc")
	h.cfg.Rescan = 10 * time.Millisecond
	pid := h.process(1)
	h.write(h.path("runc/a/state.json"), h.state("a", pid))
	h.write(h.path("runc/a/exec.fifo"), "")
	w := h.start()
	h.container(w, "a", "Container.Status", "created", "Container.InitProcessPID", fmt.Sprint(pid))
	if err := os.Remove(h.path("runc/a/exec.fifo")); err != nil {
		t.Fatal(err)
	}
	h.container(w, "a", "Container.Status", "running")
	stat := h.path("proc", fmt.Sprint(pid), "stat")
	b, err := os.ReadFile(stat)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "1 (x) S", strings.Replace(string(b), ") S", ") Z", 1), strings.Replace(string(b), " 100 ", " 101 ", 1)} {
		h.write(stat, text)
		h.container(w, "a", "Container.Status", "exited", "Container.InitProcessPID", "")
		h.write(stat, string(b))
		h.container(w, "a", "Container.Status", "running")
	}
}

// Frozen by either version of control groups.
func TestFrozen(t *testing.T) {
	h := newHost(t, "runc", "crun")
	h.cfg.Rescan = 10 * time.Millisecond
	pid := h.process(1)
	h.write(h.path("runc/v1/state.json"), fmt.Sprintf(`{"id":"v1","init_process_pid":%d,"cgroup_paths":{"freezer":"/sys/fs/cgroup/freezer/x/v1"}}`, pid))
	h.write(h.path("crun/v2/status"), fmt.Sprintf(`{"pid":%d,"bundle":"/b","cgroup-path":"/x/v2"}`, pid))
	w := h.start()
	for n, file := range []string{"cgroup/freezer/x/v1/freezer.state", "cgroup/x/v2/cgroup.freeze"} {
		id := []string{"v1", "v2"}[n]
		h.container(w, id, "Container.Status", "running")
		h.write(h.path(file), []string{"FROZEN\n", "1\n"}[n])
		h.container(w, id, "Container.Status", "paused")
		h.write(h.path(file), []string{"THAWED\n", "0\n"}[n])
		h.container(w, id, "Container.Status", "running")
	}
}

// One that is in two directories is told as the first says; when that ends, as
// the other.
func TestShadowed(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	h := newHost(t, "z/first", "second")
	pid := h.process(1)
	h.write(h.path("second", id, "state.json"), strings.Replace(h.state(id, pid), `"h"`, `"second"`, 1))
	w := h.start()
	h.container(w, id, "Container.Hostname", "second")
	h.write(h.path("z/first", id, "state.json"), strings.Replace(h.state(id, pid), `"h"`, `"first"`, 1))
	h.container(w, id, "Container.Hostname", "first")
	h.stats(Stats{Containers: 1, Shadowed: 1})
	if err := os.RemoveAll(h.path("z/first")); err != nil {
		t.Fatal(err)
	}
	h.container(w, id, "Container.Hostname", "second")
	h.stats(Stats{Containers: 1})
	w.See(func(s feedtest.State) {
		if s.Deleted > 0 {
			t.Error("it ended meanwhile")
		}
	})
}

// The bundle and the file of hosts say more.
func TestBundle(t *testing.T) {
	h := newHost(t, "crun")
	h.cfg.Rescan = 10 * time.Millisecond
	pid := h.process(1)
	h.write(h.path("bundle/config.json"), fmt.Sprintf(`{"hostname":"web","annotations":{"a":"b"},"mounts":[{"destination":"/etc/hosts","source":%q}]}`, h.path("hosts")))
	h.write(h.path("bundle/artifacts/create-config"), `{"Name":"n","Image":"img","ImageID":"sha","Labels":{"l":"m"}}`)
	h.write(h.path("hosts"), "10.0.0.1 web\n")
	h.write(h.path("crun/c/status"), fmt.Sprintf(`{"pid":%d,"bundle":%q}`, pid, h.path("bundle")))
	w := h.start()
	h.container(w, "c", "Name", "n", "Container.Image", "img", "Container.ImageID", "sha", "Container.Labels.l", "m",
		"Container.Hostname", "web", "Container.Hosts.IP", "10.0.0.1")
	h.write(h.path("hosts"), "10.0.0.22 web\n")
	h.container(w, "c", "Container.Hosts.IP", "10.0.0.22")
}

// More than may be kept are counted.
func TestMany(t *testing.T) {
	h := newHost(t, "runc")
	h.cfg.MaxContainers = 2000
	for i := range 2100 {
		id := fmt.Sprintf("c%04d", i)
		h.write(h.path("runc", id, "state.json"), h.state(id, 0))
	}
	w := h.start()
	h.count(w, 2000)
	h.stats(Stats{Containers: 2000, Left: 100})
}

// Files of another user than the directory's are not believed, nor is a process
// outside of his namespaces.
func TestUntrusted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be believed or not")
	}
	h := newHost(t, "runc")
	h.write(h.path("runc/dead/state.json"), h.state("dead", 0))
	h.write(h.path("runc/live/state.json"), h.state("live", h.process(1)))
	h.write(h.path("runc/root/state.json"), h.state("root", 0))
	for _, path := range []string{"runc", "runc/dead/state.json", "runc/live/state.json"} {
		if err := os.Chown(h.path(path), 1000, 1000); err != nil {
			t.Skip(err)
		}
	}
	w := h.start()
	h.container(w, "dead", "Container.Status", "exited")
	h.stats(Stats{Containers: 1, Unreadable: 2})
	h.count(w, 1)
}

// A user's path that leads to what is root's, where users have directories, or
// may make them, is still the user's.
func TestUntrustedPath(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be believed or not")
	}
	h := newHost(t, "run/user/*/runc", "tmp")
	h.write(h.path("home/alice/state.json"), h.state("alice", h.process(1)))
	h.write(h.path("home/alice/exec.fifo"), "")
	h.write(h.path("run/user/1000/runc"), "")
	if err := errors.Join(
		os.Remove(h.path("run/user/1000/runc")), os.Symlink(h.path("home"), h.path("run/user/1000/runc")),
		os.Lchown(h.path("run/user/1000"), 1000, 1000), os.Lchown(h.path("run/user/1000/runc"), 1000, 1000),
	); err != nil {
		t.Skip(err)
	}
	h.write(h.path("tmp/alice/state.json"), h.state("alice", h.process(1)))
	for _, file := range []string{"home/alice", "home/alice/state.json", "tmp/alice", "tmp/alice/state.json"} {
		if err := os.Chown(h.path(file), 1000, 1000); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Chmod(h.path("tmp"), 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	w := h.start()
	h.stats(Stats{Unreadable: 2})
	h.count(w, 0)
}

// Those that cannot be read keep their place among those that may be kept.
func TestManyUnreadable(t *testing.T) {
	h := newHost(t, "runc")
	h.cfg.MaxContainers = 2
	for _, id := range []string{"a", "b", "c"} {
		h.write(h.path("runc", id, "state.json"), "{")
	}
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: h.path("proc")})
	if err != nil {
		t.Fatal(err)
	}
	if h.src, err = New(h.cfg, m); err != nil {
		t.Fatal(err)
	}
	f := newFollower(h.src, nil, nil, nil) // there is nothing to tell
	for range 3 {
		f.scan()
		got := h.src.Stats()
		if got.NotWatched = nil; got != (Stats{Unreadable: 2, Left: 1}) {
			t.Errorf("%+v", got)
		}
	}
}
