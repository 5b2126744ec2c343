package graph

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// sideKey is a key that an entity has under a side of rows: the hash of its texts.
// Keys of equal hashes count as equal; with 64 bits and a seed that nobody knows
// that does not happen.
type sideKey struct {
	side *joinSide
	hash uint64
}

// joinEntity is an entity as rows look at it: what all its sources say, without
// those of the entities that share its node.
type joinEntity struct {
	t             *tables
	typ, id, data string
	attrs         entity.Attrs // instead of data when not nil
}

// Type returns the entity type.
func (e *joinEntity) Type() string { return e.typ }

// ID returns an identifying attribute.
func (e *joinEntity) ID(key string) string { return e.t.dict.Get(e.id, key).Str() }

// Lookup yields the values at a path.
func (e *joinEntity) Lookup(path string, yield func(entity.Value) bool) {
	if e.attrs != nil {
		e.attrs.Lookup(path, yield)
		return
	}
	e.t.dict.Lookup(e.data, path, yield)
}

// lookAt returns the entity in a slot, valid until it is called again.
func (g *Graph) lookAt(slot int32) *joinEntity {
	e := &g.joins.look
	*e = joinEntity{t: &g.t, data: g.t.attrs(slot)}
	e.typ, e.id = g.t.identity(slot)
	if g.t.nodes.at(slot).size&nodeHosts != 0 {
		list := g.t.facets(slot, nil)
		if e.data = list[0].attrs; len(list) > 1 {
			e.attrs = mergeFacets(g.t.dict, list, e.typ)
		}
	}
	return e
}

// keysOf appends the keys that an entity has under all sides.
func (g *Graph) keysOf(slot int32, out []sideKey) []sideKey {
	if slot == g.joins.gone {
		return out
	}
	typ, _ := g.t.identity(slot)
	sides := g.joins.looks[typ]
	if len(sides) == 0 {
		return out
	}
	e := g.lookAt(slot)
	for _, s := range sides {
		var room [4]uint64
		for _, hash := range g.hashKeys(s, e, room[:0]) {
			out = append(out, sideKey{s, hash})
		}
	}
	return out
}

// hashesOf appends the keys that an entity has under one side.
func (g *Graph) hashesOf(slot int32, s *joinSide, out []uint64) []uint64 {
	if slot == g.joins.gone {
		return out
	}
	if typ, _ := g.t.identity(slot); typ != s.side.Entity {
		return out
	}
	return g.hashKeys(s, g.lookAt(slot), out)
}

// hashKeys appends the hashes of the keys of an entity under a side, each once.
func (g *Graph) hashKeys(s *joinSide, e *joinEntity, out []uint64) []uint64 {
	g.joins.keys = s.side.Keys(e, g.joins.keys[:0])
	start := len(out)
	for _, tuple := range g.joins.keys {
		out = append(out, g.hashTuple(tuple))
	}
	clear(g.joins.keys)
	slices.Sort(out[start:])
	return out[:start+len(slices.Compact(out[start:]))]
}

func (g *Graph) hashTuple(tuple []string) uint64 {
	var h maphash.Hash
	h.SetSeed(g.seed)
	for _, text := range tuple {
		var n [4]byte
		n[0], n[1], n[2], n[3] = byte(len(text)), byte(len(text)>>8), byte(len(text)>>16), byte(len(text)>>24)
		h.Write(n[:])
		h.WriteString(text)
	}
	return h.Sum64()
}

// hasKey tells whether an entity has a key under a side.
func (g *Graph) hasKey(slot int32, s *joinSide, hash uint64) bool {
	if slot == g.joins.moving {
		return slices.Contains(g.joins.entered, sideKey{s, hash})
	}
	var room [4]uint64
	return slices.Contains(g.hashesOf(slot, s, room[:0]), hash)
}

