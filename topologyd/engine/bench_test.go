package engine

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// BenchmarkSubmit has four senders submit batches of 1,000 events that each
// change the graph, logged and synced.
func BenchmarkSubmit(b *testing.B) {
	e := start(b, benchCfg(b))
	const batch = 1000
	at := time.Now()
	batches := make([][]Item, b.N/batch+1)
	for i := range batches {
		for j := range batch {
			n := i*batch + j
			batches[i] = append(batches[i], Item{Fingerprint: uint64(n + 1), Event: entity.Event{
				Ref: entity.InterfaceRef("h", "4026531840", fmt.Sprint(n)), Source: "netlink", Time: at, Interval: 30 * time.Second,
				Attributes: entity.Attrs{
					entity.A("EncapType", entity.String("ether")), entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", n>>16&255, n>>8&255, n&255))),
					entity.A("IfIndex", entity.Int(int64(n))), entity.A("LinkFlags", entity.Strings("UP", "BROADCAST", "MULTICAST")),
					entity.A("MTU", entity.Int(1500)), entity.A("Name", entity.String(fmt.Sprint("eth", n))),
					entity.A("State", entity.String("UP")), entity.A("Type", entity.String("veth")),
				},
				Relationships: []entity.Relationship{{Type: entity.RelMemberOf, Target: entity.InterfaceRef("h", "4026531840", fmt.Sprint(max(0, n-1)))}},
			}})
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	send(b, e, batches)
	b.ReportMetric(float64(len(batches)*batch)/b.Elapsed().Seconds(), "events/s")
}

func benchCfg(b *testing.B) Config {
	c := DefaultConfig(b.TempDir())
	if os.Getenv("BATCHED") != "" {
		c.Log.Durability = "batched"
	}
	return c
}

// BenchmarkSubmitChanges has four senders change, in batches of 1,000, entities
// of a graph of 100,000.
func BenchmarkSubmitChanges(b *testing.B) {
	e := start(b, DefaultConfig(b.TempDir()))
	const batch, n = 1000, 100_000
	at := time.Now()
	changes := func(round, from int) []Item { return benchChanges(n, from, batch, round, at) }
	for i := 0; i < n; i += batch {
		submit(b, e, changes(0, i)...)
	}
	batches := make([][]Item, b.N/batch+1)
	for i := range batches {
		batches[i] = changes(1+i*batch/n, i*batch%n)
	}
	b.ReportAllocs()
	b.ResetTimer()
	send(b, e, batches)
	b.ReportMetric(float64(len(batches)*batch)/b.Elapsed().Seconds(), "events/s")
}

// benchChanges are changes of some entities of a graph of n, from one on; each
// round is another.
func benchChanges(n, from, batch, round int, at time.Time) (items []Item) {
	for i := from; i < from+batch; i++ {
		ev := entitytest.Network(i%n, at.Add(time.Duration(round)))
		ev.Attributes = ev.Attributes.With("MTU", entity.Int(int64(round)))
		items = append(items, Item{Event: ev, Fingerprint: uint64(round*n + i%n + 1)})
	}
	return items
}

// send has four senders submit batches.
func send(b *testing.B, e *Engine, batches [][]Item) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(batches)); i = next.Add(1) - 1 {
				if _, err := e.Submit(context.Background(), batches[i]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkViews changes 100,000 entities, in submissions of 100, each of
// entities all over the graph, 10,000 changes a second, while others take 2,000
// views a second, as that many queries do: what it costs the writer to leave
// alone what they look at. direct are views of the graph, shared those of the
// engine.
func BenchmarkViews(b *testing.B) {
	const n, batch, every = 100_000, 100, 10 * time.Millisecond
	e := start(b, benchCfg(b))
	at, round := time.Now(), 0
	for i := 0; i < n; i += 1000 {
		submit(b, e, benchChanges(n, i, 1000, 0, at)...)
	}
	for _, x := range []struct {
		name string
		view func() *graph.View
	}{{"none", nil}, {"direct", e.graph.View}, {"shared", e.View}} {
		b.Run(x.name, func(b *testing.B) {
			stop := make(chan struct{})
			var wait sync.WaitGroup
			took := make([][]time.Duration, 2)
			if x.view != nil {
				for i := range took {
					wait.Go(func() { took[i] = takeViews(x.view, time.Millisecond, stop) })
				}
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			events := 0
			for b.Loop() {
				round++
				begin := time.Now()
				var items []Item
				for i := range batch {
					items = append(items, benchChanges(n, (round*7919+i*997)%n, 1, round, at)...)
				}
				submit(b, e, items...)
				events += batch
				time.Sleep(every - time.Since(begin))
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(events), "B/event")
			close(stop)
			wait.Wait()
			if all := slices.Concat(took...); len(all) > 0 {
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds())/1000, "p99-us/view")
			}
		})
	}
}

// takeViews takes a view every so often and returns how long each took.
func takeViews(view func() *graph.View, every time.Duration, stop <-chan struct{}) (took []time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			begin := time.Now()
			_ = view().NodeCount()
			took = append(took, time.Since(begin))
		case <-stop:
			return took
		}
	}
}
