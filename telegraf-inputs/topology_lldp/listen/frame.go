package listen

import (
	"encoding/binary"
	"errors"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// maxFrame is the longest frame that is read. No PDU is longer than one frame,
// and those of jumbo size are cut by the bounds of the decoders anyway.
const maxFrame = 9216

var errOther = errors.New("frame is neither LLDP nor CDP")

// decode decodes an Ethernet frame. byName is explained at [Config.ByName].
func decode(b []byte, byName bool) (neighbor.Neighbor, error) {
	const header = 14
	if len(b) < header {
		return neighbor.Neighbor{}, errOther
	}
	typ, payload := binary.BigEndian.Uint16(b[12:]), b[header:]
	if typ == 0x8100 && len(payload) >= 4 {
		// The kernel takes the tag away; this is for frames from elsewhere.
		typ, payload = binary.BigEndian.Uint16(payload[2:]), payload[4:]
	}
	if typ == lldp.EtherType {
		p, err := lldp.Decode(payload)
		if err != nil {
			return neighbor.Neighbor{}, err
		}
		return neighbor.FromLLDP(p, byName), nil
	}
	// IEEE 802.3: a length, then LLC and SNAP with Cisco's number of CDP.
	const snap = "\xaa\xaa\x03\x00\x00\x0c\x20\x00"
	if n := int(typ); n < 0x600 && n >= len(snap) && len(payload) >= n && string(payload[:len(snap)]) == snap {
		p, err := cdp.Decode(payload[len(snap):n])
		if err != nil {
			return neighbor.Neighbor{}, err
		}
		return neighbor.FromCDP(p), nil
	}
	return neighbor.Neighbor{}, errOther
}

// reasonOf names the reason why a frame was not understood, for its counter.
func reasonOf(err error) reason {
	switch {
	case errors.Is(err, lldp.ErrShort), errors.Is(err, cdp.ErrShort):
		return reasonShort
	case errors.Is(err, lldp.ErrMandatory), errors.Is(err, cdp.ErrNoID):
		return reasonMandatory
	case errors.Is(err, lldp.ErrID):
		return reasonID
	}
	return reasonOther
}
