package graph

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSlotSet does random things to sets, dense and sparse, takes snapshots as
// views do, and looks whether they stay what they were.
func TestSlotSet(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var s slotSet
		model := map[int32]bool{}
		type snapshot struct {
			set  slotSet
			want []int32
		}
		var snapshots []snapshot
		epoch := uint64(1)
		space := []int32{5, 500, 5000, 200_000, 20_000, 1 << 30}[seed%6]
		steps := []int{1000, 10_000, 30_000}[seed%3]
		for i := range steps {
			slot := rng.Int32N(space)
			if rng.IntN(4) == 0 { // in runs
				slot = int32(i) % space
			}
			growing := i/(steps/4)%2 == 0
			switch {
			case model[slot] && (!growing || rng.IntN(4) == 0):
				s.remove(slot, epoch)
				delete(model, slot)
			case !model[slot] && (growing || rng.IntN(4) == 0):
				s.add(slot, epoch)
				model[slot] = true
			case !growing && len(model) > 0 && rng.IntN(3) == 0:
				slot = s.one()
				s.remove(slot, epoch)
				delete(model, slot)
			}
			if int(s.n) != len(model) || s.has(slot) != model[slot] {
				require.Fail(t, "another set", "seed %d, step %d", seed, i)
			}
			if rng.IntN(steps/20) == 0 {
				snapshots = append(snapshots, snapshot{s, slices.Sorted(maps.Keys(model))})
				epoch++
			}
		}
		snapshots = append(snapshots, snapshot{s, slices.Sorted(maps.Keys(model))})
		for i, x := range snapshots {
			require.Equal(t, x.want, slices.Collect(x.set.all), "seed %d", seed)
			for range 100 {
				slot := rng.Int32N(space)
				_, ok := slices.BinarySearch(x.want, slot)
				require.Equal(t, ok, x.set.has(slot))
			}
			o := snapshots[rng.IntN(i+1)]
			both := slices.DeleteFunc(slices.Clone(x.want), func(slot int32) bool {
				_, ok := slices.BinarySearch(o.want, slot)
				return !ok
			})
			got := Slots{x.set}.And(Slots{o.set})
			require.Equal(t, len(both), got.Count())
			require.True(t, slices.Equal(both, slices.Collect(got.All())), "seed %d", seed)
			for _, slot := range both {
				require.True(t, got.Has(slot))
			}
			all := slices.Compact(slices.Sorted(slices.Values(slices.Concat(x.want, o.want))))
			few := Slots{setOf(append([]int32{}, x.want[:len(x.want)/30]...))}
			more := Slots{o.set}.Or(few)
			require.GreaterOrEqual(t, more.Count(), len(o.want))
			require.Equal(t, more.Count(), few.Or(more).Count())
			more.Or(Slots{setOf([]int32{1, 2, 3})})
			require.Equal(t, more.Count(), len(slices.Collect(more.All())))
			got = Slots{x.set}.Or(Slots{o.set})
			require.Equal(t, len(all), got.Count())
			require.True(t, slices.Equal(all, slices.Collect(got.All())), "seed %d", seed)
			for _, slot := range all {
				if !got.Has(slot) {
					require.Fail(t, "not there")
				}
			}
			require.Equal(t, len(both), got.And(Slots{x.set}.And(Slots{o.set})).Count())
		}
		for _, x := range snapshots {
			require.Equal(t, x.want, slices.Collect(x.set.all), "seed %d: a union wrote to a set", seed)
		}
		for slot := range model {
			s.remove(slot, epoch)
		}
		require.Zero(t, s.n)
		require.Nil(t, s.big)
	}
}

// TestTermTable does random things to a table, with few tags that are shared
// and many that are not, and takes snapshots as views do.
func TestTermTable(t *testing.T) {
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 2))
		var table termTable
		model := map[cell]int{} // the same cell may be there twice
		total := 0
		type snapshot struct {
			table termTable
			model map[cell]int
		}
		var snapshots []snapshot
		epoch := uint64(1)
		tag := func() uint32 {
			if rng.IntN(20) == 0 {
				return []uint32{0, 1, 1 << 31, 0xffffffff, 0xfffffffe, 77}[rng.IntN(6)]
			}
			return rng.Uint32() >> (seed % 3 * 8)
		}
		for i := range 12_000 {
			growing := i/3000%2 == 0
			switch {
			case growing || total == 0 || rng.IntN(3) == 0:
				c := cell{tag(), 1 + rng.Int32N(3)}
				table.insert(c, epoch)
				model[c]++
				total++
			case rng.IntN(8) == 0:
				for c := range model {
					to := cell{c.tag, -5}
					table.replace(c.tag, c.ref, to.ref, epoch)
					drop(model, c)
					model[to]++
					break
				}
			default:
				for c := range model {
					table.remove(c, epoch)
					drop(model, c)
					total--
					break
				}
			}
			table.remove(cell{tag(), 99}, epoch)
			if int(table.used) != total {
				require.Fail(t, "another number", "%d, not %d", table.used, total)
			}
			if rng.IntN(1000) == 0 {
				snapshots = append(snapshots, snapshot{table, maps.Clone(model)})
				epoch++
			}
		}
		for _, x := range append(snapshots, snapshot{table, model}) {
			for c, n := range x.model {
				s := x.table.of(c.tag)
				found := 0
				for have, i := s.next(c.tag, s.home(c.tag)); have.ref != 0; have, i = s.next(c.tag, i+1) {
					if have == c {
						found++
					}
				}
				if n != found {
					require.Fail(t, "another table", "seed %d: %v is there %d times, not %d", seed, c, found, n)
				}
			}
		}
	}
}

func drop(model map[cell]int, c cell) {
	if model[c]--; model[c] == 0 {
		delete(model, c)
	}
}
