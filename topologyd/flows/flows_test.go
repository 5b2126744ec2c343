package flows_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/flows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func rng() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestTakeRepeated(t *testing.T) {
	w := newWorld(t, nil)
	all := history(rng(), w.now(), 5)
	w.clock = w.clock.Add(time.Minute)
	if got := w.take(all...); got.Stored != 5 || got.Duplicate != 0 || got.Late != 0 {
		t.Errorf("%+v", got)
	}
	if got := w.take(all...); got.Duplicate != 5 || got.Stored != 0 {
		t.Errorf("again: %+v", got)
	}
	if n := len(w.store.Reports()); n != 5 {
		t.Errorf("%d reports are stored", n)
	}
	s := w.flows.Stats()
	if s.Live != 1 || s.Stored != 5 || s.Duplicate != 5 {
		t.Errorf("%+v", s)
	}
}

func TestLateReportsAreStored(t *testing.T) {
	w := newWorld(t, nil)
	all := history(rng(), w.now(), 3)
	w.clock = w.clock.Add(time.Minute)
	w.take(all[2])
	if got := w.take(all[0], all[1]); got.Stored != 2 || got.Late != 2 {
		t.Errorf("%+v", got)
	}
	for _, r := range w.ask(flowrecord.Query{Live: true}) {
		if r.Metric != all[2].Metric {
			t.Errorf("%+v", r.Metric)
		}
	}
}

// TestFlowOfAnotherHost: nobody ends or changes the flow of another host by its ID.
func TestFlowOfAnotherHost(t *testing.T) {
	w := newWorld(t, nil)
	all := history(rng(), w.now(), 2)
	w.clock = w.clock.Add(time.Minute)
	w.take(all[0])
	forged := all[1]
	forged.HostID, forged.Finish = "another", flowrecord.FinishTimeout
	if got := w.take(forged, all[0]); got.Invalid != 1 || got.Stored != 0 || got.Duplicate != 1 || got.Reason == nil {
		t.Errorf("%+v", got)
	}
	if got := w.take(all[1]); got.Stored != 1 || got.Late != 0 {
		t.Errorf("its own: %+v", got)
	}
	if r := w.ask(flowrecord.Query{Live: true})[all[0].ID]; r.HostID != all[0].HostID || r.Finish != all[1].Finish {
		t.Errorf("%+v", r)
	}
}

// An end without packets is newer than the last packet.
func TestEndWithoutPackets(t *testing.T) {
	w := newWorld(t, nil)
	all := history(rng(), w.now(), 1)
	all[0].Finish = flowrecord.NotFinished
	end := all[0]
	end.Finish, end.Update = flowrecord.FinishTimeout, flowrecord.Metric{}
	w.clock = w.clock.Add(time.Minute)
	w.take(end)
	w.take(all[0])
	if r := w.ask(flowrecord.Query{Live: true})[end.ID]; !r.Finished() {
		t.Error("the flow goes on again")
	}
	n := 0
	for range w.flows.Updates(t.Context(), []flowrecord.ID{end.ID}, 0, 1<<62) {
		n++
	}
	if n != 1 {
		t.Errorf("%d updates", n)
	}
}

func TestRefusedIsNotKept(t *testing.T) {
	w := newWorld(t, nil)
	all := history(rng(), w.now(), 2)
	w.clock = w.clock.Add(time.Minute)
	for _, x := range []struct{ give, want error }{
		{errors.New("no space left"), flows.ErrStore},
		{fmt.Errorf("queue: %w", flows.ErrBusy), flows.ErrBusy},
		{context.Canceled, context.Canceled},
	} {
		w.store.Fail(x.give)
		if _, err := w.flows.Take(t.Context(), append([]flowrecord.Record(nil), all...)); !errors.Is(err, x.want) || errors.Is(x.want, flows.ErrBusy) == errors.Is(err, flows.ErrStore) && !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v", x.give, err)
		}
	}
	if s := w.flows.Stats(); s.Live != 0 || s.Refused != 6 {
		t.Errorf("%+v", s)
	}
	w.store.Fail(nil)
	if got := w.take(all...); got.Stored != 2 {
		t.Errorf("%+v", got)
	}
}

