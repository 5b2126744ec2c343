package joins_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/definitiontest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/joins"
)

// bench is a manager on a real engine, as the daemon has it.
type bench struct {
	t       *testing.T
	engine  *engine.Engine
	store   *definition.Store
	manager *joins.Manager
}

func start(t *testing.T, cfg engine.Config, kv definition.KV, files string) *bench {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	b := &bench{t: t, engine: engine.New(cfg, log)}
	require.NoError(t, b.engine.Start(t.Context()))
	lead := func() bool { return true }
	var err error
	b.store, err = definition.New(definition.DefaultConfig(), definition.Deps{Log: log, Leads: lead, Now: time.Now}, joins.Kinds())
	require.NoError(t, err)
	require.NoError(t, b.store.Start(t.Context(), kv))
	quick := joins.DefaultConfig()
	quick.Files, quick.FilesEvery, quick.LeadCheck, quick.Recheck, quick.Retry = []string{files}, time.Millisecond, time.Millisecond, 5*time.Millisecond, time.Millisecond
	b.manager, err = joins.New(quick, joins.Deps{
		Definitions: b.store, Leads: lead, Log: log, Registerer: prometheus.NewRegistry(),
		Table: func() []joins.InForce {
			var out []joins.InForce
			for _, s := range b.engine.Joins() {
				out = append(out, joins.InForce{Row: s.Row, Pairs: s.Pairs, Ambiguous: s.Ambiguous, TooMany: s.TooMany})
			}
			return out
		},
		Submit: b.submit,
	})
	require.NoError(t, err)
	b.manager.Start()
	return b
}

func (b *bench) stop() {
	b.manager.Stop()
	b.store.Stop()
	require.NoError(b.t, b.engine.Stop(context.Background()))
}

func (b *bench) submit(ctx context.Context, events []entity.Event) error {
	items := make([]engine.Item, len(events))
	for i := range events {
		items[i].Event = events[i]
	}
	_, err := b.engine.Submit(ctx, items)
	return err
}

func (b *bench) report(source string, ref entity.Ref, kv ...string) {
	b.t.Helper()
	e := entity.Event{Ref: ref, Source: source, Time: time.Now()}
	for i := 0; i < len(kv); i += 2 {
		e.Attributes = append(e.Attributes, entity.A(kv[i], entity.String(kv[i+1])))
	}
	e.Attributes = e.Attributes.Normalize()
	require.NoError(b.t, b.submit(b.t.Context(), []entity.Event{e}))
}

func (b *bench) counts(what string, nodes, edges int) {
	b.t.Helper()
	proctest.Eventually(b.t, 20*time.Second, what, func() error {
		if v := b.engine.View(); v.NodeCount() != nodes || v.EdgeCount() != edges {
			return errors.New("the graph is another")
		}
		return nil
	})
}

// TestOnAnEngine joins by a row that is built in, by one of a file and by one of
// a definition, and parts what is joined when they go, also over a restart.
func TestOnAnEngine(t *testing.T) {
	cfg, kv := engine.DefaultConfig(t.TempDir()), &definitiontest.KV{}
	file := filepath.Join(t.TempDir(), "joins.yaml")
	b := start(t, cfg, kv, filepath.Join(filepath.Dir(file), "*.yaml"))
	eth, port := entity.InterfaceRef("h", "1", "7"), entity.RowRef(entity.TypeOvsInterface, "d", "u")
	b.report("netlink", eth, "Name", "br0", "Type", "tun", "MAC", "02:00:00:00:00:01")
	b.report("ovsdb", port, "Name", "br0", "Type", "internal", "MAC", "02:00:00:00:00:01")
	b.report("netlink", entity.HostRef("h"), "Name", "h")
	b.counts("nothing in common", 3, 0)
	e := entity.Event{Ref: port, Source: "ovsdb", Time: time.Now(), Attributes: entity.Attrs{
		entity.A("MAC", entity.String("02:00:00:00:00:01")), entity.A("Name", entity.String("br0")),
		entity.A("Ovs", entity.Map(entity.Attrs{entity.A("HostID", entity.String("h"))})), entity.A("Type", entity.String("internal")),
	}}
	require.NoError(t, b.submit(t.Context(), []entity.Event{e}))
	b.counts("built in", 2, 0)
	node := b.engine.View().Node(eth.UUID())
	require.Equal(t, "internal", node.Attrs.Get("Type").Str(), "as the row prefers")
	require.Equal(t, "netlink,ovsdb", node.Origin)

	text := "joins:\n  - name: to-host\n    kind: edge\n    relation: mapping\n    from: {entity: host, key: ['@Host']}\n    to: {entity: interface, key: ['@Host']}\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	b.counts("of a file", 2, 1)
	off := &joins.Spec{Disabled: true}
	for _, id := range []string{"ovs-internal-by-mac", "ovs-internal-by-name"} {
		_, err := b.store.Create(t.Context(), &definition.Definition{Kind: joins.Kind, ID: id, Spec: off})
		require.NoError(t, err)
	}
	b.counts("parted", 3, 1)
	mine, err := b.store.Create(t.Context(), &definition.Definition{Kind: joins.Kind, ID: "mine", Spec: &joins.Spec{Row: &join.Row{
		Kind: join.Same, From: join.Side{Entity: "interface", Key: []string{"MAC"}}, To: join.Side{Entity: "ovsinterface", Key: []string{"MAC"}},
	}}})
	require.NoError(t, err)
	b.counts("of a definition", 2, 1)
	require.Equal(t, joins.Status{State: joins.StateApplied, Matched: 1}, b.manager.Status(mine))
	require.Equal(t, "tun", b.engine.View().Node(eth.UUID()).Attrs.Get("Type").Str())
	b.stop()

	require.NoError(t, os.Remove(file))
	kv.Remove(joins.Kind + ".mine") // while nobody runs
	b = start(t, cfg, kv, filepath.Join(filepath.Dir(file), "*.yaml"))
	b.counts("what nobody wants is taken away", 3, 0)
	b.stop()
}
