package gremlin

import (
	"cmp"
	"math"
	"slices"
)

// cost is how far a node is: the sum of weights, and of ways with the same sum
// the one with the fewest hops.
type cost struct {
	sum  float64
	hops int32
}

func (c cost) compare(o cost) int {
	if d := cmp.Compare(c.sum, o.sum); d != 0 {
		return d
	}
	return cmp.Compare(c.hops, o.hops)
}

func (c cost) plus(o cost) cost { return cost{c.sum + o.sum, c.hops + o.hops} }

// farthest is more than any cost.
var farthest = cost{math.Inf(1), math.MaxInt32}

// label is what a search by weight knows of a node that it has come to.
type label struct {
	cost cost
	slot int32
	// from is the number of the label before, its own for a root.
	from int32
	// place is where it stands in the heap, -1 when its cost is final.
	place int32
}

const labelBytes = 32 + slotBytes

// weightSearch is Dijkstra's search from some roots.
type weightSearch struct {
	p      *pathfinder
	number *slotMap // of the label of a slot, plus one
	labels []label
	heap   []int32 // numbers of labels, the nearest on top
}

func (p *pathfinder) newWeightSearch(roots []int32) *weightSearch {
	s := &weightSearch{p: p, number: p.x.slotMap(p.x.view.NodeSlots())}
	for _, r := range roots {
		s.reach(r, int32(len(s.labels)), cost{})
	}
	return s
}

// weightOf is the weight of an edge: 1 unless its attribute is a number over 0.
func (p *pathfinder) weightOf(edge int32) float64 {
	if v := p.weightAt(edge); v.IsNumber() && v.Float() > 0 {
		return v.Float()
	}
	return 1
}

// reach notes a way to a slot, and reports whether it is the best so far.
func (s *weightSearch) reach(slot, from int32, c cost) bool {
	n := s.number.get(slot) - 1
	if n < 0 {
		n = int32(len(s.labels))
		if !s.p.x.take(labelBytes) || !s.number.put(slot, n+1) {
			return false
		}
		s.labels = append(s.labels, label{cost: c, slot: slot, from: from, place: int32(len(s.heap))})
		s.heap = append(s.heap, n)
		s.up(len(s.heap) - 1)
		return true
	}
	l := &s.labels[n]
	if l.place < 0 || c.compare(l.cost) >= 0 {
		return false
	}
	l.cost, l.from = c, from
	s.up(int(l.place))
	return true
}

// best is the cost of the next node, farthest when there is none.
func (s *weightSearch) best() cost {
	if len(s.heap) == 0 {
		return farthest
	}
	return s.labels[s.heap[0]].cost
}

// settle takes the nearest node, whose cost is final, and the ways on from it.
// seen is called for each node to which one of them is the best so far.
func (s *weightSearch) settle(seen func(slot int32, c cost)) int32 {
	n := s.pop()
	at := s.labels[n]
	x := s.p.x
	relax := func(edge, other int32) {
		if known := s.number.get(other); known > 0 && s.labels[known-1].place < 0 || !s.p.follows(edge, other) {
			return
		}
		c := at.cost.plus(cost{s.p.weightOf(edge), 1})
		if s.reach(other, n, c) && seen != nil {
			seen(other, c)
		}
	}
	for edge, other := range x.view.OutSlots(at.slot) {
		if !x.visit() {
			return at.slot
		}
		relax(edge, other)
	}
	for edge, other := range x.view.InSlots(at.slot) {
		if !x.visit() {
			return at.slot
		}
		relax(edge, other)
	}
	return at.slot
}

// walk gives the way from a slot back to a root, nil when the search has not
// come to it.
func (s *weightSearch) walk(slot int32) []int32 {
	n := s.number.get(slot) - 1
	if n < 0 {
		return nil
	}
	path := []int32{slot}
	for s.labels[n].from != n && s.p.x.visit() && s.p.x.take(slotBytes) {
		n = s.labels[n].from
		path = append(path, s.labels[n].slot)
	}
	return path
}

func (s *weightSearch) pop() int32 {
	n := s.heap[0]
	last := len(s.heap) - 1
	s.put(0, s.heap[last])
	s.heap = s.heap[:last]
	s.down(0)
	s.labels[n].place = -1
	return n
}

func (s *weightSearch) put(i int, n int32) {
	s.heap[i] = n
	s.labels[n].place = int32(i)
}

func (s *weightSearch) less(i, j int) bool {
	return s.labels[s.heap[i]].cost.compare(s.labels[s.heap[j]].cost) < 0
}

func (s *weightSearch) swap(i, j int) {
	a, b := s.heap[i], s.heap[j]
	s.put(i, b)
	s.put(j, a)
}

func (s *weightSearch) up(i int) {
	for i > 0 && s.less(i, (i-1)/2) {
		s.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (s *weightSearch) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(s.heap) {
			return
		}
		if c+1 < len(s.heap) && s.less(c+1, c) {
			c++
		}
		if !s.less(c, i) {
			return
		}
		s.swap(c, i)
		i = c
	}
}

func (p *pathfinder) forwardByWeight(start int32) []int32 {
	s := p.newWeightSearch([]int32{start})
	for p.x.err == nil && len(s.heap) > 0 {
		if slot := s.settle(nil); p.isTarget(slot) {
			path := s.walk(slot)
			slices.Reverse(path)
			return path
		}
	}
	return nil
}

func (p *pathfinder) floodByWeight(targets, starts []int32) func(start int32) []int32 {
	s := p.newWeightSearch(targets)
	wanted := p.x.slotSet(p.x.view.NodeSlots())
	left := 0
	for _, slot := range starts {
		if wanted.add(slot) {
			left++
		}
	}
	for left > 0 && p.x.err == nil && len(s.heap) > 0 {
		if wanted.has(s.settle(nil)) {
			left--
		}
	}
	return s.walk
}

// betweenByWeight searches from both sides, the nearer one first, until no way
// that is still to be found can be better than the best one that was.
func (p *pathfinder) betweenByWeight(start int32, targets []int32) []int32 {
	a, b := p.newWeightSearch([]int32{start}), p.newWeightSearch(targets)
	const none = -1
	meeting, least := int32(none), farthest
	if b.number.get(start) != 0 {
		return []int32{start}
	}
	for p.x.err == nil && len(a.heap) > 0 && len(b.heap) > 0 && a.best().plus(b.best()).compare(least) < 0 {
		s, other := a, b
		if b.best().compare(a.best()) < 0 {
			s, other = b, a
		}
		s.settle(func(slot int32, c cost) {
			if n := other.number.get(slot); n > 0 {
				if c = c.plus(other.labels[n-1].cost); c.compare(least) < 0 {
					meeting, least = slot, c
				}
			}
		})
	}
	if meeting == none || p.x.err != nil {
		return nil
	}
	path := a.walk(meeting)
	slices.Reverse(path)
	return append(path, b.walk(meeting)[1:]...)
}
