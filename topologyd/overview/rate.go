package overview

import (
	"math"

	"github.com/skein-net/skein/internal/entity"
)

// Keys of interfaces that the picture tells of.
const (
	keyState  = "State"
	stateUp   = "UP"
	stateDown = "DOWN"

	keyRxBytes = "RxBytes"
	keyTxBytes = "TxBytes"
	// The period of counters, Unix milliseconds.
	keyStart = "Start"
	keyLast  = "Last"
)

// Rate is traffic in bytes per second.
type Rate struct{ Rx, Tx float64 }

// rateOf returns the traffic of a node by the growth of its counters in the last
// period; false when it has none.
func rateOf(growth entity.Value) (Rate, bool) {
	m := growth.Map()
	if m == nil {
		return Rate{}, false
	}
	seconds := (m.Get(keyLast).Float() - m.Get(keyStart).Float()) / 1000
	if seconds <= 0 {
		return Rate{}, false
	}
	per := func(key string) float64 { return math.Round(max(m.Get(key).Float(), 0)/seconds*100) / 100 }
	return Rate{per(keyRxBytes), per(keyTxBytes)}, true
}
