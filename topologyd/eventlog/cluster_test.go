package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// clusterConfigs returns the configurations of n daemons of one cluster.
func clusterConfigs(t testing.TB, n int) (out []Config) {
	t.Helper()
	addrs := proctest.FreeAddrs(t, n)
	for i := range n {
		c := DefaultConfig(t.TempDir())
		c.MaxBytes = 256 << 20
		c.Cluster = Cluster{
			Name: "test", NodeName: fmt.Sprintf("n%d", i), Listen: addrs[i], Secret: "s3cret/with:odd@signs",
			Peers: slices.Concat(addrs[:i], addrs[i+1:]),
		}
		out = append(out, c)
	}
	return out
}

func testLogger(t testing.TB) *slog.Logger {
	if os.Getenv("SKEIN_TEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func openWith(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(context.Background(), cfg, testLogger(t).With("node", cfg.Cluster.NodeName))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// publishUntilStored publishes a record as often as it takes.
func publishUntilStored(t testing.TB, l *Log, record []byte) uint64 {
	t.Helper()
	end := time.Now().Add(60 * time.Second)
	for {
		n, err := l.Append(context.Background(), record)
		if err == nil {
			return n
		}
		require.True(t, time.Now().Before(end), "not stored: %v", err)
	}
}

func TestCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	cfgs := clusterConfigs(t, 3)
	logs := make([]*Log, 3)
	logs[0] = openWith(t, cfgs[0])

	// One of three has no majority: it says so, in time, and goes on.
	cfgAlone := logs[0]
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	err := cfgAlone.Ready(ctx)
	cancel()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, cfgAlone.ID())
	s := cfgAlone.Status(context.Background())
	require.False(t, s.Reachable)
	require.NotEmpty(t, s.Problem)

	var o outcome
	require.NoError(t, logs[0].Publish([]byte("early"), o.done(0)))
	logs[1], logs[2] = openWith(t, cfgs[1]), openWith(t, cfgs[2])
	follows := make([]*followed, 3)
	for i, l := range logs {
		follows[i] = follow(t, l, 0)
	}
	for _, l := range logs {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		require.NoError(t, l.Ready(ctx))
		cancel()
		require.Equal(t, logs[0].ID(), l.ID())
	}
	o.wait.Wait()
	if o.errs[0] != nil { // it took longer than the timeout until there was a majority
		require.ErrorIs(t, o.errs[0], ErrTimeout)
	}

	// Writes go to any of them.
	acked := map[uint64]string{}
	write := func(l *Log, text string) { acked[publishUntilStored(t, l, []byte(text))] = text }
	for i := range 60 {
		write(logs[i%3], fmt.Sprintf("a%d", i))
	}

	// The leader is lost.
	leader := logs[0].Status(context.Background()).Leader
	lost := slices.IndexFunc(cfgs, func(c Config) bool { return c.Cluster.NodeName == leader })
	require.GreaterOrEqual(t, lost, 0)
	follows[lost].stop()
	require.ErrorIs(t, <-follows[lost].ended, context.Canceled)
	seen := uint64(len(follows[lost].all()))
	require.NoError(t, logs[lost].Close())
	others := slices.Delete(slices.Clone(logs), lost, lost+1)
	for i := range 60 {
		write(others[i%2], fmt.Sprintf("b%d", i))
	}

	// It comes back and catches up.
	logs[lost] = openWith(t, cfgs[lost])
	follows[lost] = follow(t, logs[lost], seen)
	for i := range 60 {
		write(logs[i%3], fmt.Sprintf("c%d", i))
	}
	_, last, _, err := logs[lost].Bounds(context.Background())
	require.NoError(t, err)
	var all [][]Entry
	for i, f := range follows {
		want := int(last)
		if i == lost {
			want -= int(seen)
		}
		all = append(all, f.until(t, want))
	}
	reference := all[(lost+1)%3]
	for number, text := range acked {
		require.Equal(t, text, string(reference[number-1].Data))
	}
	for i := range all {
		offset := 0
		if i == lost {
			offset = int(seen)
		}
		for j, e := range all[i] {
			require.Equal(t, reference[offset+j].Number, e.Number)
			require.True(t, bytes.Equal(reference[offset+j].Data, e.Data))
		}
	}
	s = logs[lost].Status(context.Background())
	require.True(t, s.Reachable)
	require.Empty(t, s.Problem)
	require.Len(t, s.Replicas, 3)
}

