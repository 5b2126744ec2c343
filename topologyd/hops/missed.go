package hops

import "github.com/skein-net/skein/internal/entity"

// MissedBy is what a capture lost itself, by the attribute [entity.KeyCaptures]
// of a node: for [Options.Missed].
func MissedBy(captures entity.Value, capture string) int64 {
	for _, c := range captures.List() {
		if m := c.Map(); m.Get(entity.KeyName).Str() == capture {
			return m.Get("Dropped").Int()
		}
	}
	return 0
}
