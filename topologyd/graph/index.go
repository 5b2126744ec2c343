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

// index finds nodes by the value of an attribute: a hash table of postings,
// one for each key and value in use, each the head of a doubly linked list of
// entries, so that adding and removing a node is independent of how many nodes
// share the value. Elements of a list are indexed like scalars.
type index struct {
	seed     maphash.Seed
	lists    table
	postings paged[posting]
	entries  paged[entry]
}

// posting is the list of the nodes that have one value for one key. Two
// postings of a key are special: that of the value none lists the nodes whose
// value holds a string too long to be indexed, that of the empty map the nodes
// whose value holds a map, inside which dotted paths lead.
type posting struct {
	hash  uint64
	value entity.Value
	head  int32 // entry + 1
	count int32
}

type entry struct {
	slot       int32
	posting    int32
	next, prev int32 // entry + 1
}

// indexWriter is what only the writer of an index needs.
type indexWriter struct {
	freePostings, freeEntries []int32
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
		if i := int64(f); math.Abs(f) < 1<<62 && float64(i) == f {
			b[0] = 'i'
			binary.LittleEndian.PutUint64(b[1:], uint64(i))
		} else {
			b[0] = 'f'
			binary.LittleEndian.PutUint64(b[1:], math.Float64bits(f))
		}
	case entity.KindMap:
		b[0] = 'm'
	default:
		b[0] = '-'
	}
	h.Write(b[:])
	return h.Sum64()
}

// find returns the posting of a key and value, -1 if there is none.
func (x *index) find(hash uint64, v entity.Value) int32 {
	return x.lists.find(hash, func(p int32) bool {
		have := x.postings.at(p)
		return have.hash == hash && entity.Compare(have.value, v) == 0
	})
}

func (x *index) hashOf(p int32) uint64 { return x.postings.at(p).hash }

func indexable(v entity.Value) bool {
	return v.IsScalar() && (v.Kind() != entity.KindString || len(v.Str()) <= maxIndexedString)
}

// terms calls yield for every value under which an attribute is indexed,
// the two special ones included.
func terms(v entity.Value, yield func(entity.Value)) {
	switch v.Kind() {
	case entity.KindMap:
		yield(entity.Map(nil))
	case entity.KindList:
		long, deep := false, false
		for i, e := range v.List() {
			switch {
			case indexable(e):
				if !slices.ContainsFunc(v.List()[:i], e.Equal) {
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
func (x *index) covers(key string) bool {
	if strings.HasPrefix(key, "@") || key == keyMetric || key == keyLastMetric {
		return false
	}
	for i := 0; i < len(key); i++ {
		if key[i] != '.' {
			continue
		}
		if prefix := key[:i]; prefix == keyMetric || prefix == keyLastMetric || x.lists.used > 0 &&
			x.find(x.hash(prefix, entity.Map(nil)), entity.Map(nil)) >= 0 {
			return false
		}
	}
	return x.find(x.hash(key, entity.Value{}), entity.Value{}) < 0
}

// add enters a node under a value and returns the entry, and the value as the
// index holds it, so that equal strings are kept once.
func (x *index) add(w *indexWriter, epoch uint64, slot int32, key string, v entity.Value) (int32, entity.Value) {
	hash := x.hash(key, v)
	p := x.find(hash, v)
	if p < 0 {
		p = take(&w.freePostings, &x.postings, epoch)
		*x.postings.edit(p, epoch) = posting{hash: hash, value: v}
		x.lists.insert(hash, p, epoch, x.hashOf)
	}
	e := take(&w.freeEntries, &x.entries, epoch)
	post := x.postings.edit(p, epoch)
	*x.entries.edit(e, epoch) = entry{slot: slot, posting: p, next: post.head}
	if post.head != 0 {
		x.entries.edit(post.head-1, epoch).prev = e + 1
	}
	post.head = e + 1
	post.count++
	return e, post.value
}

// remove takes an entry out.
func (x *index) remove(w *indexWriter, epoch uint64, e int32) {
	en := *x.entries.at(e)
	post := x.postings.edit(en.posting, epoch)
	if en.prev != 0 {
		x.entries.edit(en.prev-1, epoch).next = en.next
	} else {
		post.head = en.next
	}
	if en.next != 0 {
		x.entries.edit(en.next-1, epoch).prev = en.prev
	}
	*x.entries.edit(e, epoch) = entry{}
	w.freeEntries = append(w.freeEntries, e)
	if post.count--; post.count == 0 {
		x.lists.remove(post.hash, en.posting, epoch, x.hashOf)
		*post = posting{}
		w.freePostings = append(w.freePostings, en.posting)
	}
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
