package ingest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
)

// bothWays reads a request straight and by way of pdata and holds the answers
// against one another. It reports whether it was read straight.
func bothWays(t *testing.T, w *flowWire, body []byte) bool {
	t.Helper()
	w.reset()
	if w.request(body) != nil {
		return false
	}
	req := plogotlp.NewExportRequest()
	if req.UnmarshalProto(body) != nil {
		return true // what is not looked at may be malformed
	}
	var want []flowrecord.Record
	ignored, invalid, first := flowlog.Decode(req.Logs(), func(r *flowrecord.Record) { want = append(want, *r) })
	if ignored != 0 || invalid != w.invalid || len(want) != len(w.records) || fmt.Sprint(first) != fmt.Sprint(w.first) {
		t.Fatalf("%d records, %d invalid (%v); want %d, %d (%v), %d ignored", len(w.records), w.invalid, w.first, len(want), invalid, first, ignored)
	}
	table := flowrecord.NewTable()
	for i := range want {
		got, want := w.records[i], want[i]
		if got, want := table.Attrs(&got), table.Attrs(&want); !got.Equal(want) {
			t.Fatalf("record %d: %v\nwant %v", i, got, want)
		}
		if (got.TCP == nil) != (want.TCP == nil) || got.TCP != nil && *got.TCP != *want.TCP {
			t.Fatalf("record %d: %+v, want %+v", i, got.TCP, want.TCP)
		}
	}
	return true
}

func protobuf(t testing.TB, logs plog.Logs) []byte {
	t.Helper()
	b, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFlowWire(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := newFlowWire(flowlog.NewDecoder())
	for i := range 200 {
		var records []flowrecord.Record
		for range r.IntN(6) {
			records = append(records, flowrecordtest.Record(r))
		}
		logs := flowlog.Encode(records)
		if !bothWays(t, w, protobuf(t, logs)) {
			t.Fatalf("%d: not read", i)
		}
		// What is kept must not be part of the request.
		body := protobuf(t, logs)
		w.reset()
		if err := w.request(body); err != nil {
			t.Fatal(err)
		}
		clear(body)
		table := flowrecord.NewTable()
		for k := range records {
			if got := w.records[k]; !table.Attrs(&got).Equal(table.Attrs(&records[k])) {
				t.Fatalf("record %d changed with the request", k)
			}
		}
	}
}

// What is odd in one record is pdata's business, and changes no other.
func TestFlowWireOddRecords(t *testing.T) {
	for name, spoil := range map[string]func(plog.LogRecord){
		"no ID":           func(r plog.LogRecord) { r.Attributes().Remove("flow.id") },
		"bad ID":          func(r plog.LogRecord) { r.Attributes().PutStr("flow.id", "x") },
		"port of 70000":   func(r plog.LogRecord) { r.Attributes().PutInt("source.port", 70000) },
		"port as text":    func(r plog.LogRecord) { r.Attributes().PutStr("source.port", "80") },
		"text as integer": func(r plog.LogRecord) { r.Attributes().PutInt("flow.layers", 80) },
		"empty texts": func(r plog.LogRecord) {
			r.Attributes().PutStr("flow.layers", "")
			r.Attributes().PutStr("source.port", "")
		},
		"empty value":     func(r plog.LogRecord) { r.Attributes().PutEmpty("flow.layers") },
		"a double":        func(r plog.LogRecord) { r.Attributes().PutDouble("source.port", 80) },
		"unknown":         func(r plog.LogRecord) { r.Attributes().PutEmptySlice("something.else").AppendEmpty().SetStr("x") },
		"details as map":  func(r plog.LogRecord) { r.Attributes().PutEmptyMap("flow.dns").PutStr("a", "b") },
		"bad details":     func(r plog.LogRecord) { r.Attributes().PutStr("flow.dns", "{") },
		"long text":       func(r plog.LogRecord) { r.Attributes().PutStr("flow.layers", strings.Repeat("x", 1025)) },
		"bad UTF-8":       func(r plog.LogRecord) { r.Attributes().PutStr("flow.layers", "a\xff") },
		"bad UTF-8 in ID": func(r plog.LogRecord) { r.Attributes().PutStr("flow.id", "a\xff") },
		"own host":        func(r plog.LogRecord) { r.Attributes().PutStr("host.id", "other") },
		"body and more": func(r plog.LogRecord) {
			r.Body().SetEmptyMap().PutStr("a", "b")
			r.SetSeverityText("INFO")
			r.SetSeverityNumber(9)
			r.SetTraceID([16]byte{1})
			r.SetFlags(1)
			r.SetDroppedAttributesCount(3)
			r.SetObservedTimestamp(4)
		},
	} {
		logs, _ := flowLogs(3)
		spoil(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1))
		if !bothWays(t, newFlowWire(flowlog.NewDecoder()), protobuf(t, logs)) {
			t.Errorf("%s: not read", name)
		}
	}
}

// What does not hold flow records alone is left to pdata as a whole.
func TestFlowWireNotHere(t *testing.T) {
	good, _ := flowLogs(2)
	for name, body := range map[string][]byte{
		"events":    protobuf(t, logsOf(2, false)),
		"malformed": protobuf(t, good)[:100],
		"not proto": []byte("\x07\xff"),
		"other":     []byte("\x12\x00"),
		"too many": func() []byte {
			logs, _ := flowLogs(1)
			return bytes.Repeat(protobuf(t, logs), wireRecords+1)
		}(),
		"host is int": func() []byte {
			logs, _ := flowLogs(1)
			logs.ResourceLogs().At(0).Resource().Attributes().PutInt("host.id", 5)
			return protobuf(t, logs)
		}(),
		"mixed": func() []byte {
			logs, _ := flowLogs(2)
			logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetEventName("other")
			return protobuf(t, logs)
		}(),
	} {
		if bothWays(t, newFlowWire(flowlog.NewDecoder()), body) {
			t.Errorf("%s: read", name)
		}
	}
}

func FuzzFlowWire(f *testing.F) {
	logs, _ := flowLogs(2)
	f.Add(protobuf(f, logs))
	logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).Attributes().PutStr("flow.dns", "{")
	f.Add(protobuf(f, logs))
	f.Add(bytes.Repeat([]byte{0x0a, 0x02}, 50))
	w := newFlowWire(flowlog.NewDecoder())
	f.Fuzz(func(t *testing.T, body []byte) { bothWays(t, w, body) })
}
