package faults

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/eventlog"
)

// smallDisk mounts a file system in memory of so many MB.
func smallDisk(t *testing.T, mb int) string {
	t.Helper()
	needRoot(t, "mounting a file system")
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("skein-faults", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0755", mb)))
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fillUp writes a file until the disk is full and returns it.
func fillUp(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	require.NoError(t, err)
	for block := make([]byte, 64<<10); err == nil; {
		_, err = f.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	for block := make([]byte, 512); err == nil; {
		_, err = f.Write(block)
	}
	require.NoError(t, f.Close())
	return path
}

// TestDiskFull proves that a full disk stops writes with an error that says so,
// and nothing else: queries are answered, what was acknowledged is there, and
// writes go on by themselves when there is room again; that a daemon which is
// killed on a full disk and started there says what is wrong; and that all
// acknowledged events are there when it starts with room.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, 64)
	d := newDaemon(t)
	d.dir = filepath.Join(disk, "data")
	d.start()
	hello(t, d)
	l := newLoad(t, 2, 500, func() *http.Client { return newHTTP(nil) })
	l.begin(func(int) *daemon { return d }, 250, 5000)
	proctest.Eventually(t, 20*time.Second, "load", func() error { return atLeast(l.acked(), 5000) })
	ballast := fillUp(t, disk)
	proctest.Eventually(t, 60*time.Second, "writes fail", func() error { return atLeast(l.failed(), 1) })
	t.Logf("a write is answered with: %v", l.lastErr())
	require.Contains(t, l.lastErr().Error(), "503")
	require.Regexp(t, "(?i)no space left|full|disk", l.lastErr().Error())
	for range 20 { // while writers try on
		l.allThere(t, d, "while the disk is full")
		require.NoError(t, d.ready())
	}

	require.NoError(t, os.Remove(ballast))
	acked := l.acked()
	begin := time.Now()
	proctest.Eventually(t, 60*time.Second, "writes go on", func() error { return atLeast(l.acked(), acked+5000) })
	t.Logf("5000 events more were acknowledged %v after there was room", time.Since(begin).Round(time.Millisecond))
	l.end()
	l.complete(t, "with room", d.nodes(time.Time{}))
	m := moment{time.Now(), state(d.nodes(time.Time{}))}

	// Killed with a full disk, and started there.
	l.begin(func(int) *daemon { return d }, 250, 5000)
	ballast = fillUp(t, disk)
	failed := l.failed()
	proctest.Eventually(t, 60*time.Second, "writes fail", func() error { return atLeast(l.failed(), failed+1) })
	d.kill()
	l.end()
	d.launch()
	code := d.exitCode(30 * time.Second)
	t.Logf("started on a full disk it ends with %d: %s", code, lastLine(d.printed()))
	require.Equal(t, 1, code)
	require.Contains(t, lastLine(d.printed()), "no space left")
	require.NoError(t, os.Remove(ballast))
	d.start()
	l.complete(t, "after the crash", d.nodes(time.Time{}))
	require.Equal(t, m.state, state(d.nodes(m.at)), "the past")
}

// allThere is complete for a moment while writers run: what was acknowledged
// before the question must be in the answer.
func (l *load) allThere(t *testing.T, d *daemon, what string) {
	t.Helper()
	acked := make(map[string]int64)
	for _, w := range l.writers {
		w.mu.Lock()
		for i := range w.things {
			if th := &w.things[i]; th.acked > 0 && th.sent/deleteEvery == th.acked/deleteEvery && th.acked%deleteEvery != 0 {
				acked[th.name] = th.acked
			}
		}
		w.mu.Unlock()
	}
	for _, n := range d.nodes(time.Time{}) {
		name := n.Metadata.Get("Name").Str()
		require.GreaterOrEqual(t, n.Metadata.Get("Seq").Int(), acked[name], "%s: %s", what, name)
	}
}

func atLeast(have, want int64) error {
	if have < want {
		return fmt.Errorf("%d of %d", have, want)
	}
	return nil
}

// lastLine returns the last line of what a program printed.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// content returns a hash of each file below a directory but the lock, which
// belongs to whoever runs, and the files of the log's server, which notes in
// them where it was.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == "jetstream" {
			return fs.SkipDir
		}
		if err != nil || !e.Type().IsRegular() || e.Name() == "lock" {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = fmt.Sprintf("%d bytes %x", len(b), sha256.Sum256(b))
		return err
	}))
	return out
}

