package openflow

import "strconv"

// separate begins a new item.
func (d *decoder) separate() {
	if len(d.text) > 0 {
		d.text = append(d.text, ',')
	}
}

func (d *decoder) item(name string) {
	d.separate()
	d.text = append(append(d.text, name...), '=')
}

func (d *decoder) word(s string) {
	d.separate()
	d.text = append(d.text, s...)
}

// plain prints a field in its own form.
func (d *decoder) plain(id fieldID, name string) {
	if s, ok := d.get(id); ok {
		d.item(name)
		d.text = id.info().appendValue(d.text, s.value, s.mask)
	}
}

// decimal prints a number, and in hexadecimal if it is masked.
func (d *decoder) decimal(id fieldID, name string) {
	d.padded(id, name, 0)
}

func (d *decoder) padded(id fieldID, name string, digits int) {
	s, ok := d.get(id)
	if !ok {
		return
	}
	d.item(name)
	if isOnes(s.mask) {
		d.text = strconv.AppendUint(d.text, number(s.value), 10)
		return
	}
	d.text = appendHexPad(d.text, number(s.value), digits)
	d.text = appendHexPad(append(d.text, '/'), number(s.mask), digits)
}

// hex32 prints a number of up to 64 bits as C's %#x.
func (d *decoder) hex32(id fieldID, name string) {
	s, ok := d.get(id)
	if !ok {
		return
	}
	d.item(name)
	d.text = appendHexN(d.text, number(s.value))
	if !isOnes(s.mask) {
		d.text = appendHexN(append(d.text, '/'), number(s.mask))
	}
}

// small prints one byte in decimal, whatever its mask.
func (d *decoder) small(id fieldID, name string) {
	if s, ok := d.get(id); ok {
		s.vague = !isOnes(s.mask)
		d.item(name)
		d.text = strconv.AppendUint(d.text, number(s.value), 10)
	}
}

// hexSmall prints a number as C's %#x, whatever its mask.
func (d *decoder) hexSmall(id fieldID, name string) {
	if s, ok := d.get(id); ok {
		s.vague = !isOnes(s.mask)
		d.item(name)
		d.text = appendHexN(d.text, number(s.value))
	}
}

// hexFull prints a number as 0x and hexadecimal even when it is 0.
func (d *decoder) hexFull(id fieldID, name string, all uint64) {
	s, ok := d.get(id)
	if !ok {
		return
	}
	d.item(name)
	d.text = appendHexPad(d.text, number(s.value), 0)
	s.vague = !isOnes(s.mask) && (number(s.mask)&^all != 0 || number(s.mask) == all)
	if m := number(s.mask) & all; m != all {
		d.text = appendHexPad(append(d.text, '/'), m, 0)
	}
}
