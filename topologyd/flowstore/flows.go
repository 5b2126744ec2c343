package flowstore

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/lib/logstorage"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Flows returns the newest report of each flow in the window. A flow is in the
// window when it began before its end and has a packet after its beginning.
//
// The report is the newest one in the window; a flow without one (it reports
// every so often) has the first one after the window, up to ReportInterval
// behind it. A flow that was silent from before the window until then is not
// found. Of two reports of one time the one that says that the flow ended
// counts.
//
// All conditions are checked, Sort and Limit obeyed. Conditions on fields that
// never change choose the rows; others are checked on the report that was
// chosen. Live is not looked at: what goes on now is not known here.
//
// The answer costs two queries: one finds the reports, with a few bytes for each
// flow in memory, one reads them. With a limit and no order but the newest first
// the search begins at the window's end and stops as soon as it can.
func (s *Store) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		if err := s.flows(ctx, q, yield); err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

func (s *Store) flows(ctx context.Context, q *flowrecord.Query, yield func(*flowrecord.Record, error) bool) error {
	f := newFinder(s, q)
	if f.where.none || q.From > q.To {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	if err := f.find(ctx); err != nil {
		return err
	}
	return f.read(ctx, yield)
}

// pick is the report chosen of a flow.
type pick struct {
	time     int64
	finished bool
	// matches is set when the conditions hold that the query could not check.
	matches bool
	read    bool
	key     entity.Value
}

// better reports whether p is to be preferred to o, which is as new or newer.
func (p *pick) newer(o *pick) bool {
	return p.time > o.time || p.time == o.time && p.finished && !o.finished
}

// finder answers one query.
type finder struct {
	s *Store
	q *flowrecord.Query
	// where chooses rows, rest is checked on the report of choice.
	where filter
	rest  []flowrecord.Condition
	sort  *flowrecord.Field
	// fields are what the first query must return.
	fields []string

	mu      sync.Mutex
	picks   map[entity.UUID]*pick
	found   int // picks that match
	scratch sync.Pool
}

// scratch is what handling a block needs.
type scratch struct {
	dec   *decoder
	bound []bound
	ids   []entity.UUID
	picks []pick
}

func newFinder(s *Store, q *flowrecord.Query) *finder {
	fixed, moving := split(s.table, q.Where)
	f := &finder{s: s, q: q, rest: moving, picks: make(map[entity.UUID]*pick), sort: s.table.Query(q.Sort)}
	fs := []filter{event(flowrecord.EventName), ids("flow.node_tid", q.Nodes), ids("flow.id", q.IDs)}
	for i := range fixed {
		c := condition(s.table, &fixed[i])
		if !c.exact {
			f.rest = append(f.rest, fixed[i])
		}
		fs = append(fs, c)
	}
	f.where = and(fs...)
	f.fields = []string{fieldTime, "flow.id", "flow.finish"}
	for _, c := range f.rest {
		for _, name := range c.Fields {
			f.fields = append(f.fields, wires(s.table, name)...)
		}
	}
	if f.sort != nil {
		f.fields = append(f.fields, f.sort.Wire)
	}
	f.scratch.New = func() any { return &scratch{dec: newDecoder(s.table)} }
	return f
}

// wires returns the fields of a row that a name in a query needs: one, those of
// a group, or the one with details it leads into.
func wires(t *flowrecord.Table, name string) []string {
	if f := t.Query(name); f != nil {
		return []string{f.Wire}
	}
	head, _, _ := strings.Cut(name, ".")
	if f := t.Query(head); f != nil {
		return []string{f.Wire}
	}
	var out []string
	for i := range t.Fields() {
		f := &t.Fields()[i]
		if group, _, ok := strings.Cut(f.Query, "."); ok && group == head {
			out = append(out, f.Wire)
		}
	}
	if head == "Metric" {
		out = append(out, "network.flow.start", "network.flow.end")
	}
	return out
}

// find fills picks.
func (f *finder) find(ctx context.Context) error {
	after, err := f.after(ctx)
	if err != nil {
		return err
	}
	newestFirst := f.q.Sort == "Last" && f.q.Descending && len(after) == 0
	if f.q.Limit > 0 && (f.sort == nil || newestFirst) {
		err = f.backwards(ctx)
	} else {
		err = f.during(ctx, f.q.From, f.q.To)
	}
	if err != nil {
		return err
	}
	if f.q.Limit > 0 && f.found >= f.q.Limit && f.sort == nil {
		return nil // all of them have one in the window
	}
	for id, p := range after {
		if f.picks[id] == nil {
			f.picks[id] = p
		}
	}
	return nil
}

// backwards searches from the window's end, in steps that grow, until there is
// enough.
func (f *finder) backwards(ctx context.Context) error {
	const firstStep = int64(2 * time.Second)
	from, to, step := max(f.q.From, minTime), min(f.q.To, maxTime), firstStep
	for to >= from && f.found < f.q.Limit {
		low := max(from, saturatingAdd(to, -step))
		if err := f.during(ctx, low, to); err != nil {
			return err
		}
		to = low - 1
		if step < math.MaxInt64/4 {
			step *= 4
		}
	}
	return nil
}

// during picks the newest reports with a time in [from, to], of flows that have
// no newer one yet.
func (f *finder) during(ctx context.Context, from, to int64) error {
	return f.pass(ctx, and(during(from, to), f.where), f.fields, func(id entity.UUID, p *pick) error {
		old := f.picks[id]
		if old != nil && !p.newer(old) {
			return nil
		}
		if old != nil && old.matches {
			f.found--
		}
		if p.matches {
			f.found++
		}
		if old == nil {
			if len(f.picks) >= f.s.cfg.MaxFlows {
				return ErrTooMuch
			}
			old = new(pick)
			f.picks[id] = old
		}
		*old = *p
		return nil
	})
}

// after finds the first reports behind the window of flows that began before
// its end.
func (f *finder) after(ctx context.Context) (map[entity.UUID]*pick, error) {
	picks := make(map[entity.UUID]*pick)
	first, last := saturatingAdd(f.q.To, 1), saturatingAdd(f.q.To, int64(f.s.cfg.ReportInterval))
	if first > time.Now().Add(25*time.Hour).UnixNano() || f.s.cfg.ReportInterval == 0 {
		return picks, nil // no row can be so far ahead
	}
	began := between("network.flow.start", math.MinInt64, f.q.To)
	where := and(during(first, last), f.where, began)
	err := f.pass(ctx, where, append(slices.Clone(f.fields), "network.flow.start"), func(id entity.UUID, p *pick) error {
		if old := picks[id]; old == nil {
			if len(picks) >= f.s.cfg.MaxFlows {
				return ErrTooMuch
			}
			picks[id] = &pick{}
			*picks[id] = *p
		} else if p.time < old.time || p.time == old.time && p.finished {
			*old = *p
		}
		return nil
	})
	return picks, err
}

// pass runs the first query and hands on what it finds, one at a time.
func (f *finder) pass(ctx context.Context, where filter, fields []string, choose func(entity.UUID, *pick) error) error {
	if where.none {
		return nil
	}
	return f.s.query(ctx, where.String()+" | fields "+names(fields), func(b *block) error {
		sc := f.scratch.Get().(*scratch)
		defer f.scratch.Put(sc)
		f.rows(b, sc)
		f.mu.Lock()
		defer f.mu.Unlock()
		for i := range sc.ids {
			if err := choose(sc.ids[i], &sc.picks[i]); err != nil {
				return err
			}
		}
		return nil
	})
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
	if len(f.rest) > 0 || f.sort != nil {
		sc.bound = sc.dec.bind(b, sc.bound)
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
		fin := at(finish, i)
		p := pick{time: when, finished: fin != "" && fin != "NOT_FINISHED", matches: true}
		if len(f.rest) > 0 || f.sort != nil {
			r := sc.dec.record(sc.bound, i)
			p.matches = matches(f.s.table, r, f.rest)
			if f.sort != nil {
				p.key = f.sort.Value(r)
			}
		}
		sc.ids, sc.picks = append(sc.ids, id), append(sc.picks, p)
	}
}

// chosen returns the picks to read, sorted and cut as the query says.
func (f *finder) chosen() []entity.UUID {
	out := make([]entity.UUID, 0, f.found)
	for id, p := range f.picks {
		if p.matches {
			out = append(out, id)
		}
	}
	if f.sort == nil && f.q.Limit == 0 {
		return out
	}
	slices.SortFunc(out, func(a, b entity.UUID) int {
		p, q := f.picks[a], f.picks[b]
		c := entity.Compare(p.key, q.key)
		if f.sort == nil {
			c = cmp.Compare(q.time, p.time)
		} else if f.q.Descending {
			c = -c
		}
		return cmp.Or(c, slices.Compare(a[:], b[:]))
	})
	if f.q.Limit > 0 && len(out) > f.q.Limit {
		out = out[:f.q.Limit]
	}
	return out
}
