package layout

import (
	"cmp"
	"math"
	"slices"
)

// grow places the items of f that have no place yet among those that have.
func grow(f *forest, p *Placement) {
	isNew := make([]bool, len(f.items))
	n := 0
	for i := range f.items {
		if _, ok := p.places[f.items[i].ID]; !ok {
			isNew[i] = true
			n++
		}
	}
	if n == 0 {
		return
	}
	g := &grower{f: f, p: p, board: newBoard(p), present: make(map[string][]int)}
	for i := range f.items {
		if !isNew[i] {
			g.present[f.items[i].Lane] = append(g.present[f.items[i].Lane], i)
		}
	}
	for _, l := range f.lanes(func(i int) bool { return isNew[i] }) {
		g.lane(l, isNew)
	}
}

// grower finds places for new items.
type grower struct {
	f     *forest
	p     *Placement
	board *board
	// present are the items of each lane that have a place, in order.
	present map[string][]int
}

// lane places the new items of one host.
func (g *grower) lane(l lane, isNew []bool) {
	// What hangs below the new roots is laid out with them; what is there already
	// stays where it is.
	sub := g.f.only(isNew)
	if len(g.present[l.name]) == 0 {
		b := sub.laneBlock(l.roots)
		if l.name == "" {
			b = sub.fabricBlock(l.roots, int(g.board.maxX-g.board.minX))
		}
		from, ok := g.memory(l)
		g.put(b, g.board.room(b, from, ok, l.name == ""), l.name)
		return
	}
	for _, r := range l.roots {
		from := g.anchor(r, l.name)
		b := sub.treeBlock(r, columns(sub.count([]int{r})), 0)
		if len(b.spots) == 1 {
			g.put(b, g.board.near(from, l.name), l.name)
			continue
		}
		g.put(b, g.board.room(b, from, true, false), l.name)
	}
}

// only returns the forest of some items: the others are nobody's children.
func (f *forest) only(want []bool) *forest {
	s := *f
	s.kids = make([][]int, len(f.items))
	for i, p := range f.parent {
		if want[i] && p >= 0 && want[p] {
			s.kids[p] = append(s.kids[p], i)
		}
	}
	return &s
}

// anchor is where a new item wants to be: at what it is put below, else at the
// first item of its lane.
func (g *grower) anchor(item int, name string) cell {
	if p := g.f.parent[item]; p >= 0 {
		if at, ok := g.p.places[g.f.items[p].ID]; ok {
			return at.at
		}
	}
	if at, ok := g.p.places[g.f.items[item].Parent]; ok && at.lane == name {
		return at.at
	}
	return g.p.places[g.f.items[g.present[name][0]].ID].at
}

// memory is where something of a lane that is not there now was last: a group
// that has been opened leaves its place to who comes out of it.
func (g *grower) memory(l lane) (cell, bool) {
	for _, r := range l.roots {
		if at, ok := g.p.places[g.f.items[r].Parent]; ok {
			return at.at, true
		}
	}
	best, found := place{}, false
	bestID := ""
	for id, at := range g.p.places {
		if at.lane == l.name && (!found || cmp.Or(cmp.Compare(at.gen, best.gen), cmp.Compare(bestID, id)) > 0) {
			best, bestID, found = at, id, true
		}
	}
	return best.at, found
}

// put gives the items of a block their places; absent items that had them lose
// them.
func (g *grower) put(b block, at cell, name string) {
	for _, s := range b.spots {
		to := at.plus(s.x, s.y)
		for _, id := range g.board.evict(to) {
			delete(g.p.places, id)
		}
		id := g.f.items[s.item].ID
		g.board.add(id, place{to, name, g.p.gen}, g.p.gen)
		g.present[name] = append(g.present[name], s.item)
	}
	put(g.f, g.p, b, at)
}

// board is who is where.
type board struct {
	at map[cell]tenant
	// The rectangle around all places, in half pitches; max is exclusive.
	minX, minY, maxX, maxY int32
}

// tenant is who has a place, and whether it is only reserved.
type tenant struct {
	id, lane string
	reserved bool
}

func newBoard(p *Placement) *board {
	b := &board{at: make(map[cell]tenant, len(p.places)), minX: math.MaxInt32, minY: math.MaxInt32, maxX: math.MinInt32, maxY: math.MinInt32}
	for id, at := range p.places {
		b.add(id, at, p.gen)
	}
	return b
}

func (b *board) add(id string, at place, gen uint32) {
	b.at[at.at] = tenant{id, at.lane, at.gen != gen}
	if at.gen != gen {
		return // the picture is what is shown
	}
	b.minX, b.maxX = min(b.minX, at.at.x), max(b.maxX, at.at.x+size)
	b.minY, b.maxY = min(b.minY, at.at.y), max(b.maxY, at.at.y+size)
}

// evict takes the reserved places away that overlap one at a cell.
func (b *board) evict(at cell) []string {
	var out []string
	for y := -1; y <= 1; y++ {
		for x := -1; x <= 1; x++ {
			c := at.plus(x, y)
			if t, ok := b.at[c]; ok && t.reserved {
				out = append(out, t.id)
				delete(b.at, c)
			}
		}
	}
	return out
}

// What it costs to take a place, in the distance that it is worth going.
const (
	costReserved = 3.0
	costForeign  = 5.0
)

// reach is how far from an anchor a place is looked for, in items.
const reach = 14

