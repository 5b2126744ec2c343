package pack

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync/atomic"

	"github.com/skein-net/skein/internal/entity"
)

// Bounds of a dictionary. Beyond them text is written in place.
const (
	maxEntries = 1 << 16
	// maxKeys is how many of the entries keys may take by themselves, so that
	// hostile keys leave room for texts.
	maxKeys    = 1 << 14
	maxShapes  = 1 << 14
	maxShape   = 64 // keys of a shape
	maxText    = 64 // bytes of an interned text or list
	minText    = 2
	sightings  = 3 // from which on a text is interned
	seenCells  = 1 << 13
	dictPage   = 1 << 8
	tagShift   = 17 // of a cell: below it the number + 1
	numberMask = 1<<tagShift - 1
)

// Dict holds what recurs: keys, texts and lists by number, and the sets of keys
// ("shapes"). It only grows and is bounded. One goroutine may write to it
// ([Dict.Append], [Dict.AppendOf], [Dict.Number]) while any number read.
type Dict struct {
	seed    maphash.Seed
	entries [maxEntries / dictPage]atomic.Pointer[[dictPage]entity.Value]
	texts   atomic.Pointer[[]atomic.Uint32] // number + 1 and bits of the hash
	shapes  [maxShapes / dictPage]atomic.Pointer[[dictPage]shape]
	full    atomic.Bool // a key was written in place

	// What only the writer needs.
	n, keys, textCount, shapeCount uint32
	lists                          map[string]uint32 // encoded -> number
	shapeOf                        map[string]uint32 // numbers of the keys -> shape + 1
	seen                           []sighting
	numbers                        []byte
}

// shape is a set of keys in order.
type shape struct {
	// marks tell names apart quickly.
	marks []uint32
	names []string
	json  []string // ,"key":
}

// mark is the length of a name and some of its bytes.
func mark(s string) uint32 {
	n := len(s)
	if n == 0 {
		return 0
	}
	return uint32(n)<<24 | uint32(s[0])<<16 | uint32(s[n/2])<<8 | uint32(s[n-1])
}

// find returns the number of a name among those of the shape, -1 when it is not
// there.
func (s *shape) find(name string) int {
	m := mark(name)
	for i, have := range s.marks {
		if have == m && s.names[i] == name {
			return i
		}
	}
	return -1
}

// sighting counts how often different owners had a text.
type sighting struct {
	tag, owner uint32
	count      uint32
}

// NewDict returns an empty dictionary.
func NewDict() *Dict {
	d := &Dict{seed: maphash.MakeSeed(), lists: make(map[string]uint32), shapeOf: make(map[string]uint32)}
	cells := make([]atomic.Uint32, 64)
	d.texts.Store(&cells)
	return d
}

// entry returns an interned value.
func (d *Dict) entry(n uint32) entity.Value { return d.entries[n/dictPage].Load()[n%dictPage] }

// Text returns the string that has a number, "" when the number is of no
// string.
func (d *Dict) Text(n uint32) string {
	if n >= maxEntries {
		return ""
	}
	page := d.entries[n/dictPage].Load()
	if page == nil {
		return ""
	}
	return page[n%dictPage].Str()
}

// Number returns the number of a string, which it gets if need be; false when
// the dictionary is full. It is for the writer, for strings that are few by
// their nature.
func (d *Dict) Number(s string) (uint32, bool) {
	hash := maphash.String(d.seed, s)
	if n, ok := d.find(hash, s); ok {
		return n, true
	}
	return d.addText(hash, s)
}

// Find returns the number of a string; false when it has none. Any goroutine
// may call it.
func (d *Dict) Find(s string) (uint32, bool) { return d.find(maphash.String(d.seed, s), s) }

// Unused reports that no attributes that were packed before have a key, at any
// depth. Any goroutine may call it.
func (d *Dict) Unused(key string) bool {
	// In this order: a key that is written in place is so from the start.
	_, found := d.Find(key)
	return !found && !d.full.Load()
}

func (d *Dict) find(hash uint64, s string) (uint32, bool) {
	cells := *d.texts.Load()
	mask, tag := len(cells)-1, uint32(hash>>49)
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		c := cells[i].Load()
		if c == 0 {
			return 0, false
		}
		if c>>tagShift == tag {
			if n := c&numberMask - 1; d.entry(n).Str() == s {
				return n, true
			}
		}
	}
}

// add makes a value an entry.
func (d *Dict) add(v entity.Value) (uint32, bool) {
	if d.n == maxEntries {
		return 0, false
	}
	n := d.n
	if n%dictPage == 0 {
		d.entries[n/dictPage].Store(new([dictPage]entity.Value))
	}
	d.entries[n/dictPage].Load()[n%dictPage] = v
	d.n++
	return n, true
}

