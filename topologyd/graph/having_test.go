package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// TestNodesHaving compares with a look at every node while keys come and go, in
// the live graph and in a built view of the same nodes.
func TestNodesHaving(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	g := New(DefaultConfig())
	keys := []string{"A", "B", "M", "M.a", "TID", "@ID", "Metric", "nothing", "A.b"}
	values := []entity.Value{
		entity.Int(1), entity.String("x"), entity.List(), entity.Strings("x", "y"), entity.Map(nil), entity.Bool(false),
		entity.Map(entity.Attrs{entity.A("a", entity.Int(1))}), entity.String(string(make([]byte, 2*maxIndexedString))),
	}
	for i := range 600 {
		e := entity.Event{Ref: entity.InterfaceRef("h", "1", fmt.Sprint(rnd.IntN(60))), Source: "s", Time: time.Unix(int64(1000+i), 0)}
		for _, k := range []string{"A", "B", "M", "M.a"} {
			if rnd.IntN(3) == 0 {
				e.Attributes = append(e.Attributes, entity.A(k, values[rnd.IntN(len(values))]))
			}
		}
		if rnd.IntN(5) == 0 {
			e.Kind = entity.Delete
			e.Attributes = nil
		}
		apply(t, g, e)
		if i%50 != 49 {
			continue
		}
		v := g.View()
		b := NewBuilder(0, 0)
		for n := range v.Nodes() {
			b.AddNode(n)
		}
		for _, view := range []*View{v, b.View(v.Revision())} {
			for _, key := range keys {
				var want []int32
				for slot := range view.NodeList() {
					found := false
					view.LookupNode(slot, key, func(entity.Value) bool {
						found = true
						return false
					})
					if found {
						want = append(want, slot)
					}
				}
				set, ok := view.NodesHaving(key)
				if got := slices.Collect(set.All()); ok && !slices.Equal(got, want) {
					t.Fatalf("after %d: %s: %v, want %v", i, key, got, want)
				}
				if !ok && (key == "A" || key == "B") && view == v {
					t.Fatalf("after %d: no answer for %s", i, key)
				}
			}
		}
	}
}
