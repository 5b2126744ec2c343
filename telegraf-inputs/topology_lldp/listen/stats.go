package listen

import (
	"sync/atomic"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// reason is why a frame was dropped.
type reason uint8

const (
	reasonShort     reason = iota // ends within a TLV
	reasonMandatory               // mandatory TLVs missing, doubled or out of order
	reasonID                      // malformed IDs
	reasonOther                   // unknown version, not the protocol
	reasons
)

// Stats is what happened so far. Namespaces, Interfaces and Neighbors are
// present values, the others only grow.
type Stats struct {
	Namespaces, Interfaces, Neighbors int64
	// LLDP and CDP count frames that were understood.
	LLDP, CDP int64
	// Short, Mandatory, ID and Other count frames that were not, by reason.
	Short, Mandatory, ID, Other int64
	// Ignored counts frames at interfaces on which nobody listens, Limited those
	// beyond the rate of an interface, KernelDrops those that the kernel dropped
	// because nobody read them in time.
	Ignored, Limited, KernelDrops int64
	// Overruns counts losses of link events, Errors namespaces and interfaces at
	// which listening failed.
	Overruns, Errors int64
	neighbor.Counters
}

type stats struct {
	namespaces, interfaces, neighbors atomic.Int64
	frames                            [2]atomic.Int64 // LLDP, CDP
	malformed                         [reasons]atomic.Int64
	ignored, limited, kernelDrops     atomic.Int64
	overruns, errors                  atomic.Int64
	table                             atomic.Pointer[neighbor.Counters]
}

func (s *stats) snapshot() Stats {
	out := Stats{
		Namespaces: s.namespaces.Load(), Interfaces: s.interfaces.Load(), Neighbors: s.neighbors.Load(),
		LLDP: s.frames[0].Load(), CDP: s.frames[1].Load(),
		Short: s.malformed[reasonShort].Load(), Mandatory: s.malformed[reasonMandatory].Load(),
		ID: s.malformed[reasonID].Load(), Other: s.malformed[reasonOther].Load(),
		Ignored: s.ignored.Load(), Limited: s.limited.Load(), KernelDrops: s.kernelDrops.Load(),
		Overruns: s.overruns.Load(), Errors: s.errors.Load(),
	}
	if c := s.table.Load(); c != nil {
		out.Counters = *c
	}
	return out
}
