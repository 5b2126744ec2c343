package pack

import "github.com/skein-net/skein/internal/entity"

// AppendJSON appends the attributes as a JSON object to b: the same bytes as
// [entity.Attrs.AppendJSON] gives.
func (d *Dict) AppendJSON(b []byte, data string) []byte {
	return d.appendObject(b, data, 0, len(data))
}

func (d *Dict) appendObject(b []byte, data string, p, end int) []byte {
	b = append(b, '{')
	for c := d.open(data, p, end); c.next(); {
		if c.shape != nil {
			b = append(b, c.shape.json[c.i]...)
		} else {
			if c.i > 0 {
				b = append(b, ',')
			}
			b = append(entity.AppendJSONString(b, c.name), ':')
		}
		b = d.appendJSON(b, data, c.p)
	}
	return append(b, '}')
}

func (d *Dict) appendJSON(b []byte, data string, p int) []byte {
	if v, ok := d.interned(data, p); ok {
		return v.AppendJSON(b)
	}
	if s, ok := text(data, p); ok {
		return entity.AppendJSONString(b, s)
	}
	if v, ok := plain(data, p); ok {
		return v.AppendJSON(b)
	}
	h := data[p]
	switch {
	case packedText(h):
		return append(appendText(append(b, '"'), data, p), '"')
	case h == headOne:
		return append(d.appendJSON(append(b, '['), data, p+1), ']')
	case h == headList:
		_, q := readUvarint(data, p+1)
		n, q := readUvarint(data, q)
		b = append(b, '[')
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = d.appendJSON(b, data, q)
			q = skip(data, q)
		}
		return append(b, ']')
	case h == headMap:
		n, q := readUvarint(data, p+1)
		return d.appendObject(b, data, q, q+int(n))
	default:
		return append(b, "null"...)
	}
}
