// Package topology_ovs is the Telegraf input that says what the Open vSwitches of
// a host are made of: bridges, ports, interfaces, tunnels, bonds, VLANs, mirrors,
// QoS, as entity events, and the interfaces' statistics as metrics.
//
// This package is only the plugin: configuration, life cycle and metrics. The
// connection is in package database, the model in package mapping, what brings
// both together in package watch, OpenFlow in package ofprobe.
package topology_ovs //nolint:revive // Telegraf names packages as plugins

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/common/tls"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/skein-net/skein/telegraf-inputs/internal/input"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/mapping"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/watch"
)

//go:embed sample.conf
var sampleConfig string

// TopologyOVS is the plugin. Its exported fields are its configuration, which
// sample.conf explains.
type TopologyOVS struct {
	input.Common
	Servers        []string        `toml:"servers"`
	Server         []Server        `toml:"server"`
	NetNS          string          `toml:"netns"`
	RunDir         string          `toml:"run_dir"`
	Statistics     bool            `toml:"statistics"`
	ResyncInterval config.Duration `toml:"resync_interval"`
	OpenFlow
	tls.ClientConfig
	Log telegraf.Logger `toml:"-"`

	configs  []watch.Config
	watchers []*watch.Watcher
	rules    []*rules
	feeds    input.Feeds
	cancel   context.CancelFunc
}

// Server is one Open vSwitch with settings of its own.
type Server struct {
	Address string `toml:"address"`
	HostID  string `toml:"host_id"`
	NetNS   string `toml:"netns"`
	RunDir  string `toml:"run_dir"`
	tls.ClientConfig
}

// New returns the plugin with its default settings.
func New() *TopologyOVS {
	return &TopologyOVS{
		Common:     input.DefaultCommon(),
		Servers:    []string{watch.DefaultConfig().Endpoint},
		Statistics: true,
		OpenFlow:   defaultOpenFlow(),
	}
}

// SampleConfig returns the documented configuration.
func (*TopologyOVS) SampleConfig() string { return sampleConfig }

// Init checks the configuration. It connects to nothing.
func (t *TopologyOVS) Init() error {
	if err := t.Check(); err != nil {
		return err
	}
	if t.ResyncInterval < 0 {
		return fmt.Errorf("resync_interval %v is negative", time.Duration(t.ResyncInterval))
	}
	t.configs = nil
	all := make([]Server, 0, len(t.Servers)+len(t.Server))
	for _, address := range t.Servers {
		all = append(all, Server{Address: address, HostID: t.HostID, NetNS: t.NetNS, RunDir: t.RunDir, ClientConfig: t.ClientConfig})
	}
	seen := make(map[string]bool)
	for _, s := range append(all, t.Server...) {
		cfg, err := s.config()
		if err != nil {
			return err
		}
		if seen[cfg.Endpoint] {
			return fmt.Errorf("server %q is configured twice", cfg.Endpoint)
		}
		seen[cfg.Endpoint] = true
		t.configs = append(t.configs, cfg)
	}
	return t.checkOpenFlow()
}

func (s *Server) config() (cfg watch.Config, err error) {
	cfg = watch.DefaultConfig()
	cfg.Endpoint, cfg.HostID, cfg.NetNS, cfg.RunDir = s.Address, s.HostID, s.NetNS, s.RunDir
	if cfg.TLS, err = s.TLSConfig(); err != nil {
		return cfg, fmt.Errorf("server %q: %w", s.Address, err)
	}
	if err := cfg.Validate(); err != nil {
		return cfg, err
	}
	if cfg.HostID == "" && !cfg.Local() {
		return cfg, fmt.Errorf("server %q is not on this host: set host_id to the identity of the host that it is on", s.Address)
	}
	return cfg, nil
}

// Start begins to connect.
func (t *TopologyOVS) Start(acc telegraf.Accumulator) error {
	if err := t.Resolve(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.cancel = cancel
	for i := range t.configs {
		if err := t.follow(&t.configs[i], acc); err != nil {
			t.Stop()
			return err
		}
	}
	for _, r := range t.rules {
		r.probe.Start(ctx)
	}
	t.feeds.Start(ctx)
	return nil
}

// follow prepares to follow one server.
func (t *TopologyOVS) follow(cfg *watch.Config, acc telegraf.Accumulator) error {
	if cfg.HostID == "" {
		cfg.HostID = t.HostID
	}
	fc := t.Feed("topology_ovs", mapping.Source, cfg.Endpoint)
	fc.Report.Tags["host_id"] = cfg.HostID
	fc.Resync = time.Duration(t.ResyncInterval)
	var bridges watch.Bridges
	if t.Enabled {
		r, err := t.newRules(cfg, acc)
		if err != nil {
			return err
		}
		t.rules = append(t.rules, r)
		bridges = r
	}
	w := watch.New(*cfg, bridges)
	t.watchers = append(t.watchers, w)
	return t.feeds.Add(fc, w, acc, t.Log)
}

// Stop ends the connections. It reports no entity as gone: they are still there.
func (t *TopologyOVS) Stop() {
	if t.cancel == nil {
		return
	}
	t.cancel()
	t.feeds.Stop()
	for _, r := range t.rules {
		r.probe.Stop()
	}
	t.watchers, t.rules, t.cancel = nil, nil, nil
}

// gatherTimeout bounds how long the statistics of one server may take.
const gatherTimeout = 20 * time.Second

// Gather adds the statistics of all interfaces.
func (t *TopologyOVS) Gather(acc telegraf.Accumulator) error {
	if t.cancel == nil {
		return errors.New("the plugin has not been started")
	}
	if !t.Statistics {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	defer cancel()
	for n, w := range t.watchers {
		cfg := &t.configs[n]
		samples, err := w.Statistics(ctx)
		if err != nil {
			acc.AddError(fmt.Errorf("server %q: %w", cfg.Endpoint, err))
		}
		now := time.Now()
		for i := range samples {
			addSample(acc, cfg.HostID, &samples[i], now)
		}
	}
	return nil
}

func init() {
	inputs.Add("topology_ovs", func() telegraf.Input { return New() })
}