// near returns the best place for one item near an anchor: below it rather
// than beside it, rather not somebody's reserved place, rather not next to
// another host's items.
func (b *board) near(from cell, name string) cell {
	best, bestCost := cell{}, math.Inf(1)
	for dy := -reach / 2; dy <= reach; dy++ {
		down := float64(dy) * 1.2
		if dy <= 0 {
			down = float64(1-dy) * 1.6
		}
		for dx := -reach; dx <= reach; dx++ {
			cost := down + math.Abs(float64(dx))
			if cost >= bestCost {
				continue
			}
			c := from.plus(dx*size, dy*size)
			if extra, ok := b.price(c, name); ok && cost+extra < bestCost {
				best, bestCost = c, cost+extra
			}
		}
	}
	if math.IsInf(bestCost, 1) {
		return cell{from.x, b.floor() + 1}
	}
	return best
}

// floor is below everything, reserved places included.
func (b *board) floor() int32 {
	low := b.maxY
	for c := range b.at {
		low = max(low, c.y+size)
	}
	return low
}

// price tells what a place costs besides the way there; ok is false when it is
// taken.
func (b *board) price(c cell, name string) (cost float64, ok bool) {
	for y := -size; y <= size; y++ {
		for x := -size; x <= size; x++ {
			t, there := b.at[c.plus(x, y)]
			overlaps := x > -size && x < size && y > -size && y < size
			switch {
			case !there:
			case overlaps && !t.reserved:
				return 0, false
			case overlaps:
				cost = max(cost, costReserved)
			case t.lane != name && !t.reserved:
				cost += costForeign
			}
		}
	}
	return cost, true
}

// room returns the best place for a block: where the picture grows least and
// keeps its shape, near from if that is known, on top for the fabric.
func (b *board) room(bl block, from cell, known, top bool) cell {
	if top {
		return cell{b.minX + max(b.maxX-b.minX-int32(bl.w), 0)/2, b.minY - int32(bl.h) - 1}
	}
	const margin = 1
	w, h := int32(bl.w), int32(bl.h)
	x0, y0 := b.minX-w-size, b.minY
	x1, y1 := b.maxX+size, b.maxY+size
	s := newSums(b, x0-margin, y0-margin, x1+w+margin, y1+h+margin)
	if s == nil {
		return cell{b.minX, b.floor() + margin}
	}
	best, bestCost := cell{b.minX, b.floor() + margin}, math.Inf(1)
	for y := y0; y <= y1; y++ {
		for x := x0; x <= x1; x++ {
			c := cell{x, y}
			width := float64(max(b.maxX, x+w)-min(b.minX, x)) * PitchX
			height := float64(max(b.maxY, y+h)-min(b.minY, y)) * PitchY
			cost := max(width/wideShape, height) / PitchY
			if known {
				dx := math.Abs(float64(x + w/2 - from.x - 1))
				dy := math.Abs(float64(y - from.y - size))
				cost += (dx + dy) / 8
			}
			if cost >= bestCost || s.hard(x-margin, y-margin, x+w+margin, y+h+margin) > 0 {
				continue
			}
			cost += float64(s.soft(x, y, x+w, y+h)) / 16
			if cost < bestCost {
				best, bestCost = c, cost
			}
		}
	}
	return best
}

// sums count the taken cells in a rectangle in constant time (a summed-area
// table).
type sums struct {
	x0, y0, w, h int32
	// taken and kept count present and reserved ones.
	taken, kept []int32
}

// mostCells bounds a table; a picture of 2,000 items has some 20,000 cells.
const mostCells = 1 << 21

// newSums returns nil when the rectangle is too large.
func newSums(b *board, x0, y0, x1, y1 int32) *sums {
	s := &sums{x0: x0, y0: y0, w: x1 - x0 + 1, h: y1 - y0 + 1}
	if s.w <= 0 || s.h <= 0 || int64(s.w)*int64(s.h) > mostCells {
		return nil
	}
	s.taken = make([]int32, s.w*s.h)
	s.kept = slices.Clone(s.taken)
	for c, t := range b.at {
		to := s.taken
		if t.reserved {
			to = s.kept
		}
		for _, q := range [...]cell{c, c.plus(1, 0), c.plus(0, 1), c.plus(1, 1)} {
			if x, y := q.x-x0+1, q.y-y0+1; x > 0 && y > 0 && x < s.w && y < s.h {
				to[y*s.w+x] = 1
			}
		}
	}
	for _, t := range [][]int32{s.taken, s.kept} {
		for y := int32(1); y < s.h; y++ {
			row := int32(0)
			for x := int32(1); x < s.w; x++ {
				row += t[y*s.w+x]
				t[y*s.w+x] = row + t[(y-1)*s.w+x]
			}
		}
	}
	return s
}

func (s *sums) hard(x0, y0, x1, y1 int32) int32 { return s.count(s.taken, x0, y0, x1, y1) }
func (s *sums) soft(x0, y0, x1, y1 int32) int32 { return s.count(s.kept, x0, y0, x1, y1) }

// count counts cells of a rectangle; x1 and y1 are exclusive.
func (s *sums) count(t []int32, x0, y0, x1, y1 int32) int32 {
	ax, ay := max(x0-s.x0, 0), max(y0-s.y0, 0)
	bx, by := min(x1-s.x0, s.w-1), min(y1-s.y0, s.h-1)
	return t[by*s.w+bx] - t[ay*s.w+bx] - t[by*s.w+ax] + t[ay*s.w+ax]
}
