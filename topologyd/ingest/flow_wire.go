package ingest

import (
	"errors"
	"fmt"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/skein-net/skein/internal/entity"
	eventlog "github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
)

// flowWire reads flow records straight from the bytes of an OTLP request, which
// costs a fraction of what it does by way of pdata. It knows what collectors
// send and leaves everything else, malformed requests among it, to pdata: its
// answers are those of [otlplog.Decoder]. It is for one goroutine at a time.
type flowWire struct {
	fields  map[string]wireField
	decoder *otlplog.Decoder
	// texts are values of fields that came before, so that each is there once.
	texts map[string]string

	records []flowrecord.Record
	number  int
	invalid int
	first   error
}

// wireField is a field; parsed tells that its text is not kept.
type wireField struct {
	*flowrecord.Field
	parsed bool
}

// Bounds of what is read here: longer values and requests are pdata's business,
// which takes less memory for small records; more texts are forgotten.
const (
	wireText    = 1024
	wireDetails = 64 << 10
	wireTexts   = 4096
	wireRecords = 16 * flowBatch
)

// errNotHere leaves a request to pdata.
var errNotHere = errors.New("not a request of flow records alone")

// Field numbers of opentelemetry-proto (collector/logs/v1, logs/v1, common/v1).
const (
	numResourceLogs = 1 // of ExportLogsServiceRequest
	numResource     = 1 // of ResourceLogs
	numScopeLogs    = 2
	numSchemaURL    = 3 // of ResourceLogs and ScopeLogs
	numAttributes   = 1 // of Resource
	numScope        = 1 // of ScopeLogs
	numLogRecords   = 2
	numRecordAttrs  = 6 // of LogRecord
	numEventName    = 12
	numKey          = 1 // of KeyValue
	numValue        = 2
	numString       = 1 // of AnyValue
	numInt          = 3
)

func newFlowWire(d *otlplog.Decoder) *flowWire {
	w := &flowWire{fields: make(map[string]wireField), decoder: d, texts: make(map[string]string)}
	fields := flowrecord.Fields()
	for i := range fields {
		w.fields[fields[i].Wire] = wireField{Field: &fields[i]}
	}
	for _, name := range [...]string{"flow.id", "flow.parent_id", "flow.node_tid", "flow.tracking_id", "flow.l3_tracking_id",
		"source.mac", "destination.mac", "source.address", "destination.address", "flow.finish"} {
		if f, ok := w.fields[name]; ok {
			f.parsed = true
			w.fields[name] = f
		}
	}
	return w
}

// reset forgets the records and keeps their memory for the next request.
func (w *flowWire) reset() {
	clear(w.records[:cap(w.records)])
	if cap(w.records) > 4*flowBatch {
		w.records = nil
	}
	w.records, w.number, w.invalid, w.first = w.records[:0], 0, 0, nil
	if len(w.texts) > wireTexts {
		clear(w.texts)
	}
}

// parts calls visit for each field of a message: data of those with bytes, else
// the number of those that are varints.
func parts(b []byte, visit func(num protowire.Number, typ protowire.Type, data []byte, n uint64) error) error {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return errNotHere
		}
		b = b[k:]
		var data []byte
		var n uint64
		switch typ {
		case protowire.BytesType:
			data, k = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, k = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			_, k = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			_, k = protowire.ConsumeFixed32(b)
		default:
			return errNotHere
		}
		if k < 0 {
			return errNotHere
		}
		b = b[k:]
		if err := visit(num, typ, data, n); err != nil {
			return err
		}
	}
	return nil
}

// request reads a whole ExportLogsServiceRequest.
func (w *flowWire) request(b []byte) error {
	return parts(b, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) error {
		if num != numResourceLogs || typ != protowire.BytesType {
			return errNotHere
		}
		return w.resourceLogs(data)
	})
}

func (w *flowWire) resourceLogs(b []byte) error {
	host, resources := "", 0
	err := parts(b, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) (err error) {
		if typ != protowire.BytesType || num < numResource || num > numSchemaURL {
			return errNotHere
		}
		if num == numResource {
			if resources++; resources > 1 {
				return errNotHere
			}
			host, err = w.host(data)
		}
		return err
	})
	if err != nil {
		return err
	}
	return parts(b, func(num protowire.Number, _ protowire.Type, data []byte, _ uint64) error {
		if num != numScopeLogs {
			return nil
		}
		return parts(data, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) error {
			if typ != protowire.BytesType || num < numScope || num > numSchemaURL {
				return errNotHere
			}
			if num != numLogRecords {
				return nil
			}
			return w.record(data, host)
		})
	})
}

