package flowstore

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// chosen is a flow with its pick.
type chosen struct {
	id entity.UUID
	pick
}

// find looks for the reports and returns those to read, sorted and cut as the
// query says.
func (f *finder) find(ctx context.Context) ([]chosen, error) {
	after, err := f.after(ctx)
	if err != nil {
		return nil, err
	}
	f.found.Store(0) // what is behind the window does not count yet
	newestFirst := f.sort == nil || f.q.Sort == "Last" && f.q.Descending
	searched := f.q.From // until where the window was searched
	if f.q.Limit > 0 && newestFirst {
		searched, err = f.backwards(ctx)
	} else {
		err = f.during(ctx, f.q.From, f.q.To)
	}
	if err != nil {
		return nil, err
	}
	full := f.q.Limit > 0 && int(f.found.Load()) >= f.q.Limit
	if f.sort != nil || !full {
		if err := f.adopt(ctx, after, searched); err != nil {
			return nil, err
		}
	}
	return f.choose(), nil
}

// backwards searches from the window's end, in steps that grow, until there is
// enough. It returns how far it came.
func (f *finder) backwards(ctx context.Context) (searched int64, err error) {
	const firstStep = int64(2 * time.Second)
	from, to, step := max(f.q.From, minTime), min(f.q.To, maxTime), firstStep
	for to >= from && int(f.found.Load()) < f.q.Limit {
		low := max(from, saturatingAdd(to, -step))
		if err := f.during(ctx, low, to); err != nil {
			return 0, err
		}
		to = low - 1
		if step < math.MaxInt64/4 {
			step *= 4
		}
	}
	return to + 1, nil
}

// during picks the newest reports with a time in [from, to], of flows that have
// no newer one yet.
func (f *finder) during(ctx context.Context, from, to int64) error {
	return f.pass(ctx, and(during(from, to), f.where), f.fields, &f.shards, func(old, p *pick) bool { return p.newer(old) })
}

// after finds the first reports behind the window of flows that began before
// its end.
func (f *finder) after(ctx context.Context) (*[shardCount]shard, error) {
	after := new([shardCount]shard)
	for i := range after {
		after[i].picks = make(map[entity.UUID]pick)
	}
	first, last := saturatingAdd(f.q.To, 1), saturatingAdd(f.q.To, int64(f.s.cfg.ReportInterval))
	if first > time.Now().Add(25*time.Hour).UnixNano() || f.s.cfg.ReportInterval == 0 {
		return after, nil // no row can be so far ahead
	}
	began := between("network.flow.start", math.MinInt64, f.q.To)
	fields := append(slices.Clone(f.fields), "network.flow.start")
	return after, f.pass(ctx, and(during(first, last), f.where, began), fields, after, func(old, p *pick) bool {
		return p.time < old.time || p.time == old.time && p.finished
	})
}

// adopt takes the reports behind the window of flows that have none in it. Of
// the window what is after searched was looked at; what is before is asked for
// by name, of as many flows as are needed.
func (f *finder) adopt(ctx context.Context, after *[shardCount]shard, searched int64) error {
	var cs []chosen
	for i := range after {
		for id, p := range after[i].picks {
			if _, ok := f.shards[i].picks[id]; !ok {
				cs = append(cs, chosen{id, p})
			}
		}
	}
	if searched <= f.q.From {
		for i := range cs {
			f.keep(&cs[i])
		}
		return nil
	}
	slices.SortFunc(cs, func(a, b chosen) int { return cmp.Compare(b.time, a.time) })
	const groups = 10
	got := 0
	for n, group := 0, []chosen(nil); len(cs) > 0 && got < f.q.Limit; n++ {
		if n == groups {
			return f.adoptAll(ctx, cs, searched)
		}
		group, cs = cs[:min(len(cs), maxNamed)], cs[min(len(cs), maxNamed):]
		named := make([]entity.UUID, len(group))
		for i := range group {
			named[i] = group[i].id
		}
		where := and(during(f.q.From, searched-1), f.where, ids("flow.id", named))
		if err := f.pass(ctx, where, f.fields, &f.shards, func(old, p *pick) bool { return p.newer(old) }); err != nil {
			return err
		}
		for i := range group {
			if f.keep(&group[i]) && group[i].matches {
				got++
			}
		}
	}
	return nil
}

// adoptAll searches the rest of the window.
func (f *finder) adoptAll(ctx context.Context, cs []chosen, searched int64) error {
	if err := f.during(ctx, f.q.From, searched-1); err != nil {
		return err
	}
	for i := range cs {
		f.keep(&cs[i])
	}
	return nil
}

// keep adds a pick unless there is one of its flow.
func (f *finder) keep(c *chosen) bool {
	sh := &f.shards[c.id[0]%shardCount]
	if _, ok := sh.picks[c.id]; ok {
		return false
	}
	sh.picks[c.id] = c.pick
	if c.matches {
		f.found.Add(1)
	}
	return true
}

// pass runs a query and puts what it finds into shards: the first pick of each
// flow, and then every one that is better.
func (f *finder) pass(ctx context.Context, where filter, fields []string, shards *[shardCount]shard, better func(old, p *pick) bool) error {
	if where.none {
		return nil
	}
	return f.s.query(ctx, where.String()+" | fields "+names(fields), func(b *block) error {
		sc := f.scratch.Get().(*scratch)
		defer f.scratch.Put(sc)
		f.rows(b, sc)
		for i := range shards {
			f.merge(&shards[i], byte(i), sc, better)
		}
		if f.flows.Load() > int64(f.s.cfg.MaxFlows) {
			return ErrTooMuch
		}
		return nil
	})
}

