package alert

// Has tells whether a thing is among what the query finds.
func (m *Machine) Has(key string) bool {
	_, ok := m.entries[key]
	return ok
}
