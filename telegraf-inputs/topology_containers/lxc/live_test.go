package lxc_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxc"
)

func follow(t *testing.T, edit func(*lxc.Config), paths ...string) *feedtest.World {
	t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: "/proc"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := lxc.DefaultConfig()
	cfg.Paths = paths
	cfg.Poll, cfg.Rescan = 20*time.Millisecond, time.Hour
	if edit != nil {
		edit(&cfg)
	}
	src, err := lxc.New(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := feedtest.Follow(t, container.SourceLXC, src)
	return w
}

// The life of real containers.
func TestLXC(t *testing.T) {
	l := containertest.LXC(t)
	w := follow(t, nil, l.Path)
	// The names are those of control groups of the machine, too.
	name := func(s string) string { return filepath.Base(l.Dir) + s }
	c1, shared, host := name("c1"), name("shared"), name("host")
	l.Config(c1, "lxc.uts.name = web", "lxc.start.auto = 1", "lxc.group = a", "lxc.group = b", "lxc.environment = PASS=hidden")
	ev := containertest.Has(t, w, "Name", c1, "Container.Status", "exited", "Container.Hostname", "web", "LXC.Groups", `["a","b"]`, "LXC.Autostart", "true",
		"Manager", "lxc", "Type", "container", "LXC.Path", l.Path)
	if len(ev.Relationships) != 0 {
		t.Errorf("before it starts it is in %v", ev.Relationships)
	}
	if want := entity.ContainerRef("h1/lxc/" + strings.TrimPrefix(l.Path, "/") + "/" + c1); !ev.Ref.Equal(want) {
		t.Errorf("it is %v, want %v", ev.Ref, want)
	}
	l.Start(c1)
	ev = containertest.Has(t, w, "Name", c1, "Container.Status", "running")
	containertest.InNetNS(t, &ev)
	pid := feedtest.Text(&ev, "Container.InitProcessPID")
	if out := l.Do("lxc-info", c1, "-p", "-H"); out != pid {
		t.Errorf("its process is %s, lxc-info says %s", pid, out)
	}

	l.Config(shared, "lxc.namespace.share.net = "+pid)
	l.Start(shared)
	if e := containertest.Has(t, w, "Name", shared, "Container.Status", "running", "LXC.ShareNet", pid); !e.Relationships[0].Target.Equal(ev.Relationships[0].Target) {
		t.Errorf("the shared one is in %v, the other in %v", e.Relationships, ev.Relationships)
	}
	l.Config(host, "lxc.net.0.type = none")
	l.Start(host)
	if e := containertest.Has(t, w, "Name", host, "Container.Status", "running"); !feedtest.Related(&e, entity.RelPartOf, entity.HostRef("h1")) {
		t.Errorf("the one without a namespace is in %v", e.Relationships)
	}

	l.Do("lxc-freeze", c1)
	containertest.Has(t, w, "Name", c1, "Container.Status", "paused", "Container.InitProcessPID", pid)
	l.Do("lxc-unfreeze", c1)
	containertest.Has(t, w, "Name", c1, "Container.Status", "running")
	l.Stop(c1)
	if ev = containertest.Has(t, w, "Name", c1, "Container.Status", "exited", "Container.InitProcessPID", ""); len(ev.Relationships) != 0 {
		t.Errorf("stopped, it is in %v", ev.Relationships)
	}
	l.Start(c1)
	ev = containertest.Has(t, w, "Name", c1, "Container.Status", "running")
	containertest.InNetNS(t, &ev)

	// Without a configuration it is there as long as it runs.
	if err := os.Remove(filepath.Join(l.Path, c1, "config")); err != nil {
		t.Fatal(err)
	}
	containertest.Has(t, w, "Name", c1, "Container.Status", "running", "Container.Hostname", "")
	l.Stop(c1)
	containertest.Gone(t, w, "Name", c1)
	for _, n := range []string{shared, host} {
		l.Stop(n)
		containertest.Has(t, w, "Name", n, "Container.Status", "exited")
		if err := os.RemoveAll(filepath.Join(l.Path, n)); err != nil {
			t.Fatal(err)
		}
		containertest.Gone(t, w, "Name", n)
	}
}

// One that has no directory is found by its socket.
func TestWithoutDirectory(t *testing.T) {
	l := containertest.LXC(t)
	name := filepath.Base(l.Dir) + "x"
	l.Config(name)
	l.Start(name)
	if err := os.RemoveAll(filepath.Join(l.Path, name)); err != nil {
		t.Fatal(err)
	}
	w := follow(t, func(c *lxc.Config) { c.Rescan = 20 * time.Millisecond }, l.Path)
	ev := containertest.Has(t, w, "Name", name, "Container.Status", "running")
	containertest.InNetNS(t, &ev)
	l.Stop(name)
	containertest.Gone(t, w, "Name", name)
}
