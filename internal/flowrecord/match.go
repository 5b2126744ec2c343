package flowrecord

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Conditions are conditions made ready to be checked, against records as queries
// see them. They are immutable and may be used concurrently.
type Conditions struct {
	table *Table
	all   []condition
}

// condition is one condition, made ready.
type condition struct {
	fields []string
	op     Op
	values []entity.Value
	// addrs and nets are the values that are addresses and networks.
	addrs []netip.Addr
	nets  []netip.Prefix
	not   bool
	// fixed: it has the same answer for all reports of a flow.
	fixed bool
}

// Conditions makes conditions ready. The error says which makes no sense.
func (t *Table) Conditions(where []Condition) (*Conditions, error) {
	c := &Conditions{table: t, all: make([]condition, 0, len(where))}
	for i := range where {
		w := &where[i]
		if len(w.Fields) == 0 || w.Op != Exists && w.Op != In && len(w.Values) == 0 {
			return nil, fmt.Errorf("condition %d has no field or no value", i+1)
		}
		x := condition{fields: w.Fields, op: w.Op, values: slices.Clone(w.Values), not: w.Not}
		x.fixed = !slices.ContainsFunc(w.Fields, func(f string) bool { return !t.Fixed(f) })
		if err := x.prepare(); err != nil {
			return nil, err
		}
		c.all = append(c.all, x)
	}
	return c, nil
}

// prepare reads values that are addresses and networks.
func (c *condition) prepare() error {
	for k, v := range c.values {
		switch c.op {
		case InNetwork:
			n, ok := ParseNetwork(v.Str())
			if !ok {
				return fmt.Errorf("%q is not a network; write for example 192.0.2.0/24", v.Str())
			}
			c.nets = append(c.nets, n.Masked())
		case In:
			if a, err := netip.ParseAddr(v.Str()); err == nil {
				c.addrs = append(c.addrs, a)
			} else if mac, ok := ParseMAC(strings.ToLower(v.Str())); ok {
				c.values[k] = entity.String(mac.String())
			}
		}
	}
	return nil
}

// ParseNetwork reads a network in CIDR form, or an address without a zone, which
// is a network of one.
func ParseNetwork(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// Match reports whether all conditions hold.
func (c *Conditions) Match(r *Record) bool { return c.match(r, false) }

// MayMatch is Match for the conditions on fields that are [Table.Fixed]: when it
// is false, no report of the flow matches.
func (c *Conditions) MayMatch(r *Record) bool { return c.match(r, true) }

func (c *Conditions) match(r *Record, fixed bool) bool {
	for i := range c.all {
		if x := &c.all[i]; (!fixed || x.fixed) && x.holds(c.table, r) == x.not {
			return false
		}
	}
	return true
}

// holds reports whether one of the fields compares, whatever not says.
func (c *condition) holds(t *Table, r *Record) bool {
	for _, name := range c.fields {
		if a, ok := address(name, r); ok && (c.op == In || c.op == InNetwork) {
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
func address(name string, r *Record) (netip.Addr, bool) {
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
	if c.op == In {
		return slices.Contains(c.addrs, a)
	}
	return slices.ContainsFunc(c.nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

// value compares one value, of a list each element.
func (c *condition) value(v entity.Value) bool {
	if v.Kind() == entity.KindList && c.op != Exists {
		return slices.ContainsFunc(v.List(), c.value)
	}
	switch c.op {
	case Exists:
		return true
	case In:
		return slices.ContainsFunc(c.values, func(w entity.Value) bool { return entity.Compare(v, w) == 0 })
	case InNetwork:
		a, err := netip.ParseAddr(v.Str())
		return err == nil && c.address(a)
	}
	return slices.ContainsFunc(c.values, func(w entity.Value) bool { return c.ordered(v, w) })
}

// ordered compares numbers with numbers and strings with strings; others have no
// order.
func (c *condition) ordered(v, w entity.Value) bool {
	if !(v.IsNumber() && w.IsNumber()) && (v.Kind() != entity.KindString || w.Kind() != entity.KindString) {
		return false
	}
	switch n := entity.Compare(v, w); c.op {
	case Less:
		return n < 0
	case LessEqual:
		return n <= 0
	case Greater:
		return n > 0
	default:
		return n >= 0
	}
}

// Fixed reports whether a field is the same in all reports of a flow. The
// application is: it is told from the ports.
func (t *Table) Fixed(field string) bool {
	if group, _, ok := strings.Cut(field, "."); ok {
		return t.Query(field) != nil && (group == "Link" || group == "Network" || group == "Transport" || group == "ICMP")
	}
	switch field {
	case "UUID", "ParentUUID", "TrackingID", "L3TrackingID", "NodeTID", "Host", "Interface", "CaptureID", "LayersPath", "Application", "Start":
		return true
	}
	return false
}
