package engine

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
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
	changes := func(round int, from int) (items []Item) {
		for i := from; i < from+batch; i++ {
			ev := entitytest.Network(i%n, at.Add(time.Duration(round)))
			ev.Attributes = ev.Attributes.With("MTU", entity.Int(int64(round)))
			items = append(items, Item{Event: ev, Fingerprint: uint64(round*n + i%n + 1)})
		}
		return items
	}
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
