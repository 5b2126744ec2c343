package follow

import (
	"math"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// index finds, for a start element, the queries that may want it.
type index struct {
	edges bool
	keys  map[string]*keyIndex
	ids   map[entity.UUID]*[]*Followed
	// rest are queries that ask for nothing that could be looked up.
	rest []*Followed
	// deep tells that keys lead into maps.
	deep bool
}

// keyIndex are the queries that ask for one key.
type keyIndex struct {
	// plain keys name a top-level attribute and nothing else.
	plain bool
	// values are those that ask for a value, any those that ask for something else.
	values map[literal]*[]*Followed
	any    []*Followed
}

// literal is a scalar such that equal values, and hardly any others, have the
// same.
type literal struct {
	kind entity.Kind
	text string
	bits uint64
}

func literalOf(v entity.Value) (literal, bool) {
	switch v.Kind() {
	case entity.KindString:
		return literal{kind: entity.KindString, text: v.Str()}, true
	case entity.KindBool:
		return literal{kind: entity.KindBool, bits: v.Bits()}, true
	case entity.KindInt, entity.KindFloat:
		return literal{kind: entity.KindFloat, bits: math.Float64bits(v.Float() + 0)}, true
	default:
		return literal{}, false
	}
}

// add enters a query under the demand that the fewest elements satisfy.
func (x *index) add(f *Followed, v *graph.View) {
	var best []gremlin.Term
	least := math.MaxInt
	for _, d := range f.reach.Demands() {
		if n := x.cost(d, v); n < least {
			best, least = d, n
		}
	}
	if best == nil {
		x.enter(f, &x.rest)
		return
	}
	for i := range best {
		t := &best[i]
		if t.Key == graph.FieldID {
			for _, value := range t.Values {
				if id, err := entity.ParseUUID(value.Str()); err == nil {
					x.enter(f, slot(&x.ids, id))
				}
			}
			continue
		}
		k := x.keys[t.Key]
		if k == nil {
			if x.keys == nil {
				x.keys = make(map[string]*keyIndex)
			}
			k = &keyIndex{plain: !strings.Contains(t.Key, ".") && (!x.edges || t.Key != entity.KeyRelationType)}
			x.keys[t.Key] = k
			x.deep = x.deep || strings.Contains(t.Key, ".")
		}
		if t.Values == nil {
			x.enter(f, &k.any)
			continue
		}
		for _, value := range t.Values {
			if l, ok := literalOf(value); ok {
				x.enter(f, slot(&k.values, l))
			}
		}
	}
}

func slot[K comparable](m *map[K]*[]*Followed, key K) *[]*Followed {
	if *m == nil {
		*m = make(map[K]*[]*Followed)
	}
	list := (*m)[key]
	if list == nil {
		list = new([]*Followed)
		(*m)[key] = list
	}
	return list
}

func (x *index) enter(f *Followed, list *[]*Followed) {
	*list = append(*list, f)
	f.places = append(f.places, list)
}

// cost estimates how many elements satisfy a demand.
func (x *index) cost(d []gremlin.Term, v *graph.View) int {
	const some, many = 1 << 20, 1 << 30
	n := 0
	for i := range d {
		t := &d[i]
		switch {
		case t.Key == graph.FieldID:
			n++
		case t.Values == nil:
			n += many
		case x.edges && t.Key == entity.KeyRelationType:
			n += 2 * some
		case x.edges:
			n += some
		default:
			for _, value := range t.Values {
				_, count := v.SlotsWith(t.Key, value)
				if count < 0 {
					count = some
				}
				n += count
			}
		}
	}
	return n
}

// tells whether other queries may have wanted an element before it changed.
func (x *index) tells(t *gremlin.Touched) bool {
	if t.Whole || x.deep {
		return true
	}
	for _, key := range t.Keys {
		if x.keys[key] != nil {
			return true
		}
	}
	return false
}

// clean takes out lists that are empty.
func (x *index) clean() {
	for id, list := range x.ids {
		if len(*list) == 0 {
			delete(x.ids, id)
		}
	}
	for key, k := range x.keys {
		for l, list := range k.values {
			if len(*list) == 0 {
				delete(k.values, l)
			}
		}
		if len(k.values) == 0 && len(k.any) == 0 {
			delete(x.keys, key)
		}
	}
}

// element is one state of a node or edge that can be looked up.
type element interface {
	// attr returns a top-level attribute.
	attr(key string) entity.Value
	lookup(path string, yield func(entity.Value) bool)
}

// find calls meet for each query that may want an element; for some more than
// once.
func (x *index) find(id entity.UUID, e element, meet func(*Followed)) {
	each(x.rest, meet)
	if list := x.ids[id]; list != nil {
		each(*list, meet)
	}
	for key, k := range x.keys {
		if k.plain {
			k.find(e.attr(key), meet)
			continue
		}
		e.lookup(key, func(v entity.Value) bool {
			k.find(v, meet)
			return true
		})
	}
}

func (k *keyIndex) find(v entity.Value, meet func(*Followed)) {
	if v.IsZero() {
		return
	}
	each(k.any, meet)
	if len(k.values) == 0 {
		return
	}
	if v.Kind() != entity.KindList {
		k.one(v, meet)
		return
	}
	for _, e := range v.List() {
		k.one(e, meet)
	}
}

func (k *keyIndex) one(v entity.Value, meet func(*Followed)) {
	if l, ok := literalOf(v); ok {
		if list := k.values[l]; list != nil {
			each(*list, meet)
		}
	}
}

func each(list []*Followed, meet func(*Followed)) {
	for _, f := range list {
		meet(f)
	}
}

// current is an element as it is in a view.
type current struct {
	v    *graph.View
	slot int32
	edge bool
}

func (c *current) attr(key string) entity.Value {
	if c.edge {
		return c.v.EdgeAttr(c.slot, key)
	}
	return c.v.NodeAttr(c.slot, key)
}

func (c *current) lookup(path string, yield func(entity.Value) bool) {
	if c.edge {
		c.v.LookupEdge(c.slot, path, yield)
	} else {
		c.v.LookupNode(c.slot, path, yield)
	}
}

// former is an element as it was before a change.
type former struct {
	node *graph.Node
	edge *graph.Edge
}

func (o *former) attr(key string) entity.Value {
	if o.edge != nil {
		return o.edge.Attrs.Get(key)
	}
	return o.node.Attrs.Get(key)
}

func (o *former) lookup(path string, yield func(entity.Value) bool) {
	if o.edge != nil {
		o.edge.Lookup(path, yield)
	} else {
		o.node.Lookup(path, yield)
	}
}
