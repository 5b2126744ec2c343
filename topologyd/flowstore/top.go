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
	// Limit is the number of rows, at most 100,000; 0 means 10.
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

const maxTop = 100_000

// Top answers a TopQuery, the largest first; of rows with the same value any may
// come first, or be left out. Sums of minutes answer where they can, for the
// window's minutes that lie in it as a whole: when the query speaks of nothing
// but what slotFields names, and of sums that they have. A report that was stored twice,
// since a collector had no answer and sent it again, counts twice. A condition
// that LogsQL cannot check exactly is an [ErrInexact].
func (s *Store) Top(ctx context.Context, q TopQuery) ([]Row, error) {
	text, err := s.topQuery(&q)
	if text == "" || err != nil {
		return nil, err
	}
	if t := s.rolledUp(&q); t != nil && len(q.By) > 0 {
		if rows, err := t.answer(ctx); !errors.Is(err, errUnrolled) {
			return rows, err
		}
	}
	return s.topRows(ctx, &q, text)
}

// topRows answers from rows alone.
func (s *Store) topRows(ctx context.Context, q *TopQuery, text string) ([]Row, error) {
	lines, err := s.topLines(ctx, q, text)
	return s.asRows(q, lines), err
}

// line is a row of an answer with the texts that rows have in its fields.
type line struct {
	texts []string
	value int64
}

func (s *Store) asRows(q *TopQuery, lines []line) []Row {
	if lines == nil {
		return nil
	}
	out := make([]Row, len(lines))
	for i := range lines {
		out[i] = Row{Value: lines[i].value, By: make([]entity.Value, len(q.By))}
		for j, name := range q.By {
			out[i].By[j] = s.shown(name, lines[i].texts[j])
		}
	}
	return out
}

// topLines is topRows before values are made of texts.
func (s *Store) topLines(ctx context.Context, q *TopQuery, text string) ([]line, error) {
	var mu sync.Mutex
	var out []line
	err := s.query(ctx, text, func(b *block) error {
		mu.Lock()
		defer mu.Unlock()
		values := b.column("value")
		for i := range b.rows {
			n, ok := topValue(at(values, i))
			if !ok {
				continue
			}
			x := line{value: n, texts: make([]string, len(q.By))}
			for j, name := range q.By {
				x.texts[j] = strings.Clone(at(b.column(s.table.Query(name).Wire), i))
			}
			out = append(out, x)
		}
		return nil
	})
	return out, err
}

// topValue reads a sum; there is none when no row had the field.
func topValue(text string) (int64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return int64(n), err == nil && n == n
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
	text, err := s.topSums(q)
	if text == "" || err != nil {
		return "", err
	}
	if q.Limit < 0 || q.Limit > maxTop {
		return "", fmt.Errorf("a limit is between 1 and %d", maxTop)
	}
	text += ` | sort by ("value" desc`
	for _, name := range q.By {
		text += ", " + quote(s.table.Query(name).Wire)
	}
	return text + ") limit " + strconv.Itoa(topLimit(q)), nil
}

func topLimit(q *TopQuery) int {
	if q.Limit == 0 {
		return 10
	}
	return q.Limit
}

// topSums returns the LogsQL for all sums, in no order.
func (s *Store) topSums(q *TopQuery) (string, error) {
	where, by, sum, err := s.topParts(q)
	if where.none || err != nil {
		return "", err
	}
	return sumsBy(where, by, sum), nil
}

// sumsBy returns the LogsQL for the sums of some rows.
func sumsBy(where filter, by []string, sum string) string {
	text := where.String() + " | stats "
	if len(by) > 0 {
		text += "by (" + strings.Join(by, ", ") + ") "
	}
	return text + sum
}

// topParts returns what the LogsQL of a query is made of: which rows, the names
// of the fields, and the sum.
func (s *Store) topParts(q *TopQuery) (where filter, by []string, sum string, err error) {
	if sum, err = s.topSum(q.Metric); err != nil {
		return where, nil, "", err
	}
	for _, name := range q.By {
		f := s.table.Query(name)
		if f == nil {
			return where, nil, "", fmt.Errorf("%q is no field of flows", name)
		}
		by = append(by, quote(f.Wire))
	}
	where = conditions(s.table, q.Where)
	if !where.exact {
		return where, nil, "", fmt.Errorf("%w: top talkers cannot be narrowed by it", ErrInexact)
	}
	return and(during(q.From, q.To), event(flowrecord.EventName), ids("flow.node_tid", q.Nodes), where), by, sum, nil
}

// rolledUp returns what answers a query from sums, nil if they cannot.
func (s *Store) rolledUp(q *TopQuery) *rolled {
	_, leave, err := s.enter()
	if err != nil {
		return nil
	}
	defer leave()
	if s.rollups == nil {
		return nil
	}
	return newRolled(s, q)
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
