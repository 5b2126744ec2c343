package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alerts"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/bucket"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/joins"
	"github.com/skein-net/skein/topologyd/orders"
	"github.com/skein-net/skein/topologyd/rules"
)

// definitions are what users define, and what keeps graph and hosts accordingly.
type definitions struct {
	store  *definition.Store
	rules  *rules.Manager
	joins  *joins.Manager
	orders *orders.Manager
}

func newDefinitions(cfg *config.Config, e *engine.Engine, hub *live.Hub, log *slog.Logger, reg prometheus.Registerer) (d definitions, err error) {
	var fixed []*definition.Definition
	if lines := cfg.Fabric.Items(); len(lines) > 0 {
		fixed = append(fixed, rules.Configured(lines))
	}
	deps := definition.Deps{Log: log.With("part", "definitions"), Leads: e.Leads, Now: time.Now}
	if d.store, err = definition.New(definition.DefaultConfig(), deps, slices.Concat(rules.Kinds(), capture.Kinds(), joins.Kinds(), alerts.Kinds()), fixed...); err != nil {
		return d, fmt.Errorf("set up definitions: %w", err)
	}
	submit := func(ctx context.Context, events []entity.Event) error {
		items := make([]engine.Item, len(events))
		for i := range events {
			items[i].Event = events[i]
		}
		_, err := e.Submit(ctx, items)
		return err
	}
	d.rules, err = rules.New(rules.DefaultConfig(), rules.Deps{
		Definitions: d.store, View: e.View, Leads: e.Leads, Log: log.With("part", "rules"), Registerer: reg,
		Subscribe: func() (rules.Changes, error) { return e.Subscribe(0) },
		Submit:    submit,
	})
	if err != nil {
		return d, fmt.Errorf("set up rules: %w", err)
	}
	if d.joins, err = joins.New(joinsConfig(cfg), joins.Deps{
		Definitions: d.store, Table: func() []joins.InForce { return table(e) }, Submit: submit, Leads: e.Leads,
		Log: log.With("part", "joins"), Registerer: reg,
	}); err != nil {
		return d, err
	}
	d.orders, err = orders.New(ordersConfig(cfg), orders.Deps{
		Definitions: d.store, View: e.View, Hub: hub, Leads: e.Leads, Submit: submit, RawPackets: cfg.Captures.RawPackets,
		Log: log.With("part", "orders"), Registerer: reg,
	})
	if err != nil {
		return d, fmt.Errorf("set up orders: %w", err)
	}
	return d, nil
}

func ordersConfig(c *config.Config) orders.Config {
	o := orders.DefaultConfig()
	o.MaxPerHost = min(c.Captures.MaxPerHost, o.MaxAssignments)
	return o
}

func joinsConfig(c *config.Config) joins.Config {
	j := joins.DefaultConfig()
	j.Files = c.JoinFiles.Items()
	return j
}

// table is the table of joins in force.
func table(e *engine.Engine) []joins.InForce {
	rows := e.Joins()
	out := make([]joins.InForce, len(rows))
	for i, r := range rows {
		out[i] = joins.InForce{Row: r.Row, Pairs: r.Pairs, Ambiguous: r.Ambiguous, TooMany: r.TooMany}
	}
	return out
}

// bucketTimeout bounds one try to open the bucket of definitions.
const bucketTimeout = 3 * time.Second

// start begins to read definitions, to see to the table of joins, to apply rules
// and to give orders; the engine runs.
func (d *definitions) start(e *engine.Engine) {
	d.store.Begin(func(ctx context.Context) (definition.KV, error) {
		// Begun is ended, also while stopping: the server inside would make the
		// bucket while it shuts down, and leave parts of it running.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bucketTimeout)
		defer cancel()
		b, err := e.Log().Bucket(ctx, bucket.Name)
		if err != nil {
			return nil, err
		}
		return bucket.New(b), nil
	})
	d.joins.Start()
	d.rules.Start()
	d.orders.Start()
}

// stop ends all of it, before the engine and the hub do.
func (d *definitions) stop() {
	d.orders.Stop()
	d.rules.Stop()
	d.joins.Stop()
	d.store.Stop()
}
