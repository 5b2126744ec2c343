package ingest

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/skein-net/skein/internal/certtest"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/engine"
)

// logsOf returns n entity events, an ordinary log record and, when asked for,
// an entity event without an identity.
func logsOf(n int, invalid bool) plog.Logs {
	events := make([]entity.Event, n)
	for i := range events {
		events[i] = *event(i)
	}
	logs := otlplog.Encode(events)
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	records.AppendEmpty().Body().SetStr("an ordinary log")
	if invalid {
		r := records.AppendEmpty()
		r.SetEventName(entity.EventState)
		r.Attributes().PutStr(entity.KeyEntityType, "interface")
	}
	return logs
}

func marshal(t *testing.T, media string, logs plog.Logs) []byte {
	t.Helper()
	req := plogotlp.NewExportRequestFromLogs(logs)
	f := req.MarshalProto
	if media == typeJSON {
		f = req.MarshalJSON
	}
	b, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmarshal(t *testing.T, media string, b []byte) plogotlp.ExportResponse {
	t.Helper()
	resp := plogotlp.NewExportResponse()
	f := resp.UnmarshalProto
	if media == typeJSON {
		f = resp.UnmarshalJSON
	}
	if err := f(b); err != nil {
		t.Fatalf("%v in %q", err, b)
	}
	return resp
}

func TestLogsHTTP(t *testing.T) {
	for _, media := range []string{typeProtobuf, typeJSON} {
		for _, zipped := range []bool{false, true} {
			b := newBench(t, func(c *Config) { c.Batch = 3 })
			body, headers := marshal(t, media, logsOf(10, true)), []string{"Content-Type", media}
			if zipped {
				body, headers = zip(t, body), append(headers, "Content-Encoding", "gzip")
			}
			code, h, answer := b.post("/v1/logs", body, headers...)
			if code != 200 || h.Get("Content-Type") != media {
				t.Fatalf("%d %v %s", code, h, answer)
			}
			p := unmarshal(t, media, answer).PartialSuccess()
			if p.RejectedLogRecords() != 1 || !strings.Contains(p.ErrorMessage(), "1 log records are not valid") {
				t.Errorf("partial success %d %q", p.RejectedLogRecords(), p.ErrorMessage())
			}
			if len(b.sink.events) != 10 || !b.sink.events[7].Equal(event(7)) {
				t.Errorf("%d events", len(b.sink.events))
			}
			if b.counter("topologyd_ingest_ignored_total", "log_record") != 1 || b.counter("topologyd_ingest_rejected_total", "invalid_event") != 1 {
				t.Error("not counted")
			}
		}
	}
}

func TestLogsHTTPHostile(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxBody = 1 << 20 })
	for name, x := range map[string]struct {
		media, encoding string
		body            []byte
		code            int
		want            string
	}{
		"broken protobuf": {media: typeProtobuf, body: []byte{0x0a, 0xff, 0xff, 0xff, 0x7f}, code: 400, want: "not an OTLP request"},
		"broken JSON":     {media: typeJSON, body: []byte(`{"resourceLogs":[{"scopeLogs":`), code: 400, want: "not an OTLP request"},
		"JSON of a list":  {media: typeJSON, body: []byte(`[1,2]`), code: 400, want: "not an OTLP request"},
		"nested JSON":     {media: typeJSON, body: bytes.Repeat([]byte(`{"resourceLogs":[`), 20_000), code: 400, want: "not an OTLP request"},
		"text":            {media: "text/plain", body: []byte("hello"), code: 415, want: "send application/x-protobuf"},
		"no type":         {body: []byte("hello"), code: 415, want: "send application/x-protobuf"},
		"bomb":            {media: typeProtobuf, encoding: "gzip", body: zip(t, make([]byte, 50<<20)), code: 413, want: "decompresses"},
		"unknown coding":  {media: typeProtobuf, encoding: "snappy", body: []byte("x"), code: 415, want: "send gzip"},
		"nothing":         {media: typeProtobuf, code: 200},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			headers := []string{"Content-Type", x.media}
			if x.encoding != "" {
				headers = append(headers, "Content-Encoding", x.encoding)
			}
			code, _, answer := b.post("/v1/logs", x.body, headers...)
			if code != x.code {
				t.Fatalf("%d %q", code, answer)
			}
			message := string(answer)
			if x.media == typeProtobuf && code != 200 {
				var st spb.Status
				if err := proto.Unmarshal(answer, &st); err != nil {
					t.Fatal(err)
				}
				message = st.Message
			}
			if !strings.Contains(message, x.want) {
				t.Errorf("%q does not say %q", message, x.want)
			}
		})
	}
	if b.in.budget.Used() != 0 || b.in.slots.InUse() != 0 {
		t.Errorf("left over: %d bytes, %d slots", b.in.budget.Used(), b.in.slots.InUse())
	}
}

