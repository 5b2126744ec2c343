package lxd_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxd"
)

const limit = 20 * time.Second

func follow(t *testing.T, socket, root string, edit func(*lxd.Config)) *feedtest.World {
	t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: "/proc", RootNetNS: root})
	if err != nil {
		t.Fatal(err)
	}
	cfg := lxd.DefaultConfig()
	cfg.Socket = socket
	cfg.Relist = time.Hour // what these tests see they see by events
	if edit != nil {
		edit(&cfg)
	}
	src, err := lxd.New(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := feedtest.Follow(t, container.SourceLXD, src)
	return w
}

// The life of real containers, and the death of a real daemon.
func TestLXD(t *testing.T) {
	d := containertest.LXD(t, "")
	w := follow(t, d.Socket, d.NetNSPath(), nil)
	d.Launch("x1", "-c", "user.color=blue", "-c", "environment.PASS=hidden", "-c", "user.user-data=hidden")
	ev := containertest.Has(t, w, "Name", "x1", "Container.Status", "running", "Manager", "lxd", "Type", "container", "Container.Image", "test",
		"Container.Networks.Name", "lxdbr0", "LXD.Project", "default", "LXD.Type", "container", "LXD.Status", "Running",
		"LXD.Architecture", "x86_64", "LXD.Ephemeral", "false", "LXD.Stateful", "false", "LXD.Profiles", `["default"]`,
		"LXD.Config.user.color", "blue", "LXD.Config.security.privileged", "true", "LXD.Config.environment.PASS", "",
		"LXD.Config.user.user-data", "", "LXD.Devices.eth0.network", "lxdbr0")
	containertest.InNetNS(t, &ev)
	uuid := d.CLI("config", "get", "x1", "volatile.uuid")
	if !ev.Ref.Equal(entity.ContainerRef(uuid)) {
		t.Errorf("it is %v, want %s", ev.Ref, uuid)
	}

	d.CLI("pause", "x1")
	containertest.Has(t, w, "Name", "x1", "Container.Status", "paused")
	d.CLI("start", "x1")
	containertest.Has(t, w, "Name", "x1", "Container.Status", "running")
	d.CLI("stop", "-f", "x1")
	if ev = containertest.Has(t, w, "Name", "x1", "Container.Status", "exited", "Container.InitProcessPID", ""); len(ev.Relationships) != 0 {
		t.Errorf("stopped, it is in %v", ev.Relationships)
	}
	d.CLI("rename", "x1", "x2")
	if ev = containertest.Has(t, w, "Name", "x2"); !ev.Ref.Equal(entity.ContainerRef(uuid)) {
		t.Errorf("renamed, it is %v", ev.Ref)
	}
	containertest.Gone(t, w, "Name", "x1")
	d.CLI("start", "x2")
	ev = containertest.Has(t, w, "Name", "x2", "Container.Status", "running")
	containertest.InNetNS(t, &ev)
	d.CLI("config", "set", "x2", "user.color=red")
	containertest.Has(t, w, "Name", "x2", "LXD.Config.user.color", "red")

	// Another project has a name of its own.
	d.CLI("project", "create", "p2", "-c", "features.images=false", "-c", "features.profiles=false")
	d.CLI("init", containertest.LXDImage, "x2", "--project", "p2", "--no-profiles", "-s", "default")
	w.Eventually(t, limit, "the one of the other project", func(s feedtest.State) error {
		if n := len(s.All(entity.TypeContainer)); n != 2 {
			return fmt.Errorf("%d containers", n)
		}
		return nil
	})
	d.CLI("delete", "-f", "x2", "--project", "p2")
	w.Eventually(t, limit, "its end", func(s feedtest.State) error {
		if n := len(s.All(entity.TypeContainer)); n != 1 {
			return fmt.Errorf("%d containers", n)
		}
		return nil
	})
	containertest.Has(t, w, "Name", "x2", "LXD.Project", "default")

	// The daemon ends, its container goes on; what changes before we are back is
	// seen.
	d.Launch("x3")
	x3 := containertest.Has(t, w, "Name", "x3", "Container.Status", "running")
	d.Kill()
	d.Restart()
	d.CLI("delete", "-f", "x2")
	d.Launch("x4")
	containertest.Has(t, w, "Name", "x4", "Container.Status", "running")
	containertest.Gone(t, w, "Name", "x2")
	if now := containertest.Has(t, w, "Name", "x3", "Container.Status", "running"); !now.Ref.Equal(x3.Ref) || !now.Relationships[0].Target.Equal(x3.Relationships[0].Target) {
		t.Errorf("after a restart it is %v in %v, before it was %v in %v", now.Ref, now.Relationships, x3.Ref, x3.Relationships)
	}
}
