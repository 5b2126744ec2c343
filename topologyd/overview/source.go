package overview

import (
	"context"
	"fmt"
	"iter"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// Source is what a picture is made of.
type Source struct {
	// View is the graph that Nodes and Edges are of. It tells the owners of nodes
	// also when they are not among those.
	View *graph.View
	// Nodes and Edges are the slots of what is drawn. In a slice of time the newest
	// of several revisions counts. Edges with an end that is not among the nodes
	// are ignored.
	Nodes iter.Seq[int32]
	Edges iter.Seq[int32]
	// Diff, if not nil, tells how they differ from what was in the view Before:
	// what was removed is drawn too. Neither view may then be a slice of time.
	Diff   *diff.Diff
	Before *graph.View
}

// checkEvery is after how many elements the context is asked.
const checkEvery = 4096

// element is a node of the picture, shown or in a group.
type element struct {
	// slot is that of its node, in the view before when it is old.
	slot int32
	// diff is nil when the node did not change.
	diff *diff.Node
	// old is set for nodes of the view before: those that were removed.
	old bool
	// owner is the nearest owner among the elements, nobody when there is none.
	owner int32
	// leaf is the group of the last level that it is in.
	leaf    int32
	host    string
	created int64
}

// link is an edge between elements.
type link struct {
	// slot is that of the edge; of one that was removed edge is set instead.
	slot     int32
	edge     *graph.Edge
	relation string
	stale    bool
	diff     *diff.Edge
	from, to int32
}

// set is what a picture is made of, in the order in which it came.
type set struct {
	src      Source
	elements []element
	links    []link
	// slots has the elements by the slot of their node in the view, plus one.
	slots []int32
	// gone has those of the view before.
	gone        map[entity.UUID]int32
	now, before *ancestry
}

// collect reads a source.
func collect(ctx context.Context, src Source) (*set, error) {
	s := &set{src: src, slots: make([]int32, src.View.NodeSlots()), now: newAncestry(src.View)}
	nodes, edges := changesOf(src.Diff)
	if err := s.nodes(ctx, nodes); err != nil {
		return nil, err
	}
	if err := s.edges(ctx, edges); err != nil {
		return nil, err
	}
	if src.Diff != nil {
		s.removedEdges()
	}
	for i := range s.elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		s.relate(&s.elements[i])
	}
	return s, nil
}

// stopped is the error of a context that ended.
func stopped(ctx context.Context) error {
	return fmt.Errorf("draw topology: %w", context.Cause(ctx))
}

// changesOf finds what was added or changed by its ID.
func changesOf(d *diff.Diff) (map[entity.UUID]*diff.Node, map[entity.UUID]*diff.Edge) {
	if d == nil {
		return nil, nil
	}
	nodes := make(map[entity.UUID]*diff.Node, len(d.Nodes))
	for i := range d.Nodes {
		if n := d.Nodes[i].New; n != nil {
			nodes[n.ID] = &d.Nodes[i]
		}
	}
	edges := make(map[entity.UUID]*diff.Edge, len(d.Edges))
	for i := range d.Edges {
		if e := d.Edges[i].New; e != nil {
			edges[e.ID] = &d.Edges[i]
		}
	}
	return nodes, edges
}

func (s *set) nodes(ctx context.Context, changed map[entity.UUID]*diff.Node) error {
	var byID map[entity.UUID]int32
	if s.src.View.IsSlice() {
		byID = make(map[entity.UUID]int32)
	}
	seen := 0
	v := s.src.View
	for slot := range s.src.Nodes {
		if seen++; seen%checkEvery == 0 && ctx.Err() != nil {
			return stopped(ctx)
		}
		if s.slots[slot] != 0 {
			continue // a result may hold a node twice
		}
		created, updated := v.NodeTimes(slot)
		i := int32(len(s.elements))
		e := element{slot: slot, created: created}
		if byID != nil {
			id := v.NodeID(slot)
			if have, ok := byID[id]; ok {
				s.slots[slot] = have + 1
				if _, newest := v.NodeTimes(s.elements[have].slot); updated > newest {
					s.elements[have].slot, s.elements[have].created = slot, created
				}
				continue
			}
			byID[id] = i
		}
		if changed != nil {
			e.diff = changed[v.NodeID(slot)]
		}
		s.slots[slot] = i + 1
		s.elements = append(s.elements, e)
	}
	if s.src.Diff == nil {
		return nil
	}
	s.before, s.gone = newAncestry(s.src.Before), make(map[entity.UUID]int32)
	for i := range s.src.Diff.Nodes {
		if d := &s.src.Diff.Nodes[i]; d.Op() == diff.Removed {
			s.gone[d.Old.ID] = int32(len(s.elements))
			s.elements = append(s.elements, element{slot: d.Old.Slot, created: d.Old.CreatedAt, diff: d, old: true})
		}
	}
	return nil
}

