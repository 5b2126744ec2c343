package flowstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// errUnrolled: sums cannot answer after all; all rows are looked at instead.
var errUnrolled = errors.New("sums of minutes cannot answer")

// Bounds of an answer from sums.
const (
	// maxGaps is how many times may be asked for row by row.
	maxGaps = 32
	// maxGroups is how many different rows an answer may be chosen from.
	maxGroups = 2_000_000
	// maxRolledConditions is the number of bits of a mask.
	maxRolledConditions = 64
)

// rolled answers a TopQuery from sums of minutes, and from rows where there are
// none. Rows of a chunk are summed up by the numbers of their groups: each slot
// that the query looks at gives every entry it sees such a number.
type rolled struct {
	s       *Store
	rollups *rollups // of the run of the store that was asked
	q       *TopQuery
	// by are, for each slot, the fields of the answer: places in q.By, and in the
	// values of an entry. wire are their names in rows.
	by [slots][]byField
	// shown are the slots that have one.
	shown []int
	// conditions are those of the query, in parts by slots; want are the bits that
	// must be set, negated those that must not.
	conditions [slots][]bitCondition
	negated    uint64
	want       uint64
	columns    []int // added up
	needed     [chunkColumns]bool

	// steps, if not nil, has what is added up go there instead.
	steps *rolledSteps

	mu      sync.Mutex
	entries [slots]map[string]entryInfo
	groupOf [slots]map[string]uint32
	groups  [slots][][]string
	free    []*groupSums
	all     []*groupSums
	total   atomic.Int64
}

type byField struct {
	place, value int
	wire         string
}

type bitCondition struct {
	bit       uint64
	condition *flowrecord.Conditions
}

// entryInfo is the group of an entry, and which conditions it meets.
type entryInfo struct {
	group uint32
	met   uint64
}

type group [slots]uint32

// denseSum is the sum of the group that is its index, if there is one.
type denseSum struct {
	sum int64
	any bool
}

// groupSums are the sums of one goroutine.
type groupSums struct {
	// One of these is used: for one slot in the answer, for two, for more.
	dense []denseSum
	pairs map[uint64]int64
	sums  map[group]int64

	used   []bool
	points []denseSum // of the steps
	infos  [slots][]entryInfo
	key    []byte
}

// newRolled returns nil when a query needs what sums do not have.
func newRolled(s *Store, q *TopQuery) *rolled {
	t := &rolled{s: s, rollups: s.rollups, q: q}
	switch q.Metric {
	case TopBytes:
		t.columns = []int{columnABBytes, columnBABytes}
	case TopPackets:
		t.columns = []int{columnABPackets, columnBAPackets}
	case TopReports:
		t.columns = []int{columnReports}
	case "LastUpdateMetric.ABPackets":
		t.columns = []int{columnABPackets}
	case "LastUpdateMetric.ABBytes":
		t.columns = []int{columnABBytes}
	case "LastUpdateMetric.BAPackets":
		t.columns = []int{columnBAPackets}
	case "LastUpdateMetric.BABytes":
		t.columns = []int{columnBABytes}
	default:
		return nil
	}
	for _, c := range t.columns {
		t.needed[c] = true
	}
	for i, name := range q.By {
		slot, value := findSlot(name)
		if slot < 0 {
			return nil
		}
		t.by[slot] = append(t.by[slot], byField{i, value, s.table.Query(name).Wire})
		t.needed[slot] = true
	}
	for slot := range slots {
		if len(t.by[slot]) > 0 {
			t.shown = append(t.shown, slot)
		}
	}
	where := slices.Clone(q.Where)
	if q.Nodes != nil {
		c := flowrecord.Condition{Fields: []string{"NodeTID"}, Op: flowrecord.In}
		for _, n := range q.Nodes {
			c.Values = append(c.Values, entity.String(n.String()))
		}
		where = append(where, c)
	}
	if len(where) > maxRolledConditions {
		return nil
	}
	for i, c := range where {
		bit := uint64(1) << i
		t.want |= bit
		if c.Not {
			t.negated |= bit
		}
		for _, name := range c.Fields {
			slot, _ := findSlot(name)
			if slot < 0 {
				return nil
			}
			one, err := s.table.Conditions([]flowrecord.Condition{{Fields: []string{name}, Op: c.Op, Values: c.Values}})
			if err != nil {
				return nil // who reads the rows says so
			}
			t.conditions[slot] = append(t.conditions[slot], bitCondition{bit, one})
			t.needed[slot] = true
		}
	}
	for slot := range slots {
		t.entries[slot], t.groupOf[slot] = make(map[string]entryInfo), make(map[string]uint32)
	}
	return t
}

// findSlot returns the slot of a field and its place in it, -1 if there is none.
func findSlot(name string) (slot, value int) {
	for slot, names := range slotFields() {
		if i := slices.Index(names, name); i >= 0 {
			return slot, i
		}
	}
	return -1, 0
}

// answer returns the rows, errUnrolled when all has to be read.
func (t *rolled) answer(ctx context.Context) ([]Row, error) {
	minutes, gaps, err := t.find(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.sum(ctx, minutes, gaps); err != nil {
		return nil, err
	}
	return t.choose(), nil
}

// find tells which minutes are answered from sums and what is between them.
func (t *rolled) find(ctx context.Context) (minutes []usedMinute, gaps [][2]int64, err error) {
	sets, err := t.stored(ctx)
	if err != nil {
		return nil, nil, err
	}
	minutes = t.use(sets)
	gaps = gapsBetween(minutes, t.q.From, t.q.To)
	if len(minutes) == 0 || len(gaps) > maxGaps {
		return nil, nil, errUnrolled
	}
	return minutes, gaps, nil
}

// sum adds everything up.
func (t *rolled) sum(ctx context.Context, minutes []usedMinute, gaps [][2]int64) error {
	if err := t.readSets(ctx, minutes); err != nil {
		return err
	}
	for _, g := range gaps {
		if err := t.readRows(ctx, g[0], g[1]); err != nil {
			return err
		}
	}
	return nil
}
