package engine

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Joins returns the rows of the table of joins that are in force, with what each
// does (see [graph.Graph.Joins]).
func (e *Engine) Joins() []graph.JoinStatus { return e.graph.Joins() }

// ExplainEdge says why there is an edge; false when there is none of the ID.
func (e *Engine) ExplainEdge(id entity.UUID) (graph.EdgeExplanation, bool) {
	return e.graph.ExplainEdge(id)
}

// ExplainNode says what a node is made of; false when there is none of the ID.
func (e *Engine) ExplainNode(id entity.UUID) (graph.NodeExplanation, bool) {
	return e.graph.ExplainNode(id)
}
