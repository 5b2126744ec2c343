package graph

import (
	"bytes"
	"slices"
)

// nodeHead is where the two edge lists of a node begin.
type nodeHead struct {
	firstOut, firstIn int32 // edge + 1
	outs, ins         int32
}

// edgeLink is an edge's place in the lists of both ends: all that a traversal
// reads.
type edgeLink struct {
	parent, child    int32
	nextOut, prevOut int32 // edge + 1
	nextIn, prevIn   int32 // edge + 1
	// relation is the number of its RelationType among tables.relations, plus
	// two; 1 when there are too many to have one, 0 in a free slot.
	relation uint32
	// back is not 0 in slices only, where an edge has a record for each pair of
	// revisions of its ends, one after the other: how far before this the first
	// one is. The edge's Slot is that of the first.
	back int32
}

// maxRelations bounds the relation types that have a number.
const maxRelations = 256

const (
	noRelation    = 1
	firstRelation = 2
)

// relation returns the number of a relation type for a link.
func (g *Graph) relation(name string) uint32 {
	if i := slices.Index(g.t.relations, name); i >= 0 {
		return uint32(i + firstRelation)
	}
	if len(g.t.relations) == maxRelations {
		return noRelation
	}
	g.t.relations = append(g.t.relations, name)
	return uint32(len(g.t.relations) - 1 + firstRelation)
}

// link enters an edge at the head of the lists of both ends.
func (g *Graph) link(e int32, relation uint32, parent, child int32) {
	rec := g.t.links.edit(e, g.epoch)
	p := g.t.heads.edit(parent, g.epoch)
	*rec = edgeLink{parent: parent, child: child, relation: relation, nextOut: p.firstOut}
	if p.firstOut != 0 {
		g.t.links.edit(p.firstOut-1, g.epoch).prevOut = e + 1
	}
	p.firstOut = e + 1
	p.outs++
	c := g.t.heads.edit(child, g.epoch)
	rec.nextIn = c.firstIn
	if c.firstIn != 0 {
		g.t.links.edit(c.firstIn-1, g.epoch).prevIn = e + 1
	}
	c.firstIn = e + 1
	c.ins++
}

// unlink takes an edge out of the lists of both ends and frees its place.
func (g *Graph) unlink(e int32) {
	rec := *g.t.links.at(e)
	p := g.t.heads.edit(rec.parent, g.epoch)
	if rec.prevOut != 0 {
		g.t.links.edit(rec.prevOut-1, g.epoch).nextOut = rec.nextOut
	} else {
		p.firstOut = rec.nextOut
	}
	if rec.nextOut != 0 {
		g.t.links.edit(rec.nextOut-1, g.epoch).prevOut = rec.prevOut
	}
	p.outs--
	c := g.t.heads.edit(rec.child, g.epoch)
	if rec.prevIn != 0 {
		g.t.links.edit(rec.prevIn-1, g.epoch).nextIn = rec.nextIn
	} else {
		c.firstIn = rec.nextIn
	}
	if rec.nextIn != 0 {
		g.t.links.edit(rec.nextIn-1, g.epoch).prevIn = rec.prevIn
	}
	c.ins--
	*g.t.links.edit(e, g.epoch) = edgeLink{}
}

// incident returns the edges of a node, each once, in the order of their IDs:
// that of the lists differs among replicas.
func (g *Graph) incident(slot int32) []int32 {
	head := g.t.heads.at(slot)
	list := make([]int32, 0, head.outs+head.ins)
	for e := head.firstOut; e != 0; e = g.t.links.at(e - 1).nextOut {
		list = append(list, e-1)
	}
	for e := head.firstIn; e != 0; e = g.t.links.at(e - 1).nextIn {
		list = append(list, e-1)
	}
	slices.SortFunc(list, g.compareEdges)
	return slices.Compact(list)
}

// compareEdges orders edges by their IDs.
func (g *Graph) compareEdges(a, b int32) int {
	return bytes.Compare(g.t.edges.at(a).id[:], g.t.edges.at(b).id[:])
}
