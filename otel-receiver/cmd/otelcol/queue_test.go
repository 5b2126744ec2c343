package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/grpc"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/proctest"
)

// server takes flow records by OTLP.
type server struct {
	plogotlp.UnimplementedGRPCServer
	mu    sync.Mutex
	ended map[flowrecord.ID]int
}

func (s *server) Export(_ context.Context, req plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, invalid, err := otlplog.Decode(req.Logs(), func(r *flowrecord.Record) {
		if r.Finished() {
			s.ended[r.ID]++
		}
	})
	if invalid > 0 {
		return plogotlp.NewExportResponse(), err
	}
	return plogotlp.NewExportResponse(), nil
}

func (s *server) flows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ended)
}

// serve listens on an address until the test ends.
func serve(t *testing.T, addr string) *server {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s, g := &server{ended: make(map[flowrecord.ID]int)}, grpc.NewServer()
	plogotlp.RegisterGRPCServer(g, s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return s
}

// capture writes a capture file of n flows and returns its path.
func capture(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: []byte{10, 0, 0, 1}, DstIP: []byte{10, 0, 0, 2}}
		buf := gopacket.NewSerializeBuffer()
		err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true},
			&layers.Ethernet{SrcMAC: []byte{2, 0, 0, 0, 0, 1}, DstMAC: []byte{2, 0, 0, 0, 0, 2}, EthernetType: layers.EthernetTypeIPv4},
			ip, &layers.UDP{SrcPort: layers.UDPPort(1 + i), DstPort: 9}, gopacket.Payload("x"))
		if err != nil {
			t.Fatal(err)
		}
		b := buf.Bytes()
		info := gopacket.CaptureInfo{Timestamp: time.Unix(1_700_000_000, int64(i)*1000), CaptureLength: len(b), Length: len(b)}
		if err := w.WritePacket(info, b); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// collector runs a collector until stop is called, which waits for its end.
func collector(t *testing.T, config string) (stop func()) {
	t.Helper()
	set := settings()
	set.DisableGracefulShutdown = true
	set.ConfigProviderSettings.ResolverSettings.URIs = []string{config}
	set.ConfigProviderSettings.ResolverSettings.DefaultScheme = "file"
	col, err := otelcol.NewCollector(set)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- col.Run(context.Background()) }()
	proctest.Eventually(t, 30*time.Second, "the collector runs", func() error {
		select {
		case err := <-done:
			t.Fatalf("the collector ended: %v", err)
		default:
		}
		if col.GetState() != otelcol.StateRunning {
			return errors.New(col.GetState().String())
		}
		return nil
	})
	return func() {
		col.Shutdown()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestUnreachable: while nobody takes flow records they wait on disk, also over
// a restart of the collector; none is lost.
func TestUnreachable(t *testing.T) {
	if testing.Short() {
		t.Skip("runs collectors for some seconds")
	}
	const flows = 3000
	dir, addr := t.TempDir(), proctest.FreeAddr(t)
	config := func(file string) string {
		path := filepath.Join(dir, filepath.Base(file)+".yaml")
		text := fmt.Sprintf(`
extensions:
  file_storage: {directory: %[1]q, create_directory: true}
receivers:
  flowcapture:
    host: {id: h, name: h}
    captures: [{type: pcapfile, file: %[2]q}]
exporters:
  otlp_grpc:
    endpoint: %[3]s
    tls: {insecure: true}
    sending_queue: {storage: file_storage, sizer: bytes, queue_size: 100000000}
    retry_on_failure: {initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0s}
  file: {path: %[4]q, flush_interval: 50ms}
service:
  telemetry: {metrics: {level: none}, logs: {level: error}}
  extensions: [file_storage]
  pipelines: {logs: {receivers: [flowcapture], exporters: [otlp_grpc, file]}}
`, filepath.Join(dir, "queue"), file, addr, path+".json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := config(capture(t, flows))
	stop := collector(t, first)
	proctest.Eventually(t, 30*time.Second, "all reports", func() error {
		b, err := os.ReadFile(first + ".json")
		if n := bytes.Count(b, []byte("flow.id")); n != flows {
			return fmt.Errorf("%d reports of %d: %w", n, flows, err)
		}
		return nil
	})
	stop() // all flows are reported, and nobody has taken one

	empty := filepath.Join(dir, "none.pcap")
	stop = collector(t, config(empty))
	defer stop()
	s := serve(t, addr)
	proctest.Eventually(t, 60*time.Second, "all flows", func() error {
		if n := s.flows(); n != flows {
			return fmt.Errorf("%d flows of %d", n, flows)
		}
		return nil
	})
}
