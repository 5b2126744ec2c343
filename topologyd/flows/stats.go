package flows

import "sync/atomic"

// counters count since the start.
type counters struct {
	stored, late, duplicate, invalid, refused atomic.Uint64
	evictedFull, evictedEnded, evictedSilent  atomic.Uint64
	lost                                      atomic.Uint64
}

// Stats describe what is held and what happened since the start.
type Stats struct {
	// Live is how many flows are in memory.
	Live int
	// Reports by what became of them, as in [Taken]; Refused ones were turned
	// away by the store, and come again.
	Stored, Late, Duplicate, Invalid, Refused uint64
	// Flows that left memory: the table was full, they had ended, or nothing was
	// heard of them.
	EvictedFull, EvictedEnded, EvictedSilent uint64
	// Followers are connected now; Lost counts reports that those who fell behind
	// did not get.
	Followers int
	Lost      uint64
}

// Stats returns the current figures.
func (f *Flows) Stats() Stats {
	n := &f.n
	return Stats{
		Live:   int(f.live.size.Load()),
		Stored: n.stored.Load(), Late: n.late.Load(), Duplicate: n.duplicate.Load(), Invalid: n.invalid.Load(), Refused: n.refused.Load(),
		EvictedFull: n.evictedFull.Load(), EvictedEnded: n.evictedEnded.Load(), EvictedSilent: n.evictedSilent.Load(),
		Followers: f.hub.count(), Lost: n.lost.Load(),
	}
}
