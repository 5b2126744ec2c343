package iptest

import (
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// relation is a relationship that the tools show.
type relation struct {
	typ  string
	to   entity.Ref
	attr string // the Type of the relationship; empty for none
	name string // of the other end, for people
}

// linkRelations compares the relationships of one interface.
func (c *comparison) linkRelations(l object, e *entity.Event, r *Result) {
	host := c.world.HostID
	want := []relation{{typ: entity.RelPartOf, to: c.ns.ref(host), name: "namespace " + c.at.Namespace}}
	if m := l.str("master"); m != "" && slaveKindOf(l) != "openvswitch" {
		index, _ := ifindex(c.ns, m).(int64)
		want = append(want, relation{typ: entity.RelMemberOf, to: c.ns.interfaceRef(host, index), name: m})
	}
	var unknown []string
	if lower := c.ns.lower(l); lower > 0 {
		typ := entity.RelMemberOf
		if peered(kindOf(l)) {
			typ = entity.RelPeerOf
		}
		if where := c.lowerNamespace(l); where != nil {
			want = append(want, relation{typ: typ, to: where.interfaceRef(host, lower), attr: kindOf(l),
				name: fmt.Sprintf("%s in namespace %q", where.byIndex[lower].str("ifname"), where.Name)})
			c.values("LinkNetNsName", c.foreignName(l, where), textAttr(e, "LinkNetNsName"))
		} else {
			unknown = append(unknown, typ)
		}
	}
	for _, x := range want {
		r.Relations[x.typ]++
	}
	c.relations(e, want, unknown)
}

// foreignName is the name of the namespace that a link leads to, nil when it
// is the link's own.
func (c *comparison) foreignName(l object, where *Namespace) any {
	if !l.has("link_netnsid") || where.Name == "" {
		return nil
	}
	return where.Name
}

func textAttr(e *entity.Event, key string) any { return plain(e.Attributes.Get(key)) }

// lowerNamespace is the namespace that a link's IFLA_LINK is an index in; nil
// when the tools do not tell, or when it was not read.
func (c *comparison) lowerNamespace(l object) *Namespace {
	if !l.has("link_netnsid") {
		return c.ns
	}
	name := c.ns.nsids[l.num("link_netnsid")]
	if name == "" {
		return nil
	}
	return c.world.Namespaces[name]
}

// relations compares the relationships of an entity. Those of the types in
// unknown may be there besides; functions of a physical function are compared
// elsewhere.
func (c *comparison) relations(e *entity.Event, want []relation, unknown []string) {
	used := make([]bool, len(e.Relationships))
	find := func(w relation, exact bool) int {
		for i, r := range e.Relationships {
			if !used[i] && r.Type == w.typ && r.Target.Equal(w.to) && (!exact || r.Attributes.Get("Type").Str() == w.attr) {
				return i
			}
		}
		return -1
	}
	for _, w := range want {
		key := "relationship " + w.typ
		i := find(w, true)
		if i < 0 {
			if i = find(w, false); i < 0 {
				c.add(key, "to "+w.name, relationText(e, w.typ))
				continue
			}
			c.add(key+" Type", show(w.attr), show(e.Relationships[i].Attributes.Get("Type").Str()))
		}
		used[i] = true
	}
	for i, r := range e.Relationships {
		if !used[i] && !slices.Contains(unknown, r.Type) && r.Type != entity.RelFunctionOf {
			c.add("relationship "+r.Type, "nothing like it", fmt.Sprintf("to %s %v", r.Target.Type, r.Target.ID))
		}
	}
}

func relationText(e *entity.Event, typ string) string {
	for _, r := range e.Relationships {
		if r.Type == typ {
			return fmt.Sprintf("to %s %v", r.Target.Type, r.Target.ID)
		}
	}
	return "none"
}
