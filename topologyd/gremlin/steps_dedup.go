package gremlin

import (
	"math"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// buildDedup makes Dedup: ([key …]). Without keys elements are the same when
// their IDs are, flows when their TrackingIDs are, values when they are equal; with
// keys, when they have the same values for all of them. What has none of the keys
// stays. The first is given; of flows with the same TrackingID see [oneOfEach]. Of
// paths it gives their nodes.
func buildDedup(c *compiler, s *call, in Kind) (op, Kind, error) {
	c.source = nil
	keys, err := c.keys(s, in)
	if err != nil {
		return nil, 0, err
	}
	if in == KindFlows && len(keys) == 0 {
		keys = []string{"TrackingID"}
	}
	if in == KindFlows && isConversation(keys) {
		c.holds = true
		return oneOfEach, in, nil
	}
	out := in
	if in == KindPaths {
		out = KindNodes
	}
	return func(x *exec, in flow) flow { return dedup(x, in, keys) }, out, nil
}

func dedup(x *exec, in flow, keys []string) flow {
	out := flow{kind: in.kind, scope: in.scope}
	if in.kind == KindPaths {
		out.kind = KindNodes
		in.slots = func(yield func(int32) bool) {
			for path := range in.paths {
				for _, slot := range path {
					if slot >= 0 && !yield(slot) {
						return
					}
				}
			}
		}
	}
	switch {
	case out.kind == KindValues || out.kind == KindMaps:
		out.values = func(yield func(entity.Value) bool) {
			seen := unique{}
			for v := range keep(x, in.values, func(v entity.Value) bool { return seen.add(x, valueLookup(v), keys, v) }) {
				if !yield(v) {
					return
				}
			}
		}
	case out.kind == KindFlows:
		out.flows = func(yield func(*flowrecord.Record) bool) {
			seen := unique{}
			for r := range keep(x, in.flows, func(r *flowrecord.Record) bool {
				return seen.add(x, flowLookup(x.fields, r), keys, entity.Value{})
			}) {
				if !yield(r) {
					return
				}
			}
		}
	case len(keys) > 0 || x.view.IsSlice():
		if len(keys) == 0 {
			keys = []string{graph.FieldID} // an element is one for all its revisions
		}
		out.slots = func(yield func(int32) bool) {
			seen := unique{}
			for slot := range keep(x, in.slots, func(slot int32) bool {
				return seen.add(x, x.lookup(out.kind, slot), keys, entity.Value{})
			}) {
				if !yield(slot) {
					return
				}
			}
		}
	default:
		slots := x.view.NodeSlots()
		if out.kind == KindEdges {
			slots = x.view.EdgeSlots()
		}
		seen := x.slotSet(slots)
		var yield func(int32) bool
		each := func(slot int32) bool { return x.visit() && (!seen.add(slot) || yield(slot)) }
		out.slots = func(next func(int32) bool) {
			seen.reset()
			yield = next
			in.slots(each)
		}
	}
	return out
}

// lookupFunc gives the values that a path names in one element.
type lookupFunc func(path string, yield func(entity.Value) bool)

// lookup is how keys are looked up in a node or edge.
func (x *exec) lookup(k Kind, slot int32) lookupFunc {
	if k == KindEdges {
		return edgeLookup(x.view, slot)
	}
	return nodeLookup(x.view, slot)
}

func nodeLookup(v *graph.View, slot int32) lookupFunc {
	return func(path string, yield func(entity.Value) bool) { v.LookupNode(slot, path, yield) }
}

func edgeLookup(v *graph.View, slot int32) lookupFunc {
	return func(path string, yield func(entity.Value) bool) { v.LookupEdge(slot, path, yield) }
}

func valueLookup(v entity.Value) lookupFunc { return v.Map().Lookup }

// unique is the set of what Dedup has seen, in an unambiguous encoding.
type unique map[string]struct{}

// add reports whether the values of the keys (the value itself when there are
// none) were not seen before.
func (u unique) add(x *exec, at lookupFunc, keys []string, self entity.Value) bool {
	n := u.fresh(at, keys, self)
	return n == keyless || n > 0 && x.take(n+mapBytes)
}

// keyless is what fresh gives for what has none of the keys.
const keyless = -1

// fresh is as add, but gives the length of what it remembers: 0 when the values
// were seen before, keyless when there is none.
func (u unique) fresh(at lookupFunc, keys []string, self entity.Value) int {
	var arr [128]byte
	b := arr[:0]
	some := len(keys) == 0
	if some {
		b = appendCanonical(b, self)
	}
	for _, k := range keys {
		at(k, func(v entity.Value) bool {
			some = true
			b = append(appendCanonical(b, v), ',')
			return true
		})
		b = append(b, ';')
	}
	if !some {
		return keyless
	}
	if _, ok := u[string(b)]; ok {
		return 0
	}
	u[string(b)] = struct{}{}
	return len(b)
}

// appendCanonical encodes a value so that equal values, and only they, have
// equal encodings; 1 and 1.0 are equal.
func appendCanonical(b []byte, v entity.Value) []byte {
	switch v.Kind() {
	case entity.KindFloat:
		if f := v.Float(); f == math.Trunc(f) && f >= -(1<<63) && f < 1<<63 {
			return entity.Int(int64(f)).AppendJSON(b)
		}
	case entity.KindList:
		b = append(b, '[')
		for _, e := range v.List() {
			b = append(appendCanonical(b, e), ',')
		}
		return append(b, ']')
	case entity.KindMap:
		b = append(b, '{')
		for _, a := range v.Map() {
			b = append(entity.AppendJSONString(b, a.Key), ':')
			b = append(appendCanonical(b, a.Value), ',')
		}
		return append(b, '}')
	}
	return v.AppendJSON(b)
}
