package docker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func id(n int) string { return fmt.Sprintf("%064x", n+0xa000000000000) }

func TestChanges(t *testing.T) {
	e := startEngine(t)
	e.set(id(1), "running", "")
	w := watch(t, e.socket, model.SourceDocker, "", nil)
	w.Eventually(t, soon, "the listing", has(id(1), "Container.Status", "running"))

	e.set(id(2), "created", "")
	e.event("create", id(2))
	w.Eventually(t, soon, "create", has(id(2), "Container.Status", "created"))
	e.set(id(1), "exited", "")
	e.event("die", id(1))
	w.Eventually(t, soon, "die", has(id(1), "Container.Status", "exited"))
	e.remove(id(1))
	e.event("destroy", id(1))
	w.Eventually(t, soon, "destroy", gone(id(1)))

	// A command in a container is no reason to ask.
	n := e.questions(id(2))
	for range 100 {
		e.event("exec_start: true", id(2))
	}
	e.set(id(3), "running", "")
	e.event("start", id(3)) // comes after them
	w.Eventually(t, soon, "start", has(id(3), "Container.Status", "running"))
	if got := e.questions(id(2)); got != n {
		t.Errorf("asked %d times because of exec", got-n)
	}
}

// TestStorm: many events of one container cost few questions, and the last of
// them is not missed.
func TestStorm(t *testing.T) {
	e := startEngine(t)
	e.set(id(1), "running", "")
	w := watch(t, e.socket, model.SourceDocker, "", nil)
	w.Eventually(t, soon, "the listing", has(id(1), "Container.Status", "running"))
	before := e.questions(id(1))
	release := e.holdUp(false)
	for range 5000 {
		e.event("restart", id(1))
	}
	e.set(id(2), "running", "")
	e.event("start", id(2))
	w.Eventually(t, soon, "the last event was read", func(feedtest.State) error {
		if e.questions(id(2)) == 0 {
			return fmt.Errorf("nobody asked")
		}
		return nil
	})
	e.set(id(1), "paused", "")
	release()
	w.Eventually(t, soon, "the last state", has(id(1), "Container.Status", "paused"))
	if got := e.questions(id(1)) - before; got > 2 {
		t.Errorf("asked %d times for 5000 events", got)
	}
}

// TestBetween: what happens while the listing is on its way is not missed.
func TestBetween(t *testing.T) {
	e := startEngine(t)
	e.set(id(1), "running", "")
	e.before = func() {
		e.set(id(2), "running", "")
		e.event("start", id(2))
		e.remove(id(1))
		e.event("destroy", id(1))
	}
	w := watch(t, e.socket, model.SourceDocker, "", nil)
	w.Eventually(t, soon, "what came", has(id(2), "Container.Status", "running"))
	w.Eventually(t, soon, "what went", gone(id(1)))
}

func TestBreak(t *testing.T) {
	for name, brk := range map[string]func(*engine){
		"the stream ends":   (*engine).cut,
		"garbage":           func(e *engine) { e.say("{]") },
		"the engine is new": func(e *engine) { e.down(); e.up() },
	} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t)
			for n := range 20 {
				e.set(id(n), "running", "")
			}
			w := watch(t, e.socket, model.SourceDocker, "", nil)
			w.Eventually(t, soon, "the listing", func(s feedtest.State) error { return count(s, 20) })
			// These events are lost.
			e.set(id(1), "exited", "")
			e.remove(id(2))
			e.set(id(20), "running", "")
			brk(e)
			w.Eventually(t, soon, "a change", has(id(1), "Container.Status", "exited"))
			w.Eventually(t, soon, "an end", gone(id(2)))
			w.Eventually(t, soon, "a beginning", has(id(20), "Container.Status", "running"))
			w.See(func(s feedtest.State) {
				if s.Deleted != 1 || s.Added != 21 {
					t.Errorf("%d deleted, %d added", s.Deleted, s.Added)
				}
			})
		})
	}
}

func count(s feedtest.State, n int) error {
	if got := len(s.All(entity.TypeContainer)); got != n {
		return fmt.Errorf("%d containers, want %d", got, n)
	}
	return nil
}

