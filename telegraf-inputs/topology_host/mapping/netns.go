package mapping

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// Namespace is all that is known of a namespace itself.
type Namespace struct {
	NetNS NetNS
	// Name and Path are the ones shown, Paths all of them when there are several.
	Name, Path string
	Paths      []string
	Tables
	// Limitations say what could not be seen of the namespace.
	Limitations []string
}

// Tables are the facts about a namespace that belong to none of its
// interfaces.
type Tables struct {
	Rules    []*rtnl.Rule
	Nexthops []*rtnl.Nexthop
	// Routes are those without an interface.
	Routes    entity.Value
	Truncated []string
}

// Event returns the entity event of a namespace other than the root one,
// without its time and interval.
func (n *Namespace) Event() entity.Event {
	a := entity.Attrs{
		entity.A(entity.KeyType, entity.String(entity.TypeNetNS)),
		entity.A(entity.KeyName, entity.String(n.Name)),
		entity.A("Inode", entity.Int(int64(n.NetNS.Inode))),
		entity.A("Device", entity.Int(int64(n.NetNS.Device))),
	}
	a = addText(a, entity.KeyPath, n.Path)
	if len(n.Paths) > 1 {
		a = addStrings(a, "Paths", n.Paths)
	}
	a = addStrings(a, "Limitations", n.Limitations)
	a = append(a, n.Attrs()...)
	return entity.Event{
		Ref:        n.NetNS.Ref(),
		Source:     Source,
		Attributes: a.Normalize(),
		Relationships: []entity.Relationship{
			{Type: entity.RelPartOf, Target: entity.HostRef(n.NetNS.HostID)},
		},
	}
}

// Attrs returns RoutingRules, Nexthops and RoutingTables. They are on the
// namespace's node, on the host's for the root namespace. The result is not
// normalized.
func (t *Tables) Attrs() entity.Attrs {
	var a entity.Attrs
	if len(t.Rules) > 0 {
		slices.SortFunc(t.Rules, compareRule)
		vs := make([]entity.Value, len(t.Rules))
		for i, r := range t.Rules {
			vs[i] = ruleValue(r)
		}
		a = append(a, entity.A("RoutingRules", entity.List(vs...)))
	}
	if len(t.Nexthops) > 0 {
		slices.SortFunc(t.Nexthops, func(x, y *rtnl.Nexthop) int { return cmp.Compare(x.ID, y.ID) })
		vs := make([]entity.Value, len(t.Nexthops))
		for i, n := range t.Nexthops {
			vs[i] = nexthopValue(n)
		}
		a = append(a, entity.A("Nexthops", entity.List(vs...)))
	}
	a = append(a, entity.A("RoutingTables", t.Routes))
	return addStrings(a, "Truncated", t.Truncated)
}

func compareRule(a, b *rtnl.Rule) int {
	return cmp.Or(
		cmp.Compare(a.Family, b.Family),
		cmp.Compare(a.Priority, b.Priority),
		cmp.Compare(a.Table, b.Table),
		a.Src.Compare(b.Src),
		a.Dst.Compare(b.Dst),
		cmp.Compare(a.InIf, b.InIf),
		cmp.Compare(a.OutIf, b.OutIf),
		cmp.Compare(a.Action, b.Action),
		cmp.Compare(a.Mark.Or(0), b.Mark.Or(0)),
		cmp.Compare(a.TOS, b.TOS),
		cmp.Compare(a.IPProto, b.IPProto),
		cmp.Compare(a.SrcPort.Value.From, b.SrcPort.Value.From),
		cmp.Compare(a.DstPort.Value.From, b.DstPort.Value.From),
		cmp.Compare(a.UIDs.Value.From, b.UIDs.Value.From),
		cmp.Compare(a.TunID, b.TunID),
	)
}

func ruleValue(r *rtnl.Rule) entity.Value {
	a := entity.Attrs{
		entity.A("Family", entity.String(r.Family.String())),
		entity.A("Priority", entity.Int(int64(r.Priority))),
		entity.A("Action", entity.String(r.Action)),
		entity.A("Protocol", entity.String(r.Protocol.String())),
	}
	a = addUint(a, "Table", uint64(r.Table))
	a = addPrefix(a, "Src", r.Src)
	a = addPrefix(a, "Dst", r.Dst)
	a = addText(a, "InIf", r.InIf)
	a = addText(a, "OutIf", r.OutIf)
	a = addUint(a, "TOS", uint64(r.TOS))
	if v, ok := r.DSCP.Get(); ok {
		a = append(a, entity.A("DSCP", entity.Int(int64(v))))
	}
	a = addUint(a, "Goto", uint64(r.Goto))
	a = addOpt(a, "Mark", r.Mark)
	a = addOpt(a, "MarkMask", r.MarkMask)
	a = addOpt(a, "SuppressPrefixLength", r.SuppressPrefix)
	a = addOpt(a, "SuppressGroup", r.SuppressGroup)
	if r.Invert {
		a = append(a, entity.A("Not", entity.Bool(true)))
	}
	if r.L3MDev {
		a = append(a, entity.A("L3MDev", entity.Bool(true)))
	}
	a = addRange(a, "UIDs", r.UIDs)
	a = addRange(a, "SrcPorts", r.SrcPort)
	a = addRange(a, "DstPorts", r.DstPort)
	a = addUint(a, "IPProto", uint64(r.IPProto))
	a = addUint(a, "TunID", r.TunID)
	a = addUint(a, "Realm", uint64(r.Realm))
	return entity.Map(a.Normalize())
}

func addPrefix(a entity.Attrs, key string, p netip.Prefix) entity.Attrs {
	if !p.IsValid() {
		return a
	}
	return append(a, entity.A(key, entity.String(p.String())))
}

func addRange(a entity.Attrs, key string, o rtnl.Opt[rtnl.Range]) entity.Attrs {
	r, ok := o.Get()
	if !ok {
		return a
	}
	text := itoa(int64(r.From))
	if r.To != r.From {
		text += "-" + itoa(int64(r.To))
	}
	return append(a, entity.A(key, entity.String(text)))
}

func nexthopValue(n *rtnl.Nexthop) entity.Value {
	a := entity.Attrs{
		entity.A("ID", entity.Int(int64(n.ID))),
		entity.A("Protocol", entity.String(n.Protocol.String())),
		entity.A("Scope", entity.String(n.Scope.String())),
	}
	if n.Gateway.IsValid() {
		a = append(a, entity.A("IP", entity.String(n.Gateway.String())))
	}
	a = addUint(a, "IfIndex", uint64(max(n.OutIf, 0)))
	a = addUint(a, "MasterIndex", uint64(max(n.Master, 0)))
	if n.Blackhole {
		a = append(a, entity.A("Blackhole", entity.Bool(true)))
	}
	if n.FDB {
		a = append(a, entity.A("FDB", entity.Bool(true)))
	}
	a = addEncap(a, n.Encap)
	if len(n.Group) > 0 {
		g := make([]entity.Value, len(n.Group))
		for i, m := range n.Group {
			g[i] = entity.Map(entity.Attrs{
				entity.A("ID", entity.Int(int64(m.ID))),
				entity.A("Weight", entity.Int(int64(m.Weight))),
			})
		}
		a = append(a, entity.A("Group", entity.List(g...)))
		a = addText(a, "GroupType", n.GroupType)
	}
	a = addUint(a, "Buckets", uint64(n.Buckets))
	return entity.Map(a.Normalize())
}
