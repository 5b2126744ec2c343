package iptest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
)

// SourceNetlink is the source of the entities that are compared.
const SourceNetlink = "netlink"

// comparison is the comparison of one namespace, at times of one of its links.
type comparison struct {
	differ
	world *World
	ns    *Namespace
	state *State
}

// Result is the outcome of a comparison.
type Result struct {
	Differences []Difference
	// Links counts the links compared by kind; hardware is "device".
	Links map[string]int
	// Relations counts the relationships compared by type.
	Relations map[string]int
}

// Equal reports whether both sides agree.
func (r *Result) Equal() bool { return len(r.Differences) == 0 }

// Compare compares what the tools say of each namespace with the entities.
func Compare(w *World, s *State) *Result {
	r := &Result{Links: map[string]int{}, Relations: map[string]int{}}
	for _, name := range slices.Sorted(maps.Keys(w.Namespaces)) {
		c := &comparison{world: w, ns: w.Namespaces[name], state: s}
		c.out = &r.Differences
		c.at.Namespace = name
		if name == "" {
			c.at.Namespace = "(own)"
		}
		c.namespace()
		c.interfaces(r)
	}
	return r
}

// Gone lists what the entities still say of a namespace that is no more.
func Gone(hostID string, n *Namespace, s *State) []Difference {
	var out []Difference
	d := differ{at: Difference{Namespace: n.Name}, out: &out}
	if e, ok := s.get(SourceNetlink, n.ref(hostID)); ok {
		d.add("namespace", "nothing", show(plainAttrs(e.Attributes)))
	}
	for e := range s.all(SourceNetlink, entity.TypeInterface) {
		if e.ID.Get(entity.IDHost) == hostID && e.ID.Get(entity.IDNamespace) == utoa(n.Inode) {
			d.at.Interface = e.Attributes.Get("Name").Str()
			d.add("interface", "nothing", "it exists")
		}
	}
	return out
}

// ref is the entity that the interfaces of a namespace are part of.
func (n *Namespace) ref(hostID string) entity.Ref {
	if n.Name == "" {
		return entity.HostRef(hostID)
	}
	return entity.NetNSRef(hostID, utoa(n.Inode), utoa(n.Device))
}

func (n *Namespace) interfaceRef(hostID string, index int64) entity.Ref {
	return entity.InterfaceRef(hostID, utoa(n.Inode), strconv.FormatInt(index, 10))
}

func utoa(u uint64) string { return strconv.FormatUint(u, 10) }

// namespace compares the namespace's own entity.
func (c *comparison) namespace() {
	ref := c.ns.ref(c.world.HostID)
	e, ok := c.state.get(SourceNetlink, ref)
	if !ok {
		c.add("namespace", "it exists", "nothing")
		return
	}
	attrs := plainAttrs(e.Attributes)
	if c.ns.Name != "" {
		c.values("Name", c.ns.Name, attrs["Name"])
		c.values("Type", entity.TypeNetNS, attrs["Type"])
		c.values("Inode", int64(c.ns.Inode), attrs["Inode"])
		c.values("Device", int64(c.ns.Device), attrs["Device"])
		c.relations(&e, []relation{{typ: entity.RelPartOf, to: entity.HostRef(c.world.HostID), name: "the host"}}, nil)
	}
	c.rules(attrs)
	c.nexthops(attrs)
	c.routes(0, attrs)
}

// interfaces compares the set of links, and each of them.
func (c *comparison) interfaces(r *Result) {
	seen := map[string]bool{}
	for _, l := range c.ns.links {
		index := l.num("ifindex")
		seen[strconv.FormatInt(index, 10)] = true
		kind := kindOf(l)
		if kind == "" {
			kind = "device"
		}
		c.at.Interface, c.at.Kind = l.str("ifname"), kind
		e, ok := c.state.get(SourceNetlink, c.ns.interfaceRef(c.world.HostID, index))
		if !ok {
			c.add("interface", "it exists", "nothing")
			continue
		}
		r.Links[kind]++
		attrs := plainAttrs(e.Attributes)
		c.link(l, attrs)
		c.addresses(index, attrs)
		c.neighbours(l.str("ifname"), attrs)
		c.fdb(l.str("ifname"), attrs)
		c.routes(index, attrs)
		c.linkRelations(l, &e, r)
	}
	c.at.Interface, c.at.Kind = "", ""
	for e := range c.state.all(SourceNetlink, entity.TypeInterface) {
		if e.ID.Get(entity.IDHost) != c.world.HostID || e.ID.Get(entity.IDNamespace) != utoa(c.ns.Inode) {
			continue
		}
		if index := e.ID.Get(entity.IDIfIndex); !seen[index] {
			c.add("interface "+index, "nothing", fmt.Sprintf("it exists as %s", show(e.Attributes.Get("Name").Str())))
		}
	}
}
