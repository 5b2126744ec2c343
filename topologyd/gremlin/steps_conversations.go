package gremlin

import (
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/hops"
)

// keyTracking is the field that is the same at all points that saw a flow.
const keyTracking, keyL3Tracking = "TrackingID", "L3TrackingID"

// isConversation tells whether Dedup by these keys leaves one flow of each
// conversation.
func isConversation(keys []string) bool { return len(keys) == 1 && keys[0] == keyTracking }

// packetsOfFlow is what a flow counted in both directions.
func packetsOfFlow(r *flowrecord.Record) int64 { return r.Metric.ABPackets + r.Metric.BAPackets }

// oneOfEach is Dedup by TrackingID: of each conversation the flow with the most
// packets, of these the first, in the order in which conversations are met. So
// what is added up afterwards counts each once, and in full. It has to see all
// flows first.
func oneOfEach(x *exec, in flow) flow {
	out := flow{kind: in.kind, scope: in.scope}
	out.flows = func(yield func(*flowrecord.Record) bool) {
		var list []*flowrecord.Record
		best := make(map[flowrecord.Tracking]*flowrecord.Record)
		for r := range in.flows {
			if !x.visit() {
				return
			}
			if b := best[r.TrackingID]; b != nil {
				if packetsOfFlow(r) > packetsOfFlow(b) {
					copyFlow(b, r)
				}
				continue
			}
			b := x.keepFlow(r)
			if b == nil || !x.take(mapBytes) {
				return
			}
			if list = append(list, b); r.TrackingID != 0 {
				best[r.TrackingID] = b
			}
		}
		for _, r := range list {
			if x.err != nil || !yield(r) {
				return
			}
		}
	}
	out.count = func(most int) int {
		n := 0
		if most == 0 {
			return 0
		}
		seen := make(map[flowrecord.Tracking]struct{})
		for r := range in.flows {
			if !x.visit() {
				break
			}
			if _, known := seen[r.TrackingID]; known {
				continue
			}
			if n++; n == most {
				break
			}
			if r.TrackingID != 0 {
				if seen[r.TrackingID] = struct{}{}; !x.take(mapBytes) {
					break
				}
			}
		}
		return n
	}
	return out
}

// joinBytes is what a flow takes that is joined with others: while it is
// collected, and as a point with what lies between it and the next one.
const joinBytes = 1200

// buildHopByHop makes HopByHop: ([key]) joins what was seen of each conversation
// at several points, and gives one map for each two points that follow one
// another: what was lost between them and how long it took, see package hops.
// The key is TrackingID or L3TrackingID.
func buildHopByHop(c *compiler, s *call, _ Kind) (op, Kind, error) {
	c.source = nil
	key := keyTracking
	if len(s.args) > 0 {
		if a := &s.args[0]; !a.isKey() || !slices.Contains([]string{keyTracking, keyL3Tracking}, a.val.Str()) {
			return nil, 0, c.bad(a, "'"+keyTracking+"'", "'"+keyL3Tracking+"', which is the same across routers")
		}
		key = s.args[0].val.Str()
	}
	return func(x *exec, in flow) flow {
		return flow{kind: KindMaps, scope: in.scope, values: func(yield func(entity.Value) bool) {
			j := hops.New(hops.Options{MaxFlows: x.lim.Memory/joinBytes + 1, L3: key == keyL3Tracking, Missed: x.missed(in.scope)})
			for r := range in.flows {
				if !x.visit() || !x.take(joinBytes) {
					return
				}
				if err := j.Add(r); err != nil {
					x.fail(c.misuse(s, "%v", err))
					return
				}
			}
			for conv := range j.Conversations() {
				for row := range conv.Rows() {
					if !x.visit() || !x.take(len(row)*attrBytes) || !yield(entity.Map(row)) {
						return
					}
				}
				if x.err != nil {
					return
				}
			}
		}}
	}, KindMaps, c.atMost(s, 1)
}

// missed tells what captures lost themselves, by what the graph says of them.
func (x *exec) missed(sc *scope) func(entity.UUID, string) int64 {
	places := newFlowPlaces(x, sc, nil, false)
	return func(tid entity.UUID, capture string) int64 {
		slot := places.seenOn(tid)
		if slot < 0 {
			return 0
		}
		return hops.MissedBy(x.view.NodeAttr(slot, entity.KeyCaptures), capture)
	}
}
