package flowcapture

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/proctest"
)

// then is when the packets of the tests were captured.
func then() time.Time { return time.Unix(1_700_000_000, 0) }

// capturePcap is a capture: a conversation of 20 packets, one packet of another,
// and a DNS question.
func capturePcap(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriterNanos(&b)
	require.NoError(t, w.WriteFileHeader(65536, layers.LinkTypeEthernet))
	at := then()
	write := func(data []byte) {
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(data), Length: len(data)}, data))
		at = at.Add(time.Millisecond)
	}
	for range 10 {
		write(udp(t, 1, 2, 4000, 4321, 100))
		write(udp(t, 2, 1, 4321, 4000, 200))
	}
	write(udp(t, 3, 4, 1111, 8123, 18))
	question := udp(t, 5, 6, 2222, 53, 29)
	copy(question[42:], "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03org\x00\x00\x01\x00\x01")
	write(question)
	return b.Bytes()
}

// checkCapture compares records with what capturePcap holds.
func checkCapture(t testing.TB, got []flowrecord.Record, base time.Time) {
	t.Helper()
	last := make(map[uint16]flowrecord.Record)
	for _, r := range got {
		if r.Finished() {
			last[r.TransportB] = r
		}
	}
	require.Len(t, last, 3)
	r := last[4321]
	require.Equal(t, flowrecord.Metric{
		ABPackets: 10, ABBytes: 1420, BAPackets: 10, BABytes: 2420,
		Start: base.UnixNano(), Last: base.Add(19 * time.Millisecond).UnixNano(),
	}, r.Metric)
	require.Equal(t, "Ethernet/IPv4/UDP", r.LayersPath)
	require.Equal(t, "UDP", r.TransportProtocol)
	require.Equal(t, "OURS", last[8123].Application)
	require.Equal(t, int64(60), last[8123].Metric.ABBytes)
	require.Equal(t, "DNS", last[53].Application)
	require.Contains(t, last[53].DNS.Text(), `"example.org"`)
}

func fileConfig(t testing.TB, data []byte) *Config {
	t.Helper()
	cfg := testConfig(typePcapFile)
	cfg.Captures[0].File = filepath.Join(t.TempDir(), "x.pcap")
	cfg.Captures[0].Layers = []string{layerDNS}
	cfg.Applications = []ApplicationConfig{{Port: 8123, Transport: "udp", Name: "OURS"}}
	require.NoError(t, os.WriteFile(cfg.Captures[0].File, data, 0o600))
	return cfg
}

// TestPcapFile: a file through the whole receiver.
func TestPcapFile(t *testing.T) {
	sink := new(consumertest.LogsSink)
	r := start(t, fileConfig(t, capturePcap(t)), nil, sink, nil, componenttest.NewNopHost())
	eventually(t, "three flows", time.Minute, func() bool { return len(records(t, sink)) == 3 })
	stop(t, r)
	checkCapture(t, records(t, sink), then())
	require.Equal(t, "h", records(t, sink)[0].HostID)
}

// TestPcapFileFilter: what the filter refuses is counted and no flow.
func TestPcapFileFilter(t *testing.T) {
	cfg := fileConfig(t, capturePcap(t))
	cfg.Captures[0].Filter = "port 8123"
	sink := new(consumertest.LogsSink)
	r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
	eventually(t, "one flow", time.Minute, func() bool { return len(records(t, sink)) == 1 })
	stop(t, r)
	require.Equal(t, uint16(8123), records(t, sink)[0].TransportB)
	require.Equal(t, uint64(21), tapTotals(r).source.Filtered)
}

// TestPcapFileMissing: a file that comes later is read then.
func TestPcapFileMissing(t *testing.T) {
	data := capturePcap(t)
	cfg := fileConfig(t, data)
	require.NoError(t, os.Remove(cfg.Captures[0].File))
	sink, host := new(consumertest.LogsSink), new(statusHost)
	r := start(t, cfg, nil, sink, nil, host)
	eventually(t, "the error", time.Minute, func() bool { _, msg := host.last(); return msg != "" })
	require.NoError(t, os.WriteFile(cfg.Captures[0].File, data, 0o600))
	eventually(t, "three flows", 20*time.Second, func() bool { return len(records(t, sink)) == 3 })
	stop(t, r)
}

// TestPcapFileCorrupt: the flows before the damage are reported, the file is not
// read again, and the error is told.
func TestPcapFileCorrupt(t *testing.T) {
	data := capturePcap(t)
	for i := range 16 {
		data[24+16+142+i] = 0xff // the header of the second record
	}
	sink, host := new(consumertest.LogsSink), new(statusHost)
	r := start(t, fileConfig(t, data), nil, sink, nil, host)
	eventually(t, "the error", time.Minute, func() bool { _, msg := host.last(); return msg != "" })
	eventually(t, "a flow", time.Minute, func() bool { return len(records(t, sink)) == 1 })
	stop(t, r)
	require.Len(t, records(t, sink), 1)
	require.Equal(t, uint64(1), tapTotals(r).source.Opened)
}

// tapTotals returns the counters of the only tap.
func tapTotals(r *flowReceiver) (out totals) {
	r.captures[0].eachTap(func(_ string, tt totals) { out = tt })
	return out
}

// TestPcapSocket: a stream through the whole receiver; its times are moved to
// now.
func TestPcapSocket(t *testing.T) {
	cfg := fileConfig(t, nil)
	c := &cfg.Captures[0]
	c.Type, c.Listen, c.Timestamps = typePcapSocket, proctest.FreeAddr(t), timestampsNow
	sink := new(consumertest.LogsSink)
	before := time.Now()
	r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
	eventually(t, "the listener", time.Minute, func() bool {
		conn, err := net.Dial("tcp", c.Listen)
		if err != nil {
			return false
		}
		_, err = io.Copy(conn, bytes.NewReader(capturePcap(t)))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		return true
	})
	eventually(t, "the packets", time.Minute, func() bool { return tapTotals(r).source.Received == 22 })
	stop(t, r)
	got := records(t, sink)
	base := time.Unix(0, got[0].Metric.Start)
	for _, rec := range got {
		if rec.TransportB == 4321 {
			base = time.Unix(0, rec.Metric.Start)
		}
	}
	require.False(t, base.Before(before), "times are moved to now")
	checkCapture(t, got, base)
}

// TestPcapSocketTaken: an address that is taken is a recoverable error.
func TestPcapSocketTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cfg := testConfig(typePcapSocket)
	cfg.Captures[0].Listen = l.Addr().String()
	host := new(statusHost)
	r := start(t, cfg, nil, consumertest.NewNop(), nil, host)
	eventually(t, "the error", time.Minute, func() bool { _, msg := host.last(); return msg != "" })
	require.NoError(t, l.Close())
	eventually(t, "recovery", 20*time.Second, func() bool { s, _ := host.last(); return s == componentstatus.StatusOK })
	require.True(t, tapTotals(r).running)
	stop(t, r)
}
