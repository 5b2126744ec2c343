package diff

import (
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// Key is one key whose value changed.
type Key struct {
	// Key is the attribute's name; inside a map the names from the outside in,
	// joined by dots. Lists are values as a whole. Fields of the element are
	// named as in queries (@Origin).
	Key string
	// Path are the names that Key joins, nil when it is only one.
	Path []string
	// Old and New are the values; the zero value means that there was none.
	Old, New entity.Value
}

// Nodes returns the keys that differ between two states of a node.
func Nodes(old, now *graph.Node, sel Selection) []Key {
	k := keys{sel: sel}
	k.field(graph.FieldCreatedAt, entity.Int(old.CreatedAt), entity.Int(now.CreatedAt))
	k.text(graph.FieldHost, old.Host, now.Host)
	k.text(graph.FieldOrigin, old.Origin, now.Origin)
	k.field(graph.FieldRevision, entity.Uint(old.Revision), entity.Uint(now.Revision))
	k.field(graph.FieldUpdatedAt, entity.Int(old.UpdatedAt), entity.Int(now.UpdatedAt))
	k.attrs(nil, old.Attrs, now.Attrs)
	return k.out
}

// Edges returns the keys that differ between two states of an edge.
func Edges(old, now *graph.Edge, sel Selection) []Key {
	k := keys{sel: sel}
	k.field(graph.FieldCreatedAt, entity.Int(old.CreatedAt), entity.Int(now.CreatedAt))
	k.text(graph.FieldHost, old.Host, now.Host)
	k.text(graph.FieldOrigin, old.Origin, now.Origin)
	k.field(graph.FieldRevision, entity.Uint(old.Revision), entity.Uint(now.Revision))
	k.field(graph.FieldUpdatedAt, entity.Int(old.UpdatedAt), entity.Int(now.UpdatedAt))
	k.text(entity.KeyRelationType, old.RelationType, now.RelationType)
	k.attrs(nil, old.Attrs, now.Attrs)
	return k.out
}

// Values returns what differs between two values of one key: the keys inside
// when both are maps, else the key itself; nothing when they are equal.
func Values(key string, old, now entity.Value) []Key {
	var k keys
	k.value(nil, key, old, now)
	return k.out
}

// keys collects the keys of one element.
type keys struct {
	sel Selection
	out []Key
}

// field compares a field that counts only when it is asked for.
func (k *keys) field(name string, old, now entity.Value) {
	if k.sel.names(name) && !old.Equal(now) {
		k.out = append(k.out, Key{Key: name, Old: old, New: now})
	}
}

func (k *keys) text(name, old, now string) {
	if old == now || !k.sel.covers(name) {
		return
	}
	value := func(s string) entity.Value {
		if s == "" {
			return entity.Value{}
		}
		return entity.String(s)
	}
	k.out = append(k.out, Key{Key: name, Old: value(old), New: value(now)})
}

// attrs compares two sets of attributes, both sorted by key.
func (k *keys) attrs(path []string, old, now entity.Attrs) {
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].Key < now[0].Key:
			k.value(path, old[0].Key, old[0].Value, entity.Value{})
			old = old[1:]
		case len(old) == 0 || now[0].Key < old[0].Key:
			k.value(path, now[0].Key, entity.Value{}, now[0].Value)
			now = now[1:]
		default:
			k.value(path, now[0].Key, old[0].Value, now[0].Value)
			old, now = old[1:], now[1:]
		}
	}
}

// value compares two values of one key. Maps on both sides are compared key by
// key.
func (k *keys) value(path []string, key string, old, now entity.Value) {
	if old.Equal(now) {
		return
	}
	if old.Kind() == entity.KindMap && now.Kind() == entity.KindMap {
		k.attrs(append(slices.Clip(path), key), old.Map(), now.Map())
		return
	}
	x := Key{Key: key, Old: old, New: now}
	if len(path) > 0 {
		x.Path = append(slices.Clip(path), key)
		x.Key = strings.Join(x.Path, ".")
	}
	switch {
	case k.sel.covers(x.Key):
		k.out = append(k.out, x)
	case k.sel.reaches(x.Key): // a map that came or went, of which a part is chosen
		k.attrs(append(slices.Clip(path), key), old.Map(), now.Map())
	}
}