func TestClusterShares(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	var logs []*Log
	for _, c := range clusterConfigs(t, 3) {
		logs = append(logs, openWith(t, c))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for _, l := range logs {
		require.NoError(t, l.Ready(ctx))
	}

	t.Run("bucket", func(t *testing.T) { testBucket(t, logs[0], logs[1]) })
	t.Run("blobs", func(t *testing.T) { testBlobs(t, logs[0], logs[2]) })
	t.Run("bus", func(t *testing.T) {
		var got, own atomic.Int64
		stop, dropped, err := logs[1].Shared().Subscribe("beat", func(b []byte) {
			require.Equal(t, "hello", string(b))
			got.Add(1)
		})
		require.NoError(t, err)
		defer stop()
		stopOwn, _, err := logs[0].Shared().Subscribe("beat", func([]byte) { own.Add(1) })
		require.NoError(t, err)
		defer stopOwn()
		require.Eventually(t, func() bool {
			require.NoError(t, logs[0].Shared().Publish("beat", []byte("hello")))
			return got.Load() > 2
		}, 30*time.Second, 10*time.Millisecond)
		require.Zero(t, own.Load())
		require.Zero(t, dropped())
	})
	t.Run("lease", func(t *testing.T) {
		leases := make([]*Lease, 3)
		for i, l := range logs {
			leases[i] = l.Lease("leader")
			leases[i].Start(ctx)
		}
		holder := func() int {
			held := -1
			for i, s := range leases {
				if s.Held() {
					require.Equal(t, -1, held, "two hold the lease")
					held = i
				}
			}
			return held
		}
		var first int
		require.Eventually(t, func() bool { first = holder(); return first >= 0 }, 2*time.Minute, 5*time.Millisecond)
		// The holder vanishes without giving the lease back.
		leases[first].cancel()
		leases[first].work.Wait()
		require.Eventually(t, func() bool { h := holder(); return h >= 0 && h != first }, 2*time.Minute, 5*time.Millisecond)
		require.False(t, leases[first].Held())
		// The next one gives it back: quicker than its time.
		second := holder()
		leases[second].Stop()
		require.False(t, leases[second].Held())
		third := 3 - first - second
		require.Eventually(t, leases[third].Held, 2*time.Minute, 5*time.Millisecond)
		leases[third].Stop()
		leases[first].Stop()
	})
}

func testBucket(t *testing.T, l, other *Log) {
	ctx := context.Background()
	b, err := l.Bucket(ctx, "definitions")
	require.NoError(t, err)
	b2, err := other.Bucket(ctx, "definitions")
	require.NoError(t, err)

	events := make(chan KV, 100)
	watch, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b2.Watch(watch, func(kv KV) error { events <- kv; return nil }) }()
	require.Equal(t, KV{}, <-events) // nothing is there
	next := func(key, value string, deleted bool) {
		t.Helper()
		kv := <-events
		require.Equal(t, key, kv.Key)
		require.Equal(t, value, string(kv.Value))
		require.Equal(t, deleted, kv.Deleted)
	}

	rev, err := b.Create(ctx, "capture.a-1", []byte("one"))
	require.NoError(t, err)
	next("capture.a-1", "one", false)
	_, err = b2.Create(ctx, "capture.a-1", []byte("other"))
	require.ErrorIs(t, err, ErrConflict)
	require.Eventually(t, func() bool { kv, err := b2.Get(ctx, "capture.a-1"); return err == nil && kv.Revision == rev }, 10*time.Second, time.Millisecond)
	rev2, err := b2.Update(ctx, "capture.a-1", []byte("two"), rev)
	require.NoError(t, err)
	require.Greater(t, rev2, rev)
	next("capture.a-1", "two", false)
	_, err = b.Update(ctx, "capture.a-1", []byte("late"), rev)
	require.ErrorIs(t, err, ErrConflict)
	require.ErrorIs(t, b.Delete(ctx, "capture.a-1", rev), ErrConflict)
	require.NoError(t, b.Delete(ctx, "capture.a-1", rev2))
	next("capture.a-1", "", true)
	require.Eventually(t, func() bool { _, err := b.Get(ctx, "capture.a-1"); return err != nil }, 10*time.Second, time.Millisecond)
	_, err = b.Get(ctx, "capture.a-1")
	require.ErrorIs(t, err, ErrNotFound)
	_, err = b.Create(ctx, "capture.a-1", []byte("again"))
	require.NoError(t, err)
	next("capture.a-1", "again", false)
	_, err = b.Put(ctx, "x", []byte("put"))
	require.NoError(t, err)
	next("x", "put", false)

	// Who comes late is told what there is, once.
	failed := fmt.Errorf("enough")
	var told []string
	err = b.Watch(ctx, func(kv KV) error {
		told = append(told, kv.Key)
		if kv.Key == "" {
			return failed
		}
		return nil
	})
	require.ErrorIs(t, err, failed)
	require.Equal(t, []string{"capture.a-1", "x", ""}, told)
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func testBlobs(t *testing.T, l, other *Log) {
	ctx := context.Background()
	list, err := l.Blobs().List(ctx)
	require.NoError(t, err)
	require.Empty(t, list)
	data := bytes.Repeat([]byte("snapshot "), 1<<20)
	require.NoError(t, l.Blobs().Put(ctx, "state", bytes.NewReader(data[:10])))
	require.NoError(t, l.Blobs().Put(ctx, "state", bytes.NewReader(data)))
	require.Eventually(t, func() bool { // another server may be behind
		r, err := other.Blobs().Get(ctx, "state")
		if err != nil {
			return false
		}
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		return bytes.Equal(data, got)
	}, 10*time.Second, 10*time.Millisecond)
	list, err = other.Blobs().List(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.EqualValues(t, len(data), list[0].Size)
	require.NoError(t, other.Blobs().Delete(ctx, "state"))
	require.Eventually(t, func() bool { _, err := l.Blobs().Get(ctx, "state"); return errors.Is(err, ErrNotFound) }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, l.Blobs().Delete(ctx, "state"))
	require.NoError(t, l.Blobs().Delete(ctx, "never"))
}

func TestAloneShares(t *testing.T) {
	l := open(t, DefaultConfig(t.TempDir()))
	t.Run("bucket", func(t *testing.T) { testBucket(t, l, l) })
	t.Run("blobs", func(t *testing.T) { testBlobs(t, l, l) })
	t.Run("bus", func(t *testing.T) {
		require.NoError(t, l.Shared().Publish("x", nil))
		stop, dropped, err := l.Shared().Subscribe("x", nil)
		require.NoError(t, err)
		require.Zero(t, dropped())
		stop()
	})
	t.Run("lease", func(t *testing.T) {
		s := l.Lease("leader")
		var changes []bool
		s.OnChange(func(held bool) { changes = append(changes, held) })
		require.False(t, s.Held())
		s.Start(context.Background())
		require.True(t, s.Held())
		s.Stop()
		require.False(t, s.Held())
		require.Equal(t, []bool{true, false}, changes)
	})
}
