package mapping

import (
	"math"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// Source is the facet that the topology of the kernel's own network is
// reported as; SourceHost that of the facts of the machine.
const (
	Source     = "netlink"
	SourceHost = "host"
)

// KindDevice is the Type of links that have no kind: hardware and loopback.
const KindDevice = "device"

// OVSSystem is the link that the Open vSwitch kernel module makes for its
// datapath. It is master of every port of every bridge and says nothing of
// which belongs to which: it never is a master in the graph.
const OVSSystem = "ovs-system"

const iffUp = 1 // IFF_UP, linux/if.h

// Type returns the Type attribute of a link.
func Type(l *rtnl.Link) string {
	if l.Kind == "" {
		return KindDevice
	}
	return l.Kind
}

// IsPeered reports whether links of the kind come in pairs, so that the link
// they name is the other end and not a lower device.
func IsPeered(kind string) bool { return kind == "veth" || kind == "netkit" || kind == "vxcan" }

// Parent returns the index of the link below a link, or of its other end, 0 for
// none. It is an index in the namespace that LinkNSID names, else in the link's
// own. Most kinds say it in IFLA_LINK; VXLAN and others among their own
// attributes.
func Parent(l *rtnl.Link) int32 {
	if p := l.Parent.Or(0); p > 0 {
		return p
	}
	if p := l.Info.Get("Link"); p.Kind() == entity.KindInt && p.Int() > 0 && p.Int() <= math.MaxInt32 {
		return int32(p.Int())
	}
	return 0
}

// HasMaster reports whether the link is a member of its master in the graph.
func HasMaster(l *rtnl.Link) bool { return l.Master > 0 && l.SlaveKind != "openvswitch" }

// LinkAttrs returns the attributes that a link message alone gives. The result
// is not normalized.
func LinkAttrs(l *rtnl.Link) entity.Attrs {
	state := "DOWN"
	if l.Flags&iffUp != 0 {
		state = "UP"
	}
	a := make(entity.Attrs, 0, 40)
	a = append(a,
		entity.A(entity.KeyName, entity.String(l.Name)),
		entity.A(entity.KeyType, entity.String(Type(l))),
		entity.A("IfIndex", entity.Int(int64(l.Index))),
		entity.A("MTU", entity.Int(int64(l.MTU))),
		entity.A("EncapType", entity.String(l.EncapType())),
		entity.A("State", entity.String(state)),
		entity.A("OperState", entity.String(l.OperState.String())),
	)
	a = addText(a, "MAC", l.MAC.Text(l.Type))
	a = addText(a, "PermMAC", l.PermMAC.Text(l.Type))
	a = addStrings(a, "LinkFlags", l.FlagNames())
	a = addStrings(a, "AltNames", l.AltNames)
	a = addText(a, "Alias", l.Alias)
	a = addText(a, "Qdisc", l.Qdisc)
	a = addOpt(a, "TxQLen", l.TxQueueLen)
	a = addOpt(a, "Group", l.Group)
	a = addUint(a, "NumTxQueues", uint64(l.NumTxQueues))
	a = addUint(a, "NumRxQueues", uint64(l.NumRxQueues))
	a = addUint(a, "MasterIndex", uint64(max(l.Master, 0)))
	if p := Parent(l); p > 0 {
		key := "ParentIndex"
		if IsPeered(l.Kind) {
			key = "PeerIfIndex"
		}
		a = append(a, entity.A(key, entity.Int(int64(p))))
	}
	if id, ok := l.LinkNSID.Get(); ok {
		a = append(a, entity.A("LinkNetNsID", entity.Int(int64(id))))
	}
	a = addText(a, "PhysPortName", l.PhysPortName)
	a = addText(a, "PhysPortID", l.PhysPortID)
	a = addText(a, "PhysSwitchID", l.PhysSwitchID)
	a = addText(a, "ParentDev", l.ParentDev)
	a = addText(a, "ParentBus", l.ParentBus)
	a = addText(a, "AddrGenMode", l.AddrGenMode)
	if l.ProtoDown {
		a = append(a, entity.A("ProtoDown", entity.Bool(true)))
	}
	a = addXDP(a, l.XDP)
	a = addInfo(a, l)
	return addVFs(a, l)
}

// addInfo adds what the kind says. Vlan and BondMode are where Skydive has
// them; everything is below Info too.
func addInfo(a entity.Attrs, l *rtnl.Link) entity.Attrs {
	if len(l.Info) > 0 {
		a = append(a, entity.A("Info", entity.Map(l.Info)))
	}
	switch l.Kind {
	case "vlan":
		a = addFirst(a, "Vlan", l.Info, "Vlan", "ID", "Id")
	case "bond":
		a = addFirst(a, "BondMode", l.Info, "BondMode", "Mode")
	}
	if len(l.SlaveInfo) == 0 {
		return a
	}
	switch l.SlaveKind {
	case "bond":
		return append(a, entity.A("BondSlave", entity.Map(l.SlaveInfo)))
	case "bridge":
		return a // see addBridgePort
	default:
		return append(a, entity.A("SlaveInfo", entity.Map(l.SlaveInfo)))
	}
}

// BridgePortAttrs returns the attributes of a link as a port of a bridge, as
// the link message tells them and, where that is newer, the message of family
// AF_BRIDGE. The result has one attribute or none.
func BridgePortAttrs(l *rtnl.Link, p *rtnl.BridgePort) entity.Attrs {
	if l.Master <= 0 || (l.SlaveKind != "bridge" && p == nil) {
		return nil
	}
	var info entity.Attrs
	if l.SlaveKind == "bridge" {
		info = append(info, l.SlaveInfo...)
	}
	if p != nil && p.Master == l.Master {
		info = append(info, p.Info...)
		info = addText(info, "State", p.State)
	}
	if len(info) == 0 {
		return nil
	}
	return entity.Attrs{entity.A("BridgePort", entity.Map(volatile(info).Normalize()))}
}

// volatile takes out what changes all the time and says nothing lasting.
func volatile(a entity.Attrs) entity.Attrs {
	out := a[:0]
	for _, x := range a {
		switch x.Key {
		case "MessageAgeTimer", "ForwardDelayTimer", "HoldTimer":
			continue
		}
		out = append(out, x)
	}
	return out
}

func addXDP(a entity.Attrs, x rtnl.XDP) entity.Attrs {
	if x.Mode == "" {
		return a
	}
	m := entity.Attrs{entity.A("Mode", entity.String(x.Mode))}
	m = addUint(m, "ProgID", uint64(x.ProgID))
	m = addUint(m, "DriverProgID", uint64(x.DriverProgID))
	m = addUint(m, "GenericProgID", uint64(x.GenericProgID))
	m = addUint(m, "OffloadProgID", uint64(x.OffloadProgID))
	return append(a, entity.A("XDP", entity.Map(m.Normalize())))
}

func addVFs(a entity.Attrs, l *rtnl.Link) entity.Attrs {
	if len(l.VFs) == 0 {
		return a
	}
	vfs := make([]entity.Value, 0, len(l.VFs))
	for i := range l.VFs {
		vf := &l.VFs[i]
		m := entity.Attrs{
			entity.A("ID", entity.Int(int64(vf.ID))),
			entity.A("Vlan", entity.Int(int64(vf.Vlan))),
			entity.A("Qos", entity.Int(int64(vf.Qos))),
			entity.A("TxRate", entity.Int(int64(vf.TxRate))),
		}
		m = addText(m, "MAC", vf.MAC.String())
		m = addText(m, "LinkState", vf.LinkState)
		m = addUint(m, "MinTxRate", uint64(vf.MinTxRate))
		m = addUint(m, "MaxTxRate", uint64(vf.MaxTxRate))
		if vf.Vlan != 0 {
			m = addText(m, "VlanProto", vf.VlanProto)
		}
		if v, ok := vf.SpoofChk.Get(); ok {
			m = append(m, entity.A("Spoofchk", entity.Bool(v)))
		}
		if v, ok := vf.Trust.Get(); ok {
			m = append(m, entity.A("Trust", entity.Bool(v)))
		}
		if v, ok := vf.RssQuery.Get(); ok {
			m = append(m, entity.A("RssQuery", entity.Bool(v)))
		}
		m = addText(m, "NodeGUID", vf.NodeGUID)
		m = addText(m, "PortGUID", vf.PortGUID)
		vfs = append(vfs, entity.Map(m.Normalize()))
	}
	return append(a, entity.A("Vfs", entity.List(vfs...)))
}

func addText(a entity.Attrs, key, text string) entity.Attrs {
	if text == "" {
		return a
	}
	return append(a, entity.A(key, entity.String(text)))
}

func addStrings(a entity.Attrs, key string, texts []string) entity.Attrs {
	if len(texts) == 0 {
		return a
	}
	return append(a, entity.A(key, entity.Strings(texts...)))
}

func addUint(a entity.Attrs, key string, v uint64) entity.Attrs {
	if v == 0 {
		return a
	}
	return append(a, entity.A(key, entity.Uint(v)))
}

func addOpt(a entity.Attrs, key string, o rtnl.Opt[uint32]) entity.Attrs {
	if v, ok := o.Get(); ok {
		return append(a, entity.A(key, entity.Int(int64(v))))
	}
	return a
}

// addFirst adds as key the first of several members that info has.
func addFirst(a entity.Attrs, key string, info entity.Attrs, names ...string) entity.Attrs {
	for _, name := range names {
		if v := info.Get(name); !v.IsZero() {
			return append(a, entity.A(key, v))
		}
	}
	return a
}

func itoa(i int64) string { return strconv.FormatInt(i, 10) }
