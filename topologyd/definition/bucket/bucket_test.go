package bucket_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/definition/bucket"
	"github.com/skein-net/skein/topologyd/eventlog"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDefinitionsInTheLog: two stores on one bucket see the same, refuse the
// slower writer, and find everything again after a restart.
func TestDefinitionsInTheLog(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	open := func() (*eventlog.Log, definition.KV) {
		l, err := eventlog.Open(ctx, eventlog.DefaultConfig(dir), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		b, err := l.Bucket(ctx, bucket.Name)
		require.NoError(t, err)
		return l, bucket.New(b)
	}
	store := func(kv definition.KV) *definition.Store {
		s, err := definition.New(definition.DefaultConfig(), definition.Deps{
			Log: slog.New(slog.DiscardHandler), Leads: func() bool { return true }, Now: time.Now,
		}, rules.Kinds())
		require.NoError(t, err)
		require.NoError(t, s.Start(context.Background(), kv))
		return s
	}
	def := func(id string, lines ...string) *definition.Definition {
		return &definition.Definition{Kind: rules.KindFabric, ID: id, Spec: &fabric.Spec{Lines: lines}}
	}
	l, kv := open()
	a, b := store(kv), store(kv)
	one, err := a.Create(ctx, def("one", "A -> B"))
	require.NoError(t, err)
	_, err = a.Create(ctx, def("two", "C -> D"))
	require.NoError(t, err)
	_, err = b.Create(ctx, def("one", "X -> Y"))
	require.ErrorIs(t, err, definition.ErrExists)
	require.Eventually(t, func() bool { return len(b.List(rules.KindFabric)) == 2 }, 20*time.Second, time.Millisecond)
	next := def("one", "A -> C")
	next.Revision = one.Revision
	next, err = a.Replace(ctx, next)
	require.NoError(t, err)
	_, err = kv.Write(ctx, "fabric.one", []byte("late"), one.Revision)
	require.ErrorIs(t, err, definition.ErrConflict)
	require.ErrorIs(t, kv.Delete(ctx, "fabric.one", one.Revision), definition.ErrConflict)
	require.NoError(t, a.Delete(ctx, rules.KindFabric, "two"))
	_, err = a.Create(ctx, def("two", "E -> F"))
	require.NoError(t, err, "an ID can be used again")
	require.NoError(t, a.Delete(ctx, rules.KindFabric, "two"))
	require.Eventually(t, func() bool { return len(b.List(rules.KindFabric)) == 1 }, 20*time.Second, time.Millisecond)
	a.Stop()
	b.Stop()
	require.NoError(t, l.Close())

	l, kv = open()
	a = store(kv)
	require.Len(t, a.List(rules.KindFabric), 1)
	got, err := a.Get(rules.KindFabric, "one")
	require.NoError(t, err)
	require.Equal(t, next, got)
	a.Stop()
	require.NoError(t, l.Close())
}