// TestHangs: one container that is not told about keeps its state and is asked for
// again; an engine that tells nothing is a break.
func TestHangs(t *testing.T) {
	for name, all := range map[string]bool{"a container": false, "the engine": true} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t)
			e.set(id(1), "running", "")
			w := watch(t, e.socket, model.SourceDocker, "", func(c *Config) { c.Timeout = 100 * time.Millisecond })
			w.Eventually(t, soon, "the listing", has(id(1), "Container.Status", "running"))
			release := e.holdUp(all)
			n := e.questions(id(1))
			e.set(id(1), "paused", "")
			e.event("pause", id(1))
			if !all {
				w.Eventually(t, soon, "it is known that it hangs", func(s feedtest.State) error {
					ev, _ := s.Entity(entity.ContainerRef(id(1)))
					if text := feedtest.Text(&ev, "Limitations"); !strings.Contains(text, "inspect") {
						return fmt.Errorf("limitations %q", text)
					}
					return has(id(1), "Container.Status", "running")(s)
				})
			}
			w.Eventually(t, soon, "it is asked", func(feedtest.State) error {
				if e.questions(id(1)) == n {
					return errors.New("not yet")
				}
				return nil
			})
			release()
			w.Eventually(t, soon, "the change", has(id(1), "Container.Status", "paused", "Limitations", ""))
			w.See(func(s feedtest.State) {
				if s.Deleted > 0 {
					t.Errorf("%d were deleted", s.Deleted)
				}
			})
		})
	}
}

// TestOdd: a container that cannot be asked for does not hold up the others.
func TestOdd(t *testing.T) {
	e := startEngine(t)
	e.set(id(1), "running", "")
	e.answer(id(2), "500")
	e.answer(id(3), `{"Id":7}`)
	w := watch(t, e.socket, model.SourceDocker, "", nil)
	w.Eventually(t, soon, "the good one", has(id(1), "Container.Status", "running"))
	for _, odd := range []string{id(2), id(3)} {
		w.Eventually(t, soon, "an odd one", func(s feedtest.State) error {
			ev, _ := s.Entity(entity.ContainerRef(odd))
			if text := feedtest.Text(&ev, "Limitations"); !strings.Contains(text, "inspect") {
				return fmt.Errorf("limitations %q", text)
			}
			return nil
		})
	}
	e.set(id(2), "running", "")
	e.event("start", id(2))
	w.Eventually(t, soon, "a recovered one", has(id(2), "Container.Status", "running", "Limitations", ""))
}

// TestOtherIDs: an ID that is none of the engine's usual ones names one entity in
// all that is told of it.
func TestOtherIDs(t *testing.T) {
	for name, first := range map[string]string{"told": `{"Id":"short","State":{"Status":"running"}}`, "odd": "500"} {
		t.Run(name, func(t *testing.T) {
			e := startEngine(t)
			e.answer("short", first)
			w := watch(t, e.socket, model.SourceDocker, "", nil)
			ref := emptyMapper(t).Ref(model.SourceDocker, "short")
			w.Eventually(t, soon, "the listing", func(s feedtest.State) error {
				if _, ok := s.Entity(ref); !ok {
					return errors.New("is not there")
				}
				return count(s, 1)
			})
			e.remove("short")
			e.event("destroy", "short")
			w.Eventually(t, soon, "its end", func(s feedtest.State) error { return count(s, 0) })
		})
	}
}

func TestWithoutStopped(t *testing.T) {
	e := startEngine(t)
	pid := fmt.Sprintf(`,"x":1,"State":{"Status":"running","Pid":%d}`, os.Getpid())
	e.set(id(1), "running", pid)
	e.set(id(2), "exited", "")
	w := watch(t, e.socket, model.SourceDocker, "", func(c *Config) { c.Stopped = false })
	w.Eventually(t, soon, "the one that runs", has(id(1), "Container.Status", "running"))
	w.See(func(s feedtest.State) {
		if err := gone(id(2))(s); err != nil {
			t.Error(err)
		}
	})
	e.set(id(1), "exited", "")
	e.event("die", id(1))
	w.Eventually(t, soon, "die", gone(id(1)))
}

