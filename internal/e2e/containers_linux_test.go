package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
)

// container is a container as the graph has it.
type container struct {
	ID, Origin string
	CreatedAt  int64
	Metadata   struct {
		Name, Manager string
		Container     struct {
			ID, Status string
			Labels     map[string]string
		}
	}
}

func (d *daemon) containers(t testing.TB) map[string]container {
	t.Helper()
	var list []container
	require.NoError(t, json.Unmarshal(d.text(t, "G.V().Has('Type', 'container')"), &list))
	out := make(map[string]container, len(list))
	for _, c := range list {
		if other, twice := out[c.Metadata.Name]; twice {
			t.Errorf("%s is there twice: %+v and %+v", c.Metadata.Name, c, other)
		}
		out[c.Metadata.Name] = c
	}
	return out
}

// TestContainers: the predecessor's DockerSimple, ShareNamespace, NetHost and
// Labels, with Docker, its containerd and its runc reporting one and the same
// container; how long a container takes to be seen; and dockerd killed.
func TestContainers(t *testing.T) {
	needRoot(t)
	h := newHost(t)
	docker := containertest.Docker(t, h.named())
	d := startDaemon(t, "", "")
	conf := telegrafConf(t, "http://"+d.addr, h, fmt.Sprintf(`
[[inputs.topology_containers]]
  host_id = %q
  root_netns = %q
  docker = [%q]
  containerd = [%q]
  runtime_dirs = [%q]
  podman = []
  lxd = []
  lxc = []
  report_interval = %q
`, h.name, h.root(), docker.Socket, docker.Containerd.Socket, docker.Dir+"/exec/runtime-*/moby", reportInterval.String()))
	replaceIn(t, conf, fmt.Sprintf("netns_dirs = [%q]", h.dir), fmt.Sprintf("netns_dirs = [%q, %q]", h.dir, docker.Dir+"/exec/netns"))
	startTelegraf(t, conf)

	docker.Run("one", "--label", "org.example/dots.and/slashes=yes", "--label", "plain=1")
	docker.Run("two", "--network", "container:one")
	docker.Run("hosted", "--network", "host")
	d.counts(t, 3, "G.V().Has('Type', 'container', 'Container.Status', 'running').Count()")
	one := "G.V().Has('Type', 'container', 'Name', 'one', 'Manager', 'docker')"
	d.counts(t, 1, one+".In('Type', 'netns').Out('Name', 'eth0', 'Type', 'veth').Count()")
	d.counts(t, 2, one+".In('Type', 'netns').Out('Type', 'container').Count()")
	d.counts(t, 1, "G.V().Has('Type', 'host').Out('Type', 'container').Has('Name', 'hosted').Count()")
	d.counts(t, 0, "G.V().Has('Type', 'netns').Out('Name', 'hosted').Count()")
	proctest.Eventually(t, 20*time.Second, "all runtimes speak of one container", func() error {
		c := d.containers(t)["one"]
		if c.Origin != "containerd,docker,runc" || c.Metadata.Container.Labels["org.example/dots.and/slashes"] != "yes" || c.Metadata.Container.Labels["plain"] != "1" {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})

	// From the start of a container until the graph shows it.
	var took []time.Duration
	for i := range 20 {
		id := strings.TrimSpace(docker.Run(fmt.Sprint("quick", i)))
		started, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(docker.CLI("inspect", "-f", "{{.State.StartedAt}}", id)))
		require.NoError(t, err)
		d.counts(t, 1, fmt.Sprintf("G.V().Has('Type', 'container', 'Name', 'quick%d', 'Container.Status', 'running').Count()", i))
		var node []struct{ CreatedAt int64 }
		require.NoError(t, json.Unmarshal(d.text(t, fmt.Sprintf("G.V().Has('Type', 'container', 'Name', 'quick%d')", i)), &node))
		took = append(took, time.Since(started))
	}
	slices.Sort(took)
	t.Logf("docker run to the graph: p50 %v, worst of %d %v (docker inspect and the query included)", took[len(took)/2], len(took), took[len(took)-1])

	// dockerd is killed and comes back; a container ends meanwhile.
	before := d.containers(t)
	docker.Kill()
	d.reported(t)
	docker.Containerd.Ctr("moby", "task", "kill", "-s", "KILL", before["two"].Metadata.Container.ID)
	docker.Restart()
	d.counts(t, 1, "G.V().Has('Type', 'container', 'Name', 'two', 'Container.Status', 'exited').Count()")
	after := d.containers(t)
	require.Len(t, after, len(before))
	for name, c := range before {
		require.Equal(t, c.ID, after[name].ID, name)
		require.Equal(t, c.CreatedAt, after[name].CreatedAt, "%s is made anew", name)
	}
	docker.CLI("rm", "-f", "one", "two")
	d.counts(t, 0, "G.V().Has('Type', 'container', 'Name', Within('one', 'two')).Count()")
}
