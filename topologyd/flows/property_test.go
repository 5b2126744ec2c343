package flows_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	"github.com/skein-net/skein/topologyd/flows"
	"github.com/skein-net/skein/topologyd/flows/flowstest"
)

// world is flows over a store in memory, with a clock.
type world struct {
	t     testing.TB
	clock time.Time
	store *flowstest.Memory
	flows *flows.Flows
}

func newWorld(t testing.TB, change func(*flows.Config)) *world {
	t.Helper()
	cfg := flows.DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	w := &world{t: t, clock: time.Unix(1_760_000_000, 0), store: &flowstest.Memory{}}
	var err error
	if w.flows, err = flows.New(cfg, w.store, func() time.Time { return w.clock }); err != nil {
		t.Fatal(err)
	}
	w.store.Match = w.flows.Match
	return w
}

func (w *world) now() int64 { return w.clock.UnixNano() }

// take gives a copy of the reports.
func (w *world) take(reports ...flowrecord.Record) flows.Taken {
	w.t.Helper()
	got, err := w.flows.Take(w.t.Context(), slices.Clone(reports))
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *world) ask(q flowrecord.Query) map[flowrecord.ID]flowrecord.Record {
	w.t.Helper()
	out := map[flowrecord.ID]flowrecord.Record{}
	for r, err := range w.flows.Flows(w.t.Context(), &q) {
		if err != nil {
			w.t.Fatal(err)
		}
		if _, twice := out[r.ID]; twice {
			w.t.Errorf("%s comes twice", r.ID)
		}
		out[r.ID] = *r
	}
	return out
}

// history makes the reports of one flow from a time on, every 10 s.
func history(r *rand.Rand, start int64, n int) []flowrecord.Record {
	base := flowrecordtest.Full(r)
	base.Metric, base.Update, base.Finish = flowrecord.Metric{Start: start}, flowrecord.Metric{}, flowrecord.NotFinished
	base.DNS, base.DHCPv4, base.VRRPv2 = entity.Value{}, entity.Value{}, entity.Value{}
	var out []flowrecord.Record
	for i := range n {
		x := base
		u := flowrecord.Metric{ABPackets: 1 + r.Int64N(9), BAPackets: r.Int64N(9), ABBytes: 100 + r.Int64N(1000), BABytes: r.Int64N(1000)}
		u.Start = start + int64(i)*10e9
		u.Last = u.Start + r.Int64N(9e9)
		if i == n-1 && r.IntN(2) == 0 {
			x.Finish = flowrecord.FinishTCPFin
		}
		base.Metric.ABPackets += u.ABPackets
		base.Metric.BAPackets += u.BAPackets
		base.Metric.ABBytes += u.ABBytes
		base.Metric.BABytes += u.BABytes
		base.Metric.Last = u.Last
		x.Metric, x.Update = base.Metric, u
		out = append(out, x)
	}
	return out
}

