package detail

import (
	"encoding/binary"
	"strings"

	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/internal/entity"
)

// dhcpv4 explains a DHCP message (RFC 2131, 2).
func dhcpv4(payload []byte) (entity.Value, bool) {
	var m layers.DHCPv4
	if err := m.DecodeFromBytes(payload, noFeedback{}); err != nil && (len(payload) < 240 || m.HardwareLen > 16 || binary.BigEndian.Uint32(payload[236:]) != layers.DHCPMagic) {
		return entity.Value{}, false
	}
	as := entity.Attrs{
		entity.A("Operation", entity.String(m.Operation.String())),
		entity.A("HardwareType", entity.Int(int64(m.HardwareType))),
		entity.A("HardwareLen", entity.Int(int64(m.HardwareLen))),
		entity.A("HardwareOpts", entity.Int(int64(m.RelayHops))),
		entity.A("Xid", entity.Int(int64(m.Xid))),
		entity.A("Secs", entity.Int(int64(m.Secs))),
		entity.A("Flags", entity.Int(int64(m.Flags))),
		entity.A("ClientIP", address(m.ClientIP)),
		entity.A("YourClientIP", address(m.YourClientIP)),
		entity.A("NextServerIP", address(m.NextServerIP)),
		entity.A("RelayAgentIP", address(m.RelayAgentIP)),
		entity.A("ClientHWAddr", entity.String(m.ClientHWAddr.String())),
		entity.A("ServerName", cstring(m.ServerName)),
		entity.A("File", cstring(m.File)),
	}
	seen := map[string]bool{}
	for i := range m.Options {
		o := &m.Options[i]
		var a entity.Attr
		switch {
		case o.Type == layers.DHCPOptMessageType && len(o.Data) == 1:
			a = entity.A("MessageType", entity.String(strings.ToUpper(layers.DHCPMsgType(o.Data[0]).String())))
		case o.Type == layers.DHCPOptHostname:
			a = entity.A("HostName", text(o.Data))
		case o.Type == layers.DHCPOptRequestIP && len(o.Data) == 4:
			a = entity.A("RequestedIP", address(o.Data))
		case o.Type == layers.DHCPOptServerID && len(o.Data) == 4:
			a = entity.A("ServerID", address(o.Data))
		case o.Type == layers.DHCPOptLeaseTime && len(o.Data) == 4:
			a = entity.A("LeaseTime", entity.Int(int64(binary.BigEndian.Uint32(o.Data))))
		default:
			continue
		}
		if !seen[a.Key] {
			seen[a.Key] = true
			as = append(as, a)
		}
	}
	return attrs(as), true
}
