package layout

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// The smallest distances between two elements, in pixels: of any two, either
// their x differ by PitchX or more, or their y by PitchY or more. A circle has a
// radius of 38 at the most and a title of 140 by 30 below.
const (
	PitchX = 150
	PitchY = 130
)

// What the panel shows before anybody moves it: it puts the origin in its
// middle, and does not zoom. viewHeight is what all but small panels have.
const (
	viewHeight = 500
	titleBelow = 30
)

// Roles of items. They decide what comes first within a block; an unknown role
// is RoleOther.
const (
	RoleHost      = "host"
	RoleNamespace = "namespace"
	RoleBridge    = "bridge"
	RoleContainer = "container"
	RoleGroup     = "group"
	RoleInterface = "interface"
	RoleOther     = "other"
)

// Item is an element that wants a place.
type Item struct {
	// ID is unique; of several items with one ID one is placed.
	ID string
	// Parent is the ID of what owns it, "" for nothing. It need not be an item.
	Parent string
	// Lane is the host.id of its host, "" for the fabric. Who has none takes that
	// of the parent.
	Lane string
	// Role is one of the Role constants.
	Role string
	// Order sorts siblings, for example the time of creation; then Name does, by
	// the numbers in it, then ID.
	Order int64
	Name  string
}

// Edge is a connection of two items, by their IDs. An interface that a
// connection links to a bridge of its host is put below the bridge.
type Edge struct{ Source, Target string }

// Point is the centre of an element in pixels, y downwards.
type Point struct{ X, Y float64 }

// Placement remembers where everything was. It is immutable and may be shared
// between goroutines. The zero value remembers nothing.
type Placement struct {
	gen    uint32
	places map[string]place
	// origin is the point of the cell 0, 0.
	origin Point
}

// place is where one item is or was.
type place struct {
	at   cell
	lane string
	// gen counts pictures: the last one that it was in.
	gen uint32
}

// Len returns how many places are remembered, those of absent items included.
func (p *Placement) Len() int {
	if p == nil {
		return 0
	}
	return len(p.places)
}

// spare is how many places of absent items are remembered at the least; more
// when there are more items than that.
const spare = 512

// Place returns the point of every item and the new placement, which is to be
// given to the next call. prev is that of the call before, nil for none.
//
// Items that have a place keep it, whatever else about them has changed. New
// items get free places near their parents. The places of absent items stay
// reserved until they are the best ones for somebody else, or too many, or
// nothing of the old picture is in the new one.
func Place(items []Item, edges []Edge, prev *Placement) (map[string]Point, *Placement) {
	f := newForest(items, edges)
	next := &Placement{places: make(map[string]place, len(f.items)+prev.Len())}
	known := len(f.items) == 0
	if prev != nil {
		next.gen, next.origin = prev.gen+1, prev.origin
		maps.Copy(next.places, prev.places)
		for i := range f.items {
			id := f.items[i].ID
			if p, ok := next.places[id]; ok {
				known = true
				next.places[id] = place{p.at, f.items[i].Lane, next.gen}
			}
		}
	}
	if known {
		grow(f, next)
	} else {
		clear(next.places)
		fresh(f, next)
		next.center()
	}
	next.forget(max(spare, len(f.items)))

	out := make(map[string]Point, len(f.items))
	for i := range f.items {
		at := next.places[f.items[i].ID].at.point()
		out[f.items[i].ID] = Point{at.X + next.origin.X, at.Y + next.origin.Y}
	}
	return out, next
}

// center moves the picture to where the panel looks at first.
func (p *Placement) center() {
	all := make([]Point, 0, len(p.places))
	for _, at := range p.places {
		all = append(all, at.at.point())
	}
	p.origin = View(all)
}

// View returns by how much points must be moved so that the panel shows them at
// first: to its middle, and of what is higher than that the top, where the hosts
// are.
func View(points []Point) Point {
	if len(points) == 0 {
		return Point{}
	}
	lo, hi := points[0], points[0]
	for _, c := range points {
		lo, hi = Point{min(lo.X, c.X), min(lo.Y, c.Y)}, Point{max(hi.X, c.X), max(hi.Y, c.Y)}
	}
	by := Point{-math.Round((lo.X + hi.X) / 2), -math.Round((lo.Y+hi.Y)/2) - titleBelow}
	if hi.Y-lo.Y+PitchY > viewHeight {
		by.Y = -lo.Y - (viewHeight-PitchY)/2
	}
	return by
}

// forget drops the places of the absent but for the last n.
func (p *Placement) forget(n int) {
	if len(p.places) <= n {
		return
	}
	type absent struct {
		id  string
		gen uint32
	}
	var all []absent
	for id, at := range p.places {
		if at.gen != p.gen {
			all = append(all, absent{id, at.gen})
		}
	}
	if len(all) <= n {
		return
	}
	slices.SortFunc(all, func(a, b absent) int { return cmp.Or(cmp.Compare(b.gen, a.gen), cmp.Compare(a.id, b.id)) })
	for _, a := range all[n:] {
		delete(p.places, a.id)
	}
}

// cell is a place on a grid of half pitches: two items at the same or at
// adjacent cells overlap.
type cell struct{ x, y int32 }

func (c cell) point() Point { return Point{float64(c.x) * PitchX / 2, float64(c.y) * PitchY / 2} }

func (c cell) plus(x, y int) cell { return cell{c.x + int32(x), c.y + int32(y)} }
