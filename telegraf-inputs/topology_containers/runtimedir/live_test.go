package runtimedir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir"
)

const limit = 10 * time.Second

func follow(t *testing.T, edit func(*runtimedir.Config), dirs ...string) (*feedtest.World, *runtimedir.Source) {
	t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: "/proc"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := runtimedir.DefaultConfig()
	cfg.Dirs = dirs
	// What these tests see they see by notifications.
	cfg.Rescan = time.Hour
	if edit != nil {
		edit(&cfg)
	}
	src, err := runtimedir.New(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := feedtest.Follow(t, container.SourceRunc, src)
	return w, src
}

// The life of containers of real runtimes, whose state directory does not exist
// at first.
func TestRuntimes(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *containertest.OCIRuntime{"runc": containertest.Runc, "crun": containertest.Crun} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			w, _ := follow(t, nil, r.Root)
			hosts := filepath.Join(r.Dir, "hosts")
			if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n10.88.0.7 web w\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			r.Run("c1", containertest.OCIConfig{
				Hostname: "web", HostsFile: hosts, Annotations: map[string]string{"a.b/c": "d", "e": "f=g"},
			})
			ev := containertest.Has(t, w, "Container.ID", "c1", "Container.Status", "running", "Container.Runtime", name, "Container.Hostname", "web",
				"Container.Labels.a.b/c", "d", "Container.Labels.e", "f=g", "Container.Hosts.IP", "10.88.0.7",
				"Container.Hosts.Hostname", "web", "Container.Hosts.ByIP.10.88.0.7", `["web","w"]`,
				"Manager", "runc", "Name", "c1", "Type", "container", "Runc.Bundle", filepath.Join(r.Dir, "bundles/c1"))
			containertest.InNetNS(t, &ev)
			if id := ev.ID.Get(entity.IDContainer); id != "h1/"+strings.TrimPrefix(r.Root, "/")+"/c1" {
				t.Errorf("identity %q", id)
			}

			// Another that shares the namespace, one with the host's, one that has a
			// namespace with a name.
			pid := feedtest.Text(&ev, "Container.InitProcessPID")
			r.Run("shared", containertest.OCIConfig{NetNS: "/proc/" + pid + "/ns/net"})
			if e := containertest.Has(t, w, "Container.ID", "shared", "Container.Status", "running"); !e.Relationships[0].Target.Equal(ev.Relationships[0].Target) {
				t.Errorf("the shared one is in %v, the other in %v", e.Relationships, ev.Relationships)
			}
			r.Run("host", containertest.OCIConfig{NetNS: "host"})
			if e := containertest.Has(t, w, "Container.ID", "host", "Container.Status", "running"); !feedtest.Related(&e, entity.RelPartOf, entity.HostRef("h1")) {
				t.Errorf("the one without a namespace is in %v", e.Relationships)
			}
			named := netnstest.Path(netnstest.Add(t))
			r.Run("named", containertest.OCIConfig{NetNS: named})
			if e := containertest.Has(t, w, "Container.ID", "named", "Container.Status", "running"); !feedtest.Related(&e, entity.RelPartOf, containertest.NetNSRef(t, named)) {
				t.Errorf("the one with a named namespace is in %v", e.Relationships)
			}

			r.Create("c2", containertest.OCIConfig{})
			containertest.Has(t, w, "Container.ID", "c2", "Container.Status", "created")
			r.Do("start", "c2")
			e := containertest.Has(t, w, "Container.ID", "c2", "Container.Status", "running")
			containertest.InNetNS(t, &e)
			r.Do("kill", "c2", "KILL")
			e = containertest.Has(t, w, "Container.ID", "c2", "Container.Status", "exited", "Container.InitProcessPID", "")
			if len(e.Relationships) != 0 {
				t.Errorf("one that ended is in %v", e.Relationships)
			}
			r.Delete("c2")
			containertest.Gone(t, w, "Container.ID", "c2")

			// The same name again is another container with another process.
			r.Delete("c1")
			r.Run("c1", containertest.OCIConfig{Hostname: "again"})
			ev = containertest.Has(t, w, "Container.ID", "c1", "Container.Hostname", "again", "Container.Status", "running")
			containertest.InNetNS(t, &ev)
			if feedtest.Text(&ev, "Container.InitProcessPID") == pid {
				t.Error("it has the process of the one before")
			}
			for _, id := range []string{"c1", "shared", "host", "named"} {
				r.Delete(id)
				containertest.Gone(t, w, "Container.ID", id)
			}
		})
	}
}

