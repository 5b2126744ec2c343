package flows

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Updates yields what each report of some flows added, for those that speak of
// some time in [from, to], in ascending time of their end: each once, however
// often it was sent.
func (f *Flows) Updates(ctx context.Context, ids []flowrecord.ID, from, to int64) iter.Seq2[flowrecord.Update, error] {
	return func(yield func(flowrecord.Update, error) bool) {
		var fresh []flowrecord.Update // what the store may not know yet
		if to >= f.now().UnixNano()-int64(f.cfg.Recent) {
			fresh = f.newest(ids, from, to)
		}
		told := repeated{}
		give := func(u flowrecord.Update) bool { return told.again(&u) || yield(u, nil) }
		for u, err := range f.store.Updates(ctx, ids, from, to) {
			if err != nil {
				yield(flowrecord.Update{}, err)
				return
			}
			for len(fresh) > 0 && fresh[0].Metric.Last < u.Metric.Last {
				if !give(fresh[0]) {
					return
				}
				fresh = fresh[1:]
			}
			if !give(u) {
				return
			}
		}
		for _, u := range fresh {
			if !give(u) {
				return
			}
		}
	}
}

// newest returns what the reports in memory added, in ascending time.
func (f *Flows) newest(ids []flowrecord.ID, from, to int64) []flowrecord.Update {
	var out []flowrecord.Update
	for _, id := range ids {
		if r := f.live.get(id); r != nil && !r.Update.IsZero() && r.Update.Last >= from && r.Update.Start <= to {
			out = append(out, flowrecord.Update{ID: id, Metric: r.Update})
		}
	}
	slices.SortFunc(out, func(a, b flowrecord.Update) int { return cmp.Compare(a.Metric.Last, b.Metric.Last) })
	return out
}

// repeated tells which updates came before. They come in ascending time, so it
// is enough to know those of a flow's last time.
type repeated map[flowrecord.ID]repeatedAt

type repeatedAt struct {
	last   int64
	starts []int64
}

// again reports whether the update of the flow with this start and end came
// before, and notes it.
func (told repeated) again(u *flowrecord.Update) bool {
	at := told[u.ID]
	if len(at.starts) == 0 || at.last != u.Metric.Last {
		at.last, at.starts = u.Metric.Last, at.starts[:0]
	} else if slices.Contains(at.starts, u.Metric.Start) {
		return true
	}
	at.starts = append(at.starts, u.Metric.Start)
	told[u.ID] = at
	return false
}

// Counters yields the counters of nodes from one time to another, as the store
// knows them.
func (f *Flows) Counters(ctx context.Context, nodes []entity.UUID, from, to int64) iter.Seq2[gremlin.Counters, error] {
	return f.store.Counters(ctx, nodes, from, to)
}
