package flows

import "github.com/skein-net/skein/internal/flowrecord"

// Holds reports whether memory knows as much of a flow as the report says.
func (f *Flows) Holds(r *flowrecord.Record) bool {
	h := f.live.get(r.ID)
	return h != nil && !newer(r, h)
}

// Sweep is what happens every second.
func (f *Flows) Sweep() { f.sweep() }