// What only a look at everything finds: a container that is frozen.
func TestPaused(t *testing.T) {
	r := containertest.Runc(t)
	r.Run("c1", containertest.OCIConfig{})
	w, _ := follow(t, func(c *runtimedir.Config) { c.Rescan = 50 * time.Millisecond }, r.Root)
	containertest.Has(t, w, "Container.ID", "c1", "Container.Status", "running")
	r.Do("pause", "c1")
	containertest.Has(t, w, "Container.ID", "c1", "Container.Status", "paused")
	r.Do("resume", "c1")
	containertest.Has(t, w, "Container.ID", "c1", "Container.Status", "running")
}

// containerd's runc keeps a directory for each namespace of containerd.
func TestContainerd(t *testing.T) {
	d := containertest.Containerd(t)
	w, _ := follow(t, nil, d.RuncRoot()+"/*")
	d.Start("default", "c1")
	d.Start("other", "c1")
	for _, ns := range []string{"default", "other"} {
		w.Eventually(t, limit, "container in namespace "+ns, func(s feedtest.State) error {
			ev, ok := s.Entity(entity.ContainerRef("h1/containerd/" + ns + "/c1"))
			if !ok {
				return fmt.Errorf("not there")
			}
			if got := feedtest.Text(&ev, "Container.Status"); got != "running" {
				return fmt.Errorf("status %q", got)
			}
			containertest.InNetNS(t, &ev)
			return nil
		})
	}
	d.Ctr("default", "tasks", "rm", "-f", "c1")
	w.Eventually(t, limit, "the end", func(s feedtest.State) error {
		if n := len(s.All(entity.TypeContainer)); n != 1 {
			return fmt.Errorf("%d containers", n)
		}
		return nil
	})
}

// What Docker and Podman have runc run is the same container by its ID, and has
// their /etc/hosts.
func TestDocker(t *testing.T) {
	d := containertest.Docker(t, "")
	w, _ := follow(t, nil, d.Dir+"/exec/runtime-*/moby")
	id := d.Run("c1", "--hostname", "web")
	ev := containertest.Has(t, w, "Container.ID", id, "Container.Status", "running", "Container.Hostname", "web", "Container.Hosts.Hostname", "web", "Name", id[:12])
	containertest.InNetNS(t, &ev)
	if !ev.Ref.Equal(entity.ContainerRef(id)) {
		t.Errorf("it is %v", ev.Ref)
	}
	ip := d.CLI("inspect", "-f", "{{.NetworkSettings.IPAddress}}", id)
	containertest.Has(t, w, "Container.ID", id, "Container.Hosts.IP", ip, "Container.Hosts.ByIP."+ip, `["web"]`)
	d.Kill() // nothing of this is its business
	containertest.Has(t, w, "Container.ID", id, "Container.Status", "running")
	d.Restart()
	d.CLI("rm", "-f", id)
	containertest.Gone(t, w, "Container.ID", id)
}

func TestPodman(t *testing.T) {
	p := containertest.Podman(t, "")
	w, _ := follow(t, nil, "/run/runc")
	id := p.Run("c1", "--hostname", "web")
	ev := containertest.Has(t, w, "Container.ID", id, "Container.Status", "running", "Container.Hostname", "web", "Container.Runtime", "runc")
	containertest.InNetNS(t, &ev)
	p.CLI("rm", "-f", "-t", "0", id)
	containertest.Gone(t, w, "Container.ID", id)
}
