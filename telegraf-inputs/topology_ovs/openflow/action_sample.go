package openflow

import "encoding/binary"

// Subtypes of sample, each of which can say more than the one before.
const (
	sample1 = 29
	sample2 = 38
	sample3 = 41
	sample4 = 51 // Open vSwitch 3.4
)

// sample prints sampling for IPFIX.
func (d *decoder) sample(a *Action, b []byte, subtype uint16) bool {
	size := map[uint16]int{sample1: 24, sample2: 32, sample3: 32, sample4: 40}[subtype]
	if len(b) < size {
		return false
	}
	a.Type = "sample"
	d.print("sample(probability=")
	d.dec(a, "probability", uint64(binary.BigEndian.Uint16(b[10:])))
	d.print(",collector_set_id=")
	d.dec(a, "collector_set_id", uint64(binary.BigEndian.Uint32(b[12:])))
	tail := b[24:]
	for i, name := range []string{"obs_domain_id", "obs_point_id"} {
		d.print("," + name + "=")
		if subtype != sample4 {
			d.dec(a, name, uint64(binary.BigEndian.Uint32(b[16+4*i:])))
			continue
		}
		tail = b[32:]
		if !d.observation(a, name, b[16+8*i:24+8*i]) {
			return false
		}
	}
	if subtype != sample1 {
		if port := binary.BigEndian.Uint16(tail); port != port10None {
			d.print(",sampling_port=")
			d.port(a, "sampling_port", port)
		}
	}
	if subtype >= sample3 && (tail[2] == 1 || tail[2] == 2) {
		d.print(",")
		d.flag(a, [...]string{1: "ingress", 2: "egress"}[tail[2]])
	}
	d.print(")")
	return true
}

// observation prints an ID that is a number or, when it has a header, a part of
// a field.
func (d *decoder) observation(a *Action, name string, b []byte) bool {
	if isZero(b[:4]) {
		d.dec(a, name, uint64(binary.BigEndian.Uint32(b[4:])))
		return true
	}
	h, _, ok := parseOXM(b[:4])
	if !ok {
		return false
	}
	s := subfield{header: h}
	s.packed(binary.BigEndian.Uint16(b[4:]))
	d.sub(a, name, s)
	return true
}
