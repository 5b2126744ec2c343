package alert

import (
	"iter"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Subjects yields what a result of the rule's query holds. Things that are there
// twice come twice, with the same key.
func (c *Compiled) Subjects(r *gremlin.Result) iter.Seq[*Subject] {
	return func(yield func(*Subject) bool) {
		switch r.Kind() {
		case gremlin.KindNodes, gremlin.KindEdges, gremlin.KindGraph:
			elements(r, yield)
		case gremlin.KindPaths:
			paths(r, yield)
		case gremlin.KindFlows:
			for f := range r.Flows() {
				if !yield(flowSubject(f)) {
					return
				}
			}
		case gremlin.KindGroups:
			for g := range r.EachGroup() {
				if !yield(groupSubject(r, &g)) {
					return
				}
			}
		default:
			for v := range r.Values() {
				if !yield(c.valueSubject(v)) {
					return
				}
			}
		}
	}
}

// Keys yields the IDs of the elements of a result of [Compiled.WasQuery].
func Keys(r *gremlin.Result) iter.Seq[entity.UUID] {
	return func(yield func(entity.UUID) bool) {
		v := r.View()
		for slot := range r.NodeSlots() {
			if !yield(v.NodeID(slot)) {
				return
			}
		}
		for slot := range r.EdgeSlots() {
			if !yield(v.EdgeID(slot)) {
				return
			}
		}
	}
}

func elements(r *gremlin.Result, yield func(*Subject) bool) {
	for n := range r.Nodes() {
		if !yield(NodeSubject(n)) {
			return
		}
	}
	for e := range r.Edges() {
		if !yield(EdgeSubject(e, r.View())) {
			return
		}
	}
}

func paths(r *gremlin.Result, yield func(*Subject) bool) {
	for path := range r.Paths() {
		if len(path) == 0 {
			continue
		}
		ids, names := make([]string, len(path)), make([]string, len(path))
		for i, n := range path {
			ids[i], names[i] = n.ID.String(), nameOf(n)
		}
		s := &Subject{Key: strings.Join(ids, " "), Kind: OfPath, Value: entity.Strings(names...), Parent: path[0], Child: path[len(path)-1]}
		if !yield(s) {
			return
		}
	}
}

func flowSubject(f *flowrecord.Record) *Subject {
	return &Subject{Key: f.ID.String(), Kind: OfFlow, Flow: f}
}

// valueSubject makes the subject of a value. Which row a map is, is told by all
// of it but the fields that may change and those whose label the rule removes.
func (c *Compiled) valueSubject(v entity.Value) *Subject {
	switch {
	case c.kind == OfMeasure:
		return &Subject{Kind: OfMeasure, Value: v}
	case v.Kind() != entity.KindMap:
		return &Subject{Key: v.Text(), Kind: OfValue, Value: v}
	}
	own := make(entity.Attrs, 0, len(v.Map()))
	for _, a := range v.Map() {
		if !c.ignored[a.Key] && !c.dropped[sanitize(a.Key)] {
			own = append(own, a)
		}
	}
	return &Subject{Key: string(own.AppendJSON(nil)), Kind: OfRow, Value: v}
}

func groupSubject(r *gremlin.Result, g *gremlin.Group) *Subject {
	s := &Subject{Key: g.Name, Kind: OfGroup, Value: g.Value}
	add := func(m *Subject) {
		if s.Size++; len(s.Members) < MaxMembers {
			s.Members = append(s.Members, m)
		}
	}
	v := r.View()
	switch g.Kind {
	case gremlin.KindNodes, gremlin.KindEdges:
		s.Size = len(g.Slots)
		for _, slot := range g.Slots[:min(len(g.Slots), MaxMembers)] {
			if g.Kind == gremlin.KindEdges {
				s.Members = append(s.Members, EdgeSubject(v.EdgeAt(slot), v))
			} else {
				s.Members = append(s.Members, NodeSubject(v.NodeAt(slot)))
			}
		}
	case gremlin.KindFlows:
		for _, f := range g.Flows {
			add(flowSubject(f))
		}
	default:
		for _, x := range g.Value.List() {
			add(&Subject{Key: x.Text(), Kind: OfValue, Value: x})
		}
		if g.Value.IsNumber() {
			s.Size = int(g.Value.Float())
		}
	}
	return s
}

// nameOf is what people call a node: its name, else its type and ID.
func nameOf(n *graph.Node) string {
	if n == nil {
		return ""
	}
	if name := text(n.Attrs.Get(entity.KeyName)); name != "" {
		return name
	}
	return strings.TrimSpace(text(n.Attrs.Get(entity.KeyType)) + " " + n.ID.String())
}
