package graph

const (
	pageBits = 8
	pageSize = 1 << pageBits
	pageMask = pageSize - 1
)

// page is a run of records that belongs to the epoch in which it was made or
// last copied.
type page[T any] struct {
	epoch uint64
	recs  [pageSize]T
}

// paged is a growing vector with copy-on-write pages. A copy of the struct is
// a snapshot, provided that the writer goes on with a higher epoch: it then
// copies the directory and each page once before it writes to them.
type paged[T any] struct {
	dir   []*page[T]
	epoch uint64 // of dir
	n     int32  // records in use, from 0
}

// at returns the record i for reading. It must not be written through.
func (p *paged[T]) at(i int32) *T { return &p.dir[i>>pageBits].recs[i&pageMask] }

// edit returns the record i for writing in the given epoch.
func (p *paged[T]) edit(i int32, epoch uint64) *T {
	pg := p.dir[i>>pageBits]
	if pg.epoch != epoch {
		p.ownDir(epoch, len(p.dir), len(p.dir))
		pg = &page[T]{epoch: epoch, recs: pg.recs}
		p.dir[i>>pageBits] = pg
	}
	return &pg.recs[i&pageMask]
}

// push appends a zero record and returns its number.
func (p *paged[T]) push(epoch uint64) int32 {
	i := p.n
	p.resize(i+1, epoch)
	return i
}

// resize makes room for n records; new ones are zero.
func (p *paged[T]) resize(n int32, epoch uint64) {
	pages := int(n+pageMask) >> pageBits
	if pages > len(p.dir) {
		p.ownDir(epoch, pages, max(pages, len(p.dir)*5/4+4))
		for len(p.dir) < pages {
			p.dir = append(p.dir, &page[T]{epoch: epoch})
		}
	}
	p.n = n
}

// ownDir makes sure that the directory may be written in this epoch and has
// room for so many pages; a new one has room for more.
func (p *paged[T]) ownDir(epoch uint64, need, room int) {
	if p.epoch == epoch && cap(p.dir) >= need {
		return
	}
	dir := make([]*page[T], len(p.dir), room)
	copy(dir, p.dir)
	p.dir, p.epoch = dir, epoch
}
