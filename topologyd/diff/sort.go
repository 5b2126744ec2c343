package diff

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// sort brings everything into an order that depends on the states only.
func (d *Diff) sort() {
	slices.SortFunc(d.Nodes, func(a, b Node) int { return compareNodes(a.Last(), b.Last()) })
	slices.SortFunc(d.Edges, func(a, b Edge) int {
		x, y := a.Last(), b.Last()
		return cmp.Or(strings.Compare(x.RelationType, y.RelationType), compareNodes(a.Parent, b.Parent), compareNodes(a.Child, b.Child),
			bytes.Compare(x.ID[:], y.ID[:]))
	})
	slices.SortFunc(d.Values, func(a, b Value) int {
		return cmp.Or(entity.Compare(a.Value, b.Value), cmp.Compare(a.Value.Kind(), b.Value.Kind()), cmp.Compare(a.Op, b.Op))
	})
}

// compareNodes orders nodes as people look for them; a missing one comes first.
func compareNodes(a, b *graph.Node) int {
	switch {
	case a == b:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Or(strings.Compare(a.Host, b.Host), compareKey(a, b, entity.KeyName), compareKey(a, b, entity.KeyType), bytes.Compare(a.ID[:], b.ID[:]))
}

func compareKey(a, b *graph.Node, key string) int {
	return entity.Compare(a.Attrs.Get(key), b.Attrs.Get(key))
}
