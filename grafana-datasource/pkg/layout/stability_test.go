package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStability changes a picture at random and checks after each step that
// nothing has moved and nothing overlaps.
func TestStability(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 2))
		items, edges := hosts(1+rng.IntN(8), 4+rng.IntN(20))
		var prev *Placement
		last := map[string]Point{}
		away := map[string]Item{}
		for step := range 60 {
			pts, next := Place(items, edges, prev)
			require.Len(t, pts, len(items))
			noOverlap(t, pts)
			for id, p := range pts {
				if had, ok := last[id]; ok && had != p {
					t.Fatalf("seed %d, step %d: %s moved from %v to %v", seed, step, id, had, p)
				}
			}
			again, _ := Place(items, edges, next)
			require.Equal(t, pts, again)
			last, prev = pts, next
			items = mutate(rng, items, away, step)
		}
	}
}

// mutate removes, brings back, adds and changes some items.
func mutate(rng *rand.Rand, items []Item, away map[string]Item, step int) []Item {
	switch rng.IntN(5) {
	case 0: // leave
		for range rng.IntN(10) {
			if len(items) > 3 {
				i := rng.IntN(len(items))
				away[items[i].ID] = items[i]
				items = append(items[:i:i], items[i+1:]...)
			}
		}
	case 1: // come back
		for id, it := range away {
			items = append(items, it)
			delete(away, id)
			if rng.IntN(2) == 0 {
				break
			}
		}
	case 2: // new ones below old ones
		for n := range rng.IntN(12) {
			p := items[rng.IntN(len(items))]
			items = append(items, Item{ID: fmt.Sprintf("new-%d-%d", step, n), Parent: p.ID, Lane: p.Lane, Role: []string{RoleInterface, RoleBridge, RoleNamespace, RoleOther}[rng.IntN(4)]})
		}
	case 3: // a new host
		more, _ := hosts(1, 3+rng.IntN(12))
		for i := range more {
			more[i].ID = fmt.Sprintf("h%d-%s", step, more[i].ID)
			if more[i].Parent != "" {
				more[i].Parent = fmt.Sprintf("h%d-%s", step, more[i].Parent)
			}
			more[i].Lane = fmt.Sprintf("h%d", step)
		}
		items = append(items, more...)
		if rng.IntN(3) == 0 {
			items = append(items, Item{ID: fmt.Sprint("switch", step), Role: RoleOther})
		}
	case 4: // attributes
		for range 5 {
			it := &items[rng.IntN(len(items))]
			it.Name, it.Role, it.Order = fmt.Sprint("renamed", step), RoleInterface, int64(step)
			if rng.IntN(2) == 0 {
				it.Parent = items[rng.IntN(len(items))].ID
			}
			if rng.IntN(4) == 0 {
				it.Lane = items[rng.IntN(len(items))].Lane
			}
		}
	}
	rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return items
}

func TestAbsentItemsFindTheirPlaceAgain(t *testing.T) {
	items, edges := hosts(4, 12)
	full, p := Place(items, edges, nil)
	var some []Item
	for i, it := range items {
		if i%4 != 1 {
			some = append(some, it)
		}
	}
	_, p = Place(some, edges, p)
	again, _ := Place(items, edges, p)
	require.Equal(t, full, again)
}

// TestChurn has one host whose interfaces are replaced all the time: the
// picture must not grow with them.
func TestChurn(t *testing.T) {
	items, edges := hosts(5, 20)
	first, p := Place(items, edges, nil)
	w0, h0 := bounds(first)
	rng := rand.New(rand.NewPCG(3, 3))
	var pts map[string]Point
	for step := range 600 {
		for i := range items {
			if items[i].Role == RoleInterface && rng.IntN(40) == 0 {
				items[i].ID = fmt.Sprintf("pod-%d-%d", step, i)
			}
		}
		pts, p = Place(items, edges, p)
		require.LessOrEqual(t, p.Len(), len(items)+spare)
	}
	noOverlap(t, pts)
	w, h := bounds(pts)
	t.Logf("%.0f x %.0f became %.0f x %.0f", w0, h0, w, h)
	require.Less(t, w*h, 4*w0*h0)
}

