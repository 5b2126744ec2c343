package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
)

// Picture is what is drawn. All nodes and edges of the source are shown by
// themselves or merged, Grouped or LeftOut.
type Picture struct {
	// Levels are those of grouping; Depth is how many of them everything is opened
	// by: with 0 groups of the first level are shown, with len(Levels) nodes.
	Levels []string
	Depth  int
	Total  Count
	// Grouped counts what is inside groups, LeftOut what is inside the one that
	// stands for all first groups there was no room for.
	Grouped, LeftOut Count
	// Diff is that of the source.
	Diff *diff.Diff
	// Nodes are sorted by host, path, time of creation and ID; Edges by their ends
	// in that order, and type.
	Nodes []Node
	Edges []Edge
}

// Count counts nodes and edges.
type Count struct{ Nodes, Edges int }

// Node is a node of a picture: a node of the graph or a group.
type Node struct {
	// ID is that of the node, the path of a group.
	ID string
	// Node is nil for a group, Group for a node.
	Node  *graph.Node
	Group *Group
	// Path is that of the group, or of the group of the last level that the node
	// is in.
	Path string
	// Parent is the ID of the nearest owner that is shown, "" when none is. There
	// are no loops.
	Parent string
	// Host is the host.id, "" when there is none or more than one.
	Host string
	// Change is 0 when the node did not change, and for groups.
	Change diff.Op
	// Keys are those that changed.
	Keys []diff.Key
	// Rate is nil when it is not known.
	Rate *Rate

	createdAt int64
	// parent is the number of the owner, nobody when there is none.
	parent int32
}

// Group is a group of nodes.
type Group struct {
	// Level is the one it is of, Value what its nodes have in common, Label the
	// same for people.
	Level, Value, Label string
	// Nodes and Edges count what is inside.
	Nodes, Edges int
	// Types are the most common first.
	Types []TypeCount
	// Up and Down count nodes by their State, Stale those whose reports are
	// overdue. Nodes that were removed do not count.
	Up, Down, Stale int
	// Changes counts nodes of a difference.
	Changes diff.Summary
	// Expandable tells that it can be opened by its path.
	Expandable bool
}

// TypeCount counts the nodes of a type.
type TypeCount struct {
	Type  string
	Count int
}

// Edge is one edge, or several that are drawn as one.
type Edge struct {
	// ID is the edge's own, or made of ends and type when it is several.
	ID entity.UUID
	// Source and Target are IDs of nodes of the picture.
	Source, Target string
	Type           string
	// Count is how many edges it is; Edge is set when it is one.
	Count int
	Edge  *graph.Edge
	// Stale tells that all are.
	Stale bool
	// Change is Added or Removed when all were, Changed when some differ.
	Change diff.Op
	// Keys are those of the one edge that changed.
	Keys []diff.Key
	// Rate is in bytes per second, both directions together; nil when it is not
	// known, and for edges that are not of layer 2.
	Rate *float64
}

// maxTypes bounds the types of a group.
const maxTypes = 8

