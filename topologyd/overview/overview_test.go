package overview_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

// whole is a source of all of a graph.
func whole(v *graph.View) overview.Source {
	return overview.Source{View: v, Nodes: v.NodeList(), Edges: v.EdgeList()}
}

// draw makes a picture and checks what holds for all.
func draw(t testing.TB, src overview.Source, opt overview.Options) *overview.Picture {
	t.Helper()
	o, err := overview.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.Draw(context.Background(), src)
	if err != nil {
		t.Fatal(err)
	}
	check(t, p, opt)
	return p
}

// check holds a picture against what holds for all of them.
func check(t testing.TB, p *overview.Picture, opt overview.Options) {
	t.Helper()
	limit := opt.Limit
	if limit == 0 {
		limit = overview.DefaultLimit
	}
	if len(p.Nodes) > limit {
		t.Fatalf("%d nodes, the limit is %d", len(p.Nodes), limit)
	}
	at := make(map[string]int, len(p.Nodes))
	nodes, inside, left := 0, 0, 0
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if _, ok := at[n.ID]; ok {
			t.Fatalf("%s is there twice", n.ID)
		}
		at[n.ID] = i
		if (n.Node == nil) == (n.Group == nil) {
			t.Fatalf("%s is both or neither of node and group", n.ID)
		}
		if n.Group == nil {
			nodes++
			if n.ID != n.Node.ID.String() {
				t.Fatalf("ID %s of node %s", n.ID, n.Node.ID)
			}
			continue
		}
		g := n.Group
		if n.ID != n.Path {
			t.Fatalf("group %s has path %s", n.ID, n.Path)
		}
		if n.ID == overview.Others {
			left += g.Nodes
		} else {
			inside += g.Nodes
		}
		types := 0
		for _, c := range g.Types {
			types += c.Count
		}
		if g.Nodes < 2 || types > g.Nodes || len(g.Types) < 8 && types != g.Nodes || g.Up+g.Down > g.Nodes || g.Changes.Total() > g.Nodes {
			t.Fatalf("the numbers of %s do not fit: %+v", n.ID, g)
		}
	}
	if p.Grouped.Nodes != inside || p.LeftOut.Nodes != left || p.Total.Nodes != nodes+inside+left {
		t.Fatalf("total %v, shown %d, grouped %v (%d), left out %v (%d)", p.Total, nodes, p.Grouped, inside, p.LeftOut, left)
	}
	for i := range p.Nodes { // every way up ends
		steps := 0
		for id := p.Nodes[i].ID; id != ""; steps++ {
			j, ok := at[id]
			if !ok || steps > len(p.Nodes) {
				t.Fatalf("the owners of %s do not end: %s", p.Nodes[i].ID, id)
			}
			id = p.Nodes[j].Parent
		}
	}
	edges, within, gone := 0, 0, 0
	ids := make(map[entity.UUID]bool)
	for i := range p.Edges {
		e := &p.Edges[i]
		if _, ok := at[e.Source]; !ok {
			t.Fatalf("edge %v begins at %s, which is not there", e.ID, e.Source)
		}
		if _, ok := at[e.Target]; !ok {
			t.Fatalf("edge %v ends at %s, which is not there", e.ID, e.Target)
		}
		if edges += e.Count; e.Count < 1 || (e.Count == 1) != (e.Edge != nil) || ids[e.ID] {
			t.Fatalf("edge %+v", e)
		}
		ids[e.ID] = true
	}
	for i := range p.Nodes {
		if g := p.Nodes[i].Group; g != nil && p.Nodes[i].ID == overview.Others {
			gone += g.Edges
		} else if g != nil {
			within += g.Edges
		}
	}
	if p.Grouped.Edges != within || p.LeftOut.Edges != gone || p.Total.Edges != edges+within+gone {
		t.Fatalf("total %v, shown %d, grouped %v (%d), left out %v (%d)", p.Total, edges, p.Grouped, within, p.LeftOut, gone)
	}
	encode(t, p)
}

// encode returns the picture as JSON.
func encode(t testing.TB, p *overview.Picture) string {
	t.Helper()
	var buf bytes.Buffer
	buf.WriteByte('{')
	if err := p.WriteJSON(&buf); err != nil {
		t.Fatal(err)
	}
	buf.WriteByte('}')
	if !json.Valid(buf.Bytes()) {
		t.Fatalf("no JSON: %s", buf.Bytes())
	}
	return buf.String()
}

// sketch is a picture as short text.
func sketch(p *overview.Picture) string {
	name := make(map[string]string)
	var b strings.Builder
	fmt.Fprintf(&b, "depth %d of %s, total %v, grouped %v, left out %v\n", p.Depth, strings.Join(p.Levels, " "), p.Total, p.Grouped, p.LeftOut)
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Group != nil {
			name[n.ID] = "[" + n.Group.Label + "]"
		} else {
			name[n.ID] = n.Node.Attrs.Get("Name").Str()
		}
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		fmt.Fprintf(&b, "%s", name[n.ID])
		if g := n.Group; g != nil {
			fmt.Fprintf(&b, " %s: %d nodes %d edges", g.Level, g.Nodes, g.Edges)
			for _, c := range g.Types {
				fmt.Fprintf(&b, " %s*%d", c.Type, c.Count)
			}
			fmt.Fprintf(&b, " up %d down %d stale %d", g.Up, g.Down, g.Stale)
			if g.Changes.Total() > 0 {
				fmt.Fprintf(&b, " +%d -%d ~%d", g.Changes.Added, g.Changes.Removed, g.Changes.Changed)
			}
		}
		if n.Parent != "" {
			fmt.Fprintf(&b, " of %s", name[n.Parent])
		}
		if n.Change != 0 {
			fmt.Fprintf(&b, " %v", n.Change)
			for _, k := range n.Keys {
				fmt.Fprintf(&b, " %s", k.Key)
			}
		}
		if n.Rate != nil {
			fmt.Fprintf(&b, " %g/%g", n.Rate.Rx, n.Rate.Tx)
		}
		b.WriteByte('\n')
	}
	for i := range p.Edges {
		e := &p.Edges[i]
		fmt.Fprintf(&b, "%s -%s- %s", name[e.Source], e.Type, name[e.Target])
		if e.Count > 1 {
			fmt.Fprintf(&b, " *%d", e.Count)
		}
		if e.Change != 0 {
			fmt.Fprintf(&b, " %v", e.Change)
		}
		if e.Rate != nil {
			fmt.Fprintf(&b, " %g", *e.Rate)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// small has two hosts with two namespaces of one pair each: 18 nodes.
func small() overviewtest.Config {
	return overviewtest.Config{Hosts: 2, Namespaces: 2, Pairs: 1, At: overviewtest.Time()}
}

func hostPath(h int) string { return "host=" + overviewtest.HostID(h) }

func nsPath(h, n int) string {
	if n == 0 {
		return hostPath(h) + "/namespace=" + entity.HostRef(overviewtest.HostID(h)).UUID().String()
	}
	return hostPath(h) + "/namespace=" + overviewtest.NamespaceRef(h, n).UUID().String()
}
