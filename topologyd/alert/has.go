package alert

// Found is how many things the query finds.
func (m *Machine) Found() int { return len(m.entries) }

// Has tells whether a thing is among what the query finds.
func (m *Machine) Has(key string) bool {
	_, ok := m.entries[key]
	return ok
}
