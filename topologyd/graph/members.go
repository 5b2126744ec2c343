package graph

import "encoding/binary"

// An entity has a slot of its own, whatever node shows it. Most are nodes
// themselves. One that a row of the table of joins unifies with another is a
// member of that one's node: its slot keeps what its sources say of it, their
// heartbeats and its counters, but has no edges, is in no index of values and is
// no node of any view. The node shows what both say, and the edges that either
// asserts or that others assert of either.
//
// The content of both says so, in a part that stands before the facets: that of a
// member the slot of the node and the name of the row, that of the node the
// number of its members and for each, in the order of their IDs, the same.

// hook says which node an entity joined, and by which row.
type hook struct {
	node int32
	row  string
}

// member is an entity that joined a node.
type member struct {
	slot int32
	row  string
}

// joinPart returns what the content says about joining, and where it ends.
func (t *tables) joinPart(slot int32) (part string, end int) {
	data, flags := t.data.at(slot).content, t.nodes.at(slot).size
	n, p := uvarint(data, int(flags&^nodeFlags))
	end = p + int(n)
	if flags&(nodeJoined|nodeHosts) == 0 {
		return "", end
	}
	return readPart(data, end)
}

// nodeOf returns the slot of the node that shows the entity in a slot; -1 while
// none does.
func (t *tables) nodeOf(slot int32) int32 {
	switch flags := t.nodes.at(slot).size; {
	case flags&nodeUsed != 0:
		return slot
	case flags&nodeJoined != 0:
		part, _ := t.joinPart(slot)
		n, _ := uvarint(part, 0)
		return int32(n)
	default:
		return noSlot
	}
}

// members appends the members of a node to list.
func (t *tables) members(slot int32, list []member) []member {
	if t.nodes.at(slot).size&nodeHosts == 0 {
		return list
	}
	part, _ := t.joinPart(slot)
	n, p := uvarint(part, 0)
	for range n {
		var m member
		var s uint64
		s, p = uvarint(part, p)
		m.slot = int32(s)
		m.row, p = t.readName(part, p)
		list = append(list, m)
	}
	return list
}

// counters returns the counters that a node shows: its own, or those of the
// first of its members that has some.
func (t *tables) counters(slot int32) *counters {
	c := t.data.at(slot).counters
	if c != nil || t.nodes.at(slot).size&nodeHosts == 0 {
		return c
	}
	for _, m := range t.members(slot, nil) {
		if c = t.data.at(m.slot).counters; c != nil {
			return c
		}
	}
	return nil
}

// appendJoinPart appends what the content of an entity has to say about joining.
func (g *Graph) appendJoinPart(b []byte, slot int32, hosts bool) []byte {
	part := g.part[:0]
	switch {
	case g.t.nodes.at(slot).size&nodeJoined != 0:
		h := g.joins.hooks[slot]
		part = g.t.appendName(binary.AppendUvarint(part, uint64(h.node)), h.row)
	case hosts:
		list := g.joins.members[slot]
		part = binary.AppendUvarint(part, uint64(len(list)))
		for _, m := range list {
			part = g.t.appendName(binary.AppendUvarint(part, uint64(m)), g.joins.hooks[m].row)
		}
	default:
		return b
	}
	g.part = part
	return appendPart(b, part)
}
