// Package join holds the rows of the table of joins: what makes an edge between
// two entities that no source could connect, or unifies two that are the same
// thing seen by two sources.
//
// The package is pure: it tells what a row says and which keys an entity has
// under it. The graph keeps the index and applies the rows. It must never look
// at more than one entity at a time.
package join

import (
	"maps"
	"slices"
)

// Kinds of rows.
const (
	// Same has one node for both entities.
	Same = "same"
	// Edge has an edge between the nodes of both.
	Edge = "edge"
)

// Row is one join: entities of the side From whose keys equal those of entities
// of the side To. An entity never joins itself. It is immutable.
type Row struct {
	// Name is unique in the table: 1 to 64 letters, digits, '-', '_' and '.'.
	Name        string `json:"name,omitempty"`
	Description string `json:"description,omitempty"`
	Kind        string `json:"kind"`
	// Priority orders rows of the kind Same: for an entity of the side To, the
	// first row by priority, then by name, that finds exactly one partner counts.
	Priority int `json:"priority,omitempty"`
	// From is the parent of the edge, or the entity whose node stays; To is the
	// child, or the entity that joins that node.
	From Side `json:"from"`
	To   Side `json:"to"`
	// Relation and Attributes describe the edge; of the kind Edge only.
	Relation   string            `json:"relation,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Symmetric tells that both sides are the same set, and that a pair makes one
	// edge, from the smaller ID to the larger; of the kind Edge only.
	Symmetric bool `json:"symmetric,omitempty"`
	// Prefer lists the attributes that the node takes from the entity that joined
	// it, where both have them; of the kind Same only.
	Prefer []string `json:"prefer,omitempty"`
}

// Side says which entities a row looks at, and by which keys.
type Side struct {
	// Entity is the entity type.
	Entity string `json:"entity"`
	// Where has all to hold.
	Where []Condition `json:"where,omitempty"`
	// Key are expressions whose values in turn have to equal those of the other
	// side, as text: as many as there, and none may be missing or empty. Of a list
	// each element is a value. An expression is a dotted path to an attribute,
	// "@Host" (the host.id of the identity), "id(k)" (an identifying attribute),
	// "ip(path)", an address without its prefix length, or "lower(path)", a text
	// in lower case.
	Key []string `json:"key"`
}

// Condition holds when one of the values of an expression is In the list, and
// none is in NotIn; with neither, when there is a value at all. Absent turns that
// around: it holds when there is no value.
type Condition struct {
	Key   string   `json:"key"`
	In    []string `json:"in,omitempty"`
	NotIn []string `json:"not_in,omitempty" yaml:"not_in"`
	// Absent stands alone.
	Absent bool `json:"absent,omitempty"`
}

// Equal reports whether two rows are the same in all that they say.
func (r *Row) Equal(o *Row) bool {
	return r.Name == o.Name && r.Description == o.Description && r.Kind == o.Kind && r.Priority == o.Priority &&
		r.From.equal(&o.From) && r.To.equal(&o.To) && r.Relation == o.Relation && maps.Equal(r.Attributes, o.Attributes) &&
		r.Symmetric == o.Symmetric && slices.Equal(r.Prefer, o.Prefer)
}

func (s *Side) equal(o *Side) bool {
	return s.Entity == o.Entity && slices.EqualFunc(s.Where, o.Where, Condition.equal) && slices.Equal(s.Key, o.Key)
}

func (c Condition) equal(o Condition) bool {
	return c.Key == o.Key && slices.Equal(c.In, o.In) && slices.Equal(c.NotIn, o.NotIn) && c.Absent == o.Absent
}
