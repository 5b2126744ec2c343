package api

import "github.com/skein-net/skein/topologyd/past"

// Revision is one state of one element, KeyChange one key that changed.
type (
	Revision  = past.Revision
	KeyChange = past.KeyChange
)
