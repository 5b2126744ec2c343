package graph

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPaged does random things to vectors of records of several sizes, takes
// snapshots as views do, and looks whether they stay what they were.
func TestPaged(t *testing.T) {
	t.Run("small", func(t *testing.T) { testPaged(t, func(i int32) cell { return cell{uint32(i), -i} }) })
	t.Run("pointers", func(t *testing.T) { testPaged(t, func(i int32) *int32 { return &i }) })
	t.Run("large", func(t *testing.T) {
		testPaged(t, func(i int32) [2000]byte { return [2000]byte{byte(i), byte(i >> 8)} })
	})
	t.Run("larger than a page", func(t *testing.T) {
		testPaged(t, func(i int32) [5000]byte { return [5000]byte{byte(i), byte(i >> 8)} })
	})
}

func testPaged[T comparable](t *testing.T, value func(int32) T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var p paged[T]
		if seed%2 == 1 {
			p.reserve(rng.IntN(1000), 1)
			require.Zero(t, p.n)
		}
		var want []T
		type snapshot struct {
			p    paged[T]
			want []T
		}
		var snapshots []snapshot
		epoch := uint64(1)
		for i := range int32(600) {
			switch {
			case len(want) == 0 || rng.IntN(3) == 0:
				n := 1 + rng.Int32N(3)
				if rng.IntN(20) == 0 {
					n = rng.Int32N(400)
				}
				p.resize(p.n+n, epoch)
				want = append(want, make([]T, n)...)
			case rng.IntN(8) == 0:
				require.EqualValues(t, len(want), p.push(epoch))
				want = append(want, *new(T))
			default:
				at, v := rng.IntN(len(want)), value(i)
				*p.edit(int32(at), epoch) = v
				want[at] = v
			}
			if rng.IntN(40) == 0 {
				snapshots = append(snapshots, snapshot{p, slices.Clone(want)})
				epoch++
			}
		}
		snapshots = append(snapshots, snapshot{p, want})
		for _, s := range snapshots {
			require.EqualValues(t, len(s.want), s.p.n)
			for i := range s.want {
				if *s.p.at(int32(i)) != s.want[i] {
					t.Fatalf("seed %d: record %d of %d moved", seed, i, len(s.want))
				}
			}
		}
	}
}

// BenchmarkPagedWriteAfterView is what a write to one of a million records costs
// when a snapshot was taken since the one before.
func BenchmarkPagedWriteAfterView(b *testing.B) {
	var p paged[[64]byte]
	p.resize(1_000_000, 1)
	rng, epoch := rand.New(rand.NewPCG(1, 1)), uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		epoch++
		p.edit(rng.Int32N(p.n), epoch)[0]++
	}
}

func BenchmarkPagedRead(b *testing.B) {
	var p paged[[64]byte]
	p.resize(1_000_000, 1)
	sum, i := 0, int32(0)
	for b.Loop() {
		sum += int(p.at(i & 0xfffff % p.n)[0])
		i += 12347
	}
	_ = sum
}
