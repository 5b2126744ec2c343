package graph

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
)

// TestOrderedTree does random things to a tree, takes snapshots as views do, and
// looks whether they stay what they were.
func TestOrderedTree(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 4))
		key := func() string {
			switch rng.IntN(4) {
			case 0:
				return []string{"", "\x00", "a", "b", strings.Repeat("x", 256)}[rng.IntN(5)]
			case 1:
				return fmt.Sprint("host-", rng.IntN(300), "-eth", rng.IntN(3))
			case 2:
				return strings.Repeat("long", rng.IntN(60)) + fmt.Sprint(rng.IntN(10))
			default:
				return string([]byte{byte(rng.IntN(256)), byte(rng.IntN(3))})
			}
		}
		model := map[entry]bool{}
		sorted := func() []entry { return slices.SortedFunc(maps.Keys(model), entry.compare) }
		for range 3000 * (seed % 3) {
			model[entry{key(), rng.Int32N(100_000)}] = true
		}
		tree := treeOf(sorted(), 1)
		type snapshot struct {
			tree orderedTree
			want []entry
		}
		var snapshots []snapshot
		epoch := uint64(1)
		for i := range 12_000 {
			growing := i/4000%2 == 0
			e := entry{key(), rng.Int32N(100_000)}
			switch {
			case (growing || rng.IntN(8) == 0) && !model[e]:
				tree.insert(e, epoch)
				model[e] = true
			case rng.IntN(20) == 0:
				tree.remove(e, epoch) // most often not there
				delete(model, e)
			default:
				for e := range model {
					tree.remove(e, epoch)
					delete(model, e)
					break
				}
			}
			if rng.IntN(1500) == 0 {
				snapshots = append(snapshots, snapshot{tree, sorted()})
				epoch++
			}
		}
		for _, s := range append(snapshots, snapshot{tree, sorted()}) {
			require.Equal(t, len(s.want), s.tree.len())
			for range 60 {
				first, last := entry{key(), rng.Int32N(100_000) - 1}, entry{key(), rng.Int32N(100_000) - 1}
				from, _ := slices.BinarySearchFunc(s.want, first, entry.compare)
				to, _ := slices.BinarySearchFunc(s.want, last, entry.compare)
				require.Equal(t, from, s.tree.rank(first))
				end := &last
				if rng.IntN(4) == 0 {
					end, to = nil, len(s.want)
				}
				want, got := []int32{}, []int32{}
				for i := from; i < to; i++ {
					want = append(want, s.want[i].slot)
				}
				stop := rng.IntN(3*len(want) + 2)
				s.tree.scan(first, end, func(slot int32) bool {
					got = append(got, slot)
					return len(got) != stop
				})
				if stop > 0 && stop < len(want) {
					want = want[:stop]
				}
				require.Equal(t, want, got)
			}
		}
		for e := range model {
			tree.remove(e, epoch)
		}
		require.Nil(t, tree.root)
	}
}

// TestNumberKey: keys compare as the numbers do.
func TestNumberKey(t *testing.T) {
	values := []entity.Value{entity.Float(math.Copysign(0, -1)), entity.Float(math.MaxFloat64), entity.Float(-math.MaxFloat64), entity.Float(math.SmallestNonzeroFloat64), entity.Float(1 << 63), entity.Float(-(1 << 63)), entity.Float(0.5), entity.Float(-0.5)}
	for s := range 64 {
		for d := int64(-2); d <= 2; d++ {
			values = append(values, entity.Int(1<<s+d), entity.Int(-(1<<s)+d), entity.Float(float64(int64(1)<<s+d)))
		}
		values = append(values, entity.Float(math.Nextafter(float64(int64(1)<<s), 0)), entity.Float(math.Nextafter(float64(int64(1)<<s), math.Inf(1))))
	}
	for _, a := range values {
		for _, b := range values {
			if entity.Compare(a, b) != strings.Compare(numberKey(a), numberKey(b)) {
				require.Fail(t, "another order", "%s %s", a.Text(), b.Text())
			}
		}
	}
	require.Len(t, numberKey(entity.Int(1500)), 3)
}

