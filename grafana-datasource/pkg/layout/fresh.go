package layout

import (
	"math"
	"slices"
	"strings"
)

// hostColumns is how wide the block of one host may be in any case, in items;
// large ones are wider, to keep their shape.
const hostColumns = 8

// columns returns how wide the block of so many items may be, in half pitches.
func columns(items int) int {
	// A quarter more than a rectangle without holes.
	wide := 1.25 * math.Sqrt(float64(items)*wideShape*PitchY/PitchX)
	return size * max(hostColumns, int(math.Ceil(wide)))
}

// fresh places all items of f when nothing is remembered.
func fresh(f *forest, p *Placement) {
	lanes := f.lanes(func(int) bool { return true })
	var fabric []int
	var hosts []block
	gap := 0
	for _, l := range lanes {
		if l.name == "" {
			fabric = l.roots
			continue
		}
		b := f.laneBlock(l.roots)
		if len(b.spots) > 1 {
			gap = size
		}
		hosts = append(hosts, b)
	}
	below := shelve([][]block{hosts}, pictureWidths(hosts, gap), wideShape, 0, gap, min(gap, 1))
	top := f.fabricBlock(fabric, below.w)
	left := (below.w - top.w) / 2
	put(f, p, top, cell{int32(max(left, 0)), 0})
	y := 0
	if top.h > 0 {
		y = top.h + 1
	}
	put(f, p, below, cell{int32(max(-left, 0)), int32(y)})
}

// fabricBlock lays out what belongs to no host: as wide as the hosts below it,
// in the picture's shape when there are none.
func (f *forest) fabricBlock(roots []int, hostsWidth int) block {
	if hostsWidth > 0 {
		// No shape: as flat as it gets within the width.
		return f.body(roots, max(hostsWidth, hostColumns*size), 1000, 0, 0)
	}
	return f.body(roots, columns(f.count(roots)), wideShape, 0, 0)
}

// count counts the items of trees.
func (f *forest) count(roots []int) int {
	n := len(roots)
	for _, r := range roots {
		n += f.count(f.kids[r])
	}
	return n
}

// laneBlock lays out the roots of one host: the host itself on top.
func (f *forest) laneBlock(roots []int) block {
	maxW := columns(f.count(roots))
	if len(roots) == 1 {
		return f.treeBlock(roots[0], maxW, 0)
	}
	head := roots[0]
	if f.items[head].Role != RoleHost {
		return f.body(roots, maxW, innerShape, 0, 0)
	}
	rest := append(slices.Clone(f.kids[head]), roots[1:]...)
	slices.Sort(rest)
	return f.crowned(head, f.body(rest, maxW, innerShape, size, 1))
}

// pictureWidths returns the widths to try for a row of hosts.
func pictureWidths(hosts []block, gap int) []int {
	sum := 0
	for _, h := range hosts {
		sum += h.w + gap
	}
	var out []int
	for w := size; w < sum; w += max(size, w/24/size*size) {
		out = append(out, w)
	}
	return append(out, sum)
}

// put gives the items of a block their places.
func put(f *forest, p *Placement, b block, at cell) {
	for _, s := range b.spots {
		it := &f.items[s.item]
		p.places[it.ID] = place{at.plus(s.x, s.y), it.Lane, p.gen}
	}
}

// lane is a host with the roots of its trees.
type lane struct {
	name  string
	roots []int
}

// lanes returns the lanes of the items that want says yes to, in order: by the
// first item of each, which is the host if there is one. A root is an item
// whose parent is not among them.
func (f *forest) lanes(want func(i int) bool) []lane {
	at := make(map[string]int)
	var out []lane
	for i := range f.items {
		if !want(i) {
			continue
		}
		name := f.items[i].Lane
		n, ok := at[name]
		if !ok {
			n = len(out)
			at[name] = n
			out = append(out, lane{name: name})
		}
		if p := f.parent[i]; p < 0 || !want(p) {
			out[n].roots = append(out[n].roots, i)
		}
	}
	slices.SortFunc(out, func(a, b lane) int {
		x, y := f.items[a.roots[0]], f.items[b.roots[0]]
		if c := natural(x.Name, y.Name); c != 0 && x.Role == RoleHost && y.Role == RoleHost {
			return c
		}
		if c := compareItems(x, y); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	return out
}
