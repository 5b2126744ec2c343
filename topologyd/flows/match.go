package flows

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// matcher decides what of a query a report satisfies, its window left out.
type matcher struct {
	table *flowrecord.Table
	nodes map[entity.UUID]bool // nil: all
	ids   map[flowrecord.ID]bool
	where []condition
}

// condition is one condition, made ready.
type condition struct {
	fields []string
	op     flowrecord.Op
	values []entity.Value
	// addrs and nets are the values that are addresses and networks.
	addrs []netip.Addr
	nets  []netip.Prefix
	not   bool
	// fixed: it has the same answer for all reports of a flow.
	fixed bool
}

// Match returns what decides whether a report satisfies the nodes, the IDs and
// the conditions of a query; its window is left out.
func (f *Flows) Match(q *flowrecord.Query) (func(*flowrecord.Record) bool, error) {
	m, err := f.compile(q)
	if err != nil {
		return nil, err
	}
	return m.match, nil
}

// compile makes a query ready. The error says which condition makes no sense.
func (f *Flows) compile(q *flowrecord.Query) (*matcher, error) { return compile(f.table, q) }

func compile(t *flowrecord.Table, q *flowrecord.Query) (*matcher, error) {
	m := &matcher{table: t, nodes: set(q.Nodes), ids: set(q.IDs)}
	for i := range q.Where {
		w := &q.Where[i]
		c := condition{fields: w.Fields, op: w.Op, values: slices.Clone(w.Values), not: w.Not, fixed: !slices.ContainsFunc(w.Fields, changes)}
		if len(w.Fields) == 0 || w.Op != flowrecord.Exists && len(w.Values) == 0 && w.Op != flowrecord.In {
			return nil, fmt.Errorf("condition %d has no field or no value", i+1)
		}
		for k, v := range c.values {
			switch w.Op {
			case flowrecord.InNetwork:
				n, err := netip.ParsePrefix(v.Str())
				if err != nil {
					return nil, fmt.Errorf("%q is not a network; write for example 192.0.2.0/24", v.Str())
				}
				c.nets = append(c.nets, n.Masked())
			case flowrecord.In:
				if a, err := netip.ParseAddr(v.Str()); err == nil {
					c.addrs = append(c.addrs, a)
				} else if mac, ok := flowrecord.ParseMAC(strings.ToLower(v.Str())); ok {
					c.values[k] = entity.String(mac.String())
				}
			}
		}
		m.where = append(m.where, c)
	}
	return m, nil
}

func set(ids []entity.UUID) map[entity.UUID]bool {
	if ids == nil {
		return nil
	}
	s := make(map[entity.UUID]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}

// changes reports whether a field may change while a flow goes on.
func changes(field string) bool {
	if group, _, ok := strings.Cut(field, "."); ok {
		switch group {
		case "Link", "Network", "Transport":
			return false
		}
		return true
	}
	switch field {
	case "UUID", "ParentUUID", "TrackingID", "L3TrackingID", "NodeTID", "Host", "Interface", "CaptureID", "LayersPath", "Start":
		return false
	}
	return true
}

func (m *matcher) match(r *flowrecord.Record) bool { return m.matchAll(r, false) }

// mayMatch is match for all that stays the same while a flow goes on.
func (m *matcher) mayMatch(r *flowrecord.Record) bool { return m.matchAll(r, true) }

func (m *matcher) matchAll(r *flowrecord.Record, fixed bool) bool {
	if m.nodes != nil && !m.nodes[r.NodeTID] || m.ids != nil && !m.ids[r.ID] {
		return false
	}
	for i := range m.where {
		if c := &m.where[i]; (!fixed || c.fixed) && c.holds(m.table, r) == c.not {
			return false
		}
	}
	return true
}

// holds reports whether one of the fields compares, whatever not says.
func (c *condition) holds(t *flowrecord.Table, r *flowrecord.Record) bool {
	for _, name := range c.fields {
		if a, ok := address(name, r); ok && (c.op == flowrecord.In || c.op == flowrecord.InNetwork) {
			if c.address(a) {
				return true
			}
			continue
		}
		hit := false
		t.Lookup(r, name, func(v entity.Value) bool {
			hit = c.value(v)
			return !hit
		})
		if hit {
			return true
		}
	}
	return false
}

// address returns the field when it is one of addresses, which are compared
// without writing them.
func address(name string, r *flowrecord.Record) (netip.Addr, bool) {
	switch name {
	case "Network.A":
		return r.NetworkA, true
	case "Network.B":
		return r.NetworkB, true
	default:
		return netip.Addr{}, false
	}
}

func (c *condition) address(a netip.Addr) bool {
	if c.op == flowrecord.In {
		return slices.Contains(c.addrs, a)
	}
	return slices.ContainsFunc(c.nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

// value compares one value, of a list each element.
func (c *condition) value(v entity.Value) bool {
	if v.Kind() == entity.KindList && c.op != flowrecord.Exists {
		return slices.ContainsFunc(v.List(), c.value)
	}
	switch c.op {
	case flowrecord.Exists:
		return true
	case flowrecord.In:
		return slices.ContainsFunc(c.values, func(w entity.Value) bool { return same(v, w) && entity.Compare(v, w) == 0 })
	case flowrecord.InNetwork:
		a, err := netip.ParseAddr(v.Str())
		return err == nil && c.address(a)
	}
	w := c.values[0]
	if !same(v, w) {
		return false
	}
	switch n := entity.Compare(v, w); c.op {
	case flowrecord.Less:
		return n < 0
	case flowrecord.LessEqual:
		return n <= 0
	case flowrecord.Greater:
		return n > 0
	default:
		return n >= 0
	}
}

// same reports whether two values can be compared.
func same(a, b entity.Value) bool { return a.Kind() == b.Kind() || a.IsNumber() && b.IsNumber() }
