package graph

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// maxIndexedString is the longest string that is indexed.
const maxIndexedString = 256

// maxPlainList is the length of the longest list that is searched for doubles
// without being sorted.
const maxPlainList = 32

// index finds nodes by the value of an attribute. A key and a value in use are
// a term. Of a term that one node has, the index keeps a part of its hash and
// the slot of the node; whether it is the term that is looked for the node's
// attributes tell. The nodes of other terms are in postings. Elements of a list
// are indexed like scalars.
//
// Three terms of a key are special: that of the value none is had by the nodes
// whose value holds a string too long to be indexed, that of the empty map by
// those whose value holds a map, inside which dotted paths lead, that of the
// empty list by all that have the key.
type index struct {
	seed maphash.Seed
	// terms leads to a slot + 1, or a posting: -1 is the first.
	terms    termTable
	postings paged[posting]
	// long and deep count the entries under the special terms.
	long, deep int32
	// ordered are the ordered indexes, written to in the epoch given only.
	ordered      []orderedIndex
	orderedEpoch uint64
	wishes       *wishes
}

// indexWriter is what only the writer of an index needs.
type indexWriter struct {
	freePostings []int32
	// journal is that of the ordered index that is being made, nil when there is
	// none.
	journal *journal
	// before and after are room for the keys of the node that changes.
	before, after nodeKeys
}

// hash returns the hash of a key and value; numbers that compare equal have
// the same one.
func (x *index) hash(key string, v entity.Value) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	h.WriteString(key)
	var b [9]byte
	switch v.Kind() {
	case entity.KindString:
		b[0] = 's'
		h.Write(b[:1])
		h.WriteString(v.Str())
		return h.Sum64()
	case entity.KindBool:
		b[0] = 'b'
		if v.Bool() {
			b[1] = 1
		}
	case entity.KindInt:
		b[0] = 'i'
		binary.LittleEndian.PutUint64(b[1:], uint64(v.Int()))
	case entity.KindFloat:
		f := v.Float()
		if f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
			b[0] = 'i'
			binary.LittleEndian.PutUint64(b[1:], uint64(int64(f)))
		} else {
			b[0] = 'f'
			binary.LittleEndian.PutUint64(b[1:], math.Float64bits(f))
		}
	case entity.KindMap:
		b[0] = 'm'
	case entity.KindList:
		b[0] = 'l'
	default:
		b[0] = '-'
	}
	h.Write(b[:])
	return h.Sum64()
}

// find returns the nodes that have a term.
func (x *index) find(t *tables, key string, v entity.Value) slotSet {
	hash := x.hash(key, v)
	p, slot := x.search(t, hash, key, v, noSlot)
	switch {
	case p >= 0:
		return x.postings.at(p).set
	case slot >= 0:
		return slotSet{n: 1, few: [fewSlots]int32{slot}}
	default:
		return slotSet{}
	}
}

// search returns the posting of a term, or else the one node that has it, apart
// from the node but; -1 for what there is not.
func (x *index) search(t *tables, hash uint64, key string, v entity.Value, but int32) (post, slot int32) {
	tag := tagOf(hash)
	s := x.terms.of(tag)
	if s == nil {
		return -1, noSlot
	}
	slot = noSlot
	for c, i := s.next(tag, s.home(tag)); c.ref != 0; c, i = s.next(tag, i+1) {
		if c.ref < 0 {
			if x.postings.at(-c.ref-1).hash == hash {
				return -c.ref - 1, noSlot
			}
		} else if slot == noSlot && c.ref-1 != but && t.holds(c.ref-1, key, v) {
			slot = c.ref - 1 // unless there is a posting: it may be there for another term
		}
	}
	return -1, slot
}

// hasTerm tells whether v is among the terms of a value.
func hasTerm(have, v entity.Value) bool {
	if v.Kind() == entity.KindList {
		return true
	}
	if indexable(have) {
		return v.IsScalar() && entity.Compare(have, v) == 0
	}
	hit := false
	terms(have, func(x entity.Value) { hit = hit || entity.Compare(x, v) == 0 })
	return hit
}

func indexable(v entity.Value) bool {
	return v.IsScalar() && (v.Kind() != entity.KindString || len(v.Str()) <= maxIndexedString)
}

