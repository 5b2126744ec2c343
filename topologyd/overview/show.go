package overview

import (
	"cmp"
	"slices"
)

// item is one node of the picture: a node, a group, or what is left of a group.
type item struct {
	// group is nobody for a node.
	group int32
	// element is the node.
	element int32
	// groups or elements are what is left of the group.
	groups, elements []int32
}

func (it *item) others() bool { return it.groups != nil || it.elements != nil }

// size counts the nodes of the picture; it does not go far above the limit.
func (c *chooser) size() int {
	n := 0
	c.walk(func(item) bool {
		n++
		return n <= c.limit
	})
	return n
}

// walk gives what is shown until visit returns false.
func (c *chooser) walk(visit func(item) bool) { c.show(0, c.depth, visit) }

func (c *chooser) show(g int32, depth int, visit func(item) bool) bool {
	x := &c.t.groups[g]
	if k, ok := c.part[g]; ok {
		return c.showPart(g, k, visit)
	}
	depth = max(depth, c.open[g])
	switch {
	case x.size() == 1:
		return visit(item{group: nobody, element: c.t.order[x.lo]})
	case x.level >= depth:
		return visit(item{group: g})
	case len(x.children) == 0:
		for _, e := range c.t.order[x.lo:x.hi] {
			if !visit(item{group: nobody, element: e}) {
				return false
			}
		}
		return true
	}
	for _, child := range x.children {
		if !c.show(child, depth, visit) {
			return false
		}
	}
	return true
}

// showPart shows k of what is in a group, and the others of it.
func (c *chooser) showPart(g int32, k int, visit func(item) bool) bool {
	x, list := &c.t.groups[g], c.ranked(g)
	k = min(k, len(list))
	rest := item{group: g, groups: list[k:]}
	if len(x.children) == 0 {
		rest = item{group: g, elements: list[k:]}
	}
	for _, i := range list[:k] {
		if len(x.children) > 0 {
			if !c.show(i, x.level+1, visit) {
				return false
			}
		} else if !visit(item{group: nobody, element: i}) {
			return false
		}
	}
	return k == len(list) || visit(rest)
}

// ranked sorts what is in a group by what is shown first: what was asked for,
// then the largest groups.
func (c *chooser) ranked(g int32) []int32 {
	if list, ok := c.sorted[g]; ok {
		return list
	}
	x := &c.t.groups[g]
	var list []int32
	if len(x.children) == 0 {
		list = members(c.s, c.t.order[x.lo:x.hi])
	} else {
		rank := func(g int32) int {
			if c.wanted[g] {
				return 0
			}
			return 1
		}
		list = slices.Clone(x.children)
		slices.SortStableFunc(list, func(a, b int32) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(c.t.groups[b].size(), c.t.groups[a].size()))
		})
	}
	c.sorted[g] = list
	return list
}
