package sockets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fakeProc makes a /proc of processes with descriptors.
func fakeProc(t *testing.T, processes map[int][]string) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for pid, fds := range processes {
		dir := filepath.Join(root, fmt.Sprint(pid))
		if err := os.MkdirAll(filepath.Join(dir, "fd"), 0o700); err != nil {
			t.Fatal(err)
		}
		for i, fd := range fds {
			if err := os.Symlink(fd, filepath.Join(dir, "fd", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		write(filepath.Join(dir, "comm"), fmt.Sprintf("comm%d\n", pid))
		write(filepath.Join(dir, "cgroup"), fmt.Sprintf("0::/docker/%s\n", strings.Repeat(fmt.Sprint(pid%10), 64)))
	}
	write(filepath.Join(root, "uptime"), "1 1\n")
	return root
}

func never() bool { return false }

func TestScan(t *testing.T) {
	root := fakeProc(t, map[int][]string{
		1:  {"/dev/null", "socket:[100]", "socket:[101]"},
		20: {"socket:[101]", "pipe:[102]"},
		30: {"anon_inode:[eventpoll]", "socket:[103]"},
	})
	s := newScanner(root)
	now := time.Now()
	got := map[uint64]int64{}
	found := func(tt target, inode uint64, pid int64) {
		if uint64(tt.tuple.lport) != inode {
			t.Errorf("%+v is not %d", tt, inode)
		}
		got[inode] = pid
	}
	for _, inode := range []uint64{0, 100, 101, 102, 103} {
		s.want(inode, target{tuple: tuple{lport: uint16(inode)}}, now)
	}
	if n := s.run(now, never, found); n != 3 {
		t.Errorf("looked at %d", n)
	}
	// Of two that have a socket it is the younger one.
	if fmt.Sprint(got) != "map[100:1 101:20 103:30]" {
		t.Errorf("found %v", got)
	}
	// The pipe is no socket: it is not looked for again for some time.
	s.want(102, target{}, now)
	if n := s.run(now, never, found); n != 0 || len(s.wanted) != 0 {
		t.Errorf("looked at %d, want %v", n, s.wanted)
	}
	later := now.Add(retry)
	s.want(102, target{}, later)
	if len(s.wanted) != 1 || len(s.failed) != 0 {
		t.Errorf("want %v, failed %v", s.wanted, s.failed)
	}
}

// A scan that is interrupted goes on where it was.
func TestScanBudget(t *testing.T) {
	processes := map[int][]string{}
	for pid := 1; pid <= 50; pid++ {
		processes[pid] = []string{fmt.Sprintf("socket:[%d]", 1000+pid)}
	}
	s := newScanner(fakeProc(t, processes))
	now := time.Now()
	for pid := 1; pid <= 50; pid++ {
		s.want(uint64(1000+pid), target{}, now)
	}
	rounds, total := 0, 0
	for ; len(s.wanted) > 0 && rounds < 100; rounds++ {
		n := 0
		total += s.run(now, func() bool { n++; return n > 7 }, func(_ target, inode uint64, pid int64) {
			if inode != uint64(1000+pid) {
				t.Errorf("%d has %d", pid, inode)
			}
		})
	}
	if rounds != 8 || total != 50 {
		t.Errorf("%d processes in %d rounds", total, rounds)
	}
}

func TestSocketInode(t *testing.T) {
	for text, want := range map[string]uint64{"socket:[12]": 12, "socket:[": 0, "socket:[x]": 0, "socket:[-1]": 0, "pipe:[12]": 0, "": 0} {
		if got, ok := socketInode(text); got != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
}

func TestProcesses(t *testing.T) {
	root := fakeProc(t, map[int][]string{42: nil, 43: nil})
	if err := os.Symlink("/usr/sbin/nginx (deleted)", filepath.Join(root, "42/exe")); err != nil {
		t.Fatal(err)
	}
	ps := newProcesses(root, newCgroups(root))
	id := strings.Repeat("2", 64)
	if p := ps.read(42); *p != (process{42, "nginx", id, "/docker/" + id}) {
		t.Errorf("%+v", p)
	}
	if p := ps.read(43); p.name != "comm43" {
		t.Errorf("%+v", p)
	}
	if p := ps.read(44); p != nil {
		t.Errorf("%+v", p)
	}
	// The executable of an event counts; the rest is of /proc.
	e := &event{pid: 42, exe: "ng", comm: "worker"}
	p := ps.event(e)
	if *p != (process{42, "ng", id, "/docker/" + id}) {
		t.Errorf("%+v", p)
	}
	// A process at its end has none.
	e.exe = ""
	if again := ps.event(e); again != p {
		t.Errorf("%+v", again)
	}
	e.exe = "other"
	if again := ps.event(e); again == p || again.name != "other" {
		t.Errorf("%+v", again)
	}
	if p := ps.event(&event{}); p != nil {
		t.Errorf("%+v", p)
	}
}

func TestCgroupMount(t *testing.T) {
	const hybrid = "31 24 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n32 31 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	if got := cgroupMount(hybrid); got != "/sys/fs/cgroup/unified" {
		t.Errorf("%q", got)
	}
	if got := cgroupMount("nonsense - cgroup2 x\n\n"); got != "" {
		t.Errorf("%q", got)
	}
}

// The path of a cgroup is found by its number.
func TestCgroupPath(t *testing.T) {
	if testing.Short() || os.Geteuid() != 0 {
		t.Skip("needs root to make a cgroup")
	}
	c := newCgroups("/proc")
	defer c.close()
	if c.fd < 0 {
		t.Skip("cgroup version 2 is not mounted")
	}
	id := strings.Repeat("ab", 32)
	dir := filepath.Join(c.mount, fmt.Sprintf("skein-test-%d", os.Getpid()))
	inner := filepath.Join(dir, "docker-"+id+".scope")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Skipf("no cgroup can be made here: %v", err)
	}
	defer os.Remove(dir)
	defer os.Remove(inner)
	var st unix.Stat_t
	if err := unix.Stat(inner, &st); err != nil {
		t.Fatal(err)
	}
	got := c.path(st.Ino)
	if got != strings.TrimPrefix(inner, c.mount) || containerOf(got) != id {
		t.Errorf("%q", got)
	}
	if got := c.path(1 << 40); got != "" {
		t.Errorf("no cgroup has the path %q", got)
	}
	if got := newCgroups(t.TempDir()).path(1); got != "" {
		t.Errorf("without a mount there is the path %q", got)
	}
}
