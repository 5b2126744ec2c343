package openflow

// fieldArray reads and prints a list of fields whose values are masks: what a
// group hashes.
func (d *decoder) fieldArray(b []byte) ([]Filter, string) {
	d.reset()
	for len(b) > 0 {
		h, n, ok := parseOXM(b)
		if !ok || n+h.length > len(b) {
			d.unknown = append(d.unknown, oxmField{value: b})
			break
		}
		v := b[n : n+h.length]
		if id := h.field(); id != noField && id.fits(len(v)) {
			d.set(id, v, nil)
		} else {
			d.unknown = append(d.unknown, oxmField{header: h, value: v})
		}
		b = b[n+h.length:]
	}
	d.text = d.text[:0]
	var out []Filter
	for id := fieldID(0); id < fieldCount; id++ {
		s, ok := d.get(id)
		if !ok {
			continue
		}
		f := id.info()
		filter := Filter{Type: f.name}
		d.separate()
		d.print(f.name)
		if !isOnes(s.value) {
			filter.Value = string(f.appendValue(nil, s.value, nil))
			d.print("=" + filter.Value)
		}
		out = append(out, filter)
	}
	for _, u := range d.unknown {
		filter := Filter{Type: u.header.name(), Value: string(appendRaw(nil, u.value))}
		d.separate()
		d.print(filter.Type + "=" + filter.Value)
		out = append(out, filter)
	}
	return out, string(d.text)
}