// TestModel holds memory and store together, under repetition, loss of order
// and late visibility, against a store that knows each report once and at once.
func TestModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { model(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func model(t *testing.T, r *rand.Rand) {
	w := newWorld(t, func(c *flows.Config) {
		c.Shared = r.IntN(2) == 0
		if r.IntN(2) == 0 {
			c.Max = 1 + r.IntN(8) // the others are in the store alone
		}
	})
	plain := &flowstest.Memory{Match: w.flows.Match}
	if r.IntN(2) == 0 {
		w.clock = w.clock.Add(time.Hour) // memory has all that goes on
	}
	began := w.now()
	var all []flowrecord.Record
	for range 1 + r.IntN(20) {
		all = append(all, history(r, began+r.Int64N(200e9), 1+r.IntN(8))...)
	}
	var ids []flowrecord.ID
	for i := range all {
		ids = append(ids, all[i].ID)
	}
	slices.SortFunc(ids, func(a, b flowrecord.ID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	if err := plain.Write(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	// As they would come, a little out of order and some of them twice.
	slices.SortFunc(all, func(a, b flowrecord.Record) int { return cmp.Compare(flowstest.At(&a), flowstest.At(&b)) })
	end := flowstest.At(&all[len(all)-1])
	sent := slices.Clone(all)
	for range len(sent) / 4 {
		i := r.IntN(len(sent))
		j := min(len(sent)-1, i+r.IntN(8))
		if r.IntN(2) == 0 {
			sent[i], sent[j] = sent[j], sent[i]
		} else {
			sent = slices.Insert(sent, j, sent[i])
		}
	}
	refused := 0
	for len(sent) > 0 {
		n := 1 + r.IntN(len(sent))
		batch := sent[:n]
		w.clock = time.Unix(0, max(w.now(), flowstest.At(&batch[n-1])))
		if r.IntN(4) == 0 {
			w.store.Fail(errors.New("disk full"))
			if _, err := w.flows.Take(t.Context(), slices.Clone(batch)); err != nil {
				refused++
			}
			w.store.Fail(nil)
		}
		w.take(batch...)
		sent = sent[n:]
	}
	w.clock = time.Unix(0, max(w.now(), end))
	// What was written a moment ago cannot be seen; memory has to know it.
	w.store.Hide(func(x *flowrecord.Record) bool {
		return w.flows.Holds(x) && flowstest.At(x) > w.now()-int64(8*time.Second)
	})

	check := func(what string, q flowrecord.Query) {
		t.Helper()
		want := map[flowrecord.ID]flowrecord.Record{}
		pq := q
		if q.Live {
			pq.Live, pq.From, pq.To = false, w.now()-int64(10*time.Minute), w.now()
		}
		pq.Limit = 0
		for x := range plain.Flows(t.Context(), &pq) {
			if !q.Live || !x.Finished() || x.Metric.Last >= w.now()-int64(time.Minute) {
				want[x.ID] = *x
			}
		}
		if q.Limit > 0 {
			got, err := w.flows.List(t.Context(), &q)
			if err != nil {
				t.Fatal(err)
			}
			var list []flowrecord.Record
			for _, x := range want {
				list = append(list, x)
			}
			sorted := (&flowstest.Memory{Match: w.flows.Match})
			if err := sorted.Write(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			pq.Limit, pq.From, pq.To = q.Limit, 0, 1<<62
			i := 0
			for x := range sorted.Flows(t.Context(), &pq) {
				if i >= len(got) || got[i].ID != x.ID || got[i].Metric != x.Metric {
					t.Fatalf("%s: number %d of %d is not %s", what, i, len(got), x.ID)
				}
				i++
			}
			if i != len(got) {
				t.Errorf("%s: %d flows, want %d", what, len(got), i)
			}
			return
		}
		got := w.ask(q)
		for id, x := range want {
			if g, ok := got[id]; !ok || g.Metric != x.Metric || g.Finish != x.Finish {
				t.Errorf("%s: %s: %v %+v %v, want %+v %v", what, id, ok, g.Metric, g.Finish, x.Metric, x.Finish)
			}
		}
		if len(got) != len(want) && !(q.Live && len(got) > len(want)) {
			t.Errorf("%s: %d flows, want %d", what, len(got), len(want))
		}
	}
	check("now", flowrecord.Query{Live: true})
	check("up to now", flowrecord.Query{From: began, To: w.now()})
	check("one node", flowrecord.Query{From: began, To: w.now(), Nodes: []entity.UUID{all[0].NodeTID}})
	check("lately", flowrecord.Query{From: w.now() - int64(20*time.Second), To: w.now()})
	where := []flowrecord.Condition{{Fields: []string{"Metric.ABBytes"}, Op: flowrecord.Greater, Values: []entity.Value{entity.Int(2000)}}}
	going := []flowrecord.Condition{{Fields: []string{"FinishType"}, Op: flowrecord.In, Values: []entity.Value{entity.String("NOT_FINISHED")}}}
	check("large", flowrecord.Query{From: began, To: w.now(), Where: where})
	for _, by := range []string{"Last", "Metric.ABBytes", "Metric.RTT", "Start", "Application"} {
		for _, down := range []bool{true, false} {
			q := flowrecord.Query{From: began, To: w.now(), Sort: by, Descending: down, Limit: 1 + r.IntN(6)}
			check("sorted by "+by, q)
			q.Where = going
			check("unfinished by "+by, q)
		}
	}

	var got, want []flowrecord.Update
	for u, err := range w.flows.Updates(t.Context(), ids, began, w.now()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, u)
	}
	if !slices.IsSortedFunc(got, func(a, b flowrecord.Update) int { return cmp.Compare(a.Metric.Last, b.Metric.Last) }) {
		t.Error("updates are not in order")
	}
	for u := range plain.Updates(t.Context(), ids, began, w.now()) {
		want = append(want, u)
	}
	// Of a flow with two reports that the store does not show yet, the older one
	// is missing for a moment.
	newest := map[flowrecord.ID]flowrecord.Update{}
	for _, u := range want {
		newest[u.ID] = u
	}
	seen := map[flowrecord.Update]bool{}
	for _, u := range got {
		if seen[u] {
			t.Errorf("%+v twice", u)
		}
		seen[u] = true
	}
	for _, u := range want {
		if !seen[u] && (u.Metric.Last < w.now()-int64(20*time.Second) || u == newest[u.ID]) {
			t.Errorf("%+v is missing", u)
		}
	}
	if len(got) > len(want) {
		t.Errorf("%d updates, want %d", len(got), len(want))
	}
	w.store.Hide(nil)
	got = got[:0]
	for u := range w.flows.Updates(t.Context(), ids, began, w.now()) {
		got = append(got, u)
	}
	if len(got) != len(want) {
		t.Errorf("all visible: %d updates, want %d", len(got), len(want))
	}
}
