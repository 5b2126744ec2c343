package alertmanager

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/stretchr/testify/require"
)

// TestQueueIsASlice does the same to a queue and to a slice that nobody optimised.
func TestQueueIsASlice(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		q, limit := newQueue(5), 5
		var model, taken []*entry
		at := func(key string) int {
			return slices.IndexFunc(model, func(e *entry) bool { return e.key == key })
		}
		for range 400 {
			e := &entry{key: string(rune('a' + r.IntN(9)))}
			switch r.IntN(5) {
			case 0, 1:
				dropped := false
				if i := at(e.key); i >= 0 {
					model[i] = e
				} else {
					if dropped = len(model) == limit; dropped {
						model = slices.Delete(model, 0, 1)
					}
					model = append(model, e)
				}
				require.Equal(t, dropped, q.put(e))
			case 2:
				if at(e.key) < 0 && len(model) < limit {
					model = append(model, e)
				}
				q.offer(e)
			case 3:
				n := r.IntN(4)
				taken = q.first(n)
				require.Len(t, taken, min(n, len(model)))
			case 4:
				model = slices.DeleteFunc(model, func(e *entry) bool { return slices.Contains(taken, e) })
				q.done(taken)
			}
			require.True(t, slices.Equal(model, q.first(limit+1)))
			require.Len(t, q.byKey, q.len())
		}
	}
}

func TestKeysDifferAsLabelsDo(t *testing.T) {
	seen := map[string]models.LabelSet{}
	for _, l := range []models.LabelSet{
		{"a": "b"}, {"a": "bc"}, {"ab": "c"}, {"a": "b", "c": "d"}, {"a": "b\nc\nd"}, {"a": "bcd"}, {"c": "d", "ab": ""},
	} {
		k := key(l)
		require.NotContains(t, seen, k, "%v", l)
		seen[k] = l
		require.Equal(t, k, key(l))
	}
	a, err := newEntry(&Outgoing{Labels: map[string]string{"x": "1", "empty": ""}}, map[string]string{"site": "west", "x": "external"})
	require.NoError(t, err)
	require.Equal(t, models.LabelSet{"x": "1", "site": "west"}, a.alert.Labels, "the alert's own label wins")
	b, err := newEntry(&Outgoing{Labels: map[string]string{"site": "west", "x": "1"}}, nil)
	require.NoError(t, err)
	require.Equal(t, a.key, b.key)
}