// host returns the host.id among the attributes of a resource.
func (w *flowWire) host(b []byte) (host string, err error) {
	found := false
	err = parts(b, func(num protowire.Number, _ protowire.Type, data []byte, _ uint64) error {
		if num != numAttributes {
			return nil
		}
		key, v, err := keyValue(data)
		if err != nil || found || string(key) != entity.IDHost {
			return err
		}
		if found = true; v.kind != wireIsText || len(v.text) > wireText {
			return errNotHere
		}
		host = w.text(v.text)
		return nil
	})
	return host, err
}

// record reads one log record.
func (w *flowWire) record(b []byte, host string) error {
	flow := false
	err := parts(b, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) error {
		if num == numEventName {
			flow = typ == protowire.BytesType && string(data) == flowrecord.EventName
		}
		return nil
	})
	if err != nil || !flow || w.number == wireRecords {
		return errNotHere
	}
	w.number++
	w.records = append(w.records, flowrecord.Record{HostID: host})
	r := &w.records[len(w.records)-1]
	err = parts(b, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) error {
		if num != numRecordAttrs {
			return nil
		}
		if typ != protowire.BytesType {
			return errNotHere
		}
		return w.attribute(r, data)
	})
	if err == nil && !r.ID.IsZero() {
		return nil
	}
	return w.slowly(b, r, host)
}

// slowly has pdata read a log record, and say what is wrong with it.
func (w *flowWire) slowly(b []byte, r *flowrecord.Record, host string) error {
	for _, num := range [...]protowire.Number{numLogRecords, numScopeLogs, numResourceLogs} {
		b = protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	if eventlog.CheckProto(b) != nil {
		return errNotHere
	}
	logs, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
	if err != nil || logs.LogRecordCount() != 1 {
		return errNotHere
	}
	*r = flowrecord.Record{HostID: host}
	if err := w.decoder.Record(logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0), r); err != nil {
		w.records = w.records[:len(w.records)-1]
		if w.invalid++; w.first == nil {
			w.first = fmt.Errorf("log record %d: %w", w.number, err)
		}
	}
	return nil
}

// attribute sets one field.
func (w *flowWire) attribute(r *flowrecord.Record, b []byte) error {
	key, v, err := keyValue(b)
	if err != nil {
		return err
	}
	f := w.fields[string(key)]
	switch {
	case f.Field == nil, v.kind == wireIsEmpty, v.kind == wireIsText && len(v.text) == 0:
		return nil
	case v.kind == wireIsInt && f.Kind == entity.KindInt && f.Set(r, entity.Int(v.n)):
		return nil
	case v.kind == wireIsText && f.Kind == entity.KindString && len(v.text) <= wireText:
		text := unsafe.String(unsafe.SliceData(v.text), len(v.text)) // valid while it is parsed
		if !f.parsed {
			text = w.text(v.text)
		}
		if f.Set(r, entity.String(text)) {
			return nil
		}
	case v.kind == wireIsText && f.Kind == entity.KindMap && len(v.text) <= wireDetails:
		x, err := entity.ParseJSON(entity.CleanText(string(v.text)))
		if err == nil && x.Kind() == entity.KindMap && f.Set(r, x) {
			return nil
		}
	}
	return errNotHere // for this record alone
}

// text returns bytes as a text that stays.
func (w *flowWire) text(b []byte) string {
	if s, ok := w.texts[string(b)]; ok {
		return s
	}
	raw := string(b)
	s := entity.CleanText(raw)
	if len(w.texts) <= wireTexts && len(b) <= 64 {
		w.texts[raw] = s
	}
	return s
}

// Kinds of a wireValue; another one is left to pdata.
const (
	wireIsEmpty = iota
	wireIsText
	wireIsInt
	wireIsOther
)

// wireValue is an AnyValue; text is part of the request.
type wireValue struct {
	kind int
	text []byte
	n    int64
}

// keyValue reads a KeyValue.
func keyValue(b []byte) (key []byte, v wireValue, err error) {
	err = parts(b, func(num protowire.Number, typ protowire.Type, data []byte, _ uint64) error {
		switch {
		case num == numKey && typ == protowire.BytesType:
			key = data
		case num == numValue && typ == protowire.BytesType:
			if v.kind != wireIsEmpty {
				return errNotHere
			}
			return parts(data, func(num protowire.Number, typ protowire.Type, data []byte, n uint64) error {
				switch {
				case v.kind != wireIsEmpty:
					return errNotHere
				case num == numString && typ == protowire.BytesType:
					v = wireValue{kind: wireIsText, text: data}
				case num == numInt && typ == protowire.VarintType:
					v = wireValue{kind: wireIsInt, n: int64(n)}
				default:
					v.kind = wireIsOther
				}
				return nil
			})
		default:
			return errNotHere
		}
		return nil
	})
	return key, v, err
}
