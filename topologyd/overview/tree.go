package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// tree is all groups there are. Group 0 is everything.
type tree struct {
	levels int
	groups []group
	// order has the elements so that those of a group follow one another.
	order []int32
}

// group is a group at some level, shown or not.
type group struct {
	parent int32
	// level counts from 0; that of everything is -1.
	level int
	value string
	// label is made when it is asked for.
	label string
	// children are sorted by value; a group of the last level has none.
	children []int32
	// lo and hi bound its elements in tree.order.
	lo, hi int32
}

func (g *group) size() int { return int(g.hi - g.lo) }

// plant makes the tree of a set and notes the group of each element.
func plant(ctx context.Context, s *set, levels []level) (*tree, error) {
	type branch struct {
		parent int32
		value  string
	}
	t := &tree{levels: len(levels), groups: []group{{level: -1}}, order: make([]int32, len(s.elements))}
	known := make(map[branch]int32)
	for i := range s.elements {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return nil, stopped(ctx)
		}
		e, at := &s.elements[i], int32(0)
		for depth, l := range levels {
			b := branch{at, l.value(e)}
			g, ok := known[b]
			if !ok {
				g = int32(len(t.groups))
				known[b] = g
				t.groups = append(t.groups, group{parent: at, level: depth, value: b.value})
				t.groups[at].children = append(t.groups[at].children, g)
			}
			at = g
		}
		e.leaf = at
		t.groups[at].hi++ // a count, until it is known where it begins
	}
	for i := range t.groups {
		slices.SortFunc(t.groups[i].children, func(a, b int32) int { return strings.Compare(t.groups[a].value, t.groups[b].value) })
	}
	t.place(0, 0)
	next := make([]int32, len(t.groups))
	for i := range s.elements {
		leaf := s.elements[i].leaf
		t.order[t.groups[leaf].lo+next[leaf]] = int32(i)
		next[leaf]++
	}
	return t, nil
}

// place sets the bounds of a group that begins at lo and returns where it ends.
func (t *tree) place(g, lo int32) int32 {
	x := &t.groups[g]
	x.lo = lo
	if len(x.children) == 0 {
		x.hi += lo
		return x.hi
	}
	for _, c := range x.children {
		lo = t.place(c, lo)
	}
	t.groups[g].hi = lo
	return lo
}

// count returns how many groups of a level a group has, its nodes for the level
// after the last; most or more are most.
func (t *tree) count(g int32, level, most int) int {
	x := &t.groups[g]
	if level >= t.levels {
		return min(x.size(), most)
	}
	if x.level >= level {
		return 1
	}
	n := 0
	for _, c := range x.children {
		if n += t.count(c, level, most-n); n >= most {
			return most
		}
	}
	return n
}

// next returns the first level at which a group falls apart, the one after the
// last when it never does.
func (t *tree) next(g int32) int {
	for l := t.groups[g].level + 1; l < t.levels; l++ {
		if t.count(g, l, 2) > 1 {
			return l
		}
	}
	return t.levels
}

// path returns the path of a group.
func (t *tree) path(g int32, levels []string) string {
	var way []int32
	for ; g != 0; g = t.groups[g].parent {
		way = append(way, g)
	}
	var b []byte
	for i := len(way) - 1; i >= 0; i-- {
		x := &t.groups[way[i]]
		b = appendStep(b, levels[x.level], x.value)
	}
	return string(b)
}

// members sorts elements of one group as they are shown: what changed, then by
// time of creation and ID.
func members(s *set, list []int32) []int32 {
	out := slices.Clone(list)
	same := func(e *element) int {
		if e.diff != nil {
			return 0
		}
		return 1
	}
	slices.SortFunc(out, func(a, b int32) int {
		x, y := &s.elements[a], &s.elements[b]
		return cmp.Or(cmp.Compare(same(x), same(y)), cmp.Compare(x.created, y.created), compareIDs(s.id(x), s.id(y)))
	})
	return out
}
