package drops

import (
	"fmt"
	"strings"
)

// reasons are the names of why packets are dropped, by number.
type reasons map[uint32]string

// prefix is what the names of reasons begin with in the kernel.
const prefix = "SKB_DROP_REASON_"

// subsystem is where the number of a subsystem of its own begins, behind the
// number of the reason (SKB_DROP_REASON_SUBSYS_SHIFT).
const subsystem = 16

// newReasons takes the names of enum skb_drop_reason and of enum
// skb_drop_reason_subsys. Of those of other subsystems only the numbers are
// known.
func newReasons(core, subsystems map[string]uint64) reasons {
	r := make(reasons, len(core))
	for name, n := range core {
		switch {
		case name == prefix+"MAX" || name == prefix+"SUBSYS_MASK" || n > 1<<subsystem:
		case strings.HasPrefix(name, prefix):
			r[uint32(n)] = strings.TrimPrefix(name, prefix)
		default:
			r[uint32(n)] = strings.TrimPrefix(name, "SKB_")
		}
	}
	for name, n := range subsystems {
		if n > 0 && n < 1<<subsystem {
			r[uint32(n)<<subsystem] = strings.TrimPrefix(name, prefix+"SUBSYS_")
		}
	}
	return r
}

// name gives the name of a reason, or its number when it has none.
func (r reasons) name(n uint32) string {
	if name, ok := r[n]; ok && n < 1<<subsystem {
		return name
	}
	if name, ok := r[n>>subsystem<<subsystem]; ok && n >= 1<<subsystem {
		return fmt.Sprintf("%s_%d", name, n&(1<<subsystem-1))
	}
	return fmt.Sprintf("REASON_%d", n)
}

// bits marks reasons of the first 256 that are none (the packet was not dropped,
// or it was used up), and those that are to be ignored.
func (r reasons) bits(ignore []string) (bits [4]uint64) {
	none := map[string]bool{"NOT_DROPPED_YET": true, "CONSUMED": true}
	for _, name := range ignore {
		none[name] = true
	}
	for n, name := range r {
		if none[name] && n < 64*uint32(len(bits)) {
			bits[n/64] |= 1 << (n % 64)
		}
	}
	return bits
}
