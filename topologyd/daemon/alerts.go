package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/alertmanager"
	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// alertsFile is where alerts survive a restart, in the data directory.
const alertsFile = "alerts.json"

// alertParts run graph rules, and tell Alertmanagers.
type alertParts struct {
	// hub follows what rules ask for. It is their own: watchers, who may be anybody who
	// may read, share the bounds of theirs.
	hub      *live.Hub
	rules    *alerts.Manager
	notifier *alertmanager.Notifier
}

func newAlerts(c *config.Config, e *engine.Engine, defs *definition.Store, flows *flowParts, log *slog.Logger, reg prometheus.Registerer) (a alertParts, err error) {
	n := alertmanager.DefaultConfig()
	n.File, n.URLs = c.Alerts.AlertmanagerFile, c.Alerts.AlertmanagerURLs.Items()
	if a.notifier, err = alertmanager.New(n, log.With("part", "alertmanager"), reg); err != nil {
		return a, fmt.Errorf("set up Alertmanagers: %w", err)
	}
	subscribe := func() (live.Changes, error) { return e.Subscribe(0) }
	a.hub = live.New(live.DefaultConfig(), live.Deps{View: e.View, Subscribe: subscribe})
	src := gremlin.Sources{Past: timeline{e}}
	if flows != nil {
		src.Flows = flows.flows
	}
	a.rules, err = alerts.New(alertsConfig(c), alerts.Deps{
		Definitions: defs, View: e.View, Hub: a.hub, Sources: src,
		Subscribe: subscribe, Sender: a.notifier, ExternalLabels: a.notifier.ExternalLabels,
		Log: log.With("part", "alerts"), Registerer: reg,
	})
	return a, err
}

func alertsConfig(c *config.Config) alerts.Config {
	a := alerts.DefaultConfig()
	a.RuleFiles, a.Interval, a.ResendDelay, a.Around = c.Alerts.RuleFiles.Items(), c.Alerts.Interval, c.Alerts.ResendDelay, c.Alerts.Around
	a.ExternalURL, a.GrafanaURL = c.Alerts.ExternalURL, c.Alerts.GrafanaURL
	a.StateFile = filepath.Join(c.DataDir, alertsFile)
	return a
}

// start begins to run rules; definitions are being read.
func (a *alertParts) start(ctx context.Context) {
	a.notifier.Start(ctx)
	a.rules.Start()
}

// stop ends rules, then sends what is left to be sent.
func (a *alertParts) stop() {
	a.rules.Stop()
	a.hub.Stop()
	a.notifier.Stop()
}
