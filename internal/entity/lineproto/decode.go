package lineproto

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// RecordKind tells what a [Record] is.
type RecordKind uint8

// The kinds of record.
const (
	// Ignored is a well-formed line of a measurement that is not topology.
	Ignored RecordKind = iota
	// IsEvent is an entity event.
	IsEvent
	// IsMetric holds the counters of a node.
	IsMetric
)

// Metric is the latest values of a node's counters.
type Metric struct {
	Node entity.UUID
	Time time.Time
	// Values have the keys of [entity.InterfaceCounters], normalized.
	Values entity.Attrs
}

// Record is what a line says: Event or Metric as Kind tells, or neither.
type Record struct {
	Kind   RecordKind
	Event  entity.Event
	Metric Metric
}

// Decoder reads lines. Its zero value is ready for use. It reuses its memory
// from line to line and must not be shared between goroutines; what it
// returns is the caller's and does not alias the input.
type Decoder struct {
	// Now is the time of lines without a timestamp.
	Now time.Time
	// Precision is the unit of timestamps; 0 means nanoseconds.
	Precision time.Duration
	// Line is the number of the line, for errors; see [Lines].
	Line int

	line     Line
	texts    []byte
	names    map[string]string
	recent   []string // of attributes, by place
	refNames []string // of identities and relationships, by place
	refName  int      // the next of refNames
	counters map[string]string
}

// maxNames bounds the names that a decoder remembers, maxNameLength the
// length of each, maxRecent those that are tried first by their place.
const (
	maxNames      = 4096
	maxNameLength = 64
	maxRecent     = 256
)

// Decode reads one line. Events it returns are valid (see
// [entity.Event.Validate]). Text that is not UTF-8 has its bad bytes replaced.
// Errors are of type *[Error].
func (d *Decoder) Decode(line []byte) (Record, error) {
	if !utf8.Valid(line) {
		line = bytes.ToValidUTF8(line, []byte("\uFFFD"))
	}
	r, err := d.decode(line)
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Err: err}
		}
		e.Line = d.Line
		return Record{}, e
	}
	return r, nil
}

func (d *Decoder) decode(line []byte) (r Record, err error) {
	if err := d.line.Parse(line); err != nil {
		return r, err
	}
	switch string(d.line.Measurement) {
	case MeasurementState:
		r.Kind = IsEvent
		err = d.event(&r.Event)
	case MeasurementDelete:
		r.Kind, r.Event.Kind = IsEvent, entity.Delete
		err = d.event(&r.Event)
	case entity.MeasurementInterface, entity.MeasurementOpenFlow:
		err = d.metric(&r)
	}
	return r, err
}

// time returns the line's time.
func (d *Decoder) time() (time.Time, error) {
	if !d.line.HasTime {
		return d.Now, nil
	}
	t, unit := d.line.Time, int64(max(d.Precision, 1))
	if t > math.MaxInt64/unit || t < math.MinInt64/unit {
		return time.Time{}, &Error{Pos: d.line.i, Want: "a timestamp before the year 2262", Got: fmt.Sprint(t)}
	}
	return time.Unix(0, t*unit), nil
}

func (d *Decoder) metric(r *Record) error {
	var node []byte
	for _, t := range d.line.Tags {
		if string(t.Key) == tagEntity {
			node = t.Value
		}
	}
	if node == nil {
		return nil
	}
	if err := r.Metric.Node.UnmarshalText(node); err != nil {
		return fmt.Errorf("tag %s: %w", tagEntity, err)
	}
	var err error
	if r.Metric.Time, err = d.time(); err != nil {
		return err
	}
	if d.counters == nil {
		d.counters = make(map[string]string)
		for _, c := range entity.InterfaceCounters() {
			d.counters[c.Field] = c.Key
		}
	}
	values := make(entity.Attrs, 0, len(d.line.Fields))
	for i := range d.line.Fields {
		f := &d.line.Fields[i]
		key, ok := d.counters[string(f.Key)]
		if !ok {
			continue
		}
		switch f.Kind {
		case entity.KindInt:
			values = append(values, entity.A(key, f.Value()))
		case entity.KindFloat:
			// A processor on the way may have made it one.
			if v := f.Value().Float(); math.Abs(v) < 1<<63 {
				values = append(values, entity.A(key, entity.Int(int64(v))))
			}
		}
	}
	r.Kind, r.Metric.Values = IsMetric, values.Normalize()
	return nil
}

// text is a part of d.texts.
type text struct{ start, end int32 }

func (d *Decoder) hold(b []byte) text {
	start := len(d.texts)
	d.texts = append(d.texts, b...)
	return text{int32(start), int32(len(d.texts))}
}

func (t text) of(all string) string { return all[t.start:t.end] }

