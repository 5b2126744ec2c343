package nodegraph

import (
	"container/list"
	"sync"

	"github.com/skein-net/skein/grafana-datasource/pkg/layout"
)

// Bounds of [Places].
const (
	// MaxGraphs is how many graphs are remembered, MaxPlaces how many places in
	// all of them; one place takes about 100 bytes.
	MaxGraphs = 64
	MaxPlaces = 100_000
)

// Places remembers where the elements of graphs were drawn, so that they stay
// there. It forgets the graphs that were asked for longest ago. It is safe for
// concurrent use.
type Places struct {
	mu     sync.Mutex
	graphs map[string]*list.Element
	// order has *graph, the last one asked for first.
	order list.List
	total int
}

// graph is the memory of one graph.
type graph struct {
	key string
	// size is what total counts of it; guarded by Places.mu.
	size int
	mu   sync.Mutex
	last *layout.Placement
	// views are where the panel begins to look, by the groups that are open.
	views map[string]layout.Point
}

// maxViews is how many ways to open groups of one graph are remembered.
const maxViews = 64

// focus is what the panel shows at first: of a group that was opened what came
// out of it. The zero value is the whole picture.
type focus struct {
	// open names the groups that are open; with them the view stays the same.
	open string
	ids  []string
}

// look moves all points to the view.
func (g *graph) look(points map[string]layout.Point, f focus) {
	if len(f.ids) == 0 {
		return
	}
	by, known := g.views[f.open]
	if !known {
		inside := make([]layout.Point, len(f.ids))
		for i, id := range f.ids {
			inside[i] = points[id]
		}
		by = layout.View(inside)
		if g.views == nil || len(g.views) >= maxViews {
			g.views = make(map[string]layout.Point)
		}
		g.views[f.open] = by
	}
	for id, at := range points {
		points[id] = layout.Point{X: at.X + by.X, Y: at.Y + by.Y}
	}
}

// NewPlaces returns an empty memory.
func NewPlaces() *Places { return &Places{graphs: make(map[string]*list.Element)} }

// Place gives items their places in the graph with a key, near where they were
// before. A nil Places remembers nothing.
func (p *Places) Place(key string, items []layout.Item, edges []layout.Edge) map[string]layout.Point {
	return p.place(key, items, edges, focus{})
}

// place is Place for a picture that begins elsewhere.
func (p *Places) place(key string, items []layout.Item, edges []layout.Edge, f focus) map[string]layout.Point {
	if p == nil {
		points, _ := layout.Place(items, edges, nil)
		(&graph{}).look(points, f)
		return points
	}
	g := p.graph(key)
	// Two panels that ask for one graph take turns: neither may move what the
	// other has placed.
	g.mu.Lock()
	points, last := layout.Place(items, edges, g.last)
	g.last = last
	g.look(points, f)
	g.mu.Unlock()
	p.resize(g, last.Len())
	return points
}

// Len returns how many graphs and places are remembered.
func (p *Places) Len() (graphs, places int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.order.Len(), p.total
}

func (p *Places) graph(key string) *graph {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.graphs[key]; ok {
		p.order.MoveToFront(e)
		return e.Value.(*graph)
	}
	g := &graph{key: key}
	p.graphs[key] = p.order.PushFront(g)
	p.evict()
	return g
}

// resize counts the places of a graph, which may have been forgotten by now.
func (p *Places) resize(g *graph, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.graphs[g.key]; !ok || e.Value.(*graph) != g {
		return
	}
	p.total += size - g.size
	g.size = size
	p.evict()
}

func (p *Places) evict() {
	for p.order.Len() > MaxGraphs || p.total > MaxPlaces && p.order.Len() > 1 {
		e := p.order.Back()
		g := e.Value.(*graph)
		p.order.Remove(e)
		delete(p.graphs, g.key)
		p.total -= g.size
	}
}
