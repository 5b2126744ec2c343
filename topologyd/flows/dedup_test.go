package flows_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/flows"
)

// sightings makes conversations that are seen at some of a few points, and on
// their way lose packets; some have no tracking ID.
func sightings(r *rand.Rand, at int64) (out []flowrecord.Record) {
	for i := range 12 {
		id := flowrecord.Tracking(i)
		app := []string{"HTTPS", "DNS", ""}[r.IntN(3)]
		for p := range 1 + r.IntN(4) {
			for n := range 1 + r.IntN(2) {
				rec := flowrecord.Record{
					TrackingID: id, Application: app, CaptureID: []string{"all", "web"}[r.IntN(2)], Interface: fmt.Sprint("p", p), HostID: "h",
					NodeTID: entity.TID(entity.UUID{}, fmt.Sprint(p), "node"), ID: entity.TID(entity.UUID{}, fmt.Sprint(at, i, p, n), "flow"),
				}
				start := at + r.Int64N(int64(time.Minute))
				rec.Metric.Start = start
				for range 1 + r.IntN(3) {
					u := flowrecord.Metric{Start: start, ABPackets: 1 + r.Int64N(20), BAPackets: r.Int64N(20), ABBytes: r.Int64N(5000), BABytes: r.Int64N(5000)}
					start += 1 + r.Int64N(int64(20*time.Second))
					u.Last = start
					m := &rec.Metric
					m.ABPackets, m.BAPackets, m.ABBytes, m.BABytes, m.Last = m.ABPackets+u.ABPackets, m.BAPackets+u.BAPackets, m.ABBytes+u.ABBytes, m.BABytes+u.BABytes, start
					rec.Update = u
					out = append(out, rec)
				}
			}
		}
	}
	return out
}

// naiveDedup sums the most obvious way: key of application to value, for reports
// in a time.
func naiveDedup(reports []flowrecord.Record, from, to int64, metric string) map[string]int64 {
	type place struct {
		id      flowrecord.Tracking
		node    entity.UUID
		capture string
	}
	packets := map[place]int64{}
	in := func(r *flowrecord.Record) bool { return r.Metric.Last >= from && r.Metric.Last <= to }
	of := func(r *flowrecord.Record) place { return place{r.TrackingID, r.NodeTID, r.CaptureID} }
	for i := range reports {
		if r := &reports[i]; in(r) {
			packets[of(r)] += r.Update.ABPackets + r.Update.BAPackets
		}
	}
	best := map[flowrecord.Tracking]place{}
	for p, n := range packets {
		b, ok := best[p.id]
		if !ok || cmp.Or(cmp.Compare(n, packets[b]), cmp.Compare(b.node.String(), p.node.String()), cmp.Compare(b.capture, p.capture)) > 0 {
			best[p.id] = p
		}
	}
	out := map[string]int64{}
	told := map[string]bool{}
	for i := range reports {
		r := &reports[i]
		if !in(r) || r.TrackingID != 0 && best[r.TrackingID] != of(r) {
			continue
		}
		switch metric {
		case flows.SumBytes:
			out[r.Application] += r.Update.ABBytes + r.Update.BABytes
		case flows.SumPackets:
			out[r.Application] += r.Update.ABPackets + r.Update.BAPackets
		case flows.SumFlows:
			key := fmt.Sprint(r.Application, r.TrackingID)
			if r.TrackingID == 0 {
				key = r.Application + r.ID.String()
			}
			if !told[key] {
				told[key] = true
				out[r.Application]++
			}
		default:
			out[r.Application] += r.Update.ABBytes
		}
	}
	return out
}

func TestDedup(t *testing.T) {
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(t, nil)
		w.clock = w.clock.Add(5 * time.Minute)
		reports := sightings(r, w.now()-int64(4*time.Minute))
		w.take(slices.Clone(reports)...)
		from, to := w.now()-int64(4*time.Minute)+r.Int64N(int64(30*time.Second)), w.now()-int64(2*time.Minute)
		for _, metric := range []string{flows.SumBytes, flows.SumPackets, flows.SumFlows, "LastUpdateMetric.ABBytes"} {
			q := flows.TopQuery{By: []string{"Application"}, Metric: metric, From: from, To: to, Limit: 10, Dedup: true}
			top, err := w.flows.Top(t.Context(), &q)
			if err != nil {
				t.Fatal(err)
			}
			want := naiveDedup(reports, from, to, metric)
			if len(top) != len(want) {
				t.Fatalf("seed %d, %s: %d rows, want %d", seed, metric, len(top), len(want))
			}
			for _, row := range top {
				if app := row.Key.Get("Application").Str(); len(row.Key) > 1 || row.Value != want[app] {
					t.Fatalf("seed %d, %s of %q: %d, want %d (%v)", seed, metric, app, row.Value, want[app], row.Key)
				}
			}
			series, err := w.flows.Series(t.Context(), &flows.SeriesQuery{TopQuery: q, Step: int64(10 * time.Second)})
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range series.Rows {
				sum := int64(0)
				for _, n := range row.Points {
					sum += n
				}
				if row.Value != top[i].Value || metric != flows.SumFlows && sum != row.Value {
					t.Fatalf("seed %d, %s: series %v of %d (%d), top %d", seed, metric, row.Key, row.Value, sum, top[i].Value)
				}
			}
			q.Limit = 1
			if one, err := w.flows.Series(t.Context(), &flows.SeriesQuery{TopQuery: q, Step: int64(10 * time.Second)}); err != nil || len(one.Rows) > 1 || len(want) > 1 && one.Others == nil {
				t.Fatalf("seed %d: %+v, %v", seed, one, err)
			}
		}
	}
}