func TestInvalid(t *testing.T) {
	w := newWorld(t, nil)
	good := history(rng(), w.now(), 1)[0]
	w.clock = w.clock.Add(time.Minute)
	hour := int64(time.Hour)
	for name, spoil := range map[string]func(*flowrecord.Record){
		"no ID":        func(r *flowrecord.Record) { r.ID = flowrecord.ID{} },
		"no time":      func(r *flowrecord.Record) { r.Metric.Start, r.Metric.Last = 0, 0 },
		"ends first":   func(r *flowrecord.Record) { r.Metric.Last = r.Metric.Start - 1 },
		"negative":     func(r *flowrecord.Record) { r.Metric.BABytes = -1 },
		"update":       func(r *flowrecord.Record) { r.Update.ABPackets = -1 },
		"too old":      func(r *flowrecord.Record) { r.Metric.Start -= 200 * hour; r.Metric.Last -= 200 * hour },
		"future":       func(r *flowrecord.Record) { r.Metric.Last += 2 * hour },
		"future again": func(r *flowrecord.Record) { r.Update.Last += 2 * hour },
	} {
		bad := good
		spoil(&bad)
		if got := w.take(bad); got.Invalid != 1 || got.Reason == nil || got.Stored != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	bad := good
	bad.ID = flowrecord.ID{}
	if got := w.take(bad, good, bad); got.Invalid != 2 || got.Stored != 1 || w.store.Reports()[0].ID != good.ID {
		t.Errorf("%+v", got)
	}
}

func TestForgetting(t *testing.T) {
	w := newWorld(t, nil)
	r := rng()
	open, ended := history(r, w.now(), 1)[0], history(r, w.now(), 1)[0]
	open.Finish, ended.Finish = flowrecord.NotFinished, flowrecord.FinishTCPRst
	w.clock = w.clock.Add(10 * time.Second)
	w.take(open, ended)
	for _, x := range []struct {
		after time.Duration
		live  int
	}{{59 * time.Second, 2}, {2 * time.Second, 1}, {8 * time.Minute, 1}, {time.Minute, 0}} {
		w.clock = w.clock.Add(x.after)
		w.flows.Sweep()
		if got := w.flows.Stats().Live; got != x.live {
			t.Errorf("after %v: %d flows", x.after, got)
		}
	}
	if s := w.flows.Stats(); s.EvictedEnded != 1 || s.EvictedSilent != 1 || s.EvictedFull != 0 {
		t.Errorf("%+v", s)
	}
}

func TestBounds(t *testing.T) {
	const most = 1000
	w := newWorld(t, func(c *flows.Config) { c.Max = most })
	r := rng()
	w.clock = w.clock.Add(10 * time.Second)
	for range 5 * most {
		w.take(history(r, w.now()-int64(10*time.Second), 1)[0])
	}
	s := w.flows.Stats()
	if s.Live > most+64 || s.Live < most || int(s.EvictedFull) != 5*most-s.Live {
		t.Errorf("%+v", s)
	}
	// Details take room too.
	before := w.flows.Stats().Live
	list := make([]entity.Value, 2000)
	for i := range list {
		list[i] = entity.Int(int64(i))
	}
	for range most {
		x := history(r, w.now()-int64(10*time.Second), 1)[0]
		x.DNS = entity.Map(entity.Attrs{entity.A("Answers", entity.List(list...))})
		w.take(x)
	}
	if s := w.flows.Stats(); s.Live >= before/2 {
		t.Errorf("%d flows with large details are held", s.Live)
	}
}

// TestBadConditions: what makes no sense is refused by all who take conditions.
func TestBadConditions(t *testing.T) {
	w := newWorld(t, nil)
	network := []string{"Network.A", "Network.B"}
	for name, q := range map[string]flowrecord.Query{
		"no field":  {Where: []flowrecord.Condition{{Values: []entity.Value{entity.Int(1)}}}},
		"no value":  {Where: []flowrecord.Condition{{Fields: network, Op: flowrecord.Less}}},
		"no prefix": {Where: []flowrecord.Condition{{Fields: network, Op: flowrecord.InNetwork, Values: []entity.Value{entity.String("10.1.2.3/99")}}}},
	} {
		if _, err := w.flows.Match(&q); err == nil {
			t.Errorf("%s: no error", name)
		}
		for _, err := range w.flows.Flows(t.Context(), &q) {
			if err == nil {
				t.Errorf("%s: an answer", name)
			}
		}
	}
}

func TestFollow(t *testing.T) {
	w := newWorld(t, func(c *flows.Config) { c.Queue, c.Followers = 3, 2 })
	r := rng()
	one := history(r, w.now(), 5)
	other := history(r, w.now(), 1)[0]
	w.clock = w.clock.Add(time.Minute)
	sub, err := w.flows.Follow(&flowrecord.Query{IDs: []flowrecord.ID{one[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.flows.Follow(&flowrecord.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.flows.Follow(&flowrecord.Query{}); !errors.Is(err, flows.ErrTooMany) {
		t.Errorf("a third: %v", err)
	}
	w.take(other)
	w.take(one...)
	got, lost, err := sub.Next(t.Context())
	if err != nil || len(got) != 3 || lost != 2 || got[0].Metric != one[0].Metric || got[2].Metric != one[2].Metric {
		t.Errorf("%d reports, %d lost, %v", len(got), lost, err)
	}
	if got, lost, err := second.Next(t.Context()); err != nil || len(got) != 3 || lost != 3 || got[0].ID != other.ID {
		t.Errorf("%d reports, %d lost, %v", len(got), lost, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := sub.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	second.Close()
	second.Close()
	if s := w.flows.Stats(); s.Followers != 1 || s.Lost != 5 {
		t.Errorf("%+v", s)
	}
	w.flows.Start()
	w.flows.Stop()
	w.flows.Stop()
	if _, _, err := sub.Next(t.Context()); !errors.Is(err, flows.ErrStopped) {
		t.Error(err)
	}
	if _, err := w.flows.Follow(&flowrecord.Query{}); !errors.Is(err, flows.ErrStopped) {
		t.Error(err)
	}
	if _, err := w.flows.Take(t.Context(), nil); !errors.Is(err, flows.ErrStopped) {
		t.Error(err)
	}
	sub.Close()
}

// Memory that knows all is enough; the store is asked when it may not.
func TestWhenTheStoreIsAsked(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*flows.Config)
		after  time.Duration
		want   int
	}{
		"just started": {nil, time.Minute, 1},
		"long ago":     {nil, time.Hour, 0},
		"others write": {func(c *flows.Config) { c.Shared = true }, time.Hour, 1},
		"was full":     {func(c *flows.Config) { c.Max = 1 }, time.Hour, 1},
	} {
		w := newWorld(t, x.change)
		r := rng()
		w.clock = w.clock.Add(x.after)
		for range 200 {
			w.take(history(r, w.now()-int64(10*time.Second), 1)[0])
		}
		if got := w.ask(flowrecord.Query{Live: true}); len(got) != 200 || w.store.Asked() != x.want {
			t.Errorf("%s: %d flows, the store was asked %d times", name, len(got), w.store.Asked())
		}
	}
}

func TestConcurrently(t *testing.T) {
	w := newWorld(t, func(c *flows.Config) { c.Max = 500 })
	w.clock = w.clock.Add(time.Hour)
	w.flows.Start()
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i/2), 0)) // two send the same
			for range 300 {
				if _, err := w.flows.Take(t.Context(), history(r, w.now()-int64(100*time.Second), 3)); err != nil {
					t.Error(err)
				}
			}
		})
		group.Go(func() {
			for range 20 {
				for r, err := range w.flows.Flows(t.Context(), &flowrecord.Query{Live: true}) {
					if err != nil || r.ID.IsZero() {
						t.Error(err)
					}
				}
				w.flows.Sweep()
			}
		})
	}
	group.Wait()
	w.flows.Stop()
	if s := w.flows.Stats(); s.Live > 564 || s.Live < 500 {
		t.Errorf("%+v", s)
	}
}

