package openflow

import (
	"encoding/binary"
	"strconv"
)

// maxDepth is how deep actions may stand within actions; what is deeper is
// shown as hexadecimal. Open vSwitch itself allows few levels.
const maxDepth = 16

// ruleActions reads the actions of a rule of 1.0.
func (d *decoder) ruleActions(r *Rule, b []byte) {
	r.Actions, r.actions = d.actionList(b)
}

// actionList reads and prints a list of actions that stands by itself.
func (d *decoder) actionList(b []byte) ([]Action, string) {
	d.text = d.text[:0]
	list := d.list(b)
	text := string(d.text)
	cut(list, text)
	return list, text
}

// cut gives actions and arguments their parts of the text.
func cut(list []Action, text string) {
	for i := range list {
		a := &list[i]
		a.Text = text[a.text.start:a.text.end]
		for j := range a.Arguments {
			if g := &a.Arguments[j]; g.text.end > 0 {
				g.Text = text[g.text.start:g.text.end]
			}
		}
		cut(a.Actions, text)
	}
}

// list reads and prints actions, drop if there are none.
func (d *decoder) list(b []byte) []Action {
	if len(b) == 0 {
		d.text = append(d.text, "drop"...)
		return nil
	}
	n, end := 0, b
	for len(end) >= 4 { // count them: lists are short, and one allocation is enough
		size := int(binary.BigEndian.Uint16(end[2:]))
		if size < 8 || size > len(end) {
			break
		}
		end, n = end[size:], n+1
	}
	if len(end) > 0 {
		n++
	}
	list := make([]Action, 0, n)
	for len(b) > 0 {
		size := len(b)
		if len(b) >= 8 {
			if s := int(binary.BigEndian.Uint16(b[2:])); s >= 8 && s <= len(b) {
				size = s
			}
		}
		if len(list) > 0 {
			d.text = append(d.text, ',')
		}
		list = append(list, d.action(b[:size]))
		b = b[size:]
	}
	return list
}

// action reads and prints one action.
func (d *decoder) action(b []byte) Action {
	var a Action
	a.text.start = len(d.text)
	if !d.known(&a, b) {
		d.text = d.text[:a.text.start]
		a = Action{text: span{start: a.text.start}}
		d.unknownAction(&a, b)
	}
	a.text.end = len(d.text)
	return a
}

// known prints an action whose layout is known; false leaves what it printed.
func (d *decoder) known(a *Action, b []byte) bool {
	if len(b) < 8 || int(binary.BigEndian.Uint16(b[2:])) != len(b) || d.depth >= maxDepth {
		return false
	}
	typ := binary.BigEndian.Uint16(b)
	switch {
	case typ != 0xffff && d.version == V10:
		return d.action10(a, typ, b)
	case typ != 0xffff:
		return d.action11(a, typ, b)
	case len(b) < 16:
		return false
	}
	subtype := binary.BigEndian.Uint16(b[8:])
	switch binary.BigEndian.Uint32(b[4:]) {
	case vendorNicira:
		return d.nicira(a, subtype, b)
	case vendorONF:
		if subtype == 3200 && len(b) >= 24 {
			return d.copyField(a, b[12:], b[20:])
		}
	}
	return false
}

// unknownAction prints what is not known, with its bytes.
func (d *decoder) unknownAction(a *Action, b []byte) {
	a.Type = "unknown"
	d.print("unknown(")
	if len(b) >= 12 && binary.BigEndian.Uint16(b) == 0xffff {
		d.print("experimenter=")
		d.hex(a, "experimenter", uint64(binary.BigEndian.Uint32(b[4:])))
		d.print(",subtype=")
		d.dec(a, "subtype", uint64(binary.BigEndian.Uint16(b[8:])))
		d.print(",")
	} else if len(b) >= 4 {
		d.print("type=")
		d.dec(a, "type", uint64(binary.BigEndian.Uint16(b)))
		d.print(",")
	}
	d.print("data=")
	d.arg(a, "data", func() { d.text = appendRaw(d.text, b) })
	d.print(")")
}

