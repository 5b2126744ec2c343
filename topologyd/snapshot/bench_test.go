package snapshot

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/topologyd/graph"
)

// network makes a graph of n elements.
func network(n int) *graph.Graph {
	g, at := graph.New(graph.DefaultConfig()), time.Unix(1_700_000_000, 0)
	for i := range n {
		e := entitytest.Network(i, at)
		p := g.Prepare(&e, 0)
		g.Apply(&p, at, nil)
	}
	return g
}

// BenchmarkRead restores 100,000 nodes with 200,000 edges.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "snapshot")
	require.NoError(b, Write(path, Take(network(100_000), "log", 1)))
	for b.Loop() {
		_, err := Read(path, graph.New(graph.DefaultConfig()), time.Now())
		require.NoError(b, err)
	}
}

// BenchmarkWrite writes 100,000 nodes with 200,000 edges.
func BenchmarkWrite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "snapshot")
	s := Take(network(100_000), "log", 1)
	for b.Loop() {
		require.NoError(b, Write(path, s))
	}
}
