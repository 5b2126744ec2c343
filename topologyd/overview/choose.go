package overview

import (
	"cmp"
	"slices"
	"strings"
)

// chooser decides which groups are open.
type chooser struct {
	t     *tree
	s     *set
	limit int
	// depth is the level to which everything is open.
	depth int
	// open has the level to which the inside of a group is open; 0 is not.
	open map[int32]int
	// part has how many of what is in a group are shown beside its others, for
	// groups that are open but have too much inside.
	part map[int32]int
	// wanted are the groups on the way to those that were asked for.
	wanted map[int32]bool
	// sorted has the children or elements of the groups of part, those that are
	// shown first.
	sorted map[int32][]int32
	undo   []setting
}

// setting is what a group had before a trial.
type setting struct {
	group      int32
	open, part int
}

// target is a group that was asked for, with those around it, coarse to fine.
type target []int32

// maxTargets bounds how many groups one request opens by name.
const maxTargets = 1024

// choose opens as much as fits: everything to the same depth, then what was
// asked for. What was asked for is worth more than the last level of depth.
func choose(t *tree, s *set, o *Overview, levels []level) *chooser {
	c := &chooser{t: t, s: s, limit: o.limit, part: make(map[int32]int), wanted: make(map[int32]bool), sorted: make(map[int32][]int32)}
	c.reset()
	if t.groups[0].size() <= c.limit {
		c.depth = t.levels
		return c
	}
	targets := c.targets(o, levels)
	if t.count(0, 0, c.limit+1) > c.limit {
		c.leaveOut(targets)
	} else {
		c.uniform(targets)
	}
	c.reset()
	for _, g := range targets {
		c.try(func() { c.openNext(g) })
	}
	for _, g := range slices.Backward(targets) {
		c.deepen(g[len(g)-1])
	}
	for _, g := range slices.Backward(targets) {
		c.openPart(g)
	}
	if o.all {
		c.openAll()
	}
	return c
}

// reset closes all groups that were opened by name.
func (c *chooser) reset() { c.open = make(map[int32]int) }

// targets finds the groups that were asked for: coarse ones first, else in the
// order of the request.
func (c *chooser) targets(o *Overview, levels []level) []target {
	var out []target
	known := make(map[int32]bool)
	for _, p := range o.expand {
		at := []target{{0}}
		for i := range p {
			var next []target
			for _, way := range at {
				for _, g := range c.named(way[len(way)-1], p[i].Value, levels[i]) {
					next = append(next, append(slices.Clip(way), g))
				}
			}
			at = next
		}
		for _, way := range at {
			if g := way[len(way)-1]; !known[g] && len(out) < maxTargets {
				known[g] = true
				out = append(out, way[1:])
			}
		}
	}
	for _, way := range out {
		for _, g := range way {
			c.wanted[g] = true
		}
	}
	slices.SortStableFunc(out, func(a, b target) int { return cmp.Compare(len(a), len(b)) })
	return out
}

// named returns the groups in another one with a value, else those with that
// label.
func (c *chooser) named(in int32, value string, l level) []int32 {
	children := c.t.groups[in].children
	i, ok := slices.BinarySearchFunc(children, value, func(g int32, v string) int { return strings.Compare(c.t.groups[g].value, v) })
	if ok {
		return children[i : i+1]
	}
	var out []int32
	for _, g := range children {
		if c.t.labelOf(g, l) == value && len(out) < maxTargets {
			out = append(out, g)
		}
	}
	return out
}

// labelOf returns the label of a group.
func (t *tree) labelOf(g int32, l level) string {
	x := &t.groups[g]
	if x.label == "" {
		if x.label = l.none(); x.value != "" {
			x.label = l.label(x.value)
		}
	}
	return x.label
}

// uniform chooses the depth: the deepest that fits and leaves room to open what
// was asked for by one step.
func (c *chooser) uniform(targets []target) {
	for d := c.t.levels; d >= 0; d-- {
		if c.t.count(0, d, c.limit+1) > c.limit {
			continue
		}
		c.reset()
		c.depth = d
		reserve := 0
		for _, g := range targets {
			if c.huge(g) {
				reserve = c.limit / 4
			} else {
				c.openNext(g)
			}
		}
		if c.size()+reserve <= c.limit {
			return
		}
	}
}

// huge reports whether a group cannot be opened whole even by one step in a
// reasonable part of the picture.
func (c *chooser) huge(g target) bool {
	last := g[len(g)-1]
	return c.t.count(last, c.t.next(last), c.limit/2+2) > c.limit/2
}

// leaveOut shows the largest of the first groups only, for there are too many;
// what was asked for gets up to half of the room.
func (c *chooser) leaveOut(targets []target) {
	first := make(map[int32]bool)
	for _, g := range targets {
		if first[g[0]] = true; !c.huge(g) {
			c.openNext(g)
		}
	}
	c.part[0] = len(first)
	need := c.size() - len(first) - 1
	c.part[0] = max(c.limit-1-need, c.limit/2)
}

// raise opens a group to a level at least.
func (c *chooser) raise(g int32, level int) {
	if level <= c.open[g] {
		return
	}
	c.note(g)
	c.open[g] = level
}

func (c *chooser) note(g int32) { c.undo = append(c.undo, setting{g, c.open[g], c.part[g]}) }

// try does something and takes it back when it does not fit.
func (c *chooser) try(do func()) bool {
	c.undo = c.undo[:0]
	do()
	if c.size() <= c.limit {
		return true
	}
	for _, u := range slices.Backward(c.undo) {
		c.open[u.group] = u.open
		if u.part > 0 {
			c.part[u.group] = u.part
		} else {
			delete(c.part, u.group)
		}
	}
	return false
}

// openNext opens a group by one step, and those around it so far that it is
// seen.
func (c *chooser) openNext(g target) {
	for _, around := range g[:len(g)-1] {
		c.raise(around, c.t.groups[around].level+1)
	}
	last := g[len(g)-1]
	c.raise(last, c.t.next(last))
}

// deepen opens a group that is open as deep as fits.
func (c *chooser) deepen(g int32) {
	for l := c.t.levels; l > c.open[g] && c.open[g] > 0; l-- {
		if c.try(func() { c.raise(g, l) }) {
			return
		}
	}
}

// openPart opens what can not be opened whole: as many as fit are shown, and
// the others of the group.
func (c *chooser) openPart(way target) {
	for i, g := range way {
		if c.part[g] > 0 || c.open[g] > 0 || c.t.groups[g].level < c.depth {
			continue
		}
		last := i == len(way)-1
		if !last && c.try(func() { c.raise(g, c.t.groups[g].level+1) }) {
			continue
		}
		room := c.limit - c.size()
		if !last {
			room /= 2
		}
		if room < 1 || !c.try(func() { c.note(g); c.part[g] = room }) {
			return
		}
	}
}

// openAll opens what is shown as deep as fits, the smallest groups first.
func (c *chooser) openAll() {
	var shown []int32
	n := 0
	c.walk(func(it item) bool {
		if n++; it.group > 0 && !it.others() {
			shown = append(shown, it.group)
		}
		return true
	})
	slices.SortStableFunc(shown, func(a, b int32) int { return cmp.Compare(c.t.groups[a].size(), c.t.groups[b].size()) })
	for _, g := range shown {
		for l := c.t.levels; l > c.t.groups[g].level; l-- {
			if k := c.t.count(g, l, c.limit+1); n-1+k <= c.limit {
				c.open[g] = l
				n += k - 1
				break
			}
		}
	}
}
