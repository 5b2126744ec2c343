package faults

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// leave writes a file until no more than so many MiB of the disk are free, and
// returns it.
func leave(t *testing.T, dir string, mib int) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	for block, free := make([]byte, 1<<20), 1<<20; free > mib; {
		var fs syscall.Statfs_t
		require.NoError(t, syscall.Statfs(dir, &fs))
		free = int(fs.Bavail) * int(fs.Bsize) >> 20
		_, err = f.Write(block)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	return path
}

// TestFlowsDiskFull proves that a disk that gets full makes topologyd refuse flow
// records with an error after which they are sent again, that it answers
// queries and lives on, also when no byte is free any more, and that everything
// is there some time after there is room again: the Collector keeps what was
// refused.
func TestFlowsDiskFull(t *testing.T) {
	// The flow store wants 512 MiB free.
	disk := smallDisk(t, 640)
	w := newWire(t)
	d := newDaemon(t)
	d.dir = filepath.Join(disk, "data")
	d.start()
	c := newCollector(t, d, nil, w.path())
	c.start()
	w.begin()
	stored := func() int64 { return d.metric(t, "topologyd_flow_store_written_total") }
	proctest.Eventually(t, 30*time.Second, "flows arrive", func() error { return atLeast(stored(), 300) })

	ballast := []string{leave(t, disk, 300)}
	proctest.Eventually(t, 30*time.Second, "flow records are refused", func() error {
		return atLeast(d.metric(t, "topologyd_ingest_rejected_total"), 1)
	})
	d.ledger(t, func(l *reports) {
		err := l.send(t.Context(), d, 10)
		t.Logf("reports are answered with: %v", err)
		require.ErrorContains(t, err, "503")
	})
	full := stored()
	time.Sleep(onDisk) // what was taken before gets there
	require.NoError(t, os.Rename(ballast[0], ballast[0]+"-1"))
	ballast = []string{ballast[0] + "-1", fillUp(t, disk)}
	for begin := time.Now(); time.Since(begin) < 4*time.Second; {
		require.NoError(t, d.ready())
		_, _, err := d.flows(time.Minute)
		require.NoError(t, err)
	}
	require.Equal(t, full, stored(), "written while the disk was full")

	for _, path := range ballast {
		require.NoError(t, os.Remove(path))
	}
	begin := time.Now()
	proctest.Eventually(t, 60*time.Second, "flow records are taken again", func() error { return atLeast(stored(), full+1) })
	again := time.Since(begin)
	w.end()
	want := w.counted()
	all := d.allFlows(90*time.Second, want)
	t.Logf("taken again %v after there was room; %d flows with %d packets, %d bytes; the Collector had %d MiB at most",
		again.Round(time.Millisecond), len(all), want.packets, want.bytes, c.peak()>>20)
	c.lostNothing(t)
	require.Less(t, c.peak(), int64(collectorMemory), "memory of the Collector")
}

// metric returns the sum of the series of one of topologyd's counters.
func (d *daemon) metric(t testing.TB, name string) int64 {
	t.Helper()
	n, err := d.tryMetric(name)
	require.NoError(t, err)
	return n
}