func (f *finder) merge(sh *shard, n byte, sc *scratch, better func(old, p *pick) bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for i := range sc.ids {
		id, p := &sc.ids[i], &sc.picks[i]
		if id[0]%shardCount != n {
			continue
		}
		old, ok := sh.picks[*id]
		switch {
		case !ok:
			f.flows.Add(1)
		case !better(&old, p):
			continue
		case old.matches:
			f.found.Add(-1)
		}
		if p.matches {
			f.found.Add(1)
		}
		sh.picks[*id] = *p
	}
}

// names lists fields for a query, each once.
func names(fields []string) string {
	fields = slices.Clone(fields)
	slices.Sort(fields)
	fields = slices.Compact(fields)
	for i, n := range fields {
		fields[i] = quote(n)
	}
	return strings.Join(fields, ", ")
}

// rows reads the rows of a block.
func (f *finder) rows(b *block, sc *scratch) {
	sc.ids, sc.picks = sc.ids[:0], sc.picks[:0]
	times, flows, finish, starts := b.column(fieldTime), b.column("flow.id"), b.column("flow.finish"), b.column("network.flow.start")
	decode := len(f.rest) > 0 || f.sort != nil && derived(f.sort.Wire)
	if decode {
		sc.bound = sc.dec.bind(b, sc.bound)
	}
	var keys []string
	if f.sort != nil && !decode {
		keys = b.column(f.sort.Wire)
	}
	for i := range b.rows {
		id, ok := parseUUID(at(flows, i))
		when, good := logstorage.TryParseTimestampRFC3339Nano(at(times, i))
		if !ok || !good {
			continue
		}
		if start, ok := parseInt(at(starts, i)); ok && start > f.q.To {
			continue
		}
		p := pick{time: when, finished: ended(at(finish, i)), matches: true}
		if decode {
			sc.dec.read(&sc.record, sc.bound, i, when)
			p.matches = f.matches.Match(&sc.record)
			if f.sort != nil {
				p.key = f.keyOf(f.sort.Get(&sc.record))
			}
		} else if f.sort != nil {
			p.key = f.key(at(keys, i))
		}
		sc.ids, sc.picks = append(sc.ids, id), append(sc.picks, p)
	}
}

// ended reports whether a value of flow.finish says that the flow ended.
func ended(finish string) bool { return finish != "" && finish != flowrecord.NotFinished.String() }

// noKey is the key of a flow that has no value to sort by.
const noKey = math.MinInt64

// key returns the key of a value in a row. Times sort as queries see them, in
// milliseconds.
func (f *finder) key(s string) int64 {
	if s == "" {
		return noKey
	}
	if f.sort.Kind != entity.KindInt {
		return f.keyOf(entity.String(s))
	}
	n, _ := parseInt(s)
	return f.keyOf(entity.Int(n))
}

func (f *finder) keyOf(v entity.Value) int64 {
	switch v.Kind() {
	case entity.KindNone:
		return noKey
	case entity.KindInt:
		n := v.Int()
		if n == 0 {
			return noKey
		}
		if f.sort.Time {
			n /= int64(time.Millisecond)
		}
		return n
	}
	s := v.Str()
	if v.Kind() == entity.KindMap {
		s = string(v.AppendJSON(nil))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k, ok := f.textOf[s]
	if !ok {
		s = strings.Clone(s)
		k = int64(len(f.texts))
		f.texts, f.textOf[s] = append(f.texts, s), k
	}
	return k
}

// choose returns the picks to read in the order of the answer.
func (f *finder) choose() []chosen {
	var rank []int64 // of each text
	if f.sort != nil && f.sort.Kind != entity.KindInt {
		rank = ranks(f.texts)
	}
	less := func(a, b *chosen) bool {
		switch {
		case f.sort == nil && a.time != b.time:
			return a.time > b.time
		case f.sort != nil && a.key != b.key:
			return a.key < b.key != f.q.Descending
		}
		return slices.Compare(a.id[:], b.id[:]) < 0
	}
	top := best[chosen]{limit: f.q.Limit, less: less}
	for i := range f.shards {
		for id, p := range f.shards[i].picks {
			if !p.matches {
				continue
			}
			if rank != nil && p.key != noKey {
				p.key = rank[p.key]
			}
			top.add(chosen{id, p})
		}
	}
	if f.sort != nil || f.q.Limit > 0 {
		sort.Slice(top.items, func(i, j int) bool { return less(&top.items[i], &top.items[j]) })
	}
	return top.items
}

// ranks returns the place of each text in their order.
func ranks(texts []string) []int64 {
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(texts[a], texts[b]) })
	out := make([]int64, len(texts))
	for place, i := range order {
		out[i] = int64(place)
	}
	return out
}

// best keeps the first items in an order, as many as its limit; all without one.
type best[T any] struct {
	limit int
	less  func(a, b *T) bool
	items []T // a heap with the last one in front once it is full
}

func (h *best[T]) add(x T) {
	if h.limit == 0 || len(h.items) < h.limit {
		h.items = append(h.items, x)
		if len(h.items) == h.limit {
			for i := len(h.items)/2 - 1; i >= 0; i-- {
				h.down(i)
			}
		}
		return
	}
	if h.less(&x, &h.items[0]) {
		h.items[0] = x
		h.down(0)
	}
}

func (h *best[T]) down(i int) {
	for {
		last := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h.items); c++ {
			if h.less(&h.items[last], &h.items[c]) {
				last = c
			}
		}
		if last == i {
			return
		}
		h.items[i], h.items[last] = h.items[last], h.items[i]
		i = last
	}
}
