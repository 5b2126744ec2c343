package mapping

import (
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

func (m *Mapper) describePort(ev *entity.Event, p *database.Port) {
	var a, o attrs
	a.text("Name", p.Name)
	a.text("Type", entity.TypeOvsPort)
	a.text("UUID", p.UUID)
	a.texts("ExtID", p.ExternalIDs)
	a.opt("BondMode", p.BondMode)
	a.opt("LACP", p.LACP)
	vlans := slices.Clone(p.Trunks)
	if p.Tag != nil && !slices.Contains(vlans, *p.Tag) {
		vlans = append(vlans, *p.Tag)
	}
	a.ints("Vlans", vlans)

	o.text("HostID", m.cfg.HostID)
	o.int("Tag", p.Tag)
	o.ints("Trunks", p.Trunks)
	o.ints("CVLANs", p.CVLANs)
	o.opt("VLANMode", p.VLANMode)
	o.opt("MAC", p.MAC)
	o.flag("Protected", p.Protected)
	o.flag("FakeBridge", p.FakeBridge)
	o.status("Status", p.Status)
	o.status("RSTPStatus", p.RSTPStatus)
	o.texts("OtherConfig", p.OtherConfig)
	if q := m.t.QoS[text(p.QoS)]; q != nil {
		o.group("QoS", m.qos(q))
	}
	if len(p.Interfaces) > 1 {
		o.text("BondActive", activeMAC(p))
		o.positive("BondUpDelay", p.BondUpDelay)
		o.positive("BondDownDelay", p.BondDownDelay)
		o.flag("BondFakeIface", p.BondFakeIface)
		o.groups("BondMembers", m.members(p))
	}
	bridge := m.bridgeOf[p.UUID]
	if b := m.t.Bridges[bridge]; b != nil {
		o.text("Bridge", b.Name)
	}
	a.group("Ovs", o)
	ev.Attributes = a.normalized()
	if bridge != "" {
		ref := m.ref(entity.TypeOvsBridge, bridge)
		ev.Relationships = []entity.Relationship{relate(entity.RelPartOf, ref), relate(entity.RelMemberOf, ref)}
	}
	ev.Relationships = append(ev.Relationships, m.mirrored(p.UUID)...)
}

// members says how the members of a bond do.
func (m *Mapper) members(p *database.Port) (out []attrs) {
	for _, uuid := range p.Interfaces {
		i := m.t.Interfaces[uuid]
		if i == nil {
			continue
		}
		var in attrs
		in.text("Name", i.Name)
		in.opt("MAC", i.MACInUse)
		in.opt("LinkState", i.LinkState)
		in.bool("LACPCurrent", i.LACPCurrent)
		in.bool("Active", active(p, i))
		out = append(out, in)
	}
	return out
}

// active tells whether an interface is the active member of its bond, which is
// named by its MAC address; nil when the bond has none.
func active(p *database.Port, i *database.Interface) *bool {
	mac := activeMAC(p)
	if mac == "" || i.MACInUse == nil {
		return nil
	}
	is := strings.EqualFold(mac, *i.MACInUse)
	return &is
}

// activeMAC is the address of the active member. Zeros stand for none.
func activeMAC(p *database.Port) string {
	if mac := text(p.BondActive); strings.Trim(mac, "0:") != "" {
		return strings.ToLower(mac)
	}
	return ""
}

func (m *Mapper) qos(q *database.QoS) (a attrs) {
	a.text("Type", q.Type)
	a.texts("OtherConfig", q.OtherConfig)
	a.texts("ExtID", q.ExternalIDs)
	var queues []attrs
	for id, uuid := range q.Queues {
		var in attrs
		in.int("ID", &id)
		if row := m.t.Queues[uuid]; row != nil {
			in.int("DSCP", row.DSCP)
			in.texts("OtherConfig", row.OtherConfig)
			in.texts("ExtID", row.ExternalIDs)
		}
		queues = append(queues, in)
	}
	a.groups("Queues", queues)
	return a
}