// TestEngine: Podman behind Docker's socket is Podman.
func TestEngine(t *testing.T) {
	e := startEngine(t)
	e.version = `{"Version":"4.3.1","ApiVersion":"1.41","Components":[{"Name":"Podman Engine"}]}`
	e.set(id(1), "running", "")
	w := watch(t, e.socket, model.SourceDocker, "", nil)
	w.Eventually(t, soon, "the listing", has(id(1), "Manager", "podman", "Podman.RestartCount", "0"))
}

// TestIdle: an engine is not connected to before it has a container, and from
// then on for good.
func TestIdle(t *testing.T) {
	e := startEngine(t)
	root := filepath.Join(t.TempDir(), "storage")
	cfg := DefaultConfig()
	cfg.Socket, cfg.RunRoot = e.socket, root
	s, err := New(cfg, emptyMapper(t), testutil.Logger{})
	if err != nil {
		t.Fatal(err)
	}
	quiet := feed.Absent(os.ErrNotExist)
	for _, dir := range []string{"", "overlay", "overlay/x", "overlay-locks/x", "overlay-containers", "file-containers"} {
		if err := s.Follow(t.Context(), nil); fmt.Sprintf("%T", err) != fmt.Sprintf("%T", quiet) {
			t.Errorf("before %q: %T %v, want it marked as absent", dir, err, err)
		}
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "overlay-containers", "containers.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, f := feedtest.Follow(t, model.SourcePodman, s)
	proctest.Eventually(t, soon, "it is tried again", func() error {
		if f.Stats().Breaks < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if n := e.connections.Load(); n > 0 {
		t.Errorf("connected %d times", n)
	}
	listed := func(n uint64) {
		t.Helper()
		proctest.Eventually(t, soon, "a listing", func() error {
			if got := f.Stats(); !got.Connected || got.Listings < n {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
	}
	container := filepath.Join(root, "overlay-containers", id(1))
	if err := os.Mkdir(container, 0o755); err != nil {
		t.Fatal(err)
	}
	listed(1)
	if err := os.Remove(container); err != nil {
		t.Fatal(err)
	}
	e.cut()
	listed(2)
}

func TestPodmanRunRoot(t *testing.T) {
	for socket, want := range map[string]string{
		"/run/podman/podman.sock":                   "/run/containers/storage",
		"unix:///var/run/podman/podman.sock":        "/run/containers/storage",
		"/run/user/1000/podman/podman.sock":         "/run/user/1000/containers",
		"/run/user/1000/x/podman/podman.sock":       "",
		"/srv/podman/podman.sock":                   "",
		"/run/podman.sock":                          "",
		"unix:///run/user/1000//podman/podman.sock": "/run/user/1000/containers",
	} {
		if got := PodmanRunRoot(socket); got != want {
			t.Errorf("%s: %q, want %q", socket, got, want)
		}
	}
}

func TestAbsent(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	link := filepath.Join(dir, "link.sock")
	if err := os.Symlink(stale, link); err != nil {
		t.Fatal(err)
	}
	quiet := feed.Absent(os.ErrNotExist)
	for name, cfg := range map[string]Config{
		"no socket":         {Socket: filepath.Join(dir, "none")},
		"a stale socket":    {Socket: stale},
		"another's socket":  {Socket: "unix://" + link, Others: []string{stale}},
		"an unknown other":  {Socket: stale, Others: []string{"/nonexistent"}},
		"with the protocol": {Socket: "unix://" + filepath.Join(dir, "none")},
	} {
		full := DefaultConfig()
		full.Socket, full.Others = cfg.Socket, cfg.Others
		s, err := New(full, emptyMapper(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Follow(t.Context(), nil); fmt.Sprintf("%T", err) != fmt.Sprintf("%T", quiet) {
			t.Errorf("%s: %T %v, want it marked as absent", name, err, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"relative path": func(c *Config) { c.Socket = "docker.sock" },
		"TCP":           func(c *Config) { c.Socket = "tcp://127.0.0.1:2375" },
		"engine":        func(c *Config) { c.Source = "rkt" },
		"timeout":       func(c *Config) { c.Timeout = 0 },
		"workers":       func(c *Config) { c.Workers = 0 },
	} {
		cfg := DefaultConfig()
		cfg.Socket = "/run/docker.sock"
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
