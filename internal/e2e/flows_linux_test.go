package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// flow is what the tests compare of a flow.
type flow struct {
	UUID, ParentUUID, NodeTID, TrackingID, L3TrackingID string
	LayersPath, Application, FinishType                 string
	Link, Network, Transport                            struct {
		Protocol string
		A, B     any
		ID       int64
	}
	ICMP   struct{ ID int64 }
	Metric struct{ ABPackets, ABBytes, BAPackets, BABytes, RTT int64 }
}

func (f *flow) packets() int64 { return f.Metric.ABPackets + f.Metric.BAPackets }
func (f *flow) bytes() int64   { return f.Metric.ABBytes + f.Metric.BABytes }

// String is everything of the flow that does not depend on where and when it
// was seen.
func (f *flow) String() string {
	return fmt.Sprintf("%s %v>%v vlan %d, %v>%v id %d, %v>%v icmp %d: %d/%d %d/%d %s", f.LayersPath, f.Link.A, f.Link.B, f.Link.ID,
		f.Network.A, f.Network.B, f.Network.ID, f.Transport.A, f.Transport.B, f.ICMP.ID,
		f.Metric.ABPackets, f.Metric.ABBytes, f.Metric.BAPackets, f.Metric.BABytes, f.TrackingID)
}

// flows returns what a query for flows answers.
func (d *daemon) flows(t testing.TB, gremlin string) []flow {
	t.Helper()
	var out []flow
	text := d.text(t, gremlin)
	require.NoError(t, json.Unmarshal(text, &out), "%s", text)
	return out
}

// outermost are the flows that are in no tunnel: each packet counts in one.
func outermost(fs []flow) (packets, bytes int64) {
	for i := range fs {
		if fs[i].ParentUUID == "" {
			packets += fs[i].packets()
			bytes += fs[i].bytes()
		}
	}
	return packets, bytes
}

// startCollector runs the Collector with one capture, given as YAML, whose
// flows go to topologyd.
func startCollector(t testing.TB, d *daemon, h *hostNS, capture string) *proctest.Process {
	t.Helper()
	metrics := proctest.FreeAddr(t)
	host, port, err := net.SplitHostPort(metrics)
	require.NoError(t, err)
	conf := fmt.Sprintf(`
receivers:
  flowcapture:
    host: {id: %[1]s, name: %[1]s, root_netns: %[7]s, netns_dirs: [%[8]s]}
    update_interval: 1s
    captures:
      - %[2]s
exporters:
  otlp_http:
    logs_endpoint: http://%[3]s/v1/logs
    compression: none
    retry_on_failure: {max_elapsed_time: 0, initial_interval: 200ms, max_interval: 1s}
    sending_queue: {storage: file_storage}
extensions:
  file_storage: {directory: %[4]s}
service:
  extensions: [file_storage]
  pipelines:
    logs: {receivers: [flowcapture], exporters: [otlp_http]}
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: %[5]s, port: %[6]s}}}}]}}
`, h.name, strings.ReplaceAll(strings.TrimSpace(capture), "\n", "\n        "), d.addr, t.TempDir(), host, port, h.root(), h.dir)
	path := filepath.Join(t.TempDir(), "otelcol.yaml")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	p := proctest.Start(t, program(t, "otelcol"), nil, "--config", path)
	proctest.Eventually(t, 30*time.Second, "the Collector captures", func() error {
		select {
		case <-p.Done:
			t.Fatal("the Collector ended")
		default:
		}
		text, err := get("http://" + metrics + "/metrics")
		if err != nil {
			return err
		}
		if !opened.MatchString(text) {
			return fmt.Errorf("it has not opened anything: %s", text)
		}
		return nil
	})
	return p
}

// opened is the metric that says that a source has been opened.
var opened = regexp.MustCompile(`receiver_flowcapture_(captures_running.* 1|packets_received.* [1-9])`)

