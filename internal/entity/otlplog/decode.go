package otlplog

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// The earlier spelling.
const (
	oldEventType  = "otel.entity.event.type"
	oldState      = "entity_state"
	oldDelete     = "entity_delete"
	oldID         = "otel.entity.id"
	oldType       = "otel.entity.type"
	oldAttributes = "otel.entity.attributes"
	oldInterval   = "otel.entity.interval"
)

// defaultSource is the facet of events of which nothing says whose they are.
const defaultSource = "otlp"

// Decoder reads entity events from log records.
type Decoder struct {
	// Now is the time of events that carry none.
	Now time.Time
}

// Decode is [Decoder.Decode] with no time for events that carry none.
func Decode(logs plog.Logs, yield func(entity.Event)) (ignored, invalid int, firstErr error) {
	return Decoder{}.Decode(logs, yield)
}

// Decode calls yield for every entity event among the log records, in their
// order. Events are valid (see [entity.Event.Validate]); what is not UTF-8 has
// its bad bytes replaced. It returns the number of log records that are no
// entity events and of those that are invalid, with the first of their errors.
//
// The facet (Source) is the attribute entity.source, else the name of the
// scope, else "otlp". An event without entity.source comes from a source that
// does not know this graph: the attributes Type and Name are added to its
// description where they are missing, and the resource's host.id.
func (d Decoder) Decode(logs plog.Logs, yield func(entity.Event)) (ignored, invalid int, firstErr error) {
	number := 0
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, r := range sl.LogRecords().All() {
				number++
				var e entity.Event
				read, old := classify(r, &e)
				if !read {
					ignored++
					continue
				}
				if err := d.event(r, old, rl.Resource(), sl.Scope(), &e); err != nil {
					if invalid++; firstErr == nil {
						firstErr = fmt.Errorf("log record %d: %w", number, err)
					}
					continue
				}
				yield(e)
			}
		}
	}
	return ignored, invalid, firstErr
}

// classify tells whether the record is an entity event, in which spelling,
// and sets its kind.
func classify(r plog.LogRecord, e *entity.Event) (is, old bool) {
	switch r.EventName() {
	case entity.EventState:
		return true, false
	case entity.EventDelete:
		e.Kind = entity.Delete
		return true, false
	}
	v, ok := r.Attributes().Get(oldEventType)
	if !ok {
		return false, false
	}
	switch v.Str() {
	case oldState:
		return true, true
	case oldDelete:
		e.Kind = entity.Delete
		return true, true
	}
	return false, true
}

// names are the keys of one spelling.
type names struct{ typ, id, description, interval string }

func (d Decoder) event(r plog.LogRecord, old bool, res pcommon.Resource, scope pcommon.InstrumentationScope, e *entity.Event) error {
	n := names{entity.KeyEntityType, entity.KeyEntityID, entity.KeyDescription, entity.KeyReportInterval}
	unit := time.Second
	if old {
		n = names{oldType, oldID, oldAttributes, oldInterval}
		unit = time.Millisecond
	}
	a := r.Attributes()
	var err error
	if e.Ref, err = ref(a, n.typ, n.id); err != nil {
		return err
	}
	if e.Interval, err = interval(a, n.interval, unit); err != nil {
		return err
	}
	e.Time = d.Now
	switch {
	case r.Timestamp() != 0:
		e.Time = r.Timestamp().AsTime()
	case r.ObservedTimestamp() != 0:
		e.Time = r.ObservedTimestamp().AsTime()
	}
	if v, ok := a.Get(n.description); ok {
		if e.Attributes, err = attrs(v, 1); err != nil {
			return fmt.Errorf("%s: %w", n.description, err)
		}
	}
	if v, ok := a.Get(entity.KeyRelationships); ok {
		if e.Relationships, err = relationships(v); err != nil {
			return fmt.Errorf("%s: %w", entity.KeyRelationships, err)
		}
	}
	e.Reason = str(a, entity.KeyDeleteReason)
	if e.Source = str(a, entity.KeySource); e.Source == "" {
		if e.Source = entity.CleanText(scope.Name()); e.Source == "" {
			e.Source = defaultSource
		}
		if e.Kind == entity.State {
			e.Attributes = introduce(e, str(res.Attributes(), entity.IDHost))
		}
	}
	return e.ValidateReport()
}

// introduce adds to a foreign entity's attributes what every node has.
func introduce(e *entity.Event, hostID string) entity.Attrs {
	a := e.Attributes
	if !a.Has(entity.KeyType) {
		a = append(a, entity.A(entity.KeyType, entity.String(e.Type)))
	}
	if !e.Attributes.Has(entity.KeyName) {
		a = append(a, entity.A(entity.KeyName, entity.String(name(e))))
	}
	if hostID != "" && !e.Attributes.Has(entity.IDHost) && e.ID.Get(entity.IDHost) == "" {
		a = append(a, entity.A(entity.IDHost, entity.String(hostID)))
	}
	return a.Normalize()
}

// name returns the obvious name of a foreign entity: "<type>.name" or "name"
// among its attributes, else its first identifying value.
func name(e *entity.Event) string {
	for _, key := range [...]string{e.Type + ".name", "name"} {
		if v := e.Attributes.Get(key).Str(); v != "" {
			return v
		}
		if v := e.ID.Get(key); v != "" {
			return v
		}
	}
	for _, a := range e.ID {
		if a.Value != "" {
			return a.Value
		}
	}
	return ""
}

