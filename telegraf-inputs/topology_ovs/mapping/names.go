package mapping

import "github.com/skein-net/skein/internal/entity"

// Names says what an interface is called, for metrics.
type Names struct {
	// Entity is the node ID.
	Entity entity.UUID
	// Name and Type are the interface's, Port and Bridge the names of its owners.
	Name, Type, Port, Bridge string
	// Device tells that it is a device of the kernel, see [HasDevice].
	Device bool
}

// Interface returns the names of an interface by the UUID of its row.
func (m *Mapper) Interface(uuid string) Names {
	i := m.t.Interfaces[uuid]
	if i == nil {
		return Names{}
	}
	n := Names{
		Entity: m.ref(entity.TypeOvsInterface, uuid).UUID(),
		Name:   i.Name, Type: orSystem(i.Type), Device: HasDevice(i.Type),
	}
	if p := m.t.Ports[m.portOf[uuid]]; p != nil {
		n.Port = p.Name
		if b := m.t.Bridges[m.bridgeOf[p.UUID]]; b != nil {
			n.Bridge = b.Name
		}
	}
	return n
}
