package orders

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/order"
)

// fit chooses what a host is given of all that it is to do: the captures of the
// oldest definitions, as many as one host may have and as fit in a message. It
// marks the others. They come in the order of the definitions and nodes. The
// lock is held.
func (t *term) fit(h *host, all []*assignment) []*assignment {
	slices.SortFunc(all, func(a, b *assignment) int {
		if a.plan != b.plan {
			return cmp.Or(a.plan.def.Created.Compare(b.plan.def.Created), cmp.Compare(a.plan.id, b.plan.id))
		}
		return bytes.Compare(a.place.id[:], b.place.id[:])
	})
	n, size := 0, 1024
	var why string
	for _, a := range all {
		size += a.plan.size + nodeSize(&a.place.node)
		if n >= t.cfg.MaxPerHost {
			why = fmt.Sprintf("host %s has %d captures, as many as one host is given; delete others or narrow their queries", h.title(), n)
			break
		}
		if size > order.MaxMessage {
			why = fmt.Sprintf("the captures of host %s are longer than one message may be; use shorter filters or fewer captures", h.title())
			break
		}
		n++
	}
	if n == len(all) && !h.over {
		return all
	}
	var over *order.CaptureState
	if h.over = n < len(all); h.over {
		over = &order.CaptureState{State: order.StateRefused, Error: why}
	}
	for i, a := range all {
		if i < n {
			a.over = nil
		} else if a.over == nil || a.over.Error != why {
			a.over = over
		}
		t.judge(a)
	}
	return all[:n]
}

// nodeSize is how long a node may be in a message at most.
func nodeSize(n *order.Node) int {
	return 200 + 6*(len(n.TID)+len(n.Interface)+len(n.Type)+len(n.NetNSPath)) // as \u0000
}
