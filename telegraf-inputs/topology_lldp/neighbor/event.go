package neighbor

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// Flush tells the sink what changed since the last time: switches before their
// ports, ends of ports before those of switches.
func (t *Table) Flush() {
	if t.sink == nil || len(t.dirty) == 0 {
		return
	}
	all := make([]node, 0, len(t.dirty))
	for n := range t.dirty {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b node) int {
		return cmp.Or(cmp.Compare(a.chassis, b.chassis), cmp.Compare(a.port, b.port))
	})
	for _, n := range all {
		if len(t.nodes[n]) > 0 {
			t.told[n] = struct{}{}
			t.sink.Set(t.event(n))
		}
	}
	for _, n := range slices.Backward(all) {
		if _, told := t.told[n]; told && len(t.nodes[n]) == 0 {
			delete(t.told, n)
			t.sink.Delete(n.ref(), t.dirty[n])
		}
	}
	clear(t.dirty)
}

func (n node) ref() entity.Ref {
	if n.port == "" {
		return entity.SwitchRef(n.chassis)
	}
	return entity.SwitchPortRef(n.chassis, n.port)
}

// newest returns the entry of a protocol that said something new last: when a
// device changes, its ports tell so one after the other.
func (t *Table) newest(n node, protocol string) (found *entry) {
	for e := range t.nodes[n] {
		if e.protocol == protocol && (found == nil || e.changed > found.changed) {
			found = e
		}
	}
	return found
}

// event returns what is known of a node.
func (t *Table) event(n node) entity.Event {
	isPort := n.port != ""
	var a attrs
	var name string
	var mtu int64
	for _, protocol := range []string{LLDP, CDP} {
		e := t.newest(n, protocol)
		switch {
		case e == nil:
			continue
		case isPort:
			name = first(name, e.n.PortName)
			mtu = cmp.Or(mtu, e.n.MTU)
			a.add(protocol, entity.Map(e.n.SwitchPort))
		default:
			name = first(name, e.n.SwitchName)
			a.add(protocol, entity.Map(e.n.Switch))
		}
	}
	ref := n.ref()
	a.text(entity.KeyType, ref.Type)
	a.text(entity.KeyName, name)
	a.text("Probe", "lldp")
	if mtu > 0 {
		a.number("MTU", mtu)
	}
	ev := entity.Event{Ref: ref, Source: Source(t.cfg.HostID), Attributes: a.done()}
	if isPort {
		ev.Relationships = t.relationships(n)
	}
	return ev
}

// relationships returns those of a port: to its switch, and to every interface
// that hears it.
func (t *Table) relationships(n node) []entity.Relationship {
	sw := entity.SwitchRef(n.chassis)
	out := []entity.Relationship{{Type: entity.RelPartOf, Target: sw}, {Type: entity.RelMemberOf, Target: sw}}
	heard := make(map[Interface]string)
	for e := range t.nodes[n] {
		if heard[e.at] != "lldp" {
			heard[e.at] = map[string]string{LLDP: "lldp", CDP: "cdp"}[e.protocol]
		}
	}
	at := make([]Interface, 0, len(heard))
	for i := range heard {
		at = append(at, i)
	}
	slices.SortFunc(at, func(a, b Interface) int {
		return cmp.Or(cmp.Compare(a.NetNS, b.NetNS), cmp.Compare(a.Index, b.Index))
	})
	for _, i := range at {
		out = append(out, entity.Relationship{
			Type:       entity.RelPeerOf,
			Target:     entity.InterfaceRef(t.cfg.HostID, strconv.FormatUint(i.NetNS, 10), strconv.Itoa(int(i.Index))),
			Attributes: entity.Attrs{entity.A(entity.KeyType, entity.String(heard[i]))},
		})
	}
	return out
}
