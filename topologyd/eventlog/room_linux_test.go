package eventlog

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tmpfs mounts a small file system of its own.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mount tmpfs: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// TestDiskFull fills the disk: records are refused with the reason, what was
// confirmed stays, and the log takes records again when there is room.
func TestDiskFull(t *testing.T) {
	for _, d := range []Durability{Sync, Batched} {
		t.Run(string(d), func(t *testing.T) {
			dir := tmpfs(t, "size=24m")
			ballast := filepath.Join(dir, "ballast")
			require.NoError(t, os.WriteFile(ballast, make([]byte, 12<<20), 0o600))
			cfg := DefaultConfig(filepath.Join(dir, "data"))
			cfg.Durability = d
			l := openWith(t, cfg)
			f := follow(t, l, 0)
			stored := map[uint64]int{}
			var refused error
			for i := 0; refused == nil && i < 200; i++ {
				n, err := l.Append(context.Background(), append(fmt.Appendf(nil, "%d ", i), noise(256<<10)...))
				if err == nil {
					stored[n] = i
				}
				refused = err
			}
			require.ErrorContains(t, refused, "no space left on device")
			require.Greater(t, len(stored), 10)
			begin := time.Now()
			_, err := l.Append(context.Background(), []byte("still"))
			require.ErrorContains(t, err, "no space left on device")
			t.Logf("refused after %v: %v", time.Since(begin).Round(time.Millisecond), err)
			require.Contains(t, l.Status(context.Background()).Problem, "no space left on device")

			require.NoError(t, os.Remove(ballast))
			n := publishUntilStored(t, l, []byte("again"))
			require.Eventually(t, func() bool {
				all := f.all()
				return len(all) > 0 && all[len(all)-1].Number >= n
			}, 30*time.Second, 10*time.Millisecond)
			got := map[uint64]Entry{}
			for _, e := range f.all() {
				got[e.Number] = e
			}
			for n, i := range stored {
				require.Contains(t, string(got[n].Data[:8]), fmt.Sprintf("%d ", i))
			}
			require.Empty(t, l.Status(context.Background()).Problem)
		})
	}
}

func TestDiskFullAtStart(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	require.Error(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 2<<20), 0o600))
	_, err := Open(context.Background(), DefaultConfig(dir), testLogger(t))
	require.ErrorContains(t, err, "no space left on device")
	require.ErrorContains(t, err, "there is room")
}

func TestReadOnlyDirectory(t *testing.T) {
	dir := tmpfs(t, "size=8m")
	cfg := DefaultConfig(filepath.Join(dir, "data"))
	l := openWith(t, cfg)
	_, err := l.Append(context.Background(), []byte("x"))
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	for _, sub := range []string{"data", "other"} {
		cfg.Dir = filepath.Join(dir, sub)
		_, err = Open(context.Background(), cfg, testLogger(t))
		require.ErrorContains(t, err, "read-only file system")
		require.ErrorContains(t, err, "--data-dir")
	}
}

// TestDiskFullOfOneReplica fills the disk of one of three: the others go on,
// and it catches up when it has room again.
func TestDiskFullOfOneReplica(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	dir := tmpfs(t, "size=40m")
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 24<<20), 0o600))
	cfgs := clusterConfigs(t, 3)
	cfgs[0].Dir = filepath.Join(dir, "data")
	var logs []*Log
	for _, c := range cfgs {
		logs = append(logs, openWith(t, c))
	}
	f := follow(t, logs[0], 0)
	acked := map[uint64]string{}
	write := func(l *Log, i int) {
		text := fmt.Sprintf("%d ", i)
		acked[publishUntilStored(t, l, append([]byte(text), noise(128<<10)...))] = text
	}
	full := func() bool { return logs[0].Status(context.Background()).Problem != "" }
	i := 0
	for ; i < 400 && !(i > 50 && i%10 == 0 && full()); i++ {
		write(logs[1+i%2], i)
	}
	require.True(t, full(), "the disk did not become full")
	err := logs[0].Publish([]byte("x"), func(uint64, error) {})
	if err != nil { // unless it is back already
		require.ErrorContains(t, err, "no space left on device")
	}
	for range 20 {
		write(logs[1+i%2], i)
		i++
	}
	require.NoError(t, os.Remove(ballast))
	_, last, _, err := logs[1].Bounds(context.Background())
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		all := f.all()
		return len(all) > 0 && all[len(all)-1].Number >= last
	}, 90*time.Second, 10*time.Millisecond)
	for _, e := range f.all() {
		require.Zero(t, e.Missing)
		if text, ok := acked[e.Number]; ok {
			require.Equal(t, text, string(e.Data[:len(text)]))
			delete(acked, e.Number)
		}
	}
	require.Empty(t, acked)
	publishUntilStored(t, logs[0], []byte("again"))
}
