package openflow

import "encoding/binary"

// instructions reads and prints the instructions of a rule of 1.1 or later.
// They are printed in the order in which a switch carries them out, whatever
// their order on the wire (OpenFlow 1.3.0, 5.9).
func (d *decoder) instructions(r *Rule, b []byte) {
	const order = 7
	var parts [order][]byte
	var unknown [][]byte
	for len(b) > 0 {
		n := len(b)
		if len(b) >= 8 {
			if s := int(binary.BigEndian.Uint16(b[2:])); s >= 8 && s <= len(b) {
				n = s
			}
		}
		if i := instructionPlace(b[:n]); i >= 0 && parts[i] == nil {
			parts[i] = b[:n]
		} else {
			unknown = append(unknown, b[:n])
		}
		b = b[n:]
	}
	d.text = d.text[:0]
	d.printInstructions(r, parts[:])
	for _, p := range unknown {
		d.separate()
		a := Action{text: span{start: len(d.text)}}
		d.unknownAction(&a, p)
		a.text.end = len(d.text)
		r.Unknown = append(r.Unknown, a)
	}
	if len(d.text) == 0 {
		d.print("drop")
	}
	r.actions = string(d.text)
	cut(r.Actions, r.actions)
	cut(r.WriteActions, r.actions)
	cut(r.Unknown, r.actions)
}

// instructionPlace is the place of an instruction in the order of printing, -1
// when it is not known or too short.
func instructionPlace(b []byte) int {
	if len(b) < 8 || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return -1
	}
	switch typ := binary.BigEndian.Uint16(b); {
	case typ == 6: // meter
		return 0
	case typ == 4: // apply actions
		return 1
	case typ == 5: // clear actions
		return 2
	case typ == 3: // write actions
		return 3
	case typ == 2 && len(b) >= 24: // write metadata
		return 4
	case typ == 1: // goto table
		return 5
	}
	return -1
}

func (d *decoder) printInstructions(r *Rule, parts [][]byte) {
	var a Action // its arguments are not kept: the rule has them as fields
	if b := parts[0]; b != nil {
		r.Meter = binary.BigEndian.Uint32(b[4:])
		d.simple(&a, "meter", "meter", uint64(r.Meter))
	}
	if b := parts[1]; len(b) > 8 {
		d.separate()
		r.Actions = d.list(b[8:])
	}
	if parts[2] != nil {
		r.ClearActions = true
		d.word("clear_actions")
	}
	if b := parts[3]; b != nil {
		d.word("write_actions(")
		r.WriteActions = d.list(b[8:])
		d.print(")")
	}
	if b := parts[4]; b != nil {
		r.Metadata, r.MetadataMask = binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])
		d.separate()
		d.writeMetadata(&a, b[8:])
	}
	if b := parts[5]; b != nil {
		r.GotoTable = int(b[4])
		d.separate()
		d.simple(&a, "goto_table", "table", uint64(b[4]))
	}
}

// writeMetadata prints a value and a mask of eight bytes each.
func (d *decoder) writeMetadata(a *Action, b []byte) bool {
	a.Type = "write_metadata"
	d.print("write_metadata:")
	d.hex(a, "metadata", binary.BigEndian.Uint64(b))
	if mask := binary.BigEndian.Uint64(b[8:]); mask != 1<<64-1 {
		d.print("/")
		d.hex(a, "mask", mask)
	}
	return true
}
