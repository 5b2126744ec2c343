package gremlin

import (
	"bytes"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// side is which nodes of a flow a step goes to.
type side uint8

const (
	// sideCapture is the interface on which the flow was seen.
	sideCapture side = 1 << iota
	// sideA and sideB are the interfaces with its MAC addresses.
	sideA
	sideB
)

// keyMAC and keyPeerMAC are the attributes with the MAC address of an interface
// and of the one it is plugged into (that of a VM).
const (
	keyMAC     = "MAC"
	keyPeerMAC = "PeerIntfMAC"
)

// buildFlowNodes makes In, Out, Both, Nodes, Hops and CaptureNode on flows:
// ([key, value …] of the node). In is the interface with the address Link.A,
// Out that with Link.B, by MAC or else by PeerIntfMAC; CaptureNode is where the
// flow was seen. They give a node for each flow, Nodes (all three of them) and
// Hops (where the flows were seen) each node once.
func buildFlowNodes(sides side) func(*compiler, *call, Kind) (op, Kind, error) {
	return func(c *compiler, s *call, _ Kind) (op, Kind, error) {
		c.source = nil
		f, err := c.filter(s, s.args, false)
		if err != nil {
			return nil, 0, err
		}
		once := s.name == "Nodes" || s.name == "Hops"
		peers := s.name != "Nodes"
		return func(x *exec, in flow) flow {
			out := flow{kind: KindNodes, scope: in.scope}
			seen := x.slotSet(x.view.NodeSlots())
			l := newFlowPlaces(x, in.scope, f, peers)
			out.slots = func(yield func(int32) bool) {
				seen.reset()
				give := func(slot int32) bool { return slot < 0 || once && !seen.add(slot) || yield(slot) }
				for r := range in.flows {
					if !x.visit() ||
						sides&sideCapture != 0 && !give(l.seenOn(r.NodeTID)) ||
						sides&sideA != 0 && !give(l.withMAC(r.LinkA)) ||
						sides&sideB != 0 && !give(l.withMAC(r.LinkB)) || x.err != nil {
						return
					}
				}
			}
			return out
		}, KindNodes, nil
	}
}

// buildMoveOrSide makes In, Out and Both, on nodes and on flows.
func buildMoveOrSide(dir direction, to Kind, sides side) func(*compiler, *call, Kind) (op, Kind, error) {
	move, ends := buildMove(dir, to), buildFlowNodes(sides)
	return func(c *compiler, s *call, in Kind) (op, Kind, error) {
		if in == KindFlows {
			return ends(c, s, in)
		}
		return move(c, s, in)
	}
}

// flowPlaces finds the nodes that flows speak of, and remembers them: many
// flows speak of few interfaces.
type flowPlaces struct {
	x     *exec
	scope *scope
	// filter is what a node has to pass.
	filter *filter
	// peers: an interface that is plugged into the one with the address will do.
	peers bool
	byTID map[entity.UUID]int32
	byMAC map[flowrecord.MAC]int32
	// all are the nodes by value, for keys that the view has no index for.
	all map[string]map[string][]int32
}

func newFlowPlaces(x *exec, sc *scope, f *filter, peers bool) *flowPlaces {
	return &flowPlaces{
		x: x, scope: sc, filter: f, peers: peers,
		byTID: make(map[entity.UUID]int32), byMAC: make(map[flowrecord.MAC]int32), all: make(map[string]map[string][]int32),
	}
}

// seenOn is the node with a TID, -1 when there is none that passes.
func (p *flowPlaces) seenOn(tid entity.UUID) int32 {
	slot, known := p.byTID[tid]
	if !known {
		slot = -1
		if !tid.IsZero() {
			slot = p.find(entity.KeyTID, tid.String())
		}
		p.x.takeAndKeep(mapBytes)
		p.byTID[tid] = slot
	}
	return slot
}

// withMAC is the node with an Ethernet address, -1 when there is none that
// passes.
func (p *flowPlaces) withMAC(mac flowrecord.MAC) int32 {
	slot, known := p.byMAC[mac]
	if !known {
		slot = -1
		if mac != (flowrecord.MAC{}) {
			if slot = p.find(keyMAC, mac.String()); slot < 0 && p.peers {
				slot = p.find(keyPeerMAC, mac.String())
			}
		}
		p.x.takeAndKeep(mapBytes)
		p.byMAC[mac] = slot
	}
	return slot
}

// find is the node with a value that passes, -1 if there is none. Of several it
// is the one with the smallest ID, and of its revisions the newest, so that
// every daemon gives the same.
func (p *flowPlaces) find(key, value string) int32 {
	best := int32(-1)
	see := func(slot int32) bool {
		if p.x.visit() && p.scope.node(slot) && p.filter.node(p.x.view, slot) && (best < 0 || before(p.x.view, slot, best)) {
			best = slot
		}
		return p.x.err == nil
	}
	if slots, count := p.x.view.SlotsWith(key, entity.String(value)); count >= 0 {
		if count > 0 {
			slots(see)
		}
		return best
	}
	for _, slot := range p.index(key)[value] {
		if !see(slot) {
			break
		}
	}
	return best
}

func before(v *graph.View, a, b int32) bool {
	x, y := v.NodeID(a), v.NodeID(b)
	if c := bytes.Compare(x[:], y[:]); c != 0 {
		return c < 0
	}
	return updatedAt(v, a) > updatedAt(v, b)
}

// updatedAt is from when on the revision of a node holds.
func updatedAt(v *graph.View, slot int32) int64 {
	_, at := v.NodeTimes(slot)
	return at
}

// index lists the nodes by the texts of a key.
func (p *flowPlaces) index(key string) map[string][]int32 {
	if m := p.all[key]; m != nil {
		return m
	}
	m := make(map[string][]int32)
	p.all[key] = m
	for slot := range p.x.view.NodeList() {
		if !p.x.visit() {
			break
		}
		add := func(v entity.Value) {
			if v.Kind() == entity.KindString && p.x.takeAndKeep(mapBytes+slotBytes) {
				m[v.Str()] = append(m[v.Str()], slot)
			}
		}
		if v := p.x.view.NodeAttr(slot, key); v.Kind() == entity.KindList {
			for _, e := range v.List() {
				add(e)
			}
		} else {
			add(v)
		}
	}
	return m
}
