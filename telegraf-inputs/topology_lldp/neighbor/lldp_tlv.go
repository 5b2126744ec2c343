package neighbor

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
)

func aggregation(l *lldp.LinkAggregation) attrs {
	var v attrs
	v.flag("Supported", l.Supported)
	v.flag("Enabled", l.Enabled)
	v.number("PortID", int64(l.PortID))
	return v
}

func (a *attrs) dot1(d *lldp.Dot1) {
	if d.PVID != nil && *d.PVID != 0 {
		a.number("PVID", int64(*d.PVID))
	}
	if d.ManagementVID != nil && *d.ManagementVID != 0 {
		a.number("ManagementVID", int64(*d.ManagementVID))
	}
	if d.VIDUsageDigest != nil {
		a.number("VIDUsageDigest", int64(*d.VIDUsageDigest))
	}
	var ppvids, vlans []entity.Value
	for _, p := range d.PPVIDs {
		var v attrs
		v.number("ID", int64(p.ID))
		v.flag("Supported", p.Supported)
		v.flag("Enabled", p.Enabled)
		ppvids = append(ppvids, v.value())
	}
	for _, p := range d.VLANs {
		var v attrs
		v.number("ID", int64(p.ID))
		v.text("Name", p.Name)
		vlans = append(vlans, v.value())
	}
	a.list("PPVIDs", ppvids)
	a.list("VLANNames", vlans)
	a.texts("ProtocolIdentities", d.Protocols)
	var dcb attrs
	if c := d.Congestion; c != nil {
		var v attrs
		v.list("Supported", bitNumbers(c.Supported))
		v.list("Ready", bitNumbers(c.Ready))
		dcb.nested("Congestion", v)
	}
	if d.ETS != nil {
		v := ets(d.ETS)
		v.flag("Willing", d.ETS.Willing)
		v.flag("CreditBased", d.ETS.CreditBased)
		v.number("Classes", int64(d.ETS.Classes))
		dcb.nested("ETS", v)
	}
	if d.ETSRecommended != nil {
		dcb.nested("ETSRecommended", ets(d.ETSRecommended))
	}
	if p := d.PFC; p != nil {
		var v attrs
		v.flag("Willing", p.Willing)
		v.flag("MACsecBypass", p.MACsecBypass)
		v.number("Capability", int64(p.Capability))
		v.list("Enabled", bitNumbers(p.Enabled))
		dcb.nested("PFC", v)
	}
	var apps []entity.Value
	for _, x := range d.Applications {
		var v attrs
		v.number("Priority", int64(x.Priority))
		v.number("Selector", int64(x.Selector))
		v.number("Protocol", int64(x.Protocol))
		apps = append(apps, v.value())
	}
	dcb.list("Applications", apps)
	a.nested("DCB", dcb)
	a.text("EVB", d.EVB)
	a.text("CDCP", d.CDCP)
}

func ets(e *lldp.ETS) attrs {
	var v attrs
	v.list("Priorities", numbers(e.Priorities[:]))
	v.list("Bandwidth", numbers(e.Bandwidth[:]))
	v.list("Algorithms", numbers(e.Algorithms[:]))
	return v
}

func (a *attrs) dot3(d *lldp.Dot3) {
	if p := d.PHY; p != nil {
		var v attrs
		v.flag("Supported", p.Supported)
		v.flag("Enabled", p.Enabled)
		v.texts("Advertised", p.AdvertisedNames())
		if p.MAU != 0 {
			v.number("MAU", int64(p.MAU))
		}
		v.text("MAUName", p.MAUName)
		a.nested("AutoNegotiation", v)
	}
	if d.MaxFrameSize != 0 {
		a.number("MaxFrameSize", int64(d.MaxFrameSize))
	}
	if p := d.Power; p != nil {
		var v attrs
		v.flag("PSE", p.PSE)
		v.flag("Supported", p.Supported)
		v.flag("Enabled", p.Enabled)
		v.flag("PairsControl", p.Switched)
		v.number("Pairs", int64(p.Pairs))
		v.number("Class", int64(p.Class))
		if p.HasDLL {
			v.number("Type", int64(p.Type))
			v.number("Source", int64(p.Source))
			v.number("Priority", int64(p.Priority))
			v.watts("Requested", int64(p.Requested), 10)
			v.watts("Allocated", int64(p.Allocated), 10)
		}
		a.nested("Power", v)
	}
	if e := d.EEE; e != nil {
		var v attrs
		v.number("Transmit", int64(e.Transmit))
		v.number("Receive", int64(e.Receive))
		v.number("Fallback", int64(e.Fallback))
		v.number("EchoTransmit", int64(e.EchoTransmit))
		v.number("EchoReceive", int64(e.EchoReceive))
		a.nested("EEE", v)
	}
	a.text("EthernetCapabilities", d.Ethernet)
}

func (a *attrs) med(m *lldp.MED) {
	var med attrs
	var policies, locations []entity.Value
	for i := range m.Policies {
		p := &m.Policies[i]
		var v attrs
		v.text("Application", p.ApplicationName())
		v.flag("Unknown", p.Unknown)
		v.flag("Tagged", p.Tagged)
		v.number("VLAN", int64(p.VLAN))
		v.number("Priority", int64(p.Priority))
		v.number("DSCP", int64(p.DSCP))
		policies = append(policies, v.value())
	}
	for i := range m.Locations {
		locations = append(locations, location(&m.Locations[i]))
	}
	med.list("Policies", policies)
	med.list("Locations", locations)
	if p := m.Power; p != nil {
		var v attrs
		v.number("Type", int64(p.Type))
		v.number("Source", int64(p.Source))
		v.number("Priority", int64(p.Priority))
		v.watts("Value", int64(p.Value), 10)
		med.nested("Power", v)
	}
	a.nested("MED", med)
}

func location(l *lldp.Location) entity.Value {
	var v attrs
	switch l.Format {
	case 1:
		v.add("Latitude", entity.Float(l.Latitude))
		v.add("Longitude", entity.Float(l.Longitude))
		v.add("Altitude", entity.Float(l.Altitude))
		v.number("AltitudeType", int64(l.AltitudeType))
	case 2:
		v.text("Country", l.Country)
		var civic []entity.Value
		for _, e := range l.Civic {
			var c attrs
			c.number("Type", int64(e.Type))
			c.text("Value", e.Value)
			civic = append(civic, c.value())
		}
		v.list("Civic", civic)
	case 3:
		v.text("ELIN", l.ELIN)
	default:
		v.number("Format", int64(l.Format))
		v.text("Value", l.Value)
	}
	return v.value()
}
