package nodegraph

import (
	"maps"
	"strings"

	"github.com/skein-net/skein/grafana-datasource/pkg/layout"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// scene is a picture without what the panel could not draw, and what has to be
// known of the whole to describe a part.
type scene struct {
	t       *client.Topology
	nodes   []*client.TopologyNode
	edges   []*client.TopologyEdge
	edgeIDs []string
	// index has the places of nodes by their IDs.
	index map[string]int
	// hosts are names of hosts by host.id.
	hosts map[string]string
	// ports and owned count layer2 and ownership edges from each node.
	ports, owned []int
	// groups counts groups, dropped edges whose ends are not there.
	groups, dropped int
}

func newScene(t *client.Topology) *scene {
	s := &scene{t: t, index: make(map[string]int, len(t.Nodes)), hosts: make(map[string]string, len(t.Hosts))}
	maps.Copy(s.hosts, t.Hosts)
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if _, double := s.index[n.ID]; double || n.ID == "" {
			continue
		}
		s.index[n.ID] = len(s.nodes)
		s.nodes = append(s.nodes, n)
		if n.Group != nil {
			s.groups++
		}
		switch {
		case n.Host == "":
		case n.Node != nil && typeOf(n) == entity.TypeHost:
			s.hosts[n.Host] = name(n)
		case n.Group != nil && n.Group.Level == client.LevelHost && s.hosts[n.Host] == "":
			s.hosts[n.Host] = n.Group.Label
		}
	}
	s.ports, s.owned = make([]int, len(s.nodes)), make([]int, len(s.nodes))
	seen := make(map[string]bool, len(t.Edges))
	for i := range t.Edges {
		e := &t.Edges[i]
		from, ok := s.index[e.Source]
		_, ok2 := s.index[e.Target]
		// A line from a circle to itself has no direction; the panel cannot draw it.
		if id := e.ID.String(); ok && ok2 && from != s.index[e.Target] && !seen[id] {
			seen[id] = true
			s.edges, s.edgeIDs = append(s.edges, e), append(s.edgeIDs, id)
		} else {
			s.dropped++
			continue
		}
		switch e.Type {
		case entity.Layer2:
			s.ports[from] += max(e.Count, 1)
		case entity.Ownership:
			s.owned[from] += max(e.Count, 1)
		}
	}
	return s
}

// points places all nodes.
func (s *scene) points(p *Places, key string, open []string) map[string]layout.Point {
	items := make([]layout.Item, len(s.nodes))
	for i, n := range s.nodes {
		it := layout.Item{ID: n.ID, Parent: n.Parent, Lane: n.Host, Role: role(n), Name: title(n)}
		if it.Parent == "" {
			// Who comes out of a group appears near it.
			it.Parent = n.Path
			if n.Group != nil {
				it.Parent = n.Path[:max(strings.LastIndexByte(n.Path, '/'), 0)]
			}
		}
		if n.Node != nil {
			it.Order = n.Node.CreatedAt
		}
		items[i] = it
	}
	edges := make([]layout.Edge, 0, len(s.edges))
	for _, e := range s.edges {
		if e.Type == entity.Layer2 {
			edges = append(edges, layout.Edge{Source: e.Source, Target: e.Target})
		}
	}
	return p.place(key, items, edges, s.focus(open))
}

// focus is on what came out of the last of the groups that were opened.
func (s *scene) focus(open []string) focus {
	if len(open) == 0 {
		return focus{}
	}
	f := focus{open: strings.Join(open, ",")}
	last := open[len(open)-1]
	for _, n := range s.nodes {
		if n.ID != last && (n.Path == last || strings.HasPrefix(n.Path, last+"/")) {
			f.ids = append(f.ids, n.ID)
		}
	}
	return f
}

// role tells the layout what an element is.
func role(n *client.TopologyNode) string {
	if g := n.Group; g != nil {
		switch {
		case g.Level == client.LevelNamespace:
			return layout.RoleNamespace
		case g.Level == client.LevelType && kindOf(g.Value) == kindBridge:
			return layout.RoleBridge
		}
		return layout.RoleGroup
	}
	if n.Node == nil {
		return layout.RoleOther
	}
	switch kindOf(typeOf(n)) {
	case kindHost:
		return layout.RoleHost
	case kindNamespace:
		return layout.RoleNamespace
	case kindBridge:
		return layout.RoleBridge
	case kindContainer:
		return layout.RoleContainer
	case kindFabric:
		return layout.RoleOther
	}
	if isInterface(n) {
		return layout.RoleInterface
	}
	return layout.RoleOther
}

// text returns an attribute of a node as text, "" when it has none.
func text(n *client.TopologyNode, key string) string {
	if n.Node == nil {
		return ""
	}
	v := n.Node.Metadata.Get(key)
	if v.IsZero() {
		return ""
	}
	return v.Text()
}

func typeOf(n *client.TopologyNode) string { return text(n, entity.KeyType) }

func name(n *client.TopologyNode) string { return text(n, entity.KeyName) }

// isInterface reports whether a node is an interface or the port of a switch.
func isInterface(n *client.TopologyNode) bool {
	return n.Node != nil && (n.Node.Metadata.Has("IfIndex") || n.Node.Metadata.Has("MAC") || n.Node.Metadata.Has("State"))
}
