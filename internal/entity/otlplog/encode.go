package otlplog

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// scopeName is the instrumentation scope of what [Encode] writes.
const scopeName = "github.com/skein-net/skein"

// eventAsLog marks a scope whose log records are entity events, as earlier
// collectors expect.
const eventAsLog = "otel.entity.event_as_log"

// Encode returns the log records of valid events, in their order, in one
// scope. An event whose Time is not set gets no timestamp.
func Encode(events []entity.Event) plog.Logs {
	logs := plog.NewLogs()
	if len(events) == 0 {
		return logs
	}
	scope := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	scope.Scope().SetName(scopeName)
	scope.Scope().Attributes().PutBool(eventAsLog, true)
	records := scope.LogRecords()
	records.EnsureCapacity(len(events))
	for i := range events {
		encodeEvent(&events[i], records.AppendEmpty())
	}
	return logs
}

func encodeEvent(e *entity.Event, r plog.LogRecord) {
	r.SetEventName(e.Kind.String())
	if !e.Time.IsZero() {
		r.SetTimestamp(pcommon.NewTimestampFromTime(e.Time))
	}
	a := r.Attributes()
	a.EnsureCapacity(7)
	encodeRef(e.Ref, a)
	a.PutStr(entity.KeySource, e.Source)
	if s := int64(e.Interval / time.Second); s != 0 {
		a.PutInt(entity.KeyReportInterval, s)
	}
	if len(e.Attributes) > 0 {
		encodeMap(e.Attributes, a.PutEmptyMap(entity.KeyDescription))
	}
	if len(e.Relationships) > 0 {
		s := a.PutEmptySlice(entity.KeyRelationships)
		s.EnsureCapacity(len(e.Relationships))
		for i := range e.Relationships {
			rel := &e.Relationships[i]
			m := s.AppendEmpty().SetEmptyMap()
			m.EnsureCapacity(4)
			m.PutStr(entity.KeyRelationshipType, rel.Type)
			encodeRef(rel.Target, m)
			if len(rel.Attributes) > 0 {
				encodeMap(rel.Attributes, m.PutEmptyMap(entity.KeyRelationshipAttributes))
			}
		}
	}
	if e.Reason != "" {
		a.PutStr(entity.KeyDeleteReason, e.Reason)
	}
}

func encodeRef(r entity.Ref, m pcommon.Map) {
	m.PutStr(entity.KeyEntityType, r.Type)
	id := m.PutEmptyMap(entity.KeyEntityID)
	id.EnsureCapacity(len(r.ID))
	for _, a := range r.ID {
		id.PutStr(a.Key, a.Value)
	}
}

func encodeMap(a entity.Attrs, m pcommon.Map) {
	m.EnsureCapacity(len(a))
	for _, x := range a {
		encodeValue(x.Value, m.PutEmpty(x.Key))
	}
}

func encodeValue(v entity.Value, to pcommon.Value) {
	switch v.Kind() {
	case entity.KindBool:
		to.SetBool(v.Bool())
	case entity.KindInt:
		to.SetInt(v.Int())
	case entity.KindFloat:
		to.SetDouble(v.Float())
	case entity.KindString:
		to.SetStr(v.Str())
	case entity.KindMap:
		encodeMap(v.Map(), to.SetEmptyMap())
	case entity.KindList:
		s := to.SetEmptySlice()
		s.EnsureCapacity(len(v.List()))
		for _, e := range v.List() {
			encodeValue(e, s.AppendEmpty())
		}
	}
}