// orderedAttrs are what random nodes have under the keys of the tests below.
func orderedAttrs(rng *rand.Rand, i int) entity.Attrs {
	text := func() string {
		return []string{
			fmt.Sprint("host-", rng.IntN(30)), fmt.Sprint("10.0.", rng.IntN(3), ".", rng.IntN(9), "/24"), fmt.Sprint("10.0.0.", rng.IntN(9)), fmt.Sprintf("2001:db8::%x/64", rng.IntN(9)),
			fmt.Sprintf("::ffff:10.0.0.%d", rng.IntN(9)), fmt.Sprintf("fe80::%x%%eth0", rng.IntN(9)), "", "zz", "\xc3\xbf\xc3\xbf", "::", "0.0.0.0/0", "10.0.0.1.5",
		}[rng.IntN(12)]
	}
	number := func() entity.Value {
		return []entity.Value{entity.Int(int64(rng.IntN(20))), entity.Float(float64(rng.IntN(40)) / 2), entity.Int(-5), entity.Int(math.MaxInt64 - int64(rng.IntN(3))), entity.Float(1 << 62)}[rng.IntN(5)]
	}
	a := entity.Attrs{entity.A("Name", entity.String(fmt.Sprint("n", i)))}
	for _, key := range []string{"a", "b", "c.d"} {
		switch rng.IntN(6) {
		case 0:
			a = append(a, entity.A(key, entity.String(text())))
		case 1, 2:
			a = append(a, entity.A(key, number()))
		case 3:
			if key != "a" { // has one value a node
				a = append(a, entity.A(key, entity.List(entity.String(text()), number(), entity.String(text()), number(), entity.Bool(true))))
			}
		case 4:
			a = append(a, entity.A(key, entity.Bool(true)))
		}
	}
	d := entity.Attrs{entity.A("d", number()), entity.A("e", entity.String(text()))}
	switch rng.IntN(4) {
	case 0:
		a = append(a, entity.A("c", entity.Map(d)))
	case 1:
		a = append(a, entity.A("c", entity.List(entity.Map(d), entity.Map(entity.Attrs{entity.A("d", entity.Strings(text(), text()))}), number())))
	}
	if rng.IntN(200) == 0 {
		a = append(a, entity.A("b", entity.String(strings.Repeat("long", 100))))
	}
	return a.Normalize()
}

// scanFor returns the nodes that have a value for which test is true.
func scanFor(v *View, key string, test func(entity.Value) bool) []int32 {
	out := []int32{}
	for slot := range v.NodeList() {
		hit := false
		v.LookupNode(slot, key, func(have entity.Value) bool {
			hit = hit || have.IsScalar() && test(have) || slices.ContainsFunc(have.List(), test)
			return !hit
		})
		if hit {
			out = append(out, slot)
		}
	}
	return out
}

