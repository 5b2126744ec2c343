package overview_test

import (
	"context"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/overview"
	"github.com/skein-net/skein/topologyd/overview/overviewtest"
)

// changed is the small network before and after: on host 0 a pair of veth is
// down and the second namespace is gone with what is in it, on host 1 there is
// one pair more.
func changed(t *testing.T, opt diff.Options) overview.Source {
	t.Helper()
	c := small()
	g := c.Graph()
	before := g.View()
	at := overviewtest.Time().Add(time.Minute)
	tell := func(e entity.Event) {
		e.Time = at
		x := g.Prepare(&e, 0)
		g.Apply(&x, at, nil)
	}
	more := c
	more.Pairs = 2
	old := make(map[entity.UUID]bool)
	for _, e := range c.Events() {
		old[e.UUID()] = true
		switch name := e.Attributes.Get("Name").Str(); {
		case e.ID.Get(entity.IDHost) != overviewtest.HostID(0):
		case name == "veth1-0":
			e.Attributes = e.Attributes.With("State", entity.String("DOWN")).With("MTU", entity.Int(9000))
			tell(e)
		case name == "ns-2" || e.ID.Get(entity.IDNamespace) == "4026531842":
			e.Kind, e.Attributes, e.Relationships = entity.Delete, nil, nil
			tell(e)
		}
	}
	for _, e := range more.Events() {
		if e.ID.Get(entity.IDHost) == overviewtest.HostID(1) && !old[e.UUID()] {
			tell(e)
		}
	}
	src := whole(g.View())
	src.Before = before
	var err error
	if src.Diff, err = diff.Views(context.Background(), before, src.View, opt); err != nil {
		t.Fatal(err)
	}
	return src
}

func TestDifference(t *testing.T) {
	src := changed(t, diff.Options{})
	for name, opt := range map[string]overview.Options{
		"diff":             {},
		"diff-namespaces":  {Limit: 10},
		"diff-hosts":       {Limit: 4},
		"diff-only":        {ChangesOnly: true},
		"diff-only-groups": {ChangesOnly: true, Limit: 8},
		"diff-part":        {Limit: 4, Levels: []string{"host"}, Expand: []string{hostPath(0)}},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, sketch(draw(t, src, opt))) })
	}
}

// Keys that do not count make no change.
func TestDifferenceKeys(t *testing.T) {
	keys, err := diff.ParseSelection("MTU")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "diff-keys", sketch(draw(t, changed(t, diff.Options{Keys: keys}), overview.Options{ChangesOnly: true})))
}

// A slice of time holds each element as often as it has revisions; it is drawn
// once.
func TestSlice(t *testing.T) {
	b := graph.NewBuilder(4, 2)
	at := func(id byte, name string, from int64) *graph.Node {
		return &graph.Node{ID: entity.UUID{id}, UpdatedAt: from, CreatedAt: 1, Attrs: entity.Attrs{entity.A("Name", entity.String(name))}}
	}
	host := b.AddNode(at(1, "host", 1))
	first := b.AddNode(at(2, "older", 1))
	second := b.AddNode(at(2, "newer", 2))
	edge := func(from int64) *graph.Edge {
		return &graph.Edge{ID: entity.UUID{9}, Parent: entity.UUID{1}, Child: entity.UUID{2}, RelationType: entity.Ownership, UpdatedAt: from}
	}
	b.AddEdgeBetween(edge(1), [][2]int32{{host, first}, {host, second}})
	b.AddEdgeBetween(edge(2), [][2]int32{{host, second}})
	v := b.View(7)
	if !v.IsSlice() {
		t.Fatal("this is no slice")
	}
	golden(t, "slice", sketch(draw(t, whole(v), overview.Options{})))
}
