package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
)

const (
	hostID = "h1"
	soon   = 20 * time.Second
)

// watch follows an engine as the input does, until the test ends.
func watch(t testing.TB, socket, source, rootNetNS string, change func(*Config)) *feedtest.World {
	t.Helper()
	return watchFeed(t, socket, source, rootNetNS, change, func(*feed.Config) {})
}

func watchFeed(t testing.TB, socket, source, rootNetNS string, change func(*Config), changeFeed func(*feed.Config)) *feedtest.World {
	t.Helper()
	mc := model.DefaultConfig()
	mc.HostID, mc.RootNetNS = hostID, rootNetNS
	mapper, err := model.NewMapper(mc)
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Socket, cfg.Source = socket, source
	if change != nil {
		change(&cfg)
	}
	log := testutil.Logger{Name: t.Name()}
	src, err := New(cfg, mapper, log)
	if err != nil {
		t.Fatal(err)
	}
	fc := feed.DefaultConfig()
	fc.Name, fc.Report.Source, fc.RetryMax = socket, source, time.Second
	changeFeed(&fc)
	w := feedtest.New(t)
	f, err := feed.New(fc, src, w.Accumulator(), log)
	if err != nil {
		t.Fatal(err)
	}
	f.Start(context.Background())
	t.Cleanup(f.Stop)
	return w
}

// has is a condition: a container has these values at these paths.
func has(id string, pairs ...string) func(feedtest.State) error {
	return func(s feedtest.State) error {
		ev, ok := s.Entity(entity.ContainerRef(id))
		if !ok {
			return errors.New("is not there")
		}
		for i := 0; i < len(pairs); i += 2 {
			if got := feedtest.Text(&ev, pairs[i]); got != pairs[i+1] {
				return fmt.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
			}
		}
		return nil
	}
}

func gone(id string) func(feedtest.State) error {
	return func(s feedtest.State) error {
		if _, ok := s.Entity(entity.ContainerRef(id)); ok {
			return errors.New("is still there")
		}
		return nil
	}
}

// parent is what a container is part of now.
func parent(t testing.TB, w *feedtest.World, id string) (ref entity.Ref, ok bool) {
	t.Helper()
	w.See(func(s feedtest.State) {
		if ev, there := s.Entity(entity.ContainerRef(id)); there && len(ev.Relationships) == 1 {
			ref, ok = ev.Relationships[0].Target, ev.Relationships[0].Type == entity.RelPartOf
		}
	})
	return ref, ok
}

