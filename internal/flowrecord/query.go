package flowrecord

import "github.com/skein-net/skein/internal/entity"

// Query asks a store for flows: for each one that matches, its newest report
// in the window, with Metric as of then. What a store cannot check it may
// leave to the caller, who filters again: the answer may hold too much, and
// never too little.
type Query struct {
	// Live asks for the flows that go on now, and those that just ended; From
	// and To are not used then. Otherwise the window [From, To], in Unix
	// nanoseconds, holds the flows that had a packet in it or went on all
	// through it.
	Live     bool
	From, To int64
	// Nodes are the TIDs of the interfaces; nil means all of them, and an empty
	// list none.
	Nodes []entity.UUID
	// IDs are the flows; nil means any.
	IDs []ID
	// Where are conditions that must all hold.
	Where []Condition
	// Sort is the field to sort by, "" for any order; Descending is its sense.
	// Limit bounds the answer, 0 means no bound. A store that does not check all
	// conditions itself must not apply it.
	Sort       string
	Descending bool
	Limit      int
}

// Op is what a condition compares.
type Op uint8

// The comparisons. In holds for a value equal to one of a list, InNetwork for
// addresses in the network that the only value writes in CIDR form.
const (
	In Op = iota
	Less
	LessEqual
	Greater
	GreaterEqual
	InNetwork
	Exists
)

// Condition holds when one of the fields compares with the values.
type Condition struct {
	// Fields are names of fields as queries write them.
	Fields []string
	Op     Op
	Values []entity.Value
	// Not turns the condition round.
	Not bool
}

// Update is what one report added to a flow.
type Update struct {
	ID     ID
	Metric Metric
}
