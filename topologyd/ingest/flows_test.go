package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/flows"
)

// fakeFlows remembers the flow records it was given.
type fakeFlows struct {
	mu      sync.Mutex
	reports []flowrecord.Record
	calls   int
	err     error
	// after, when not 0, is how many calls succeed before err.
	after int
	// hang has Take wait until its context ends.
	hang bool
}

func (f *fakeFlows) Take(ctx context.Context, reports []flowrecord.Record) (t flows.Taken, err error) {
	if f.hang {
		<-ctx.Done()
		return t, fmt.Errorf("store: %w", ctx.Err())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.err != nil && f.calls > f.after {
		return t, f.err
	}
	for i := range reports {
		switch {
		case reports[i].Metric.Start == 0:
			t.Invalid, t.Reason = t.Invalid+1, errors.New("it has no beginning")
		case reports[i].Application == "again":
			t.Duplicate++
		default:
			f.reports = append(f.reports, reports[i])
			t.Stored++
		}
	}
	return t, nil
}

// fakeSeries remembers counters.
type fakeSeries struct {
	got []engine.Metric
	err error
}

func (s *fakeSeries) WriteCounters(_ context.Context, ms []engine.Metric) error {
	if s.err != nil {
		return s.err
	}
	s.got = append(s.got, ms...)
	return nil
}

func flowLogs(n int) (plog.Logs, []flowrecord.Record) {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	records := make([]flowrecord.Record, n)
	for i := range records {
		records[i] = flowrecordtest.Full(r)
		records[i].HostID = fmt.Sprint("host", i/1000)
	}
	return flowlog.Encode(records), records
}

func TestFlowsHTTP(t *testing.T) {
	for _, media := range []string{typeProtobuf, typeJSON} {
		b := newBench(t, nil)
		logs, want := flowLogs(2500)
		code, _, answer := b.post("/v1/logs", marshal(t, media, logs), "Content-Type", media)
		if code != http.StatusOK || unmarshal(t, media, answer).PartialSuccess().RejectedLogRecords() != 0 {
			t.Fatalf("%d %s", code, answer)
		}
		if len(b.flows.reports) != len(want) || b.flows.calls != 3 || b.sink.batches != 0 {
			t.Fatalf("%d records in %d calls, %d batches of events", len(b.flows.reports), b.flows.calls, b.sink.batches)
		}
		table := flowrecord.NewTable()
		for i := range want {
			if got := table.Attrs(&b.flows.reports[i]); !got.Equal(table.Attrs(&want[i])) {
				t.Fatalf("record %d: %v", i, got)
			}
		}
		if n := b.counter("topologyd_ingest_flow_records_total", "stored"); n != 2500 {
			t.Errorf("%v stored", n)
		}
	}
}

func TestFlowsAndEventsTogether(t *testing.T) {
	b := newBench(t, nil)
	logs, _ := flowLogs(5)
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(0).Attributes().PutStr("flow.id", "nonsense")
	records.At(1).Attributes().Remove("network.flow.start")
	records.AppendEmpty().SetEventName(flowrecord.EventName) // nothing in it
	again := records.AppendEmpty()
	records.At(1).CopyTo(again)
	again.Attributes().PutInt("network.flow.start", 5)
	again.Attributes().PutStr("network.protocol.name", "again")
	logsOf(4, true).ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
	code, _, answer := b.post("/v1/logs", marshal(t, typeProtobuf, logs), "Content-Type", typeProtobuf)
	part := unmarshal(t, typeProtobuf, answer).PartialSuccess()
	if code != http.StatusOK || part.RejectedLogRecords() != 4 ||
		!strings.Contains(part.ErrorMessage(), "4 log records are not valid entity events and flow records; the first: ") {
		t.Errorf("%d: %d %q", code, part.RejectedLogRecords(), part.ErrorMessage())
	}
	if len(b.flows.reports) != 3 || b.sink.count() != 4 {
		t.Errorf("%d flows, %d events", len(b.flows.reports), b.sink.count())
	}
	for want, x := range map[string]float64{
		"invalid_flow": 3, "invalid_event": 1,
	} {
		if n := b.counter("topologyd_ingest_rejected_total", want); n != x {
			t.Errorf("%v %s", n, want)
		}
	}
	if n := b.counter("topologyd_ingest_flow_records_total", "duplicate"); n != 1 {
		t.Errorf("%v duplicates", n)
	}
	if n := b.counter("topologyd_ingest_ignored_total", "log_record"); n != 1 {
		t.Errorf("%v ignored", n)
	}
}

// What the store does not take is refused so that the sender keeps it.
func TestFlowsRefused(t *testing.T) {
	for name, x := range map[string]struct {
		err    error
		status int
		retry  string
		code   codes.Code
		delay  int64
		reason string
	}{
		"busy":     {fmt.Errorf("queue full: %w", flows.ErrBusy), 429, "1", codes.ResourceExhausted, 1, "busy"},
		"disk":     {fmt.Errorf("%w: no space left", flows.ErrStore), 503, "5", codes.Unavailable, 5, "flow_store"},
		"stopping": {flows.ErrStopped, 503, "5", codes.Unavailable, 5, "stopped"},
		"gone":     {context.Canceled, 503, "5", codes.Unavailable, 5, "stopped"},
	} {
		b := newBench(t, nil)
		b.flows.err, b.flows.after = x.err, 1
		logs, _ := flowLogs(2500) // the second batch fails
		body := marshal(t, typeProtobuf, logs)
		code, h, answer := b.post("/v1/logs", body, "Content-Type", typeProtobuf)
		if code != x.status || h.Get("Retry-After") != x.retry || b.flows.calls != 2 {
			t.Errorf("%s: %d %v %s", name, code, h, answer)
		}
		_, err := plogotlp.NewGRPCClient(dial(t, b, func(string, any) {})).Export(t.Context(), plogotlp.NewExportRequestFromLogs(logs))
		st := grpcstatus.Convert(err)
		var retry *errdetails.RetryInfo
		for _, d := range st.Details() {
			retry, _ = d.(*errdetails.RetryInfo)
		}
		if st.Code() != x.code || retry.GetRetryDelay().GetSeconds() != x.delay {
			t.Errorf("%s: %v %v", name, st, retry)
		}
		if n := b.counter("topologyd_ingest_rejected_total", x.reason); n != 2 {
			t.Errorf("%s: %v counted", name, n)
		}
		b.flows.err = nil
		if code, _, answer := b.post("/v1/logs", body, "Content-Type", typeProtobuf); code != 200 {
			t.Errorf("%s: again: %d %s", name, code, answer)
		}
	}
}

// A store that hangs keeps neither its own senders for ever, nor those of
// entity events at all.
func TestFlowStoreHangs(t *testing.T) {
	b := newBench(t, nil)
	b.flows.hang = true
	b.in.flowTimeout = time.Hour
	logs, _ := flowLogs(3)
	body := marshal(t, typeProtobuf, logs)
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for range flowsAtOnce {
		senders.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.server.URL+"/v1/logs", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", typeProtobuf)
			if resp, err := b.server.Client().Do(req); err == nil {
				resp.Body.Close() //nolint:errcheck,gosec // not read
				t.Errorf("%d", resp.StatusCode)
			}
		})
	}
	proctest.Eventually(t, 10*time.Second, "all wait", func() error {
		if n := b.in.flowSlots.InUse(); n < flowsAtOnce {
			return fmt.Errorf("%d wait", n)
		}
		return nil
	})
	if code, h, answer := b.post("/v1/logs", body, "Content-Type", typeProtobuf); code != 429 || h.Get("Retry-After") != "1" {
		t.Errorf("one more: %d %v %s", code, h, answer)
	}
	if code, _, answer := b.post("/v1/logs", marshal(t, typeProtobuf, logsOf(2, false)), "Content-Type", typeProtobuf); code != 200 || b.sink.count() != 2 {
		t.Errorf("events: %d %s", code, answer)
	}
	cancel()
	senders.Wait()
	b = newBench(t, nil) // handlers of the other one may still end
	b.flows.hang, b.in.flowTimeout = true, 10*time.Millisecond
	code, h, answer := b.post("/v1/logs", body, "Content-Type", typeProtobuf)
	if code != 503 || h.Get("Retry-After") != "5" || !bytes.Contains(answer, []byte("no answer within 10ms")) {
		t.Errorf("in the end: %d %v %s", code, h, answer)
	}
}

