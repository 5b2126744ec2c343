package otlplog

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// ScopeName is the instrumentation scope of what [Encode] writes.
const ScopeName = "github.com/skein-net/skein"

// hostID is the one field that belongs to the resource.
const hostID = "host.id"

// Encoder writes records. It is immutable and may be used by several
// goroutines at once.
type Encoder struct{ fields []flowrecord.Field }

// NewEncoder makes an encoder. It costs a few microseconds: keep it.
func NewEncoder() *Encoder {
	e := &Encoder{}
	for _, f := range flowrecord.Fields() {
		if f.Wire != hostID {
			e.fields = append(e.fields, f)
		}
	}
	return e
}

// Record writes everything of r but its host, which belongs to the resource,
// into an empty log record.
func (e *Encoder) Record(r *flowrecord.Record, to plog.LogRecord) {
	to.SetEventName(flowrecord.EventName)
	to.SetTimestamp(pcommon.Timestamp(at(r)))
	a := to.Attributes()
	a.EnsureCapacity(attributes(r))
	for i := range e.fields {
		f := &e.fields[i]
		switch v := f.Get(r); v.Kind() {
		case entity.KindNone:
		case entity.KindInt:
			a.PutInt(f.Wire, v.Int())
		case entity.KindString:
			a.PutStr(f.Wire, v.Str())
		default:
			a.PutStr(f.Wire, string(v.AppendJSON(nil)))
		}
	}
}

// at is the time of a report. One that only says that the flow ended has no
// packets, and the flow's last packet may be older than the report before.
func at(r *flowrecord.Record) int64 {
	return max(r.Update.Last, r.Metric.Last, 0)
}

// attributes is about how many attributes a record gets.
func attributes(r *flowrecord.Record) int {
	if r.TCP != nil {
		return 48
	}
	return 36
}

// Encode returns the log records of flow records, in their order: one resource
// for each run of records of the same host.
func (e *Encoder) Encode(records []flowrecord.Record) plog.Logs {
	logs := plog.NewLogs()
	var to plog.LogRecordSlice
	for i := range records {
		r := &records[i]
		if i == 0 || r.HostID != records[i-1].HostID {
			res := logs.ResourceLogs().AppendEmpty()
			if r.HostID != "" {
				res.Resource().Attributes().PutStr(hostID, r.HostID)
			}
			scope := res.ScopeLogs().AppendEmpty()
			scope.Scope().SetName(ScopeName)
			to = scope.LogRecords()
		}
		e.Record(r, to.AppendEmpty())
	}
	return logs
}

// Encode is [Encoder.Encode] for those who do it once.
func Encode(records []flowrecord.Record) plog.Logs { return NewEncoder().Encode(records) }

// Request is [Encoder.Encode] into the body of an OTLP request: an
// ExportLogsServiceRequest in Protobuf.
func (e *Encoder) Request(records []flowrecord.Record) ([]byte, error) {
	b, err := plogotlp.NewExportRequestFromLogs(e.Encode(records)).MarshalProto()
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return b, nil
}
