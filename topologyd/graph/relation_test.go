package graph

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// TestEdgesOf compares with a look at every edge, with more relation types than
// have a number, and after edges are gone.
func TestEdgesOf(t *testing.T) {
	g := New(DefaultConfig())
	now := time.Unix(1000, 0)
	host := entity.HostRef("h")
	for i := range maxRelations + 20 {
		e := entity.Event{
			Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Source: "s", Time: now,
			Attributes:    entity.Attrs{entity.A("Name", entity.String(fmt.Sprint(i)))},
			Relationships: []entity.Relationship{{Type: fmt.Sprintf("r%d", i), Target: host}, {Type: "all", Target: host}},
		}
		if i == 0 {
			apply(t, g, entity.Event{Ref: host, Source: "s", Time: now, Attributes: entity.Attrs{entity.A("Name", entity.String("h"))}})
		}
		apply(t, g, e)
		if i%3 == 0 {
			e.Relationships = e.Relationships[:1]
			apply(t, g, e)
		}
	}
	v := g.View()
	some := 0
	for _, relation := range []string{"all", "r0", "r7", fmt.Sprintf("r%d", maxRelations+10), "nothing"} {
		var want []int32
		for edge := range v.EdgeList() {
			if v.RelationType(edge) == relation {
				want = append(want, edge)
			}
		}
		some += len(want)
		if got := slices.Collect(v.EdgesOf(relation)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", relation, got, want)
		}
	}
	if some < maxRelations/2 {
		t.Errorf("%d edges: the test tests too little", some)
	}
	if full := slices.Collect(New(DefaultConfig()).View().EdgesOf("all")); len(full) != 0 {
		t.Errorf("an empty graph has edges %v", full)
	}
}

func apply(t *testing.T, g *Graph, e entity.Event) {
	t.Helper()
	p := g.Prepare(&e, 0)
	g.Apply(&p, e.Time, nil)
}
