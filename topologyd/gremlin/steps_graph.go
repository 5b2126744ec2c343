package gremlin

// buildG makes G: the whole graph that was asked again. What As named stays.
func buildG(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source, c.context = nil, ""
	return func(x *exec, _ flow) flow {
		x.view, x.window = x.base, x.baseWindow
		return flow{kind: KindGraph}
	}, KindGraph, c.atMost(s, 0)
}

// buildSubGraph makes SubGraph: ([edge key, value …]). Of nodes and paths: the
// nodes and the edges among them. Of edges: the edges and their ends.
func buildSubGraph(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	f, err := c.filter(s, s.args, false)
	if err != nil {
		return nil, 0, err
	}
	return func(x *exec, in flow) flow { return flow{kind: KindGraph, scope: cut(x, in, f)} }, KindGraph, nil
}

func cut(x *exec, in flow, f *filter) *scope {
	out := &scope{x.bitset(x.view.NodeSlots()), x.bitset(x.view.EdgeSlots())}
	if x.err != nil {
		return out
	}
	switch in.kind {
	case KindEdges:
		for slot := range in.slots {
			if !x.visit() {
				return out
			}
			if x.passes(f, slot) {
				out.edges.set(slot)
				for parent, child := range x.view.Ends(slot) {
					if in.scope.node(parent) && in.scope.node(child) {
						out.nodes.set(parent)
						out.nodes.set(child)
					}
				}
			}
		}
		return out
	case KindPaths:
		for path := range in.paths {
			for _, slot := range path {
				if !x.visit() {
					return out
				}
				if slot >= 0 {
					out.nodes.set(slot)
				}
			}
		}
	default:
		for slot := range in.slots {
			if !x.visit() {
				return out
			}
			out.nodes.set(slot)
		}
	}
	x.among(in.scope, out.nodes, func(edge int32) bool {
		if x.passes(f, edge) {
			out.edges.set(edge)
		}
		return true
	})
	return out
}

// among calls visit for each edge of a scope that has both ends in a set of
// nodes.
func (x *exec) among(sc *scope, nodes bitset, visit func(edge int32) bool) {
	for slot := range nodes.all() {
		ok := x.around(sc, slot, dirOut, func(edge, child int32) bool {
			return !nodes.has(child) || visit(edge)
		})
		if !ok {
			return
		}
	}
}