// print prints a text.
func (d *decoder) print(s string) { d.text = append(d.text, s...) }

// arg prints an argument that is a text.
func (d *decoder) arg(a *Action, name string, print func()) *Argument {
	start := len(d.text)
	print()
	a.Arguments = append(a.Arguments, Argument{Name: name, text: span{start, len(d.text)}})
	return &a.Arguments[len(a.Arguments)-1]
}

// dec prints an argument that is a decimal number.
func (d *decoder) dec(a *Action, name string, n uint64) {
	start := len(d.text)
	d.text = strconv.AppendUint(d.text, n, 10)
	a.Arguments = append(a.Arguments, Argument{Name: name, Number: n, Numeric: true, text: span{start, len(d.text)}})
}

// hex prints an argument that is a number, as C's %#x does.
func (d *decoder) hex(a *Action, name string, n uint64) {
	start := len(d.text)
	d.text = appendHexN(d.text, n)
	a.Arguments = append(a.Arguments, Argument{Name: name, Number: n, Numeric: true, text: span{start, len(d.text)}})
}

// port prints an argument that is a port by the numbers of 1.0.
func (d *decoder) port(a *Action, name string, n uint16) {
	start := len(d.text)
	d.text = appendPort(d.text, n)
	a.Arguments = append(a.Arguments, Argument{
		Name: name, Number: uint64(n), Numeric: portName(n) == "", text: span{start, len(d.text)},
	})
}

// flag prints an argument that has no value.
func (d *decoder) flag(a *Action, name string) {
	start := len(d.text)
	d.print(name)
	a.Arguments = append(a.Arguments, Argument{Name: name, text: span{start, len(d.text)}})
}

// simple prints an action with one number: name:1.
func (d *decoder) simple(a *Action, name, argument string, n uint64) bool {
	a.Type = name
	d.print(name)
	d.print(":")
	d.dec(a, argument, n)
	return true
}

// bare prints an action without arguments.
func (d *decoder) bare(a *Action, name string) bool {
	a.Type = name
	d.print(name)
	return true
}

// subfield is a part of a field: a number of bits from an offset.
type subfield struct {
	header       oxmHeader
	offset, bits int
}

// packed reads the offset and number of bits that Nicira packs in two bytes.
func (s *subfield) packed(n uint16) { s.offset, s.bits = int(n>>6), int(n&0x3f)+1 }

// sub prints an argument that is a part of a field: NXM_NX_REG0[0..7].
func (d *decoder) sub(a *Action, name string, s subfield) {
	d.arg(a, name, func() { d.text = s.append(d.text) })
}

func (s subfield) append(b []byte) []byte {
	bits := 0
	if id := s.header.field(); id != noField {
		f := id.info()
		b, bits = append(b, f.oxm...), f.bits
	} else {
		b = append(b, s.header.name()...)
	}
	switch {
	case s.offset == 0 && s.bits == bits:
		return append(b, "[]"...)
	case s.bits == 1:
		b = strconv.AppendUint(append(b, '['), uint64(s.offset), 10)
	default:
		b = strconv.AppendUint(append(b, '['), uint64(s.offset), 10)
		b = strconv.AppendInt(append(b, ".."...), int64(s.offset+s.bits-1), 10)
	}
	return append(b, ']')
}

// output prints an output to a port; maxLen counts for the controller only.
func (d *decoder) output(a *Action, port, maxLen uint16) {
	const max = 0xff00
	a.Type = "output"
	switch {
	case port == 0xfffd:
		a.Type = "controller"
		d.print("CONTROLLER:")
		d.dec(a, "max_len", uint64(maxLen))
	case port < max:
		d.print("output:")
		d.port(a, "port", port)
	default:
		d.port(a, "port", port)
	}
}