// str returns a string attribute, "" when there is none.
func str(m pcommon.Map, key string) string {
	if v, ok := m.Get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return entity.CleanText(v.Str())
	}
	return ""
}

func ref(m pcommon.Map, typeKey, idKey string) (r entity.Ref, err error) {
	if r.Type = str(m, typeKey); r.Type == "" {
		return r, fmt.Errorf("no %s", typeKey)
	}
	v, ok := m.Get(idKey)
	if !ok {
		return r, fmt.Errorf("no %s", idKey)
	}
	if v.Type() != pcommon.ValueTypeMap {
		return r, fmt.Errorf("%s: want a map, got %s", idKey, v.Type())
	}
	if v.Map().Len() > entity.MaxIdentity {
		return r, fmt.Errorf("%s: %d identifying attributes, more than %d", idKey, v.Map().Len(), entity.MaxIdentity)
	}
	r.ID = make(entity.Identity, 0, v.Map().Len())
	for key, x := range v.Map().All() {
		switch x.Type() {
		case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeEmpty:
			return r, fmt.Errorf("%s: %q: want a string, got %s", idKey, key, x.Type())
		}
		r.ID = append(r.ID, entity.IDAttr{Key: entity.CleanText(key), Value: entity.CleanText(x.AsString())})
	}
	r.ID = r.ID.Normalize()
	return r, nil
}

// interval reads a report interval of the given unit; parts of a second are
// rounded up.
func interval(m pcommon.Map, key string, unit time.Duration) (time.Duration, error) {
	v, ok := m.Get(key)
	if !ok {
		return 0, nil
	}
	if v.Type() != pcommon.ValueTypeInt {
		return 0, fmt.Errorf("%s: want an integer, got %s", key, v.Type())
	}
	n := v.Int()
	if n < 0 || n > (math.MaxInt64-int64(time.Second))/int64(unit) {
		return 0, fmt.Errorf("%s: %d is out of range", key, n)
	}
	return (time.Duration(n)*unit + time.Second - 1).Truncate(time.Second), nil
}

func relationships(v pcommon.Value) ([]entity.Relationship, error) {
	if v.Type() != pcommon.ValueTypeSlice {
		return nil, fmt.Errorf("want an array, got %s", v.Type())
	}
	if n := v.Slice().Len(); n > entity.MaxRelationships {
		return nil, fmt.Errorf("%d relationships, more than %d", n, entity.MaxRelationships)
	}
	rels := make([]entity.Relationship, 0, v.Slice().Len())
	for i, x := range v.Slice().All() {
		r, err := relationship(x)
		if err != nil {
			return nil, fmt.Errorf("relationship %d: %w", i, err)
		}
		rels = append(rels, r)
	}
	return rels, nil
}

func relationship(v pcommon.Value) (r entity.Relationship, err error) {
	if v.Type() != pcommon.ValueTypeMap {
		return r, fmt.Errorf("want a map, got %s", v.Type())
	}
	if r.Type = str(v.Map(), entity.KeyRelationshipType); r.Type == "" {
		return r, errors.New("no " + entity.KeyRelationshipType)
	}
	if r.Target, err = ref(v.Map(), entity.KeyEntityType, entity.KeyEntityID); err != nil {
		return r, err
	}
	if x, ok := v.Map().Get(entity.KeyRelationshipAttributes); ok {
		r.Attributes, err = attrs(x, 1)
	}
	return r, err
}

func attrs(v pcommon.Value, depth int) (entity.Attrs, error) {
	if v.Type() != pcommon.ValueTypeMap {
		return nil, fmt.Errorf("want a map, got %s", v.Type())
	}
	a := make(entity.Attrs, 0, v.Map().Len())
	for key, x := range v.Map().All() {
		y, err := value(x, depth)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
		a = append(a, entity.Attr{Key: entity.CleanText(key), Value: y})
	}
	return a.Normalize(), nil
}

// value converts a value. Bytes become text in base64; empty values are left
// out of maps and lists.
func value(v pcommon.Value, depth int) (entity.Value, error) {
	if depth > entity.MaxDepth {
		return entity.Value{}, fmt.Errorf("nested more than %d deep", entity.MaxDepth)
	}
	switch v.Type() {
	case pcommon.ValueTypeEmpty:
		return entity.Value{}, nil
	case pcommon.ValueTypeBool:
		return entity.Bool(v.Bool()), nil
	case pcommon.ValueTypeInt:
		return entity.Int(v.Int()), nil
	case pcommon.ValueTypeDouble:
		return entity.Float(v.Double()), nil
	case pcommon.ValueTypeMap:
		a, err := attrs(v, depth+1)
		return entity.Map(a), err
	case pcommon.ValueTypeSlice:
		list := make([]entity.Value, 0, v.Slice().Len())
		for _, x := range v.Slice().All() {
			y, err := value(x, depth+1)
			if err != nil {
				return entity.Value{}, err
			}
			if !y.IsZero() {
				list = append(list, y)
			}
		}
		return entity.List(list...), nil
	default:
		return entity.String(entity.CleanText(v.AsString())), nil
	}
}