// checkOrdered holds every kind of range against a look at all nodes, and
// returns how many were answered.
func checkOrdered(t *testing.T, rng *rand.Rand, v *View, rounds int) (answered int) {
	t.Helper()
	check := func(what, key string, slots func(func(int32) bool), count int, test func(entity.Value) bool) {
		if count < 0 {
			return
		}
		answered++
		got := []int32{}
		slots(func(slot int32) bool {
			got = append(got, slot)
			return true
		})
		slices.Sort(got)
		require.Equal(t, scanFor(v, key, test), got, what)
		require.LessOrEqual(t, len(got), count)
		if key == "Name" || key == "a" {
			require.Len(t, got, count)
		}
		n := 0
		slots(func(int32) bool {
			n++
			return n < 2
		})
		require.Equal(t, min(2, len(got)), n)
	}
	for range rounds {
		for _, key := range []string{"Name", "a", "b", "c.d", "c.e", "c", "none"} {
			bound := func(kind int) (b Bound) {
				if b.Open = rng.IntN(2) == 0; kind == 0 {
					b.Value = []entity.Value{entity.Int(int64(rng.IntN(25) - 6)), entity.Float(float64(rng.IntN(40))/2 - 1), entity.Int(math.MaxInt64 - 1), entity.Float(1 << 62)}[rng.IntN(4)]
				} else {
					b.Value = entity.String([]string{"", "a", "host-1", "host-2", "n1", "n5", "zz", "zzz"}[rng.IntN(8)])
				}
				b.None = rng.IntN(5) == 0
				return b
			}
			kind := rng.IntN(2)
			lo, hi := bound(kind), bound(kind)
			slots, count := v.SlotsBetween(key, lo, hi)
			if lo.None && hi.None {
				require.Equal(t, -1, count)
			}
			check(fmt.Sprint(key, lo, hi), key, slots, count, func(x entity.Value) bool {
				if x.IsNumber() != (kind == 0) || kind == 1 && x.Kind() != entity.KindString {
					return false
				}
				c, d := entity.Compare(x, lo.Value), entity.Compare(x, hi.Value)
				return (lo.None || c > 0 || c == 0 && !lo.Open) && (hi.None || d < 0 || d == 0 && !hi.Open)
			})
			prefix := []string{"", "h", "host-1", "n", "n1", "\xff", "\xc3\xbf", "zz", "10.0."}[rng.IntN(9)]
			slots, count = v.SlotsWithPrefix(key, prefix)
			check(key+" begins with "+prefix, key, slots, count, func(x entity.Value) bool {
				return x.Kind() == entity.KindString && strings.HasPrefix(x.Str(), prefix)
			})
			network := netip.MustParsePrefix([]string{"10.0.0.0/24", "10.0.0.5/30", "10.0.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::3/128", "fe80::/10", "::ffff:10.0.0.0/104", "::/80", "11.0.0.0/8"}[rng.IntN(11)])
			slots, count = v.SlotsInNetwork(key, network)
			check(key+" in "+network.String(), key, slots, count, func(x entity.Value) bool {
				s, _, _ := strings.Cut(x.Str(), "/")
				addr, err := netip.ParseAddr(s)
				return x.Kind() == entity.KindString && err == nil && network.Contains(addr.Unmap().WithZone(""))
			})
		}
	}
	return answered
}

// TestOrdered changes nodes at random while ordered indexes are made, kept and
// given up, and holds them, now and in views that are held, against a look at
// all nodes.
func TestOrdered(t *testing.T) {
	for seed := range uint64(5) {
		rng := rand.New(rand.NewPCG(seed, 5))
		w := newWorld(t)
		var held []*View
		for i := range 2000 {
			w.tick(1)
			n := rng.IntN(40 << seed)
			e := link("h", "1", n, "x", "veth")
			e.Attributes = orderedAttrs(rng, n)
			if rng.IntN(5) == 0 {
				e.Kind, e.Attributes = entity.Delete, nil
			}
			w.apply(e)
			if i%250 == 100 {
				held = append(held, w.g.View())
				checkOrdered(t, rng, w.g.View(), 2) // asks
				w.g.BuildWanted(t.Context())
			}
		}
		answered := 0
		for _, v := range append(held, w.g.View()) {
			answered += checkOrdered(t, rng, v, 4)
		}
		require.Greater(t, answered, 100)
		v := w.g.View()
		require.NotZero(t, checkOrdered(t, rng, rebuilt(t, v, rng, v.NodeCount(), 0), 5), "built views have them at once")
	}
}

