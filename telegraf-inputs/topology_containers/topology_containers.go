// Package topology_containers is the Telegraf input that says which containers a
// host runs, whichever runtime has them, and in which network namespace each of
// them is, as entity events.
//
// This package is only the plugin: configuration and life cycle. What containers
// have in common is in package container; each kind of runtime has a package of
// its own.
package topology_containers //nolint:revive // Telegraf names packages as plugins

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/filter"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/input"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/containerd"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/docker"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxc"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxd"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir"
)

//go:embed sample.conf
var sampleConfig string

// TopologyContainers is the plugin. Its exported fields are its configuration,
// which sample.conf explains.
type TopologyContainers struct {
	input.Common
	Docker         []string        `toml:"docker"`
	Podman         []string        `toml:"podman"`
	PodmanAlways   bool            `toml:"podman_always"`
	Containerd     []string        `toml:"containerd"`
	LXD            []string        `toml:"lxd"`
	LXC            []string        `toml:"lxc"`
	RuntimeDirs    []string        `toml:"runtime_dirs"`
	Stopped        bool            `toml:"stopped"`
	ExcludeLabels  []string        `toml:"exclude_labels"`
	ProcDir        string          `toml:"proc_dir"`
	CgroupDir      string          `toml:"cgroup_dir"`
	RootNetNS      string          `toml:"root_netns"`
	RequestTimeout config.Duration `toml:"request_timeout"`
	ResyncInterval config.Duration `toml:"resync_interval"`
	MaxContainers  int             `toml:"max_containers"`
	Log            telegraf.Logger `toml:"-"`

	feeds input.Feeds
	stats selfStats
}

// New returns the plugin with its default settings.
func New() *TopologyContainers {
	dirs := runtimedir.DefaultConfig()
	return &TopologyContainers{
		Common: input.DefaultCommon(),
		Docker: []string{"/var/run/docker.sock"},
		Podman: []string{"/run/podman/podman.sock"},
		Containerd: []string{
			"/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock",
		},
		LXD:            lxd.DefaultSockets(),
		LXC:            lxc.DefaultConfig().Paths,
		RuntimeDirs:    dirs.Dirs,
		Stopped:        true,
		ProcDir:        container.DefaultConfig().ProcDir,
		CgroupDir:      dirs.CgroupDir,
		RequestTimeout: config.Duration(docker.DefaultConfig().Timeout),
		ResyncInterval: config.Duration(5 * time.Minute),
		MaxContainers:  dirs.MaxContainers,
	}
}

// SampleConfig returns the documented configuration.
func (*TopologyContainers) SampleConfig() string { return sampleConfig }

// Init checks the configuration. It opens nothing.
func (t *TopologyContainers) Init() error {
	if !filepath.IsAbs(t.ProcDir) {
		return fmt.Errorf("proc_dir %q: want an absolute path", t.ProcDir)
	}
	if t.ResyncInterval < 0 {
		return errors.New("resync_interval is negative")
	}
	if _, err := filter.Compile(t.ExcludeLabels); err != nil {
		return fmt.Errorf("exclude_labels: %w", err)
	}
	// Without a host there is no telling anything: what is made here is not used.
	if _, err := t.connections(nil); err != nil {
		return err
	}
	return t.Check()
}

// connection is one runtime to follow.
type connection struct {
	source string
	name   string
	resync time.Duration
	feed.Source
}

// connections makes what is configured.
func (t *TopologyContainers) connections(m *container.Mapper) ([]connection, error) {
	var out []connection
	add := func(source, where string, resync time.Duration, src feed.Source, err error) error {
		if err != nil {
			return err
		}
		out = append(out, connection{source, source + " " + where, resync, src})
		return nil
	}
	resync := time.Duration(t.ResyncInterval)
	engine := func(source string, sockets, others []string) error {
		for _, path := range unique(sockets) {
			cfg := docker.DefaultConfig()
			cfg.Socket, cfg.Source, cfg.Others = path, source, others
			cfg.Stopped, cfg.Timeout = t.Stopped, time.Duration(t.RequestTimeout)
			if source == container.SourcePodman && !t.PodmanAlways {
				cfg.RunRoot = docker.PodmanRunRoot(path)
			}
			src, err := docker.New(cfg, m, t.Log)
			if err := add(source, path, resync, src, err); err != nil {
				return err
			}
		}
		return nil
	}
	// Podman may stand in for Docker at Docker's socket.
	if err := engine(container.SourceDocker, t.Docker, t.Podman); err != nil {
		return nil, err
	}
	if err := engine(container.SourcePodman, t.Podman, nil); err != nil {
		return nil, err
	}
	for _, path := range unique(t.Containerd) {
		cfg := containerd.DefaultConfig()
		cfg.Socket, cfg.Stopped, cfg.Timeout = path, t.Stopped, time.Duration(t.RequestTimeout)
		src, err := containerd.New(cfg, m, t.Log)
		if err := add(container.SourceContainerd, path, resync, src, err); err != nil {
			return nil, err
		}
	}
	for _, path := range unique(t.LXD) {
		cfg := lxd.DefaultConfig()
		cfg.Socket, cfg.Timeout = path, time.Duration(t.RequestTimeout)
		src, err := lxd.New(cfg, m)
		if err := add(container.SourceLXD, path, 0, src, err); err != nil {
			return nil, err
		}
	}
	if len(t.LXC) > 0 {
		cfg := lxc.DefaultConfig()
		cfg.Paths, cfg.CgroupDir = unique(t.LXC), t.CgroupDir
		src, err := lxc.New(cfg, m)
		if err := add(container.SourceLXC, "directories", 0, src, err); err != nil {
			return nil, err
		}
	}
	if len(t.RuntimeDirs) > 0 {
		cfg := runtimedir.DefaultConfig()
		cfg.Dirs, cfg.CgroupDir, cfg.MaxContainers = unique(t.RuntimeDirs), t.CgroupDir, t.MaxContainers
		src, err := runtimedir.New(cfg, m)
		if err := add(container.SourceRunc, "state directories", 0, src, err); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// unique keeps the first of equal texts: two connections to one socket would
// delete each other's containers.
func unique(ss []string) []string {
	var out []string
	for _, s := range ss {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Start begins to follow all runtimes. Those that are not there are waited for.
func (t *TopologyContainers) Start(acc telegraf.Accumulator) error {
	if err := t.Resolve(); err != nil {
		return err
	}
	cfg := container.DefaultConfig()
	cfg.HostID, cfg.ProcDir, cfg.RootNetNS, cfg.ExcludeLabels = t.HostID, t.ProcDir, t.RootNetNS, t.ExcludeLabels
	mapper, err := container.NewMapper(cfg)
	if err != nil {
		return err
	}
	all, err := t.connections(mapper)
	if err != nil {
		return err
	}
	t.stats = selfStats{}
	for _, c := range all {
		t.stats.add(t.HostID, c.name, c.Source)
		cfg := t.Feed("topology_containers", c.source, c.name)
		cfg.Resync = c.resync
		if err := t.feeds.Add(cfg, c.Source, acc, t.Log); err != nil {
			return err
		}
	}
	t.feeds.Start(context.Background())
	return nil
}

// Stop ends all. It reports no container as gone: they are still there.
func (t *TopologyContainers) Stop() { t.feeds.Stop() }

// Gather only updates the plugin's own figures: everything else is told as it
// happens.
func (t *TopologyContainers) Gather(telegraf.Accumulator) error {
	t.stats.update(t.Log)
	return nil
}

func init() {
	inputs.Add("topology_containers", func() telegraf.Input { return New() })
}
