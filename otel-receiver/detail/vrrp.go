package detail

import (
	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/internal/entity"
)

// vrrpv2 explains an advertisement of VRRP version 2 (RFC 3768, 5).
func vrrpv2(payload []byte) (entity.Value, bool) {
	var m layers.VRRPv2
	if err := m.DecodeFromBytes(payload, noFeedback{}); err != nil || m.Version != 2 {
		return entity.Value{}, false
	}
	return attrs(entity.Attrs{
		entity.A("Version", entity.Int(int64(m.Version))),
		entity.A("VirtualRtrID", entity.Int(int64(m.VirtualRtrID))),
		entity.A("Priority", entity.Int(int64(m.Priority))),
		entity.A("CountIPAddr", entity.Int(int64(m.CountIPAddr))),
		entity.A("AdverInt", entity.Int(int64(m.AdverInt))),
		entity.A("Checksum", entity.Int(int64(m.Checksum))),
		entity.A("IPAddresses", list(len(m.IPAddress), func(i int) entity.Value { return address(m.IPAddress[i]) })),
	}), true
}
