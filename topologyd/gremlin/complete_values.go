package gremlin

import (
	"cmp"
	"slices"

	"github.com/skein-net/skein/internal/entity"
)

// valueCount is what is known of a value.
type valueCount struct {
	v       entity.Value
	count   int
	last    int // element in which it was seen last
	matches int
}

// tally counts values.
type tally struct {
	c    *completer
	test func(entity.Value) bool
	// texts are strings, others all else as queries write it.
	texts, others map[string]*valueCount
	element       int
	buf           []byte
}

// see counts a value once for each element; of a list, its elements.
func (t *tally) see(v entity.Value) bool {
	if v.Kind() == entity.KindList {
		for _, e := range v.List() {
			if e.Kind() != entity.KindList {
				t.see(e)
			}
		}
		return true
	}
	if !v.IsScalar() || t.test != nil && !t.test(v) {
		return true
	}
	if v.Kind() == entity.KindString {
		if k := t.texts[v.Str()]; k != nil {
			t.again(k)
		} else if k := t.first(v, v.Str()); k != nil {
			t.texts[v.Str()] = k
		}
		return true
	}
	t.buf = appendLiteral(t.buf[:0], v)
	if k := t.others[string(t.buf)]; k != nil {
		t.again(k)
	} else if k := t.first(v, string(t.buf)); k != nil {
		t.others[string(t.buf)] = k
	}
	return true
}

func (t *tally) again(k *valueCount) {
	if k.last != t.element {
		k.last = t.element
		k.count++
	}
}

// first begins to count a value, nil when it does not continue what was typed.
func (t *tally) first(v entity.Value, text string) *valueCount {
	m := t.c.matches(text)
	if m == 0 || len(text) > maxValueText {
		return nil
	}
	if len(t.texts)+len(t.others) == maxDistinct {
		t.c.out.More = true
		return nil
	}
	return &valueCount{v, 1, t.element, m}
}

// all are the values that were seen, the most common first.
func (t *tally) all() []*valueCount {
	out := make([]*valueCount, 0, len(t.texts)+len(t.others))
	for _, k := range t.texts {
		out = append(out, k)
	}
	for _, k := range t.others {
		out = append(out, k)
	}
	slices.SortFunc(out, byCount)
	return out
}

func byCount(a, b *valueCount) int {
	return cmp.Or(cmp.Compare(b.matches, a.matches), cmp.Compare(b.count, a.count), entity.Compare(a.v, b.v))
}

// offerValues offers the values of a key that pass a test.
func (c *completer) offerValues(kind Kind, key string, calls []call, test func(entity.Value) bool) {
	if kind == KindNone {
		kind, calls = KindNodes, everything(KindNodes)
	}
	if kind == KindFlows {
		key = aliasedField(key)
	} else {
		key = aliased(key)
	}
	if kind == KindFlows && !(&compiler{}).flowFields().known(key) || !onFields.has(kind) || c.called {
		return
	}
	most := valueSample
	switch {
	case kind == KindFlows:
		most = keySample
	case c.typed != "":
		most = searchSample
	}
	plain := newTerm(key, predicate{}).plain
	t := &tally{c: c, test: test, texts: make(map[string]*valueCount), others: make(map[string]*valueCount)}
	see := t.see
	indexed := c.look(calls, kind, most, func(e element) {
		t.element++
		if n, ok := e.(aNode); ok && plain {
			see(n.v.NodeAttr(n.slot, key))
			return
		}
		if kind == KindFlows && sides(key) {
			e.Lookup(key+".A", see)
			e.Lookup(key+".B", see)
			return
		}
		e.Lookup(key, see)
	})
	list := t.all()
	if len(list) > c.limit {
		list, c.out.More = list[:c.limit], true
	}
	if indexed && c.out.Sampled {
		for _, k := range list {
			if _, exact := c.view.SlotsWith(key, k.v); exact > 0 {
				k.count = exact
			}
		}
		slices.SortFunc(list, byCount)
	}
	items := make([]Item, 0, len(list))
	for _, k := range list {
		insert := string(appendLiteral(nil, k.v))
		text := insert
		if k.v.Kind() == entity.KindString {
			text, insert = k.v.Str(), c.quoted(k.v.Str())
		}
		items = append(items, Item{Kind: ItemValue, Text: text, Insert: insert, Count: k.count})
	}
	c.offer(items...)
}
