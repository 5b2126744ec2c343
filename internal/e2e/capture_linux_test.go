package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// pair is two hosts on a wire: on each a namespace behind a bridge.
//
//	A: blue/eth0 - port0 br0 up0 - [relay] - up0 br0 port0 - eth0/red :B
type pair struct {
	*daemon
	a, b *agent
	wire *relay
}

func newPair(t testing.TB, daemonArgs ...string) *pair {
	t.Helper()
	needRoot(t)
	d := startDaemon(t, "", "", daemonArgs...)
	p := &pair{daemon: d, a: newAgent(t, d), b: newAgent(t, d)}
	middle := newHost(t)
	middle.quiet("")
	for i, a := range []*agent{p.a, p.b} {
		ns := []string{"blue", "red"}[i]
		a.addNS(ns)
		a.hostNS.quiet(ns)
		a.ip("", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
		a.hostNS.wire("", "port0", ns, "eth0")
		a.ip(ns, "addr", "add", fmt.Sprintf("10.7.0.%d/24", i+1), "dev", "eth0")
		a.ip("", "link", "add", "up0", "type", "veth", "peer", "name", fmt.Sprint("w", i), "netns", middle.root())
		a.run("nsenter", "--net="+a.root(), "ethtool", "-K", "up0", "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
		middle.run("nsenter", "--net="+middle.root(), "ethtool", "-K", fmt.Sprint("w", i), "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
		middle.ip("", "link", "set", fmt.Sprint("w", i), "up")
		for _, dev := range []string{"port0", "up0"} {
			a.ip("", "link", "set", dev, "master", "br0", "up")
		}
		a.ip("", "link", "set", "br0", "up")
	}
	p.wire = newRelay(t, middle, "", "w0", "w1")
	p.a.start(t)
	p.b.start(t)
	p.same(t, p.a.hostNS, 30*time.Second)
	p.same(t, p.b.hostNS, 30*time.Second)
	return p
}

// everywhere are the interfaces of type veth of both hosts.
func (p *pair) everywhere(more ...string) []string {
	var out []string
	for _, a := range []*agent{p.a, p.b} {
		for _, dev := range []string{"port0", "up0", "eth0"} {
			out = append(out, a.name+"/"+dev)
		}
	}
	return append(out, more...)
}

// pings sends 30 echo requests from one host to the other, and waits until each
// of the points of a capture has one flow with these packets, all of one
// tracking ID.
func (p *pair) pings(t testing.TB, id string, points int) string {
	t.Helper()
	before := p.known(t, id)
	p.a.ping("blue", "10.7.0.2", 30, 56)
	return p.arrive(t, id, points, before)
}

func pingsOf(id string) string {
	return fmt.Sprintf("G.Flows('CaptureID','%s','ICMP.Type','ECHO')", id)
}

// known are the tracking IDs of the pings that a capture has seen.
func (p *pair) known(t testing.TB, id string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, f := range p.flows(t, pingsOf(id)) {
		out[f.TrackingID] = true
	}
	return out
}

// arrive waits until the pings that were not known before are there as pings says.
func (p *pair) arrive(t testing.TB, id string, points int, before map[string]bool) (tracking string) {
	t.Helper()
	proctest.Eventually(t, 30*time.Second, "each point has the flow", func() error {
		at := map[string]bool{}
		tracking = ""
		for _, f := range p.flows(t, pingsOf(id)) {
			if before[f.TrackingID] {
				continue
			}
			if tracking == "" {
				tracking = f.TrackingID
			}
			switch {
			case f.TrackingID != tracking:
				return fmt.Errorf("tracking IDs %s and %s", f.TrackingID, tracking)
			case f.Metric.ABPackets != 30 || f.Metric.BAPackets != 30:
				return fmt.Errorf("%s: %d and %d packets", f.NodeTID, f.Metric.ABPackets, f.Metric.BAPackets)
			case f.LayersPath != "Ethernet/IPv4/ICMPv4":
				return fmt.Errorf("flow of %s", f.LayersPath)
			case at[f.NodeTID]:
				return fmt.Errorf("two flows at %s", f.NodeTID)
			}
			at[f.NodeTID] = true
		}
		if len(at) != points {
			return fmt.Errorf("%d points have it, want %d", len(at), points)
		}
		return nil
	})
	return tracking
}

// TestCaptureFollowsTheGraph: a capture on whatever is a veth runs on two hosts,
// begins on interfaces that appear, ends on those that go, and goes on after
// each of the processes was killed.
func TestCaptureFollowsTheGraph(t *testing.T) {
	for _, kind := range []string{"afpacket", "ebpf"} {
		t.Run(kind, func(t *testing.T) {
			p := newPair(t)
			p.order(t, "all", fmt.Sprintf(`{"query":"G.V().Has('Type','veth')","type":%q}`, kind))
			p.runs(t, "all", 20*time.Second, p.everywhere()...)
			p.pings(t, "all", 6)

			// An interface appears, in a namespace that appears, and goes.
			p.a.addNS("green")
			p.a.hostNS.quiet("green")
			p.a.hostNS.wire("", "port1", "green", "g0")
			p.a.ip("", "link", "set", "port1", "master", "br0", "up")
			p.a.ip("green", "addr", "add", "10.7.0.3/24", "dev", "g0")
			p.runs(t, "all", 20*time.Second, p.everywhere(p.a.name+"/port1", p.a.name+"/g0")...)
			p.a.ip("", "link", "del", "port1")
			p.runs(t, "all", 20*time.Second, p.everywhere()...)
			p.pings(t, "all", 6)

			// Each of the three processes is killed.
			p.a.collector.End(t, syscall.SIGKILL)
			p.a.startCollector(t)
			p.runs(t, "all", 20*time.Second, p.everywhere()...)
			p.pings(t, "all", 6)

			p.a.telegraf.End(t, syscall.SIGKILL)
			p.a.startTelegraf(t)
			p.runs(t, "all", 20*time.Second, p.everywhere()...)
			p.pings(t, "all", 6)

			// Both hosts go on capturing what was ordered; what they saw comes later.
			before := p.known(t, "all")
			p.daemon.End(t, syscall.SIGKILL)
			p.a.ping("blue", "10.7.0.2", 30, 56)
			p.daemon = startDaemon(t, p.dir, p.addr)
			p.arrive(t, "all", 6, before)
			p.runs(t, "all", 20*time.Second, p.everywhere()...)
			p.pings(t, "all", 6)

			// The end of the capture leaves nothing on the nodes.
			p.unorder(t, "all")
			p.counts(t, 0, "G.V().HasKey('Captures').Count()")
		})
	}
}

// conversation is what the two-ended view says of one.
type conversation struct {
	TrackingID string
	Hops       []struct{ Host, Interface string }
	Between    []between
	EndToEnd   between
}

// between is what happened between two points, in nanoseconds.
type between struct {
	LostABPackets, LostBAPackets int64
	LossAB, LossBA               float64
	RoundTrip                    int64
	Confidence                   string
	Evidence                     []string
}

// TestHopsTellLossAndDelay: what the wire between two hosts loses and delays is
// told of that hop, and of no other.
func TestHopsTellLossAndDelay(t *testing.T) {
	p := newPair(t)
	p.order(t, "all", `{"query":"G.V().Has('Type','veth')"}`)
	p.runs(t, "all", 20*time.Second, p.everywhere()...)
	plain := p.pings(t, "all", 6)
	p.joins(t, plain, func(c *conversation) error {
		for i, b := range c.Between {
			if b.LostABPackets != 0 || b.LostBAPackets != 0 || b.RoundTrip < 0 {
				return fmt.Errorf("between %d and %d: %+v", i, i+1, b)
			}
		}
		return nil
	})

	const late = 20 * time.Millisecond
	p.wire.late.Store(int64(late))
	p.wire.lose.Store(3)
	p.wire.requests.Store(0)
	// How late the wire really is depends on the machine: no round trip is longer than
	// the longest that was seen, and what is not on the wire has what is left of that.
	answered, longest := p.a.echo("blue", "10.7.0.2", 30)
	require.Equal(t, 20, answered)
	var tracking string
	proctest.Eventually(t, 60*time.Second, "the flow is at all points", func() error {
		n := 0
		for _, f := range p.flows(t, "G.Flows('CaptureID','all','ICMP.Type','ECHO')") {
			if f.TrackingID != plain && f.packets() >= 40 {
				tracking = f.TrackingID
				n++
			}
		}
		if n != 6 {
			return fmt.Errorf("at %d", n)
		}
		return nil
	})
	const wire = 2 // the third of the five ways between six points
	p.joins(t, tracking, func(c *conversation) error {
		for i, b := range c.Between {
			switch {
			case i == wire && (b.LostABPackets != 10 || b.LostBAPackets != 0 || b.RoundTrip < int64(2*late) || b.RoundTrip > int64(longest)):
				return fmt.Errorf("on the wire: %+v, the longest is %v", b, longest)
			case i != wire && (b.LostABPackets != 0 || b.LostBAPackets != 0 || b.RoundTrip > int64(longest-2*late)):
				return fmt.Errorf("between %d and %d: %+v, the longest is %v", i, i+1, b, longest)
			}
		}
		if e := c.EndToEnd; e.LostABPackets != 10 || e.RoundTrip < int64(2*late) {
			return fmt.Errorf("end to end: %+v", e)
		}
		return nil
	})
	text := p.ctl(t, "flows", "--hops", "--tracking", tracking)
	t.Log("\n" + text)
	require.Contains(t, text, "33")

	// Seen at six points, each packet counts once.
	sum := fmt.Sprintf("G.Flows('TrackingID','%s')", plain)
	require.Equal(t, 180, p.number(t, sum+".Sum('Metric.ABPackets')"))
	require.Equal(t, 30, p.number(t, sum+".Dedup('TrackingID').Sum('Metric.ABPackets')"))
}

// joins waits until the two-ended view of a conversation, through all six points
// in their order, is as it should be.
func (p *pair) joins(t testing.TB, tracking string, check func(*conversation) error) {
	t.Helper()
	var text []byte
	proctest.Eventually(t, 20*time.Second, "the view of the conversation", func() error {
		text = p.hops(t, tracking)
		var view struct{ Conversations []conversation }
		if err := json.Unmarshal(text, &view); err != nil || len(view.Conversations) != 1 {
			return fmt.Errorf("%s", indent(text))
		}
		c := &view.Conversations[0]
		var way []string
		for _, h := range c.Hops {
			way = append(way, h.Host+"/"+h.Interface)
		}
		want := []string{p.a.name + "/eth0", p.a.name + "/port0", p.a.name + "/up0", p.b.name + "/up0", p.b.name + "/port0", p.b.name + "/eth0"}
		if !slices.Equal(way, want) || len(c.Between) != 5 {
			return fmt.Errorf("through %v", way)
		}
		return check(c)
	})
}

func (p *pair) hops(t testing.TB, tracking string) []byte {
	t.Helper()
	status, b := p.send(t, http.MethodGet, "/api/v1/flows/hops?tracking="+tracking, "")
	require.Equal(t, http.StatusOK, status, "%s", b)
	return b
}

// TestCaptureStates: what cannot be captured says why, within two seconds.
func TestCaptureStates(t *testing.T) {
	p := newPair(t)

	// A wrong filter is refused at once, with the place of the mistake.
	status, b := p.send(t, http.MethodPost, "/api/v1/captures", `{"id":"bad","spec":{"query":"G.V().Has('Type','veth')","filter":"tcp prot 443"}}`)
	require.Equal(t, http.StatusBadRequest, status, "%s", b)
	var refused struct {
		Error struct {
			Code, Message string
			Position      struct{ Offset int }
		}
	}
	require.NoError(t, json.Unmarshal(b, &refused), "%s", b)
	require.Equal(t, "syntax", refused.Error.Code)
	require.Equal(t, 4, refused.Error.Position.Offset, "%s", b)

	// A filter that is right, and wrong for this interface: it has no MAC addresses.
	p.a.ip("", "tuntap", "add", "tun0", "mode", "tun")
	p.a.ip("", "link", "set", "tun0", "up")
	p.counts(t, 1, "G.V().Has('Name','tun0').Count()")
	p.order(t, "link", `{"query":"G.V().Has('Name','tun0')","filter":"ether host 02:00:00:00:00:01"}`)
	p.fails(t, "link", "tun0", "failed", "filter")

	// A node that cannot be captured.
	p.order(t, "host", fmt.Sprintf(`{"query":"G.V().Has('Type','host','Name','%s')"}`, p.a.name))
	p.fails(t, "host", p.a.name, "refused", "interface")

	// An interface that is down, and up again.
	p.order(t, "port", fmt.Sprintf(`{"query":"G.V().Has('@Host','%s','Name','port0')"}`, p.a.name))
	p.runs(t, "port", 20*time.Second, p.a.name+"/port0")
	p.a.ip("", "link", "set", "port0", "down")
	p.fails(t, "port", "port0", "failed", "down")
	p.a.ip("", "link", "set", "port0", "up")
	p.runs(t, "port", 20*time.Second, p.a.name+"/port0")

	// A namespace that vanishes while nobody tells the graph.
	p.order(t, "inside", fmt.Sprintf(`{"query":"G.V().Has('@Host','%s','Name','eth0')"}`, p.b.name))
	p.runs(t, "inside", 20*time.Second, p.b.name+"/eth0")
	p.b.telegraf.End(t, syscall.SIGKILL)
	p.b.delNS("red")
	p.fails(t, "inside", "eth0", "failed", "gone")

	// A host that hangs, and comes to itself.
	require.NoError(t, p.a.collector.Cmd.Process.Signal(syscall.SIGSTOP))
	p.fails(t, "port", "port0", "waiting", "not connected")
	require.NoError(t, p.a.collector.Cmd.Process.Signal(syscall.SIGCONT))
	p.runs(t, "port", 20*time.Second, p.a.name+"/port0")

	// A host that is away.
	p.a.collector.End(t, os.Interrupt)
	p.fails(t, "port", "port0", "waiting", "not connected")
	p.a.startCollector(t)
	p.runs(t, "port", 20*time.Second, p.a.name+"/port0")
}

// TestSeedQuery is the query that users of the predecessor know.
func TestSeedQuery(t *testing.T) {
	p := newPair(t)
	status, b := p.send(t, http.MethodPost, "/api/v1/captures", `{"name":"my-dockers-cap","spec":{"query":"G.V().Has('Name','port0')"}}`)
	require.Equal(t, http.StatusCreated, status, "%s", b)
	proctest.Eventually(t, 20*time.Second, "the capture runs", func() error {
		if n := p.number(t, "G.V().Has('Captures.State','running').Count()"); n != 2 {
			return fmt.Errorf("at %d nodes", n)
		}
		return nil
	})
	across(t, p.a.hostNS, "blue", p.b.hostNS, "red", "10.7.0.2:443", 50_000)
	const seed = `G.V().Has("Capture.Name", "my-dockers-cap").Flows("Application", "HTTPS").Metrics()`
	proctest.Eventually(t, 20*time.Second, seed, func() error {
		var rows []map[string]json.RawMessage
		text := p.text(t, seed)
		if err := json.Unmarshal(text, &rows); err != nil || len(rows) == 0 {
			return fmt.Errorf("%s", text)
		}
		if !strings.Contains(string(text), "ABBytes") {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
	p.counts(t, 2, `G.V().Has("Capture.Name", "my-dockers-cap").Flows("Application", "HTTPS").Count()`)
	p.counts(t, 1, `G.V().Has("Capture.Name", "my-dockers-cap").Flows("Application", "HTTPS").Dedup("TrackingID").Count()`)
}
