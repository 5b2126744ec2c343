// Package input is what the plugins of topology inputs have in common: the
// settings that each of them has, and running several feeds as one. It knows
// nothing of what is reported.
package input

import (
	"context"
	"fmt"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"

	"github.com/skein-net/skein/internal/hostid"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// Common are the settings that every topology input has. A plugin embeds it.
type Common struct {
	// HostID and HostName are the identity of the host, the same for all inputs
	// that report about it; empty: the machine's.
	HostID   string `toml:"host_id"`
	HostName string `toml:"host_name"`
	// ReportInterval is how often an entity is reported when nothing changes.
	ReportInterval config.Duration `toml:"report_interval"`
	// MaxUndelivered is how many metrics may be on the way to the outputs.
	MaxUndelivered int `toml:"max_undelivered_metrics"`
}

// DefaultCommon returns the settings that plugins ship with.
func DefaultCommon() Common {
	return Common{
		ReportInterval: config.Duration(30 * time.Second),
		MaxUndelivered: report.DefaultConfig().MaxUndelivered,
	}
}

// Check reports the first setting that cannot work. A plugin calls it in Init.
func (c *Common) Check() error {
	cfg := c.Feed("topology", "check", "check")
	return cfg.Validate()
}

// Resolve fills in the identity of the host where it is not given. A plugin
// calls it in Start.
func (c *Common) Resolve() (err error) {
	c.HostID, c.HostName, err = hostid.Resolve(c.HostID, c.HostName)
	return err
}

// Feed returns the configuration of the feed of one connection of a plugin:
// source is the facet that speaks.
func (c *Common) Feed(plugin, source, connection string) feed.Config {
	cfg := feed.DefaultConfig()
	cfg.Name = connection
	cfg.Report.Source = source
	cfg.Report.Interval = time.Duration(c.ReportInterval)
	cfg.Report.MaxUndelivered = c.MaxUndelivered
	cfg.Report.Tags = map[string]string{"input": plugin}
	if c.HostID != "" {
		cfg.Report.Tags["host_id"] = c.HostID
	}
	return cfg
}

// Feeds are the feeds of one plugin. The zero value has none.
type Feeds struct {
	list   []*feed.Feed
	cancel context.CancelFunc
}

// Add makes a feed; it begins with Start.
func (f *Feeds) Add(cfg feed.Config, src feed.Source, acc telegraf.Accumulator, log telegraf.Logger) error {
	one, err := feed.New(cfg, src, acc, log)
	if err != nil {
		return fmt.Errorf("follow %s: %w", cfg.Name, err)
	}
	f.list = append(f.list, one)
	return nil
}

// Start starts all feeds.
func (f *Feeds) Start(ctx context.Context) {
	ctx, f.cancel = context.WithCancel(ctx)
	for _, one := range f.list {
		one.Start(ctx)
	}
}

// Stop stops all feeds, all at once, and forgets them, also those that were
// never started.
func (f *Feeds) Stop() {
	if f.cancel != nil {
		f.cancel()
	}
	for _, one := range f.list {
		one.Stop()
	}
	f.list, f.cancel = nil, nil
}

// Stats returns the counters of each feed, in the order in which they were
// added.
func (f *Feeds) Stats() []feed.Stats {
	out := make([]feed.Stats, len(f.list))
	for i, one := range f.list {
		out[i] = one.Stats()
	}
	return out
}