// matters tells whether what a facet says may change the keys of its entity: facet i
// of a list, if it is known, is about to say something else. Most reports change
// nothing that a row looks at.
func (g *Graph) matters(typ string, list []packedFacet, i int, known bool, now entity.Attrs) bool {
	old := ""
	if known {
		old = list[i].attrs
	}
	for _, a := range now {
		if g.joins.mentions(typ, a.Key) && !g.t.dict.Get(old, a.Key).Equal(a.Value) {
			return true
		}
	}
	matters := false
	g.t.dict.Each(old, func(key string, _ entity.Value) bool {
		matters = g.joins.mentions(typ, key) && !now.Has(key)
		return !matters
	})
	return matters
}

// maxMentions bounds how many keys are remembered.
const maxMentions = 1 << 12

// mentions tells whether an expression of a side that looks at entities of a type
// may be about an attribute: whether its text has the key in it.
func (j *joins) mentions(typ, key string) bool {
	at := mention{typ, key}
	yes, known := j.mentioned[at]
	if known {
		return yes
	}
	in := func(text string) bool { return strings.Contains(text, key) }
	yes = slices.ContainsFunc(j.looks[typ], func(s *joinSide) bool {
		return slices.ContainsFunc(s.side.Key, in) || slices.ContainsFunc(s.side.Where, func(c join.Condition) bool { return in(c.Key) })
	})
	if len(j.mentioned) < maxMentions {
		j.mentioned[mention{strings.Clone(typ), strings.Clone(key)}] = yes
	}
	return yes
}

// mention is an attribute of entities of a type.
type mention struct{ typ, key string }

// groups finds the entities with a key, as [index] does for terms: of a key that
// one entity has only a part of the hash is kept, and whether it is the key that
// is looked for the entity tells. They are never copied.
type groups struct {
	terms    termTable
	postings paged[posting]
	free     []int32
}

// posting returns the posting of a key, -1 if it has none.
func (x *groups) posting(hash uint64) int32 {
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

// group returns the entities with a key under a side.
func (g *Graph) group(s *joinSide, hash uint64) slotSet {
	x := &s.groups
	if x.terms.used == 0 {
		return slotSet{}
	}
	if p := x.posting(hash); p >= 0 {
		return x.postings.at(p).set
	}
	if slot := g.single(s, hash, noSlot); slot >= 0 {
		return slotSet{n: 1, few: [fewSlots]int32{slot}}
	}
	return slotSet{}
}

// single returns the entity but another that has a key alone, -1 if there is none.
func (g *Graph) single(s *joinSide, hash uint64, but int32) int32 {
	tag := tagOf(hash)
	seg := s.groups.terms.of(tag)
	if seg == nil {
		return noSlot
	}
	for c, i := seg.next(tag, seg.home(tag)); c.ref != 0; c, i = seg.next(tag, i+1) {
		if c.ref > 0 && c.ref-1 != but && g.hasKey(c.ref-1, s, hash) {
			return c.ref - 1
		}
	}
	return noSlot
}

// enterGroup enters an entity under a key.
func (g *Graph) enterGroup(s *joinSide, hash uint64, slot int32) {
	x := &s.groups
	if p := x.posting(hash); p >= 0 {
		x.postings.edit(p, unshared).set.add(slot, unshared)
		return
	}
	other := g.single(s, hash, slot)
	if other < 0 {
		x.terms.insert(cell{tagOf(hash), slot + 1}, unshared)
		return
	}
	p := take(&x.free, &x.postings, unshared)
	post := posting{hash: hash}
	post.set.add(other, unshared)
	post.set.add(slot, unshared)
	*x.postings.edit(p, unshared) = post
	x.terms.replace(tagOf(hash), other+1, -p-1, unshared)
}

// leaveGroup takes an entity away that was entered under a key.
func (g *Graph) leaveGroup(s *joinSide, hash uint64, slot int32) {
	x := &s.groups
	p := x.posting(hash)
	if p < 0 {
		x.terms.remove(cell{tagOf(hash), slot + 1}, unshared)
		return
	}
	post := x.postings.edit(p, unshared)
	if post.set.remove(slot, unshared); post.set.n == 1 {
		x.terms.replace(tagOf(hash), -p-1, post.set.one()+1, unshared)
		*post = posting{}
		x.free = append(x.free, p)
	}
}