// TestHostsComeAndGo replaces whole hosts.
func TestHostsComeAndGo(t *testing.T) {
	var p *Placement
	var pts map[string]Point
	var first float64
	for step := range 60 {
		var items []Item
		for h := step; h < step+8; h++ {
			lane := fmt.Sprint("h", h)
			items = append(items, Item{ID: lane, Lane: lane, Role: RoleHost, Name: lane})
			for i := range 9 {
				items = append(items, Item{ID: fmt.Sprint(lane, "/", i), Parent: lane, Lane: lane, Role: RoleInterface})
			}
		}
		pts, p = Place(items, nil, p)
		noOverlap(t, pts)
		if step == 0 {
			w, h := bounds(pts)
			first = w * h
		}
	}
	w, h := bounds(pts)
	t.Logf("%.0f px² became %.0f px² (%.0f x %.0f)", first, w*h, w, h)
	require.Less(t, w*h, 4*first)
}

// TestOpenAGroup shows the members of a group in place of the group.
func TestOpenAGroup(t *testing.T) {
	var groups []Item
	for i := range 40 {
		id := fmt.Sprint("host=", i)
		groups = append(groups, Item{ID: id, Lane: fmt.Sprint(i), Role: RoleGroup, Name: id})
	}
	closed, p := Place(groups, nil, nil)
	opened := append([]Item{}, groups[1:]...)
	opened = append(opened, Item{ID: "h", Lane: "0", Role: RoleHost})
	for i := range 30 {
		opened = append(opened, Item{ID: fmt.Sprint("eth", i), Parent: "h", Lane: "0", Role: RoleInterface})
	}
	pts, p := Place(opened, nil, p)
	noOverlap(t, pts)
	for _, g := range groups[1:] {
		require.Equal(t, closed[g.ID], pts[g.ID])
	}
	w, h := bounds(pts)
	t.Logf("%.0f x %.0f", w, h)
	require.Less(t, math.Abs(math.Log(w/h/wideShape)), 0.7)
	for i := range 30 {
		require.Less(t, pts["h"].Y, pts[fmt.Sprint("eth", i)].Y)
	}
	again, p := Place(groups, nil, p)
	require.Equal(t, closed, again)
	reopened, _ := Place(opened, nil, p)
	require.Equal(t, pts, reopened)
}

func TestTheFabricStaysOnTop(t *testing.T) {
	items, edges := hosts(3, 10)
	pts, p := Place(items, edges, nil)
	top := math.Inf(1)
	for _, q := range pts {
		top = min(top, q.Y)
	}
	items = append(items, Item{ID: "tor", Role: RoleOther}, Item{ID: "port", Parent: "tor", Role: RoleInterface})
	pts, p = Place(items, edges, p)
	require.Less(t, pts["tor"].Y, pts["port"].Y)
	require.Less(t, pts["port"].Y, top)
	items = append(items, Item{ID: "tor2", Role: RoleOther})
	pts, _ = Place(items, edges, p)
	noOverlap(t, pts)
	require.Less(t, pts["tor2"].Y, top)
}

// FuzzPlace builds pictures from bytes: four make one item.
func FuzzPlace(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 1, 0, 4, 3, 2, 1, 2}, []byte{1, 2, 3, 4})
	roles := []string{RoleHost, RoleNamespace, RoleBridge, RoleContainer, RoleGroup, RoleInterface, RoleOther, "?"}
	parse := func(b []byte) (items []Item, edges []Edge) {
		for ; len(b) >= 4 && len(items) < 300; b = b[4:] {
			items = append(items, Item{ID: fmt.Sprint(b[0]), Parent: fmt.Sprint(b[1]), Lane: fmt.Sprint(b[2] % 5), Role: roles[b[3]%8], Order: int64(b[3] >> 4)})
			if b[2]%5 == 0 {
				items[len(items)-1].Lane = ""
			}
			edges = append(edges, Edge{fmt.Sprint(b[0]), fmt.Sprint(b[2])})
		}
		return items, edges
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		items, edges := parse(a)
		first, p := Place(items, edges, nil)
		noOverlap(t, first)
		items, edges = parse(b)
		second, p := Place(items, edges, p)
		noOverlap(t, second)
		kept := 0
		for id, q := range second {
			if had, ok := first[id]; ok {
				kept++
				if had != q {
					t.Fatalf("%s moved", id)
				}
			}
		}
		third, _ := Place(items, edges, p)
		require.Equal(t, second, third)
	})
}

func BenchmarkPlace(b *testing.B) {
	for _, n := range []int{200, 2000} {
		items, edges := hosts(n/20, 20)
		b.Run(fmt.Sprintf("fresh-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Place(items, edges, nil)
			}
		})
		_, p := Place(items, edges, nil)
		b.Run(fmt.Sprintf("same-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Place(items, edges, p)
			}
		})
		more, moreEdges := hosts(n/20+1, 21)
		b.Run(fmt.Sprintf("grown-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Place(more, moreEdges, p)
			}
		})
	}
}
