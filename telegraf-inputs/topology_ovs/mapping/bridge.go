package mapping

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// defaultName is the name of an Open vSwitch that was not given one.
const defaultName = "Open vSwitch"

// describeRoot tells of the Open vSwitch itself.
func (m *Mapper) describeRoot(ev *entity.Event, r *database.OpenVSwitch) {
	var a, o attrs
	name := r.ExternalIDs["system-id"]
	if name == "" {
		name = defaultName
	}
	a.text("Name", name)
	a.text("Type", entity.TypeOvs)
	a.text("UUID", r.UUID)
	a.texts("ExtID", r.ExternalIDs)

	o.text("HostID", m.cfg.HostID)
	o.text("NetNS", m.cfg.NetNS)
	o.opt("Version", r.OVSVersion)
	o.opt("DBVersion", r.DBVersion)
	o.opt("SystemType", r.SystemType)
	o.opt("SystemVersion", r.SystemVersion)
	o.strings("DatapathTypes", r.DatapathTypes)
	o.strings("IfaceTypes", r.IfaceTypes)
	o.flag("DPDKInitialized", r.DPDKInitialized)
	o.opt("DPDKVersion", r.DPDKVersion)
	o.texts("OtherConfig", r.OtherConfig)
	var managers []attrs
	for _, uuid := range r.ManagerOptions {
		if row := m.t.Managers[uuid]; row != nil {
			var in attrs
			in.text("Target", row.Target)
			in.bool("Connected", &row.IsConnected)
			in.status("Status", row.Status)
			managers = append(managers, in)
		}
	}
	o.groups("Managers", managers)
	a.group("Ovs", o)
	ev.Attributes = a.normalized()
	ev.Relationships = []entity.Relationship{relate(entity.RelPartOf, entity.HostRef(m.cfg.HostID))}
}

func (m *Mapper) describeBridge(ev *entity.Event, b *database.Bridge) {
	var a, o attrs
	a.text("Name", b.Name)
	a.text("Type", entity.TypeOvsBridge)
	a.text("UUID", b.UUID)
	a.texts("ExtID", b.ExternalIDs)

	o.text("HostID", m.cfg.HostID)
	o.text("DatapathType", orSystem(b.DatapathType))
	o.text("DatapathVersion", b.DatapathVersion)
	o.opt("DatapathID", b.DatapathID)
	o.opt("FailMode", b.FailMode)
	o.strings("Protocols", b.Protocols)
	o.flag("STP", b.STPEnable)
	o.flag("RSTP", b.RSTPEnable)
	o.flag("McastSnooping", b.McastSnooping)
	o.ints("FloodVLANs", b.FloodVLANs)
	o.status("Status", b.Status)
	o.status("RSTPStatus", b.RSTPStatus)
	o.texts("OtherConfig", b.OtherConfig)
	o.groups("Controllers", m.controllers(b))
	o.groups("Mirrors", m.mirrors(b))
	m.exporters(&o, b)
	a.group("Ovs", o)
	ev.Attributes = a.normalized()

	ev.Relationships = []entity.Relationship{relate(entity.RelPartOf, entity.HostRef(m.cfg.HostID))}
	all := make(map[string]*mirroring)
	for _, uuid := range b.Mirrors {
		if row := m.t.Mirrors[uuid]; row != nil && row.SelectAll {
			collect(all, row, directionBoth)
		}
	}
	ev.Relationships = append(ev.Relationships, m.mirrorEdges(all)...)
}

// orSystem names what an empty type means (ovs-vswitchd.conf.db(5)).
func orSystem(typ string) string {
	if typ == "" {
		return "system"
	}
	return typ
}

func (m *Mapper) controllers(b *database.Bridge) (out []attrs) {
	for _, uuid := range b.Controller {
		row := m.t.Controllers[uuid]
		if row == nil {
			continue
		}
		var in attrs
		in.text("Target", row.Target)
		in.bool("Connected", &row.IsConnected)
		in.opt("Type", row.Type)
		in.opt("Role", row.Role)
		in.opt("ConnectionMode", row.ConnectionMode)
		in.status("Status", row.Status)
		out = append(out, in)
	}
	return out
}

// mirrors says what the bridge copies where; ports by their names.
func (m *Mapper) mirrors(b *database.Bridge) (out []attrs) {
	for _, uuid := range b.Mirrors {
		row := m.t.Mirrors[uuid]
		if row == nil {
			continue
		}
		var in attrs
		in.text("Name", row.Name)
		in.text("UUID", row.UUID)
		in.flag("SelectAll", row.SelectAll)
		in.strings("SelectSrcPort", m.portNames(row.SelectSrcPort))
		in.strings("SelectDstPort", m.portNames(row.SelectDstPort))
		in.ints("SelectVLAN", row.SelectVLAN)
		if row.OutputPort != nil {
			in.strings("OutputPort", m.portNames([]string{*row.OutputPort}))
		}
		in.int("OutputVLAN", row.OutputVLAN)
		in.int("SnapLen", row.SnapLen)
		in.texts("ExtID", row.ExternalIDs)
		out = append(out, in)
	}
	return out
}

func (m *Mapper) portNames(uuids []string) (out []string) {
	for _, uuid := range uuids {
		if p := m.t.Ports[uuid]; p != nil {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return out
}

// exporters says which flows the bridge reports where.
func (m *Mapper) exporters(o *attrs, b *database.Bridge) {
	if row := m.t.SFlow[text(b.SFlow)]; row != nil {
		var in attrs
		in.strings("Targets", row.Targets)
		in.int("Sampling", row.Sampling)
		in.int("Polling", row.Polling)
		in.int("Header", row.Header)
		in.opt("Agent", row.Agent)
		o.group("SFlow", in)
	}
	if row := m.t.NetFlow[text(b.NetFlow)]; row != nil {
		var in attrs
		in.strings("Targets", row.Targets)
		in.int("EngineType", row.EngineType)
		in.int("EngineID", row.EngineID)
		in.positive("ActiveTimeout", row.ActiveTimeout)
		o.group("NetFlow", in)
	}
	if row := m.t.IPFIX[text(b.IPFIX)]; row != nil {
		var in attrs
		in.strings("Targets", row.Targets)
		in.int("Sampling", row.Sampling)
		in.int("ObsDomainID", row.ObsDomainID)
		in.int("ObsPointID", row.ObsPointID)
		in.int("ActiveTimeout", row.ActiveTimeout)
		in.int("MaxFlows", row.MaxFlows)
		o.group("IPFIX", in)
	}
}
