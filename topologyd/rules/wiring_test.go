package rules_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/rules"
)

// TestOnAnEngine puts a manager on a real engine, as the daemon does, and
// restarts both.
func TestOnAnEngine(t *testing.T) {
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	cfg, kv := engine.DefaultConfig(t.TempDir()), &definitiontest.KV{}
	start := func() (*engine.Engine, *definition.Store, func()) {
		e := engine.New(cfg, log)
		require.NoError(t, e.Start(ctx))
		lead := func() bool { return true }
		store, err := definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: lead, Now: time.Now}, rules.Kinds(),
			rules.Configured([]string{"TOR -> PORT", "PORT --> *[Type=host]/eth0"}))
		require.NoError(t, err)
		require.NoError(t, store.Start(ctx, kv))
		m, err := rules.New(rules.DefaultConfig(), rules.Deps{
			Definitions: store, View: e.View, Leads: lead, Log: log, Registerer: prometheus.NewRegistry(),
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
		require.NoError(t, err)
		m.Start()
		return e, store, func() {
			m.Stop()
			store.Stop()
			require.NoError(t, e.Stop(context.Background()))
		}
	}
	count := func(e *engine.Engine, key, value string) int {
		_, n := e.View().NodesWith(key, entity.String(value))
		return n
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, 30*time.Second, 5*time.Millisecond, what)
	}

	e, store, stop := start()
	host := entity.HostRef("h")
	var items []engine.Item
	for i, ref := range []entity.Ref{host, entity.InterfaceRef("h", "1", "2")} {
		items = append(items, engine.Item{Event: entity.Event{Ref: ref, Source: "netlink", Time: time.Now(), Attributes: entity.Attrs{
			entity.A("Name", entity.String([]string{"h", "eth0"}[i])), entity.A("Type", entity.String([]string{"host", "device"}[i])),
		}}})
	}
	items[1].Event.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: host}}
	_, err := e.Submit(ctx, items)
	require.NoError(t, err)
	_, err = store.Create(ctx, &definition.Definition{Kind: rules.KindNodeRule, ID: "own", Spec: &rules.NodeRule{
		Action: rules.ActionUpdate, Query: "G.V().Has('Type','device')", Metadata: entity.Attrs{entity.A("Owner", entity.String("netops"))},
	}})
	require.NoError(t, err)
	eventually("rule and fabric", func() bool { return count(e, "Owner", "netops") == 3 && e.View().EdgeCount() == 4 })
	stop()

	kv.Remove(rules.KindNodeRule + ".own") // while nobody runs
	e, _, stop = start()
	require.Equal(t, 4, e.View().NodeCount(), "what rules made is in the log")
	eventually("the orphan goes", func() bool { return count(e, "Owner", "netops") == 0 })
	require.Equal(t, 4, e.View().EdgeCount())
	stop()
}
