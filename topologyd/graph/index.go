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
// one for each key and value in use, each a list of the nodes that have it. A
// node knows its place in each list, so that adding and removing it is
// independent of how many nodes share the value. Elements of a list are indexed
// like scalars.
type index struct {
	seed     maphash.Seed
	lists    table
	postings paged[posting]
}

// posting is the list of the nodes that have one value for one key. Two
// postings of a key are special: that of the value none lists the nodes whose
// value holds a string too long to be indexed, that of the empty map the nodes
// whose value holds a map, inside which dotted paths lead.
type posting struct {
	hash  uint64
	value entity.Value
	nodes slotList
}

// place is where a node stands in a posting.
type place struct{ posting, at int32 }

// indexWriter is what only the writer of an index needs.
type indexWriter struct {
	freePostings []int32
	// places are those of each node, in the order of its attributes.
	places [][]place
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
				// Equal as the postings take it: 2 and 2.0 are one term.
				if !slices.ContainsFunc(v.List()[:i], func(x entity.Value) bool { return entity.Compare(x, e) == 0 }) {
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

// add enters a node under a value and returns its place, and the value as the
// index holds it, so that equal strings are kept once.
func (x *index) add(w *indexWriter, epoch uint64, slot int32, key string, v entity.Value) (place, entity.Value) {
	hash := x.hash(key, v)
	p := x.find(hash, v)
	if p < 0 {
		p = take(&w.freePostings, &x.postings, epoch)
		*x.postings.edit(p, epoch) = posting{hash: hash, value: v}
		x.lists.insert(hash, p, epoch)
	}
	post := x.postings.edit(p, epoch)
	return place{p, post.nodes.push(slot, epoch)}, post.value
}

// remove takes a node's place out of its posting. The last one of the list
// moves there.
func (x *index) remove(w *indexWriter, epoch uint64, pl place) {
	post := x.postings.edit(pl.posting, epoch)
	last := post.nodes.len() - 1
	if pl.at != last {
		moved := post.nodes.at(last)
		post.nodes.set(pl.at, moved, epoch)
		for i := range w.places[moved] {
			if w.places[moved][i].posting == pl.posting {
				w.places[moved][i].at = pl.at
			}
		}
	}
	if post.nodes.pop(epoch); last == 0 {
		x.lists.remove(post.hash, pl.posting, epoch)
		*post = posting{}
		w.freePostings = append(w.freePostings, pl.posting)
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
