package mapping

import (
	"errors"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// Source is the facet of all entities of this package.
const Source = "ovsdb"

// Config is what the rows do not say.
type Config struct {
	// HostID is the identity of the machine on which ovs-vswitchd runs.
	HostID string
	// NetNS is the inode number of the network namespace in which it runs, as text;
	// empty when that is not known.
	NetNS string
	// LocalIP returns the address that the host would send from to an address of
	// another host; "" when it is not known. It may be nil.
	LocalIP func(remote string) string
}

// ErrNoRoot tells that the database was not initialized, or that it was replaced
// by another one: its root row is missing, or is not the one it was.
var ErrNoRoot = errors.New("the database has no root row, or another one than before")

// Mapper makes entities of the rows of one database. It is not safe for
// concurrent use.
type Mapper struct {
	cfg  Config
	t    *database.Tables
	root *database.OpenVSwitch
	// bridgeOf and portOf name the owner of a port and of an interface, byName
	// the interface of a name.
	bridgeOf, portOf, byName map[string]string
	// dirty are the entities to make again, told those that Take gave.
	dirty, told map[node]struct{}
}

// node names an entity by its type and row.
type node struct{ typ, uuid string }

// New returns a mapper for tables, which the caller keeps up to date and tells
// the changes of.
func New(cfg Config, tables *database.Tables) (*Mapper, error) {
	m := &Mapper{
		cfg: cfg, t: tables, dirty: make(map[node]struct{}), told: make(map[node]struct{}),
		bridgeOf: make(map[string]string), portOf: make(map[string]string), byName: make(map[string]string),
	}
	if m.root = onlyRoot(tables); m.root == nil {
		return nil, ErrNoRoot
	}
	for _, ch := range tables.All() {
		m.note(ch)
	}
	return m, nil
}

func onlyRoot(t *database.Tables) *database.OpenVSwitch {
	if len(t.Root) == 1 {
		for _, r := range t.Root {
			return r
		}
	}
	return nil
}

// Reconfigure replaces what the rows do not say; everything is made again.
func (m *Mapper) Reconfigure(cfg Config) {
	m.cfg = cfg
	for _, ch := range m.t.All() {
		m.note(ch)
	}
}

// Change tells of rows that changed. The tables already have them.
func (m *Mapper) Change(changes []database.Change) error {
	root := onlyRoot(m.t)
	if root == nil || root.UUID != m.root.UUID {
		return ErrNoRoot
	}
	m.root = root
	for _, ch := range changes {
		m.note(ch)
	}
	return nil
}

// Take returns the state of the entities that changes had a part in since it was
// called last, at first of all, and those that are gone.
func (m *Mapper) Take() (set []entity.Event, gone []entity.Ref) {
	for n := range m.dirty {
		if ev, ok := m.event(n); ok {
			set = append(set, ev)
			m.told[n] = struct{}{}
		} else if _, ok := m.told[n]; ok {
			gone = append(gone, ev.Ref)
			delete(m.told, n)
		}
	}
	clear(m.dirty)
	return set, gone
}

// Database names the database, as [entity.RowRef] wants it: the host and the UUID
// of the root row. Machines that were made of one image have the same rows.
func (m *Mapper) Database() string { return m.cfg.HostID + "/" + m.root.UUID }

func (m *Mapper) ref(typ, uuid string) entity.Ref { return entity.RowRef(typ, m.Database(), uuid) }

// event returns the entity of a row, without time and interval.
func (m *Mapper) event(n node) (entity.Event, bool) {
	ev := entity.Event{Ref: m.ref(n.typ, n.uuid), Source: Source}
	ok := false
	switch n.typ {
	case entity.TypeOvs:
		ok = n.uuid == m.root.UUID
		if ok {
			m.describeRoot(&ev, m.root)
		}
	case entity.TypeOvsBridge:
		var b *database.Bridge
		if b, ok = m.t.Bridges[n.uuid]; ok {
			m.describeBridge(&ev, b)
		}
	case entity.TypeOvsPort:
		var p *database.Port
		if p, ok = m.t.Ports[n.uuid]; ok {
			m.describePort(&ev, p)
		}
	case entity.TypeOvsInterface:
		var i *database.Interface
		if i, ok = m.t.Interfaces[n.uuid]; ok {
			m.describeInterface(&ev, i)
		}
	}
	return ev, ok
}

func relate(typ string, target entity.Ref, attrs ...entity.Attr) entity.Relationship {
	return entity.Relationship{Type: typ, Target: target, Attributes: entity.Attrs(attrs).Normalize()}
}
