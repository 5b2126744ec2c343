package gremlin

import "context"

// Governor lets whoever runs many queries share processor time and memory among
// them. A governor belongs to one run and is called by its goroutine alone.
type Governor interface {
	// Pace is called after every few elements that are looked at. It may wait until
	// it is the run's turn again; an error ends the run.
	Pace(ctx context.Context) error
	// Take is told how many bytes the run is about to remember; false means that
	// there are none left, and ends the run with a [LimitError].
	Take(bytes int) bool
}

// pace is asked now and then during a run; false means stop.
func (x *exec) pace() bool {
	if x.lim.Governor == nil {
		return true
	}
	if err := x.lim.Governor.Pace(x.ctx); err != nil {
		x.err = err
		return false
	}
	return true
}

// share asks for memory of what all runs have together, in large pieces; false
// means that there is none left.
func (x *exec) share() bool {
	if x.lim.Governor == nil || x.memory <= x.shared {
		return true
	}
	piece := max(x.memory-x.shared, sharePiece)
	if !x.lim.Governor.Take(piece) {
		x.fail(&LimitError{"memory", "what all queries together may remember", hintNarrow})
		return false
	}
	x.shared += piece
	return true
}

// sharePiece is the least that is taken of the memory of all runs at a time.
const sharePiece = 256 << 10
