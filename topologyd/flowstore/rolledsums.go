package flowstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/flowrecord"
)

// take returns sums that no other goroutine uses, give returns them.
func (t *rolled) take() *groupSums {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.free); n > 0 {
		g := t.free[n-1]
		t.free = t.free[:n-1]
		return g
	}
	g := &groupSums{sums: make(map[group]int64), pairs: make(map[uint64]int64)}
	t.all = append(t.all, g)
	return g
}

func (t *rolled) give(g *groupSums, before int) {
	t.total.Add(int64(g.len() - before))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free = append(t.free, g)
}

// add adds the rows of a chunk of a minute.
func (t *rolled) add(c *chunk, minute int64) {
	if t.total.Load() > maxGroups {
		return
	}
	g := t.take()
	defer t.give(g, g.len())
	t.mu.Lock()
	for slot := range slots {
		g.infos[slot] = g.infos[slot][:0]
		if !t.needed[slot] {
			continue
		}
		entries := c.entries[dictionary(slot)]
		g.infos[slot] = slices.Grow(g.infos[slot], len(entries))[:len(entries)]
		g.used = slices.Grow(g.used[:0], len(entries))[:len(entries)]
		clear(g.used)
		for _, i := range c.columns[slot] {
			if !g.used[i] { // an address of A need not be one of B
				g.used[i] = true
				g.infos[slot][i] = t.info(slot, entries[i], g)
			}
		}
	}
	t.mu.Unlock()
	if t.steps != nil {
		g.points = t.steps.begin(g.points)
		defer func() { t.steps.end(minute, g.points) }()
	}
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
		if t.steps != nil {
			p := &g.points[t.steps.place(t, &k)]
			*p = denseSum{saturatingAdd(p.sum, n), true}
			continue
		}
		g.add(t, k, n)
	}
}

// add adds to a group. Most queries have one or two slots in their answer.
func (g *groupSums) add(t *rolled, k group, n int64) {
	switch len(t.shown) {
	case 1:
		i := int(k[t.shown[0]])
		for i >= len(g.dense) {
			g.dense = append(g.dense, denseSum{})
		}
		g.dense[i] = denseSum{saturatingAdd(g.dense[i].sum, n), true}
	case 2:
		x := uint64(k[t.shown[0]])<<32 | uint64(k[t.shown[1]])
		g.pairs[x] = saturatingAdd(g.pairs[x], n)
	default:
		g.sums[k] = saturatingAdd(g.sums[k], n)
	}
}

func (g *groupSums) len() int { return len(g.dense) + len(g.pairs) + len(g.sums) }

// each hands on all sums.
func (g *groupSums) each(t *rolled, yield func(group, int64)) {
	for i, x := range g.dense {
		if x.any {
			var k group
			k[t.shown[0]] = uint32(i) //nolint:gosec // bounded
			yield(k, x.sum)
		}
	}
	for x, n := range g.pairs {
		var k group
		k[t.shown[0]], k[t.shown[1]] = uint32(x>>32), uint32(x) //nolint:gosec // its halves
		yield(k, n)
	}
	for k, n := range g.sums {
		yield(k, n)
	}
}

// info returns what is known of an entry. The lock is held.
func (t *rolled) info(slot int, values []string, g *groupSums) entryInfo {
	if len(values) == 1 {
		if x, ok := t.entries[slot][values[0]]; ok {
			return x
		}
	}
	g.key = g.key[:0]
	for _, v := range values {
		if len(values) > 1 {
			g.key = append(strconv.AppendInt(g.key, int64(len(v)), 10), ':')
		}
		g.key = append(g.key, v...)
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
			if c := &t.conditions[slot][i]; c.condition.Match(&r) {
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

// choose returns the largest rows.
func (t *rolled) choose() []Row {
	groups := t.largest()
	lines := make([]line, len(groups))
	for i := range groups {
		lines[i] = line{t.texts(&groups[i].group), groups[i].value}
	}
	return t.s.asRows(t.q, lines)
}

// groupLine is a row before it has texts.
type groupLine struct {
	group
	value int64
}

// texts returns what rows of a group have in the fields of the answer.
func (t *rolled) texts(g *group) []string {
	out := make([]string, len(t.q.By))
	for slot := range slots {
		for i, f := range t.by[slot] {
			out[f.place] = t.groups[slot][g[slot]][i]
		}
	}
	return out
}

// largest returns the largest groups, the largest first.
func (t *rolled) largest() []groupLine {
	var all *groupSums
	for _, g := range t.all {
		if all == nil {
			all = g
			continue
		}
		g.each(t, func(k group, n int64) { all.add(t, k, n) })
	}
	if all == nil {
		return nil
	}
	less := func(a, b *groupLine) bool {
		if a.value != b.value {
			return a.value > b.value
		}
		return slices.Compare(t.texts(&a.group), t.texts(&b.group)) < 0
	}
	top := best[groupLine]{limit: topLimit(t.q), less: less}
	all.each(t, func(k group, n int64) { top.add(groupLine{k, n}) })
	slices.SortFunc(top.items, func(a, b groupLine) int {
		if less(&a, &b) {
			return -1
		}
		return 1
	})
	return top.items
}
