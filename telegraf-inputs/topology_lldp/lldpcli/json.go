package lldpcli

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/cdp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/lldp"
	"github.com/skein-net/skein/telegraf-inputs/topology_lldp/neighbor"
)

// value returns the value of the first of the elements.
func value(vs []jsonValue) string {
	if len(vs) == 0 {
		return ""
	}
	return strings.ToValidUTF8(vs[0].Value, "\uFFFD")
}

// atoi returns the number that a text begins with, 0 for none.
func atoi(s string) int {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, _ := strconv.Atoi(s[:i])
	return n
}

// neighbor returns what lldpd knows; ok is false for a protocol that this input
// does not show (EDP, FDP, SONMP) and for what has no identity.
func (f *found) neighbor(byName bool) (n neighbor.Neighbor, ok bool) {
	j := f.json
	if len(j.Chassis) == 0 || len(j.Port) == 0 || len(j.Chassis[0].ID) == 0 || len(j.Port[0].ID) == 0 {
		return n, false
	}
	switch {
	case j.Via == "LLDP":
		return neighbor.FromLLDP(j.lldp(), byName), true
	case strings.HasPrefix(j.Via, "CDP"):
		return neighbor.FromCDP(j.cdp()), true
	}
	return n, false
}

// cdp returns what was heard by CDP. lldpd keeps the device ID as name, the
// version as description behind the platform, and the port ID as description.
func (j *jsonInterface) cdp() *cdp.PDU {
	c, p := &j.Chassis[0], &j.Port[0]
	out := &cdp.PDU{Version: uint8(atoi(strings.TrimPrefix(j.Via, "CDPv")))}
	out.DeviceID = value(c.ID)
	out.PortID = value(p.ID)
	out.TTL = uint8(max(1, min(atoi(value(p.TTL)), 255)))
	out.Platform, out.Software, _ = strings.Cut(value(c.Description), " running on\n")
	for _, m := range c.MgmtIP {
		if a, err := netip.ParseAddr(m.Value); err == nil {
			out.Management = append(out.Management, a)
		}
	}
	for _, v := range j.VLAN {
		if v.PVID {
			id := uint16(v.ID.number())
			out.NativeVLAN = &id
		}
	}
	for _, x := range c.Capability {
		bit := map[string]cdp.Capabilities{"Router": 1, "Bridge": 2, "Repeater": 1 << 6, "Tel": 1 << 7}[x.Type]
		if x.Enabled {
			out.HasCapabilities, out.Capabilities = true, out.Capabilities|bit
		}
	}
	return out
}

// idOf returns an ID of lldpd's: it names the kinds as this project does, but
// those of components, which it does not know, are of the kind "unhandled".
func idOf(v jsonValue) lldp.ID {
	return lldp.ID{Kind: strings.ToValidUTF8(v.Type, "\uFFFD"), Text: strings.ToValidUTF8(v.Value, "\uFFFD")}
}

func (j *jsonInterface) lldp() *lldp.PDU {
	c, p := &j.Chassis[0], &j.Port[0]
	out := &lldp.PDU{
		Chassis:           idOf(c.ID[0]),
		Port:              idOf(p.ID[0]),
		TTL:               uint16(max(1, min(atoi(value(p.TTL)), 65535))),
		SystemName:        value(c.Name),
		SystemDescription: value(c.Description),
		PortDescription:   value(p.Description),
	}
	for _, x := range c.Capability {
		if i := slices.Index(capabilities, x.Type); i >= 0 {
			out.HasCapabilities = true
			out.Capable |= 1 << i
			if x.Enabled {
				out.Enabled |= 1 << i
			}
		}
	}
	for i, m := range c.MgmtIP {
		a, err := netip.ParseAddr(m.Value)
		if err != nil {
			continue
		}
		x := lldp.Management{Family: 2, Address: a.String()}
		if a.Is4() {
			x.Family = 1
		}
		if i < len(c.MgmtIface) {
			x.Numbering, x.Number = "ifindex", uint32(atoi(c.MgmtIface[i].Value))
		}
		out.Management = append(out.Management, x)
	}
	j.dot1(&out.Dot1)
	p.dot3(&out.Dot3)
	for i := range j.MED {
		j.MED[i].med(&out.MED)
	}
	for _, u := range j.Unknown {
		for _, x := range u.TLV {
			out.Unknown = append(out.Unknown, lldp.Unknown{
				Type:    127,
				OUI:     strings.ToLower(strings.ReplaceAll(x.OUI, ",", ":")),
				Subtype: uint8(x.Subtype.number()),
				Value:   strings.ToLower(strings.ReplaceAll(x.Value, ",", "")),
			})
		}
	}
	return out
}

