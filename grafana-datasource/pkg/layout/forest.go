package layout

import (
	"cmp"
	"slices"
	"strings"
)

// forest is the items in order and who is below whom.
type forest struct {
	// items are sorted; each ID once. Lane is filled in.
	items []Item
	index map[string]int
	// parent is the index of what an item is put below, -1 for nothing. It is of
	// the same lane.
	parent []int
	kids   [][]int
}

func newForest(items []Item, edges []Edge) *forest {
	f := &forest{items: slices.Clone(items)}
	slices.SortFunc(f.items, compareItems)
	f.index = make(map[string]int, len(f.items))
	f.items = slices.DeleteFunc(f.items, func(it Item) bool {
		_, double := f.index[it.ID]
		if !double {
			f.index[it.ID] = len(f.index)
		}
		return double
	})
	f.fillLanes()
	f.parent = make([]int, len(f.items))
	for i := range f.items {
		f.parent[i] = -1
		if p, ok := f.index[f.items[i].Parent]; ok && p != i && f.items[p].Lane == f.items[i].Lane {
			f.parent[i] = p
		}
	}
	f.belowBridges(edges)
	f.cutCycles()
	f.kids = make([][]int, len(f.items))
	for i, p := range f.parent {
		if p >= 0 {
			f.kids[p] = append(f.kids[p], i)
		}
	}
	return f
}

// fillLanes gives items without a lane that of the nearest ancestor with one.
func (f *forest) fillLanes() {
	lanes := make([]string, len(f.items))
	for i := range f.items {
		at := i
		for range 16 {
			p, ok := f.index[f.items[at].Parent]
			if f.items[at].Lane != "" || !ok {
				break
			}
			at = p
		}
		lanes[i] = f.items[at].Lane
	}
	for i := range f.items {
		f.items[i].Lane = lanes[i]
	}
}

// belowBridges puts ports below their bridges. Of several bridges the first in
// order counts.
func (f *forest) belowBridges(edges []Edge) {
	bridge := make(map[int]int)
	take := func(port, br int) {
		a, b := &f.items[port], &f.items[br]
		if a.Role != RoleInterface || b.Role != RoleBridge || a.Lane != b.Lane {
			return
		}
		if had, ok := bridge[port]; !ok || br < had {
			bridge[port] = br
		}
	}
	for _, e := range edges {
		s, ok := f.index[e.Source]
		t, ok2 := f.index[e.Target]
		if ok && ok2 {
			take(s, t)
			take(t, s)
		}
	}
	for port, br := range bridge {
		// Who is owned by more than the host or the namespace stays there.
		if p := f.parent[port]; p < 0 || p == f.parent[br] || f.items[p].Role == RoleHost {
			f.parent[port] = br
		}
	}
}

// cutCycles makes the first item of every cycle of parents a root.
func (f *forest) cutCycles() {
	state := make([]int, len(f.items)) // 0 unknown, n+1 on the way from n, -1 done
	for i := range f.items {
		at := i
		for at >= 0 && state[at] == 0 {
			state[at] = i + 1
			at = f.parent[at]
		}
		if at >= 0 && state[at] == i+1 {
			first := at
			for c := f.parent[at]; c != at; c = f.parent[c] {
				first = min(first, c)
			}
			f.parent[first] = -1
		}
		for at = i; at >= 0 && state[at] > 0; at = f.parent[at] {
			state[at] = -1
		}
	}
}

// compareItems is the order of siblings, and a total order of different items.
func compareItems(a, b Item) int {
	return cmp.Or(
		cmp.Compare(rank(a.Role), rank(b.Role)),
		cmp.Compare(a.Order, b.Order),
		natural(a.Name, b.Name),
		strings.Compare(a.ID, b.ID),
		strings.Compare(a.Lane, b.Lane),
		strings.Compare(a.Parent, b.Parent),
		strings.Compare(a.Role, b.Role),
	)
}

func rank(role string) int {
	if i := slices.Index([]string{RoleHost, RoleNamespace, RoleBridge, RoleContainer, RoleGroup, RoleInterface}, role); i >= 0 {
		return i
	}
	return len(RoleOther) + 1
}

// natural compares texts with the numbers in them by their values: eth2 comes
// before eth10. It is a total order.
func natural(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		m, n := digits(x), digits(y)
		if m > 0 && n > 0 {
			p, q := strings.TrimLeft(x[:m], "0"), strings.TrimLeft(y[:n], "0")
			if c := cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)); c != 0 {
				return c
			}
			x, y = x[m:], y[n:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(a, b))
}

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}
