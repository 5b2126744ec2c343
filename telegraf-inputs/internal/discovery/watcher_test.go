package discovery

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record is a sink that remembers.
type record struct {
	mu    sync.Mutex
	now   map[netns.ID]Namespace
	lost  int
	scans []Report
}

func (r *record) Found(n Namespace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[n.ID] = n
}

func (r *record) Lost(id netns.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.now, id)
	r.lost++
}

func (r *record) Scanned(rep Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scans = append(r.scans, rep)
}

func (r *record) byName(name string) (Namespace, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.now {
		if n.Name == name {
			return n, true
		}
	}
	return Namespace{}, false
}

func (r *record) scanned() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.scans)
}

// start runs a watcher until the test ends.
func start(t *testing.T, cfg Config) *record {
	t.Helper()
	r := &record{now: make(map[netns.ID]Namespace)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(cfg, r).Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	eventually(t, "the first scan", func() bool { return r.scanned() > 0 })
	return r
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 10 s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestNamed(t *testing.T) {
	before := netnstest.Add(t)
	cfg := DefaultConfig()
	cfg.Processes = false
	cfg.ScanInterval = time.Hour // notifications alone must do
	r := start(t, cfg)

	n, ok := r.byName(before)
	if !ok {
		t.Fatalf("%s was not found at start", before)
	}
	id, err := netns.Stat(netnstest.Path(before))
	if err != nil {
		t.Fatal(err)
	}
	if n.ID != id || n.Path != netnstest.Path(before) || len(n.Paths) != 1 {
		t.Errorf("found %+v, want %v", n, id)
	}

	after := netnstest.Add(t)
	eventually(t, "a new namespace is found", func() bool { _, ok := r.byName(after); return ok })
	if err := exec.Command("ip", "netns", "del", after).Run(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a deleted namespace is lost", func() bool { _, ok := r.byName(after); return !ok })
}

// TestTwoNames mounts one namespace at two more places, in a directory that
// appears while the watcher runs.
func TestTwoNames(t *testing.T) {
	name := netnstest.Add(t)
	base := t.TempDir()
	late := filepath.Join(base, "a", "b", "netns")
	cfg := DefaultConfig()
	cfg.Dirs = []string{late, "/run/netns"}
	cfg.Processes = false
	cfg.ScanInterval = time.Hour
	r := start(t, cfg)
	first, ok := r.byName(name)
	if !ok {
		t.Fatalf("%s was not found", name)
	}

	if err := os.MkdirAll(late, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(late, "other")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", netnstest.Path(name), file).CombinedOutput(); err != nil {
		t.Skipf("cannot bind a namespace: %v: %s", err, out)
	}
	mounted := true
	unmount := func() {
		if mounted {
			mounted = false
			_ = exec.Command("umount", file).Run()
		}
	}
	t.Cleanup(unmount)

	eventually(t, "the preferred name", func() bool { _, ok := r.byName("other"); return ok })
	n, _ := r.byName("other")
	if n.ID != first.ID || n.Path != file || len(n.Paths) != 2 || n.Paths[1] != netnstest.Path(name) {
		t.Errorf("found %+v", n)
	}
	if _, ok := r.byName(name); ok {
		t.Error("one namespace was found twice")
	}
	unmount()
	if err := os.RemoveAll(filepath.Join(base, "a")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other name is back", func() bool { n, ok := r.byName(name); return ok && len(n.Paths) == 1 })

	// The directory comes back: it is watched again.
	if err := os.MkdirAll(late, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "--bind", netnstest.Path(name), file).CombinedOutput(); err != nil {
		t.Fatalf("bind: %v: %s", err, out)
	}
	mounted = true
	eventually(t, "the preferred name again", func() bool { _, ok := r.byName("other"); return ok })
}

func TestProcesses(t *testing.T) {
	netnstest.Need(t)
	cfg := DefaultConfig()
	cfg.Dirs = nil
	cfg.ScanInterval = 10 * time.Millisecond
	root, err := netns.Stat("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Skip = []netns.ID{root}
	r := start(t, cfg)

	cmd := exec.Command("unshare", "-n", "sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot unshare: %v", err)
	}
	kill := func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	defer kill()
	name := "pid-" + strconv.Itoa(cmd.Process.Pid)
	find := func() (Namespace, bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, n := range r.now {
			if strings.HasPrefix(n.Name, name+" (") {
				return n, true
			}
		}
		return Namespace{}, false
	}
	eventually(t, "a process's namespace", func() bool { _, ok := find(); return ok })
	n, _ := find()
	if want := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/net"; n.Path != want {
		t.Errorf("path %s, want %s", n.Path, want)
	}
	if _, ok := r.now[root]; ok {
		t.Error("a namespace to skip was told of")
	}
	kill()
	eventually(t, "the namespace ends with its process", func() bool { _, ok := find(); return !ok })
}

// TestScanner runs over a made-up /proc: what counts is which process lends
// its name.
func TestScanner(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	add := func(pid int, comm string) {
		t.Helper()
		ns := filepath.Join(dir, strconv.Itoa(pid), "ns")
		if err := os.MkdirAll(ns, 0o755); err != nil {
			t.Fatal(err)
		}
		// A link with the right text that also leads to the right file: a
		// relative name below a directory of the same name.
		if err := os.Symlink("/proc/self/ns/net", filepath.Join(ns, self)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(self, filepath.Join(ns, "net")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(pid), "comm"), []byte(comm+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := scanner{dir: dir}
	scan := func() process {
		t.Helper()
		procs, denied, err := s.scan()
		if err != nil || denied != 0 || len(procs) != 1 {
			t.Fatalf("scan: %v, %d denied, %v", procs, denied, err)
		}
		for _, p := range procs {
			return p
		}
		return process{}
	}
	if err := os.MkdirAll(filepath.Join(dir, "sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	add(20, "b")
	add(100, "c")
	if p := scan(); p.pid != 20 || p.name() != "pid-20 (b)" {
		t.Errorf("first scan: %+v", p)
	}
	// A lower number that comes later (numbers wrap) does not take the name over.
	add(3, "a")
	if p := scan(); p.pid != 20 {
		t.Errorf("name moved to %+v", p)
	}
	if err := os.RemoveAll(filepath.Join(dir, "20")); err != nil {
		t.Fatal(err)
	}
	if p := scan(); p.pid != 3 {
		t.Errorf("after the end of the process: %+v", p)
	}
	s.dir = filepath.Join(dir, "absent")
	if _, _, err := s.scan(); err == nil {
		t.Error("scan of no directory gave no error")
	}
}

func BenchmarkScanProcesses(b *testing.B) {
	s := scanner{dir: "/proc"}
	for b.Loop() {
		if _, _, err := s.scan(); err != nil {
			b.Skip(err)
		}
	}
}
