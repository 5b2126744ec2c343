package graph

import (
	"context"
	"math"
	"strings"
	"sync"

	"github.com/skein-net/skein/internal/entity"
)

// maxLazyKeys is for how many keys a built view keeps an index.
const maxLazyKeys = 64

// lazyIndex is the index of a built view: one part for each key, made when the
// key is asked for. It gives the answers of [index].
type lazyIndex struct {
	mu   sync.Mutex
	keys map[string]*keyIndex
	// ordered are made when they are asked for, too.
	ordered map[orderedName]*lazyOrdered
}

type lazyOrdered struct {
	once sync.Once
	name orderedName
	orderedIndex
}

// keyIndex finds the nodes by the values of one key.
type keyIndex struct {
	once sync.Once
	// covers is false when the index cannot tell.
	covers  bool
	strings map[string]int32
	others  map[scalar]int32
	// lists of the values are one after the other; that of value i is
	// slots[starts[i]:starts[i+1]].
	starts, slots []int32
	// having are the nodes that have the key.
	having []int32
}

// scalar is a value that is no string. Numbers that compare equal are equal.
type scalar struct {
	kind entity.Kind
	bits uint64
}

// nodeSet is [View.NodeSet] for a built view.
func (x *lazyIndex) nodeSet(v *View, key string, value entity.Value) (Slots, bool) {
	if !indexable(value) || strings.HasPrefix(key, "@") || isCounter(key) {
		return Slots{}, false
	}
	k := x.key(key)
	k.once.Do(func() { k.fill(v, key) })
	if !k.covers {
		return v.nodesAt(key, value)
	}
	id, ok := k.find(value)
	if !ok {
		return Slots{}, true
	}
	return Slots{setOf(k.slots[k.starts[id]:k.starts[id+1]])}, true
}

// nodesHaving is [View.NodesHaving] for a built view.
func (x *lazyIndex) nodesHaving(v *View, key string) (Slots, bool) {
	if strings.HasPrefix(key, "@") || isCounter(key) {
		return Slots{}, false
	}
	k := x.key(key)
	k.once.Do(func() { k.fill(v, key) })
	if !k.covers {
		return Slots{}, false
	}
	return Slots{setOf(k.having)}, true
}

// key returns the part of a key. When there are too many, one of the others is
// given up.
func (x *lazyIndex) key(key string) *keyIndex {
	x.mu.Lock()
	defer x.mu.Unlock()
	k := x.keys[key]
	if k != nil {
		return k
	}
	if len(x.keys) >= maxLazyKeys {
		for other := range x.keys {
			delete(x.keys, other)
			break
		}
	}
	k = &keyIndex{}
	x.keys[strings.Clone(key)] = k
	return k
}

// orderedBy returns the ordered index with a name.
func (x *lazyIndex) orderedBy(v *View, name orderedName) *orderedIndex {
	x.mu.Lock()
	o := x.ordered[name]
	if o == nil {
		if len(x.ordered) >= maxOrdered {
			for other := range x.ordered {
				delete(x.ordered, other)
				break
			}
		}
		if x.ordered == nil {
			x.ordered = make(map[orderedName]*lazyOrdered)
		}
		name.key = strings.Clone(name.key)
		o = &lazyOrdered{name: name}
		x.ordered[name] = o
	}
	x.mu.Unlock()
	o.once.Do(func() { o.orderedIndex, _ = v.order(context.Background(), o.name) })
	return &o.orderedIndex
}

// fill reads the values of a key from all nodes.
func (k *keyIndex) fill(v *View, key string) {
	var prefixes []string
	for i := range len(key) {
		if key[i] == '.' {
			prefixes = append(prefixes, key[:i])
		}
	}
	k.strings, k.others = make(map[string]int32), make(map[scalar]int32)
	type entry struct{ slot, id int32 }
	var entries []entry
	var counts []int32
	covers, slot := true, int32(0)
	enter := func(t entity.Value) {
		switch t.Kind() {
		case entity.KindNone: // a string too long
			covers = false
			return
		case entity.KindMap:
			return
		}
		id := k.number(t, int32(len(counts)))
		if int(id) == len(counts) {
			counts = append(counts, 0)
		}
		counts[id]++
		entries = append(entries, entry{slot, id})
	}
	for slot = range v.NodeList() {
		for _, p := range prefixes {
			covers = covers && !leadsOn(v.NodeAttr(slot, p))
		}
		have := v.NodeAttr(slot, key)
		if have.IsZero() {
			continue
		}
		k.having = append(k.having, slot)
		terms(have, enter)
		if !covers {
			break
		}
	}
	if !covers {
		k.strings, k.others, k.having = nil, nil, nil
		return
	}
	// counts becomes where the next slot of each list goes.
	k.starts, k.slots = make([]int32, len(counts)+1), make([]int32, len(entries))
	next := int32(0)
	for i, n := range counts {
		k.starts[i], counts[i] = next, next
		next += n
	}
	k.starts[len(counts)] = next
	for _, e := range entries {
		k.slots[counts[e.id]] = e.slot
		counts[e.id]++
	}
	k.covers = true
}

// number returns the number of a value; a new one gets next.
func (k *keyIndex) number(v entity.Value, next int32) int32 {
	if id, ok := k.find(v); ok {
		return id
	}
	if v.Kind() == entity.KindString {
		k.strings[v.Str()] = next
	} else {
		k.others[scalarOf(v)] = next
	}
	return next
}

func (k *keyIndex) find(v entity.Value) (id int32, ok bool) {
	if v.Kind() == entity.KindString {
		id, ok = k.strings[v.Str()]
	} else {
		id, ok = k.others[scalarOf(v)]
	}
	return id, ok
}

func scalarOf(v entity.Value) scalar {
	if f := v.Float(); v.Kind() == entity.KindFloat && f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
		return scalar{entity.KindInt, uint64(int64(f))}
	}
	return scalar{v.Kind(), v.Bits()}
}

// leadsOn tells whether dotted paths may lead into a value.
func leadsOn(v entity.Value) bool {
	deep := false
	if v.Kind() == entity.KindMap || v.Kind() == entity.KindList {
		terms(v, func(t entity.Value) { deep = deep || t.Kind() == entity.KindMap })
	}
	return deep
}

// isCounter tells whether a key names counters, which are not indexed.
func isCounter(key string) bool {
	for _, c := range [...]string{keyMetric, keyLastMetric} {
		if rest, ok := strings.CutPrefix(key, c); ok && (rest == "" || rest[0] == '.') {
			return true
		}
	}
	return false
}
