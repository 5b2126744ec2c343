package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

// How many frames a file and the wire carry.
const (
	hostileFile = 200_000
	hostileWire = 100_000
)

// hostile makes frames of the samples of every layer and tunnel: as they are,
// cut anywhere, with bytes changed, lengths and offsets that lie, parts of two
// put together, repeated, and plain noise.
func hostile(r *rand.Rand, samples []packettest.Sample) []byte {
	pick := func() []byte { return samples[r.IntN(len(samples))].Data }
	out := bytes.Clone(pick())
	for range 1 + r.IntN(3) {
		switch r.IntN(8) {
		case 0:
			out = out[:r.IntN(len(out)+1)]
		case 1, 2: // bytes
			for range 1 + r.IntN(6) {
				if len(out) > 0 {
					out[r.IntN(min(len(out), 20<<r.IntN(4)))] = byte(r.Uint32())
				}
			}
		case 3: // what is often a length, an offset, a version or a type
			if len(out) > 0 {
				out[r.IntN(len(out))] = [...]byte{0, 1, 4, 6, 17, 41, 44, 47, 51, 60, 0x0f, 0x4f, 0x81, 0x88, 0xf0, 0xff}[r.IntN(16)]
			}
		case 4:
			other := pick()
			out = append(out[:r.IntN(len(out)+1)], other[r.IntN(len(other)+1):]...)
		case 5: // tunnels in tunnels
			if n := r.IntN(len(out) + 1); len(out) < 700 {
				out = append(out[:len(out):len(out)], out[n:]...)
			}
		case 6:
			for range r.IntN(200) {
				out = append(out, byte(r.Uint32()))
			}
		}
	}
	return out[:min(len(out), 1500)]
}

// samplesOf are the samples of a link type.
func samplesOf(link packet.LinkType) (out []packettest.Sample) {
	for _, s := range packettest.Samples() {
		if s.Link == link {
			out = append(out, s)
		}
	}
	return out
}

// links are the link types of which there are samples.
func links() (out []packet.LinkType) {
	seen := map[packet.LinkType]bool{}
	for _, s := range packettest.Samples() {
		if !seen[s.Link] {
			seen[s.Link] = true
			out = append(out, s.Link)
		}
	}
	return out
}