// refuses starts the daemon and checks that it ends at once, says why, and
// leaves every file as it was.
func (d *daemon) refuses(t *testing.T, why string) {
	t.Helper()
	before := content(t, d.dir)
	d.launch()
	code := d.exitCode(60 * time.Second)
	t.Logf("it ends with %d: %s", code, lastLine(d.printed()))
	require.Equal(t, 1, code)
	require.Regexp(t, why, lastLine(d.printed()))
	require.Equal(t, before, content(t, d.dir), "files were changed")
}

// TestReadOnlyDirectory proves that a data directory which cannot be written is
// refused with the reason, and used again when it can.
func TestReadOnlyDirectory(t *testing.T) {
	needRoot(t, "mounting a file system")
	b := fill(t, false)
	require.NoError(t, syscall.Mount(b.dir, b.dir, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { _ = syscall.Unmount(b.dir, syscall.MNT_DETACH) })
	require.NoError(t, syscall.Mount("", b.dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	b.refuses(t, "read-only file system; .*--data-dir")
	require.NoError(t, syscall.Mount("", b.dir, "", syscall.MS_BIND|syscall.MS_REMOUNT, ""))
	b.start()
	b.complete(t, "writable again", b.nodes(time.Time{}))
	b.rounds(t, 5)
	b.complete(t, "writable again", b.nodes(time.Time{}))
}

// TestNewerDirectory proves that what a newer version wrote is refused with
// the reason, and left as it is: the directory as a whole, a snapshot, the
// past, and a record of the log.
func TestNewerDirectory(t *testing.T) {
	for _, c := range []struct{ name, file, why string }{
		{"directory", "format", "newer"},
		{"snapshot", "snapshot", "newer"},
		{"past", "past/*.changes", "newer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := fill(t, false)
			path := b.file(t, c.file)
			was, err := os.ReadFile(path)
			require.NoError(t, err)
			damage(t, path, newer)
			b.refuses(t, c.why)
			require.NoError(t, os.WriteFile(path, was, 0o600))
			b.start()
			b.complete(t, "as it was", b.nodes(time.Time{}))
			require.Equal(t, b.early.state, state(b.nodes(b.early.at)), "the past")
		})
	}
}

// newer makes a file one of a version to come: a number alone, or the byte
// after a magic text of eight; what follows is anybody's guess.
func newer(b []byte) []byte {
	if len(b) < 9 {
		return []byte("99\n")
	}
	return append(b[:8:8], "\x63what nobody knows yet"...)
}

// TestNewerRecord proves that a record of the log of a newer version is
// refused with the reason, and is still there for a program that knows it.
func TestNewerRecord(t *testing.T) {
	b := fill(t, false)
	record := append([]byte{99}, "what nobody knows yet"...)
	b.withLog(t, func(l *eventlog.Log) {
		_, err := l.Append(t.Context(), record)
		require.NoError(t, err)
	})
	b.refuses(t, "record of version 99.*use a newer")
	b.withLog(t, func(l *eventlog.Log) {
		var last []byte
		require.NoError(t, l.Replay(t.Context(), 0, func(_ uint64, r []byte) error { last = bytes.Clone(r); return nil }))
		require.Equal(t, record, last)
	})
}

// withLog opens the log of a daemon that does not run.
func (d *daemon) withLog(t *testing.T, f func(l *eventlog.Log)) {
	t.Helper()
	l, err := eventlog.Open(t.Context(), eventlog.DefaultConfig(d.dir), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	f(l)
}
