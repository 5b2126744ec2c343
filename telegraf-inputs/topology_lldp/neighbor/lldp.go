package neighbor

import (
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
)

// idType returns the name of a kind of ID.
func idType(kind string) string {
	switch kind {
	case "mac":
		return "MAC Address"
	case "ip":
		return "Network Address"
	case "ifname":
		return "Interface Name"
	case "ifalias":
		return "Interface Alias"
	case "component":
		return "Chassis Component"
	case "port":
		return "Port Component"
	case "circuit":
		return "Agent Circuit ID"
	case "local":
		return "Local"
	}
	return kind
}

// FromLLDP returns what an LLDPDU says. With byName, a device that says its name
// is identified by that, not by its chassis ID: some send another chassis ID on
// each port.
func FromLLDP(p *lldp.PDU, byName bool) Neighbor {
	n := Neighbor{
		Protocol: LLDP,
		Chassis:  p.Chassis.String(),
		Port:     p.Port.String(),
		Hold:     time.Duration(p.TTL) * time.Second,
		System:   p.SystemName,
	}
	if byName && p.SystemName != "" {
		n.Device = "name:" + p.SystemName
	}
	if p.TTL == 0 {
		return n
	}
	n.SwitchName = first(p.SystemName, p.Chassis.Text)
	n.PortName = first(p.PortDescription, p.Port.Text)
	n.MTU = int64(p.Dot3.MaxFrameSize)
	n.Switch = lldpSwitch(p)
	n.SwitchPort = lldpPort(p)
	return n
}

func lldpSwitch(p *lldp.PDU) entity.Attrs {
	var a attrs
	a.text("ChassisID", p.Chassis.Text)
	a.text("ChassisIDType", idType(p.Chassis.Kind))
	a.text("SysName", p.SystemName)
	a.text("Description", p.SystemDescription)
	if p.HasCapabilities {
		a.texts("Capabilities", p.Capable.Names())
		a.texts("EnabledCapabilities", p.Enabled.Names())
	}
	var all []entity.Value
	for i := range p.Management {
		m := &p.Management[i]
		var v attrs
		v.text("Address", m.Address)
		v.number("Family", int64(m.Family))
		v.text("Numbering", m.Numbering)
		if m.Numbering != "" {
			v.number("Number", int64(m.Number))
		}
		v.text("OID", m.OID)
		all = append(all, v.value())
	}
	a.list("MgmtAddresses", all)
	a.text("MgmtAddress", managementAddress(p.Management))
	inv := &p.MED.Inventory
	var v attrs
	v.text("Hardware", inv.Hardware)
	v.text("Firmware", inv.Firmware)
	v.text("Software", inv.Software)
	v.text("Serial", inv.Serial)
	v.text("Manufacturer", inv.Manufacturer)
	v.text("Model", inv.Model)
	v.text("Asset", inv.Asset)
	a.nested("Inventory", v)
	if c := p.MED.Capabilities; c != nil {
		var v attrs
		v.texts("Capabilities", c.Capable.Names())
		v.number("Class", int64(c.Class))
		a.nested("MED", v)
	}
	return a.done()
}

// managementAddress returns the first IP address, else the first of any kind.
func managementAddress(ms []lldp.Management) string {
	for _, m := range ms {
		if m.Family == 1 || m.Family == 2 {
			return m.Address
		}
	}
	if len(ms) > 0 {
		return ms[0].Address
	}
	return ""
}

func lldpPort(p *lldp.PDU) entity.Attrs {
	var a attrs
	a.text("PortID", p.Port.Text)
	a.text("PortIDType", idType(p.Port.Kind))
	a.text("Description", p.PortDescription)
	a.number("TTL", int64(p.TTL))
	a.dot1(&p.Dot1)
	a.dot3(&p.Dot3)
	// 802.1AX moved it from 802.3 to 802.1.
	if l := p.Dot1.LinkAggregation; l != nil {
		a.nested("LinkAggregation", aggregation(l))
	} else if l := p.Dot3.LinkAggregation; l != nil {
		a.nested("LinkAggregation", aggregation(l))
	}
	a.med(&p.MED)
	var unknown []entity.Value
	for _, u := range p.Unknown {
		var v attrs
		v.number("Type", int64(u.Type))
		if u.OUI != "" {
			v.text("OUI", u.OUI)
			v.number("Subtype", int64(u.Subtype))
		}
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
