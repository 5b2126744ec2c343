package graph

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// TestReadersBeside reads views from several goroutines while the writer goes
// on. The race detector has the last word.
func TestReadersBeside(t *testing.T) { readersBeside(t, randomEvent) }

// TestReadersBesideJoins is TestReadersBeside while entities join and part.
func TestReadersBesideJoins(t *testing.T) { readersBeside(t, livingEvent) }

func readersBeside(t *testing.T, random func(*rand.Rand, time.Time) entity.Event) {
	g := New(DefaultConfig())
	views := make(chan *View, 1)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			var buf []byte
			for v := range views {
				nodes, edges := 0, 0
				for slot := range v.NodeList() {
					buf = v.AppendNodeJSON(buf[:0], slot)
					v.NodeAttr(slot, "Name")
					v.LookupNode(slot, "Ovs.x", func(entity.Value) bool { return true })
					if state := v.NodeStateAt(slot); state.Ref.UUID() != v.NodeID(slot) {
						t.Error("the wrong identity")
					} else {
						for _, m := range state.Members {
							if v.SlotByID(m.Ref.UUID()) != slot {
								t.Error("a member is not found")
							}
						}
					}
					nodes++
					for e := range v.OutSlots(slot) {
						buf = v.AppendEdgeJSON(buf[:0], e)
						edges++
					}
				}
				if nodes != v.NodeCount() || edges != v.EdgeCount() {
					t.Errorf("%d nodes and %d edges, not %d and %d", nodes, edges, v.NodeCount(), v.EdgeCount())
				}
				v.SlotsWith("Name", entity.String("v1"))
			}
		})
	}
	rng := rand.New(rand.NewPCG(1, 5))
	for i := range 3000 {
		e := random(rng, t0.Add(time.Duration(i)*time.Millisecond))
		if e.Type != entity.TypeJoin {
			e.Attributes = e.Attributes.With("n", entity.Int(int64(i/20)))
		}
		p := g.Prepare(&e, uint64(i))
		g.Apply(&p, t0, nil)
		if i%7 == 0 {
			g.SetMetric(e.Ref.UUID(), t0.Add(time.Duration(i)*time.Second), entity.Attrs{entity.A("RxBytes", entity.Int(int64(i)))})
		}
		select {
		case views <- g.View():
		default:
		}
	}
	close(views)
	wg.Wait()
	require.NotZero(t, g.View().NodeCount())
}