// event reads an event. All the text of its values shares one string.
func (d *Decoder) event(e *entity.Event) error {
	var (
		err            error
		id, rel, why   text
		idPos, relPos  int32
		seenID         bool
		fields         = d.line.Fields
		attributeCount int
	)
	if e.Time, err = d.time(); err != nil {
		return err
	}
	d.texts, d.refName = d.texts[:0], 0
	for i := range fields {
		f := &fields[i]
		if !bytes.HasPrefix(f.Key, []byte(reserved)) {
			attributeCount++
			if f.Kind == entity.KindString {
				t := d.hold(f.Text)
				f.Num = uint64(t.start)<<32 | uint64(t.end)
			}
			continue
		}
		want := entity.KindString
		switch string(f.Key) {
		case entity.KeyEntityType:
			e.Type = d.name(f.Text)
		case entity.KeyEntityID:
			id, idPos, seenID = d.hold(f.Text), f.Pos, true
		case entity.KeySource:
			e.Source = d.name(f.Text)
		case entity.KeyRelationships:
			rel, relPos = d.hold(f.Text), f.Pos
		case entity.KeyDeleteReason:
			why = d.hold(f.Text)
		case entity.KeyReportInterval:
			want = entity.KindInt
			s := int64(f.Num)
			if s < 0 || s > int64(math.MaxInt64/time.Second) {
				return &Error{Pos: int(f.Pos), Want: "a report interval in seconds", Got: fmt.Sprint(s)}
			}
			e.Interval = time.Duration(s) * time.Second
		default:
			want = f.Kind
		}
		if f.Kind != want {
			return &Error{Pos: int(f.Pos), Want: fmt.Sprintf("type %s for %s", want, f.Key), Got: f.Kind.String()}
		}
	}
	if !seenID || e.Type == "" {
		return &Error{Pos: len(d.line.b), Want: "the fields " + entity.KeyEntityType + " and " + entity.KeyEntityID, Got: "the end of the line"}
	}
	all := string(d.texts)
	e.Reason = why.of(all)
	if e.ID, err = d.identity(id.of(all)); err != nil {
		return &Error{Pos: int(idPos), Err: fmt.Errorf("%s: %w", entity.KeyEntityID, err)}
	}
	if rel.end > rel.start {
		if e.Relationships, err = d.relationships(rel.of(all)); err != nil {
			return &Error{Pos: int(relPos), Err: fmt.Errorf("%s: %w", entity.KeyRelationships, err)}
		}
	}
	if e.Attributes, err = d.attributes(attributeCount, all); err != nil {
		return err
	}
	return e.ValidateReport()
}

func (d *Decoder) attributes(n int, all string) (entity.Attrs, error) {
	if n == 0 {
		return nil, nil
	}
	attrs := make(entity.Attrs, 0, n)
	for i := range d.line.Fields {
		f := &d.line.Fields[i]
		if bytes.HasPrefix(f.Key, []byte(reserved)) {
			continue
		}
		key, isJSON := attributeKey(f.Key)
		a := entity.Attr{Key: d.nameAt(len(attrs), key)}
		if f.Kind == entity.KindString {
			a.Value = entity.String(all[f.Num>>32 : uint32(f.Num)])
		} else {
			a.Value = f.Value()
		}
		if isJSON {
			if f.Kind != entity.KindString {
				return nil, &Error{Pos: int(f.Pos), Want: "type string (of JSON) for " + string(f.Key), Got: f.Kind.String()}
			}
			v, err := entity.ParseJSON(a.Value.Str())
			if err != nil {
				return nil, &Error{Pos: int(f.Pos), Err: fmt.Errorf("field %s: %w", f.Key, err)}
			}
			a.Value = v
		}
		attrs = append(attrs, a)
	}
	return attrs.Normalize(), nil
}

// attributeKey undoes what affixes does.
func attributeKey(key []byte) (_ []byte, isJSON bool) {
	if bytes.HasPrefix(key, []byte(prefixAttr)) {
		key = key[len(prefixAttr):]
	}
	switch {
	case len(key) == 0:
	case key[len(key)-1] == suffixJSON[len(suffixJSON)-1] && bytes.HasSuffix(key, []byte(suffixJSON)):
		return key[:len(key)-len(suffixJSON)], true
	case key[len(key)-1] == suffixRaw[len(suffixRaw)-1] && bytes.HasSuffix(key, []byte(suffixRaw)):
		return key[:len(key)-len(suffixRaw)], false
	}
	return key, false
}

// name returns b as a string, the same one each time while it is remembered.
func (d *Decoder) name(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	return d.remember(string(b))
}

// nameAt is name for the i-th attribute of a line, which tends to be the same
// one as in the line before.
func (d *Decoder) nameAt(i int, b []byte) string {
	if i < len(d.recent) && d.recent[i] == string(b) {
		return d.recent[i]
	}
	s := d.name(b)
	switch {
	case i < len(d.recent):
		d.recent[i] = s
	case i < maxRecent:
		d.recent = append(d.recent, s)
	}
	return s
}

// intern is name for a part of a longer string. Those of one line after the
// other tend to be the same ones in the same order.
func (d *Decoder) intern(s string) string {
	i := d.refName
	d.refName++
	if i < len(d.refNames) && d.refNames[i] == s {
		return d.refNames[i]
	}
	t := d.lookUp(s)
	switch {
	case i < len(d.refNames):
		d.refNames[i] = t
	case i < maxRecent:
		d.refNames = append(d.refNames, t)
	}
	return t
}

func (d *Decoder) lookUp(s string) string {
	if t, ok := d.names[s]; ok {
		return t
	}
	return d.remember(strings.Clone(s))
}

func (d *Decoder) remember(s string) string {
	if len(s) > maxNameLength {
		return s
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = make(map[string]string)
	}
	d.names[s] = s
	return s
}
