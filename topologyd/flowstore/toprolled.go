package flowstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

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
	// conditions are those of the query, in parts by slots; want are the bits that
	// must be set, negated those that must not.
	conditions [slots][]bitCondition
	negated    uint64
	want       uint64
	columns    []int // added up
	needed     [chunkColumns]bool

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
	condition flowrecord.Condition
}

// entryInfo is the group of an entry, and which conditions it meets.
type entryInfo struct {
	group uint32
	met   uint64
}

type group [slots]uint32

// groupSums are the sums of one goroutine.
type groupSums struct {
	sums  map[group]int64
	infos [slots][]entryInfo
	key   []byte
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
	if len(q.By) == 0 {
		return nil
	}
	for i, name := range q.By {
		slot, value := findSlot(name)
		if slot < 0 {
			return nil
		}
		t.by[slot] = append(t.by[slot], byField{i, value, s.table.Query(name).Wire})
		t.needed[slot] = true
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
			t.conditions[slot] = append(t.conditions[slot], bitCondition{bit, flowrecord.Condition{Fields: []string{name}, Op: c.Op, Values: c.Values}})
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
	sets, err := t.stored(ctx)
	if err != nil {
		return nil, err
	}
	minutes := t.use(sets)
	gaps := gapsBetween(minutes, t.q.From, t.q.To)
	if len(minutes) == 0 || len(gaps) > maxGaps {
		return nil, errUnrolled
	}
	if err := t.readSets(ctx, minutes); err != nil {
		return nil, err
	}
	for _, g := range gaps {
		if err := t.readRows(ctx, g[0], g[1]); err != nil {
			return nil, err
		}
	}
	return t.choose(), nil
}

// set are the parts of a set that were found.
type set struct {
	name        string
	parts, seen int
	first, last int64
	late        bool
	odd         bool
}

// usedMinute is a minute that is answered from its sums.
type usedMinute struct {
	minute int64
	sets   []*set
	memory *inMemory
}

// stored finds the sets of minutes that the window touches.
func (t *rolled) stored(ctx context.Context) (map[int64][]*set, error) {
	where := and(minuteStream(), during(minuteOf(max(t.q.From, minTime)), t.q.To))
	if where.none {
		return nil, errUnrolled
	}
	out := make(map[int64][]*set)
	var mu sync.Mutex
	err := t.s.query(ctx, where.String()+" | fields "+names([]string{fieldTime, fieldSet, fieldPart, fieldParts, fieldFirst, fieldLast}), func(b *block) error {
		times, sets, parts, firsts, lasts := b.column(fieldTime), b.column(fieldSet), b.column(fieldParts), b.column(fieldFirst), b.column(fieldLast)
		mu.Lock()
		defer mu.Unlock()
		for i := range b.rows {
			when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
			n, ok := parseInt(at(parts, i))
			first, ok1 := parseInt(at(firsts, i))
			last, ok2 := parseInt(at(lasts, i))
			if !good || !ok || !ok1 || !ok2 {
				return errUnrolled
			}
			name := at(sets, i)
			j := slices.IndexFunc(out[when], func(x *set) bool { return x.name == name })
			if j < 0 {
				j = len(out[when])
				out[when] = append(out[when], &set{name: strings.Clone(name), parts: int(n), first: first, last: last, late: n == 0})
			}
			x := out[when][j]
			x.seen++
			x.odd = x.odd || x.parts != int(n) || x.first != first || x.last != last
		}
		return nil
	})
	return out, err
}

// use chooses the minutes to answer from sums: those with one whole set, here
// or in memory, of which all reports are in the window.
func (t *rolled) use(sets map[int64][]*set) []usedMinute {
	memory := make(map[int64]*inMemory)
	for _, m := range t.rollups.memory(t.q.From, t.q.To) {
		memory[m.minute] = &m
		if sets[m.minute] == nil {
			sets[m.minute] = nil
		}
	}
	var out []usedMinute
	for minute, found := range sets {
		u := usedMinute{minute: minute}
		good, whole := true, 0
		for _, x := range found {
			switch {
			case x.late:
				u.sets = append(u.sets, x)
			case x.seen < x.parts && memory[minute] != nil:
				continue // being written
			default:
				whole++
				good = good && x.seen == x.parts
				u.sets = append(u.sets, x)
			}
			good = good && !x.odd && x.first >= t.q.From && x.last <= t.q.To
		}
		if whole == 0 && memory[minute] != nil {
			u.memory = memory[minute]
			whole++
		}
		if good && whole == 1 {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b usedMinute) int { return int((a.minute - b.minute) / minuteLength) })
	return out
}

// gapsBetween returns what of [from, to] is in none of the minutes.
func gapsBetween(minutes []usedMinute, from, to int64) [][2]int64 {
	var gaps [][2]int64
	for _, m := range minutes {
		if m.minute > from {
			gaps = append(gaps, [2]int64{from, m.minute - 1})
		}
		from = m.minute + minuteLength
	}
	if from <= to {
		gaps = append(gaps, [2]int64{from, to})
	}
	return gaps
}

// readSets adds up the sums of minutes.
func (t *rolled) readSets(ctx context.Context, minutes []usedMinute) error {
	type key struct {
		minute int64
		name   string
	}
	wanted := make(map[key]bool)
	var missing atomic.Int64
	for _, m := range minutes {
		for _, x := range m.sets {
			wanted[key{m.minute, x.name}] = true
			missing.Add(int64(x.seen))
		}
		if m.memory == nil {
			continue
		}
		if m.memory.tally != nil {
			t.add(t.rollups.chunker.whole(m.memory.tally))
		}
		for _, p := range m.memory.parts {
			if err := t.addPart(p); err != nil {
				return err
			}
		}
	}
	if len(wanted) > 0 {
		where := and(minuteStream(), during(minutes[0].minute, minutes[len(minutes)-1].minute))
		err := t.s.query(ctx, where.String()+" | fields "+names([]string{fieldTime, fieldSet, fieldData}), func(b *block) error {
			times, sets, data := b.column(fieldTime), b.column(fieldSet), b.column(fieldData)
			for i := range b.rows {
				when, _ := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
				if !wanted[key{when, at(sets, i)}] {
					continue
				}
				missing.Add(-1)
				if err := t.addPart(at(data, i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if missing.Load() != 0 || t.total.Load() > maxGroups {
		return errUnrolled // a day went, or parts of a set were damaged
	}
	return nil
}

func (t *rolled) addPart(text string) error {
	c, err := t.rollups.chunker.unpack(text, &t.needed)
	if err != nil {
		t.s.log.Error("read sums of a minute", "error", err)
		return errUnrolled
	}
	t.add(c)
	return nil
}

// take returns sums that no other goroutine uses, give returns them.
func (t *rolled) take() *groupSums {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		g := t.free[n-1]
		t.free = t.free[:n-1]
		return g
	}
	g := &groupSums{sums: make(map[group]int64)}
	t.all = append(t.all, g)
	return g
}

func (t *rolled) give(g *groupSums, before int) {
	t.total.Add(int64(len(g.sums) - before))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free = append(t.free, g)
}

// add adds the rows of a chunk.
func (t *rolled) add(c *chunk) {
	if t.total.Load() > maxGroups {
		return
	}
	g := t.take()
	defer t.give(g, len(g.sums))
	t.mu.Lock()
	for slot := range slots {
		g.infos[slot] = g.infos[slot][:0]
		if !t.needed[slot] {
			continue
		}
		for _, values := range c.entries[dictionary(slot)] {
			g.infos[slot] = append(g.infos[slot], t.info(slot, values, g))
		}
	}
	t.mu.Unlock()
	for i := range c.rows {
		var k group
		var met uint64
		for slot := range slots {
			if t.needed[slot] {
				x := &g.infos[slot][c.columns[slot][i]]
				k[slot] = x.group
				met |= x.met
			}
		}
		if met^t.negated != t.want {
			continue
		}
		n := int64(0)
		for _, column := range t.columns {
			n = saturatingAdd(n, c.columns[column][i])
		}
		g.sums[k] = saturatingAdd(g.sums[k], n)
	}
}

// info returns what is known of an entry. The lock is held.
func (t *rolled) info(slot int, values []string, g *groupSums) entryInfo {
	g.key = g.key[:0]
	for _, v := range values {
		g.key = append(append(strconv.AppendInt(g.key, int64(len(v)), 10), ':'), v...)
	}
	if x, ok := t.entries[slot][string(g.key)]; ok {
		return x
	}
	x := entryInfo{group: t.group(slot, values)}
	if len(t.conditions[slot]) > 0 {
		var r flowrecord.Record
		dec := newDecoder(t.s.table)
		for i, f := range t.rollups.chunker.fields[slot] {
			dec.set(&r, f, values[i])
		}
		for i := range t.conditions[slot] {
			if c := &t.conditions[slot][i]; holds(t.s.table, &r, &c.condition) {
				x.met |= c.bit
			}
		}
	}
	t.entries[slot][string(g.key)] = x
	return x
}

// group returns the number of the values that a slot adds to the answer.
func (t *rolled) group(slot int, values []string) uint32 {
	chosen := make([]string, len(t.by[slot]))
	var key []byte
	for i, f := range t.by[slot] {
		chosen[i] = strings.Clone(values[f.value])
		key = append(append(strconv.AppendInt(key, int64(len(chosen[i])), 10), ':'), chosen[i]...)
	}
	n, ok := t.groupOf[slot][string(key)]
	if !ok {
		n = uint32(len(t.groups[slot])) //nolint:gosec // bounded
		t.groupOf[slot][string(key)] = n
		t.groups[slot] = append(t.groups[slot], chosen)
	}
	return n
}

// readRows adds up the rows of a time.
func (t *rolled) readRows(ctx context.Context, from, to int64) error {
	q := *t.q
	q.From, q.To = from, to
	text, err := t.s.topSums(&q)
	if text == "" || err != nil {
		return err
	}
	return t.s.query(ctx, text, func(b *block) error {
		g := t.take()
		defer t.give(g, len(g.sums))
		values := b.column("value")
		var columns [slots][][]string
		for slot := range slots {
			for _, f := range t.by[slot] {
				columns[slot] = append(columns[slot], b.column(f.wire))
			}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		var entry [8]string
		for i := range b.rows {
			n, ok := topValue(at(values, i))
			if !ok {
				continue
			}
			var k group
			for slot := range slots {
				for j, f := range t.by[slot] {
					entry[f.value] = at(columns[slot][j], i)
				}
				if len(t.by[slot]) > 0 {
					k[slot] = t.group(slot, entry[:])
				}
			}
			g.sums[k] = saturatingAdd(g.sums[k], n)
		}
		return nil
	})
}

// choose returns the largest rows.
func (t *rolled) choose() []Row {
	sums := make(map[group]int64)
	if len(t.all) > 0 {
		sums = t.all[0].sums
		for _, g := range t.all[1:] {
			for k, n := range g.sums {
				sums[k] = saturatingAdd(sums[k], n)
			}
		}
	}
	type line struct {
		group
		value int64
	}
	texts := func(l *line) []string {
		out := make([]string, len(t.q.By))
		for slot := range slots {
			for i, f := range t.by[slot] {
				out[f.place] = t.groups[slot][l.group[slot]][i]
			}
		}
		return out
	}
	less := func(a, b *line) bool {
		if a.value != b.value {
			return a.value > b.value
		}
		return slices.Compare(texts(a), texts(b)) < 0
	}
	top := best[line]{limit: topLimit(t.q), less: less}
	for k, n := range sums {
		top.add(line{k, n})
	}
	slices.SortFunc(top.items, func(a, b line) int {
		if less(&a, &b) {
			return -1
		}
		return 1
	})
	out := make([]Row, len(top.items))
	for i := range top.items {
		out[i] = Row{Value: top.items[i].value, By: make([]entity.Value, len(t.q.By))}
		for j, text := range texts(&top.items[i]) {
			out[i].By[j] = t.s.shown(t.q.By[j], text)
		}
	}
	return out
}