// TestOrderedCovers: an index that cannot tell is not used.
func TestOrderedCovers(t *testing.T) {
	w := newWorld(t)
	prefix := func(key string) int {
		_, count := w.g.View().SlotsWithPrefix(key, "a")
		return count
	}
	with := func(key, value string) int {
		_, count := w.g.View().SlotsWith(key, entity.String(value))
		return count
	}
	w.apply(link("h", "1", 1, "a", "veth", entity.A("c.d", entity.String("ab")), entity.A("l", entity.String("ab"))))
	require.Equal(t, -1, prefix("c.d"))
	require.Equal(t, -1, prefix("l"))
	require.Equal(t, 1, with("c.d", "ab"))
	require.Equal(t, 2, w.g.BuildWanted(t.Context()))
	require.Equal(t, 1, prefix("c.d"))
	require.Equal(t, 1, prefix("l"))
	require.Zero(t, w.g.BuildWanted(t.Context()))
	w.tick(time.Second)
	w.apply(link("h", "1", 2, "a", "veth", entity.A("c", entity.Map(entity.Attrs{entity.A("d", entity.String("ab"))})), entity.A("l", entity.String(strings.Repeat("a", 257)))))
	require.Equal(t, 2, prefix("c.d"), "a path leads into a map")
	require.Equal(t, 2, with("c.d", "ab"))
	require.Equal(t, -1, prefix("l"), "a string is too long")
	require.Equal(t, 1, with("l", "ab"), "which does not matter here")
	require.Equal(t, -1, prefix("@ID"))
	require.Equal(t, -1, prefix("Metric.RxBytes"))
	require.Zero(t, prefix("c.none"), "no node has the key")
	require.Zero(t, w.g.BuildWanted(t.Context()), "nothing is missing")
	w.tick(time.Second)
	w.apply(entity.Event{Kind: entity.Delete, Ref: link("h", "1", 2, "a", "veth").Ref})
	require.Equal(t, 1, prefix("c.d"))
	require.Equal(t, 1, prefix("l"))
	w.g.Reset()
	require.Zero(t, prefix("l"), "no node has the key")
	_, count := w.g.View().SlotsBetween("l", Bound{Value: entity.Bool(true)}, Bound{None: true})
	require.Equal(t, -1, count)
	_, count = w.g.View().SlotsBetween("l", Bound{Value: entity.Int(1)}, Bound{Value: entity.String("x")})
	require.Equal(t, -1, count)
	_, count = w.g.View().SlotsInNetwork("l", netip.Prefix{})
	require.Equal(t, -1, count)
}

// TestOrderedBounded asks for more indexes than are kept.
func TestOrderedBounded(t *testing.T) {
	w := newWorld(t)
	e := link("h", "1", 1, "a", "veth")
	for i := range 2 * maxWishes {
		e.Attributes = append(e.Attributes, entity.A(fmt.Sprint("k", i), entity.Int(int64(i))))
	}
	w.apply(e)
	ask := func(i int) int {
		_, count := w.g.View().SlotsBetween(fmt.Sprint("k", i), Bound{Value: entity.Int(0)}, Bound{None: true})
		return count
	}
	for i := range 2 * maxWishes {
		ask(i)
	}
	select {
	case <-w.g.Wanted():
	default:
		require.Fail(t, "nobody is told")
	}
	require.Len(t, w.g.wishes.asked, maxWishes)
	require.Equal(t, maxOrdered, w.g.BuildWanted(t.Context()))
	require.Len(t, w.g.t.index.ordered, maxOrdered)
	require.Zero(t, w.g.BuildWanted(t.Context()), "those that are new are not given up")
	require.Len(t, w.g.wishes.asked, maxOrdered)
	kept := w.g.t.index.ordered[3].orderedName
	w.g.wishes.turn += orderedRest
	w.g.wishes.asked[kept] = w.g.wishes.turn
	for i := range 2 * maxOrdered {
		ask(i)
	}
	require.Equal(t, maxOrdered-1, w.g.BuildWanted(t.Context()))
	require.Len(t, w.g.t.index.ordered, maxOrdered)
	require.NotNil(t, w.g.t.index.orderedBy(kept))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Zero(t, w.g.BuildWanted(ctx))
}

