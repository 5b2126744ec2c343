package flowstore

import (
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Names of fields that are not in the table of flowrecord. VictoriaLogs' own
// OTLP ingestion calls the EventName of a log record event_name.
const (
	fieldTime  = "_time"
	fieldEvent = "event_name"
	fieldHost  = "host.id"
	fieldNode  = "node.id"
	// These two are not stored when they are the time of the row.
	fieldEnd       = "network.flow.end"
	fieldUpdateEnd = "flow.update.end"
	// counterPrefix is in front of the names of counters.
	counterPrefix = "counter."
	// EventCounters is the event name of rows with counters of an interface.
	EventCounters = "interface.counters"
)

// Bounds of what is stored in one row.
const (
	maxRowBytes    = 256 << 10
	maxCounters    = 200
	maxCounterName = 100
)

// row is one row to be stored. Its strings are valid until the encoder that
// made it is reset.
type row struct {
	time   int64
	event  string
	fields []logstorage.Field
}

// column is how one field of a record is written.
type column struct {
	name string
	// text returns a string that needs no copy.
	text func(*flowrecord.Record) string
	// put appends the value to b; nothing when there is none.
	put func(b []byte, r *flowrecord.Record) []byte
}

// columns are in the order of their names, as the storage wants them.
func columns() []column {
	var cs []column
	for _, f := range flowrecord.Fields() {
		c := column{name: f.Wire}
		switch f.Wire {
		case "flow.id":
			c.put = putID(func(r *flowrecord.Record) *entity.UUID { return &r.ID })
		case "flow.parent_id":
			c.put = putID(func(r *flowrecord.Record) *entity.UUID { return &r.ParentID })
		case "flow.node_tid":
			c.put = putID(func(r *flowrecord.Record) *entity.UUID { return &r.NodeTID })
		case "flow.tracking_id":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return appendTracking(b, r.TrackingID) }
		case "flow.l3_tracking_id":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return appendTracking(b, r.L3TrackingID) }
		case "source.mac":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return appendMAC(b, r.LinkA) }
		case "destination.mac":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return appendMAC(b, r.LinkB) }
		case "source.address":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return r.NetworkA.AppendTo(b) }
		case "destination.address":
			c.put = func(b []byte, r *flowrecord.Record) []byte { return r.NetworkB.AppendTo(b) }
		default:
			generic(&c, f)
		}
		cs = append(cs, c)
	}
	cs = append(cs, column{name: fieldEvent, text: func(*flowrecord.Record) string { return flowrecord.EventName }})
	slices.SortFunc(cs, func(a, b column) int { return strings.Compare(a.name, b.name) })
	return cs
}

func generic(c *column, f flowrecord.Field) {
	switch f.Kind {
	case entity.KindString:
		c.text = func(r *flowrecord.Record) string { return f.Get(r).Str() }
	case entity.KindMap:
		c.put = func(b []byte, r *flowrecord.Record) []byte {
			if v := f.Get(r); !v.IsZero() {
				return v.AppendJSON(b)
			}
			return b
		}
	default:
		skip, zeros := derived(f.Wire), counter(&f)
		c.put = func(b []byte, r *flowrecord.Record) []byte {
			if skip && f.Get(r).Int() == rowTime(r) {
				return b
			}
			if v := f.Get(r); zeros || !v.IsZero() {
				return strconv.AppendInt(b, v.Int(), 10)
			}
			return b
		}
	}
}

// counter reports whether a field counts packets or bytes of all flows. Its
// zeros are stored: a column of numbers only is smaller, and summed up faster,
// than one with gaps.
func counter(f *flowrecord.Field) bool {
	switch f.Wire {
	case "flow.packets", "flow.bytes", "flow.reverse.packets", "flow.reverse.bytes",
		"network.io.packets", "network.io.bytes", "network.io.reverse.packets", "network.io.reverse.bytes":
		return true
	}
	return false
}

func putID(at func(*flowrecord.Record) *entity.UUID) func([]byte, *flowrecord.Record) []byte {
	return func(b []byte, r *flowrecord.Record) []byte { return appendUUID(b, at(r)) }
}

const hexDigits = "0123456789abcdef"

func appendUUID(b []byte, u *entity.UUID) []byte {
	if u.IsZero() {
		return b
	}
	for i, x := range u {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b = append(b, '-')
		}
		b = append(b, hexDigits[x>>4], hexDigits[x&15])
	}
	return b
}

func appendMAC(b []byte, m flowrecord.MAC) []byte {
	if m == (flowrecord.MAC{}) {
		return b
	}
	for i, x := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[x>>4], hexDigits[x&15])
	}
	return b
}

func appendTracking(b []byte, t flowrecord.Tracking) []byte {
	if t == 0 {
		return b
	}
	for i := 60; i >= 0; i -= 4 {
		b = append(b, hexDigits[t>>i&15])
	}
	return b
}

// encoder makes rows. It is for one goroutine at a time.
type encoder struct {
	columns []column
	buf     []byte
	fields  []logstorage.Field
	// batch are reports that are written together.
	batch []*flowrecord.Record
}

func newEncoder() *encoder {
	return &encoder{columns: columns()}
}

func (e *encoder) reset() { e.buf, e.fields = e.buf[:0], e.fields[:0] }

// added returns what was appended to the buffer since it was n long. A buffer
// that grows is copied: strings made before keep the old one.
func (e *encoder) added(n int) string {
	return unsafe.String(unsafe.SliceData(e.buf[n:]), len(e.buf)-n)
}

func (e *encoder) add(name, value string) {
	e.fields = append(e.fields, logstorage.Field{Name: name, Value: value})
}

// flow makes the row of a report; refused says why it makes none.
func (e *encoder) flow(r *flowrecord.Record) (out row, refused string) {
	if r.ID.IsZero() {
		return row{}, refusedNoID
	}
	e.reset()
	size := 0
	for i := range e.columns {
		c := &e.columns[i]
		var value string
		if c.text != nil {
			value = c.text(r)
		} else {
			n := len(e.buf)
			e.buf = c.put(e.buf, r)
			value = e.added(n)
		}
		if value != "" {
			e.add(c.name, value)
			size += len(value)
		}
	}
	if size > maxRowBytes {
		return row{}, refusedTooLong
	}
	return row{time: rowTime(r), event: flowrecord.EventName, fields: e.fields}, ""
}

// rowTime is the time of a report: of the last packet it adds, or of the
// flow's last packet when it adds none.
func rowTime(r *flowrecord.Record) int64 {
	if r.Update.IsZero() || r.Update.Last == 0 {
		return r.Metric.Last
	}
	return r.Update.Last
}

// counters makes the row of counters.
func (e *encoder) counters(c *Counters) (out row, refused string) {
	if c.Node.IsZero() {
		return row{}, refusedNoID
	}
	if len(c.Values) > maxCounters {
		return row{}, refusedTooLong
	}
	e.reset()
	for _, a := range c.Values {
		if len(a.Key) > maxCounterName {
			return row{}, refusedTooLong
		}
		n := len(e.buf)
		e.buf = append(append(e.buf, counterPrefix...), a.Key...)
		name := e.added(n)
		n = len(e.buf)
		e.buf = a.Value.AppendJSON(e.buf)
		e.add(name, e.added(n))
	}
	e.add(fieldEvent, EventCounters)
	n := len(e.buf)
	e.buf = appendUUID(e.buf, &c.Node)
	e.add(fieldNode, e.added(n))
	if len(e.buf) > maxRowBytes {
		return row{}, refusedTooLong
	}
	return row{time: c.Time, event: EventCounters, fields: e.fields}, ""
}
