package flowcapture

import (
	"errors"
	"fmt"

	"github.com/skein-net/skein/internal/order"
)

// admit decides which orders are followed, those that run first. It returns why
// others are not. s.mu must be held.
func (s *orderSet) admit(list []order.Capture) map[string]*verdict {
	denied := make(map[string]*verdict)
	captures, wrong, memory := 0, 0, Size(0)
	take := func(c *order.Capture) {
		if v := s.examine(c); v != nil {
			denied[c.ID] = v
			return
		}
		cfg := orderedConfig(c)
		need := Size(estimate(c, &cfg))
		switch {
		case captures >= s.limits.MaxCaptures, wrong >= s.limits.MaxCaptures: // filters take time to look at
			denied[c.ID] = refused(fmt.Errorf("the host follows %d captures at most and has them; delete others, or raise orders.max_captures of its collector", s.limits.MaxCaptures))
		case memory+need > s.limits.MaxMemory:
			denied[c.ID] = refused(fmt.Errorf("the capture needs %s of memory and %s are left of %s; delete others, order less memory, or raise orders.max_memory of the host's collector",
				rough(need), rough(s.limits.MaxMemory-memory), s.limits.MaxMemory))
		default:
			if v := s.checkFilter(c, &cfg); v != nil {
				denied[c.ID] = v
				wrong++
				return
			}
			captures++
			memory += need
		}
	}
	for pass := range 2 {
		for i := range list {
			o := s.byID[list[i].ID]
			if running := o != nil && !o.denied(); running == (pass == 0) {
				take(&list[i])
			}
		}
	}
	return denied
}

// rough is an amount of memory for people.
func rough(s Size) Size {
	switch {
	case s >= 10<<20:
		return s &^ (1<<20 - 1)
	default:
		return s &^ (1<<10 - 1)
	}
}

// examine returns why an order cannot be followed whatever else there is, or nil.
func (s *orderSet) examine(c *order.Capture) *verdict {
	if err := c.Validate(); err != nil {
		return refused(err)
	}
	if len(c.ID) > maxOrderID || len(c.Name) > maxOrderName || len(c.Node.Interface) > maxOrderName {
		return refused(errLongNames)
	}
	if c.KeepsPackets() && !s.limits.RawPackets {
		return refused(errNoRaw)
	}
	cfg := orderedConfig(c)
	if err := s.types(cfg.Type); err != nil {
		return refused(err)
	}
	return nil
}

// checkFilter returns why the filter of an order cannot be used, or nil. One that
// was looked at is not compiled again with every list.
func (s *orderSet) checkFilter(c *order.Capture, cfg *CaptureConfig) *verdict {
	if old := s.byID[c.ID]; old != nil && (!old.denied() || old.final.state == order.StateFailed) {
		if known := old.current(); sameOrder(&known, c) {
			return old.final
		}
	}
	if err := cfg.validateFilter(); err != nil {
		return &verdict{state: order.StateFailed, err: err, final: true}
	}
	return nil
}

// Bounds of names in bytes: those of a definition, and of an interface with all
// that a topology may call it.
const (
	maxOrderID   = 1024
	maxOrderName = 256
)

var errLongNames = fmt.Errorf("the ID of the order has more than %d bytes, or a name more than %d", maxOrderID, maxOrderName)

var errNoRaw = errors.New("the host does not allow packets to be kept; leave raw_packets and raw_ring out, or set orders.raw_packets of its collector")
