package openflow

import "encoding/binary"

// controller is a packet that is sent to a controller.
type controller struct {
	maxLen, id uint16
	reason     uint8
	userdata   []byte
	pause      bool
	meter      uint32
}

const reasonAction = 1 // OFPR_ACTION

func (d *decoder) controller(a *Action, c controller) bool {
	a.Type = "controller"
	if c.reason == reasonAction && c.id == 0 && len(c.userdata) == 0 && !c.pause && c.meter == 0 {
		d.print("CONTROLLER:")
		d.dec(a, "max_len", uint64(c.maxLen))
		return true
	}
	// The last is an implicit miss, for which ovs-ofctl has no word.
	reasons := [...]string{"no_match", "action", "invalid_ttl", "action_set", "group", "packet_out", ""}
	d.print("controller(")
	sep := d.separator()
	if c.reason != reasonAction {
		sep()
		d.print("reason=")
		if int(c.reason) < len(reasons) {
			d.arg(a, "reason", func() { d.print(reasons[c.reason]) })
		} else {
			d.dec(a, "reason", uint64(c.reason))
		}
	}
	if c.maxLen != 0xffff {
		sep()
		d.print("max_len=")
		d.dec(a, "max_len", uint64(c.maxLen))
	}
	if c.id != 0 {
		sep()
		d.print("id=")
		d.dec(a, "id", uint64(c.id))
	}
	if len(c.userdata) > 0 {
		sep()
		d.print("userdata=")
		d.arg(a, "userdata", func() { d.dotted(c.userdata) })
	}
	if c.pause {
		sep()
		d.flag(a, "pause")
	}
	if c.meter != 0 {
		sep()
		d.print("meter_id=")
		d.dec(a, "meter_id", uint64(c.meter))
	}
	d.print(")")
	return true
}

// controller2 reads the properties of NXAST_CONTROLLER2. One that is not known
// makes the action unknown.
func (d *decoder) controller2(a *Action, b []byte) bool {
	c := controller{maxLen: 0xffff, reason: reasonAction}
	ok := true
	err := properties(b, func(typ uint16, p []byte) {
		switch {
		case typ == 0 && len(p) >= 6:
			c.maxLen = binary.BigEndian.Uint16(p[4:])
		case typ == 1 && len(p) >= 6:
			c.id = binary.BigEndian.Uint16(p[4:])
		case typ == 2 && len(p) >= 5:
			c.reason = p[4]
		case typ == 3:
			c.userdata = p[4:]
		case typ == 4:
			c.pause = true
		case typ == 5 && len(p) >= 8:
			c.meter = binary.BigEndian.Uint32(p[4:])
		default:
			ok = false
		}
	})
	return err == nil && ok && d.controller(a, c)
}