// capabilities are lldpd's names of those of LLDP, in the order of their bits.
var capabilities = []string{"Other", "Repeater", "Bridge", "Wlan", "Router", "Tel", "Docsis", "Station"}

func (j *jsonInterface) dot1(d *lldp.Dot1) {
	for _, v := range j.VLAN {
		id := uint16(v.ID.number())
		if v.PVID {
			d.PVID = &id
		}
		if v.Value != "" {
			d.VLANs = append(d.VLANs, lldp.VLAN{ID: id, Name: strings.ToValidUTF8(v.Value, "\uFFFD")})
		}
	}
	for _, v := range j.PPVID {
		d.PPVIDs = append(d.PPVIDs, lldp.PPVID{ID: uint16(v.Value.number()), Supported: v.Supported, Enabled: v.Enabled})
	}
	for _, v := range j.PI {
		d.Protocols = append(d.Protocols, strings.ReplaceAll(strings.ToValidUTF8(v.Value, "\uFFFD"), " ", ""))
	}
}

func (p *jsonPort) dot3(d *lldp.Dot3) {
	d.MaxFrameSize = uint16(atoi(value(p.MFS)))
	if len(p.Aggregation) > 0 {
		d.LinkAggregation = &lldp.LinkAggregation{Supported: true, Enabled: true, PortID: uint32(atoi(value(p.Aggregation)))}
	}
	for _, a := range p.AutoNegotiation {
		y := &lldp.PHY{Supported: a.Supported, Enabled: a.Enabled}
		name, _, _ := strings.Cut(value(a.Current), " - ")
		y.MAU, y.MAUName = lldp.FindMAU(name)
		for _, x := range a.Advertised {
			bits := advertised[strings.ToUpper(x.Type)]
			if x.HD {
				y.Advertised |= bits[0]
			}
			if x.FD {
				y.Advertised |= bits[1]
			}
		}
		d.PHY = y
	}
	for _, w := range p.Power {
		d.Power = &lldp.Power{
			PSE: value(w.DeviceType) == "PSE", Supported: w.Supported, Enabled: w.Enabled, Switched: w.PairControl,
			Pairs: map[string]uint8{"signal": 1, "spare": 2}[value(w.Pairs)],
		}
		if class, ok := strings.CutPrefix(value(w.Class), "class "); ok {
			d.Power.Class = uint8(atoi(class)) + 1
		}
	}
}

// advertised are the bits of lldpd's names, half and full duplex.
var advertised = map[string][2]uint16{
	"10BASE-T": {0x4000, 0x2000}, "100BASE-T4": {0x1000, 0x1000}, "100BASE-TX": {0x0800, 0x0400},
	"100BASE-T2": {0x0200, 0x0100}, "1000BASE-X": {0x0008, 0x0004}, "1000BASE-T": {0x0002, 0x0001},
}

func (m *jsonMED) med(out *lldp.MED) {
	class := map[string]uint8{
		"Generic Endpoint (Class I)": 1, "Media Endpoint (Class II)": 2,
		"Communication Device Endpoint (Class III)": 3, "Network Connectivity Device": 4,
	}[value(m.DeviceType)]
	if class > 0 || len(m.Capability) > 0 {
		c := &lldp.MEDCapabilities{Class: class}
		for _, x := range m.Capability {
			if i := slices.Index([]string{"Capabilities", "Policy", "Location", "MDI/PSE", "MDI/PD", "Inventory"}, x.Type); i >= 0 && x.Available {
				c.Capable |= 1 << i
			}
		}
		out.Capabilities = c
	}
	for _, p := range m.Policy {
		x := lldp.Policy{
			Application: application(p.Type), Unknown: !p.Defined,
			Priority: uint8(atoi(value(p.PCP))), DSCP: uint8(atoi(value(p.DSCP))),
		}
		if len(p.VLAN) > 0 {
			x.VLAN = uint16(p.VLAN[0].VID.number())
			x.Tagged = x.VLAN != 0
		}
		out.Policies = append(out.Policies, x)
	}
	for _, p := range m.POE {
		x := &lldp.MEDPower{Value: uint16(atoi(value(p.Power)) / 100)}
		if value(p.DeviceType) == "PD" {
			x.Type = 1
		}
		out.Power = x
	}
	for _, i := range m.Inventory {
		out.Inventory = lldp.Inventory{
			Hardware: value(i.Hardware), Firmware: value(i.Firmware), Software: value(i.Software), Serial: value(i.Serial),
			Manufacturer: value(i.Manufacturer), Model: value(i.Model), Asset: value(i.Asset),
		}
	}
}

func application(name string) uint8 {
	for i := uint8(1); i <= 8; i++ {
		if p := (lldp.Policy{Application: i}); p.ApplicationName() == name {
			return i
		}
	}
	return 0
}
