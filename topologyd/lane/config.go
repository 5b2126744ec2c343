package lane

import (
	"errors"
	"runtime"
	"time"
)

// Config tells how many may run and wait.
type Config struct {
	// Quick and Slow are how many queries run at the same time in each lane.
	Quick, Slow int
	// Waiting is how many wait for their turn in the slow lane at most.
	Waiting int
	// QuickFor is how long a query may stay in the quick lane.
	QuickFor time.Duration
	// Turn is how long a query runs in the slow lane before the next one that
	// waits there has its turn.
	Turn time.Duration
	// Memory bounds what all queries together may remember, in bytes.
	Memory int64
}

// DefaultConfig leaves a processor to the quick lane and to everything else,
// where there is more than one.
func DefaultConfig() Config {
	processors := runtime.GOMAXPROCS(0)
	return Config{
		Quick: 4 * processors, Slow: max(1, processors/2), Waiting: 64,
		QuickFor: 20 * time.Millisecond, Turn: 50 * time.Millisecond, Memory: 1 << 30,
	}
}

// Errors of queries that found no room.
var (
	// ErrBusy: no place in the quick lane became free in time.
	ErrBusy = errors.New("too many queries at the same time")
	// ErrCrowded: it took long, and too many that take long wait already.
	ErrCrowded = errors.New("too many queries that take long at the same time")
)
