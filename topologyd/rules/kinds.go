package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Kinds of definitions that the package applies.
const (
	KindNodeRule = "node-rule"
	KindEdgeRule = "edge-rule"
	KindFabric   = "fabric"
)

// Kinds returns the kinds for a [definition.Store].
func Kinds() []definition.Kind {
	return []definition.Kind{
		{Name: KindNodeRule, New: func() definition.Spec { return new(NodeRule) }},
		{Name: KindEdgeRule, New: func() definition.Spec { return new(EdgeRule) }},
		{Name: KindFabric, New: func() definition.Spec { return new(fabric.Spec) }},
	}
}

// ConfiguredID is the ID of the fabric that the configuration holds.
const ConfiguredID = "configuration"

// Configured returns the fabric of the daemon's configuration as a definition
// that cannot be changed. Its lines may be malformed.
func Configured(lines []string) *definition.Definition {
	return &definition.Definition{
		Kind: KindFabric, ID: ConfiguredID, Name: ConfiguredID, Description: "the setting fabric of the daemon",
		Spec: &fabric.Spec{Lines: lines},
	}
}

// Vocabulary of what rules make.
const (
	// SourcePrefix begins the source of every rule, its ID ends it.
	SourcePrefix = entity.SourceRulePrefix
	// TypeNode is the entity type of a node that a rule made, IDRule its one
	// identifying attribute.
	TypeNode = "rule"
	IDRule   = "rule.id"
)

// Source is the facet that a rule speaks as.
func Source(id string) string { return SourcePrefix + id }

// Ref names the node that a node rule of action create makes.
func Ref(id string) entity.Ref { return entity.Ref{Type: TypeNode, ID: entity.NewIdentity(IDRule, id)} }

// Actions of a node rule.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
)

// NodeRule makes a node, or adds metadata to the nodes that a query finds.
type NodeRule struct {
	Action string `json:"action"`
	// Query finds the nodes that are updated.
	Query string `json:"query,omitempty"`
	// Metadata is what the node has, or is given.
	Metadata entity.Attrs `json:"metadata"`
}

// Validate implements [definition.Spec].
func (r *NodeRule) Validate() error {
	if err := checkMetadata(r.Metadata); err != nil {
		return err
	}
	switch r.Action {
	case ActionCreate:
		if r.Query != "" {
			return errors.New("a rule that creates a node has no query; leave it out, or set action to update")
		}
		for _, key := range []string{entity.KeyName, entity.KeyType} {
			if r.Metadata.Get(key).Str() == "" {
				return fmt.Errorf(`metadata has no %s; a node needs a Name and a Type, for example {"Name":"internet","Type":"cloud"}`, key)
			}
		}
	case ActionUpdate:
		for _, key := range []string{entity.KeyName, entity.KeyType} {
			if r.Metadata.Has(key) {
				return fmt.Errorf("a rule cannot change the %s of a node, which belongs to who reports it; use another key", key)
			}
		}
		if len(r.Metadata) == 0 {
			return errors.New(`there is no metadata to add; give for example {"Owner":"netops"}`)
		}
		if _, err := parse(r.Query); err != nil {
			return fmt.Errorf("query: %w", err)
		}
	default:
		return fmt.Errorf("action %q is not known; use %s or %s", r.Action, ActionCreate, ActionUpdate)
	}
	return nil
}

// EdgeRule joins every node of one query to every node of another.
type EdgeRule struct {
	// Source and Destination find the parents and the children of the edges.
	Source      string `json:"source"`
	Destination string `json:"destination"`
	// Metadata describes the edges; RelationType is one of its keys.
	Metadata entity.Attrs `json:"metadata"`
}

// Validate implements [definition.Spec].
func (r *EdgeRule) Validate() error {
	for _, q := range []struct{ what, text string }{{"source", r.Source}, {"destination", r.Destination}} {
		if _, err := parse(q.text); err != nil {
			return fmt.Errorf("%s: %w", q.what, err)
		}
	}
	relation := r.Metadata.Get(entity.KeyRelationType).Str()
	switch relation {
	case "":
		return errors.New(`metadata has no RelationType; give for example {"RelationType":"layer2"}`)
	case entity.RelPartOf, entity.RelMemberOf, entity.RelFunctionOf, entity.RelPeerOf:
		return fmt.Errorf("RelationType %s is a relationship of reports, not of edges; use %s, %s, %s or a word of your own", relation, entity.Ownership, entity.Layer2, entity.VF)
	}
	if err := entity.ValidKey(relation); err != nil {
		return fmt.Errorf("RelationType %q cannot be used", relation)
	}
	return checkMetadata(r.attributes())
}

// attributes are the metadata without the relation type.
func (r *EdgeRule) attributes() entity.Attrs {
	out := make(entity.Attrs, 0, len(r.Metadata))
	for _, a := range r.Metadata {
		if a.Key != entity.KeyRelationType {
			out = append(out, a)
		}
	}
	return out
}

// checkMetadata refuses what no event can carry and what the graph keeps
// itself.
func checkMetadata(a entity.Attrs) error {
	for _, x := range a {
		if err := fabric.CheckKey(x.Key); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		if x.Key == entity.KeyRelationType {
			return errors.New("metadata: RelationType is for edges; choose another key")
		}
	}
	sample := entity.Event{Ref: Ref("x"), Source: Source("x"), Time: time.Unix(1, 0), Attributes: a}
	if err := sample.Validate(); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	return nil
}

// parse reads a query that must give nodes of the current graph.
func parse(text string) (*gremlin.Query, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("there is no query; give for example G.V().Has('Type','host')")
	}
	q, err := gremlin.Parse(text)
	if err != nil {
		return nil, err
	}
	if q.Kind() != gremlin.KindNodes {
		return nil, fmt.Errorf("it gives %s; a rule needs nodes, for example G.V().Has('Type','host')", q.Kind())
	}
	// What only shows when it runs, such as a step into the past, shows here.
	if _, err := q.Run(context.Background(), graph.New(graph.DefaultConfig()).View(), gremlin.DefaultLimits()); err != nil {
		return nil, err
	}
	return q, nil
}
