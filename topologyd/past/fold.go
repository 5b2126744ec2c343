package past

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// fold gathers, from files of changes, what happened to which element. It
// reads only the heads of the changes; their bodies are decoded once it is
// known which of them count.
type fold struct {
	after uint64 // changes up to this revision are in the base
	until int64  // Unix ms: changes valid from later do not count
	// all keeps the changes before a whole state or an end too, which is for
	// slices of time; without, only what makes up the last state is kept.
	all bool
	// most bounds the changes that count, when it is not 0.
	most int
	// sparse: little is wanted of the file that is read; that is copied, so that
	// the file need not stay in memory.
	sparse bool

	frames  []frame
	refs    []ref
	touched []touch
	index   []cell   // of touched; open addressing by ID
	maybe   [2]bits  // of nodes and of edges that changed, by hash
	numbers []uint32 // of the file that is read: into touched, plus one
	limit   uint32   // bound of the numbers in the file

	// low and high bound the times for which the result is the same: the largest
	// time from which a change is valid that counts, the smallest that does not.
	low, high int64
	revision  uint64 // largest that counts
	broken    int    // changes whose state before is not known

	d decoder
}

// minNamed is the length of the shortest change that names an element by ID.
const minNamed = 20

// ref is a change that counts.
type ref struct {
	frame  int32
	offset uint32 // in the frame's body
	index  uint32 // among the frame's changes
	prev   int32  // the change of the same element before it, plus one
}

// touch is an element that changed.
type touch struct {
	id       entity.UUID
	last     int32 // its last change, plus one; 0: none
	revision uint64
	edge     bool
	// based: the first change is a difference to the base, whose revision must be
	// that of first, less one.
	based bool
	first uint64
	gone  bool // it was deleted last
	// seen: it was met in the base.
	seen bool
}

func newFold(after uint64, until int64) *fold {
	return &fold{after: after, until: until, low: math.MinInt64, high: math.MaxInt64, index: make([]cell, 1<<10)}
}

func hashID(id *entity.UUID) uint64 {
	// UUIDs of version 5 are random in these bytes.
	return binary.LittleEndian.Uint64(id[:8]) ^ uint64(binary.LittleEndian.Uint32(id[12:]))<<20
}

// find returns the element with an ID, nil when it did not change.
func (f *fold) find(id *entity.UUID) *touch {
	if n := f.number(id); n != 0 {
		return &f.touched[n-1]
	}
	return nil
}

// cell is an entry of the index: a part of the hash, so that the element is
// looked at only when it is the one, and its number; 0: free.
type cell struct{ tag, n uint32 }

// number returns the number of the element with an ID, 0 when it did not
// change.
func (f *fold) number(id *entity.UUID) uint32 {
	mask, hash := uint64(len(f.index)-1), hashID(id)
	for i := hash & mask; ; i = (i + 1) & mask {
		c := f.index[i]
		if c.n == 0 || c.tag == uint32(hash>>32) && f.touched[c.n-1].id == *id {
			return c.n
		}
	}
}

// enter returns the number of the element with an ID.
func (f *fold) enter(id *entity.UUID, edge bool) uint32 {
	if n := f.number(id); n != 0 {
		return n
	}
	f.touched = append(f.touched, touch{id: *id, edge: edge})
	if 2*len(f.touched) >= len(f.index) {
		f.index = make([]cell, 4*len(f.index))
		for n := range f.touched {
			f.put(uint32(n + 1))
		}
	} else {
		f.put(uint32(len(f.touched)))
	}
	return uint32(len(f.touched))
}

// bits tells quickly of most elements that did not change that they did not:
// it is small enough to stay in the processor's cache.
type bits []uint64

func (b bits) has(id *entity.UUID) bool {
	if len(b) == 0 {
		return false
	}
	h := hashID(id)
	return b[h>>6&uint64(len(b)-1)]&(1<<(h&63)) != 0
}

// complete is called when all changes are gathered.
func (f *fold) complete() {
	n := 64
	for n < len(f.touched)/8 {
		n *= 2
	}
	for i := range f.touched {
		t, kind := &f.touched[i], 0
		if t.edge {
			kind = 1
		}
		b := f.maybe[kind]
		if b == nil {
			b = make(bits, n)
			f.maybe[kind] = b
		}
		h := hashID(&t.id)
		b[h>>6&uint64(n-1)] |= 1 << (h & 63)
	}
}

