package engine

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// clusterConfig returns the configurations of three replicas on loopback.
func clusterConfig(t *testing.T) (cfgs []Config) {
	t.Helper()
	addrs := proctest.FreeAddrs(t, 3)
	for i := range 3 {
		cfg := DefaultConfig(t.TempDir())
		c := &cfg.Log.Cluster
		c.Name, c.NodeName, c.Listen = "test", fmt.Sprint("n", i), addrs[i]
		for j, a := range addrs {
			if j != i {
				c.Peers = append(c.Peers, a)
			}
		}
		cfg.SweepEvery, cfg.HeardEvery = 50*time.Millisecond, 100*time.Millisecond
		cfgs = append(cfgs, cfg)
	}
	return cfgs
}

// startAll starts engines at the same time: each needs the others.
func startAll(t *testing.T, cfgs []Config) []*Engine {
	t.Helper()
	engines := make([]*Engine, len(cfgs))
	var wg sync.WaitGroup
	for i := range cfgs {
		wg.Go(func() {
			engines[i] = New(cfgs[i], slog.New(slog.DiscardHandler))
			if err := engines[i].Start(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.False(t, t.Failed())
	for _, e := range engines {
		t.Cleanup(func() { require.NoError(t, e.Stop(context.Background())) })
	}
	return engines
}

// agree waits until all engines that run hold the same record, and compares
// their digests.
func agree(t *testing.T, engines ...*Engine) Digest {
	t.Helper()
	var last []Digest
	require.Eventually(t, func() bool {
		last = last[:0]
		for _, e := range engines {
			d, err := e.Digest(context.Background())
			require.NoError(t, err)
			last = append(last, d)
		}
		for _, d := range last {
			if d.Record != last[0].Record {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond, "replicas do not come to the same record")
	for _, d := range last {
		require.Equal(t, last[0], d)
	}
	return last[0]
}

// trying submits until it succeeds: without a leader the log refuses for a
// moment.
func trying(t *testing.T, e *Engine, items ...Item) Summary {
	t.Helper()
	var s Summary
	require.Eventually(t, func() bool {
		var err error
		s, err = e.Submit(context.Background(), append([]Item(nil), items...))
		return err == nil
	}, 30*time.Second, 50*time.Millisecond)
	return s
}

func TestReplicas(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes ten seconds to form")
	}
	cfgs := clusterConfig(t)
	e := startAll(t, cfgs)
	now := time.Now()
	for i := range 30 {
		trying(t, e[i%3], link(i, fmt.Sprint("a", i), now))
	}
	d := agree(t, e...)
	require.NotZero(t, d.Revision)
	require.Equal(t, 30, e[2].View().NodeCount())
	require.Equal(t, dump(e[0].View()), dump(e[1].View()))

	// The same event by two ways changes the graph once.
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() { trying(t, e[i], link(3, "again", now.Add(time.Second))) })
	}
	wg.Wait()
	require.Equal(t, d.Revision+1, agree(t, e...).Revision)

	// One goes, the others go on; it comes back and knows what happened.
	require.NoError(t, e[1].Stop(context.Background()))
	for i := range 20 {
		trying(t, e[i%2*2], link(i, fmt.Sprint("b", i), now.Add(2*time.Second)))
	}
	agree(t, e[0], e[2])
	e[1] = startAll(t, cfgs[1:2])[0]
	agree(t, e...)
	v, err := e[1].At(context.Background(), now.Add(1500*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, at(t, e[0], now.Add(1500*time.Millisecond)), dump(v), "what happened meanwhile is in its past too")

	// One loses everything and begins from what the others have.
	require.NoError(t, e[2].Stop(context.Background()))
	require.NoError(t, os.RemoveAll(cfgs[2].Log.Dir))
	e[2] = startAll(t, cfgs[2:])[0]
	agree(t, e...)
}

// TestReplicasExpire has a source speak to one replica only, then fall silent.
// It speaks for longer than three intervals, after which the others would take
// it for gone had they not been told; these are long beside the pauses of a
// machine with much else to do.
func TestReplicasExpire(t *testing.T) {
	const interval = 3 * time.Second
	if testing.Short() {
		t.Skip("a cluster takes ten seconds to form")
	}
	cfgs := clusterConfig(t)
	for i := range cfgs {
		cfgs[i].Graph.MinTombstone, cfgs[i].HeardEvery = time.Second, 100*time.Millisecond
	}
	e := startAll(t, cfgs)
	leads := func() (n int) {
		for _, x := range e {
			if x.Leads() {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return leads() == 1 }, 30*time.Second, 10*time.Millisecond)
	speaker := 0
	for e[speaker].Leads() {
		speaker++
	}
	report := func() Item {
		it := link(1, "a", time.Now())
		it.Event.Interval, it.Event.Relationships = interval, nil
		return it
	}
	trying(t, e[speaker], report())
	agree(t, e...)
	for end := time.Now().Add(5 * interval); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		require.Zero(t, trying(t, e[speaker], report()).Changed, "a report that changes nothing")
		for _, x := range e {
			require.Equal(t, 1, x.View().NodeCount(), "the others know that the source speaks")
		}
	}
	require.Eventually(t, func() bool { return e[0].View().NodeCount() == 0 }, 2*time.Minute, 10*time.Millisecond)
	agree(t, e...)
	expired := uint64(0)
	for _, x := range e {
		st, err := x.Status(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, 1, st.Graph.Expired)
		expired += st.Events
	}
	require.LessOrEqual(t, expired, uint64(2), "one report and one expiry")
}

// TestReplicaJoinsLate has the log begin after a snapshot that replicas share.
func TestReplicaJoinsLate(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes ten seconds to form")
	}
	cfgs := clusterConfig(t)
	for i := range cfgs {
		cfgs[i].SnapshotEvery, cfgs[i].SharedAge = 10, time.Nanosecond
	}
	e := startAll(t, cfgs)
	require.Eventually(t, func() bool { return e[0].Leads() || e[1].Leads() || e[2].Leads() }, 30*time.Second, 10*time.Millisecond)
	now := time.Now()
	for i := range 30 {
		trying(t, e[i%3], link(i, "a", now))
	}
	agree(t, e...)
	blobs := func() int {
		list, err := shared(context.Background(), e[0].log.Blobs())
		if err != nil {
			return 0
		}
		return len(list)
	}
	// A snapshot that was taken while nobody led is not shared; the next is.
	for i, end := 0, time.Now().Add(time.Minute); blobs() == 0 && time.Now().Before(end); i++ {
		trying(t, e[i%3], link(i%30, fmt.Sprint("b", i), now.Add(time.Duration(i)*time.Millisecond)))
	}
	require.NotZero(t, blobs())
	agree(t, e...)
	list, err := shared(context.Background(), e[0].log.Blobs())
	require.NoError(t, err)
	require.NoError(t, e[0].log.Trim(context.Background(), list[0].record+1))
	require.NoError(t, e[2].Stop(context.Background()))
	for _, name := range []string{"snapshot", "past"} {
		require.NoError(t, os.RemoveAll(filepath.Join(cfgs[2].Log.Dir, name)))
	}
	e[2] = startAll(t, cfgs[2:])[0]
	agree(t, e...)
	require.Equal(t, 30, e[2].View().NodeCount())
}