func BenchmarkTake(b *testing.B) {
	w := newWorld(b, nil)
	w.store.Match = nil
	f, err := flows.New(flows.DefaultConfig(), nowhere{}, func() time.Time { return w.clock })
	if err != nil {
		b.Fatal(err)
	}
	r := rng()
	w.clock = w.clock.Add(10 * time.Second)
	batch := make([]flowrecord.Record, 1000)
	for i := range batch {
		batch[i] = history(r, w.now()-int64(10*time.Second), 1)[0]
	}
	b.ReportAllocs()
	n := int64(0)
	for b.Loop() {
		n++
		for i := range batch {
			batch[i].Metric.ABPackets, batch[i].ID[0] = n, byte(n)
		}
		if _, err := f.Take(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// nowhere is a store that keeps nothing.
type nowhere struct{ flows.Store }

func (nowhere) Write(context.Context, []flowrecord.Record) error { return nil }

// BenchmarkMemory tells the bytes that a TCP flow takes in memory.
func BenchmarkMemory(b *testing.B) {
	clock := time.Unix(1_760_000_000, 0)
	for b.Loop() {
		f, err := flows.New(flows.DefaultConfig(), nowhere{}, func() time.Time { return clock })
		if err != nil {
			b.Fatal(err)
		}
		r := rng()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 200 {
			batch := make([]flowrecord.Record, 1000)
			for i := range batch {
				batch[i] = history(r, clock.UnixNano()-int64(10*time.Second), 1)[0]
			}
			if _, err := f.Take(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(f.Stats().Live), "B/flow")
	}
}

// BenchmarkLive is a query with a condition over 200,000 flows.
func BenchmarkLive(b *testing.B) {
	clock := time.Unix(1_760_000_000, 0)
	f, err := flows.New(flows.DefaultConfig(), nowhere{}, func() time.Time { return clock })
	if err != nil {
		b.Fatal(err)
	}
	clock = clock.Add(time.Hour)
	r := rng()
	for range 200 {
		batch := make([]flowrecord.Record, 1000)
		for i := range batch {
			batch[i] = history(r, clock.UnixNano()-int64(10*time.Second), 1)[0]
		}
		if _, err := f.Take(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, c := range map[string]flowrecord.Condition{
		"application": {Fields: []string{"Application"}, Values: []entity.Value{entity.String("HTTPS")}},
		"network":     {Fields: []string{"Network.A", "Network.B"}, Op: flowrecord.InNetwork, Values: []entity.Value{entity.String("10.0.0.0/8")}},
		"port":        {Fields: []string{"Transport.A", "Transport.B"}, Values: []entity.Value{entity.Int(443)}},
	} {
		b.Run(name, func(b *testing.B) {
			q := flowrecord.Query{Live: true, Where: []flowrecord.Condition{c}}
			for b.Loop() {
				n := 0
				for range f.Flows(b.Context(), &q) {
					n++
				}
				if n == 0 {
					b.Fatal("nothing")
				}
			}
		})
	}
}