// Draw makes the picture of a source. The error is the context's.
func (o *Overview) Draw(ctx context.Context, src Source) (*Picture, error) {
	s, err := collect(ctx, src)
	if err != nil {
		return nil, err
	}
	if o.changesOnly && src.Diff != nil {
		s.changedOnly()
	}
	levels := make([]level, len(o.levels))
	for i, name := range o.levels {
		levels[i] = s.levelOf(name, o.levels[:i])
	}
	t, err := plant(ctx, s, levels)
	if err != nil {
		return nil, err
	}
	d := &drawing{s: s, t: t, names: o.levels, levels: levels, paths: make(map[int32]string)}
	c := choose(t, s, o, levels)
	p := &Picture{Levels: o.levels, Depth: c.depth, Diff: src.Diff, Total: Count{len(s.elements), len(s.links)}}
	d.nodes(c, p)
	d.parents(p)
	if err := d.edges(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// drawing is a picture under way.
type drawing struct {
	s      *set
	t      *tree
	names  []string
	levels []level
	paths  map[int32]string
	// inside are the elements that each node of the picture stands for, shown is
	// the number of the one that stands for an element.
	inside [][]int32
	shown  []int32
	// rates are those of the elements.
	rates []Rate
	known []bool
}

// path returns the path of a group.
func (d *drawing) path(g int32) string {
	s, ok := d.paths[g]
	if !ok {
		s = d.t.path(g, d.names)
		d.paths[g] = s
	}
	return s
}

// nodes makes the nodes of the picture.
func (d *drawing) nodes(c *chooser, p *Picture) {
	d.rates, d.known = make([]Rate, len(d.s.elements)), make([]bool, len(d.s.elements))
	for i := range d.s.elements {
		if e := &d.s.elements[i]; !e.old {
			d.rates[i], d.known[i] = rateOf(e.node)
		}
	}
	type drawn struct {
		node   Node
		inside []int32
	}
	var list []drawn
	c.walk(func(it item) bool {
		var x drawn
		switch {
		case it.group == nobody:
			x.inside = []int32{it.element}
			x.node = d.node(it.element)
		case it.elements != nil:
			x.inside = it.elements
			x.node = d.group(it.group, x.inside, true)
		case it.groups != nil:
			for _, g := range it.groups {
				x.inside = append(x.inside, d.t.order[d.t.groups[g].lo:d.t.groups[g].hi]...)
			}
			x.node = d.group(it.group, x.inside, true)
		default:
			x.inside = d.t.order[d.t.groups[it.group].lo:d.t.groups[it.group].hi]
			x.node = d.group(it.group, x.inside, false)
		}
		list = append(list, x)
		return true
	})
	slices.SortFunc(list, func(a, b drawn) int {
		return cmp.Or(strings.Compare(a.node.Host, b.node.Host), strings.Compare(a.node.Path, b.node.Path),
			cmp.Compare(a.node.createdAt, b.node.createdAt), strings.Compare(a.node.ID, b.node.ID))
	})
	p.Nodes, d.inside = make([]Node, len(list)), make([][]int32, len(list))
	d.shown = make([]int32, len(d.s.elements))
	for i := range list {
		p.Nodes[i], d.inside[i] = list[i].node, list[i].inside
		for _, e := range list[i].inside {
			d.shown[e] = int32(i)
		}
		switch n := &p.Nodes[i]; {
		case n.Group == nil:
		case n.ID == Others:
			p.LeftOut.Nodes += n.Group.Nodes
		default:
			p.Grouped.Nodes += n.Group.Nodes
		}
	}
}

// node makes a node of one element.
func (d *drawing) node(i int32) Node {
	e := &d.s.elements[i]
	n := Node{ID: e.node.ID.String(), Node: e.node, Path: d.path(e.leaf), Host: e.host, createdAt: e.node.CreatedAt}
	if e.diff != nil {
		n.Change, n.Keys = e.diff.Op(), e.diff.Keys
	}
	if d.known[i] {
		n.Rate = &d.rates[i]
	}
	return n
}

// group makes a node of a group, or of the others of one.
func (d *drawing) group(g int32, inside []int32, others bool) Node {
	x := &d.t.groups[g]
	out := Group{Nodes: len(inside), Expandable: !others}
	path := d.path(g)
	if others {
		out.Level, out.Label = Others, Others
		path = strings.TrimPrefix(path+"/"+Others, "/")
	} else {
		out.Level, out.Value, out.Label = d.names[x.level], x.value, d.t.labelOf(g, d.levels[x.level])
	}
	n := Node{ID: path, Group: &out, Path: path, Host: d.s.elements[inside[0]].host}
	types := make(map[string]int)
	var sum Rate
	known := false
	for _, i := range inside {
		e := &d.s.elements[i]
		types[typeOf(e.node)]++
		if e.host != n.Host {
			n.Host = ""
		}
		if e.diff != nil {
			count(&out.Changes, e.diff.Op())
		}
		if d.known[i] {
			known = true
			sum.Rx += d.rates[i].Rx
			sum.Tx += d.rates[i].Tx
		}
		if e.old {
			continue
		}
		if e.node.Stale {
			out.Stale++
		}
		switch e.node.Attrs.Get(keyState).Str() {
		case stateUp:
			out.Up++
		case stateDown:
			out.Down++
		}
	}
	if known {
		n.Rate = &sum
	}
	for typ, k := range types {
		out.Types = append(out.Types, TypeCount{typ, k})
	}
	slices.SortFunc(out.Types, func(a, b TypeCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Type, b.Type))
	})
	out.Types = out.Types[:min(len(out.Types), maxTypes)]
	return n
}

func count(s *diff.Summary, op diff.Op) {
	switch op {
	case diff.Added:
		s.Added++
	case diff.Removed:
		s.Removed++
	case diff.Changed:
		s.Changed++
	}
}

// parents finds what owns what: of a group, what owns most of its nodes.
func (d *drawing) parents(p *Picture) {
	votes := make(map[int32]int)
	for i := range p.Nodes {
		p.Nodes[i].parent = nobody
		if p.Nodes[i].Group != nil && p.Nodes[i].ID == Others {
			continue
		}
		clear(votes)
		for _, e := range d.inside[i] {
			for range maxDepth {
				if e = d.s.elements[e].owner; e == nobody {
					break
				}
				if at := d.shown[e]; at != int32(i) {
					votes[at]++
					break
				}
			}
		}
		most := 0
		for at, n := range votes {
			if n > most || n == most && at < p.Nodes[i].parent {
				p.Nodes[i].parent, most = at, n
			}
		}
	}
	d.unloop(p)
	for i := range p.Nodes {
		if at := p.Nodes[i].parent; at != nobody {
			p.Nodes[i].Parent = p.Nodes[at].ID
		}
	}
}

// unloop takes the owner from one of those that own one another in a circle.
func (d *drawing) unloop(p *Picture) {
	round := make([]int, len(p.Nodes))
	for i := range p.Nodes {
		at := int32(i)
		for at != nobody && round[at] == 0 {
			round[at] = i + 1
			next := p.Nodes[at].parent
			if next != nobody && round[next] == i+1 {
				p.Nodes[at].parent = nobody
				next = nobody
			}
			at = next
		}
	}
}
