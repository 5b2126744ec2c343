package nodegraph

import (
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// Dashes of lines.
const (
	dashStale   = "8 5"
	dashRemoved = "3 5"
)

// Thickness of lines in pixels. Traffic from slowest to fastest bytes per
// second is between strong and thickest, by its logarithm.
const (
	thin, strong, thickest = 1.0, 2.0, 8.0
	slowest, fastest       = 1e3, 1.25e9 // 10 Gbit/s
)

func (s *scene) edgesFrame(o Options) *data.Frame {
	c := &columns{rows: len(s.edges)}
	id, source, target := c.add("id", ""), c.add("source", ""), c.add("target", "")
	mains, seconds := c.add("mainstat", "Traffic"), c.add("secondarystat", "Relation")
	colors, dashes := c.add("color", ""), c.add("strokedasharray", "")
	typ, from, to := c.add("detail__type", "Relation"), c.add("detail__from", "From"), c.add("detail__to", "To")
	edges, change, stale := c.add("detail__count", "Edges"), c.add("detail__change", "Change"), c.add("detail__stale", "Stale")
	eid := c.add("detail__id", "ID")
	thickness := make([]float64, len(s.edges))
	l := s.newEdgeLinks(o, c)
	for i, e := range s.edges {
		id[i], source[i], target[i] = s.edgeIDs[i], e.Source, e.Target
		mains[i], seconds[i] = edgeStats(e)
		colors[i], dashes[i] = edgeColor(e), edgeDash(e)
		thickness[i] = edgeThickness(e, o.Traffic)
		a, b := s.nodes[s.index[e.Source]], s.nodes[s.index[e.Target]]
		typ[i], from[i], to[i] = join(", ", e.Type, edgeKind(e)), join(", ", title(a), s.subtitle(a)), join(", ", title(b), s.subtitle(b))
		change[i] = changeText(e.Change, e.Keys)
		if e.Count > 1 {
			edges[i] = number(e.Count)
		} else if e.Edge != nil {
			eid[i] = e.ID.String()
		}
		if e.Stale {
			stale[i] = "its sources are silent"
		}
		l.fill(i, a, b)
	}
	f := newFrame(EdgesFrame, c.fields()...)
	f.Fields[0].Config = &data.FieldConfig{Links: l.links()}
	f.Fields = append(f.Fields, data.NewField("thickness", nil, thickness))
	return f
}

// edgeStats are the lines of a label, which shows at the pointer.
func edgeStats(e *client.TopologyEdge) (main, second string) {
	if e.Rate != nil {
		main = rate(*e.Rate)
	}
	second = e.Type
	if e.Count > 1 {
		second = number(e.Count) + " × " + e.Type
	}
	return main, clip(second, 40)
}

// edgeKind is the Type of a single edge, such as veth.
func edgeKind(e *client.TopologyEdge) string {
	if e.Edge == nil {
		return ""
	}
	if v := e.Edge.Metadata.Get(entity.KeyType); !v.IsZero() {
		return clip(v.Text(), 40)
	}
	return ""
}

// edgeColor is by what became of an edge, else by its relation.
func edgeColor(e *client.TopologyEdge) string {
	switch e.Change {
	case client.Added:
		return hexGreen
	case client.Removed:
		return hexRed
	case client.Changed:
		return hexOrange
	}
	switch e.Type {
	case entity.Layer2:
		return hexBlue
	case entity.Ownership:
		return hexFaint
	case entity.VF:
		return hexPurple
	}
	return hexTeal
}

func edgeDash(e *client.TopologyEdge) string {
	switch {
	case e.Change == client.Removed:
		return dashRemoved
	case e.Stale:
		return dashStale
	}
	return ""
}

// edgeThickness is between 1 and 8.
func edgeThickness(e *client.TopologyEdge, traffic bool) float64 {
	if e.Type != entity.Layer2 {
		return thin
	}
	if !traffic || e.Rate == nil || !(*e.Rate > slowest) {
		return strong
	}
	share := math.Log(*e.Rate/slowest) / math.Log(fastest/slowest)
	return strong + math.Round(min(share, 1)*(thickest-strong)*10)/10
}
