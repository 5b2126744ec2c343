package orders

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/definition"
)

// Status tells how a capture does as a whole.
func (m *Manager) Status(d *definition.Definition) Status {
	t := m.term.Load()
	switch {
	case t == nil && m.deps.Leads(): // it is about to begin, or stops
		return Status{State: StatePending}
	case t == nil:
		return Status{State: StateFollower}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.plans[d.ID]
	if p == nil || p.revision < d.Revision {
		return Status{State: StatePending}
	}
	n := &p.tally
	s := Status{
		Error: cmp.Or(p.problem, p.failed), Matched: n.total(), Running: n.running, Starting: n.starting, Waiting: n.waiting, Failed: n.failed, Refused: n.refused,
		Hosts: len(p.hosts), Packets: n.packets, Bytes: n.bytes, Dropped: n.dropped,
	}
	if p.query != nil {
		s.Matched = max(s.Matched, len(p.query.nodes))
		if held := len(p.query.held); held > 0 && p.failed == "" {
			s.Waiting += held
			s.Error = cmp.Or(s.Error, fmt.Sprintf("%d nodes came and went again and again, and are left out for a while: does the capture change what its query finds?", held))
		}
	}
	switch {
	case p.problem != "" || p.failed != "":
		s.State = StateFailed
	case p.next != nil:
		s.State = StatePending
	case s.Matched == 0:
		s.State = StateIdle
	case s.Running == s.Matched:
		s.State = StateRunning
	default:
		s.State = StatePartial
	}
	return s
}

// Nodes tells how a capture does at each node, sorted by host, namespace and
// interface; nil for one that is not known, or while another replica leads.
func (m *Manager) Nodes(definitionID string) []NodeStatus {
	t := m.term.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	out := t.nodes(definitionID)
	t.mu.Unlock()
	for i := range out {
		out[i].ID = order.CaptureID(definitionID, out[i].Node)
	}
	slices.SortFunc(out, func(a, b NodeStatus) int {
		return cmp.Or(cmp.Compare(a.HostName, b.HostName), cmp.Compare(a.Host, b.Host), cmp.Compare(a.NetNS, b.NetNS),
			cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.Node, b.Node))
	})
	return out
}

func (t *term) nodes(definitionID string) []NodeStatus {
	p := t.plans[definitionID]
	if p == nil || p.query == nil {
		return nil
	}
	out := make([]NodeStatus, 0, p.tally.total())
	for _, at := range p.query.nodes {
		if at == nil {
			continue
		}
		_, a := at.find(definitionID)
		if a == nil {
			continue
		}
		s := NodeStatus{Node: at.id.String(), TID: at.node.TID, Interface: at.node.Interface, NetNS: at.netns, CaptureState: *a.state}
		s.Revision = p.def.Revision
		if at.host != nil {
			s.Host, s.HostName = at.host.id, at.host.name
		}
		out = append(out, s)
	}
	return out
}

// Hosts returns the hosts that are or were connected or that have captures,
// sorted by name and ID; none while another replica leads.
func (m *Manager) Hosts() []Host {
	t := m.term.Load()
	if t == nil {
		return nil
	}
	t.mu.Lock()
	out := make([]Host, 0, len(t.hosts))
	for _, h := range t.hosts {
		if !h.met && h.tally.total() == 0 {
			continue
		}
		x := Host{
			ID: h.id, Name: h.name, Connected: h.session != nil, Since: h.since, Address: h.address, Version: h.hello.Version,
			Types: h.hello.Types, RawPackets: h.hello.RawPackets, Problems: h.hello.Problems, Captures: h.tally.total(), Running: h.tally.running,
		}
		if p, some := h.rivals.problem(t.now()); some {
			x.Problems = append([]order.Problem{p}, x.Problems...)
		}
		out = append(out, x)
	}
	t.mu.Unlock()
	slices.SortFunc(out, func(a, b Host) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}
