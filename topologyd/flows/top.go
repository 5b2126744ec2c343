package flows

import (
	"context"
	"errors"
	"fmt"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// ErrTooMuch is wrapped by the error for a question that would take too much
// memory; ask for a shorter time or for less.
var ErrTooMuch = errors.New("too many flows for one question")

// TopQuery asks which values of some fields moved the most.
type TopQuery struct {
	// By are the fields, by their names in queries.
	By []string
	// Metric is what to sum: [SumBytes], [SumPackets], [SumFlows], or a counter of
	// LastUpdateMetric, for example LastUpdateMetric.ABBytes.
	Metric string
	// From and To bound the time, in Unix nanoseconds.
	From, To int64
	// Nodes and Where choose flows, as in [flowrecord.Query].
	Nodes []entity.UUID
	Where []flowrecord.Condition
	// Limit is how many rows there are at most.
	Limit int
	// Dedup counts each conversation once, at the point that saw the most packets of
	// it in the time, of those that Nodes and Where choose; SumFlows counts
	// conversations then. It looks at rows, however long the time, and at
	// [MaxDedup] sums at most.
	Dedup bool
}

// SumFlows counts flows.
const SumFlows = "Flows"

// TopRow is one combination of values and what it moved in the time: what the
// reports of its flows added.
type TopRow struct {
	// Key holds a value for each field that there is one of.
	Key entity.Attrs
	// Value is the sum.
	Value int64
}

// Top tells which values moved the most, the most first. It sums what the store
// knows: what came in the last second or so may be missing, and a flow that is
// seen at several places counts at each of them, unless q.Dedup.
func (f *Flows) Top(ctx context.Context, q *TopQuery) ([]TopRow, error) {
	if len(q.By) == 0 {
		return nil, errors.New("there is no field to sum by; give one such as Network.A or Application")
	}
	if err := f.checkTop(q); err != nil {
		return nil, err
	}
	if q.Dedup {
		return f.dedupTop(ctx, q)
	}
	return f.store.Top(ctx, q)
}

// checkTop refuses what cannot be summed up.
func (f *Flows) checkTop(q *TopQuery) error {
	for _, name := range q.By {
		if x := f.table.Query(name); x == nil || x.Kind == entity.KindMap || x.Time {
			return fmt.Errorf("%q is not a field to sum by; give one such as Network.A, Transport.B or Application", name)
		}
	}
	switch q.Metric {
	case SumBytes, SumPackets, SumFlows, "LastUpdateMetric.ABBytes", "LastUpdateMetric.BABytes", "LastUpdateMetric.ABPackets", "LastUpdateMetric.BAPackets":
	default:
		return fmt.Errorf("%q cannot be summed; give %s, %s, %s, or LastUpdateMetric.ABBytes, BABytes, ABPackets or BAPackets", q.Metric, SumBytes, SumPackets, SumFlows)
	}
	_, err := f.compile(&flowrecord.Query{Nodes: q.Nodes, Where: q.Where})
	return err
}
