package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// held is what a Collector holds of the kernel.
type held struct {
	files, packetSockets   int
	programs, maps, attach int
}

// holds counts what the Collector holds: its files, packet sockets in both
// namespaces, and everything of BPF on the machine that has its name.
func (a *agent) holds(t testing.TB) (h held) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.collector.Cmd.Process.Pid))
	require.NoError(t, err)
	h.files = len(fds)
	for _, ns := range []string{"", "far"} {
		text := a.run("nsenter", "--net="+a.path(ns), "cat", "/proc/net/packet")
		h.packetSockets += strings.Count(text, "\n") - 1
	}
	if bpftool, err := lookup("bpftool"); err == nil {
		pid := fmt.Sprintf(`"pid":%d,`, a.collector.Cmd.Process.Pid)
		for _, x := range []struct {
			kind string
			n    *int
		}{{"prog", &h.programs}, {"map", &h.maps}, {"link", &h.attach}} {
			out, err := exec.Command(bpftool, "-j", x.kind, "list").CombinedOutput()
			require.NoError(t, err, "%s", out)
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal(out, &list), "%s", out)
			for _, e := range list {
				if strings.Contains(string(e), pid) {
					*x.n++
				}
			}
		}
	}
	return h
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

	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() { // some 5,000 packets a second, for two minutes at most
		defer close(stopped)
		p := exec.Command("nsenter", "--net="+a.path("far"), "ping", "-n", "-q", "-i", "0.0005", "-w", "120", "10.7.0.1")
		if p.Start() != nil {
			return
		}
		<-stop
		_ = p.Process.Kill()
		_ = p.Wait()
	}()
	defer func() { close(stop); <-stopped }()

	round := func(i int) {
		id := fmt.Sprint("cap-", i)
		kind := []string{"afpacket", "ebpf"}[i%2]
		d.order(t, id, fmt.Sprintf(`{"query":"G.V().Has('Type','veth')","type":%q,"filter":%q}`, kind, []string{"", "icmp"}[i/2%2]))
		if i%5 == 0 { // the others end while they begin
			d.runs(t, id, 20*time.Second, a.name+"/v0", a.name+"/eth0")
		}
		d.unorder(t, id)
	}
	// The first ones make what stays for good: connections, files of the storage.
	for i := range 4 {
		round(i)
	}
	settled := func() held {
		var h held
		proctest.Eventually(t, 20*time.Second, "no capture holds anything", func() error {
			if h = a.holds(t); h.packetSockets+h.attach != 0 {
				return fmt.Errorf("%+v", h)
			}
			return nil
		})
		return h
	}
	before := settled()
	for i := range 50 {
		round(5 + i)
	}
	proctest.Eventually(t, 30*time.Second, "nothing is left", func() error {
		if after := a.holds(t); after.files > before.files || after.packetSockets > 0 || after.programs > before.programs || after.maps > before.maps || after.attach > 0 {
			return fmt.Errorf("%+v, before %+v", after, before)
		}
		return nil
	})
	d.counts(t, 0, "G.V().HasKey('Captures').Count()")
	require.NotZero(t, d.number(t, "G.Flows('Application','ICMPv4').Count()"), "packets were captured")
}
