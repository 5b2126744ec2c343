package graph

import (
	"math/bits"
	"unsafe"
)

const (
	// pageBytes bounds what the first write to a page after a view copies.
	pageBytes = 3200
	// A directory node holds the pages of one stretch of records.
	nodeBits  = 7
	nodePages = 1 << nodeBits
	nodeMask  = nodePages - 1
)

// paged is a growing vector with copy-on-write pages. A copy of the struct is
// a snapshot, provided that the writer goes on with a higher epoch: it then
// copies each page once before it writes to it, and what leads to the page: a
// directory node and the list of these. All three are a few kilobytes at a
// million records. The zero value is an empty vector.
type paged[T any] struct {
	dir   []*dirNode
	epoch uint64 // of dir
	n     int32  // records in use, from 0
	// shift is the logarithm of the records a page; it depends on T alone.
	shift uint8
}

// dirNode leads to the pages of a stretch of records. It belongs to the epoch in
// which it was made or last copied, and so do those of its pages that are owned.
type dirNode struct {
	epoch uint64
	owned [nodePages / 64]uint64
	// pages are the first records of arrays of 1<<shift of them, nil where there
	// is none yet. They are typed by the vector.
	pages [nodePages]unsafe.Pointer
}

// at returns the record i for reading. It must not be written through.
func (p *paged[T]) at(i int32) *T {
	s := p.shift & 31
	page := uint32(i) >> s
	return (*T)(unsafe.Add(p.dir[page>>nodeBits].pages[page&nodeMask], uintptr(uint32(i)&(1<<s-1))*unsafe.Sizeof(*new(T))))
}

// edit returns the record i for writing in the given epoch.
func (p *paged[T]) edit(i int32, epoch uint64) *T {
	page := uint32(i) >> (p.shift & 31)
	node, k := p.dir[page>>nodeBits], page&nodeMask
	if node.epoch != epoch || node.owned[k/64]&(1<<(k%64)) == 0 {
		p.own(page, epoch)
	}
	return p.at(i)
}

// own makes sure that a page may be written in this epoch.
func (p *paged[T]) own(page uint32, epoch uint64) {
	node, k := p.ownNode(page, epoch), page&nodeMask
	fresh := make([]T, 1<<p.shift)
	copy(fresh, unsafe.Slice((*T)(node.pages[k]), 1<<p.shift))
	node.pages[k] = unsafe.Pointer(unsafe.SliceData(fresh))
	node.owned[k/64] |= 1 << (k % 64)
}

// ownNode returns the directory node of a page, which may be written in this
// epoch.
func (p *paged[T]) ownNode(page uint32, epoch uint64) *dirNode {
	i := page >> nodeBits
	node := p.dir[i]
	if node.epoch != epoch {
		p.ownDir(epoch, len(p.dir))
		node = &dirNode{epoch: epoch, pages: node.pages}
		p.dir[i] = node
	}
	return node
}

// ownDir makes sure that the list of directory nodes may be written in this
// epoch and has room for so many; a new one has room for more.
func (p *paged[T]) ownDir(epoch uint64, need int) {
	if p.epoch == epoch && cap(p.dir) >= need {
		return
	}
	room := len(p.dir)
	if need > room {
		room = need*5/4 + 1
	}
	dir := make([]*dirNode, len(p.dir), room)
	copy(dir, p.dir)
	p.dir, p.epoch = dir, epoch
}

// push appends a zero record and returns its number.
func (p *paged[T]) push(epoch uint64) int32 {
	i := p.n
	p.resize(i+1, epoch)
	return i
}

// resize makes room for n records; new ones are zero.
func (p *paged[T]) resize(n int32, epoch uint64) {
	if p.dir == nil {
		p.shift = pageShift[T]()
	}
	size := int32(1) << p.shift
	have, want := uint32(p.n+size-1)>>p.shift, uint32(n+size-1)>>p.shift
	for page := have; page < want; page++ {
		if !p.hasPage(page) { // reserved, or left from when the vector was longer
			p.addPage(page, make([]T, size), epoch)
		}
	}
	p.n = n
}

// reserve makes room for n records of an empty vector in one piece. It does not
// change their number: what push then returns is there already.
func (p *paged[T]) reserve(n int, epoch uint64) {
	p.shift = pageShift[T]()
	size := 1 << p.shift
	all := make([]T, (n+size-1)&^(size-1))
	for page := uint32(0); len(all) > 0; page++ {
		p.addPage(page, all[:size:size], epoch)
		all = all[size:]
	}
}

func (p *paged[T]) hasPage(page uint32) bool {
	return int(page>>nodeBits) < len(p.dir) && p.dir[page>>nodeBits].pages[page&nodeMask] != nil
}

// addPage enters a page behind the last one.
func (p *paged[T]) addPage(page uint32, recs []T, epoch uint64) {
	if int(page>>nodeBits) == len(p.dir) {
		p.ownDir(epoch, len(p.dir)+1)
		p.dir = append(p.dir, &dirNode{epoch: epoch})
	}
	node, k := p.ownNode(page, epoch), page&nodeMask
	node.pages[k] = unsafe.Pointer(unsafe.SliceData(recs))
	node.owned[k/64] |= 1 << (k % 64)
}

// pageShift returns the logarithm of how many records a page has: as many as
// fit.
func pageShift[T any]() uint8 {
	n := pageBytes / max(unsafe.Sizeof(*new(T)), 1)
	return uint8(max(bits.Len(uint(n))-1, 0))
}
