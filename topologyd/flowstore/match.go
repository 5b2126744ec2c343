package flowstore

import (
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// matches reports whether all conditions hold for a record, with the values
// that queries see.
func matches(t *flowrecord.Table, r *flowrecord.Record, cs []flowrecord.Condition) bool {
	for i := range cs {
		if holds(t, r, &cs[i]) == cs[i].Not {
			return false
		}
	}
	return true
}

// holds reports whether a condition holds, Not aside.
func holds(t *flowrecord.Table, r *flowrecord.Record, c *flowrecord.Condition) bool {
	for _, name := range c.Fields {
		found := false
		t.Lookup(r, name, func(v entity.Value) bool {
			found = test(c, v)
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

func test(c *flowrecord.Condition, v entity.Value) bool {
	switch c.Op {
	case flowrecord.Exists:
		return true
	case flowrecord.InNetwork:
		a, err := netip.ParseAddr(v.Str())
		return err == nil && slices.ContainsFunc(c.Values, func(w entity.Value) bool {
			p, ok := parseNetwork(w.Str())
			return ok && p.Contains(a)
		})
	case flowrecord.In:
		return slices.ContainsFunc(c.Values, func(w entity.Value) bool { return entity.Compare(v, w) == 0 })
	}
	return slices.ContainsFunc(c.Values, func(w entity.Value) bool { return ordered(c.Op, v, w) })
}

// ordered compares numbers with numbers and strings with strings; others have
// no order.
func ordered(op flowrecord.Op, v, w entity.Value) bool {
	if !(v.IsNumber() && w.IsNumber()) && (v.Kind() != entity.KindString || w.Kind() != entity.KindString) {
		return false
	}
	d := entity.Compare(v, w)
	switch op {
	case flowrecord.Less:
		return d < 0
	case flowrecord.LessEqual:
		return d <= 0
	case flowrecord.Greater:
		return d > 0
	case flowrecord.GreaterEqual:
		return d >= 0
	}
	return false
}

// constant reports whether a field is the same in all reports of a flow: such
// a condition may be checked before the newest report is chosen.
func constant(t *flowrecord.Table, name string) bool {
	f := t.Query(name)
	if f == nil {
		return false
	}
	switch f.Wire {
	case "flow.id", "flow.parent_id", "flow.tracking_id", "flow.l3_tracking_id", "flow.node_tid", "host.id",
		"network.interface.name", "flow.capture_id", "flow.layers", "network.protocol.name", "network.flow.start",
		"flow.link.protocol", "source.mac", "destination.mac", "flow.link.id",
		"network.type", "source.address", "destination.address", "flow.network.id",
		"network.transport", "source.port", "destination.port",
		"flow.icmp.type", "flow.icmp.code", "flow.icmp.id":
		return true
	}
	return false
}

// split separates the conditions on fields that never change from the others.
func split(t *flowrecord.Table, cs []flowrecord.Condition) (fixed, moving []flowrecord.Condition) {
	for _, c := range cs {
		if slices.ContainsFunc(c.Fields, func(f string) bool { return !constant(t, f) }) {
			moving = append(moving, c)
		} else {
			fixed = append(fixed, c)
		}
	}
	return fixed, moving
}
