// Package topology_lldp is the Telegraf input that says which devices the
// interfaces of a host are connected to: it listens to LLDP and CDP in every
// network namespace, or asks a running lldpd, and reports switches and their
// ports as entity events.
//
// This package is only the plugin: configuration, life cycle and counters. It
// must never send a frame.
package topology_lldp //nolint:revive // Telegraf names packages as plugins

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/input"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/listen"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldpcli"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

//go:embed sample.conf
var sampleConfig string

// Modes.
const (
	modeListen = "listen"
	modeLLDPD  = "lldpd"
)

// Ways to identify a switch.
const (
	byChassis = "chassis"
	byName    = "name"
)

// TopologyLLDP is the plugin. Its exported fields are its configuration, which
// sample.conf explains.
type TopologyLLDP struct {
	input.Common
	Mode              string          `toml:"mode"`
	Protocols         []string        `toml:"protocols"`
	Interfaces        []string        `toml:"interfaces"`
	ExcludeInterfaces []string        `toml:"exclude_interfaces"`
	ExcludeKinds      []string        `toml:"exclude_kinds"`
	SwitchIdentity    string          `toml:"switch_identity"`
	MaxNeighbors      int             `toml:"max_neighbors"`
	Namespaces        bool            `toml:"namespaces"`
	RootNetNS         string          `toml:"root_netns"`
	NetNSDirs         []string        `toml:"netns_dirs"`
	ProcessNamespaces bool            `toml:"process_namespaces"`
	ScanInterval      config.Duration `toml:"scan_interval"`
	ProcDir           string          `toml:"proc_dir"`
	LLDPDSocket       string          `toml:"lldpd_socket"`
	LLDPCLI           string          `toml:"lldpcli"`
	Log               telegraf.Logger `toml:"-"`

	listenConfig listen.Config
	cliConfig    lldpcli.Config

	feeds  input.Feeds
	source source
	stats  *selfStats
}

// source is where neighbours come from.
type source interface {
	feed.Source
	Stats() listen.Stats
}

// reportInterval is longer than that of other inputs: neighbours speak every 30
// or 60 seconds themselves, and nothing but a cable changes what they say.
const reportInterval = time.Minute

// New returns the plugin with its default settings.
func New() *TopologyLLDP {
	common, l, c := input.DefaultCommon(), listen.DefaultConfig(), lldpcli.DefaultConfig()
	common.ReportInterval = config.Duration(reportInterval)
	return &TopologyLLDP{
		Common:            common,
		Mode:              modeListen,
		Protocols:         []string{"lldp", "cdp"},
		ExcludeKinds:      l.ExcludeKinds,
		SwitchIdentity:    byChassis,
		MaxNeighbors:      l.MaxNeighbors,
		Namespaces:        l.Namespaces,
		NetNSDirs:         l.Discovery.Dirs,
		ProcessNamespaces: l.Discovery.Processes,
		ScanInterval:      config.Duration(l.Discovery.ScanInterval),
		ProcDir:           l.Discovery.ProcDir,
		LLDPDSocket:       c.Socket,
		LLDPCLI:           c.Command,
	}
}

// SampleConfig returns the documented configuration.
func (*TopologyLLDP) SampleConfig() string { return sampleConfig }

// Init checks the configuration. It opens nothing.
func (t *TopologyLLDP) Init() error {
	if err := t.Check(); err != nil {
		return err
	}
	if t.SwitchIdentity != byChassis && t.SwitchIdentity != byName {
		return fmt.Errorf("switch_identity is %q, want %q or %q", t.SwitchIdentity, byChassis, byName)
	}
	cfg := listen.DefaultConfig()
	cfg.LLDP, cfg.CDP = false, false
	for _, p := range t.Protocols {
		switch p {
		case "lldp":
			cfg.LLDP = true
		case "cdp":
			cfg.CDP = true
		default:
			return fmt.Errorf("unknown protocol %q, want %q or %q", p, "lldp", "cdp")
		}
	}
	cfg.RootNetNS = t.RootNetNS
	cfg.Namespaces = t.Namespaces
	cfg.Discovery.Dirs = t.NetNSDirs
	cfg.Discovery.Processes = t.ProcessNamespaces
	cfg.Discovery.ProcDir = t.ProcDir
	cfg.Discovery.ScanInterval = time.Duration(t.ScanInterval)
	cfg.Interfaces, cfg.ExcludeInterfaces, cfg.ExcludeKinds = t.Interfaces, t.ExcludeInterfaces, t.ExcludeKinds
	cfg.ByName = t.SwitchIdentity == byName
	cfg.MaxNeighbors = t.MaxNeighbors
	t.listenConfig = cfg

	t.cliConfig = lldpcli.DefaultConfig()
	t.cliConfig.Socket, t.cliConfig.Command = t.LLDPDSocket, t.LLDPCLI
	t.cliConfig.RootNetNS, t.cliConfig.ProcDir = t.RootNetNS, t.ProcDir
	t.cliConfig.LLDP, t.cliConfig.CDP = cfg.LLDP, cfg.CDP
	t.cliConfig.ByName, t.cliConfig.MaxNeighbors = cfg.ByName, cfg.MaxNeighbors

	switch t.Mode {
	case modeListen:
		return cfg.Validate()
	case modeLLDPD:
		return t.cliConfig.Validate()
	}
	return fmt.Errorf("mode is %q, want %q or %q", t.Mode, modeListen, modeLLDPD)
}

// Start begins to listen.
func (t *TopologyLLDP) Start(acc telegraf.Accumulator) (err error) {
	if err := t.Resolve(); err != nil {
		return err
	}
	t.listenConfig.HostID, t.cliConfig.HostID = t.HostID, t.HostID
	connection := "interfaces"
	if t.Mode == modeLLDPD {
		connection = t.LLDPDSocket
		t.source, err = lldpcli.New(t.cliConfig)
	} else {
		t.source, err = listen.New(t.listenConfig, t.Log)
	}
	if err != nil {
		return err
	}
	cfg := t.Feed("topology_lldp", neighbor.Source(t.HostID), connection)
	if err := t.feeds.Add(cfg, t.source, acc, t.Log); err != nil {
		return err
	}
	t.stats = newSelfStats(t.HostID, t.Mode)
	t.feeds.Start(context.Background())
	return nil
}

// Stop ends it. It reports no entity as gone: they are still there.
func (t *TopologyLLDP) Stop() {
	t.feeds.Stop()
	t.refresh()
}

// Gather refreshes the plugin's own figures; neighbours are reported as they are
// heard.
func (t *TopologyLLDP) Gather(telegraf.Accumulator) error {
	t.refresh()
	return nil
}

func (t *TopologyLLDP) refresh() {
	if t.stats != nil {
		t.stats.update(t.source.Stats())
	}
}

func init() {
	inputs.Add("topology_lldp", func() telegraf.Input { return New() })
}
