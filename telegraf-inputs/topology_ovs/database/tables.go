package database

import "iter"

// Change is what became of one row: Old is nil when it is new, New when it is
// gone. Both are pointers to the row type of the table.
type Change struct {
	UUID     string
	Old, New Row
}

// Tables is a copy of the database: its rows by UUID. It is not safe for
// concurrent use.
type Tables struct {
	Root        map[string]*OpenVSwitch
	Bridges     map[string]*Bridge
	Ports       map[string]*Port
	Interfaces  map[string]*Interface
	Mirrors     map[string]*Mirror
	QoS         map[string]*QoS
	Queues      map[string]*Queue
	Controllers map[string]*Controller
	Managers    map[string]*Manager
	NetFlow     map[string]*NetFlow
	SFlow       map[string]*SFlow
	IPFIX       map[string]*IPFIX
}

// NewTables returns an empty copy.
func NewTables() *Tables {
	return &Tables{
		Root: make(map[string]*OpenVSwitch), Bridges: make(map[string]*Bridge), Ports: make(map[string]*Port),
		Interfaces: make(map[string]*Interface), Mirrors: make(map[string]*Mirror), QoS: make(map[string]*QoS),
		Queues: make(map[string]*Queue), Controllers: make(map[string]*Controller), Managers: make(map[string]*Manager),
		NetFlow: make(map[string]*NetFlow), SFlow: make(map[string]*SFlow), IPFIX: make(map[string]*IPFIX),
	}
}

// table is one of the tables, whatever the type of its rows.
type table struct {
	name string
	// proto is a nil pointer to the row type.
	proto Row
	// put keeps a row under its UUID, or takes the one of that UUID out when row is
	// nil. It returns the one that was there.
	put func(t *Tables, uuid string, row Row) Row
	// get returns the row of a UUID, nil when there is none.
	get func(t *Tables, uuid string) Row
	all func(t *Tables) iter.Seq[Row]
}

func tableOf[T any, P interface {
	*T
	Row
}](name string, rows func(*Tables) map[string]P) table {
	return table{
		name:  name,
		proto: P(nil),
		put: func(t *Tables, uuid string, row Row) (old Row) {
			m := rows(t)
			if p, ok := m[uuid]; ok {
				old = p
			}
			if p, ok := row.(P); ok {
				m[uuid] = p
			} else {
				delete(m, uuid)
			}
			return old
		},
		get: func(t *Tables, uuid string) Row {
			if p, ok := rows(t)[uuid]; ok {
				return p
			}
			return nil
		},
		all: func(t *Tables) iter.Seq[Row] {
			return func(yield func(Row) bool) {
				for _, r := range rows(t) {
					if !yield(r) {
						return
					}
				}
			}
		},
	}
}

// tables lists what is copied.
func tables() []table {
	return []table{
		tableOf("Open_vSwitch", func(t *Tables) map[string]*OpenVSwitch { return t.Root }),
		tableOf("Bridge", func(t *Tables) map[string]*Bridge { return t.Bridges }),
		tableOf("Port", func(t *Tables) map[string]*Port { return t.Ports }),
		tableOf("Interface", func(t *Tables) map[string]*Interface { return t.Interfaces }),
		tableOf("Mirror", func(t *Tables) map[string]*Mirror { return t.Mirrors }),
		tableOf("QoS", func(t *Tables) map[string]*QoS { return t.QoS }),
		tableOf("Queue", func(t *Tables) map[string]*Queue { return t.Queues }),
		tableOf("Controller", func(t *Tables) map[string]*Controller { return t.Controllers }),
		tableOf("Manager", func(t *Tables) map[string]*Manager { return t.Managers }),
		tableOf("NetFlow", func(t *Tables) map[string]*NetFlow { return t.NetFlow }),
		tableOf("sFlow", func(t *Tables) map[string]*SFlow { return t.SFlow }),
		tableOf("IPFIX", func(t *Tables) map[string]*IPFIX { return t.IPFIX }),
	}
}

// Put keeps a row, and returns what changed.
func (t *Tables) Put(row Row) Change {
	for _, tab := range tables() {
		if sameType(tab.proto, row) {
			return Change{UUID: row.id(), Old: tab.put(t, row.id(), row), New: row}
		}
	}
	return Change{UUID: row.id()}
}

// Remove takes a row out, and returns what changed.
func (t *Tables) Remove(row Row) Change {
	for _, tab := range tables() {
		if sameType(tab.proto, row) {
			return Change{UUID: row.id(), Old: tab.put(t, row.id(), nil)}
		}
	}
	return Change{UUID: row.id()}
}

// All returns every row as one that is new.
func (t *Tables) All() []Change {
	var out []Change
	for _, tab := range tables() {
		for r := range tab.all(t) {
			out = append(out, Change{UUID: r.id(), New: r})
		}
	}
	return out
}
