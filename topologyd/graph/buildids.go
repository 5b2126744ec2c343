package graph

import (
	"sync"

	"github.com/skein-net/skein/internal/entity"
)

// minCells is the least size of a table of IDs.
const minCells = 1 << 6

// idTable finds records by ID: what [table] is for a live graph, without
// copying on write, and with the IDs side by side, so that a look-up touches no
// node or edge.
type idTable struct {
	cells []cell
	used  int
	// ids are those of all records, also of those that are not found.
	ids []entity.UUID
}

// size makes cells for n records, so that at least a quarter stays free.
func (t *idTable) size(n int) {
	cells := minCells
	for cells/4*3 <= n {
		cells *= 2
	}
	t.cells = make([]cell, cells)
}

func (t *idTable) find(id entity.UUID) int32 {
	if t.used == 0 {
		return -1
	}
	return t.cell(id).ref - 1
}

// cell returns the cell of an ID: the one it stands in, or the free one that
// is its place.
func (t *idTable) cell(id entity.UUID) *cell {
	hash := idHash(id)
	mask := uint32(len(t.cells) - 1)
	tag := uint32(hash >> 32)
	for i := uint32(hash) & mask; ; i = (i + 1) & mask {
		c := &t.cells[i]
		if c.ref == 0 || c.tag == tag && t.ids[c.ref-1] == id {
			return c
		}
	}
}

// enter makes a record known by its ID, in the place of one that newer tells is
// not newer than it; recurs tells that there was one.
func (t *idTable) enter(ref int32, newer func(old int32) bool) (recurs bool) {
	if t.used >= len(t.cells)/4*3 {
		old := t.cells
		t.size(2 * t.used)
		for _, c := range old {
			if c.ref != 0 {
				*t.cell(t.ids[c.ref-1]) = c
			}
		}
	}
	id := t.ids[ref]
	c := t.cell(id)
	if c.ref != 0 {
		if newer(c.ref - 1) {
			c.ref = ref + 1
		}
		return true
	}
	*c = cell{uint32(idHash(id) >> 32), ref + 1}
	t.used++
	return false
}

// built is what a view has that no live graph stands behind.
type built struct {
	// nodes and edges are those of the slots; an edge with several records is
	// there for each.
	nodes []*Node
	edges []*Edge

	index   lazyIndex
	nodeIDs idTable
	// edgeIDs holds the edges below entered. Those of a plain state are entered
	// when somebody first asks for one by its ID.
	edgeIDs idTable
	entered int32
	room    int // for so many edges
	once    sync.Once
}

// enterEdges makes all edges known by their IDs; recurs tells that there was
// one with the same.
func (b *built) enterEdges(t *tables) (recurs bool) {
	if b.edgeIDs.cells == nil {
		room := max(len(b.edges), b.room)
		b.edgeIDs.ids = make([]entity.UUID, 0, room)
		b.edgeIDs.size(room)
	}
	for ; b.entered < t.links.n; b.entered++ {
		edge := b.edges[b.entered]
		b.edgeIDs.ids = append(b.edgeIDs.ids, edge.ID)
		if t.links.at(b.entered).back == 0 && b.edgeIDs.enter(b.entered, func(old int32) bool { return b.edges[old].UpdatedAt <= edge.UpdatedAt }) {
			recurs = true
		}
	}
	return recurs
}

// findEdge returns the slot of the newest edge with an ID, -1 if there is none.
func (b *built) findEdge(t *tables, id entity.UUID) int32 {
	b.once.Do(func() { b.enterEdges(t) })
	return b.edgeIDs.find(id)
}
