package flowstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Metrics of a TopQuery beyond the names of integer fields.
const (
	// TopBytes and TopPackets count what went in both directions, TopFlows flows
	// and TopReports rows.
	TopBytes   = "Bytes"
	TopPackets = "Packets"
	TopFlows   = "Flows"
	TopReports = "Reports"
)

// TopQuery asks who moved most in a time: the sum of a metric over all reports
// in [From, To], for each combination of the values of some fields.
type TopQuery struct {
	// By are the fields, by their names in queries; none means one row for all.
	By []string
	// Metric is one of the constants, or a field that reports add up to:
	// LastUpdateMetric.ABBytes for example.
	Metric   string
	From, To int64
	Nodes    []entity.UUID // nil means all, an empty list none
	Where    []flowrecord.Condition
	// Limit is the number of rows, at most 10,000; 0 means 10.
	Limit int
}

// Row is one row of the answer to a TopQuery.
type Row struct {
	// By are the values of the fields, in the order of the query; what a flow
	// does not have is the zero Value.
	By []entity.Value
	// Value is the sum. It comes from 64-bit floats: beyond 2^53 the last digits
	// are not exact.
	Value int64
}

const maxTop = 10_000

// Top answers a TopQuery, the largest first. A report that was stored twice,
// since a collector had no answer and sent it again, counts twice. A condition
// that LogsQL cannot check exactly is an [ErrInexact].
func (s *Store) Top(ctx context.Context, q TopQuery) ([]Row, error) {
	text, err := s.topQuery(&q)
	if text == "" || err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var out []Row
	err = s.query(ctx, text, func(b *block) error {
		mu.Lock()
		defer mu.Unlock()
		values := b.column("value")
		for i := range b.rows {
			n, err := strconv.ParseFloat(at(values, i), 64)
			if err != nil || n != n {
				continue
			}
			r := Row{Value: int64(n), By: make([]entity.Value, len(q.By))}
			for j, name := range q.By {
				r.By[j] = s.shown(name, at(b.column(s.table.Query(name).Wire), i))
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// shown turns a value of a row to what queries see.
func (s *Store) shown(name, value string) entity.Value {
	f := s.table.Query(name)
	var r flowrecord.Record
	newDecoder(s.table).set(&r, f, value)
	return f.Value(&r)
}

// topQuery returns the LogsQL of a query, "" for one that finds nothing.
func (s *Store) topQuery(q *TopQuery) (string, error) {
	sum, err := s.topSum(q.Metric)
	if err != nil {
		return "", err
	}
	by := make([]string, len(q.By))
	for i, name := range q.By {
		f := s.table.Query(name)
		if f == nil {
			return "", fmt.Errorf("%q is no field of flows", name)
		}
		by[i] = quote(f.Wire)
	}
	where := conditions(s.table, q.Where)
	if !where.exact {
		return "", fmt.Errorf("%w: top talkers cannot be narrowed by it", ErrInexact)
	}
	where = and(during(q.From, q.To), event(flowrecord.EventName), ids("flow.node_tid", q.Nodes), where)
	if where.none {
		return "", nil
	}
	limit := q.Limit
	switch {
	case limit == 0:
		limit = 10
	case limit < 0 || limit > maxTop:
		return "", fmt.Errorf("a limit is between 1 and %d", maxTop)
	}
	text := where.String() + " | stats "
	if len(by) > 0 {
		text += "by (" + strings.Join(by, ", ") + ") "
	}
	return text + sum + ` | sort by ("value" desc` + strings.Join(append([]string{""}, by...), ", ") + ") limit " + strconv.Itoa(limit), nil
}

func (s *Store) topSum(metric string) (string, error) {
	switch metric {
	case TopBytes:
		return both("network.io.bytes", "network.io.reverse.bytes"), nil
	case TopPackets:
		return both("network.io.packets", "network.io.reverse.packets"), nil
	case TopFlows:
		return `count_uniq_hash("flow.id") as "value"`, nil
	case TopReports:
		return `count() as "value"`, nil
	case "":
		return "", errors.New("top talkers need a metric")
	}
	f := s.table.Query(metric)
	if f == nil || f.Kind != entity.KindInt || f.Time || !strings.HasPrefix(metric, "LastUpdateMetric.") {
		return "", fmt.Errorf("%q cannot be summed up over reports: use LastUpdateMetric's fields, %s, %s, %s or %s", metric, TopBytes, TopPackets, TopFlows, TopReports)
	}
	return "sum(" + quote(f.Wire) + `) as "value"`, nil
}

// both sums up both directions. One sum over two fields would take three times
// as long.
func both(ab, ba string) string {
	return "sum(" + quote(ab) + `) as "ab", sum(` + quote(ba) + `) as "ba" | math ("ab" default 0) + ("ba" default 0) as "value"`
}
