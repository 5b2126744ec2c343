package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns/netnstest"
)

// testNS makes a named namespace and returns its path.
func testNS(t testing.TB) (name, path string) {
	t.Helper()
	name = netnstest.Add(t)
	return name, netnstest.Path(name)
}

func TestCurrent(t *testing.T) {
	n, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	text, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if n.ID().String() != text {
		t.Errorf("Current is %s, /proc says %s", n.ID(), text)
	}
	if byPID, err := OpenPID(os.Getpid()); err != nil {
		t.Error(err)
	} else {
		if byPID.ID() != n.ID() {
			t.Errorf("OpenPID is %v, Current is %v", byPID.ID(), n.ID())
		}
		byPID.Close()
	}
	// In the own namespace Do needs no privilege.
	ran := false
	if err := n.Do(func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("Do in the own namespace: %v, ran %v", err, ran)
	}
}

func TestNotANamespace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, fifo, dir, "/proc/self/ns/mnt", "/proc/self/status"} {
		if _, err := Open(path); !errors.Is(err, ErrNotNetNS) {
			t.Errorf("Open(%s) = %v, want ErrNotNetNS", path, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of an absent file: %v", err)
	}
	if _, err := List(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("List of an absent directory: %v", err)
	}
	if named, err := List(dir); err != nil || len(named) != 0 {
		t.Errorf("List of a directory without namespaces = %v, %v", named, err)
	}
}

func TestDo(t *testing.T) {
	name, path := testNS(t)
	n, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()

	home, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	if home.ID() == n.ID() {
		t.Fatal("the new namespace is the current one")
	}

	named, err := List("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, x := range named {
		found = found || x == Named{Name: name, Path: path, ID: n.ID()}
	}
	if !found {
		t.Errorf("List does not name %s: %v", path, named)
	}

	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			err := n.Do(func() error {
				cur, err := Current()
				if err != nil {
					return err
				}
				defer cur.Close()
				if cur.ID() != n.ID() {
					return fmt.Errorf("runs in %s", cur.ID())
				}
				links, err := net.Interfaces()
				if err != nil {
					return err
				}
				if len(links) != 1 || links[0].Name != "lo" {
					return fmt.Errorf("sees %v", links)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			cur, err := Current()
			if err != nil {
				t.Error(err)
				return
			}
			if cur.ID() != home.ID() {
				t.Errorf("after Do the goroutine is in %s", cur.ID())
			}
			cur.Close()
		})
	}
	wg.Wait()

	want := errors.New("mine")
	if err := n.Do(func() error { return want }); !errors.Is(err, want) {
		t.Errorf("Do returned %v", err)
	}
	if err := n.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("Do of a function that ends its goroutine returned no error")
	}

	// By descriptor and by socket it is the same namespace.
	dup, err := OpenFD(n.FD())
	if err != nil {
		t.Fatal(err)
	}
	defer dup.Close()
	var bySocket *NS
	err = dup.Do(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		bySocket, err = OpenSocket(s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer bySocket.Close()
	if dup.ID() != n.ID() || bySocket.ID() != n.ID() {
		t.Errorf("OpenFD %v, OpenSocket %v, want %v", dup.ID(), bySocket.ID(), n.ID())
	}
}

func TestThreadThatCannotReturn(t *testing.T) {
	_, path := testNS(t)
	n, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	// fn goes elsewhere itself; Do must still bring the thread home.
	_, other := testNS(t)
	err = n.Do(func() error {
		o, err := Open(other)
		if err != nil {
			return err
		}
		defer o.Close()
		return unix.Setns(o.FD(), unix.CLONE_NEWNET)
	})
	if err != nil {
		t.Fatal(err)
	}
	home, err := Stat("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for range 64 {
		if cur, err := Stat("/proc/thread-self/ns/net"); err != nil || cur != home {
			t.Fatalf("goroutine in %v (%v), want %v", cur, err, home)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	_, path := testNS(b)
	n, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	for b.Loop() {
		if err := n.Do(func() error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
