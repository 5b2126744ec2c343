package fabric

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// MaxMatches is how many nodes one match may stand for.
const MaxMatches = 10_000

// Events returns the state of every node of the fabric, with its edges to the
// topology as the view shows it. The events have no time. Joins that match too
// many nodes are left out and reported.
//
// A node of the topology has its own owner, so that a join to one is layer2
// alone, whatever the arrow; a node of the fabric may be owned by one.
func (n *Network) Events(v *graph.View) (events []entity.Event, problems []error) {
	relations := make(map[string][]entity.Relationship, len(n.order))
	for _, l := range n.links {
		attrs := l.attrs
		if !attrs.Has(entity.KeyType) {
			attrs = attrs.With(entity.KeyType, entity.String(LinkType))
		}
		// The fabric's node always speaks: of what is below it by name of the edge,
		// of what is above it as a member.
		emitter, other, owns, layer2 := &l.parent, &l.child, entity.Ownership, entity.Layer2
		if l.parent.IsMatch() {
			emitter, other, owns, layer2 = &l.child, &l.parent, entity.RelPartOf, entity.RelMemberOf
		}
		targets := []entity.Ref{Ref(other.Name)}
		if other.IsMatch() {
			var err error
			if targets, err = Match(v, other); err != nil {
				problems = append(problems, err)
				continue
			}
		}
		for _, target := range targets {
			if l.owned && !l.child.IsMatch() {
				relations[emitter.Name] = append(relations[emitter.Name], entity.Relationship{Type: owns, Target: target})
			}
			relations[emitter.Name] = append(relations[emitter.Name], entity.Relationship{Type: layer2, Target: target, Attributes: attrs})
		}
	}
	for _, name := range n.order {
		attrs := n.nodes[name]
		for _, def := range []entity.Attr{
			entity.A(entity.KeyName, entity.String(name)),
			entity.A(entity.KeyType, entity.String(DefaultType)),
			entity.A(keyProbe, entity.String(Source)),
		} {
			if !attrs.Has(def.Key) {
				attrs = attrs.With(def.Key, def.Value)
			}
		}
		events = append(events, entity.Event{Ref: Ref(name), Source: Source, Attributes: attrs, Relationships: relations[name]})
	}
	return events, problems
}

// Match returns what a term of the topology stands for in a view, in the order
// of the node IDs. Nodes of the fabric never match.
func Match(v *graph.View, t *Term) ([]entity.Ref, error) {
	found := make(map[int32]*graph.Node)
	add := func(n *graph.Node) bool {
		if v.NodeState(n).Ref.Type != TypeNode {
			found[n.Slot] = n
		}
		return len(found) <= MaxMatches
	}
search:
	for n := range candidates(v, t.Attrs) {
		switch {
		case !has(n, t.Attrs):
		case t.Below == "":
			if !add(n) {
				break search
			}
		default:
			for e := range v.Out(n.Slot) {
				child := v.NodeAt(e.ChildSlot)
				if e.RelationType == entity.Ownership && child.Attrs.Get(entity.KeyName).Text() == t.Below && !add(child) {
					break search
				}
			}
		}
	}
	if len(found) > MaxMatches {
		s := Statement{Parent: *t}
		return nil, fmt.Errorf("%s matches more than %d nodes; say more of what they have", s.String(), MaxMatches)
	}
	nodes := make([]*graph.Node, 0, len(found))
	for _, n := range found {
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *graph.Node) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	out := make([]entity.Ref, len(nodes))
	for i, n := range nodes {
		out[i] = v.NodeState(n).Ref
	}
	return out, nil
}

// candidates yields nodes among which are all that have the attributes, by the
// index where it can tell.
func candidates(v *graph.View, attrs entity.Attrs) iter.Seq[*graph.Node] {
	best, least := v.Nodes(), v.NodeCount()
	for _, a := range attrs {
		// A value matches by its text: as a string and as what it looks like.
		seq, n := v.NodesWith(a.Key, a.Value)
		if n >= 0 && a.Value.Kind() != entity.KindString {
			texts, m := v.NodesWith(a.Key, entity.String(a.Value.Text()))
			if n += m; m < 0 {
				n = -1
			}
			seq = both(seq, texts)
		} else if s := scalar(a.Value.Str()); n >= 0 && s.Kind() != entity.KindString {
			typed, m := v.NodesWith(a.Key, s)
			if n += m; m < 0 {
				n = -1
			}
			seq = both(seq, typed)
		}
		if n >= 0 && n < least {
			best, least = seq, n
		}
	}
	return best
}

func both(a, b iter.Seq[*graph.Node]) iter.Seq[*graph.Node] {
	return func(yield func(*graph.Node) bool) {
		for _, seq := range []iter.Seq[*graph.Node]{a, b} {
			for n := range seq {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// has tells whether a node has all attributes: the same text, alone or in a
// list.
func has(n *graph.Node, attrs entity.Attrs) bool {
	for _, a := range attrs {
		want, ok := a.Value.Text(), false
		n.Lookup(a.Key, func(v entity.Value) bool {
			ok = v.IsScalar() && v.Text() == want
			for _, e := range v.List() {
				ok = ok || e.IsScalar() && e.Text() == want
			}
			return !ok
		})
		if !ok {
			return false
		}
	}
	return true
}
