package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// hosts returns hosts with a namespace, a bridge with ports and interfaces.
func hosts(n, perHost int) ([]Item, []Edge) {
	var items []Item
	var edges []Edge
	for h := range n {
		lane := fmt.Sprintf("host-%d", h)
		add := func(id, parent, role, name string) string {
			items = append(items, Item{ID: lane + "/" + id, Parent: parent, Lane: lane, Role: role, Name: name, Order: int64(h)})
			return lane + "/" + id
		}
		host := add("host", "", RoleHost, lane)
		ns := add("ns", host, RoleNamespace, "blue")
		br := add("br", host, RoleBridge, "br0")
		for i := range perHost - 3 {
			id := fmt.Sprintf("eth%d", i)
			switch i % 3 {
			case 0:
				add(id, host, RoleInterface, id)
			case 1:
				add(id, ns, RoleInterface, id)
			default:
				edges = append(edges, Edge{br, add(id, host, RoleInterface, id)})
			}
		}
	}
	return items, edges
}

func noOverlap(t testing.TB, pts map[string]Point) {
	t.Helper()
	type at struct {
		id string
		Point
	}
	all := make([]at, 0, len(pts))
	for id, p := range pts {
		if math.IsNaN(p.X) || math.IsInf(p.X, 0) || math.IsNaN(p.Y) || math.IsInf(p.Y, 0) {
			t.Fatalf("%s is at %v", id, p)
		}
		all = append(all, at{id, p})
	}
	slices.SortFunc(all, func(a, b at) int {
		if a.Y != b.Y {
			return int(a.Y - b.Y)
		}
		return int(a.X - b.X)
	})
	for i, a := range all {
		for _, b := range all[i+1:] {
			if b.Y-a.Y >= PitchY {
				break
			}
			if math.Abs(a.X-b.X) < PitchX {
				t.Fatalf("%s at %v overlaps %s at %v", a.id, a.Point, b.id, b.Point)
			}
		}
	}
}

func bounds(pts map[string]Point) (w, h float64) {
	lo, hi := Point{math.Inf(1), math.Inf(1)}, Point{math.Inf(-1), math.Inf(-1)}
	for _, p := range pts {
		lo = Point{min(lo.X, p.X), min(lo.Y, p.Y)}
		hi = Point{max(hi.X, p.X), max(hi.Y, p.Y)}
	}
	return hi.X - lo.X + PitchX, hi.Y - lo.Y + PitchY
}

func TestLayersOfAHost(t *testing.T) {
	items, edges := hosts(1, 12)
	items = append(items, Item{ID: "tor", Role: RoleOther, Name: "tor"}, Item{ID: "port", Parent: "tor", Role: RoleInterface, Name: "p1"})
	pts, _ := Place(items, edges, nil)
	noOverlap(t, pts)
	at := func(id string) Point { return pts["host-0/"+id] }

	require.Less(t, pts["tor"].Y, pts["port"].Y, "a port is below its switch")
	require.Less(t, pts["port"].Y, at("host").Y, "the fabric is above the hosts")
	require.Less(t, at("host").Y, at("ns").Y)
	require.LessOrEqual(t, at("ns").Y, at("br").Y)
	require.Less(t, at("ns").Y, at("eth1").Y, "an interface is below its namespace")
	require.Less(t, at("br").Y, at("eth2").Y, "a port is below its bridge")
	require.Less(t, at("br").Y, at("eth0").Y, "what is the host's own comes last")
	for _, id := range []string{"eth1", "eth4"} {
		require.LessOrEqual(t, math.Abs(at(id).X-at("ns").X), 2.0*PitchX, "%s is near its namespace", id)
	}
	for _, id := range []string{"eth2", "eth5", "eth8"} {
		require.LessOrEqual(t, math.Abs(at(id).X-at("br").X), 2.0*PitchX, "%s is near its bridge", id)
	}
}

func TestNamesAreSortedByTheirNumbers(t *testing.T) {
	pts, _ := Place([]Item{
		{ID: "h", Lane: "h", Role: RoleHost},
		{ID: "c", Parent: "h", Lane: "h", Role: RoleInterface, Name: "eth10"},
		{ID: "a", Parent: "h", Lane: "h", Role: RoleInterface, Name: "eth2"},
		{ID: "b", Parent: "h", Lane: "h", Role: RoleInterface, Name: "eth1"},
	}, nil, nil)
	require.Less(t, pts["b"].X, pts["a"].X)
	require.Less(t, pts["a"].X, pts["c"].X)
}

