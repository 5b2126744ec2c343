package graph

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// paths are what slots are asked for in tests.
func paths() []string {
	return []string{
		FieldID, FieldHost, FieldOrigin, FieldCreatedAt, FieldUpdatedAt, FieldArchivedAt, FieldDeletedAt, FieldRevision, FieldStale,
		"Name", "Type", "IPV4", "Ovs", "Ovs.x", "Flag", "TID", "TID.x", "RelationType", "Metric", "Metric.RxBytes", "LastUpdateMetric",
		"LastUpdateMetric.RxBytes", "LastUpdateMetric.Start", "none", "",
	}
}

func texts(lookup func(string, func(entity.Value) bool), path string) (out []string) {
	lookup(path, func(v entity.Value) bool {
		out = append(out, v.Kind().String()+" "+v.Text())
		return true
	})
	return out
}

// checkNodeSlot compares what is read by slot with the node that was made.
func checkNodeSlot(t *testing.T, v *View, n *Node) {
	slot := n.Slot
	require.True(t, v.HasNode(slot))
	require.Equal(t, string(n.AppendJSON(nil)), string(v.NodeAt(slot).AppendJSON(nil)))
	require.Equal(t, string(n.AppendJSON(nil)), string(v.AppendNodeJSON(nil, slot)))
	require.Equal(t, n.ID, v.NodeID(slot))
	require.Equal(t, slot, v.NodeSlot(n.ID))
	require.Equal(t, n.Host, v.NodeHost(slot))
	require.Equal(t, n.Origin, v.NodeOrigin(slot))
	require.Equal(t, n.Revision, v.NodeRevision(slot))
	require.Equal(t, n.Stale, v.NodeStale(slot))
	require.True(t, n.LastUpdateMetric.Equal(v.NodeGrowth(slot)))
	require.True(t, n.Metadata().Equal(v.NodeMetadata(slot)))
	created, updated := v.NodeTimes(slot)
	require.Equal(t, [2]int64{n.CreatedAt, n.UpdatedAt}, [2]int64{created, updated})
	for _, path := range paths() {
		require.True(t, n.Attrs.Get(path).Equal(v.NodeAttr(slot, path)), path)
		require.Equal(t, texts(n.Lookup, path), texts(func(p string, y func(entity.Value) bool) { v.LookupNode(slot, p, y) }, path), path)
	}
}

// checkEdgeSlot compares what is read by slot with the edge that was made.
func checkEdgeSlot(t *testing.T, v *View, e *Edge) {
	slot := e.Slot
	require.True(t, v.HasEdge(slot))
	require.Equal(t, string(e.AppendJSON(nil)), string(v.EdgeAt(slot).AppendJSON(nil)))
	require.Equal(t, string(e.AppendJSON(nil)), string(v.AppendEdgeJSON(nil, slot)))
	require.Equal(t, e.ID, v.EdgeID(slot))
	require.Equal(t, slot, v.EdgeSlot(e.ID))
	require.Equal(t, e.RelationType, v.RelationType(slot))
	require.Equal(t, e.Revision, v.EdgeRevision(slot))
	require.Equal(t, e.Stale, v.EdgeStale(slot))
	require.True(t, e.Metadata().Equal(v.EdgeMetadata(slot)))
	created, updated := v.EdgeTimes(slot)
	require.Equal(t, [2]int64{e.CreatedAt, e.UpdatedAt}, [2]int64{created, updated})
	for _, path := range paths() {
		require.True(t, e.Attrs.Get(path).Equal(v.EdgeAttr(slot, path)), path)
		require.Equal(t, texts(e.Lookup, path), texts(func(p string, y func(entity.Value) bool) { v.LookupEdge(slot, p, y) }, path), path)
	}
}

// checkEmpty looks whether an empty graph holds nothing any more.
func checkEmpty(t *testing.T, g *Graph) {
	require.Empty(t, g.names.numbers)
	for n, refs := range g.names.refs {
		require.Zero(t, refs, "name %d", n)
	}
	require.Len(t, g.freeExtras, int(g.t.extras.n))
	require.Len(t, g.freeEdges, int(g.t.edges.n))
	require.Len(t, g.freeNodes, int(g.t.heads.n))
	require.Empty(t, g.live.many)
	require.Zero(t, g.live.lines.used)
	require.Zero(t, g.staleEdges)
	for slot := range g.t.heads.n {
		require.Equal(t, nodeHead{}, *g.t.heads.at(slot))
		require.Empty(t, g.live.of(slot))
		require.False(t, g.View().HasNode(slot))
	}
	for slot := range g.t.links.n {
		require.Equal(t, edgeLink{}, *g.t.links.at(slot))
		require.False(t, g.View().HasEdge(slot))
	}
}