// addText makes a string an entry that is found.
func (d *Dict) addText(hash uint64, s string) (uint32, bool) {
	n, ok := d.add(entity.String(strings.Clone(s)))
	if !ok {
		return 0, false
	}
	cells := *d.texts.Load()
	if int(d.textCount) >= len(cells)/4*3 {
		more := make([]atomic.Uint32, 2*len(cells))
		for i := range cells {
			if c := cells[i].Load(); c != 0 {
				put(more, maphash.String(d.seed, d.entry(c&numberMask-1).Str()), c)
			}
		}
		cells = more
		put(cells, hash, uint32(hash>>49)<<tagShift|(n+1))
		d.texts.Store(&cells)
	} else {
		put(cells, hash, uint32(hash>>49)<<tagShift|(n+1))
	}
	d.textCount++
	return n, true
}

func put(cells []atomic.Uint32, hash uint64, c uint32) {
	mask := len(cells) - 1
	i := int(hash) & mask
	for cells[i].Load() != 0 {
		i = (i + 1) & mask
	}
	cells[i].Store(c)
}

// key returns the number of a key.
func (d *Dict) key(s string) (uint32, bool) {
	hash := maphash.String(d.seed, s)
	if n, ok := d.find(hash, s); ok {
		return n, true
	}
	if d.keys < maxKeys {
		if n, ok := d.addText(hash, s); ok {
			d.keys++
			return n, true
		}
	}
	d.full.Store(true)
	return 0, false
}

// recurs notes that an owner has something with a hash, and tells whether it
// was seen with others often enough to be kept once.
func (d *Dict) recurs(hash uint64, owner uint32) bool {
	if d.seen == nil {
		d.seen = make([]sighting, seenCells)
	}
	s, tag := &d.seen[hash%seenCells], uint32(hash>>32)
	switch {
	case s.tag != tag || s.count == 0:
		*s = sighting{tag, owner, 1}
	case s.owner != owner || owner == 0:
		s.owner = owner
		s.count++
	}
	return s.count >= sightings
}

// internText returns the number of a string value, if it is worth one.
func (d *Dict) internText(s string, owner uint32) (uint32, bool) {
	if len(s) < minText || len(s) > maxText {
		return 0, false
	}
	hash := maphash.String(d.seed, s)
	if n, ok := d.find(hash, s); ok {
		return n, true
	}
	if d.n == maxEntries || !d.recurs(hash, owner) {
		return 0, false
	}
	return d.addText(hash, s)
}

// internList returns the number of an encoded list or map, if it is worth one.
func (d *Dict) internList(body []byte, owner uint32) (uint32, bool) {
	if n, ok := d.lists[string(body)]; ok {
		return n, true
	}
	if d.n == maxEntries || !d.recurs(maphash.Bytes(d.seed, body), owner) {
		return 0, false
	}
	data := string(body)
	v, _ := d.value(data, 0)
	n, ok := d.add(v)
	if ok {
		d.lists[data] = n
	}
	return n, ok
}

// shape returns the shape with a number.
func (d *Dict) shape(n uint32) *shape { return &d.shapes[n/dictPage].Load()[n%dictPage] }

// shapeFor returns the number of the shape of attributes, plus one; 0 when they
// have none.
func (d *Dict) shapeFor(a entity.Attrs, owner uint32) uint32 {
	if len(a) > maxShape {
		return 0
	}
	d.numbers = d.numbers[:0]
	for i := range a {
		k, ok := d.key(a[i].Key)
		if !ok {
			return 0
		}
		d.numbers = binary.LittleEndian.AppendUint16(d.numbers, uint16(k))
	}
	if n := d.shapeOf[string(d.numbers)]; n != 0 {
		return n
	}
	if d.shapeCount == maxShapes || !d.recurs(maphash.Bytes(d.seed, d.numbers), owner) {
		return 0
	}
	sh := shape{names: make([]string, len(a)), json: make([]string, len(a)), marks: make([]uint32, len(a))}
	for i := range a {
		sh.marks[i] = mark(a[i].Key)
		sh.names[i] = d.Text(uint32(binary.LittleEndian.Uint16(d.numbers[2*i:])))
		comma := ","
		if i == 0 {
			comma = ""
		}
		sh.json[i] = string(append(entity.AppendJSONString([]byte(comma), sh.names[i]), ':'))
	}
	n := d.shapeCount
	if n%dictPage == 0 {
		d.shapes[n/dictPage].Store(new([dictPage]shape))
	}
	d.shapes[n/dictPage].Load()[n%dictPage] = sh
	d.shapeCount++
	d.shapeOf[string(d.numbers)] = n + 1
	return n + 1
}