func TestLogsHTTPBusy(t *testing.T) {
	b := newBench(t, nil)
	b.sink.err = engine.ErrBusy
	code, h, answer := b.post("/v1/logs", marshal(t, typeJSON, logsOf(1, false)), "Content-Type", typeJSON)
	if code != 429 || h.Get("Retry-After") == "" || !bytes.Contains(answer, []byte(`"code":8`)) {
		t.Errorf("%d %v %s", code, h, answer)
	}
}

func metricsOf() pmetric.Metrics {
	m := pmetric.NewMetrics()
	p := m.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	p.AppendEmpty().SetIntValue(1)
	p.AppendEmpty().SetIntValue(2)
	return m
}

func TestMetricsAreCountedAndPassedOver(t *testing.T) {
	b := newBench(t, nil)
	body, err := pmetricotlp.NewExportRequestFromMetrics(metricsOf()).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if code, _, answer := b.post("/v1/metrics", body, "Content-Type", typeProtobuf); code != 200 {
		t.Errorf("%d %q", code, answer)
	}
	if n := b.counter("topologyd_ingest_ignored_total", "data_point"); n != 2 {
		t.Errorf("%v data points", n)
	}
}

// dial starts a gRPC server for b and returns a connection to it.
func dial(t *testing.T, b *bench, panicked func(string, any)) *grpc.ClientConn {
	t.Helper()
	return dialTo(t, NewGRPC(b.in, Door{Panicked: panicked}))
}

// dialTo has a server serve and returns a connection to it.
func dialTo(t *testing.T, g *GRPC) *grpc.ClientConn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- g.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close() //nolint:errcheck,gosec // the end of the test
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		g.Stop(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestLogsGRPC(t *testing.T) {
	b := newBench(t, nil)
	client := plogotlp.NewGRPCClient(dial(t, b, func(string, any) {}))
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		b.sink.events = nil
		resp, err := client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(logsOf(10, true)), opts...)
		if err != nil {
			t.Fatal(err)
		}
		if n := resp.PartialSuccess().RejectedLogRecords(); n != 1 || len(b.sink.events) != 10 {
			t.Errorf("%d rejected, %d events", n, len(b.sink.events))
		}
	}
	if b.counter("topologyd_ingest_bytes_total", "otlp_grpc") == 0 {
		t.Error("bytes are not counted")
	}
}

func TestGRPCErrors(t *testing.T) {
	b := newBench(t, func(c *Config) { c.MaxBody = 1 << 20 }) // a message: 256 KiB
	panics := 0
	conn := dial(t, b, func(string, any) { panics++ })
	client := plogotlp.NewGRPCClient(conn)
	export := func(n int, opts ...grpc.CallOption) *grpcstatus.Status {
		_, err := client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(logsOf(n, false)), opts...)
		return grpcstatus.Convert(err)
	}

	b.sink.err = engine.ErrBusy
	st := export(1)
	var retry *errdetails.RetryInfo
	for _, d := range st.Details() {
		retry, _ = d.(*errdetails.RetryInfo)
	}
	if st.Code() != codes.ResourceExhausted || retry.GetRetryDelay().GetSeconds() != 1 {
		t.Errorf("busy: %v %v", st, retry)
	}
	b.sink.err = engine.ErrLog
	if st := export(1); st.Code() != codes.Unavailable {
		t.Errorf("log: %v", st)
	}
	b.sink.err, b.sink.panic = nil, true
	if st := export(1); st.Code() != codes.Internal || panics != 1 {
		t.Errorf("panic: %v, %d", st, panics)
	}
	b.sink.panic = false
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor("gzip")}} {
		if st := export(10_000, opts...); st.Code() != codes.ResourceExhausted || !strings.Contains(st.Message(), "larger than max") {
			t.Errorf("too large: %v", st)
		}
	}
	if st := export(10); st.Code() != codes.OK {
		t.Errorf("afterwards: %v", st)
	}
	if _, err := pmetricotlp.NewGRPCClient(conn).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(metricsOf())); err != nil {
		t.Errorf("metrics: %v", err)
	}
	if b.in.slots.InUse() != 0 {
		t.Errorf("%d slots left over", b.in.slots.InUse())
	}
}

