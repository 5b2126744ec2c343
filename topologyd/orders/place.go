package orders

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/graph"
)

// place returns the place of a node, nil when the view has not got the node. The
// lock is held.
func (t *term) place(id entity.UUID, v *graph.View) *place {
	if p := t.places[id]; p != nil { // of another query, or not forgotten since it went
		t.renewed(p, v)
		return p
	}
	slot := v.NodeSlot(id)
	if slot < 0 {
		return nil
	}
	state := v.NodeStateAt(slot)
	p := &place{id: id, ref: state.Ref, looked: v.Version()}
	if f := said(state.Facets); f != nil {
		p.shown, p.shownAt = f.Attributes.Get(entity.KeyCaptures), f.Time
	}
	t.places[id] = p
	t.describe(p, v, slot)
	return p
}

// renewed looks at a node that changed. The lock is held.
func (t *term) renewed(p *place, v *graph.View) {
	if v.Version() <= p.looked { // for another query
		return
	}
	p.looked = v.Version()
	slot := v.NodeSlot(p.id)
	if slot < 0 {
		return // it has gone meanwhile, which is told too
	}
	if p.doubt || !v.NodeAttr(slot, entity.KeyCaptures).Equal(p.shown) {
		// The node may have gone and come back, or somebody else says something.
		p.doubt = true
		t.write(p)
	}
	t.describe(p, v, slot)
}

// describe works out where a node is. The lock is held.
func (t *term) describe(p *place, v *graph.View, slot int32) {
	node, hostID, refusal := locate(&p.ref, v, slot)
	if refusal == "" && p.refusal == nil && p.node.IfIndex != 0 && p.node == node.Node {
		p.netns = node.netns
		return // nothing of interest, as nearly always
	}
	changed := p.node != node.Node
	p.node, p.netns = node.Node, node.netns
	switch {
	case refusal == "":
		p.refusal = nil
	case p.refusal == nil || p.refusal.Error != refusal:
		p.refusal = &order.CaptureState{State: order.StateRefused, Error: refusal}
	}
	if p.host == nil && hostID != "" {
		p.host = t.host(hostID)
		p.host.places[p.id] = p
	}
	if p.host != nil {
		if p.host.name == "" {
			if n := v.Node(entity.HostRef(hostID).UUID()); n != nil {
				p.host.name = clean(n.Attrs.Get(entity.KeyName).Str(), maxName)
				if p.host.session == nil {
					p.host.away = t.absence(p.host, t.now())
				}
			}
		}
		if changed && len(p.list) > 0 {
			t.order(p.host)
		}
	}
	for _, a := range p.list {
		t.judge(a)
	}
}

// host returns what is known of a host. The lock is held.
func (t *term) host(id string) *host {
	h := t.hosts[id]
	if h == nil {
		h = &host{id: id, places: make(map[entity.UUID]*place), parked: make(map[string]*order.CaptureState)}
		t.hosts[id] = h
		h.away = t.absence(h, t.now())
	}
	return h
}

// where is an order's node with the name of its namespace.
type where struct {
	order.Node
	netns string
}

// locate tells where an interface is, or why a node cannot be captured.
func locate(ref *entity.Ref, v *graph.View, slot int32) (w where, hostID, refusal string) {
	w.Interface = v.NodeAttr(slot, entity.KeyName).Str()
	w.Type = v.NodeAttr(slot, entity.KeyType).Str()
	w.TID = v.NodeAttr(slot, entity.KeyTID).Str()
	hostID = ref.ID.Get(entity.IDHost)
	if ref.Type != entity.TypeInterface {
		return w, hostID, notAnInterface(ref.Type, w.Type)
	}
	inode, err := strconv.ParseUint(ref.ID.Get(entity.IDNamespace), 10, 64)
	index, err2 := strconv.ParseInt(ref.ID.Get(entity.IDIfIndex), 10, 32)
	switch {
	case hostID == "":
		return w, hostID, "the graph does not say which host the interface is on: its identity has no host.id"
	case err != nil || inode == 0:
		return w, hostID, "the graph does not say which network namespace the interface is in: its identity has no number of one"
	case err2 != nil || index <= 0:
		return w, hostID, "the graph does not say which index the interface has: its identity has none"
	case w.Interface == "":
		return w, hostID, "the graph does not know the name of the interface yet"
	}
	w.IfIndex, w.NetNS = int(index), inode
	for edge, parent := range v.InSlots(slot) {
		if v.RelationType(edge) != entity.Ownership || v.NodeAttr(parent, entity.KeyType).Str() != entity.TypeNetNS {
			continue
		}
		if uint64(v.NodeAttr(parent, "Inode").Int()) != inode { //nolint:gosec // a number of the kernel's, kept in 63 bits
			continue
		}
		w.NetNSDevice = uint64(max(v.NodeAttr(parent, "Device").Int(), 0)) //nolint:gosec // as above
		w.NetNSPath = v.NodeAttr(parent, entity.KeyPath).Str()
		if w.netns = v.NodeAttr(parent, entity.KeyName).Str(); w.netns == "" {
			w.netns = w.NetNSPath
		}
		break
	}
	return w, hostID, ""
}

// notAnInterface says what to ask for instead of a node of some type.
func notAnInterface(entityType, typ string) string {
	what := typ
	if what == "" {
		what = entityType
	}
	article := "a"
	if what != "" && strings.ContainsRune("aeiou", rune(what[0])) {
		article = "an"
	}
	switch entityType {
	case entity.TypeHost, entity.TypeNetNS:
		return fmt.Sprintf("only interfaces can be captured, and this is %s %s; capture its interfaces: put .Out().HasKey('IfIndex') behind the query, or .Out().Has('Type','veth') for some of them", article, what)
	}
	return fmt.Sprintf("only interfaces can be captured, and this is %s %s; have the query find the interfaces next to it, for example with .Both().HasKey('IfIndex')", article, what)
}

// maxName and maxText bound what hosts say of themselves and of captures.
const (
	maxName = 256
	maxText = 1024
)

// clean makes a text from outside one that the graph can keep.
func clean(s string, limit int) string {
	if len(s) > limit {
		s = strings.Clone(s[:limit]) // which does not hold on to the rest
	}
	return entity.CleanText(s)
}

// find returns what a definition does at a place, and where in its list it is or
// would be.
func (p *place) find(id string) (at int, a *assignment) {
	at, found := slices.BinarySearchFunc(p.list, id, func(a *assignment, id string) int { return strings.Compare(a.plan.id, id) })
	if found {
		a = p.list[at]
	}
	return at, a
}
