package iptest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Difference is one fact on which `ip` and the entities disagree.
type Difference struct {
	// Namespace and Interface say where; Interface is empty for facts about a
	// namespace.
	Namespace, Interface string
	// Kind is the kind of the interface.
	Kind string
	// Key is the attribute, or the path in ip's output when there is none.
	Key string
	// IP and Entity are what each side says.
	IP, Entity string
}

// String returns one readable line.
func (d Difference) String() string {
	where := d.Namespace
	if d.Interface != "" {
		where += " " + d.Interface
	}
	if d.Kind != "" {
		where += " (" + d.Kind + ")"
	}
	return fmt.Sprintf("%s: %s: ip says %s, the entity says %s", where, d.Key, d.IP, d.Entity)
}

// Report returns the differences as lines in a fixed order.
func Report(ds []Difference) string {
	ds = slices.Clone(ds)
	slices.SortFunc(ds, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Interface, b.Interface),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.IP, b.IP), cmp.Compare(a.Entity, b.Entity))
	})
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// differ collects the differences of one interface or namespace.
type differ struct {
	at  Difference
	out *[]Difference
}

func (d *differ) add(key, ip, entity string) {
	x := d.at
	x.Key, x.IP, x.Entity = key, ip, entity
	*d.out = append(*d.out, x)
}

// values notes two values that are not equal.
func (d *differ) values(key string, ip, entity any) {
	if !equal(ip, entity) {
		d.add(key, show(ip), show(entity))
	}
}

// sets notes what only one of two sets of values has.
func (d *differ) sets(key string, ip, entity []any) {
	count := map[string]int{}
	for _, v := range ip {
		count[show(v)]++
	}
	for _, v := range entity {
		count[show(v)]--
	}
	for text, n := range count {
		switch {
		case n > 0:
			d.add(key, text, "nothing like it")
		case n < 0:
			d.add(key, "nothing like it", text)
		}
	}
}
