package neighbor

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
)

// FromCDP returns what a CDP packet says. Its device and port have no subtype:
// their identities begin with "cdp:".
func FromCDP(p *cdp.PDU) Neighbor {
	n := Neighbor{
		Protocol:   CDP,
		Chassis:    "cdp:" + p.DeviceID,
		Port:       "cdp:" + p.PortID,
		Hold:       time.Duration(p.TTL) * time.Second,
		System:     first(p.SystemName, p.DeviceID),
		SwitchName: first(p.SystemName, p.DeviceID),
		PortName:   p.PortID,
		MTU:        int64(p.MTU),
	}
	var s attrs
	s.text("DeviceID", p.DeviceID)
	s.text("SysName", p.SystemName)
	s.text("SysOID", p.SystemOID)
	s.text("Software", p.Software)
	s.text("Platform", p.Platform)
	s.text("Location", p.Location)
	s.text("VTPDomain", p.VTPDomain)
	if p.HasCapabilities {
		s.texts("Capabilities", p.Capabilities.Names())
	}
	var management []string
	for _, a := range p.Management {
		management = append(management, a.String())
	}
	s.texts("MgmtAddresses", management)
	if len(management) > 0 {
		s.text("MgmtAddress", management[0])
	}
	n.Switch = s.done()
	n.SwitchPort = cdpPort(p)
	return n
}

func cdpPort(p *cdp.PDU) entity.Attrs {
	var a attrs
	a.text("PortID", p.PortID)
	a.number("Version", int64(p.Version))
	a.number("TTL", int64(p.TTL))
	var addresses, prefixes []string
	for _, x := range p.Addresses {
		addresses = append(addresses, x.String())
	}
	for _, x := range p.Prefixes {
		prefixes = append(prefixes, x.String())
	}
	a.texts("Addresses", addresses)
	a.texts("Prefixes", prefixes)
	if p.NativeVLAN != nil {
		a.number("NativeVLAN", int64(*p.NativeVLAN))
	}
	if p.VoiceVLAN != nil {
		a.number("VoiceVLAN", int64(*p.VoiceVLAN))
	}
	if p.Duplex != nil {
		a.text("Duplex", map[bool]string{true: "full", false: "half"}[*p.Duplex])
	}
	if p.ExtendedTrust != nil {
		a.number("ExtendedTrust", int64(*p.ExtendedTrust))
	}
	if p.UntrustedCOS != nil {
		a.number("UntrustedCOS", int64(*p.UntrustedCOS))
	}
	a.text("ExternalPortID", p.ExternalPortID)
	if p.PortUnidirection {
		a.flag("Unidirectional", true)
	}
	var power attrs
	if p.PowerConsumption != nil {
		power.watts("Consumption", int64(*p.PowerConsumption), 1000)
	}
	power.list("Requested", milliwatts(p.PowerRequested))
	power.list("Available", milliwatts(p.PowerAvailable))
	a.nested("Power", power)
	var unknown []entity.Value
	for _, u := range p.Unknown {
		var v attrs
		v.number("Type", int64(u.Type))
		v.text("Value", u.Value)
		unknown = append(unknown, v.value())
	}
	a.list("Unknown", unknown)
	if p.Bad > 0 {
		a.number("BadTLVs", int64(p.Bad))
	}
	if p.Truncated {
		a.flag("Truncated", true)
	}
	return a.done()
}

func milliwatts(mw []uint32) []entity.Value {
	var out []entity.Value
	for _, x := range mw {
		out = append(out, entity.Float(float64(x)/1000))
	}
	return out
}