// TestHostilePackets proves that no packet stops a capture: hundreds of
// thousands of frames that are cut, corrupt or made to mislead, from a file of
// each link type and over a wire, after which the Collector is the same process,
// has restarted no capture, has counted each of them in a flow or as undecoded,
// and counts ordinary traffic to the packet and the byte.
func TestHostilePackets(t *testing.T) {
	w := newWire(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	d := startDaemon(t)
	dir := t.TempDir()
	captures := ""
	frames := map[string]int64{}
	for _, link := range links() {
		name := fmt.Sprintf("link-%d", link)
		captures += fmt.Sprintf("      - {name: %s, type: pcapfile, file: %s, timestamps: now, layers: [dns, dhcpv4, vrrp]}\n", name, filepath.Join(dir, name))
		frames[name] = writeFile(t, r, filepath.Join(dir, name), link)
	}
	conf := fmt.Sprintf(`
receivers:
  flowcapture:
    update_interval: 1s
    captures:
      # Fragments without their first one would be counted after 30 s only.
      - {name: wire, interfaces: [vb], netns: %s, layers: [dns, dhcpv4, vrrp], defrag: false}
%sexporters:
  otlp_http:
    logs_endpoint: http://${env:SKEIN_HTTP}/v1/logs
    compression: none
    sending_queue: {storage: file_storage, block_on_overflow: true}
    retry_on_failure: {max_elapsed_time: 0}
  prometheus: {endpoint: "${env:SKEIN_PROMETHEUS}"}
extensions:
  file_storage: {directory: "${env:SKEIN_DATA}"}
service:
  extensions: [file_storage]
  pipelines:
    logs: {receivers: [flowcapture], exporters: [otlp_http]}
    metrics: {receivers: [flowcapture], exporters: [prometheus]}
  telemetry: {logs: {level: warn}, metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: "${env:SKEIN_COLLECTOR_PORT}"}}}}]}}
`, w.b, captures)
	c, metrics := startCollector(t, d, conf)
	count := func(name, capture string, labels ...string) int64 {
		return c.counter("otelcol_receiver_flowcapture_"+name, append(labels, fmt.Sprintf("capture=%q", capture))...)
	}

	sent := w.hostile(r)
	for name, n := range frames {
		proctest.Eventually(t, 120*time.Second, "the file is read", func() error {
			c.runs()
			return equal(count("packets_received", name), n)
		})
	}
	var total int64
	proctest.Eventually(t, 60*time.Second, "all packets of the wire are counted", func() error {
		c.runs()
		total = w.counted()
		return equal(count("packets_received", "wire")+count("packets_dropped", "wire"), total)
	})
	require.GreaterOrEqual(t, total, sent)

	// The file ends with one request and answer, the wire goes on with many.
	d.inFile(t, "link-1")
	w.talk(7000, 500, 100)
	d.heard(7000, 500, 100)

	frames["wire"] = count("packets_received", "wire")
	proctest.Eventually(t, 60*time.Second, "each packet is in a flow or counted as undecoded", func() error {
		for name, n := range frames {
			in, err := c.read(metrics, "network_flow_packets", fmt.Sprintf("flow_capture_id=%q", name))
			if err != nil {
				return err
			}
			if err := equal(in+count("packets_ignored", name), n); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	for name, n := range frames {
		t.Logf("%s: %d packets, %d of them in no flow; decoding stopped early: %d truncated, %d malformed, %d too deep; %d flows, %d evicted", name, n,
			count("packets_ignored", name), count("decode_stops", name, `"truncated"`), count("decode_stops", name, `"malformed"`),
			count("decode_stops", name, `"too_deep"`), count("flows_created", name), count("flows_evicted", name))
		require.Zero(t, count("capture_failures", name), name)
	}
	require.NotContains(t, c.out.String(), "panic")
	t.Logf("%d frames sent on the wire, %d packets dropped by the kernel; memory of the Collector %d MiB at most", sent, count("packets_dropped", "wire"), c.peak()>>20)
}

// writeFile writes hostile frames of a link type, cut at random, and then, for
// Ethernet, a conversation. It returns how many packets there are.
func writeFile(t *testing.T, r *rand.Rand, path string, link packet.LinkType) int64 {
	t.Helper()
	samples, n := samplesOf(link), hostileFile
	if link != packet.LinkEthernet {
		n /= 20
	}
	begin := time.Now().Add(-time.Minute)
	packets := make([]packettest.Packet, 0, n+100)
	for i := range n {
		data := hostile(r, samples)
		p := packettest.Packet{Time: begin.Add(time.Duration(i) * 10 * time.Microsecond), Data: data, Wire: len(data)}
		if r.IntN(4) == 0 {
			p.Wire += r.IntN(9000)
		}
		packets = append(packets, p)
	}
	if link == packet.LinkEthernet {
		talk := packettest.NewConversation()
		talk.Start = begin.Add(time.Duration(n) * 10 * time.Microsecond)
		talk.AMAC, talk.BMAC = 77, 78
		more, err := talk.UDP(50, 100, 200)
		require.NoError(t, err)
		packets = append(packets, more...)
	}
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, packettest.WritePcap(f, link, 0, packets))
	require.NoError(t, f.Close())
	return int64(len(packets))
}

// inFile waits until topologyd counts the conversation at a file's end.
func (d *daemon) inFile(t *testing.T, capture string) {
	t.Helper()
	proctest.Eventually(t, 60*time.Second, "the conversation of the file is counted", func() error {
		var fs []struct {
			Metric struct{ ABPackets, ABBytes, BAPackets, BABytes int }
		}
		if err := d.query(fmt.Sprintf("G.Context(%d, 600).Flows('CaptureID','%s','Link.A','02:00:00:00:00:4d','Link.B','02:00:00:00:00:4e')", time.Now().Unix()+1, capture), &fs); err != nil {
			return err
		}
		if len(fs) != 1 || fs[0].Metric.ABPackets != 50 || fs[0].Metric.BAPackets != 50 || fs[0].Metric.ABBytes != 50*142 || fs[0].Metric.BABytes != 50*242 {
			return fmt.Errorf("flows %+v", fs)
		}
		return nil
	})
}

// hostile puts frames on va, and returns how many the kernel took.
func (w *wire) hostile(r *rand.Rand) (sent int64) {
	w.t.Helper()
	samples := samplesOf(packet.LinkEthernet)
	w.do(w.a, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return fmt.Errorf("open socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		link, err := net.InterfaceByName("va")
		if err != nil {
			return err
		}
		to := &unix.SockaddrLinklayer{Ifindex: link.Index}
		for range hostileWire {
			frame := hostile(r, samples)
			if len(frame) < 20 && len(frame) >= 14 && (frame[12] == 0x81 && frame[13] == 0 || frame[12] == 0x88 && frame[13] == 0xa8) {
				continue // half a VLAN tag: the kernel drops it before any capture sees it
			}
			err := unix.Sendto(fd, frame, 0, to)
			switch {
			case err == nil:
				sent++
			case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EMSGSIZE): // shorter or longer than any frame
			case errors.Is(err, unix.ENOBUFS):
			default:
				return fmt.Errorf("send: %w", err)
			}
		}
		return nil
	})
	return sent
}