// TestOrderedConcurrent has queries, changes and the making of indexes side by
// side; the race detector looks on. Every view must agree with itself.
func TestOrderedConcurrent(t *testing.T) {
	g := New(DefaultConfig())
	fill(g, 3000)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range 6000 {
			e := entitytest.Network(1+i%2900, t0.Add(time.Duration(i+1)))
			e.Attributes = e.Attributes.With("MTU", entity.Int(int64(i%50))).With("Name", entity.String(fmt.Sprint("n", i%70)))
			p := g.Prepare(&e, 0)
			g.Apply(&p, t0, nil)
			if i == 3000 {
				g.Reset()
				fill(g, 3000)
			}
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-g.Wanted():
				g.BuildWanted(ctx)
			case <-done:
				return
			}
		}
	})
	answered := make([]int, 2)
	for i := range answered {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 6))
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				v := g.View()
				n := int64(rng.IntN(50))
				slots, count := v.SlotsBetween("MTU", Bound{Value: entity.Int(n)}, Bound{Value: entity.Int(n + 10)})
				if got := slices.Sorted(slots); count >= 0 {
					answered[i]++
					if want := scanFor(v, "MTU", func(x entity.Value) bool { return x.IsNumber() && x.Int() >= n && x.Int() <= n+10 }); !slices.Equal(want, got) || len(got) != count {
						t.Errorf("MTU from %d: %d nodes, not %d", n, len(got), len(want))
					}
				}
				prefix := fmt.Sprint("n", n)
				slots, count = v.SlotsWithPrefix("Name", prefix)
				if got := slices.Sorted(slots); count >= 0 {
					if want := scanFor(v, "Name", func(x entity.Value) bool { return strings.HasPrefix(x.Str(), prefix) }); !slices.Equal(want, got) {
						t.Errorf("Name %s: %d nodes, not %d", prefix, len(got), len(want))
					}
				}
				set, _ := v.NodeSet("MTU", entity.Int(n))
				if want := scanFor(v, "MTU", func(x entity.Value) bool { return x.IsNumber() && x.Int() == n }); !slices.Equal(want, append([]int32{}, slices.Collect(set.All())...)) {
					t.Errorf("MTU %d: %d nodes, not %d", n, set.Count(), len(want))
				}
			}
		})
	}
	wg.Wait()
	g.BuildWanted(ctx)
	require.NotZero(t, checkOrdered(t, rand.New(rand.NewPCG(1, 7)), g.View(), 1))
}

// FuzzOrderedKeys holds the order of strings and numbers in a tree against that
// of the values.
func FuzzOrderedKeys(f *testing.F) {
	f.Add("a", "b", int64(1), 2.5)
	f.Add("10.0.0.1/24", "::ffff:10.0.0.1", int64(math.MaxInt64), float64(1<<63))
	f.Fuzz(func(t *testing.T, a, b string, i int64, x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			require.Equal(t, entity.Compare(entity.Int(i), entity.Float(x)), strings.Compare(numberKey(entity.Int(i)), numberKey(entity.Float(x))))
		}
		s := spanOfPrefix(a)
		if len(a) <= maxIndexedString && len(b) <= maxIndexedString {
			e := entry{b, 3}
			in := e.compare(s.first) >= 0 && (s.open || e.compare(s.last) < 0)
			require.Equal(t, strings.HasPrefix(b, a), in)
		}
		network, err := netip.ParsePrefix(a)
		key, ok := addressKey(b)
		text, _, _ := strings.Cut(b, "/")
		addr, err2 := netip.ParseAddr(text)
		require.Equal(t, err2 == nil, ok)
		if err != nil || err2 != nil {
			return
		}
		sp, some := spanOfNetwork(network)
		e := entry{key, 3}
		require.Equal(t, network.Contains(addr.Unmap().WithZone("")), some && e.compare(sp.first) >= 0 && e.compare(sp.last) < 0)
	})
}

func BenchmarkOrdered(b *testing.B) {
	g := New(DefaultConfig())
	fill(g, 100_000)
	ctx := context.Background()
	for _, name := range []orderedName{{"Name", orderedStrings}, {"IfIndex", orderedNumbers}, {"IPV4", orderedAddresses}} {
		b.Run("Build/"+name.key, func(b *testing.B) {
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				x, _ := g.View().order(ctx, name)
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/100_000, "B/node")
				runtime.KeepAlive(x)
			}
		})
		b.Run("Move/"+name.key, func(b *testing.B) {
			v := g.View()
			x, _ := v.order(ctx, name)
			b.ReportAllocs()
			i := int32(0)
			for b.Loop() {
				have := v.NodeAttr(i%100_000, name.key)
				var keys nodeKeys
				keys.of(&name, func(_ string, yield func(entity.Value) bool) { yield(have) })
				x.move(i%100_000, keys, nodeKeys{}, 1)
				x.move(i%100_000, nodeKeys{}, keys, 1)
				i += 7919
			}
		})
	}
	g.View().SlotsWithPrefix("Name", "x")
	g.BuildWanted(ctx)
	v := g.View()
	b.Run("Prefix", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			slots, _ := v.SlotsWithPrefix("Name", "host-500-eth1")
			for range slots {
			}
		}
	})
	b.Run("PrefixAll", func(b *testing.B) {
		for b.Loop() {
			slots, _ := v.SlotsWithPrefix("Name", "host-")
			for range slots {
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/slot")
	})
}
