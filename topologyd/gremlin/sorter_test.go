package gremlin

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// TestSorted: the first elements of any order are those of a stable sort of all
// of them, and no more are remembered.
func TestSorted(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	type elem struct {
		a, b entity.Value
		n    int
	}
	value := func() entity.Value {
		switch rnd.IntN(8) {
		case 0:
			return entity.Value{}
		case 1:
			return entity.Float(float64(rnd.IntN(6)) / 2)
		case 2:
			return entity.String([...]string{"", "a", "b"}[rnd.IntN(3)])
		default:
			return entity.Int(rnd.Int64N(5))
		}
	}
	for range 3000 {
		list := make([]elem, rnd.IntN(40))
		for i := range list {
			list[i] = elem{value(), value(), i}
		}
		by := []order[elem]{
			{func(e elem) entity.Value { return e.a }, rnd.IntN(2) == 0},
			{func(e elem) entity.Value { return e.b }, rnd.IntN(2) == 0},
		}[:1+rnd.IntN(2)]
		want := slices.Clone(list)
		slices.SortStableFunc(want, func(x, y elem) int {
			for _, b := range by {
				k, l := b.key(x), b.key(y)
				c := cmp.Compare(missing(k), missing(l))
				if c == 0 && !k.IsZero() {
					if c = entity.Compare(k, l); b.descending {
						c = -c
					}
				}
				if c != 0 {
					return c
				}
			}
			return 0
		})
		top := rnd.IntN(len(list) + 3)
		if rnd.IntN(4) == 0 {
			top = math.MaxInt
		}
		want = want[:min(top, len(want))]
		x := &exec{ctx: t.Context(), lim: Limits{}.filled(), start: time.Now()}
		s := sorter[elem]{x: x, by: by}
		var got []elem
		for row := range s.first(slices.Values(list), top) {
			got = append(got, s.elems[row])
		}
		if !slices.EqualFunc(got, want, func(a, b elem) bool { return a.n == b.n }) {
			t.Fatalf("the first %d of %v: got %v, want %v", top, list, got, want)
		}
		if top < len(list) && len(s.elems) > top+1 {
			t.Fatalf("%d elements are remembered for the first %d", len(s.elems), top)
		}
	}
}

// TestSortMemory: what a Limit after a sort makes needless is not paid for.
func TestSortMemory(t *testing.T) {
	w := roads(t, rand.New(rand.NewPCG(11, 12)), 2000, 0)
	lim := Limits{Memory: 20_000}
	for _, tc := range []struct {
		query string
		ok    bool
	}{
		{"G.V().Sort('Name').Limit(10)", true},
		{"G.V().Sort('Name').Range(5, 10)", true},
		{"G.V().Order().By('Type').By('Name', DESC).Limit(10)", true},
		{"G.V().Values('Name').Sort().Limit(10)", true},
		{"G.V().Sort('Name').Dedup('Name').Limit(10)", false},
		{"G.V().Sort('Name').Has('Type', 'none').Limit(10)", false},
		{"G.V().Sort('Name')", false},
	} {
		_, err := mustParse(t, tc.query).Run(t.Context(), w.view, lim)
		if ok := err == nil; ok != tc.ok {
			t.Errorf("%s: %v", tc.query, err)
		}
	}
}