func TestGRPCAdmission(t *testing.T) {
	b := newBench(t, nil)
	b.sink.block = make(chan struct{})
	conn := dial(t, b, func(string, any) {})
	client := plogotlp.NewGRPCClient(conn)
	results := make(chan codes.Code, grpcAtOnce)
	for range grpcAtOnce {
		go func() {
			_, err := client.Export(t.Context(), plogotlp.NewExportRequestFromLogs(logsOf(1, false)))
			results <- grpcstatus.Code(err)
		}()
	}
	for b.in.slots.InUse() < grpcAtOnce {
		time.Sleep(time.Millisecond)
	}
	// Another connection, because one may not have more streams.
	other, err := grpc.NewClient(conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // the end of the test
	_, err = plogotlp.NewGRPCClient(other).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logsOf(1, false)))
	if grpcstatus.Code(err) != codes.Unavailable {
		t.Errorf("one too many: %v", err)
	}
	close(b.sink.block)
	for range grpcAtOnce {
		if code := <-results; code != codes.OK {
			t.Errorf("admitted: %v", code)
		}
	}
}

// TestGRPCSilent: requests that begin and do not go on are ended, and make room.
func TestGRPCSilent(t *testing.T) {
	b := newBench(t, nil)
	g := NewGRPC(b.in, Door{Panicked: func(string, any) {}})
	g.timeout = 100 * time.Millisecond
	conn := dialTo(t, g)
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	all := make([]grpc.ClientStream, grpcAtOnce)
	for i := range all {
		var err error
		if all[i], err = conn.NewStream(t.Context(), desc, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range all {
		if err := s.RecvMsg(new(emptypb.Empty)); grpcstatus.Code(err) != codes.DeadlineExceeded {
			t.Errorf("it ended with %v", err)
		}
	}
	proctest.Eventually(t, 20*time.Second, "no request is in hand", func() error {
		if n := g.inHand.Load(); n != 0 {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
}

// TestGRPCRefused: nothing is left of a request that is refused, however long its
// sender would wait.
func TestGRPCRefused(t *testing.T) {
	b := newBench(t, nil)
	asked := make(chan context.Context, 1)
	g := NewGRPC(b.in, Door{Panicked: func(string, any) {}, Admit: func(ctx context.Context, _ *tap.Info) (context.Context, error) {
		asked <- ctx
		return nil, grpcstatus.Error(codes.Unauthenticated, "say who asks")
	}})
	client := plogotlp.NewGRPCClient(dialTo(t, g))
	for _, wait := range []time.Duration{0, 5 * time.Second, 1000 * time.Hour} {
		ctx := t.Context()
		if wait > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, wait)
			defer cancel()
		}
		_, err := client.Export(ctx, plogotlp.NewExportRequestFromLogs(logsOf(1, false)))
		if code := grpcstatus.Code(err); code != codes.Unauthenticated && (wait == 0 || code != codes.DeadlineExceeded) {
			t.Errorf("%v: %v", wait, err)
		}
		if inside := <-asked; wait > shutDeadline {
			select {
			case <-inside.Done():
			case <-time.After(20 * time.Second):
				t.Errorf("%v: it goes on", wait)
			}
		}
	}
	if len(b.sink.events) > 0 || g.inHand.Load() != 0 {
		t.Errorf("%d events, %d in hand", len(b.sink.events), g.inHand.Load())
	}
}

// TestGRPCHandshake: one that fails is told, with who it was.
func TestGRPCHandshake(t *testing.T) {
	b := newBench(t, nil)
	cert := certtest.NewCA(t, "servers").Server(t)
	told := make(chan string, 1)
	conn := dialTo(t, NewGRPC(b.in, Door{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		Panicked: func(string, any) {}, Refused: func(remote, why string) {
			select {
			case told <- remote + " " + why:
			default:
			}
		}}))
	if _, err := plogotlp.NewGRPCClient(conn).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logsOf(1, false))); err == nil {
		t.Error("what is no TLS is taken")
	}
	if got := <-told; !strings.HasPrefix(got, "127.0.0.1:") || !strings.Contains(got, "tls: first record does not look like a TLS handshake") {
		t.Error(got)
	}
}

func FuzzLogs(f *testing.F) {
	b := newBench(f, func(c *Config) { c.MaxBody = 1 << 20 })
	body, err := plogotlp.NewExportRequestFromLogs(logsOf(2, true)).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, true)
	body, err = plogotlp.NewExportRequestFromLogs(logsOf(2, true)).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body, false)
	f.Fuzz(func(t *testing.T, body []byte, isJSON bool) {
		media := typeProtobuf
		if isJSON {
			media = typeJSON
		}
		req, err := http.NewRequest(http.MethodPost, "/v1/logs", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", media)
		b.sink.events = nil
		w := &discard{h: http.Header{}, code: 200}
		b.in.logs(w, req)
		if w.code != 200 && w.code != 400 && w.code != 413 {
			t.Errorf("status %d: %q", w.code, w.body)
		}
		for i := range b.sink.events {
			if err := b.sink.events[i].Validate(); err != nil {
				t.Errorf("an invalid event got through: %v", err)
			}
		}
	})
}
