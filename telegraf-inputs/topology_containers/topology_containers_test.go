package topology_containers //nolint:revive // Telegraf names packages as plugins

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/influxdata/toml"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ telegraf.ServiceInput = (*TopologyContainers)(nil)

const soon = 20 * time.Second

// plugin returns one that follows nothing.
func plugin(t testing.TB) *TopologyContainers {
	p := New()
	p.Log = testutil.Logger{Name: t.Name()}
	p.HostID = "h1"
	p.Docker, p.Podman, p.Containerd, p.LXD, p.LXC, p.RuntimeDirs = nil, nil, nil, nil, nil, nil
	return p
}

// TestSampleConfig: every setting is in the sample, with its default, and the
// README has the sample.
func TestSampleConfig(t *testing.T) {
	sample := New().SampleConfig()
	var lines []string
	for line := range strings.Lines(sample) {
		if after, ok := strings.CutPrefix(line, "  # "); ok {
			line = after
		}
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.HasPrefix(line, "[[") {
			lines = append(lines, line)
		}
	}
	p := &TopologyContainers{}
	if err := toml.Unmarshal([]byte(strings.Join(lines, "")), p); err != nil {
		t.Fatal(err)
	}
	want := New()
	if got, want := fmt.Sprintf("%+v", p), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("the sample says\n%s, the defaults are\n%s", got, want)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "```toml @sample.conf\n"+sample+"```\n") {
		t.Error("README.md does not have the sample")
	}
}

