package mapping

import (
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// optionPeer names the other end of a patch port.
const optionPeer = "peer"

// Keys of the column status that have an attribute of their own.
const (
	statusDriver  = "driver_name"
	statusEgress  = "tunnel_egress_iface"
	statusCarrier = "tunnel_egress_iface_carrier"
)

// typePatch is the type of interface that leads to another bridge.
const typePatch = "patch"

// HasDevice tells whether an interface of a type is, or was meant to be, a device
// of the kernel, so that netlink tells of it too. The others are known to
// ovs-vswitchd alone (ovs-vswitchd.conf.db(5), Interface, type).
func HasDevice(typ string) bool {
	switch orSystem(typ) {
	case "system", "internal", "tap", "afxdp", "afxdp-nonpmd":
		return true
	}
	return false
}

// broken tells that ovs-vswitchd could not open the interface.
func broken(i *database.Interface) bool {
	return text(i.Error) != "" || i.OFPort != nil && *i.OFPort < 0
}

func (m *Mapper) describeInterface(ev *entity.Event, i *database.Interface) {
	var a, o attrs
	a.text("Name", i.Name)
	a.text("Type", orSystem(i.Type))
	a.text("UUID", i.UUID)
	mac := text(i.MACInUse)
	if mac == "" {
		mac = text(i.MAC)
	}
	a.text("MAC", strings.ToLower(mac))
	a.positive("IfIndex", number(i.IfIndex))
	a.int("OfPort", i.OFPort)
	a.text("Driver", i.Status[statusDriver])
	a.positive("MTU", number(i.MTU))
	a.text("State", strings.ToUpper(text(i.AdminState)))
	a.positive("Speed", number(i.LinkSpeed)/1_000_000)
	a.texts("ExtID", i.ExternalIDs)
	a.text("TunEgressIface", i.Status[statusEgress])
	a.text("TunEgressIfaceCarrier", i.Status[statusCarrier])

	o.text("HostID", m.cfg.HostID)
	o.text("NetNS", m.cfg.NetNS)
	o.texts("Options", i.Options)
	o.texts("OtherConfig", i.OtherConfig)
	o.opt("Error", i.Error)
	o.opt("LinkState", i.LinkState)
	o.opt("Duplex", i.Duplex)
	o.int("LinkResets", i.LinkResets)
	o.int("OfPortRequest", i.OFPortRequest)
	o.int("MTURequest", i.MTURequest)
	o.status("Status", i.Status, statusDriver, statusEgress, statusCarrier)
	o.texts("LLDP", i.LLDP)
	o.group("IngressPolicing", policing(i))
	o.texts("BFD", i.BFD)
	o.status("BFDStatus", i.BFDStatus)
	o.group("CFM", cfm(i))
	o.bool("LACPCurrent", i.LACPCurrent)
	port := m.t.Ports[m.portOf[i.UUID]]
	bridge := ""
	if port != nil {
		o.text("Port", port.Name)
		bridge = m.bridgeOf[port.UUID]
		if len(port.Interfaces) > 1 {
			o.bool("BondActive", active(port, i))
		}
	}
	if b := m.t.Bridges[bridge]; b != nil {
		o.text("Bridge", b.Name)
	}
	if isTunnel(i) {
		m.describeTunnel(&a, &o, i)
	}
	a.group("Ovs", o)
	ev.Attributes = a.normalized()

	if port != nil {
		ev.Relationships = append(ev.Relationships, relate(entity.RelMemberOf, m.ref(entity.TypeOvsPort, port.UUID)))
	}
	if bridge != "" && (!HasDevice(i.Type) || broken(i)) {
		ev.Relationships = append(ev.Relationships, relate(entity.RelPartOf, m.ref(entity.TypeOvsBridge, bridge)))
	}
	if peer := m.peer(i); peer != "" {
		ev.Relationships = append(ev.Relationships, relate(entity.RelPeerOf, m.ref(entity.TypeOvsInterface, peer),
			entity.A("Type", entity.String(typePatch))))
	}
}

// peer returns the other end of a patch pair: both have to name each other.
func (m *Mapper) peer(i *database.Interface) string {
	if i.Type != typePatch {
		return ""
	}
	other := m.t.Interfaces[m.byName[i.Options[optionPeer]]]
	if other == nil || other.UUID == i.UUID || other.Type != typePatch || other.Options[optionPeer] != i.Name {
		return ""
	}
	return other.UUID
}

func policing(i *database.Interface) (a attrs) {
	a.positive("Rate", i.PolicingRate)
	a.positive("PacketRate", i.PolicingPktRate)
	if len(a.list) > 0 {
		a.positive("Burst", i.PolicingBurst)
		a.positive("PacketBurst", i.PolicingPktBurst)
	}
	return a
}

// cfm says what 802.1ag found, where it is switched on.
func cfm(i *database.Interface) (a attrs) {
	if i.CFMID == nil {
		return a
	}
	a.int("ID", i.CFMID)
	a.ints("RemoteIDs", i.CFMRemoteIDs)
	a.bool("Fault", i.CFMFault)
	a.strings("FaultStatus", i.CFMFaultStatus)
	a.opt("RemoteState", i.CFMRemoteState)
	a.int("Health", i.CFMHealth)
	return a
}

func number(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
