package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// key names one facet.
type key struct {
	id     entity.UUID
	source string
}

// desired is what the definitions ask for on one view.
type desired struct {
	view *graph.View
	lim  limits
	// facets are the events, without time, that would make it so.
	facets map[key]*entity.Event
	// keep are the sources of which nothing may be taken away, because what they
	// ask for is not known.
	keep map[string]bool
	// sources are those of all definitions that there are.
	sources map[string]bool
	// status is of each definition, by kind and ID.
	status map[string]Status

	anchors map[string]bool // by Origin: whether somebody else speaks of the node
	refs    map[int32]entity.Ref
	seed    maphash.Seed
	buf     []byte
}

// limits bound what the definitions may ask for.
type limits struct {
	query               gremlin.Limits
	nodes, edges, total int
}

func newDesired(v *graph.View, lim limits, seed maphash.Seed) *desired {
	return &desired{
		view: v, lim: lim, seed: seed, facets: make(map[key]*entity.Event), keep: make(map[string]bool), sources: make(map[string]bool),
		status: make(map[string]Status), anchors: make(map[string]bool), refs: make(map[int32]entity.Ref),
	}
}

// build works out what all definitions ask for. Nodes that are made come first:
// rules may match them.
func (d *desired) build(ctx context.Context, defs *definitions) {
	d.fabrics(defs.fabrics)
	for _, def := range defs.nodes {
		if r, ok := def.Spec.(*NodeRule); ok && r.Action == ActionCreate {
			d.rule(def, func(s *Status) error {
				s.Matched = 1
				return d.add(Ref(def.ID), Source(def.ID), r.Metadata, nil)
			})
		}
	}
	for _, def := range defs.nodes {
		if r, ok := def.Spec.(*NodeRule); !ok || r.Action != ActionCreate {
			d.rule(def, func(s *Status) error { return d.update(ctx, def, r, s) })
		}
	}
	for _, def := range defs.edges {
		r, _ := def.Spec.(*EdgeRule)
		d.rule(def, func(s *Status) error { return d.join(ctx, def, r, s) })
	}
}

// rule works out one rule and notes how that went. After an error nothing that
// the rule did before is undone.
func (d *desired) rule(def *definition.Definition, apply func(*Status) error) {
	source := Source(def.ID)
	d.sources[source] = true
	s := Status{State: StateApplied}
	var err error
	if def.Spec == nil {
		err = errors.New(def.Problem)
	} else {
		err = apply(&s)
	}
	if err != nil {
		s.State, s.Error = StateFailed, err.Error()
		d.keep[source] = true
	}
	d.status[statusKey(def)] = s
}

// fabrics works out all fabrics together: equal names are one node.
func (d *desired) fabrics(defs []*definition.Definition) {
	network := fabric.NewNetwork()
	if len(defs) > 0 {
		d.sources[fabric.Source] = true
	}
	for _, def := range defs {
		s := Status{State: StateApplied}
		if spec, ok := def.Spec.(*fabric.Spec); ok {
			before := network.Nodes()
			mistakes := network.Add(spec.Lines)
			s.Matched = network.Nodes() - before
			if len(mistakes) > 0 {
				s.State = StateFailed
				s.Error = mistakes[0].Error()
				if len(mistakes) > 1 {
					s.Error += fmt.Sprintf(" (and %d more)", len(mistakes)-1)
				}
			}
		} else {
			s.State, s.Error = StateFailed, def.Problem
			d.keep[fabric.Source] = true
		}
		d.status[statusKey(def)] = s
	}
	events, problems := network.Events(d.view)
	for i := range events {
		e := &events[i]
		if err := d.add(e.Ref, e.Source, e.Attributes, e.Relationships); err != nil {
			problems = append(problems, err)
			d.keep[fabric.Source] = true
		}
	}
	if len(problems) == 0 {
		return
	}
	// Which fabric a link is of is not known any more: tell all that have any.
	for _, def := range defs {
		s := d.status[statusKey(def)]
		if s.Error == "" {
			s.State, s.Error = StateFailed, problems[0].Error()
			d.status[statusKey(def)] = s
		}
	}
}

