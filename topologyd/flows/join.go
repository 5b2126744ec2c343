package flows

import (
	"context"
	"iter"
	"math"

	"github.com/skein-net/skein/internal/flowrecord"
)

// Flows answers a query from memory and from the store: each flow once, in its
// newest report of the window. As the contract of [flowrecord.Query] has it the
// answer may hold too much: whoever asks filters, sorts and cuts again.
func (f *Flows) Flows(ctx context.Context, q *flowrecord.Query) iter.Seq2[*flowrecord.Record, error] {
	return func(yield func(*flowrecord.Record, error) bool) {
		m, err := f.compile(q)
		if err != nil {
			yield(nil, err)
			return
		}
		now := f.now().UnixNano()
		switch {
		case q.Live:
			f.goingOn(ctx, q, m, now, yield)
		case q.To < now-int64(f.cfg.Recent):
			f.store.Flows(ctx, q)(yield)
		default:
			f.window(ctx, q, m, yield)
		}
	}
}

// goingOn answers a query for the flows of now. The store is asked only when
// memory may not have all of them.
func (f *Flows) goingOn(ctx context.Context, q *flowrecord.Query, m *matcher, now int64, yield func(*flowrecord.Record, error) bool) {
	silent, ended := int64(f.cfg.Silent), int64(f.cfg.Ended)
	if f.complete(now) {
		for r := range f.live.reports {
			if m.match(r) && !yield(r, nil) {
				return
			}
		}
		return
	}
	held := f.held(m, math.MinInt64, math.MaxInt64)
	past := *q
	past.Live, past.From, past.To = false, now-silent, now+int64(f.cfg.Future)
	f.merge(ctx, &past, m, held, yield, func(r *flowrecord.Record) bool {
		return !r.Finished() || r.Metric.Last >= now-ended
	})
}

// complete reports whether all flows of now are in memory.
func (f *Flows) complete(now int64) bool {
	since := now - int64(f.cfg.Silent)
	return !f.cfg.Shared && f.began.UnixNano() < since && f.live.full.Load() < since
}

// window answers a query for a window that reaches to where the store may not
// know everything yet.
func (f *Flows) window(ctx context.Context, q *flowrecord.Query, m *matcher, yield func(*flowrecord.Record, error) bool) {
	f.merge(ctx, q, m, f.held(m, q.From, q.To), yield, func(*flowrecord.Record) bool { return true })
}

// held returns the flows in memory that overlap a window and may match.
func (f *Flows) held(m *matcher, from, to int64) map[flowrecord.ID]*flowrecord.Record {
	held := make(map[flowrecord.ID]*flowrecord.Record)
	take := func(r *flowrecord.Record) {
		if r.Metric.Start <= to && r.Metric.Last >= from && m.mayMatch(r) {
			held[r.ID] = r
		}
	}
	if m.ids != nil {
		for id := range m.ids {
			if r := f.live.get(id); r != nil {
				take(r)
			}
		}
		return held
	}
	for r := range f.live.reports {
		take(r)
	}
	return held
}

// mostSorted is how many flows a store may be asked for in an order: it has to
// hold them all. More of them are asked for in any order, which it need not.
const mostSorted = 50_000

// merge yields what the store answers, newer reports in memory in its place,
// and then what only memory knows.
//
// A store that is to give the first few only may give flows whose newer report
// does not belong to them; it is asked for as many more as memory holds, so that
// those which do are among the answers for any order and any condition.
func (f *Flows) merge(ctx context.Context, q *flowrecord.Query, m *matcher, held map[flowrecord.ID]*flowrecord.Record,
	yield func(*flowrecord.Record, error) bool, keep func(*flowrecord.Record) bool) {
	if q.Limit > 0 && len(held) > 0 {
		more := *q
		if more.Limit += len(held); more.Limit > mostSorted {
			more.Sort, more.Limit = "", 0
		}
		q = &more
	}
	for r, err := range f.store.Flows(ctx, q) {
		if err != nil {
			yield(nil, err)
			return
		}
		if h := held[r.ID]; h != nil {
			if h.Metric.Last <= q.To && newer(h, r) {
				continue // it comes below
			}
			delete(held, r.ID)
		}
		if keep(r) && !yield(r, nil) {
			return
		}
	}
	for _, r := range held {
		if m.match(r) && !yield(r, nil) {
			return
		}
	}
}
