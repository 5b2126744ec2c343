package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/proctest"
)

// held is what a Collector holds of the kernel, by kind.
type held map[string]int

// packetSockets is the kind of AF_PACKET sockets in both namespaces.
const packetSockets = "packet sockets"

// holds counts what the Collector holds: its files, packet sockets in both
// namespaces, and BPF programs, maps and links.
func (a *agent) holds(t testing.TB) (held, error) {
	t.Helper()
	h := held{packetSockets: 0}
	for _, ns := range []string{"", "far"} {
		text := a.run("nsenter", "--net="+a.path(ns), "cat", "/proc/net/packet")
		h[packetSockets] += strings.Count(text, "\n") - 1
	}
	pid := a.collector.Cmd.Process.Pid
	if err := h.files(pid); err != nil {
		return nil, err
	}
	bpftool, err := lookup("bpftool")
	if err != nil {
		return h, nil //nolint:nilerr // the files tell of BPF too
	}
	for _, kind := range []string{"prog", "map", "link"} {
		out, err := exec.Command(bpftool, "-j", kind, "list").Output()
		if err != nil {
			return nil, fmt.Errorf("list BPF %ss: %w", kind, err) // those of others come and go meanwhile
		}
		var list []struct{ Pids []struct{ PID int } }
		if err := json.Unmarshal(out, &list); err != nil {
			return nil, fmt.Errorf("list BPF %ss: %w: %s", kind, err, out)
		}
		for _, e := range list {
			for _, p := range e.Pids {
				if p.PID == pid {
					h["BPF "+kind]++
				}
			}
		}
	}
	return h, nil
}

// files counts what a process has open, by kind. Connections are left out: the
// exporter opens as many as it has to send, and keeps them for a while.
func (h held) files(pid int) error {
	connections, err := tcpSockets(pid)
	if err != nil {
		return err
	}
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	for _, fd := range fds {
		to, err := os.Readlink(filepath.Join(dir, fd.Name()))
		if err != nil || connections[to] {
			continue // closed by now
		}
		if kind, _, ok := strings.Cut(to, ":["); ok {
			to = kind // without the number of the inode
		}
		h[to]++
	}
	return nil
}

// tcpSockets returns the TCP sockets in the namespace of a process, named as
// /proc names files.
func tcpSockets(pid int) (map[string]bool, error) {
	out := map[string]bool{}
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 9 { // proc_pid_net(5): the inode
				out["socket:["+f[9]+"]"] = true
			}
		}
	}
	return out, nil
}

// more tells of which kinds there are more than there were.
func (h held) more(before held) (out []string) {
	for _, kind := range slices.Sorted(maps.Keys(h)) {
		if h[kind] > before[kind] {
			out = append(out, fmt.Sprintf("%d %s, before %d", h[kind], kind, before[kind]))
		}
	}
	return out
}

// TestCapturesLeaveNothing makes and ends fifty captures while packets move, and
// counts what is left of them.
func TestCapturesLeaveNothing(t *testing.T) {
	d := startDaemon(t, "", "")
	a := newAgent(t, d)
	a.addNS("far")
	a.hostNS.quiet("far")
	a.hostNS.wire("", "v0", "far", "eth0")
	a.ip("", "addr", "add", "10.7.0.1/24", "dev", "v0")
	a.ip("far", "addr", "add", "10.7.0.2/24", "dev", "eth0")
	a.start(t)
	d.same(t, a.hostNS, 20*time.Second)

	// Some 5,000 packets a second.
	proctest.Start(t, "/usr/bin/nsenter", nil, "--net="+a.path("far"), "ping", "-n", "-q", "-i", "0.0005", "10.7.0.1")

	round := func(i int, wait bool) {
		id := fmt.Sprint("cap-", i)
		kind := []string{"afpacket", "ebpf"}[i%2]
		d.order(t, id, fmt.Sprintf(`{"query":"G.V().Has('Type','veth')","type":%q,"filter":%q}`, kind, []string{"", "icmp"}[i/2%2]))
		if wait {
			d.runs(t, id, 60*time.Second, a.name+"/v0", a.name+"/eth0")
		}
		d.unorder(t, id)
	}
	// The first ones make what stays for good, such as files of the storage.
	for i := range 4 {
		round(i, true)
	}
	var before held
	proctest.Eventually(t, 60*time.Second, "no capture holds anything", func() (err error) {
		if before, err = a.holds(t); err != nil {
			return err
		}
		for kind, n := range before {
			if n > 0 && (kind == packetSockets || strings.Contains(strings.ToLower(kind), "bpf")) {
				return fmt.Errorf("%+v", before)
			}
		}
		return nil
	})
	t.Logf("without captures: %v", before)
	for i := range 50 {
		round(5+i, i%5 == 0) // the others end while they begin
	}
	proctest.Eventually(t, 60*time.Second, "nothing is left", func() error {
		after, err := a.holds(t)
		if err != nil {
			return err
		}
		if more := after.more(before); len(more) > 0 {
			return errors.New(strings.Join(more, "; "))
		}
		return nil
	})
	d.counts(t, 0, "G.V().HasKey('Captures').Count()")
	proctest.Eventually(t, 60*time.Second, "packets were captured", func() error {
		if d.number(t, "G.Flows('Application','ICMPv4').Count()") == 0 {
			return errors.New("no flow is known")
		}
		return nil
	})
}
