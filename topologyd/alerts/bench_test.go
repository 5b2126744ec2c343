package alerts

import (
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// BenchmarkNote is what remembering one change costs.
func BenchmarkNote(b *testing.B) {
	g := graph.New(graph.DefaultConfig())
	now := time.Now()
	var changes []graph.Change
	put := func(i, mtu int) {
		e := entitytest.Network(i, now)
		now = now.Add(time.Millisecond)
		e.Attributes = e.Attributes.With("MTU", entity.Int(int64(mtu)))
		p := g.Prepare(&e, 0)
		changes, _ = g.Apply(&p, now, changes)
	}
	for i := range 10_000 {
		put(i, 1500)
	}
	changes = changes[:0]
	for i := range 10_000 {
		if i%100 != 0 {
			put(i, 2000+i)
		}
	}
	r := newRecent(recentElements)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(changes) {
		r.note(changes)
	}
}
