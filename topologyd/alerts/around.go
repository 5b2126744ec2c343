package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Bounds of what is told around an alert.
const (
	// aroundHops is how far from the thing is looked, aroundNodes at how many nodes,
	// aroundEdges at how many edges.
	aroundHops, aroundNodes, aroundEdges = 2, 200, 2000
	// aroundFan is with how many links a node is one that everything hangs on, such
	// as a host, beyond which nothing is near.
	aroundFan = 64
	// aroundLines and aroundBytes bound what is told.
	aroundLines, aroundBytes = 20, 8 << 10
	// neighbourNames is how many neighbours are named.
	neighbourNames = 10
)

// happened is one line of what happened around a thing.
type happened struct {
	at   int64
	text string
}

// around returns what changed lately within two hops of some nodes, the newest
// first, one a line: "12:00:01 eth0 of web-1: State: UP → DOWN". self are those
// whose alert it is.
func (r *recent) around(v *graph.View, self []entity.UUID, since time.Time) string {
	nodes, edges := nearby(v, self)
	r.mu.Lock()
	var all []happened
	oldest := since.UnixMilli()
	seen := make(map[entity.UUID]bool)
	take := func(id entity.UUID) {
		m := r.byID[id]
		if m == nil || seen[id] {
			return
		}
		seen[id] = true
		for _, e := range m.events {
			// What belongs to a node comes and goes with itself.
			own := m.edge && m.name == entity.Ownership && (e.op == graph.EdgeAdded || e.op == graph.EdgeDeleted)
			if e.at >= oldest && !own {
				all = append(all, happened{e.at, r.line(v, m, &e)})
			}
		}
	}
	for _, id := range nodes {
		take(id)
		if m := r.byID[id]; m != nil {
			for _, gone := range m.gone {
				take(gone)
				// What went with the edge was near, too.
				if e := r.byID[gone]; e != nil {
					for _, end := range [...]entity.UUID{e.parent, e.child} {
						if v.SlotByID(end) < 0 {
							take(end)
						}
					}
				}
			}
		}
	}
	for _, id := range edges {
		take(id)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b happened) int { return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(a.text, b.text)) })
	var b strings.Builder
	for i := range all {
		line := time.UnixMilli(all[i].at).UTC().Format("15:04:05") + " " + all[i].text
		if i == aroundLines || b.Len()+len(line) > aroundBytes-64 {
			fmt.Fprintf(&b, "and %d more", len(all)-i)
			break
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// line is one event in words. The lock is held.
func (r *recent) line(v *graph.View, m *memory, e *event) string {
	what := ""
	if m.edge {
		what = fmt.Sprintf("%s -%s-> %s", r.nameFor(v, m.parent), cut(m.name, recentValue), r.nameFor(v, m.child))
	} else if what = m.name; what == "" {
		what = r.nameFor(v, m.id)
	}
	switch e.op {
	case graph.NodeAdded, graph.EdgeAdded:
		return what + " came"
	case graph.NodeDeleted, graph.EdgeDeleted:
		return what + " went"
	}
	if e.times > 1 {
		return fmt.Sprintf("%s: %s (%d times)", what, e.text, e.times)
	}
	return what + ": " + e.text
}

// nameFor is the name of a node that may be gone, with its host's where that is
// another node. The lock is held.
func (r *recent) nameFor(v *graph.View, id entity.UUID) string {
	if slot := v.SlotByID(id); slot >= 0 {
		return slotName(v, slot)
	}
	if m := r.byID[id]; m != nil && m.name != "" {
		return m.name
	}
	return id.String()
}

// slotName is what people know the node in a slot by.
func slotName(v *graph.View, slot int32) string {
	if name := v.NodeAttr(slot, entity.KeyName).Text(); name != "" {
		return cut(name, recentValue)
	}
	return v.NodeID(slot).String()
}

// last returns what changed last of an element, "" when it is not known or before
// a time.
func (r *recent) last(id entity.UUID, since time.Time) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		if e := m.events; len(e) > 0 && e[len(e)-1].at >= since.UnixMilli() {
			return e[len(e)-1].text
		}
	}
	return ""
}

// seen returns the revision up to which changes were noted.
func (r *recent) seen() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

// nearby returns the nodes within two hops of some, nearest first, and the edges
// between them and on the way, both within bounds.
func nearby(v *graph.View, self []entity.UUID) (nodes, edges []entity.UUID) {
	seen, seenEdges := make(map[int32]bool), make(map[int32]bool)
	var slots []int32
	see := func(slot int32) {
		if !seen[slot] && len(slots) < aroundNodes {
			seen[slot] = true
			slots = append(slots, slot)
			nodes = append(nodes, v.NodeID(slot))
		}
	}
	for _, id := range self {
		if slot := v.SlotByID(id); slot >= 0 {
			see(slot)
		} else {
			nodes = append(nodes, id) // it went
		}
	}
	for from, hop := 0, 0; hop < aroundHops; hop++ {
		to := len(slots)
		for _, slot := range slots[from:to] {
			if hop > 0 && v.OutDegree(slot)+v.InDegree(slot) > aroundFan {
				continue
			}
			for edge, other := range links(v, slot) {
				if len(seenEdges) >= aroundEdges {
					return nodes, edges
				}
				if !seenEdges[edge] {
					seenEdges[edge] = true
					edges = append(edges, v.EdgeID(edge))
				}
				see(other)
			}
		}
		from = to
	}
	return nodes, edges
}

// links yields the slots of the edges of a node and of what they lead to.
func links(v *graph.View, slot int32) func(yield func(edge, other int32) bool) {
	return func(yield func(edge, other int32) bool) {
		for edge, other := range v.OutSlots(slot) {
			if !yield(edge, other) {
				return
			}
		}
		for edge, other := range v.InSlots(slot) {
			if !yield(edge, other) {
				return
			}
		}
	}
}

// neighbours names what a node is joined to: "br0 (layer2), web-1 (ownership)".
func neighbours(v *graph.View, id entity.UUID) string {
	slot := v.SlotByID(id)
	if slot < 0 {
		return ""
	}
	names := make([]string, 0, neighbourNames)
	n := 0
	for edge, other := range links(v, slot) {
		if n++; n > aroundEdges {
			break
		}
		names = append(names, slotName(v, other)+" ("+cut(v.RelationType(edge), recentValue)+")")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(names) - neighbourNames; more > 0 {
		names = append(names[:neighbourNames], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}
