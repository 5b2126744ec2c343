package pack

import "github.com/skein-net/skein/internal/entity"

// Member is an attribute that is kept elsewhere: a map in its encoded form, or
// the text of an ID.
type Member struct {
	Key  string
	Data string // of a map; empty: the text of ID
	ID   entity.UUID
}

// AppendJSONWith is [Dict.AppendJSON] for the attributes of data and more, which
// are sorted by key and replace those with the same key.
func (d *Dict) AppendJSONWith(b []byte, data string, more []Member) []byte {
	b = append(b, '{')
	comma := false
	member := func(m *Member) {
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = append(entity.AppendJSONString(b, m.Key), ':')
		if m.Data != "" {
			b = d.AppendJSON(b, m.Data)
			return
		}
		b = append(appendUUID(append(b, '"'), m.ID), '"')
	}
	for c := d.open(data, 0, len(data)); c.next(); {
		key := c.key()
		for len(more) > 0 && more[0].Key < key {
			member(&more[0])
			more = more[1:]
		}
		if len(more) > 0 && more[0].Key == key {
			continue
		}
		if comma {
			b = append(b, ',')
		}
		comma = true
		if c.shape != nil {
			name := c.shape.json[c.i]
			if c.i > 0 { // the comma
				name = name[1:]
			}
			b = append(b, name...)
		} else {
			b = append(entity.AppendJSONString(b, key), ':')
		}
		b = d.appendJSON(b, data, c.p)
	}
	for i := range more {
		member(&more[i])
	}
	return append(b, '}')
}
