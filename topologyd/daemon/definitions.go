package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/bucket"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/rules"
)

// definitions are what users define, and what keeps the graph accordingly.
type definitions struct {
	store *definition.Store
	rules *rules.Manager
}

func newDefinitions(cfg *config.Config, e *engine.Engine, log *slog.Logger, reg prometheus.Registerer) (d definitions, err error) {
	var fixed []*definition.Definition
	if lines := cfg.Fabric.Items(); len(lines) > 0 {
		fixed = append(fixed, rules.Configured(lines))
	}
	deps := definition.Deps{Log: log.With("part", "definitions"), Leads: e.Leads, Now: time.Now}
	if d.store, err = definition.New(definition.DefaultConfig(), deps, rules.Kinds(), fixed...); err != nil {
		return d, fmt.Errorf("set up definitions: %w", err)
	}
	d.rules, err = rules.New(rules.DefaultConfig(), rules.Deps{
		Definitions: d.store, View: e.View, Leads: e.Leads, Log: log.With("part", "rules"), Registerer: reg,
		Subscribe: func() (rules.Changes, error) { return e.Subscribe(0) },
		Submit: func(ctx context.Context, events []entity.Event) error {
			items := make([]engine.Item, len(events))
			for i := range events {
				items[i].Event = events[i]
			}
			_, err := e.Submit(ctx, items)
			return err
		},
	})
	if err != nil {
		return d, fmt.Errorf("set up rules: %w", err)
	}
	return d, nil
}

// bucketTimeout bounds one try to open the bucket of definitions.
const bucketTimeout = 3 * time.Second

// start begins to read definitions and to apply rules; the engine runs.
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
	d.rules.Start()
}

// stop ends both, before the engine does.
func (d *definitions) stop() {
	d.rules.Stop()
	d.store.Stop()
}
