package graph

import "github.com/skein-net/skein/internal/entity"

// setContent gives a node what its facets say, and those of its members, and
// makes its next revision when that, or its TID, differs from what it shows.
// attrs are those of the only facet, with room for TID, if they are at hand. The
// change is entered at the position pos of the list of changes, so that a node is
// seen before its first edges. Of an entity that is no node only the content is
// written.
func (g *Graph) setContent(slot int32, list []packedFacet, attrs entity.Attrs, at int64, pos int) {
	rec := *g.t.nodes.at(slot)
	shown := g.t.attrs(slot)
	typ, _ := g.t.identity(slot)
	hosts := len(g.joins.members[slot]) > 0
	origin := ""
	switch {
	case hosts:
		attrs, origin = g.mergeMembers(slot, list, typ)
	case attrs == nil:
		attrs = mergeFacets(g.t.dict, list, typ)
	}
	if !hosts {
		origin = originOf(list)
	}
	same := rec.revision > 0 && g.t.dict.Equal(shown, attrs)
	content, size := g.compose(slot, list, attrs, same, hosts)
	if rec.size&nodeUsed == 0 {
		g.put(slot, content, size, hosts)
		return
	}
	tid := g.deriveTID(slot, typ, list)
	unchanged := same && tid == rec.tid && g.t.name(rec.origin) == origin
	var was *Node
	if !unchanged && rec.revision > 0 {
		was = g.t.node(slot)
	}
	g.put(slot, content, size, hosts)
	if unchanged {
		return
	}
	now := g.t.nodes.edit(slot, g.epoch)
	now.tid, now.origin = tid, g.hold(origin)
	g.drop(rec.origin)
	g.revise(slot, was, insertTID(attrs, tid), at, pos)
	if tid != rec.tid {
		g.propagateTID(slot, at)
	}
}

// compose makes the content of an entity, whose attributes take the first size
// bytes. same tells that they are those that it has.
func (g *Graph) compose(slot int32, list []packedFacet, attrs entity.Attrs, same, hosts bool) (content string, size int) {
	shown, old := g.t.attrs(slot), g.t.data.at(slot).content
	_, end := g.t.identityPart(slot)
	b := g.body[:0]
	if same {
		b = append(b, shown...)
	} else {
		b = g.t.dict.AppendOf(b, attrs, owner(slot))
	}
	size = len(b)
	b = append(b, old[len(shown):end]...)
	b = g.appendJoinPart(b, slot, hosts)
	b = g.appendFacets(b, list, hosts)
	g.body = b
	content = string(b)
	if len(list) == 1 && !hosts {
		list[0].attrs = content[:size]
	}
	return content, size
}

// put gives an entity its content.
func (g *Graph) put(slot int32, content string, size int, hosts bool) {
	rec := g.t.nodes.edit(slot, g.epoch)
	rec.size = rec.size&nodeFlags&^nodeHosts | uint32(size)
	if hosts {
		rec.size |= nodeHosts
	}
	g.t.data.edit(slot, g.epoch).content = content
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
