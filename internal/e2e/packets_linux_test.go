package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// TestPacketsOfACapture: what two hosts keep of 30 pings comes as one file that
// tshark reads, in the order of time, with the names of the interfaces; the same
// packets by a query; and who took them is written down.
func TestPacketsOfACapture(t *testing.T) {
	p := newPair(t, "--raw-packets")
	p.order(t, "ring", `{"query":"G.V().Has('Type','veth')","filter":"icmp","raw_ring":1048576}`)
	p.runs(t, "ring", 20*time.Second, p.everywhere()...)
	p.pings(t, "ring", 6)

	p.counts(t, 360, "G.Flows('CaptureID','ring').RawPackets().Count()")
	p.counts(t, 180, "G.Flows('CaptureID','ring').RawPackets().BPF('icmp[icmptype] = icmp-echo').Count()")
	file := filepath.Join(t.TempDir(), "ring.pcapng")
	p.ctl(t, "capture", "pcap", "ring", "-o", file)
	audit, err := os.ReadFile(filepath.Join(p.dir, "audit.log"))
	require.NoError(t, err)
	require.Contains(t, string(audit), `"action":"packets.fetch"`)

	tshark, err := lookup("tshark")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.Command(tshark, "-r", file, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.time_delta", "icmp").Output()
	require.NoError(t, err)
	at := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, delta, ok := strings.Cut(line, "\t")
		require.True(t, ok, line)
		require.False(t, strings.HasPrefix(delta, "-"), "in the order of time: %s", line)
		at[name]++
	}
	require.Len(t, at, 6, "%v", at)
	for name, n := range at {
		require.Equal(t, 60, n, name)
	}

	// Packets go with the capture.
	p.unorder(t, "ring")
	proctest.Eventually(t, 20*time.Second, "the packets are gone", func() error {
		if status, b := p.send(t, http.MethodGet, "/api/v1/captures/ring/packets", ""); status != http.StatusNotFound {
			return fmt.Errorf("%d: %.200s", status, b)
		}
		return nil
	})
}