// TestDedupMuch: more than may be looked at is refused, not cut.
func TestDedupMuch(t *testing.T) {
	w := newWorld(t, nil)
	var reports []flowrecord.Record
	for i := range flows.MaxDedup + 1 {
		r := flowrecord.Record{ID: entity.UUID{1, byte(i >> 16), byte(i >> 8), byte(i)}, TrackingID: flowrecord.Tracking(i + 1)}
		r.Metric = flowrecord.Metric{ABPackets: 1, Start: w.now() - 1, Last: w.now()}
		r.Update = r.Metric
		reports = append(reports, r)
	}
	w.take(reports...)
	_, err := w.flows.Top(t.Context(), &flows.TopQuery{By: []string{"Application"}, Metric: flows.SumBytes, From: 0, To: w.now(), Limit: 1, Dedup: true})
	if !errors.Is(err, flows.ErrTooMuch) {
		t.Error(err)
	}
}

// TestDedupSeriesOfMany: what a series takes depends on what moved, not on how
// many steps all that is not shown would have.
func TestDedupSeriesOfMany(t *testing.T) {
	const n = 10_000
	w := newWorld(t, nil)
	var reports []flowrecord.Record
	for i := range n {
		r := flowrecord.Record{ID: entity.UUID{1, byte(i >> 16), byte(i >> 8), byte(i)}, TrackingID: flowrecord.Tracking(i + 1), TransportA: uint16(i + 1)}
		r.Metric = flowrecord.Metric{ABPackets: 1, Start: w.now() - 1, Last: w.now()}
		r.Update = r.Metric
		reports = append(reports, r)
	}
	w.take(reports...)
	q := flows.TopQuery{By: []string{"Transport.A"}, Metric: flows.SumPackets, From: w.now() - int64(flows.MaxSteps-2)*1e9, To: w.now(), Limit: 2, Dedup: true}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := w.flows.Series(t.Context(), &flows.SeriesQuery{TopQuery: q, Step: 1e9})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	rest := int64(0)
	for _, p := range s.Others {
		rest += p
	}
	if len(s.Rows) != 2 || rest != n-2 {
		t.Errorf("%d rows, others %d", len(s.Rows), rest)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8*n*flows.MaxSteps {
		t.Errorf("it took %d MB", took>>20)
	}
}

func TestSampled(t *testing.T) {
	w := newWorld(t, nil)
	take := func(rate int64, app string) {
		r := flowrecord.Record{ID: entity.UUID{2, byte(rate), app[0]}, TrackingID: 7, Application: app, SamplingRate: rate}
		r.Metric = flowrecord.Metric{ABPackets: 8, Start: w.now() - 1, Last: w.now()}
		r.Update = r.Metric
		w.take(r)
	}
	ask := func(app string, to int64) int64 {
		t.Helper()
		q := &flows.TopQuery{From: 1, To: to}
		if app != "" {
			q.Where = []flowrecord.Condition{{Fields: []string{"Application"}, Values: []entity.Value{entity.String(app)}}}
		}
		rate, err := w.flows.Sampled(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return rate
	}
	take(1, "DNS")
	before := w.now()
	if n := ask("", before); n != 1 {
		t.Errorf("nothing was sampled: %d", n)
	}
	w.clock = w.clock.Add(time.Second)
	take(8, "HTTPS")
	take(64, "SSH")
	for app, want := range map[string]int64{"": 64, "HTTPS": 8, "DNS": 1} {
		if n := ask(app, w.now()); n != want {
			t.Errorf("%s: %d, want %d", app, n, want)
		}
	}
	if n := ask("", before-2); n != 1 {
		t.Errorf("before it was: %d", n)
	}
}
