package graph

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// assertion is an edge that a facet asserts, and how it describes it.
type assertion struct {
	entity.Edge
	attrs entity.Attrs
	// odd tells that the edge does not have the ID that its ends and relation
	// give, or does not begin or end at its emitter. No event says such a thing;
	// what was stored might.
	odd bool
	// both tells that it has no direction: its ends are in the order of their IDs.
	both bool
}

// distinct keeps the first of several assertions of one edge. It works in place.
func distinct(list []assertion) []assertion {
	var seen map[entity.UUID]bool
	if len(list) > maxPlainAssertions {
		seen = make(map[entity.UUID]bool, len(list))
	}
	out := list[:0]
	for i := range list {
		id, known := list[i].ID, false
		if seen != nil {
			known = seen[id]
			seen[id] = true
		} else {
			known = slices.ContainsFunc(out, func(a assertion) bool { return a.ID == id })
		}
		if !known {
			out = append(out, list[i])
		}
	}
	return out
}

// An assertion is packed as a byte of flags, the name of the relation type, the
// ID of the other end, and the length of the attributes and these when there are
// some. An odd one has its own ID and those of both ends.
const (
	assertsParent = 1 << iota // the other end is the parent
	assertsOdd
	assertsAttrs
	assertsBoth
)

// packedAssertion is an assertion as the content has it.
type packedAssertion struct {
	id            entity.UUID // when odd
	parent, child entity.UUID
	relation      string
	attrs         string // packed
	odd, both     bool
}

// edge returns the edge that is asserted.
func (a *packedAssertion) edge() entity.Edge {
	e := entity.Edge{ID: a.id, Parent: a.parent, Child: a.child, RelationType: a.relation}
	if !a.odd {
		e.ID = entity.EdgeID(a.parent, a.child, a.relation)
	}
	return e
}

// is tells whether an assertion is of the same edge.
func (a *packedAssertion) is(b *assertion) bool {
	if a.odd || b.odd {
		return a.edge().ID == b.ID
	}
	return a.parent == b.Parent && a.child == b.Child && a.relation == b.RelationType
}

// unpack returns the assertion decoded.
func (a *packedAssertion) unpack(t *tables) assertion {
	return assertion{a.edge(), t.dict.Attrs(a.attrs), a.odd, a.both}
}

// appendAssertions appends the assertions of a node in their packed form.
func (g *Graph) appendAssertions(b []byte, list []assertion, emitter entity.UUID, slot int32) []byte {
	for i := range list {
		a := &list[i]
		flags, other := byte(0), a.Child
		if a.Parent != emitter {
			flags, other = assertsParent, a.Parent
		}
		if len(a.attrs) > 0 {
			flags |= assertsAttrs
		}
		if a.odd {
			flags |= assertsOdd
		}
		if a.both {
			flags |= assertsBoth
		}
		b = g.t.appendName(append(b, flags), a.RelationType)
		if a.odd {
			b = append(append(append(b, a.ID[:]...), a.Parent[:]...), a.Child[:]...)
		} else {
			b = append(b, other[:]...)
		}
		if len(a.attrs) > 0 {
			g.scratch = g.t.dict.AppendOf(g.scratch[:0], a.attrs, owner(slot))
			b = appendPart(b, g.scratch)
		}
	}
	return b
}

// readAssertion reads the assertion at p and returns where it ends.
func (t *tables) readAssertion(data string, p int, emitter entity.UUID, a *packedAssertion) int {
	flags := data[p]
	*a = packedAssertion{parent: emitter, child: emitter, odd: flags&assertsOdd != 0, both: flags&assertsBoth != 0}
	a.relation, p = t.readName(data, p+1)
	switch {
	case a.odd:
		copy(a.id[:], data[p:])
		copy(a.parent[:], data[p+16:])
		copy(a.child[:], data[p+32:])
		p += 32
	case flags&assertsParent != 0:
		copy(a.parent[:], data[p:])
	default:
		copy(a.child[:], data[p:])
	}
	p += 16
	if flags&assertsAttrs != 0 {
		a.attrs, p = readPart(data, p)
	}
	return p
}

// assertions appends what packed assertions say to list.
func (t *tables) assertions(data string, emitter entity.UUID, list []packedAssertion) []packedAssertion {
	for p := 0; p < len(data); {
		var a packedAssertion
		p = t.readAssertion(data, p, emitter, &a)
		list = append(list, a)
	}
	return list
}

// maxPlainAssertions is the number of assertions up to which lists of them are
// compared one by one.
const maxPlainAssertions = 32

// reassert replaces the edges that a facet asserts.
func (g *Graph) reassert(slot int32, source, before string, after []assertion, at int64) {
	emitter := g.t.nodeID(slot)
	old := g.t.assertions(before, emitter, g.asserted[:0])
	g.asserted = old[:0]
	if len(g.joins.hooks) > 0 {
		g.reassertJoined(slot, source, old, after, at)
		return
	}
	// said finds what was asserted before, says what is asserted now.
	said := func(a *assertion) *packedAssertion {
		for i := range old {
			if old[i].is(a) {
				return &old[i]
			}
		}
		return nil
	}
	says := func(o *packedAssertion) bool {
		for i := range after {
			if o.is(&after[i]) {
				return true
			}
		}
		return false
	}
	if max(len(old), len(after)) > maxPlainAssertions {
		olds, afters := make(map[entity.UUID]*packedAssertion, len(old)), make(map[entity.UUID]bool, len(after))
		for i := range old {
			olds[old[i].edge().ID] = &old[i]
		}
		for i := range after {
			afters[after[i].ID] = true
		}
		said = func(a *assertion) *packedAssertion { return olds[a.ID] }
		says = func(o *packedAssertion) bool { return afters[o.edge().ID] }
	}
	for i := range old {
		if !says(&old[i]) {
			e := old[i].edge()
			g.withdraw(&e, slot, source, at)
		}
	}
	for i := range after {
		if o := said(&after[i]); o == nil || !g.t.dict.Equal(o.attrs, after[i].attrs) {
			g.assert(&after[i], slot, source, at)
		}
	}
}

// assertAgain has an emitter assert an edge that missed a node.
func (g *Graph) assertAgain(d dangler, missed entity.UUID, at int64) {
	source := g.t.name(d.source)
	g.eachOf(d.emitter, source, func(a *packedAssertion) {
		if a.parent != missed && a.child != missed {
			return
		}
		if x := a.unpack(&g.t); x.ID == d.edge {
			g.assert(&x, d.emitter, source, at)
		}
	})
}
