package graph

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// attributes are what random nodes say: values that many, some or one node has,
// of all kinds, lists with doubles, and the special ones.
func randomAttrs(rng *rand.Rand, i int) entity.Attrs {
	a := entity.Attrs{entity.A("Name", entity.String(fmt.Sprint("n", i))), entity.A("Type", entity.String([]string{"veth", "bridge"}[rng.IntN(2)]))}
	for _, key := range []string{"a", "b", "c.d", "e"} {
		switch rng.IntN(9) {
		case 0:
			a = append(a, entity.A(key, entity.Int(int64(rng.IntN(5)))))
		case 1:
			a = append(a, entity.A(key, entity.Float(float64(rng.IntN(10))/2)))
		case 2:
			a = append(a, entity.A(key, entity.Bool(rng.IntN(2) == 0)))
		case 3:
			a = append(a, entity.A(key, entity.Strings(fmt.Sprint(rng.IntN(9)), "x", fmt.Sprint(rng.IntN(9)))))
		case 4:
			list := make([]entity.Value, 0, 50)
			for range 50 {
				list = append(list, entity.Int(int64(rng.IntN(60))), entity.Float(float64(rng.IntN(60))))
			}
			a = append(a, entity.A(key, entity.List(list...)))
		case 5:
			a = append(a, entity.A(key, entity.Int([]int64{math.MaxInt64, math.MinInt64, 1 << 62}[rng.IntN(3)])), entity.A(key+"f", entity.Float(1<<62)))
		case 6:
			if rng.IntN(40) == 0 {
				a = append(a, entity.A(key, entity.String(fmt.Sprint(string(make([]byte, 300)), i))))
			} else if rng.IntN(10) == 0 {
				a = append(a, entity.A("c", entity.Map(entity.Attrs{entity.A("d", entity.Int(1))})))
			}
		}
	}
	return a.Normalize()
}

// TestIndexModel changes nodes at random and holds what the index says, of the
// graph now and of views that are held, against a look at all nodes.
func TestIndexModel(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 3))
		w := newWorld(t)
		var held []*View
		covered := 0
		for range 1500 {
			w.tick(1)
			n := rng.IntN(50 << (seed % 4))
			e := link("h", "1", n, "x", "veth")
			e.Attributes = randomAttrs(rng, n)
			if rng.IntN(5) == 0 {
				e.Kind, e.Attributes = entity.Delete, nil
			}
			w.apply(e)
			if rng.IntN(300) == 0 {
				held = append(held, w.g.View())
			}
		}
		for _, v := range append(held, w.g.View()) {
			for _, key := range []string{"Name", "Type", "a", "b", "c.d", "e", "af", "none"} {
				var sets []Slots
				for _, value := range []entity.Value{
					entity.String("n7"), entity.String("veth"), entity.String("x"), entity.String("3"), entity.Int(3), entity.Float(3), entity.Float(2.5), entity.Bool(true),
					entity.Int(math.MaxInt64), entity.Float(1 << 62), entity.Int(1 << 62), entity.Float(math.MinInt64), entity.String("nothing"),
				} {
					want := []int32{}
					for slot := range v.NodeList() {
						hit := false
						v.LookupNode(slot, key, func(have entity.Value) bool {
							hit = hit || hasTerm(have, value)
							return true
						})
						if hit {
							want = append(want, slot)
						}
					}
					set, ok := v.NodeSet(key, value)
					if !ok {
						continue
					}
					covered++
					sets = append(sets, set)
					require.Equal(t, want, append([]int32{}, slices.Collect(set.All())...), "seed %d: %s = %s", seed, key, value.Text())
					require.Len(t, want, set.Count())
				}
				for i := range sets {
					o := sets[rng.IntN(len(sets))]
					both := slices.Collect(sets[i].And(o).All())
					for _, slot := range both {
						require.True(t, sets[i].Has(slot) && o.Has(slot))
					}
				}
			}
		}
		require.Greater(t, covered, 100)
		for slot := range w.g.View().NodeList() {
			w.tick(1)
			e := entity.Event{Kind: entity.Delete, Ref: w.g.View().NodeState(w.g.View().NodeAt(slot)).Ref, Source: "netlink"}
			w.apply(e)
		}
		if w.g.View().NodeCount() == 0 {
			require.Zero(t, w.g.t.index.terms.used)
			require.Zero(t, w.g.t.index.long+w.g.t.index.deep)
			require.Len(t, w.g.index.freePostings, int(w.g.t.index.postings.n))
		}
	}
}

