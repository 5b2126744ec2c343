package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSlotList does random things to a list, short and long, takes snapshots
// as views do, and looks whether they stay what they were.
func TestSlotList(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var l slotList
		var want []int32
		type snapshot struct {
			list slotList
			want []int32
		}
		var snapshots []snapshot
		epoch := uint64(1)
		limit := []int32{3, maxFew - 2, maxFew + 2, 1 << 10}[seed%4]
		for i := range int32(3000) {
			switch n := l.len(); {
			case n == 0 || n < limit && rng.IntN(5) > 1:
				require.Equal(t, n, l.push(i, epoch))
				want = append(want, i)
			case rng.IntN(2) == 0:
				at := rng.Int32N(n)
				l.set(at, -i, epoch)
				want[at] = -i
			default:
				l.pop(epoch)
				want = want[:n-1]
			}
			if rng.IntN(20) == 0 {
				snapshots = append(snapshots, snapshot{l, slices.Clone(want)})
				epoch++
			}
		}
		snapshots = append(snapshots, snapshot{l, want})
		for _, s := range snapshots {
			require.Equal(t, s.want, append([]int32{}, slices.Collect(s.list.all)...))
			require.EqualValues(t, len(s.want), s.list.len())
			for i := range s.want {
				require.Equal(t, s.want[i], s.list.at(int32(i)))
			}
		}
	}
}
