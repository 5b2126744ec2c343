package openflow

// decoder reads the parts of one message. It holds what rules are taken apart
// into, so that reading many of them needs little memory; nothing of it is in
// what it returns.
type decoder struct {
	version Version
	text    []byte // what is being printed
	depth   int    // of actions within actions

	slots   []slot
	slotOf  [fieldCount]uint8 // a field's place in slots, plus one
	unknown []oxmField        // fields that have no slot
	scratch []byte            // values that do not stand so on the wire
}

func newDecoder(v Version) *decoder { return &decoder{version: v} }

// slot is one field of a match. It shares the message's memory.
type slot struct {
	id    fieldID
	shown bool // the text of the match has it
	vague bool // but other values or masks have the same text
	value []byte
	mask  []byte // as long as value
}

// oxmField is a field of a match that is not known.
type oxmField struct {
	header      oxmHeader
	value, mask []byte
}

func (d *decoder) reset() {
	for i := range d.slots {
		d.slotOf[d.slots[i].id] = 0
	}
	d.slots, d.unknown, d.scratch = d.slots[:0], d.unknown[:0], d.scratch[:0]
}

// set notes a field of a match. A field that comes twice counts as it came last.
func (d *decoder) set(id fieldID, value, mask []byte) {
	if i := d.slotOf[id]; i != 0 {
		d.slots[i-1] = slot{id: id, value: value, mask: mask}
		return
	}
	d.slots = append(d.slots, slot{id: id, value: value, mask: mask})
	d.slotOf[id] = uint8(len(d.slots))
}

// get finds a field of a match and notes that it is being printed.
func (d *decoder) get(id fieldID) (s *slot, ok bool) {
	i := d.slotOf[id]
	if i == 0 {
		return nil, false
	}
	s = &d.slots[i-1]
	s.shown = true
	return s, true
}

// ones is an exact mask of so many bytes, at most 128.
func (d *decoder) ones(n int) []byte {
	const all = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	return d.keep([]byte(all[:min(n, len(all))])...)
}

// keep holds bytes until the next rule.
func (d *decoder) keep(b ...byte) []byte {
	// A grown scratch leaves what was kept before in the old one: it stays valid.
	d.scratch = append(d.scratch, b...)
	return d.scratch[len(d.scratch)-len(b) : len(d.scratch) : len(d.scratch)]
}
