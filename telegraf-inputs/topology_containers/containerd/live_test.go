package containerd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
)

func taskPID(t testing.TB, d *containertest.ContainerdDaemon, ns, id string) string {
	t.Helper()
	for line := range strings.Lines(d.Ctr(ns, "tasks", "ls")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == id {
			return f[1]
		}
	}
	t.Fatalf("no task of %s", id)
	return ""
}

func TestContainerd(t *testing.T) {
	d := containertest.Containerd(t)
	d.Start("default", "early", "--label", "a.b/c=d")
	m := mapper(t)
	w, _ := feedtest.Follow(t, model.SourceContainerd, source(t, d.Socket, nil))
	ref := func(ns, id string) entity.Ref { return m.Ref("containerd/"+ns, id) }
	inNetNS := func(ns, id string) {
		t.Helper()
		at, err := netns.Stat("/proc/" + taskPID(t, d, ns, id) + "/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		target := entity.NetNSRef(hostID, strconv.FormatUint(at.Inode, 10), strconv.FormatUint(at.Dev, 10))
		w.Eventually(t, soon, id+" is in its namespace", func(s feedtest.State) error {
			if ev, _ := s.Entity(ref(ns, id)); !feedtest.Related(&ev, entity.RelPartOf, target) {
				return fmt.Errorf("is in %v", ev.Relationships)
			}
			return nil
		})
	}
	w.Eventually(t, soon, "a container from before", has(ref("default", "early"), "Name", "early", "Manager", "containerd",
		"Container.Status", "running", "Container.Labels.a.b/c", "d", "Containerd.Namespace", "default",
		"Container.Runtime", "io.containerd.runc.v2", "Container.InitProcessPID", taskPID(t, d, "default", "early"), "Limitations", ""))
	inNetNS("default", "early")

	// Another namespace, the same ID: another container.
	d.Start("other", "early", "--net-host")
	w.Eventually(t, soon, "another namespace", has(ref("other", "early"), "Container.Status", "running", "Containerd.Namespace", "other"))
	w.See(func(s feedtest.State) {
		if ev, _ := s.Entity(ref("other", "early")); !feedtest.Related(&ev, entity.RelPartOf, entity.HostRef(hostID)) {
			t.Errorf("host networking: is part of %v", ev.Relationships)
		}
	})
	d.Ctr("default", "tasks", "pause", "early")
	w.Eventually(t, soon, "pause", has(ref("default", "early"), "Container.Status", "paused"))
	d.Ctr("default", "tasks", "resume", "early")
	w.Eventually(t, soon, "resume", has(ref("default", "early"), "Container.Status", "running"))
	d.Ctr("default", "containers", "label", "early", "a.b/c=e")
	w.Eventually(t, soon, "label", has(ref("default", "early"), "Container.Labels.a.b/c", "e"))

	// A pod as containerd's service for Kubernetes labels it.
	d.Start("k8s.io", "pod1", "--label", "io.kubernetes.pod.uid=u", "--label", "io.kubernetes.pod.name=p",
		"--label", "io.kubernetes.pod.namespace=n", "--label", "io.kubernetes.container.name=c")
	w.Eventually(t, soon, "pod", has(ref("k8s.io", "pod1"), "Name", "c", "K8s.PodUID", "u", "K8s.PodName", "p", "K8s.Sandbox", "false"))

	d.Start("default", "dies")
	d.Start("default", "goes")
	w.Eventually(t, soon, "one more", has(ref("default", "dies"), "Container.Status", "running"))
	pid, err := strconv.Atoi(taskPID(t, d, "default", "dies"))
	if err != nil {
		t.Fatal(err)
	}
	d.Kill()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.Restart()
	w.Eventually(t, soon, "what happened meanwhile", has(ref("default", "dies"), "Container.Status", "exited", "Container.InitProcessPID", ""))
	w.Eventually(t, soon, "what stayed", has(ref("default", "early"), "Container.Status", "running"))
	inNetNS("default", "early")
	w.See(func(s feedtest.State) {
		if s.Deleted > 0 {
			t.Errorf("%d were deleted", s.Deleted)
		}
	})
	d.Ctr("default", "tasks", "rm", "-f", "goes")
	w.Eventually(t, soon, "end of the task", has(ref("default", "goes"), "Container.Status", "exited"))
	d.Ctr("default", "containers", "rm", "goes")
	w.Eventually(t, soon, "rm", func(s feedtest.State) error {
		if _, ok := s.Entity(ref("default", "goes")); ok {
			return errors.New("is still there")
		}
		return nil
	})
}

// TestHostsFile reads the file that is mounted as /etc/hosts.
func TestHostsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hosts")
	if err := os.WriteFile(path, []byte("10.0.0.2 web\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t)
	k := key{"default", "c"}
	s.put(k, `{"hostname":"web","mounts":[{"destination":"/etc/hosts","source":"`+path+`"}]}`, nil, 0)
	w, _ := feedtest.Follow(t, model.SourceContainerd, source(t, s.socket, nil))
	w.Eventually(t, soon, "hosts", has(mapper(t).Ref(k.scope(), k.id), "Container.Hosts.IP", "10.0.0.2", "Container.Hosts.ByIP", `{"10.0.0.2":["web"]}`))
}
