package gremlin

import "github.com/skein-net/skein/topologyd/graph"

// inOrder asks the indexes by order for the nodes for which a term may hold:
// ranges of numbers, beginnings of texts, networks.
func (t *term) inOrder(*graph.View, *candidates) bool { return false }
