package flowstore

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"
)

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
			t.add(t.rollups.chunker.whole(m.memory.tally), m.minute)
		}
		for _, p := range m.memory.parts {
			if err := t.addPart(p, m.minute); err != nil {
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
				if err := t.addPart(at(data, i), when); err != nil {
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

func (t *rolled) addPart(text string, minute int64) error {
	c, err := t.rollups.chunker.unpack(text, &t.needed)
	if err != nil {
		t.s.log.Error("read sums of a minute", "error", err)
		return errUnrolled
	}
	t.add(c, minute)
	return nil
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
		defer t.give(g, g.len())
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
			g.add(t, k, n)
		}
		return nil
	})
}
