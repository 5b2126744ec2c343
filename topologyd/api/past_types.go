package api

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Revision is one state of one element.
type Revision struct {
	Op       graph.Op
	Revision uint64
	From, To time.Time
	LogTime  time.Time
	Node     *graph.Node
	Edge     *graph.Edge
	Changed  []KeyChange
}

// KeyChange is one key that changed.
type KeyChange struct {
	Key      string
	Old, New entity.Value
}