func TestFlowsAreNotKept(t *testing.T) {
	b := newBench(t, nil)
	b.in.flows, b.in.series = nil, nil
	logs, _ := flowLogs(7)
	if code, _, answer := b.post("/v1/logs", marshal(t, typeProtobuf, logs), "Content-Type", typeProtobuf); code != 200 || unmarshal(t, typeProtobuf, answer).PartialSuccess().RejectedLogRecords() != 0 {
		t.Errorf("%d %q", code, answer)
	}
	if n := b.counter("topologyd_ingest_ignored_total", "log_record"); n != 7 {
		t.Errorf("%v ignored", n)
	}
}

func TestSeries(t *testing.T) {
	b := newBench(t, nil)
	line := []byte("topology_interface,entity=" + entity.HostRef("h").UUID().String() + " rx_bytes=5i 1700000000000000000\n")
	for _, fail := range []bool{false, true} {
		if fail {
			b.series.err = errors.New("disk full")
		}
		if code, _, answer := b.post("/api/v2/write", line); code != 204 {
			t.Errorf("%d %s", code, answer)
		}
	}
	if len(b.series.got) != 1 || b.series.got[0].Values.Get("RxBytes").Int() != 5 || len(b.sink.metrics) != 2 {
		t.Errorf("%+v", b.series.got)
	}
	for _, result := range []string{"stored", "dropped"} {
		if n := b.counter("topologyd_ingest_counters_total", result); n != 1 {
			t.Errorf("%v %s", n, result)
		}
	}
}