func get(url string) (string, error) {
	resp, err := http.Get(url) //nolint:noctx // it is on this machine
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// counters are the packets and bytes that the kernel counted on an interface,
// both ways.
func (h *hostNS) counters(ns, dev string) (packets, bytes int64) {
	h.t.Helper()
	var links []struct {
		Stats struct {
			RX, TX struct{ Packets, Bytes int64 }
		} `json:"stats64"`
	}
	require.NoError(h.t, json.Unmarshal([]byte(h.ip(ns, "-s", "-j", "link", "show", dev)), &links))
	s := links[0].Stats
	return s.RX.Packets + s.TX.Packets, s.RX.Bytes + s.TX.Bytes
}

// silent waits until the kernel has counted nothing for as long as multicast
// memberships are reported again after (RFC 3810, 9.11).
func (h *hostNS) silent(ns, dev string) {
	h.t.Helper()
	last, since := int64(-1), time.Now()
	proctest.Eventually(h.t, 20*time.Second, dev+" is silent", func() error {
		if p, _ := h.counters(ns, dev); p != last {
			last, since = p, time.Now()
		}
		if time.Since(since) < 1200*time.Millisecond {
			return errors.New("packets come")
		}
		return nil
	})
}

// sysctl sets a variable below net.
func (h *hostNS) sysctl(ns, name, value string) {
	h.t.Helper()
	h.run("nsenter", "--net="+h.path(ns), "sh", "-c", fmt.Sprintf("echo %s > /proc/sys/net/%s", value, name))
}

// quiet has interfaces that are made from now on say nothing by themselves.
func (h *hostNS) quiet(ns string) {
	h.sysctl(ns, "ipv6/conf/default/disable_ipv6", "1")
	h.sysctl(ns, "ipv6/conf/all/disable_ipv6", "1")
}

// wire makes a veth pair between two namespaces, without offloads: a packet is
// what it is on a wire.
func (h *hostNS) wire(ns1, dev1, ns2, dev2 string) {
	h.t.Helper()
	ethtool, err := lookup("ethtool")
	if err != nil {
		h.t.Skip(err)
	}
	h.ip(ns1, "link", "add", dev1, "type", "veth", "peer", "name", dev2, "netns", h.path(ns2))
	for _, end := range [][2]string{{ns1, dev1}, {ns2, dev2}} {
		h.run("nsenter", "--net="+h.path(end[0]), ethtool, "-K", end[1], "tso", "off", "gso", "off", "gro", "off", "tx", "off", "rx", "off")
		h.ip(end[0], "link", "set", end[1], "up")
	}
}

// tap writes what passes an interface to a file, until the function that it
// returns is called.
func (h *hostNS) tap(ns, dev, file string) (stop func()) {
	h.t.Helper()
	tcpdump, err := lookup("tcpdump")
	if err != nil {
		h.t.Skip(err)
	}
	p := proctest.Start(h.t, "/usr/bin/nsenter", nil, "--net="+h.path(ns), tcpdump, "-i", dev, "-s", "0", "-U", "--immediate-mode", "-n", "-Z", "root", "-B", "16384", "-w", file)
	proctest.Eventually(h.t, 20*time.Second, "tcpdump listens", func() error {
		if !strings.Contains(p.Out.String(), "listening on") {
			return fmt.Errorf("it has not said so")
		}
		return nil
	})
	return func() {
		p.End(h.t, os.Interrupt)
		require.Contains(h.t, p.Out.String(), "\n0 packets dropped by kernel", "the truth is complete")
	}
}

// flowsEqual waits until the outermost flows count what they should.
func (d *daemon) flowsEqual(t testing.TB, packets, bytes int64, also func([]flow) error) []flow {
	t.Helper()
	var fs []flow
	proctest.Eventually(t, 40*time.Second, "all packets are in flows", func() error {
		fs = d.flows(t, "G.Flows()")
		if p, b := outermost(fs); p != packets || b != bytes {
			return fmt.Errorf("%d packets and %d bytes in %d flows, the kernel counted %d and %d", p, b, len(fs), packets, bytes)
		}
		return also(fs)
	})
	return fs
}

// texts are flows as lines, in order.
func texts(fs []flow) []string {
	var out []string
	for i := range fs {
		out = append(out, fs[i].String())
	}
	slices.Sort(out)
	return out
}

// sameFlows captures a file, and sends it as a stream, and expects the flows
// that were seen live.
func sameFlows(t *testing.T, h *hostNS, file string, live []flow) {
	t.Helper()
	d := startDaemon(t, "", "")
	startCollector(t, d, h, fmt.Sprintf("type: pcapfile\nfile: %s\ntimestamps: now", file))
	d.flowsAre(t, "from the file", live)

	d = startDaemon(t, "", "")
	addr := proctest.FreeAddr(t)
	startCollector(t, d, h, fmt.Sprintf("type: pcapsocket\nlisten: %s\ntimestamps: now", addr))
	stream(t, addr, file)
	d.flowsAre(t, "from a stream", live)
}

// flowsAre waits until the flows are those that were seen live, in all that does
// not depend on where and when they were seen.
func (d *daemon) flowsAre(t *testing.T, from string, live []flow) {
	t.Helper()
	want := texts(live)
	proctest.Eventually(t, 40*time.Second, "the flows are those seen live, "+from, func() error {
		if got := texts(d.flows(t, "G.Flows()")); !slices.Equal(want, got) {
			return fmt.Errorf("they are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		return nil
	})
}

// TestFlowsCountAsTheKernelDoes sends a known number of packets of each kind
// through a veth. Packets and bytes of the flows are those of the interface's
// counters and of tshark's conversations, whichever way the packets were
// captured.
func TestFlowsCountAsTheKernelDoes(t *testing.T) {
	for _, traffic := range traffics() {
		t.Run(traffic.name, func(t *testing.T) {
			h := newHost(t)
			h.addNS("far")
			h.quiet("")
			h.quiet("far")
			h.wire("", "v0", "far", "eth0")
			for i, ns := range []string{"", "far"} {
				h.ip(ns, "addr", "add", fmt.Sprintf("10.7.0.%d/24", i+1), "dev", []string{"v0", "eth0"}[i])
			}
			d := startDaemon(t, "", "")
			startCollector(t, d, h, fmt.Sprintf("interfaces: [v0]\nnetns: %s\nsnaplen: 256", h.root()))
			kernel := startDaemon(t, "", "")
			startCollector(t, kernel, h, fmt.Sprintf("type: ebpf\ninterfaces: [v0]\nnetns: %s", h.root()))
			file := filepath.Join(t.TempDir(), "v0.pcap")
			stop := h.tap("", "v0", file)
			p, b := h.counters("", "v0")
			require.Zero(t, p+b, "nothing has been sent yet")

			traffic.send(t, h)
			// Without carrier nothing is said any more. What is being sent when it
			// goes is captured and not counted.
			h.silent("", "v0")
			h.ip("far", "link", "set", "eth0", "down")

			packets, bytes := h.counters("", "v0")
			require.GreaterOrEqual(t, packets, traffic.least)
			stop()
			same := conversations(t, file)
			live := d.flowsEqual(t, packets, bytes, func(fs []flow) error {
				// What is in a tunnel may come after the tunnel.
				for _, layers := range traffic.layers {
					if !slices.ContainsFunc(fs, func(f flow) bool { return f.LayersPath == layers }) {
						return fmt.Errorf("no flow of %s among\n%s", layers, strings.Join(texts(fs), "\n"))
					}
				}
				return same(fs)
			})
			kernel.flowsAre(t, "counted by the kernel", live)
			sameFlows(t, h, file, live)
		})
	}
}

// TestFlowsOfInterfaces is the query that the documentation begins with: flows
// belong to interfaces that Telegraf reports.
func TestFlowsOfInterfaces(t *testing.T) {
	h := newHost(t)
	h.addNS("far")
	h.wire("", "veth0", "far", "eth0")
	h.ip("", "addr", "add", "10.7.0.1/24", "dev", "veth0")
	h.ip("far", "addr", "add", "10.7.0.2/24", "dev", "eth0")
	dir := t.TempDir()
	d := startDaemon(t, dir, "")
	startTelegraf(t, telegrafConf(t, "http://"+d.addr, h))
	// The same flow is seen at both ends, in two namespaces.
	startCollector(t, d, h, fmt.Sprintf("interfaces: [veth0]\nnetns: %s", h.root()))
	startCollector(t, d, h, fmt.Sprintf("interfaces: [eth0]\nnetns: %s", h.path("far")))
	h.tcp(t, "far", "10.7.0.2:443", "", 200_000)
	h.tcp(t, "far", "10.7.0.2:80", "", 1000)

	const https = "G.V().Has('Name','veth0').Flows().Has('Application','HTTPS')"
	proctest.Eventually(t, 30*time.Second, "both flows have ended", func() error {
		if n := d.number(t, "G.Flows().Has('FinishType','TCP_FIN').Dedup('UUID').Count()"); n != 4 {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})
	check := func(when string) {
		require.Equal(t, 1, d.number(t, when+strings.TrimPrefix(https, "G")+".Count()"))
		require.Equal(t, 1, d.number(t, when+".V().Has('Name','veth0').Flows('Application','HTTPS').Count()"), "the positional form")
		fs := d.flows(t, when+strings.TrimPrefix(https, "G"))
		require.GreaterOrEqual(t, fs[0].Metric.ABBytes+fs[0].Metric.BABytes, int64(200_000))
		require.Positive(t, fs[0].Metric.RTT)
		require.Equal(t, 2, d.number(t, fmt.Sprintf("%s.Flows().Has('TrackingID','%s').Count()", when, fs[0].TrackingID)), "at both ends")
		require.Equal(t, 2, d.number(t, fmt.Sprintf("%s.Flows().Has('TrackingID','%s').CaptureNode().Count()", when, fs[0].TrackingID)))
		require.Equal(t, 2, d.number(t, when+".V().Has('Name','veth0').ShortestPathTo(Metadata('Name','eth0'), Metadata('RelationType','layer2')).Flows('Application','HTTPS').Count()"))
		require.Contains(t, string(d.text(t, when+".V().Has('Name','veth0').Flows('Application','HTTPS').Metrics()")), fs[0].UUID)
		require.GreaterOrEqual(t, d.number(t, when+".V().Has('Name','veth0').Flows().Sum('Metric.ABBytes')")+d.number(t, when+".V().Has('Name','veth0').Flows().Sum('Metric.BABytes')"), 201_000)
	}
	check("G")

	// After a restart the flows are those that are stored.
	d.End(t, os.Interrupt)
	d = startDaemon(t, dir, "")
	proctest.Eventually(t, 30*time.Second, "the stored flows answer", func() error {
		if n := d.number(t, fmt.Sprintf("G.Context('%s', '2m').Flows().Count()", time.Now().UTC().Format(time.RFC3339))); n < 4 {
			return fmt.Errorf("%d flows", n)
		}
		return nil
	})
	check(fmt.Sprintf("G.Context(%d, 300)", time.Now().Unix()))
}

// byPair adds up flows by the unordered pair that key gives.
func byPair(fs []flow, key func(*flow) (a, b string, ok bool)) map[[2]string][2]int64 {
	out := map[[2]string][2]int64{}
	for i := range fs {
		a, b, ok := key(&fs[i])
		if !ok {
			continue
		}
		k := [2]string{min(a, b), max(a, b)}
		v := out[k]
		out[k] = [2]int64{v[0] + fs[i].packets(), v[1] + fs[i].bytes()}
	}
	return out
}

func sortedKeys[V any](m map[[2]string]V) [][2]string {
	var keys [][2]string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	return keys
}
