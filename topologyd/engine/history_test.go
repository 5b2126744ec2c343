package engine

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// elements returns a view as text by ID.
func elements(v *graph.View) map[entity.UUID]string {
	out := map[entity.UUID]string{}
	for n := range v.Nodes() {
		out[n.ID] = string(n.AppendJSON(nil))
	}
	for e := range v.Edges() {
		out[e.ID] = string(e.AppendJSON(nil))
	}
	return out
}

// TestDifferencesOfThePast makes a random history, some of it told late, and
// checks for pairs of times that the difference between them, done to what was
// at the first, gives what was at the second.
func TestDifferencesOfThePast(t *testing.T) {
	cfg := DefaultConfig(t.TempDir())
	cfg.Past.SegmentChanges = 200
	e := start(t, cfg)
	rng := rand.New(rand.NewPCG(4, 2))
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	submit(t, e, row(begin))
	const steps = 400
	joined := 0
	for i := range steps {
		own := begin.Add(time.Duration(i)*time.Second - time.Duration(rng.IntN(5000))*time.Millisecond)
		it := link(rng.IntN(20), fmt.Sprint("n", rng.IntN(12)), own)
		switch rng.IntN(8) {
		case 0, 1:
			it = gone(rng.IntN(20), own)
		case 2, 3: // which joins an interface if it alone has the name
			it = port(rng.IntN(5), fmt.Sprint("n", rng.IntN(12)), own, 0)
		}
		submit(t, e, it)
		joined += e.graph.Stats().Joined
	}
	require.Greater(t, joined, 10, "entities join")
	all, err := diff.ParseSelection("*,@Revision,@CreatedAt,@UpdatedAt")
	require.NoError(t, err)
	moment := func() time.Time { return begin.Add(time.Duration(rng.IntN(steps*1000)) * time.Millisecond) }
	different := 0
	for range 300 {
		from, to := moment(), moment()
		a, err := e.At(context.Background(), from)
		require.NoError(t, err)
		b, err := e.At(context.Background(), to)
		require.NoError(t, err)
		d, err := diff.Views(context.Background(), a, b, diff.Options{Keys: all})
		require.NoError(t, err)
		got := elements(a)
		for i := range d.Nodes {
			n := &d.Nodes[i]
			if n.Old != nil {
				require.Equal(t, string(n.Old.AppendJSON(nil)), got[n.Old.ID])
				delete(got, n.Old.ID)
			}
			if n.New != nil {
				got[n.New.ID] = string(n.New.AppendJSON(nil))
			}
		}
		for i := range d.Edges {
			x := &d.Edges[i]
			if x.Old != nil {
				require.Equal(t, string(x.Old.AppendJSON(nil)), got[x.Old.ID])
				delete(got, x.Old.ID)
			}
			if x.New != nil {
				got[x.New.ID] = string(x.New.AppendJSON(nil))
			}
		}
		require.Equal(t, slices.Sorted(maps.Values(elements(b))), slices.Sorted(maps.Values(got)), "%v to %v", from, to)
		if !d.Empty() {
			different++
		}
	}
	require.Greater(t, different, 200)
}
