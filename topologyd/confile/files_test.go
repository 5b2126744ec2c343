package confile

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lines collects a log.
type lines struct{ b bytes.Buffer }

func (l *lines) count(text string) int { return strings.Count(l.b.String(), text) }

const maxBytes = 1 << 10

// words follows files of words, which end in a point.
func words(t *testing.T, log *lines, patterns ...string) *Files[[]string] {
	f, err := New(patterns, maxBytes, func(_ string, data []byte) ([]string, error) {
		text, ok := strings.CutSuffix(string(data), ".")
		if !ok {
			return nil, errors.New("it has no end")
		}
		return strings.Fields(text), nil
	})
	require.NoError(t, err)
	f.What, f.Log = "words", slog.New(slog.NewTextHandler(&log.b, nil))
	return f
}

// TestFiles follows files that come, change, break and go.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	var log lines
	f := words(t, &log, filepath.Join(dir, "*.yaml"), filepath.Join(dir, "named"), filepath.Join(dir, "*.yaml"))
	now := time.Now()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		now = now.Add(time.Second)
		require.NoError(t, os.Chtimes(path, now, now))
	}
	look := func() bool { now = now.Add(time.Minute); return f.Read(now) }
	rows := func() (out []string) {
		for _, x := range f.List() {
			for _, s := range x.Value {
				out = append(out, filepath.Base(x.Path)+":"+s)
			}
		}
		return out
	}

	require.True(t, look(), "the one that is named is not there")
	require.Len(t, f.List(), 1)
	require.False(t, f.List()[0].Good)
	require.Contains(t, f.List()[0].Problem, "no such file")
	require.False(t, look())
	require.Equal(t, 1, log.count("cannot be used"), "logged once")

	write("named", "n.")
	write("a.yaml", "a.")
	require.True(t, look())
	require.Equal(t, []string{"a.yaml:a", "named:n"}, rows())
	require.False(t, look())
	write("a.yaml", "a  .")
	require.False(t, look(), "another text that says the same")

	write("a.yaml", "b.")
	require.True(t, look())
	require.Equal(t, []string{"a.yaml:b", "named:n"}, rows())

	write("a.yaml", "c")
	require.True(t, look())
	require.False(t, look())
	require.Equal(t, []string{"a.yaml:b", "named:n"}, rows(), "the last good words stay")
	require.True(t, f.List()[0].Good)
	require.NotEmpty(t, f.List()[0].Problem)
	require.Equal(t, 2, log.count("cannot be used"))

	write("a.yaml", "b.")
	require.True(t, look())
	require.Empty(t, f.List()[0].Problem)
	require.Equal(t, 2, log.count("can be used again"))

	require.NoError(t, os.Remove(filepath.Join(dir, "a.yaml")))
	require.NoError(t, os.Remove(filepath.Join(dir, "named")))
	require.True(t, look())
	require.Equal(t, []string{"named:n"}, rows(), "one that is named is missed, one of a pattern is gone")

	require.NoError(t, os.Symlink(filepath.Join(dir, "none"), filepath.Join(dir, "gone.yaml")))
	require.False(t, look(), "what a pattern finds may be gone when it is read")

	require.NoError(t, os.Mkdir(filepath.Join(dir, "d.yaml"), 0o700))
	require.True(t, look())
	require.Contains(t, f.List()[0].Problem, "is no file; give a pattern")
	write("named", strings.Repeat("x", maxBytes+1))
	require.True(t, look())
	require.Contains(t, f.List()[1].Problem, "more than 1024 bytes")
}

// TestFilesThatAreFresh changes a file within one tick of the clock.
func TestFilesThatAreFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var log lines
	f := words(t, &log, path)
	now := time.Now()
	for _, name := range []string{"a", "b", "c"} { // of one length
		require.NoError(t, os.WriteFile(path, []byte(name+"."), 0o600))
		require.NoError(t, os.Chtimes(path, now, now))
		require.True(t, f.Read(now))
		require.Equal(t, name, f.List()[0].Value[0])
	}
	require.False(t, f.Read(now))
}