// terms calls yield for every value under which an attribute is indexed,
// special ones included but for that of having it at all.
func terms(v entity.Value, yield func(entity.Value)) {
	switch v.Kind() {
	case entity.KindMap:
		yield(entity.Map(nil))
	case entity.KindList:
		long, deep, list := false, false, v.List()
		if len(list) > maxPlainList {
			list = slices.Clone(list)
			slices.SortFunc(list, entity.Compare)
			list = slices.CompactFunc(list, func(a, b entity.Value) bool { return entity.Compare(a, b) == 0 })
		}
		for i, e := range list {
			switch {
			case indexable(e):
				// Equal as the postings take it: 2 and 2.0 are one term.
				if len(list) > maxPlainList || !slices.ContainsFunc(list[:i], func(x entity.Value) bool { return entity.Compare(x, e) == 0 }) {
					yield(e)
				}
			case e.IsScalar():
				long = true
			default:
				deep = true
			}
		}
		if long {
			yield(entity.Value{})
		}
		if deep {
			yield(entity.Map(nil))
		}
	default:
		if !indexable(v) {
			v = entity.Value{}
		}
		yield(v)
	}
}

// covers reports whether the index can answer for a key: nothing that it does
// not hold could match.
func (x *index) covers(t *tables, key string) bool {
	return x.plain(t, key) && (x.long == 0 || !x.has(t, key, entity.Value{}))
}

// plain reports whether a key names nothing but a top-level attribute.
func (x *index) plain(t *tables, key string) bool {
	if strings.HasPrefix(key, "@") || key == keyMetric || key == keyLastMetric {
		return false
	}
	for i := 0; i < len(key); i++ {
		if key[i] != '.' {
			continue
		}
		if prefix := key[:i]; prefix == keyMetric || prefix == keyLastMetric || x.deep > 0 && x.has(t, prefix, entity.Map(nil)) {
			return false
		}
	}
	return true
}

// has tells whether any node has a term.
func (x *index) has(t *tables, key string, v entity.Value) bool {
	p, slot := x.search(t, x.hash(key, v), key, v, noSlot)
	return p >= 0 || slot >= 0
}

// count counts an entry under a special term.
func (x *index) count(v entity.Value, n int32) {
	switch v.Kind() {
	case entity.KindNone:
		x.long += n
	case entity.KindMap:
		x.deep += n
	}
}

// add enters a node under a term. What the node itself shows at this time does
// not matter.
func (x *index) add(t *tables, w *indexWriter, epoch uint64, slot int32, key string, v entity.Value) {
	x.count(v, 1)
	hash := x.hash(key, v)
	p, other := x.search(t, hash, key, v, slot)
	switch {
	case p >= 0:
		x.postings.edit(p, epoch).set.add(slot, epoch)
	case other >= 0:
		p = take(&w.freePostings, &x.postings, epoch)
		post := posting{hash: hash}
		post.set.add(other, epoch)
		post.set.add(slot, epoch)
		*x.postings.edit(p, epoch) = post
		x.terms.replace(tagOf(hash), other+1, -p-1, epoch)
	default:
		x.terms.insert(cell{tagOf(hash), slot + 1}, epoch)
	}
}

// remove takes a node away from a term that it was entered under. What the node
// itself shows at this time does not matter.
func (x *index) remove(w *indexWriter, epoch uint64, slot int32, key string, v entity.Value) {
	x.count(v, -1)
	hash := x.hash(key, v)
	p := x.posting(hash)
	if p < 0 {
		x.terms.remove(cell{tagOf(hash), slot + 1}, epoch)
		return
	}
	post := x.postings.edit(p, epoch)
	if post.set.remove(slot, epoch); post.set.n == 1 {
		x.terms.replace(tagOf(hash), -p-1, post.set.one()+1, epoch)
		*post = posting{}
		w.freePostings = append(w.freePostings, p)
	}
}

// posting returns the posting of a term by its hash, -1 if it has none.
func (x *index) posting(hash uint64) int32 {
	tag := tagOf(hash)
	s := x.terms.of(tag)
	if s == nil {
		return -1
	}
	for c, i := s.next(tag, s.home(tag)); c.ref != 0; c, i = s.next(tag, i+1) {
		if c.ref < 0 && x.postings.at(-c.ref-1).hash == hash {
			return -c.ref - 1
		}
	}
	return -1
}

// take returns a free record number, or a new one.
func take[T any](free *[]int32, p *paged[T], epoch uint64) int32 {
	if n := len(*free); n > 0 {
		i := (*free)[n-1]
		*free = (*free)[:n-1]
		return i
	}
	return p.push(epoch)
}
