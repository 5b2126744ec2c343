package otlplog

import (
	"errors"
	"fmt"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// Bounds of what is believed. A value that is longer makes its record invalid.
const (
	maxText    = 1024
	maxDetails = 64 << 10
)

// Decoder reads flow records from log records. It is immutable and may be used
// by several goroutines at once.
type Decoder struct{ byWire map[string]*flowrecord.Field }

// NewDecoder makes a decoder. It costs a few microseconds: keep it.
func NewDecoder() *Decoder {
	fields := flowrecord.Fields()
	d := &Decoder{byWire: make(map[string]*flowrecord.Field, len(fields))}
	for i := range fields {
		d.byWire[fields[i].Wire] = &fields[i]
	}
	return d
}

// Decode is [Decoder.Decode] for those who do it once.
func Decode(logs plog.Logs, yield func(*flowrecord.Record)) (ignored, invalid int, firstErr error) {
	return NewDecoder().Decode(logs, yield)
}

// IsFlow reports whether a log record says of itself that it is a flow record.
func IsFlow(r plog.LogRecord) bool { return r.EventName() == flowrecord.EventName }

// Decode calls yield for every flow record among the log records, in their
// order. The record is reused for the next one: copy *r to keep it (a shallow
// copy is enough). Every record has an ID; what is not UTF-8 has its bad bytes
// replaced; unknown attributes are ignored. It returns the number of log
// records that are no flow records and of those that are invalid, with the
// first of their errors.
func (d *Decoder) Decode(logs plog.Logs, yield func(*flowrecord.Record)) (ignored, invalid int, firstErr error) {
	var rec flowrecord.Record
	number := 0
	for _, rl := range logs.ResourceLogs().All() {
		host := host(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				number++
				if !IsFlow(r) {
					ignored++
					continue
				}
				rec = flowrecord.Record{HostID: host}
				if err := d.Record(r, &rec); err != nil {
					if invalid++; firstErr == nil {
						firstErr = fmt.Errorf("log record %d: %w", number, err)
					}
					continue
				}
				yield(&rec)
			}
		}
	}
	return ignored, invalid, firstErr
}

// host returns the host.id of a resource, "" when there is none that makes
// sense.
func host(res pcommon.Resource) string {
	v, ok := res.Attributes().Get(hostID)
	if !ok || v.Type() != pcommon.ValueTypeStr || len(v.Str()) > maxText {
		return ""
	}
	return entity.CleanText(v.Str())
}

var errNoID = errors.New("no flow.id")

// Record reads one log record into r, which must be zero but for what the
// resource says. After an error r holds a part.
func (d *Decoder) Record(from plog.LogRecord, r *flowrecord.Record) error {
	for key, v := range from.Attributes().All() {
		f := d.byWire[key]
		if f == nil {
			continue
		}
		x, err := value(f, v)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Wire, err)
		}
		if x.IsZero() {
			continue
		}
		if !f.Set(r, x) {
			return fmt.Errorf("%s: %s makes no sense", f.Wire, cut(x.Text()))
		}
	}
	if r.ID.IsZero() {
		return errNoID
	}
	return nil
}

// value converts a value to what the field wants. What is empty is as if it
// were not there.
func value(f *flowrecord.Field, v pcommon.Value) (entity.Value, error) {
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return entity.Value{}, nil
	case pcommon.ValueTypeStr:
		return text(f, v.Str())
	case pcommon.ValueTypeInt:
		if f.Kind == entity.KindInt {
			return entity.Int(v.Int()), nil
		}
	case pcommon.ValueTypeMap:
		if f.Kind == entity.KindMap {
			return details(v.Map(), 1, new(budget))
		}
	}
	return entity.Value{}, mismatch(f, v.Type())
}

func text(f *flowrecord.Field, s string) (entity.Value, error) {
	if s == "" {
		return entity.Value{}, nil
	}
	switch f.Kind {
	case entity.KindString:
		if len(s) > maxText {
			return entity.Value{}, fmt.Errorf("%d bytes, more than %d", len(s), maxText)
		}
		return entity.String(entity.CleanText(s)), nil
	case entity.KindMap:
		if len(s) > maxDetails {
			return entity.Value{}, fmt.Errorf("%d bytes, more than %d", len(s), maxDetails)
		}
		v, err := entity.ParseJSON(entity.CleanText(s))
		if err == nil && v.Kind() != entity.KindMap {
			err = fmt.Errorf("want a JSON object, got a %s", v.Kind())
		}
		return v, err
	}
	return entity.Value{}, mismatch(f, pcommon.ValueTypeStr)
}

func mismatch(f *flowrecord.Field, got pcommon.ValueType) error {
	want := "a string"
	switch f.Kind {
	case entity.KindInt:
		want = "an integer"
	case entity.KindMap:
		want = "a JSON object or a map"
	}
	return fmt.Errorf("want %s, got %s", want, got)
}

// cut shortens what goes into an error.
func cut(s string) string {
	const most = 64
	if len(s) > most {
		return entity.CleanText(s[:most]) + "..."
	}
	return s
}
