package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
)

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
			d.rates[i], d.known[i] = rateOf(d.s.src.View.NodeGrowth(e.slot))
		}
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
	p.Hosts = d.hosts(list)
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

// drawn is a node of the picture with the elements in it.
type drawn struct {
	node   Node
	inside []int32
}

// hosts names the hosts of what is drawn, which is sorted by them.
func (d *drawing) hosts(list []drawn) (out []Host) {
	for i := range list {
		id := list[i].node.Host
		if id == "" || i > 0 && list[i-1].node.Host == id {
			continue
		}
		if name := d.s.name(entity.HostRef(id).UUID()); name != "" {
			out = append(out, Host{id, name})
		}
	}
	return out
}

// node makes a node of one element.
func (d *drawing) node(i int32) Node {
	e := &d.s.elements[i]
	node := d.s.ancestry(e).view.NodeAt(e.slot)
	n := Node{ID: node.ID.String(), Node: node, Path: d.path(e.leaf), Host: e.host, createdAt: e.created}
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
		types[d.s.ancestry(e).text(e.slot, entity.KeyType)]++
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
		if d.s.src.View.NodeStale(e.slot) {
			out.Stale++
		}
		switch d.s.src.View.NodeAttr(e.slot, keyState).Str() {
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