func TestInit(t *testing.T) {
	if err := New().Init(); err != nil {
		t.Error(err)
	}
	if err := plugin(t).Init(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*TopologyContainers){
		"docker":          func(p *TopologyContainers) { p.Docker = []string{"tcp://127.0.0.1:2375"} },
		"podman":          func(p *TopologyContainers) { p.Podman = []string{"podman.sock"} },
		"containerd":      func(p *TopologyContainers) { p.Containerd = []string{""} },
		"lxd":             func(p *TopologyContainers) { p.LXD = []string{"x"} },
		"lxc":             func(p *TopologyContainers) { p.LXC = []string{"x"} },
		"runtime_dirs":    func(p *TopologyContainers) { p.RuntimeDirs = []string{"x"} },
		"exclude_labels":  func(p *TopologyContainers) { p.ExcludeLabels = []string{"[a"} },
		"proc_dir":        func(p *TopologyContainers) { p.ProcDir = "proc" },
		"request_timeout": func(p *TopologyContainers) { p.Docker, p.RequestTimeout = []string{"/x"}, 0 },
		"request_timeout of LXD": func(p *TopologyContainers) {
			p.LXD, p.RequestTimeout = []string{"/x"}, 0
		},
		"resync_interval": func(p *TopologyContainers) { p.ResyncInterval = -1 },
		"report_interval": func(p *TopologyContainers) { p.ReportInterval = config.Duration(time.Millisecond) },
	} {
		p := plugin(t)
		change(p)
		if err := p.Init(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := plugin(t)
	p.RootNetNS = "/nonexistent"
	if err := p.Start(feedtest.New(t).Accumulator()); err == nil {
		t.Error("no error for a namespace that does not exist")
	}
}

// loud counts what is logged above debug level.
type loud struct {
	testutil.Logger
	lines chan string
}

func (l loud) say(format string, args ...any) { l.lines <- fmt.Sprintf(format, args...) }

func (l loud) Errorf(format string, args ...any) { l.say(format, args...) }
func (l loud) Error(args ...any)                 { l.say("%s", fmt.Sprint(args...)) }
func (l loud) Warnf(format string, args ...any)  { l.say(format, args...) }
func (l loud) Warn(args ...any)                  { l.say("%s", fmt.Sprint(args...)) }
func (l loud) Infof(format string, args ...any)  { l.say(format, args...) }
func (l loud) Info(args ...any)                  { l.say("%s", fmt.Sprint(args...)) }

// TestNothingThere: without any runtime there is no word, and no entity.
func TestNothingThere(t *testing.T) {
	dir := t.TempDir()
	below := func(paths []string) (out []string) {
		for _, p := range paths {
			out = append(out, filepath.Join(dir, p))
		}
		return out
	}
	p := New()
	log := loud{lines: make(chan string, 100)}
	p.Log, p.HostID = log, "h1"
	p.Docker, p.Podman, p.Containerd = below(p.Docker), below(p.Podman), below(p.Containerd)
	p.LXD, p.LXC, p.RuntimeDirs = below(p.LXD), below(p.LXC), below(p.RuntimeDirs)
	w := feedtest.Run(t, p)
	w.Eventually(t, soon, "every connection was tried", func(feedtest.State) error {
		for i, s := range p.feeds.Stats() {
			if s.Breaks == 0 && s.Listings == 0 {
				return fmt.Errorf("not number %d", i)
			}
		}
		return nil
	})
	select {
	case line := <-log.lines:
		t.Errorf("logged: %s", line)
	default:
	}
	w.See(func(s feedtest.State) {
		if s.Added > 0 {
			t.Errorf("%d entities", s.Added)
		}
	})
}

// TestSelfStats: what is left out is in the plugin's own figures, and what is
// noticed late is said once.
func TestSelfStats(t *testing.T) {
	p := plugin(t)
	log := loud{lines: make(chan string, 100)}
	p.Log, p.HostID = log, t.Name()
	p.LXD, p.LXC, p.RuntimeDirs = []string{"/nonexistent"}, []string{t.TempDir()}, []string{t.TempDir()}
	broken := filepath.Join(p.RuntimeDirs[0], "c", "state.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(broken), 0o755), os.WriteFile(broken, []byte("{"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w := feedtest.Run(t, p)
	want := map[string]map[string]int64{
		"lxd /nonexistent":       {"unread_events": 0},
		"lxc directories":        {"containers": 0, "left_out": 0, "refused": 0, "not_watched": 0},
		"runc state directories": {"containers": 0, "left_out": 0, "shadowed": 0, "unreadable": 1, "not_watched": 0},
	}
	w.Eventually(t, soon, "the figures", func(feedtest.State) error {
		if err := p.Gather(w.Accumulator()); err != nil {
			t.Fatal(err)
		}
		got := make(map[string]map[string]int64)
		for _, m := range selfstat.Metrics() {
			if host, _ := m.GetTag("host_id"); m.Name() != "internal_topology_containers" || host != p.HostID {
				continue
			}
			connection, _ := m.GetTag("connection")
			got[connection] = make(map[string]int64)
			for _, f := range m.FieldList() {
				got[connection][f.Key], _ = f.Value.(int64)
			}
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("%v, want %v", got, want)
		}
		return nil
	})
	why := errors.New("no inotify instance")
	p.stats.watches[0].get = func() error { return why }
	for range 2 {
		p.stats.update(log)
	}
	if len(log.lines) != 1 || !strings.Contains(<-log.lines, why.Error()) {
		t.Error("it is not said once")
	}
}

// TestFacets: a container that Docker, containerd and runc know is one entity,
// and all of them say the same of its namespace.
func TestFacets(t *testing.T) {
	d := containertest.Docker(t, "")
	p := plugin(t)
	p.Docker, p.Containerd = []string{d.Socket}, []string{"unix://" + d.Containerd.Socket}
	p.RuntimeDirs = []string{d.Dir + "/exec/runtime-*/moby"}
	p.RootNetNS = d.NetNSPath()
	w := feedtest.Run(t, p)
	sources := []string{"docker", "containerd", "runc"}
	id, host := d.Run("one"), d.Run("two", "--network", "host")
	for _, id := range []string{id, host} {
		w.Eventually(t, soon, "all facets", func(s feedtest.State) error {
			var first entity.Event
			for i, source := range sources {
				ev, ok := s.Facet(entity.ContainerRef(id), source)
				switch {
				case !ok:
					return fmt.Errorf("nothing from %s", source)
				case len(ev.Relationships) != 1:
					return fmt.Errorf("%s says %v", source, ev.Relationships)
				case i == 0:
					first = ev
				case !ev.Relationships[0].Equal(&first.Relationships[0]):
					return fmt.Errorf("%s says %v, docker %v", source, ev.Relationships[0], first.Relationships[0])
				}
				for _, path := range []string{"Container.InitProcessPID", "Container.Status", "Container.ID", "Type"} {
					if got, want := feedtest.Text(&ev, path), feedtest.Text(&first, path); got != want {
						return fmt.Errorf("%s is %q to %s, %q to docker", path, got, source, want)
					}
				}
			}
			isHost := first.Relationships[0].Target.Equal(entity.HostRef("h1"))
			if isHost != (feedtest.Text(&first, "Name") == "two") {
				return fmt.Errorf("is part of %v", first.Relationships[0].Target)
			}
			return nil
		})
	}
	// Docker goes: the others still know the containers, and it comes back.
	d.Kill()
	d.Restart()
	d.CLI("rm", "-f", host)
	w.Eventually(t, soon, "all facets are gone", func(s feedtest.State) error {
		if _, ok := s.Entity(entity.ContainerRef(host)); ok {
			return errors.New("it is still there")
		}
		return nil
	})
	w.See(func(s feedtest.State) {
		if _, ok := s.Entity(entity.ContainerRef(id)); !ok {
			t.Error("the other is gone, too")
		}
	})
}
