package layout

import (
	"math"
)

// block is items with places relative to each other; w and h are in half
// pitches.
type block struct {
	w, h  int
	spots []spot
}

type spot struct{ item, x, y int }

// Shapes that blocks are given: what is inside a host, and a whole picture.
// Width by height in pixels.
const (
	innerShape = 1.4
	wideShape  = 16.0 / 9
)

// size is what one item takes.
const size = 2

// deepest is how many levels of ownership are drawn below each other; what is
// deeper stands beside its parent.
const deepest = 12

// treeBlock lays out an item with what is below it, at most maxW wide unless
// one of its parts is wider.
func (f *forest) treeBlock(item, maxW, depth int) block {
	kids := f.kids[item]
	if len(kids) == 0 {
		return block{size, size, []spot{{item, 0, 0}}}
	}
	if depth >= deepest {
		return f.flat(item, maxW)
	}
	return f.crowned(item, f.body(kids, maxW, innerShape, size, depth+1))
}

// flat lays out an item and all that is below it side by side.
func (f *forest) flat(item, maxW int) block {
	var parts []block
	for queue := []int{item}; len(queue) > 0; queue = queue[1:] {
		parts = append(parts, block{size, size, []spot{{queue[0], 0, 0}}})
		queue = append(queue, f.kids[queue[0]]...)
	}
	return shelve([][]block{parts}, widths(maxW), innerShape, 0, 0, 0)
}

// crowned puts an item on top of a block.
func (f *forest) crowned(item int, body block) block {
	b := block{w: max(body.w, size), h: body.h + size}
	b.spots = append(make([]spot, 0, len(body.spots)+1), spot{item, (b.w - size) / 2, 0})
	for _, s := range body.spots {
		b.spots = append(b.spots, spot{s.item, s.x, s.y + size})
	}
	return b
}

// body lays out siblings: first those that hold others, then the rest. crown is
// the height of what will be on top of it.
func (f *forest) body(items []int, maxW int, shape float64, crown, depth int) block {
	var holders, rest []block
	gap := 0
	for _, i := range items {
		b := f.treeBlock(i, maxW, depth)
		switch role := f.items[i].Role; {
		case len(f.kids[i]) > 0:
			gap = 1
			holders = append(holders, b)
		case role == RoleHost || role == RoleNamespace || role == RoleBridge:
			holders = append(holders, b)
		default:
			rest = append(rest, b)
		}
	}
	return shelve([][]block{holders, rest}, widths(maxW), shape, crown, gap, 0)
}

// widths returns the widths to try up to maxW.
func widths(maxW int) []int {
	var out []int
	for w := size; w <= maxW; w += size {
		out = append(out, w)
		if w > 32 {
			w += w / 16 / size * size
		}
	}
	return out
}

// shelve packs parts into shelves, left to right and top to bottom; each
// section begins a shelf. Of the widths it takes the one whose result has the
// shape most, with a crown of some height on top.
func shelve(sections [][]block, try []int, shape float64, crown, gapX, gapY int) block {
	widest, total := 0, 0
	for _, parts := range sections {
		for _, p := range parts {
			widest = max(widest, p.w)
			total += len(p.spots)
		}
	}
	best, bestScore, done := 0, math.Inf(1), -1
	for _, w := range try {
		w = max(w, widest)
		if w == done {
			continue
		}
		done = w
		gw, gh := walk(sections, w, gapX, gapY, nil)
		score := math.Abs(math.Log(float64(gw*PitchX) / float64((gh+crown)*PitchY) / shape))
		if score < bestScore {
			best, bestScore = w, score
		}
	}
	b := block{spots: make([]spot, 0, total)}
	b.w, b.h = walk(sections, max(best, widest), gapX, gapY, func(p block, x, y int) {
		for _, s := range p.spots {
			b.spots = append(b.spots, spot{s.item, s.x + x, s.y + y})
		}
	})
	return b
}

// walk goes over the shelves of a width and returns how large they are.
func walk(sections [][]block, width, gapX, gapY int, each func(p block, x, y int)) (w, h int) {
	y := 0
	for _, parts := range sections {
		x, height := 0, 0
		for _, p := range parts {
			if x > 0 && x+p.w > width {
				y += height + gapY
				x, height = 0, 0
			}
			if each != nil {
				each(p, x, y)
			}
			w = max(w, x+p.w)
			height = max(height, p.h)
			x += p.w + gapX
		}
		if height > 0 {
			y += height + gapY
		}
	}
	return w, max(y-gapY, 0)
}
