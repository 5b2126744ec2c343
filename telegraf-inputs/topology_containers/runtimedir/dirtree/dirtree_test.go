package dirtree

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func newWatcher(t *testing.T) *fsnotify.Watcher {
	t.Helper()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestScan(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "user/1/x", "user/1/y", "user/2/x", "user/3", "deep/a/b"} {
		mkdir(t, filepath.Join(dir, d))
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ patterns, want []string }{
		"as it is":       {[]string{"a"}, []string{"a"}},
		"any":            {[]string{"user/*/x"}, []string{"user/1/x", "user/2/x"}},
		"two at a time":  {[]string{"user/*/[xy]"}, []string{"user/1/x", "user/1/y", "user/2/x"}},
		"at the end":     {[]string{"user/*"}, []string{"user/1", "user/2", "user/3"}},
		"in order, once": {[]string{"user/2/x", "a", "user/*/x", "a/"}, []string{"user/2/x", "a", "user/1/x"}},
		"not there":      {[]string{"b", "user/*/z", "file", "file/x", "b/c/*"}, nil},
		"far below":      {[]string{"deep/*/b"}, []string{"deep/a/b"}},
	} {
		t.Run(name, func(t *testing.T) {
			var patterns, want []string
			for _, p := range c.patterns {
				patterns = append(patterns, filepath.Join(dir, p))
			}
			for _, p := range c.want {
				want = append(want, filepath.Join(dir, p))
			}
			for _, w := range []*fsnotify.Watcher{newWatcher(t), nil} {
				tree := New(patterns, w)
				tree.Scan()
				if !slices.Equal(tree.Roots(), want) {
					t.Errorf("roots %v, want %v", tree.Roots(), want)
				}
				if failed := tree.Failed(); (failed != nil) != (w == nil) {
					t.Errorf("failed: %v", failed)
				}
			}
		})
	}
}

// Whatever comes and goes, an event says that it concerns the roots, and the next
// scan knows them.
func TestConcerns(t *testing.T) {
	dir := t.TempDir()
	w := newWatcher(t)
	tree := New([]string{filepath.Join(dir, "x/run/*/state")}, w)
	tree.Scan()
	// until waits for an event that concerns the roots, and scans.
	until := func(what string, want int) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for len(tree.Roots()) != want {
			select {
			case ev := <-w.Events:
				if tree.Concerns(filepath.Clean(ev.Name)) {
					tree.Scan()
				}
			case err := <-w.Errors:
				t.Fatal(err)
			case <-deadline:
				t.Fatalf("%s: roots %v, watched %v", what, tree.Roots(), w.WatchList())
			}
		}
	}
	mkdir(t, filepath.Join(dir, "x/run/a/state"))
	until("first", 1)
	mkdir(t, filepath.Join(dir, "x/run/b/state"))
	until("second", 2)
	remove(t, filepath.Join(dir, "x/run/a/state"))
	until("removed", 1)
	mkdir(t, filepath.Join(dir, "x/run/a/state"))
	until("again", 2)
	remove(t, filepath.Join(dir, "x"))
	until("all removed", 0)
	mkdir(t, filepath.Join(dir, "x/run/c/state"))
	until("all again", 1)
	if tree.Concerns(filepath.Join(dir, "y")) || tree.Concerns(filepath.Join(dir, "x/run/c/other")) {
		t.Error("what is not in a pattern concerns the roots")
	}
}

// Watches do not pile up.
func TestWatches(t *testing.T) {
	dir := t.TempDir()
	w := newWatcher(t)
	root := filepath.Join(dir, "root")
	tree := New([]string{root}, w)
	tree.Scan()
	mkdir(t, filepath.Join(root, "c1"))
	tree.Scan()
	if err := tree.Enter(filepath.Join(root, "c1")); err != nil {
		t.Fatal(err)
	}
	tree.Scan()
	if !tree.Entered(filepath.Join(root, "c1")) || len(w.WatchList()) != 2 {
		t.Errorf("watched: %v", w.WatchList())
	}
	tree.Leave(filepath.Join(root, "c1"))
	tree.Leave(filepath.Join(root, "c1"))
	tree.Scan()
	if got := strings.Join(w.WatchList(), " "); got != root {
		t.Errorf("watched: %v", got)
	}
	remove(t, root)
	tree.Scan()
	if got := strings.Join(w.WatchList(), " "); got != dir {
		t.Errorf("watched: %v", got)
	}
}

// What comes from the top to the bottom while it is looked for is found, however the
// two meet.
func TestMeanwhile(t *testing.T) {
	dir := t.TempDir()
	w := newWatcher(t)
	tree := New([]string{filepath.Join(dir, "x/run/state"), filepath.Join(dir, "x/user/*/state")}, w)
	for n := range 300 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, d := range []string{"x", "x/run", "x/run/state"} {
				for begun := time.Now(); time.Since(begun) < time.Duration(n%50)*time.Microsecond; { // to meet it elsewhere
				}
				if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
					t.Error(err)
				}
			}
		}()
		tree.Scan()
		<-done
		deadline := time.After(10 * time.Second)
		for len(tree.Roots()) != 1 {
			select {
			case ev := <-w.Events:
				if tree.Concerns(filepath.Clean(ev.Name)) {
					tree.Scan()
				}
			case <-deadline:
				t.Fatalf("round %d: roots %v, watched %v", n, tree.Roots(), w.WatchList())
			}
		}
		remove(t, filepath.Join(dir, "x"))
	}
}