// TestIndexEqualTags gives many terms the same tag: whether a term is that of a
// node its attributes tell.
func TestIndexEqualTags(t *testing.T) {
	x := index{seed: maphash.MakeSeed()}
	require.Equal(t, x.hash("k", entity.Int(1<<62)), x.hash("k", entity.Float(1<<62)))
	require.Equal(t, x.hash("k", entity.Int(math.MinInt64)), x.hash("k", entity.Float(math.MinInt64)))
	require.Equal(t, x.hash("k", entity.Int(0)), x.hash("k", entity.Float(math.Copysign(0, -1))))
	require.NotEqual(t, x.hash("k", entity.Int(2)), x.hash("k", entity.String("2")))
	require.NotEqual(t, x.hash("k", entity.Int(2)), x.hash("l", entity.Int(2)))
}

// BenchmarkIndexMemory reports the heap bytes of the index of a node.
func BenchmarkIndexMemory(b *testing.B) {
	const n = 100_000
	g := New(DefaultConfig())
	fill(g, n)
	v := g.View()
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		x, w := index{seed: v.t.index.seed}, indexWriter{}
		for slot := range v.NodeList() {
			for _, a := range v.NodeAt(slot).Attrs {
				terms(a.Value, func(value entity.Value) { x.add(&v.t, &w, 1, slot, a.Key, value) })
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/node")
		b.ReportMetric(float64(x.terms.used)/n, "terms/node")
		b.ReportMetric(float64(x.postings.n), "postings")
		runtime.KeepAlive(&x)
	}
	runtime.KeepAlive(g)
}

func BenchmarkIndexAdd(b *testing.B) {
	var events []entity.Attrs
	for i := range 20_000 {
		events = append(events, entitytest.Network(i, t0).Attributes)
	}
	g := New(DefaultConfig())
	fill(g, len(events))
	v := g.View()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		slot := int32(i % len(events))
		for _, a := range v.NodeAt(slot).Attrs {
			g.unindexAttr(slot, a)
		}
		for _, a := range v.NodeAt(slot).Attrs {
			g.indexAttr(slot, a)
		}
	}
}

func BenchmarkNodeSet(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	v := g.View()
	b.Run("Name", func(b *testing.B) {
		value := entity.String("host-500-eth50")
		b.ReportAllocs()
		for b.Loop() {
			v.NodeSet("Name", value)
		}
	})
	b.Run("None", func(b *testing.B) {
		value := entity.String("host-500-eth50000")
		for b.Loop() {
			v.NodeSet("Name", value)
		}
	})
	veth, _ := v.NodeSet("Type", entity.String("veth"))
	up, _ := v.NodeSet("State", entity.String("UP"))
	five, _ := v.NodeSet("IfIndex", entity.Int(5))
	b.Run("And", func(b *testing.B) {
		for b.Loop() {
			veth.And(up)
		}
	})
	b.Run("AndFew", func(b *testing.B) {
		for b.Loop() {
			veth.And(five)
		}
	})
	b.Run("All", func(b *testing.B) {
		for b.Loop() {
			n := 0
			for range veth.All() {
				n++
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(veth.Count()), "ns/slot")
	})
	b.Run("Has", func(b *testing.B) {
		slot := int32(0)
		for b.Loop() {
			veth.Has(slot % 100_000)
			slot += 7
		}
	})
}