func TestShape(t *testing.T) {
	group := func(n int, lanes bool) []Item {
		var out []Item
		for i := range n {
			it := Item{ID: fmt.Sprint("g", i), Role: RoleGroup, Name: fmt.Sprint("g", i)}
			if lanes {
				it.Lane = it.ID
			}
			out = append(out, it)
		}
		return out
	}
	for _, c := range []struct {
		name     string
		items    []Item
		edges    []Edge
		min, max float64
	}{
		{name: "20 hosts of 10", min: 1.3, max: 2.4},
		{name: "5 hosts of 40", min: 1.2, max: 2.6},
		{name: "1 host of 200", min: 1.0, max: 2.6},
		{name: "96 groups of hosts", items: group(96, true), min: 1.4, max: 2.2},
		{name: "96 groups without a host", items: group(96, false), min: 1.4, max: 2.2},
		{name: "2000 groups", items: group(2000, true), min: 1.5, max: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n, per int
			if k, _ := fmt.Sscanf(c.name, "%d hosts of %d", &n, &per); k == 2 {
				c.items, c.edges = hosts(n, per)
			} else if k, _ := fmt.Sscanf(c.name, "1 host of %d", &per); k == 1 {
				c.items, c.edges = hosts(1, per)
			}
			pts, _ := Place(c.items, c.edges, nil)
			noOverlap(t, pts)
			w, h := bounds(pts)
			t.Logf("%.0f x %.0f: %.2f", w, h, w/h)
			require.GreaterOrEqual(t, w/h, c.min)
			require.LessOrEqual(t, w/h, c.max)
		})
	}
}

func TestOrderOfInputDoesNotMatter(t *testing.T) {
	items, edges := hosts(6, 15)
	want, placed := Place(items, edges, nil)
	more, moreEdges := hosts(9, 22)
	wantMore, _ := Place(more, moreEdges, placed)
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		rng.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
		rng.Shuffle(len(moreEdges), func(i, j int) { moreEdges[i], moreEdges[j] = moreEdges[j], moreEdges[i] })
		got, p := Place(items, edges, nil)
		require.Equal(t, want, got)
		gotMore, _ := Place(more, moreEdges, p)
		require.Equal(t, wantMore, gotMore)
	}
}

func TestCyclesDoublesAndStrangers(t *testing.T) {
	pts, p := Place([]Item{
		{ID: "a", Parent: "b"}, {ID: "b", Parent: "c"}, {ID: "c", Parent: "a"},
		{ID: "self", Parent: "self"}, {ID: "lost", Parent: "nobody", Lane: "x"},
		{ID: "a", Parent: "b"}, {ID: "x", Lane: "x", Parent: "lost", Role: "never heard"}, {ID: ""},
	}, []Edge{{"a", "nobody"}, {"", ""}}, nil)
	require.Len(t, pts, 7)
	require.Equal(t, 7, p.Len())
	noOverlap(t, pts)
	pts, p = Place(nil, nil, p)
	require.Empty(t, pts)
	require.Equal(t, 7, p.Len(), "places of who is absent stay reserved")
	pts, _ = Place(nil, nil, nil)
	require.Empty(t, pts)
}

func TestALaneIsThatOfTheParent(t *testing.T) {
	pts, _ := Place([]Item{
		{ID: "tor", Role: RoleOther},
		{ID: "h", Lane: "h", Role: RoleHost},
		{ID: "c", Parent: "h", Role: RoleContainer},
		{ID: "d", Parent: "c", Role: RoleOther},
	}, nil, nil)
	require.Less(t, pts["tor"].Y, pts["h"].Y)
	require.Less(t, pts["h"].Y, pts["c"].Y)
	require.Less(t, pts["c"].Y, pts["d"].Y)
}

// TestViewBeginsAtTheTop: the panel shows what is around the origin.
func TestViewBeginsAtTheTop(t *testing.T) {
	for name, n := range map[string]int{"small": 8, "large": 200} {
		t.Run(name, func(t *testing.T) {
			items, edges := hosts(1, n)
			pts, _ := Place(items, edges, nil)
			w, h := bounds(pts)
			lo := Point{math.Inf(1), math.Inf(1)}
			for _, p := range pts {
				lo = Point{min(lo.X, p.X), min(lo.Y, p.Y)}
			}
			require.InDelta(t, -(w-PitchX)/2, lo.X, 1, "the picture is in the middle")
			top := -viewHeight/2 + PitchY/2.0
			if h <= viewHeight {
				top = -(h-PitchY)/2 - titleBelow
			}
			require.InDelta(t, top, lo.Y, 1)
			require.InDelta(t, 0, pts["host-0/host"].X, w/2)
		})
	}
}