func (s *set) edges(ctx context.Context, changed map[entity.UUID]*diff.Edge) error {
	var byID map[entity.UUID]int
	var seenAt []bool
	if s.src.View.IsSlice() {
		byID = make(map[entity.UUID]int)
	}
	seen := 0
	v := s.src.View
	for slot := range s.src.Edges {
		if seen++; seen%checkEvery == 0 && ctx.Err() != nil {
			return stopped(ctx)
		}
		if seenAt == nil {
			seenAt = make([]bool, v.EdgeSlots())
		}
		if seenAt[slot] {
			continue
		}
		seenAt[slot] = true
		l := link{slot: slot, relation: v.RelationType(slot), stale: v.EdgeStale(slot), from: nobody}
		if changed != nil {
			l.diff = changed[v.EdgeID(slot)]
		}
		for parent, child := range v.Ends(slot) {
			if s.slots[parent] != 0 && s.slots[child] != 0 {
				l.from, l.to = s.slots[parent]-1, s.slots[child]-1
				break
			}
		}
		if l.from == nobody {
			continue
		}
		if byID != nil {
			id := v.EdgeID(slot)
			if i, ok := byID[id]; ok {
				_, updated := v.EdgeTimes(slot)
				if _, newest := v.EdgeTimes(s.links[i].slot); updated > newest {
					s.links[i] = l
				}
				continue
			}
			byID[id] = len(s.links)
		}
		s.links = append(s.links, l)
	}
	return nil
}

// removedEdges adds the edges of the view before.
func (s *set) removedEdges() {
	for i := range s.src.Diff.Edges {
		d := &s.src.Diff.Edges[i]
		if d.Op() != diff.Removed {
			continue
		}
		from, to := s.find(d.Old.Parent), s.find(d.Old.Child)
		if from != nobody && to != nobody {
			s.links = append(s.links, link{edge: d.Old, relation: d.Old.RelationType, stale: d.Old.Stale, diff: d, from: from, to: to})
		}
	}
}

// find returns the element of a node, nobody when there is none.
func (s *set) find(id entity.UUID) int32 {
	if n := s.src.View.Node(id); n != nil {
		if i := s.slots[n.Slot]; i != 0 {
			return i - 1
		}
	}
	if i, ok := s.gone[id]; ok {
		return i
	}
	return nobody
}

// ancestry returns that of the view that an element is of.
func (s *set) ancestry(e *element) *ancestry {
	if e.old {
		return s.before
	}
	return s.now
}

// id returns the ID of the node of an element.
func (s *set) id(e *element) entity.UUID { return s.ancestry(e).view.NodeID(e.slot) }

// relate finds the owner and the host of an element.
func (s *set) relate(e *element) {
	a := s.ancestry(e)
	slot := e.slot
	e.owner, e.host = nobody, a.view.NodeHost(slot)
	for range maxDepth {
		if slot = a.of(slot); slot == nobody {
			return
		}
		if e.host == "" {
			e.host = a.view.NodeHost(slot)
		}
		if e.owner == nobody {
			if !e.old {
				e.owner = s.slots[slot] - 1
			} else {
				e.owner = s.find(a.view.NodeID(slot))
			}
		}
		if e.host != "" && e.owner != nobody {
			return
		}
	}
}

// changedOnly drops what is not needed to show the changes.
func (s *set) changedOnly() {
	keep := make([]bool, len(s.elements))
	for i := range s.elements {
		if s.elements[i].diff == nil {
			continue
		}
		at := int32(i)
		for range maxDepth {
			keep[at] = true
			if at = s.elements[at].owner; at == nobody {
				break
			}
		}
	}
	for i := range s.links {
		if l := &s.links[i]; l.diff != nil {
			keep[l.from], keep[l.to] = true, true
		}
	}
	number, owners := make([]int32, len(s.elements)), make([]int32, len(s.elements))
	kept := s.elements[:0]
	for i := range s.elements {
		owners[i] = s.elements[i].owner
		if number[i] = nobody; keep[i] {
			number[i] = int32(len(kept))
			kept = append(kept, s.elements[i])
		}
	}
	for i := range kept {
		// The owners of the end of a changed edge need not be there.
		at := kept[i].owner
		for range maxDepth {
			if at == nobody || keep[at] {
				break
			}
			at = owners[at]
		}
		if at != nobody {
			at = number[at]
		}
		kept[i].owner = at
	}
	s.elements = kept
	links := s.links[:0]
	for _, l := range s.links {
		l.from, l.to = number[l.from], number[l.to]
		if l.from == nobody || l.to == nobody || l.diff == nil && l.relation != entity.Ownership {
			continue
		}
		links = append(links, l)
	}
	s.links = links
}