// TestFilesOutOfSight: a file whose directory cannot be read is not gone.
func TestFilesOutOfSight(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("a."), 0o600))
	var log lines
	f := words(t, &log, filepath.Join(dir, "*.yaml"))
	now := time.Now().Add(time.Minute)
	require.True(t, f.Read(now))
	require.NoError(t, os.Rename(dir, dir+".away"))
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // root may read every directory
	require.True(t, f.Read(now))
	require.Len(t, f.List(), 1)
	require.Contains(t, f.List()[0].Problem, "not a directory")
	require.Equal(t, "a", f.List()[0].Value[0], "what it said stays")
	require.False(t, f.Read(now))
	require.NoError(t, os.Remove(dir))
	require.True(t, f.Read(now))
	require.Empty(t, f.List(), "now it is gone")
}

func TestPatterns(t *testing.T) {
	require.NoError(t, CheckPattern("/etc/skein/words.d/*.yaml"))
	require.ErrorContains(t, CheckPattern("/etc/["), "is no pattern of files")
}

func TestMalformedPattern(t *testing.T) {
	_, err := New([]string{"/etc/["}, 1, func(string, []byte) (int, error) { return 0, nil })
	require.ErrorContains(t, err, "is no pattern of files")
}

// TestEqual: what counts as a change is up to whoever reads.
func TestEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var log lines
	f := words(t, &log, path)
	f.Equal = func(a, b []string) bool { return len(a) == len(b) }
	require.NoError(t, os.WriteFile(path, []byte("a b."), 0o600))
	require.True(t, f.Read(time.Now()))
	require.NoError(t, os.WriteFile(path, []byte("c d."), 0o600))
	require.False(t, f.Read(time.Now()))
	require.Equal(t, []string{"c", "d"}, f.List()[0].Value, "it is the present one all the same")
}

// TestFilesThatAreReplaced: another file of the same size and time is another version,
// as on systems that set the time of all files to the same.
func TestFilesThatAreReplaced(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "f"), filepath.Join(dir, "g")
	long := time.Unix(1, 0)
	for name, text := range map[string]string{path: "a.", other: "b."} {
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(name, long, long))
	}
	var log lines
	f := words(t, &log, path)
	require.True(t, f.Read(time.Now()))
	require.NoError(t, os.Rename(other, path))
	require.True(t, f.Read(time.Now()))
	require.Equal(t, "b", f.List()[0].Value[0])
	require.False(t, f.Read(time.Now()))
}

// TestFilesThatAreBeingWritten: one that was just emptied is about to be written.
func TestFilesThatAreBeingWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := New([]string{path}, maxBytes, func(_ string, data []byte) (string, error) { return string(data), nil })
	require.NoError(t, err)
	now := time.Now()
	write := func(text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chtimes(path, now, now))
	}
	write("")
	require.True(t, f.Read(now), "the first version may be empty")
	write("a")
	require.True(t, f.Read(now))
	write("")
	require.False(t, f.Read(now))
	require.False(t, f.Read(now.Add(fresh-1)))
	require.Equal(t, "a", f.List()[0].Value)
	require.True(t, f.Read(now.Add(fresh)), "it stays empty")
	require.Empty(t, f.List()[0].Value)
}

// TestLoadAgain: what could not be read is tried again, though nothing of it changed that
// can be seen: its owner may have.
func TestLoadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("long"), 0o600))
	later := time.Now().Add(time.Hour)
	for range 2 {
		_, s, err := load(path, nil, true, 1, later)
		require.ErrorContains(t, err, "more than 1 bytes")
		require.Nil(t, s)
	}
	b, s, err := load(path, nil, true, 4, later)
	require.NoError(t, err)
	require.Equal(t, "long", string(b))
	_, _, err = load(path, s, true, 4, later)
	require.ErrorIs(t, err, errSame)
}