// wantNetNS checks that a container is part of the namespace of a process.
func wantNetNS(t testing.TB, w *feedtest.World, id, pid string) entity.Ref {
	t.Helper()
	ns, err := netns.Stat("/proc/" + pid + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	want := entity.NetNSRef(hostID, strconv.FormatUint(ns.Inode, 10), strconv.FormatUint(ns.Dev, 10))
	if got, ok := parent(t, w, id); !ok || !got.Equal(want) {
		t.Errorf("container is part of %v, want %v", got, want)
	}
	return want
}

func wantHost(t testing.TB, w *feedtest.World, id string) {
	t.Helper()
	if got, ok := parent(t, w, id); !ok || !got.Equal(entity.HostRef(hostID)) {
		t.Errorf("container is part of %v, want the host", got)
	}
}

func TestDocker(t *testing.T) {
	d := containertest.Docker(t, "")
	early := d.Run("early")
	w := watch(t, d.Socket, model.SourceDocker, d.NetNSPath(), nil)
	pid := func(id string) string { return d.CLI("inspect", "-f", "{{.State.Pid}}", id) }

	t.Run("simple", func(t *testing.T) {
		w.Eventually(t, soon, "a container from before", has(early, "Name", "early", "Container.Status", "running"))
		id := d.Run("simple", "-p", "18080:80", "--restart", "on-failure:3", "--hostname", "box")
		image := d.CLI("inspect", "-f", "{{.Image}}", id)
		addr := d.CLI("inspect", "-f", "{{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}}", id)
		mac := d.CLI("inspect", "-f", "{{.NetworkSettings.MacAddress}}", id)
		w.Eventually(t, soon, "a container", has(id, "Name", "simple", "Type", "container", "Manager", "docker",
			"Container.ID", id, "Container.Image", containertest.Image, "Container.ImageID", image, "Container.Runtime", "runc",
			"Container.Status", "running", "Container.InitProcessPID", pid(id), "Container.Hostname", "box",
			"Container.Networks.Name", "bridge", "Container.Networks.IPV4", `["`+addr+`"]`, "Container.Networks.MAC", mac,
			"Container.Ports.HostPort", "18080", "Container.Ports.Port", "80", "Container.Ports.Protocol", "tcp",
			"Container.Hosts.Hostname", "box", "Container.Hosts.IP", strings.Split(addr, "/")[0],
			"Docker.RestartPolicy.Name", "on-failure", "Docker.RestartPolicy.MaximumRetryCount", "3", "Truncated", "", "Limitations", ""))
		wantNetNS(t, w, id, pid(id))
		d.CLI("pause", id)
		w.Eventually(t, soon, "pause", has(id, "Container.Status", "paused"))
		wantNetNS(t, w, id, pid(id))
		d.CLI("unpause", id)
		w.Eventually(t, soon, "unpause", has(id, "Container.Status", "running"))
		d.CLI("rename", id, "renamed")
		w.Eventually(t, soon, "rename", has(id, "Name", "renamed"))
		d.CLI("kill", id)
		w.Eventually(t, soon, "kill", has(id, "Container.Status", "exited", "Container.ExitCode", "137", "Container.InitProcessPID", ""))
		if ref, ok := parent(t, w, id); ok {
			t.Errorf("a container without a process is part of %v", ref)
		}
		d.CLI("start", id)
		w.Eventually(t, soon, "start", has(id, "Container.Status", "running", "Container.ExitCode", ""))
		wantNetNS(t, w, id, pid(id))
		d.CLI("rm", "-f", id)
		w.Eventually(t, soon, "rm", gone(id))
	})
	t.Run("share a namespace", func(t *testing.T) {
		a := d.Run("share-a")
		b := d.Run("share-b", "--network", "container:share-a")
		w.Eventually(t, soon, "both", has(b, "Container.Status", "running", "Docker.NetworkMode", "container:"+a))
		if x, y := wantNetNS(t, w, a, pid(a)), wantNetNS(t, w, b, pid(b)); !x.Equal(y) {
			t.Errorf("%v and %v", x, y)
		}
	})
	t.Run("host networking", func(t *testing.T) {
		id := d.Run("host-net", "--network", "host")
		w.Eventually(t, soon, "a container", has(id, "Container.Status", "running", "Docker.NetworkMode", "host"))
		wantHost(t, w, id)
	})
	t.Run("no networking", func(t *testing.T) {
		id := d.Run("no-net", "--network", "none")
		w.Eventually(t, soon, "a container", has(id, "Container.Status", "running"))
		wantNetNS(t, w, id, pid(id))
	})
	t.Run("labels", func(t *testing.T) {
		file := d.Dir + "/labels"
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, "org.example/label-%d.of.many=va/lue.%d\n", i, i)
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		id := d.Run("labels", "--label-file", file, "--label", "a.b.c/d=1.2/3", "--label", "com.docker.compose.project=shop",
			"--label", "com.docker.compose.service=db")
		w.Eventually(t, soon, "labels", has(id, "Container.Labels.a.b.c/d", "1.2/3",
			"Container.Labels.org.example/label-999.of.many", "va/lue.999",
			"Container.Compose.Project", "shop", "Container.Compose.Service", "db", "Truncated", ""))
		w.See(func(s feedtest.State) {
			ev, _ := s.Entity(entity.ContainerRef(id))
			if n := len(ev.Attributes.Get("Container").Map().Get("Labels").Map()); n != 1003 {
				t.Errorf("%d labels, want 1003", n)
			}
		})
	})
	t.Run("networks", func(t *testing.T) {
		d.CLI("network", "create", "--subnet", "10.97.0.0/24", "n1")
		id := d.Run("networks")
		d.CLI("network", "connect", "--alias", "al", "--ip", "10.97.0.9", "n1", id)
		w.Eventually(t, soon, "connect", func(s feedtest.State) error {
			ev, _ := s.Entity(entity.ContainerRef(id))
			return networkIs(&ev, "n1", "10.97.0.9/24")
		})
		d.CLI("network", "disconnect", "n1", id)
		w.Eventually(t, soon, "disconnect", func(s feedtest.State) error {
			ev, _ := s.Entity(entity.ContainerRef(id))
			return networkIs(&ev, "n1", "")
		})
	})
	t.Run("health", func(t *testing.T) {
		id := d.Run("health", "--health-cmd", "test -e /tmp/ok", "--health-interval", "100ms", "--health-retries", "1")
		w.Eventually(t, soon, "unhealthy", has(id, "Docker.Health", "unhealthy"))
		d.CLI("exec", id, "busybox", "touch", "/tmp/ok")
		w.Eventually(t, soon, "healthy", has(id, "Docker.Health", "healthy"))
		d.CLI("rm", "-f", id)
	})
	t.Run("killed and restarted", func(t *testing.T) {
		stays, dies := d.Run("stays"), d.Run("dies")
		w.Eventually(t, soon, "a container", has(stays, "Container.Status", "running"))
		w.Eventually(t, soon, "another", has(dies, "Container.Status", "running"))
		wantNetNS(t, w, stays, pid(stays))
		n, err := strconv.Atoi(pid(dies))
		if err != nil {
			t.Fatal(err)
		}
		var before int
		w.See(func(s feedtest.State) { before = s.Deleted })
		d.Kill()
		if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		d.Restart()
		w.Eventually(t, soon, "what happened meanwhile", has(dies, "Container.Status", "exited"))
		w.Eventually(t, soon, "what stayed", has(stays, "Container.Status", "running"))
		wantNetNS(t, w, stays, pid(stays))
		id := d.Run("after")
		w.Eventually(t, soon, "a container after the restart", has(id, "Container.Status", "running"))
		w.See(func(s feedtest.State) {
			if s.Deleted != before {
				t.Errorf("%d entities were deleted", s.Deleted-before)
			}
		})
	})
	t.Run("equals docker ps", func(t *testing.T) {
		ids := strings.Fields(d.CLI("ps", "-aq", "--no-trunc"))
		w.Eventually(t, soon, "the list", func(s feedtest.State) error {
			all := s.All(entity.TypeContainer)
			for _, ev := range all {
				if !slices.Contains(ids, ev.ID.Get(entity.IDContainer)) {
					return fmt.Errorf("%v is too many", ev.ID)
				}
			}
			if len(all) != len(ids) {
				return fmt.Errorf("%d containers, want %d", len(all), len(ids))
			}
			return nil
		})
	})
	t.Run("latency", func(t *testing.T) { latency(t, w, d) })
}

