package graph

import "github.com/skein-net/skein/internal/entity"

// setContent gives a node what its facets say, and makes its next revision when
// that, or its TID, differs from what it shows. attrs are those of the only
// facet, with room for TID, if they are at hand. The change is entered at the
// position pos of the list of changes, so that a node is seen before its first
// edges.
func (g *Graph) setContent(slot int32, list []packedFacet, attrs entity.Attrs, at int64, pos int) {
	rec := *g.t.nodes.at(slot)
	old := g.t.data.at(slot).content
	shown := g.t.attrs(slot)
	_, facets := readPart(old, len(shown))
	typ, _ := g.t.identity(slot)
	if attrs == nil {
		attrs = mergeFacets(g.t.dict, list, typ)
	}
	same := rec.revision > 0 && g.t.dict.Equal(shown, attrs)
	b := g.body[:0]
	if same {
		b = append(b, shown...)
	} else {
		b = g.t.dict.AppendOf(b, attrs, owner(slot))
	}
	size := len(b)
	b = append(b, old[len(shown):facets]...)
	b = g.appendFacets(b, list)
	g.body = b
	content := string(b)
	if len(list) == 1 {
		list[0].attrs = content[:size]
	}
	tid, origin := g.deriveTID(slot, typ, list), originOf(list)
	same = same && tid == rec.tid && g.t.name(rec.origin) == origin
	var was *Node
	if !same && rec.revision > 0 {
		was = g.t.node(slot)
	}
	g.t.data.edit(slot, g.epoch).content = content
	now := g.t.nodes.edit(slot, g.epoch)
	now.size = now.size&nodeFlags | uint32(size)
	if same {
		return
	}
	now.tid, now.origin = tid, g.hold(origin)
	g.drop(rec.origin)
	g.revise(slot, was, insertTID(attrs, tid), at, pos)
	if tid != rec.tid {
		g.propagateTID(slot, at)
	}
}

// revise makes the next revision of a node, whose record says it already.
func (g *Graph) revise(slot int32, was *Node, attrs entity.Attrs, at int64, pos int) {
	rec := g.t.nodes.edit(slot, g.epoch)
	rec.updatedAt = max(at, rec.updatedAt)
	rec.revision++
	op := NodeUpdated
	if rec.revision == 1 {
		rec.createdAt, op = at, NodeAdded
	}
	var had entity.Attrs
	if was != nil {
		had = was.Attrs
	}
	n := g.t.nodeWith(slot, g.reindex(slot, had, attrs))
	g.insert(pos, Change{Op: op, At: n.UpdatedAt, Node: n, OldNode: was})
}

// reviseTID gives a node another TID and makes its next revision.
func (g *Graph) reviseTID(slot int32, tid entity.UUID, at int64) {
	was := g.t.node(slot)
	g.t.nodes.edit(slot, g.epoch).tid = tid
	g.revise(slot, was, g.t.fullAttrs(slot), at, len(g.out))
	g.propagateTID(slot, at)
}
