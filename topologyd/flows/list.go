package flows

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Sums that flows can be sorted by beside their fields: both directions
// together.
const (
	SumBytes   = "Bytes"
	SumPackets = "Packets"
)

// List answers a query exactly: conditions checked, in order, cut at Limit,
// which must be more than 0. Flows that lack the field to sort by come last,
// those with the same value in the order of their IDs.
func (f *Flows) List(ctx context.Context, q *flowrecord.Query) ([]*flowrecord.Record, error) {
	m, err := f.compile(q)
	if err != nil {
		return nil, err
	}
	key, own, err := f.sortKey(q.Sort)
	if err != nil {
		return nil, err
	}
	ask := *q
	if !own { // the store cannot sort by it, so it must not cut either
		ask.Sort, ask.Limit = "", 0
	}
	top := topList{most: q.Limit, key: key, descending: q.Descending}
	for r, err := range f.Flows(ctx, &ask) {
		if err != nil {
			return nil, err
		}
		if m.match(r) {
			own := *r // the store may use r again
			top.add(&own)
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("list flows: %w", err)
		}
	}
	return top.done(), nil
}

// sortKey returns what to sort by, and whether it is a field.
func (f *Flows) sortKey(name string) (key func(*flowrecord.Record) entity.Value, field bool, err error) {
	switch name {
	case "":
		return func(*flowrecord.Record) entity.Value { return entity.Value{} }, true, nil
	case SumBytes:
		return func(r *flowrecord.Record) entity.Value { return entity.Int(r.Metric.ABBytes + r.Metric.BABytes) }, false, nil
	case SumPackets:
		return func(r *flowrecord.Record) entity.Value { return entity.Int(r.Metric.ABPackets + r.Metric.BAPackets) }, false, nil
	}
	if x := f.table.Query(name); x != nil {
		return x.Value, true, nil
	}
	return nil, false, fmt.Errorf("there is no field %q to sort by; give one such as Last, Metric.ABBytes, %s or %s", name, SumBytes, SumPackets)
}

// topList keeps the first few of many.
type topList struct {
	most       int
	key        func(*flowrecord.Record) entity.Value
	descending bool
	items      []sorted
}

type sorted struct {
	key entity.Value
	r   *flowrecord.Record
}

// add takes a report, which must not change any more.
func (t *topList) add(r *flowrecord.Record) {
	t.items = append(t.items, sorted{t.key(r), r})
	if len(t.items) >= 2*t.most+1024 {
		t.cut()
	}
}

func (t *topList) cut() {
	slices.SortFunc(t.items, func(a, b sorted) int {
		switch n := entity.Compare(a.key, b.key); {
		case a.key.IsZero() != b.key.IsZero():
			if a.key.IsZero() {
				return 1
			}
			return -1
		case n != 0 && t.descending:
			return -n
		case n != 0:
			return n
		}
		return bytes.Compare(a.r.ID[:], b.r.ID[:])
	})
	if len(t.items) > t.most {
		clear(t.items[t.most:])
		t.items = t.items[:t.most]
	}
}

func (t *topList) done() []*flowrecord.Record {
	t.cut()
	out := make([]*flowrecord.Record, len(t.items))
	for i := range t.items {
		out[i] = t.items[i].r
	}
	return out
}

// Table returns the table of fields, which must not be changed.
func (f *Flows) Table() *flowrecord.Table { return f.table }
