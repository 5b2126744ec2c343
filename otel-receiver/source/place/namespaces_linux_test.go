package place

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/internal/proctest"
)

// TestNamespaces: a namespace is found by its number, whatever leads to it, and
// no more when nothing does.
func TestNamespaces(t *testing.T) {
	name := netnstest.Add(t)
	id, err := netns.Stat(netnstest.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNamespaces(Config{HostName: "lab"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	find := func(device uint64, hint string) error {
		t.Helper()
		ns, err := n.Open(id.Inode, device, hint)
		if err != nil {
			return err
		}
		defer ns.Close()
		if ns.ID() != id {
			t.Errorf("found %v, want %v", ns.ID(), id)
		}
		return nil
	}
	if err := find(id.Dev, netnstest.Path(name)); err != nil || n.looks != 0 {
		t.Errorf("by the hint: %v, %d looks", err, n.looks)
	}
	for _, hint := range []string{"", "/run/netns/nosuch", "/proc/self/ns/net", "relative"} {
		if err := find(0, hint); err != nil || n.looks != 1 {
			t.Errorf("hint %q: %v, %d looks", hint, err, n.looks)
		}
	}
	for range 3 {
		if err := find(id.Dev+1, ""); !errors.Is(err, ErrNoNetNS) || n.looks != 1 {
			t.Errorf("another device: %v, %d looks", err, n.looks)
		}
	}

	// It loses its name; a process is still in it.
	child := exec.Command("ip", "netns", "exec", name, "sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	link := filepath.Join("/proc", strconv.Itoa(child.Process.Pid), "ns", "net")
	proctest.Eventually(t, 20*time.Second, "the process in the namespace", func() error {
		if now, err := netns.Stat(link); err != nil || now != id {
			return errors.New("not yet")
		}
		return nil
	})
	netnstest.Run(t, "ip", "netns", "del", name)
	if err := find(id.Dev, netnstest.Path(name)); err != nil {
		t.Errorf("by the process: %v", err)
	}
	looks := n.looks
	if err := find(id.Dev, ""); err != nil || n.looks != looks {
		t.Errorf("again: %v, %d looks more", err, n.looks-looks)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if err := find(id.Dev, ""); !errors.Is(err, ErrNoNetNS) {
		t.Errorf("nothing leads there: %v", err)
	}
	looks = n.looks
	if err := find(id.Dev, ""); !errors.Is(err, ErrNoNetNS) || n.looks != looks {
		t.Errorf("again: %v, %d looks more within the hour", err, n.looks-looks)
	}
}

// TestHintIsNotOpened: whoever gives orders cannot have any file opened.
func TestHintIsNotOpened(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := NewNamespaces(Config{HostName: "lab", NetNSDirs: []string{}, ProcDir: t.TempDir()}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	events, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(events)
	if _, err := unix.InotifyAddWatch(events, fifo, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Open(1, 0, fifo); !errors.Is(err, ErrNoNetNS) {
		t.Error(err)
	}
	if got, err := unix.Read(events, make([]byte, 4096)); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("it was opened: %d, %v", got, err)
	}
}

func TestRootNamespace(t *testing.T) {
	name := netnstest.Add(t)
	id, err := netns.Stat(netnstest.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	n, err := NewNamespaces(Config{HostName: "lab", NetNSDirs: []string{}, ProcDir: t.TempDir(), RootNetNS: netnstest.Path(name)}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, inode := range []uint64{0, id.Inode} {
		ns, err := n.Open(inode, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		if ns.ID() != id {
			t.Errorf("%d: %v, want %v", inode, ns.ID(), id)
		}
		ns.Close()
	}
}

// TestByIndex: an interface is found by its index whatever its name is, with its
// state and counters.
func TestByIndex(t *testing.T) {
	a, b := netnstest.Add(t), netnstest.Add(t)
	netnstest.Veth(t, a, "va", b, "vb")
	ns, err := netns.Open(netnstest.Path(a))
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	named, err := look(ns, "va")
	if err != nil {
		t.Fatal(err)
	}
	l, err := ByIndex(ns, named.Index)
	if err != nil || l.Name != "va" || l.Type != "veth" || l.Up || !l.Counted {
		t.Errorf("%+v, %v", l, err)
	}
	netnstest.Run(t, "ip", "-n", a, "link", "set", "va", "name", "other")
	netnstest.Run(t, "ip", "-n", a, "link", "set", "other", "up")
	netnstest.Run(t, "ip", "-n", b, "link", "set", "vb", "up")
	if l, err = ByIndex(ns, named.Index); err != nil || l.Name != "other" || !l.Up {
		t.Errorf("%+v, %v", l, err)
	}
	proctest.Eventually(t, 20*time.Second, "packets", func() error {
		// IPv6 solicits routers and neighbours as soon as the link is up.
		if l, err := ByIndex(ns, named.Index); err != nil || l.Packets == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	netnstest.Run(t, "ip", "-n", a, "link", "del", "other")
	if _, err := ByIndex(ns, named.Index); !errors.Is(err, ErrNoInterface) {
		t.Errorf("it is gone: %v", err)
	}
	if _, err := os.Stat(netnstest.Path(a)); err != nil {
		t.Error(err)
	}
}
