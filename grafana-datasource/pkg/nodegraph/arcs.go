package nodegraph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/topologyd/client"
)

// arc is one part of all rings: of each node how much of its ring it is.
type arc struct {
	name, label, color string
	values             []float64
}

// arcs returns the parts of rings; those of one node sum to one.
func (s *scene) arcs(kind string) []arc {
	switch kind {
	case ArcsState:
		return s.ring([]arc{
			{name: "up", label: "up", color: green}, {name: "down", label: "down", color: red},
			{name: "stale", label: "stale", color: orange}, {name: "other", label: "no state", color: gray},
		}, stateShares)
	case ArcsChange:
		return s.ring([]arc{
			{name: "added", label: "added", color: green}, {name: "removed", label: "removed", color: red},
			{name: "changed", label: "changed", color: orange}, {name: "same", label: "unchanged", color: gray},
		}, changeShares)
	case ArcsType:
		return s.typeArcs()
	}
	return nil
}

// shares says how many of all of an element are of each part; the rest is of
// the last one.
type shares func(n *client.TopologyNode, counts []int) (all int)

func (s *scene) ring(parts []arc, of shares) []arc {
	for i := range parts {
		parts[i].values = make([]float64, len(s.nodes))
	}
	counts := make([]int, len(parts)-1)
	for i, n := range s.nodes {
		clear(counts)
		all := of(n, counts)
		rest := all
		for k, c := range counts {
			c = min(max(c, 0), rest)
			rest -= c
			if c > 0 {
				parts[k].values[i] = float64(c) / float64(all)
			}
		}
		if last := len(parts) - 1; all <= 0 {
			parts[last].values[i] = 1
		} else if rest > 0 {
			parts[last].values[i] = float64(rest) / float64(all)
		}
	}
	return parts
}

func stateShares(n *client.TopologyNode, counts []int) int {
	const up, down, stale = 0, 1, 2
	if g := n.Group; g != nil {
		// Who is stale counts as that only, whatever it was when it was last seen.
		late := min(max(g.Stale, 0), g.Nodes)
		counts[stale] = late
		counts[down] = min(max(g.Down, 0), g.Nodes-late)
		counts[up] = min(max(g.Up, 0), g.Nodes-late-counts[down])
		return g.Nodes
	}
	switch {
	case n.Node == nil:
	case n.Node.Stale:
		counts[stale] = 1
	case text(n, "State") == "UP":
		counts[up] = 1
	case text(n, "State") == "DOWN":
		counts[down] = 1
	}
	return 1
}

func changeShares(n *client.TopologyNode, counts []int) int {
	if g := n.Group; g != nil {
		counts[0], counts[1], counts[2] = g.Added, g.Removed, g.Changed
		return g.Nodes
	}
	switch n.Change {
	case client.Added:
		counts[0] = 1
	case client.Removed:
		counts[1] = 1
	case client.Changed:
		counts[2] = 1
	}
	return 1
}

// typeArcs has a part for each of the most common types.
func (s *scene) typeArcs() []arc {
	total := make(map[string]int)
	for _, n := range s.nodes {
		if n.Group == nil {
			total[typeOf(n)]++
			continue
		}
		for _, t := range n.Group.Types {
			total[t.Type] += max(t.Count, 0)
		}
	}
	delete(total, "")
	types := make([]string, 0, len(total))
	for t := range total {
		types = append(types, t)
	}
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), strings.Compare(a, b)) })
	colors := typeColors()
	types = types[:min(len(types), len(colors))]
	at := make(map[string]int, len(types))
	parts := make([]arc, 0, len(types)+1)
	for i, t := range types {
		at[t] = i
		parts = append(parts, arc{name: "type_" + clip(t, 64), label: clip(t, 64), color: colors[i]})
	}
	parts = append(parts, arc{name: "other", label: "other types", color: gray})
	return s.ring(parts, func(n *client.TopologyNode, counts []int) int {
		if n.Group == nil {
			if i, ok := at[typeOf(n)]; ok {
				counts[i] = 1
			}
			return 1
		}
		for _, t := range n.Group.Types {
			if i, ok := at[t.Type]; ok {
				counts[i] += max(t.Count, 0)
			}
		}
		return n.Group.Nodes
	})
}

// field is the part as the panel reads it.
func (a *arc) field() *data.Field {
	f := data.NewField("arc__"+a.name, nil, a.values)
	f.Config = &data.FieldConfig{DisplayName: a.label, Color: map[string]any{"mode": "fixed", "fixedColor": a.color}}
	return f
}
