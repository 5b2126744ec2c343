package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/ofprobe"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/watch"
)

// OpenFlow is what of the configuration is about rules and groups.
type OpenFlow struct {
	Enabled  bool            `toml:"openflow"`
	Version  string          `toml:"openflow_version"`
	Interval config.Duration `toml:"openflow_interval"`
	MaxRules int             `toml:"openflow_max_rules"`
	MaxBytes config.Size     `toml:"openflow_max_bytes"`
	CPU      float64         `toml:"openflow_cpu"`
	Monitor  bool            `toml:"openflow_monitor"`
	Counters bool            `toml:"openflow_counters"`
}

func defaultOpenFlow() OpenFlow {
	d := ofprobe.DefaultConfig()
	return OpenFlow{
		Interval: config.Duration(d.Interval), MaxRules: d.MaxRules, MaxBytes: config.Size(d.MaxBytes),
		CPU: d.CPU, Monitor: d.Monitor, Counters: d.Counters,
	}
}

func (t *TopologyOVS) openFlowConfig(hostID string) (cfg ofprobe.Config, err error) {
	cfg = ofprobe.DefaultConfig()
	if t.Version != "" {
		if cfg.Version, err = openflow.ParseVersion(t.Version); err != nil {
			return cfg, fmt.Errorf("openflow_version: %w", err)
		}
	}
	cfg.HostID = hostID
	cfg.Interval = time.Duration(t.Interval)
	cfg.MaxRules, cfg.MaxBytes, cfg.CPU = t.MaxRules, int(t.MaxBytes), t.CPU
	cfg.Monitor, cfg.Counters = t.Monitor, t.Counters
	cfg.Feed = t.Feed("topology_ovs", ofprobe.Source, "bridge")
	cfg.Feed.Report.Tags["host_id"] = hostID
	return cfg, nil
}

func (t *TopologyOVS) checkOpenFlow() error {
	if !t.Enabled {
		return nil
	}
	cfg, err := t.openFlowConfig("")
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("openflow: %w", err)
	}
	return nil
}

// rules follows the OpenFlow rules of the bridges of one server.
type rules struct{ probe *ofprobe.Probe }

func (t *TopologyOVS) newRules(server *watch.Config, acc telegraf.Accumulator) (*rules, error) {
	cfg, err := t.openFlowConfig(server.HostID)
	if err != nil {
		return nil, err
	}
	p, err := ofprobe.New(cfg, acc, t.Log)
	if err != nil {
		return nil, err
	}
	return &rules{p}, nil
}

// Sync implements [watch.Bridges]. Bridges whose socket is not on this machine
// are left out.
func (r *rules) Sync(all []watch.Bridge) {
	out := make([]ofprobe.Bridge, 0, len(all))
	for _, b := range all {
		if b.Socket != "" {
			out = append(out, ofprobe.Bridge{Name: b.Name, Database: b.Database, UUID: b.UUID, Target: "unix:" + b.Socket})
		}
	}
	r.probe.Sync(out)
}
