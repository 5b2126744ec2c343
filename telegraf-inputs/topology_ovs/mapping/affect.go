package mapping

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// note keeps the indexes, and marks the entities that a row has a part in: what
// is told of them may be different now.
func (m *Mapper) note(ch database.Change) {
	row := ch.New
	if row == nil {
		row = ch.Old
	}
	switch row.(type) {
	case *database.OpenVSwitch:
		m.mark(entity.TypeOvs, ch.UUID)
	case *database.Manager:
		m.mark(entity.TypeOvs, m.root.UUID)
	case *database.Bridge:
		m.noteBridge(of[database.Bridge](ch))
	case *database.Port:
		m.notePort(of[database.Port](ch))
	case *database.Interface:
		m.noteInterface(of[database.Interface](ch))
	case *database.Mirror:
		m.noteMirror(of[database.Mirror](ch))
	case *database.QoS:
		m.markPorts(func(p *database.Port) bool { return text(p.QoS) == ch.UUID })
	case *database.Queue:
		m.markPorts(func(p *database.Port) bool {
			q := m.t.QoS[text(p.QoS)]
			return q != nil && hasValue(q.Queues, ch.UUID)
		})
	case *database.Controller:
		m.markBridges(func(b *database.Bridge) bool { return slices.Contains(b.Controller, ch.UUID) })
	case *database.NetFlow:
		m.markBridges(func(b *database.Bridge) bool { return text(b.NetFlow) == ch.UUID })
	case *database.SFlow:
		m.markBridges(func(b *database.Bridge) bool { return text(b.SFlow) == ch.UUID })
	case *database.IPFIX:
		m.markBridges(func(b *database.Bridge) bool { return text(b.IPFIX) == ch.UUID })
	}
}

// of returns both rows of a change, and its UUID. A row that was not or is not
// there is a zero row, so that it has no parts.
func of[T any, P interface {
	*T
	database.Row
}](ch database.Change) (uuid string, old, now P) {
	old, now = P(new(T)), P(new(T))
	if p, ok := ch.Old.(P); ok {
		old = p
	}
	if p, ok := ch.New.(P); ok {
		now = p
	}
	return ch.UUID, old, now
}

func (m *Mapper) mark(typ, uuid string) { m.dirty[node{typ, uuid}] = struct{}{} }

func (m *Mapper) markBridges(match func(*database.Bridge) bool) {
	for uuid, b := range m.t.Bridges {
		if match(b) {
			m.mark(entity.TypeOvsBridge, uuid)
		}
	}
}

func (m *Mapper) markPorts(match func(*database.Port) bool) {
	for uuid, p := range m.t.Ports {
		if match(p) {
			m.mark(entity.TypeOvsPort, uuid)
		}
	}
}

// markPort marks a port and its interfaces.
func (m *Mapper) markPort(uuid string) {
	m.mark(entity.TypeOvsPort, uuid)
	if p := m.t.Ports[uuid]; p != nil {
		for _, i := range p.Interfaces {
			m.mark(entity.TypeOvsInterface, i)
		}
	}
}

func (m *Mapper) noteBridge(uuid string, old, now *database.Bridge) {
	m.mark(entity.TypeOvsBridge, uuid)
	for _, p := range difference(old.Ports, now.Ports) {
		if m.bridgeOf[p] == uuid {
			delete(m.bridgeOf, p)
			m.markPort(p)
		}
	}
	added := difference(now.Ports, old.Ports)
	for _, p := range added {
		m.bridgeOf[p] = uuid
	}
	if old.Name != now.Name {
		added = now.Ports // their interfaces show the name
	}
	for _, p := range added {
		m.markPort(p)
	}
	for _, mirror := range slices.Concat(difference(old.Mirrors, now.Mirrors), difference(now.Mirrors, old.Mirrors)) {
		if row := m.t.Mirrors[mirror]; row != nil {
			m.markMirrored(row)
		}
	}
}

func (m *Mapper) notePort(uuid string, old, now *database.Port) {
	m.mark(entity.TypeOvsPort, uuid)
	for _, i := range difference(old.Interfaces, now.Interfaces) {
		if m.portOf[i] == uuid {
			delete(m.portOf, i)
			m.mark(entity.TypeOvsInterface, i)
		}
	}
	added := difference(now.Interfaces, old.Interfaces)
	for _, i := range added {
		m.portOf[i] = uuid
	}
	if old.Name != now.Name || text(old.BondActive) != text(now.BondActive) || len(old.Interfaces) != len(now.Interfaces) {
		added = now.Interfaces
	}
	for _, i := range added {
		m.mark(entity.TypeOvsInterface, i)
	}
	if old.Name == now.Name {
		return
	}
	// Bridges name the ports of their mirrors.
	for id, row := range m.t.Mirrors {
		if text(row.OutputPort) == uuid || slices.Contains(row.SelectSrcPort, uuid) || slices.Contains(row.SelectDstPort, uuid) {
			m.markBridges(func(b *database.Bridge) bool { return slices.Contains(b.Mirrors, id) })
		}
	}
}

func (m *Mapper) noteInterface(uuid string, old, now *database.Interface) {
	m.mark(entity.TypeOvsInterface, uuid)
	if old.Name != now.Name {
		if m.byName[old.Name] == uuid {
			delete(m.byName, old.Name)
		}
		if now.Name != "" {
			m.byName[now.Name] = uuid
		}
	}
	// The other end of a patch pair tells of it too.
	for _, peer := range []string{old.Options[optionPeer], now.Options[optionPeer]} {
		if other, ok := m.byName[peer]; ok && peer != "" {
			m.mark(entity.TypeOvsInterface, other)
		}
	}
	// A bond lists its members.
	if p := m.t.Ports[m.portOf[uuid]]; p != nil && len(p.Interfaces) > 1 {
		m.mark(entity.TypeOvsPort, p.UUID)
	}
}

func (m *Mapper) noteMirror(uuid string, old, now *database.Mirror) {
	m.markBridges(func(b *database.Bridge) bool { return slices.Contains(b.Mirrors, uuid) })
	m.markMirrored(old)
	m.markMirrored(now)
}

// markMirrored marks the ports that a mirror copies from.
func (m *Mapper) markMirrored(row *database.Mirror) {
	for _, p := range slices.Concat(row.SelectSrcPort, row.SelectDstPort) {
		m.mark(entity.TypeOvsPort, p)
	}
}

// difference returns what is in a and not in b.
func difference(a, b []string) (out []string) {
	if slices.Equal(a, b) {
		return nil
	}
	in := make(map[string]struct{}, len(b))
	for _, s := range b {
		in[s] = struct{}{}
	}
	for _, s := range a {
		if _, ok := in[s]; !ok {
			out = append(out, s)
		}
	}
	return out
}

func hasValue(m map[int]string, v string) bool {
	for _, x := range m {
		if x == v {
			return true
		}
	}
	return false
}
