// Package topology_host is the Telegraf input that says what the network of a
// host is made of: its namespaces, their interfaces and how these are
// connected, as entity events, and the interfaces' counters as metrics.
//
// This package is only the plugin: configuration, life cycle and counters. The
// model is in package probe, the pace of reports in package report.
package topology_host //nolint:revive // Telegraf names packages as plugins

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/skein-net/skein/telegraf-inputs/internal/report"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/metafile"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/probe"
)

//go:embed sample.conf
var sampleConfig string

// Names of the parts that may be included and excluded.
const (
	partNeighbors = "neighbors"
	partFDB       = "fdb"
	partRoutes    = "routes"
	partEthtool   = "ethtool"
	partFeatures  = "features"
	partCounters  = "counters"
)

func parts() []string {
	return []string{partNeighbors, partFDB, partRoutes, partEthtool, partFeatures, partCounters}
}

// TopologyHost is the plugin. Its exported fields are its configuration, which
// sample.conf explains.
type TopologyHost struct {
	HostID            string            `toml:"host_id"`
	HostName          string            `toml:"host_name"`
	Metadata          map[string]string `toml:"metadata"`
	MetadataFiles     []MetadataFile    `toml:"metadata_file"`
	ReportInterval    config.Duration   `toml:"report_interval"`
	RootNetNS         string            `toml:"root_netns"`
	NetNSDirs         []string          `toml:"netns_dirs"`
	ProcessNamespaces bool              `toml:"process_namespaces"`
	ScanInterval      config.Duration   `toml:"scan_interval"`
	ProcDir           string            `toml:"proc_dir"`
	ReceiveBuffer     config.Size       `toml:"receive_buffer"`
	Include           []string          `toml:"include"`
	Exclude           []string          `toml:"exclude"`
	MaxEntries        int               `toml:"max_entries"`
	ResyncInterval    config.Duration   `toml:"resync_interval"`
	MaxUndelivered    int               `toml:"max_undelivered_metrics"`
	Log               telegraf.Logger   `toml:"-"`

	probeConfig  probe.Config
	fileConfig   metafile.Config
	reportConfig report.Config
	counters     bool

	probe    *probe.Probe
	files    *metafile.Watcher
	reporter *report.Reporter
	stats    *selfStats
	cancel   context.CancelFunc
}

// MetadataFile is one value of the host that is taken from a file.
type MetadataFile struct {
	Path     string `toml:"path"`
	Format   string `toml:"format"`
	Name     string `toml:"name"`
	Selector string `toml:"selector"`
}

// New returns the plugin with its default settings.
func New() *TopologyHost {
	p, r := probe.DefaultConfig(), report.DefaultConfig()
	return &TopologyHost{
		ReportInterval:    config.Duration(30 * time.Second),
		NetNSDirs:         p.Discovery.Dirs,
		ProcessNamespaces: p.Discovery.Processes,
		ScanInterval:      config.Duration(p.Discovery.ScanInterval),
		ProcDir:           p.Discovery.ProcDir,
		ReceiveBuffer:     config.Size(p.ReceiveBuffer),
		Include:           parts(),
		MaxEntries:        p.MaxEntries,
		ResyncInterval:    config.Duration(p.Resync),
		MaxUndelivered:    r.MaxUndelivered,
	}
}

// SampleConfig returns the documented configuration.
func (*TopologyHost) SampleConfig() string { return sampleConfig }

// Init checks the configuration. It opens nothing.
func (t *TopologyHost) Init() error {
	for _, name := range slices.Concat(t.Include, t.Exclude) {
		if !slices.Contains(parts(), name) {
			return fmt.Errorf("unknown part %q in include or exclude, want some of %v", name, parts())
		}
	}
	has := func(part string) bool {
		return slices.Contains(t.Include, part) && !slices.Contains(t.Exclude, part)
	}
	cfg := probe.DefaultConfig()
	cfg.HostID, cfg.HostName, cfg.Metadata = t.HostID, t.HostName, t.Metadata
	cfg.RootNetNS = t.RootNetNS
	cfg.Discovery.Dirs = t.NetNSDirs
	cfg.Discovery.Processes = t.ProcessNamespaces
	cfg.Discovery.ProcDir = t.ProcDir
	cfg.Discovery.ScanInterval = time.Duration(t.ScanInterval)
	cfg.ReceiveBuffer = int(t.ReceiveBuffer)
	cfg.MaxEntries = t.MaxEntries
	cfg.Resync = time.Duration(t.ResyncInterval)
	cfg.Neighbors, cfg.FDB, cfg.Routes = has(partNeighbors), has(partFDB), has(partRoutes)
	cfg.Ethtool = has(partEthtool)
	cfg.Features = cfg.Ethtool && has(partFeatures)
	if err := cfg.Validate(); err != nil {
		return err
	}
	t.counters = has(partCounters)
	t.probeConfig = cfg

	t.fileConfig = metafile.DefaultConfig()
	for _, f := range t.MetadataFiles {
		t.fileConfig.Files = append(t.fileConfig.Files, metafile.File{
			Path: f.Path, Format: metafile.Format(f.Format), Name: f.Name, Selector: f.Selector,
		})
	}
	if err := t.fileConfig.Validate(); err != nil {
		return err
	}

	t.reportConfig = report.DefaultConfig()
	t.reportConfig.Source = mapping.Source
	t.reportConfig.Interval = time.Duration(t.ReportInterval)
	t.reportConfig.MaxUndelivered = t.MaxUndelivered
	t.reportConfig.Tags = map[string]string{"input": "topology_host"}
	return t.reportConfig.Validate()
}

// Start opens the namespaces and begins to report.
func (t *TopologyHost) Start(acc telegraf.Accumulator) error {
	cfg := t.probeConfig
	if err := probe.ResolveIdentity(&cfg); err != nil {
		return err
	}
	t.reportConfig.Tags["host_id"] = cfg.HostID
	reporter, err := report.New(t.reportConfig, acc, t.Log)
	if err != nil {
		return err
	}
	p, err := probe.New(cfg, reporter, t.Log)
	if err != nil {
		return err
	}
	files, err := metafile.New(t.fileConfig, p, t.Log)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	reporter.Start(ctx)
	files.Start(ctx) // before the probe: its first report is complete
	if err := p.Start(ctx); err != nil {
		cancel()
		files.Stop()
		reporter.Stop()
		return err
	}
	t.probe, t.files, t.reporter, t.cancel = p, files, reporter, cancel
	t.stats = newSelfStats(cfg.HostID)
	t.stats.update(p.Stats(), files.Stats())
	return nil
}

// Stop ends the watch. It reports no entity as gone: they are still there.
func (t *TopologyHost) Stop() {
	if t.probe == nil {
		return
	}
	t.files.Stop()
	t.probe.Stop()
	t.reporter.Stop()
	t.cancel()
	t.stats.update(t.probe.Stats(), t.files.Stats())
	t.probe = nil
}

// gatherTimeout bounds how long the counters of all interfaces may take.
const gatherTimeout = 30 * time.Second

// Gather adds the counters of all interfaces.
func (t *TopologyHost) Gather(acc telegraf.Accumulator) error {
	if t.probe == nil {
		return errors.New("the plugin has not been started")
	}
	t.stats.update(t.probe.Stats(), t.files.Stats())
	if !t.counters {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	defer cancel()
	id, name, now := t.probe.HostID(), t.probe.HostName(), time.Now()
	return t.probe.Counters(ctx, func(s probe.Sample) {
		addCounters(acc, id, name, &s, now)
	})
}

func init() {
	inputs.Add("topology_host", func() telegraf.Input { return New() })
}
