package orders

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// TestKept: the list is followed after a restart without topologyd, without what
// has expired, until a session gives another one.
func TestKept(t *testing.T) {
	d := newTopologyd(t)
	cfg := testConfig(d.URL)
	cfg.Storage = filepath.Join(t.TempDir(), "state", "orders.json")
	first := newCaptures()
	s := begin(t, cfg, Deps{Captures: first})
	d.sessions(t, 1)
	short, long := capture("short/1"), capture("long/1")
	short.Expires, long.Expires = time.Now().Add(time.Hour), time.Now().Add(3*time.Hour)
	d.order(t, 9, short, long, capture("ever/1"))
	eventually(t, "the list", func() bool { return first.ids() == "short/1 long/1 ever/1" })
	eventually(t, "the file", func() bool { _, err := os.Stat(cfg.Storage); return err == nil })
	finish(t, s)
	if st, err := os.Stat(cfg.Storage); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(cfg.Storage)); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}

	away := cfg
	away.Endpoints = []string{"http://127.0.0.1:1"}
	second := newCaptures()
	s = begin(t, away, Deps{Captures: second, Now: func() time.Time { return time.Now().Add(2 * time.Hour) }})
	eventually(t, "the kept list", func() bool { return second.ids() == "long/1 ever/1" })
	finish(t, s)

	third := newCaptures()
	begin(t, cfg, Deps{Captures: third})
	d.sessions(t, 2)
	eventually(t, "its revision", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return third.ids() != "" })
	d.order(t, 10, capture("new/1"))
	eventually(t, "the new list", func() bool { return third.ids() == "new/1" })
}

// TestExpires: a capture ends by itself, without topologyd.
func TestExpires(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	begin(t, testConfig(d.URL), Deps{Captures: c})
	d.sessions(t, 1)
	soon := capture("soon/1")
	soon.Expires = time.Now().Add(200 * time.Millisecond)
	d.order(t, 1, soon, capture("ever/1"))
	eventually(t, "both", func() bool { return c.ids() == "soon/1 ever/1" })
	d.mu.Lock()
	d.refuse = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	d.mu.Unlock()
	d.drop()
	eventually(t, "the end", func() bool { return c.ids() == "ever/1" })
}

// TestStore: whatever is in the file, the session begins, and what was there is
// not lost.
func TestStore(t *testing.T) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	for name, text := range map[string]string{
		"empty": "", "cut off": `{"version":1,"host_id":"h","assignm`, "other host": `{"version":1,"host_id":"x"}`,
		"other boot": `{"version":1,"host_id":"h","boot":"x"}`, "later version": `{"version":2,"host_id":"h"}`, "too long": string(make([]byte, maxStored+1)),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "orders.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			st := store{path, "h"}
			if list, err := st.load(); err == nil || list != nil {
				t.Errorf("%v, %v", list, err)
			}
			if b, err := os.ReadFile(path + ".broken"); err != nil || string(b) != text {
				t.Errorf("put aside: %v", err)
			}
			if list, err := st.load(); err != nil || list != nil {
				t.Errorf("after that: %v, %v", list, err)
			}
			want := order.Assignments{Revision: 3, Captures: []order.Capture{capture("a/1")}}
			if err := st.save(&want); err != nil {
				t.Fatal(err)
			}
			if got, err := st.load(); err != nil || got.Revision != 3 || got.Captures[0].ID != "a/1" {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	dir := t.TempDir()
	if list, err := (&store{dir, "h"}).load(); err == nil || list != nil {
		t.Errorf("a directory: %v, %v", list, err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a directory that is no list was put aside: %v", err)
	}
	path := filepath.Join(dir, "orders.json")
	if err := os.WriteFile(path+".tmp", []byte("of a crash"), 0o600); err != nil {
		t.Fatal(err)
	}
	many := order.Assignments{Captures: make([]order.Capture, maxStored/64)}
	if err := (&store{path, "h"}).save(&many); err == nil {
		t.Error("a list was kept that cannot be read back")
	}
	if err := (&store{path, "h"}).save(&order.Assignments{}); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if err := (&store{filepath.Join("/dev/null", "x", "y"), "h"}).save(&order.Assignments{}); err == nil {
		t.Error("kept below a file")
	}
	if list, err := (&store{"", "h"}).load(); list != nil || err != nil || (&store{"", "h"}).save(&order.Assignments{}) != nil {
		t.Error("nothing is to be kept")
	}
	// A store that fails holds up nothing and is counted.
	a := newAgenda(store{filepath.Join("/dev/null", "x"), "h"}, newCaptures(), log, time.Now)
	done := make(chan struct{})
	ctx := t.Context()
	go func() { defer close(done); a.run(ctx) }()
	a.put(&order.Assignments{Revision: 1})
	eventually(t, "failures", func() bool { return a.failures.Load() > 0 && a.revision.Load() == 1 })
}

// TestHangingDisk: lists are followed while the file cannot be read.
func TestHangingDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if out, err := exec.Command("mkfifo", path).CombinedOutput(); err != nil {
		t.Skipf("no FIFO: %v: %s", err, out)
	}
	c := newCaptures()
	a := newAgenda(store{path, "h"}, c, slog.New(slog.DiscardHandler), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); a.run(ctx) }()
	for i, id := range []string{"a/1", "b/1"} {
		a.put(&order.Assignments{Revision: uint64(i), Captures: []order.Capture{capture(id)}})
		eventually(t, "the list", func() bool { return c.ids() == id })
	}
	cancel()
	w, err := os.OpenFile(path, os.O_WRONLY, 0) // it goes on
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-done
}

func FuzzStore(f *testing.F) {
	f.Add([]byte(`{"version":1,"host_id":"h","assignments":{"revision":1,"captures":[{"id":"a/1"}]}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		st := store{path, "h"}
		list, err := st.load()
		if (err != nil) != (list == nil) {
			t.Fatalf("%v, %v", list, err)
		}
		if _, left := os.Stat(path); (err != nil) != errors.Is(left, os.ErrNotExist) {
			t.Fatalf("%v, %v", err, left)
		}
	})
}