// latency measures from the call of docker run, and from its end, until the
// container is reported as running with its namespace.
func latency(t *testing.T, w *feedtest.World, d *containertest.DockerDaemon) {
	const runs = 30
	var fromCall, fromStart []time.Duration
	for i := range runs {
		name := "lat-" + strconv.Itoa(i)
		seen := make(chan time.Time, 1)
		begin := time.Now()
		go func() {
			w.Eventually(t, soon, "the container", func(s feedtest.State) error {
				ev, ok := s.Find(entity.TypeContainer, "Name", name)
				if !ok || len(ev.Relationships) == 0 || feedtest.Text(&ev, "Container.Status") != "running" {
					return errors.New("not yet")
				}
				return nil
			})
			seen <- time.Now()
		}()
		id := d.Run(name)
		at := <-seen
		started, err := time.Parse(time.RFC3339Nano, d.CLI("inspect", "-f", "{{.State.StartedAt}}", id))
		if err != nil {
			t.Fatal(err)
		}
		fromCall, fromStart = append(fromCall, at.Sub(begin)), append(fromStart, at.Sub(started))
	}
	for what, ds := range map[string][]time.Duration{"docker run called": fromCall, "container started": fromStart} {
		slices.Sort(ds)
		t.Logf("%s to reported (polled every 10 ms), %d runs: median %v, p99 %v", what, len(ds), ds[len(ds)/2], ds[len(ds)-1])
	}
	ids := strings.Fields(d.CLI("ps", "-aq", "--filter", "name=lat-"))
	d.CLI(append([]string{"rm", "-f"}, ids...)...)
}

func networkIs(ev *entity.Event, name, addr string) error {
	for _, n := range ev.Attributes.Get("Container").Map().Get("Networks").List() {
		if n.Map().Get("Name").Str() != name {
			continue
		}
		if got := n.Map().Get("IPV4").List(); addr == "" || len(got) != 1 || got[0].Str() != addr {
			return fmt.Errorf("is in %s with %v", name, len(got))
		}
		return nil
	}
	if addr != "" {
		return errors.New("is not in " + name)
	}
	return nil
}

func TestPodman(t *testing.T) {
	p := containertest.Podman(t, "")
	root := p.Dir + "/run" // what containertest gives to Podman as its runroot
	if hasContainers(root) {
		t.Error("a container is seen where there is none")
	}
	p.CLI("create", "--name", "created", containertest.Image, "/bin/true")
	if !hasContainers(root) {
		t.Error("a container that was created is not seen")
	}
	p.CLI("rm", "created")
	if hasContainers(root) {
		t.Error("a container that was removed is seen")
	}
	early := p.Run("early")
	w := watch(t, p.Socket, model.SourcePodman, p.NetNSPath(), func(c *Config) { c.RunRoot = root })
	pid := func(id string) string { return p.CLI("inspect", "-f", "{{.State.Pid}}", id) }
	w.Eventually(t, soon, "a container from before", has(early, "Name", "early", "Manager", "podman", "Container.Status", "running"))
	wantNetNS(t, w, early, pid(early))
	id := p.Run("simple", "--label", "a.b/c=d", "--network", "container:early")
	w.Eventually(t, soon, "a container", has(id, "Name", "simple", "Container.Labels.a.b/c", "d", "Container.Status", "running",
		"Container.InitProcessPID", pid(id), "Limitations", ""))
	wantNetNS(t, w, id, pid(early))
	host := p.Run("host", "--network", "host")
	w.Eventually(t, soon, "host networking", has(host, "Container.Status", "running", "Container.InitProcessPID", pid(host)))
	wantHost(t, w, host)
	p.CLI("kill", id)
	w.Eventually(t, soon, "kill", has(id, "Container.Status", "exited", "Container.ExitCode", "137"))

	p.Kill()
	p.CLI("rm", id)
	after := p.Run("after")
	p.Restart()
	w.Eventually(t, soon, "what went meanwhile", gone(id))
	w.Eventually(t, soon, "what came meanwhile", has(after, "Container.Status", "running"))
	w.Eventually(t, soon, "what stayed", has(early, "Container.Status", "running"))
	p.CLI("rm", "-f", "-t", "0", after)
	w.Eventually(t, soon, "rm", gone(after))
}
