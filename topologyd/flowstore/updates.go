package flowstore

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// maxPoints bounds the updates or counters of one answer.
const maxPoints = 1_000_000

// Updates returns what each report with a time in [from, to] added to the flows,
// in the order of time. Reports that added nothing are left out, and a report
// that was stored twice is there once.
func (s *Store) Updates(ctx context.Context, flows []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error] {
	return func(yield func(flowrecord.Update, error) bool) {
		us, err := s.updates(ctx, flows, from, to)
		each(us, err, yield)
	}
}

// each yields the items of an answer, or its error.
func each[T any](items []T, err error, yield func(T, error) bool) {
	if err != nil {
		var zero T
		yield(zero, err)
		return
	}
	for i := range items {
		if !yield(items[i], nil) {
			return
		}
	}
}

func (s *Store) updates(ctx context.Context, flows []flowrecord.ID, from, to int64) ([]flowrecord.Update, error) {
	fields := append(wires(s.table, "LastUpdateMetric"), fieldTime, "flow.id")
	wanted := make(map[entity.UUID]bool, len(flows))
	for _, id := range flows {
		wanted[id] = true
	}
	type point struct {
		at int64
		flowrecord.Update
	}
	var mu sync.Mutex
	var points []point
	err := s.inGroups(ctx, "flow.id", flows, func(chosen filter) error {
		where := and(during(from, to), event(flowrecord.EventName), chosen)
		if where.none {
			return nil
		}
		return s.query(ctx, where.String()+" | fields "+names(fields), func(b *block) error {
			dec := newDecoder(s.table)
			cols, times, ids := dec.bind(b, nil), b.column(fieldTime), b.column("flow.id")
			var found []point
			for i := range b.rows {
				id, ok := parseUUID(at(ids, i))
				when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
				if !ok || !good || !wanted[id] {
					continue
				}
				if r := dec.record(cols, i, when); !r.Update.IsZero() {
					found = append(found, point{when, flowrecord.Update{ID: id, Metric: r.Update}})
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if points = append(points, found...); len(points) > maxPoints {
				return ErrTooMuch
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.at, b.at), slices.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.Metric.Start, b.Metric.Start))
	})
	points = slices.Compact(points)
	out := make([]flowrecord.Update, len(points))
	for i := range points {
		out[i] = points[i].Update
	}
	return out, nil
}

// inGroups asks for some thousand identifiers at a time.
func (s *Store) inGroups(ctx context.Context, field string, all []entity.UUID, ask func(filter) error) error {
	for group := range slices.Chunk(all, 5000) {
		if err := errors.Join(ctx.Err(), ask(ids(field, group))); err != nil {
			return err
		}
	}
	return nil
}

// Counters is what an interface has counted at one time.
type Counters struct {
	// Node is the ID of the interface's node.
	Node entity.UUID
	// Time is in Unix nanoseconds.
	Time int64
	// Values are the counters by name, RxBytes for example.
	Values entity.Attrs
}

// Counters returns the counters of interfaces in [from, to] in the order of
// time; nil nodes means all.
func (s *Store) Counters(ctx context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[Counters, error] {
	return func(yield func(Counters, error) bool) {
		cs, err := s.counters(ctx, nodes, from, to)
		each(cs, err, yield)
	}
}

func (s *Store) counters(ctx context.Context, nodes []entity.UUID, from, to int64) ([]Counters, error) {
	var mu sync.Mutex
	var out []Counters
	ask := func(chosen filter) error {
		where := and(during(from, to), event(EventCounters), chosen)
		if where.none {
			return nil
		}
		return s.query(ctx, where.String()+" | delete _stream, _stream_id, "+quote(fieldEvent), func(b *block) error {
			found := countersOf(b)
			mu.Lock()
			defer mu.Unlock()
			if out = append(out, found...); len(out) > maxPoints {
				return ErrTooMuch
			}
			return nil
		})
	}
	var err error
	if nodes == nil {
		err = ask(everything(true))
	} else {
		err = s.inGroups(ctx, fieldNode, nodes, ask)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b Counters) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), slices.Compare(a.Node[:], b.Node[:]))
	})
	return slices.CompactFunc(out, func(a, b Counters) bool {
		return a.Time == b.Time && a.Node == b.Node && a.Values.Equal(b.Values)
	}), nil
}

// countersOf reads the rows of a block.
func countersOf(b *block) []Counters {
	type column struct {
		name   string
		values []string
	}
	var cols []column
	for _, c := range b.columns {
		if name, ok := strings.CutPrefix(c.Name, counterPrefix); ok {
			cols = append(cols, column{strings.Clone(name), c.Values})
		}
	}
	times, nodes := b.column(fieldTime), b.column(fieldNode)
	var out []Counters
	for i := range b.rows {
		node, ok := parseUUID(at(nodes, i))
		when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
		if !ok || !good {
			continue
		}
		c := Counters{Node: node, Time: when, Values: make(entity.Attrs, 0, len(cols))}
		for _, col := range cols {
			if n, ok := parseInt(col.values[i]); ok {
				c.Values = append(c.Values, entity.A(col.name, entity.Int(n)))
			} else if v, err := entity.ParseJSON(strings.Clone(col.values[i])); err == nil {
				c.Values = append(c.Values, entity.A(col.name, v))
			}
		}
		c.Values = c.Values.Normalize()
		out = append(out, c)
	}
	return out
}