// Counters that cannot be kept at once do not hold up what else is said.
func TestSeriesHang(t *testing.T) {
	b := newBench(t, nil)
	for range seriesAtOnce {
		if !b.in.seriesSlots.Acquire(t.Context(), 0) {
			t.Fatal("no slot")
		}
	}
	body := append(lines(0, 3), "topology_interface,entity="+entity.HostRef("h").UUID().String()+" rx_bytes=5i 1700000000000000000\n"...)
	if code, _, answer := b.post("/api/v2/write", body); code != 204 || b.sink.count() != 3 || len(b.sink.metrics) != 1 || len(b.series.got) != 0 {
		t.Errorf("%d %s", code, answer)
	}
	if n := b.counter("topologyd_ingest_counters_total", "dropped"); n != 1 {
		t.Errorf("%v dropped", n)
	}
}

func FuzzFlows(f *testing.F) {
	b := newBench(f, func(c *Config) { c.MaxBody = 1 << 20 })
	logs, _ := flowLogs(3)
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := http.NewRequest(http.MethodPost, "/v1/logs", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", typeProtobuf)
		b.flows.reports, b.sink.events = nil, nil
		w := &discard{h: http.Header{}, code: 200}
		b.in.logs(w, req)
		if w.code != 200 && w.code != 400 && w.code != 413 {
			t.Errorf("status %d: %q", w.code, w.body)
		}
		for i := range b.flows.reports {
			if b.flows.reports[i].ID.IsZero() {
				t.Error("a record without an ID got through")
			}
		}
	})
}

// BenchmarkFlows decodes flow records as they come from a collector.
func BenchmarkFlows(b *testing.B) {
	x := newBench(b, nil)
	x.in.flows = discardFlows{}
	logs, _ := flowLogs(1000)
	body, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest(http.MethodPost, "/v1/logs", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", typeProtobuf)
		w := &discard{h: http.Header{}, code: 200}
		if x.in.logs(w, req); w.code != 200 {
			b.Fatalf("%d %s", w.code, w.body)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

type discardFlows struct{}

func (discardFlows) Take(_ context.Context, r []flowrecord.Record) (flows.Taken, error) {
	return flows.Taken{Stored: len(r)}, nil
}