// add asks for a facet, or for more of one that is asked for.
func (d *desired) add(ref entity.Ref, source string, attrs entity.Attrs, relations []entity.Relationship) error {
	k := key{ref.UUID(), source}
	e := d.facets[k]
	if e == nil {
		if len(d.facets) >= d.lim.total {
			return fmt.Errorf("all rules together speak of more than %d nodes; narrow their queries", d.lim.total)
		}
		e = &entity.Event{Ref: ref, Source: source}
		d.facets[k] = e
	}
	if len(attrs) > 0 {
		e.Attributes = append(append(entity.Attrs{}, e.Attributes...), attrs...).Normalize()
	}
	if len(e.Relationships) == 0 {
		e.Relationships = relations
	} else {
		e.Relationships = slices.Concat(e.Relationships, relations)
	}
	if err := e.Validate(); err != nil {
		delete(d.facets, k)
		return fmt.Errorf("describe a node: %w", err)
	}
	return nil
}

// update adds metadata to the nodes of a query.
func (d *desired) update(ctx context.Context, def *definition.Definition, r *NodeRule, s *Status) error {
	slots, err := d.find(ctx, r.Query)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	s.Matched = len(slots)
	for _, slot := range slots {
		if err := d.add(d.ref(slot), Source(def.ID), r.Metadata, nil); err != nil {
			return err
		}
	}
	return nil
}

// join makes edges between the nodes of two queries.
func (d *desired) join(ctx context.Context, def *definition.Definition, r *EdgeRule, s *Status) error {
	parents, err := d.find(ctx, r.Source)
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	children, err := d.find(ctx, r.Destination)
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	s.Matched, s.Destinations = len(parents), len(children)
	if n := len(parents) * len(children); n > d.lim.edges {
		return fmt.Errorf("%d nodes joined to %d are %d edges, more than %d; narrow the queries", len(parents), len(children), n, d.lim.edges)
	}
	attrs := r.attributes()
	all := make([]entity.Relationship, len(children))
	for i, slot := range children {
		all[i] = entity.Relationship{Type: r.Metadata.Get(entity.KeyRelationType).Str(), Target: d.ref(slot), Attributes: attrs}
	}
	for _, slot := range parents {
		relations := all
		if i := slices.Index(children, slot); i >= 0 { // a node is not joined to itself
			relations = slices.Concat(all[:i], all[i+1:])
		}
		if len(relations) == 0 {
			continue
		}
		s.Edges += len(relations)
		if err := d.add(d.ref(slot), Source(def.ID), nil, relations); err != nil {
			return err
		}
	}
	return nil
}

// find returns the nodes that a query finds and that somebody else speaks of,
// each once, in the order of their IDs.
func (d *desired) find(ctx context.Context, text string) ([]int32, error) {
	q, err := gremlin.Parse(text)
	if err != nil {
		return nil, err
	}
	result, err := q.Run(ctx, d.view, d.lim.query)
	if err != nil {
		return nil, err
	}
	seen := make(map[int32]bool)
	var nodes []*graph.Node
	for n := range result.Nodes() {
		if seen[n.Slot] {
			continue
		}
		seen[n.Slot] = true
		if !d.anchored(n) {
			continue
		}
		if len(nodes) >= d.lim.nodes {
			return nil, fmt.Errorf("it finds more than %d nodes; narrow it with Has", d.lim.nodes)
		}
		nodes = append(nodes, n)
	}
	slices.SortFunc(nodes, func(a, b *graph.Node) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	slots := make([]int32, len(nodes))
	for i, n := range nodes {
		slots[i] = n.Slot
	}
	return slots, nil
}

func (d *desired) ref(slot int32) entity.Ref {
	if r, ok := d.refs[slot]; ok {
		return r
	}
	r := d.view.NodeState(d.view.NodeAt(slot)).Ref
	d.refs[slot] = r
	return r
}

// anchored tells whether a node would be there without what rules add to it.
// Otherwise a rule would keep alive what it matches, for ever.
func (d *desired) anchored(n *graph.Node) bool {
	others, known := d.anchors[n.Origin]
	if !known {
		for source := range strings.SplitSeq(n.Origin, ",") {
			others = others || !ours(source)
		}
		if len(d.anchors) < 1<<16 {
			d.anchors[n.Origin] = others
		}
	}
	if others {
		return true
	}
	ref := d.ref(n.Slot)
	source := owner(ref)
	return source != "" && (d.facets[key{n.ID, source}] != nil || d.keep[source])
}

// owner is the source that made a node of the rules' or the fabric's own, ""
// for other nodes.
func owner(ref entity.Ref) string {
	switch ref.Type {
	case fabric.TypeNode:
		return fabric.Source
	case TypeNode:
		return Source(ref.ID.Get(IDRule))
	}
	return ""
}

// ours tells whether a source is a rule or the fabric.
func ours(source string) bool {
	return source == fabric.Source || strings.HasPrefix(source, SourcePrefix)
}
