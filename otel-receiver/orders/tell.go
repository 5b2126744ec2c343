package orders

import (
	"context"
	"maps"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// maxStates is how many states one message has at most.
const maxStates = 2000

// tell tells how captures do: all of them at the beginning and when some are no
// more, changes soon after they happen, counters once in a while. It keeps no
// more than what it told last, so that a slow topologyd gets fewer messages and
// never old ones.
func (c *conn) tell(ctx context.Context) error {
	told := make(map[string]order.CaptureState)
	if err := c.tellWhole(ctx, c.s.deps.Captures.States(), told); err != nil {
		return err
	}
	counters := time.NewTicker(c.s.cfg.Counters)
	defer counters.Stop()
	for {
		every := false
		select {
		case <-ctx.Done():
			return nil
		case <-c.s.deps.Captures.Changed():
			if !sleep(ctx, c.s.cfg.Gather) {
				return nil
			}
		case <-counters.C:
			every = true
		}
		if err := c.tellChanges(ctx, told, every); err != nil {
			return err
		}
	}
}

// tellChanges sends what differs from what was told; counters count with every.
func (c *conn) tellChanges(ctx context.Context, told map[string]order.CaptureState, every bool) error {
	now := c.s.deps.Captures.States()
	here := make(map[string]bool, len(now))
	var changed []order.CaptureState
	for _, st := range now {
		here[st.ID] = true
		if before, ok := told[st.ID]; !ok || !same(&before, &st, every) {
			changed = append(changed, st)
		}
	}
	for id := range told {
		if !here[id] {
			clear(told)
			return c.tellWhole(ctx, now, told)
		}
	}
	return c.tellStates(ctx, changed, told, false)
}

// tellWhole sends all states, which may be none.
func (c *conn) tellWhole(ctx context.Context, states []order.CaptureState, told map[string]order.CaptureState) error {
	if len(states) == 0 {
		return c.send(ctx, &order.Envelope{State: &order.State{Whole: true, Captures: []order.CaptureState{}}})
	}
	return c.tellStates(ctx, states, told, true)
}

func (c *conn) tellStates(ctx context.Context, states []order.CaptureState, told map[string]order.CaptureState, whole bool) error {
	for len(states) > 0 {
		n := min(len(states), maxStates)
		if err := c.send(ctx, &order.Envelope{State: &order.State{Whole: whole, Captures: states[:n]}}); err != nil {
			return err
		}
		for _, st := range states[:n] {
			told[st.ID] = st
		}
		states, whole = states[n:], false
	}
	return nil
}

// same reports whether two states say the same; counters count with every.
func same(a, b *order.CaptureState, every bool) bool {
	if a.Revision != b.Revision || a.State != b.State || a.Error != b.Error || a.Warning != b.Warning ||
		a.Proof != b.Proof || a.Type != b.Type || !a.Since.Equal(b.Since) {
		return false
	}
	return !every || sameCounters(&a.Counters, &b.Counters)
}

func sameCounters(a, b *order.Counters) bool {
	return a.Packets == b.Packets && a.Bytes == b.Bytes && a.Flows == b.Flows && a.Sampling == b.Sampling &&
		a.CPU == b.CPU && a.Memory == b.Memory && a.RawPackets == b.RawPackets && a.RawBytes == b.RawBytes &&
		maps.Equal(a.Dropped, b.Dropped)
}