// in returns an element of the base that changed, nil when it did not.
func (f *fold) in(e *element) *touch {
	kind := 0
	if e.edge {
		kind = 1
	}
	if !f.maybe[kind].has(&e.id) {
		return nil
	}
	return f.find(&e.id)
}

// put enters an element into the index.
func (f *fold) put(n uint32) {
	mask, hash := uint64(len(f.index)-1), hashID(&f.touched[n-1].id)
	i := hash & mask
	for f.index[i].n != 0 {
		i = (i + 1) & mask
	}
	f.index[i] = cell{uint32(hash >> 32), n}
}

// file reads a file of changes.
func (f *fold) file(c *changes) error {
	f.numbers = f.numbers[:0]
	f.limit = uint32(min(len(c.s)/minNamed+1, maxNumber))
	return c.each(func(sum summary, payload string) error {
		if sum.valid > f.until {
			f.high = min(f.high, sum.valid)
			return nil
		}
		if f.sparse {
			payload = strings.Clone(payload)
		}
		fr, err := readFrame(payload, &f.d)
		if err != nil {
			return err
		}
		if f.most > 0 && len(f.refs) > f.most {
			return ErrTooLarge
		}
		f.frames = append(f.frames, fr)
		return f.frame(&fr, int32(len(f.frames)-1))
	})
}

// frame reads the heads of the changes of a frame.
func (f *fold) frame(fr *frame, number int32) error {
	d := &f.d
	d.read(fr.body, fr.table)
	ms := milliseconds(fr.at)
	next := fr.number
	var h changeHead
	for i := range fr.count {
		offset := uint32(d.at)
		d.changeHead(ms, &h)
		if d.err != nil {
			return d.err
		}
		named := next
		if h.flags&flagNumber == 0 {
			next++
		}
		if h.valid > f.until {
			f.high = min(f.high, h.valid)
			continue
		}
		revision := fr.revision + uint64(i)
		if revision <= f.after && h.flags&flagNumber != 0 {
			continue
		}
		n := f.element(&h, named)
		if revision <= f.after {
			continue
		}
		if n == 0 {
			f.broken++
			continue
		}
		f.low, f.revision = max(f.low, h.valid), max(f.revision, revision)
		f.add(&f.touched[n-1], &h, ref{frame: number, offset: offset, index: uint32(i)})
	}
	return nil
}

// element returns the number of the element that a change speaks of, 0 when it
// cannot be known. named is the number that an ID in place gets.
func (f *fold) element(h *changeHead, named uint32) uint32 {
	if h.flags&flagNumber != 0 {
		if int(h.number) < len(f.numbers) {
			return f.numbers[h.number]
		}
		return 0
	}
	n := f.enter(&h.id, isEdge(h.op))
	if named >= f.limit {
		return n
	}
	if int(named) >= len(f.numbers) {
		f.numbers = append(f.numbers, make([]uint32, int(named)+1-len(f.numbers))...)
	}
	f.numbers[named] = n
	return n
}

// add enters a change of an element.
func (f *fold) add(t *touch, h *changeHead, r ref) {
	switch {
	case isDeleted(h.op):
		t.gone, t.based, t.revision = true, false, 0
		if !f.all {
			t.last = 0
			return
		}
	case h.flags&flagFull != 0:
		t.gone, t.based, t.revision = false, false, h.revision
		if !f.all {
			t.last = 0
		}
	case t.last == 0 && !t.gone:
		t.based, t.first, t.revision = true, h.revision, h.revision
	case t.gone || h.revision != t.revision+1:
		f.broken++ // something before it was lost
		return
	default:
		t.revision = h.revision
	}
	r.prev = t.last
	f.refs = append(f.refs, r)
	t.last = int32(len(f.refs))
}

// chain returns the changes of an element in order, in the memory of out.
func (f *fold) chain(t *touch, out []ref) []ref {
	n := 0
	for i := t.last; i != 0; i = f.refs[i-1].prev {
		n++
	}
	out = slices.Grow(out[:0], n)[:n]
	for i := t.last; i != 0; i = f.refs[i-1].prev {
		n--
		out[n] = f.refs[i-1]
	}
	return out
}
