package gremlin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// everything is the query for all elements of a kind, nil for other kinds.
func everything(kind Kind) []call {
	g := call{name: stepG, bare: true}
	switch kind {
	case KindNodes:
		return []call{g, {name: "V"}}
	case KindEdges:
		return []call{g, {name: "E"}}
	case KindFlows:
		return []call{g, {name: "Flows"}}
	default:
		return nil
	}
}

// reach is the query for what the keys and values of a step's arguments are of:
// the steps before it, the step itself when it names keys of what it leads to,
// and the pairs that stand before the place. It leaves out times: the view is of
// the time that is asked about.
func (c *completer) reach(s *call, h help, pairs []arg) []call {
	var calls []call
	for i := range c.steps {
		switch c.steps[i].name {
		case "At", "Context":
		case stepG:
			calls = append(calls[:0], c.steps[i])
		default:
			calls = append(calls, c.steps[i])
		}
	}
	switch {
	case h.takes == takesTarget:
		calls = everything(h.of) // anywhere
	case h.of == KindEdges && c.kind == KindNodes && (h.takes == takesDepth || s.name == "SubGraph"):
		calls = append(calls, call{name: "BothE"}, call{name: "Dedup"})
	case h.of == KindEdges && c.kind == KindPaths:
		return everything(KindEdges)
	case h.of != KindNone && h.takes == takesFilter && s.name != "SubGraph":
		calls = append(calls, call{name: s.name, pos: s.pos})
	}
	if n := len(pairs) &^ 1; n > 0 && s.name != "HasEither" {
		calls = append(calls, call{name: "Has", pos: s.pos, args: pairs[:n]})
	}
	return calls
}

// counted is the query for what the metrics before the place are of.
func (c *completer) counted() []call {
	calls := c.reach(&call{}, help{}, nil)
	for i := range calls {
		if calls[i].name == "Metrics" {
			return calls[:i]
		}
	}
	return everything(c.series)
}

// element is what is looked at: a node, an edge, a flow or a map.
type element interface {
	Lookup(path string, yield func(entity.Value) bool)
	Metadata() entity.Attrs
}

// aFlow and aMap are flows and maps as elements.
type aFlow struct {
	fields *flowrecord.Table
	record *flowrecord.Record
}

func (f aFlow) Lookup(path string, yield func(entity.Value) bool) {
	f.fields.Lookup(f.record, path, yield)
}

func (f aFlow) Metadata() entity.Attrs { return f.fields.Attrs(f.record) }

type aMap struct{ entity.Attrs }

func (m aMap) Metadata() entity.Attrs { return m.Attrs }

// look visits what a query gives, at most so many elements; when it gives none,
// or makes no sense, all elements of the kind. indexed tells that these were all
// nodes of the view.
func (c *completer) look(calls []call, kind Kind, most int, visit func(element)) (indexed bool) {
	all := everything(kind)
	same := slices.EqualFunc(calls, all, func(a, b call) bool { return a.name == b.name && len(a.args) == 0 })
	if all == nil || !same {
		if c.run(calls, kind, most, visit) > 0 || all == nil {
			return false
		}
		c.out.Sampled = false
	}
	switch kind {
	case KindNodes:
		c.spread(c.view.NodeSlots(), most, func(slot int32) {
			if n := c.view.NodeAt(slot); n != nil {
				visit(n)
			}
		})
		return true
	case KindEdges:
		c.spread(c.view.EdgeSlots(), most, func(slot int32) {
			if e := c.view.EdgeAt(slot); e != nil {
				visit(e)
			}
		})
	default:
		c.run(all, kind, most, visit)
	}
	return false
}

// spread visits at most so many of n slots, evenly.
func (c *completer) spread(n, most int, visit func(int32)) {
	step := (n + most - 1) / most
	if step > 1 {
		c.out.Sampled = true
	}
	for i, looked := 0, 0; i < n; i += step {
		if looked++; looked%checkEvery == 0 && c.ctx.Err() != nil {
			c.out.Sampled = true
			return
		}
		visit(int32(i))
	}
}

// run visits what a query gives and tells how many elements that were.
func (c *completer) run(calls []call, kind Kind, most int, visit func(element)) (looked int) {
	q := &Query{text: c.text, steps: calls}
	if len(calls) == 0 || calls[0].name != stepG || q.compile(steps()) != nil || q.kind != kind && !onValues.has(q.kind) {
		return 0
	}
	lim := Limits{Time: narrowTime, Visited: max(most, valueSample), Memory: 32 << 20}
	if q.asksFlows {
		lim.Time = flowTime
		q.fields = (&compiler{}).flowFields().Table
	}
	x := newExec(c.ctx, q, c.view, Sources{Flows: c.src.Flows, At: c.src.At}, time.Now(), lim)
	if x.check() {
		looked = x.peek(q, most, visit)
	}
	if x.err != nil || looked == most {
		c.out.Sampled = true
	}
	return looked
}

// peek runs a query until so many elements are seen.
func (x *exec) peek(q *Query, most int, visit func(element)) (looked int) {
	f := flow{kind: KindGraph}
	for _, o := range q.ops {
		if f = o(x, f); x.err != nil {
			return 0
		}
	}
	more := func(e element) bool {
		visit(e)
		looked++
		return looked < most && x.visit()
	}
	switch {
	case f.kind == KindNodes && f.slots != nil:
		f.slots(func(slot int32) bool {
			return more(x.view.NodeAt(slot))
		})
	case f.kind == KindEdges && f.slots != nil:
		f.slots(func(slot int32) bool {
			return more(x.view.EdgeAt(slot))
		})
	case f.flows != nil:
		f.flows(func(r *flowrecord.Record) bool {
			return more(aFlow{x.fields, r})
		})
	case f.values != nil:
		f.values(func(v entity.Value) bool { return more(aMap{v.Map()}) })
	}
	return looked
}

// keyCount is what is known of a key.
type keyCount struct {
	count   int
	example entity.Value
	last    int // element in which it was seen last
}

// offerKeys offers the keys of what a query gives.
func (c *completer) offerKeys(kind Kind, calls []call) {
	switch {
	case kind == KindFlows:
		c.offerFields()
		return
	case kind == KindNone:
		kind, calls = KindNodes, everything(KindNodes)
	case !onElements.has(kind) && kind != KindMaps:
		return
	}
	found := make(map[string]*keyCount)
	n := 0
	c.look(calls, kind, keySample, func(e element) {
		n++
		walk(e.Metadata(), "", 0, func(path string, v entity.Value) {
			k := found[path]
			if k == nil {
				if len(found) == maxDistinct || c.matches(path) == 0 || len(path) > maxValueText || kind != KindMaps && strings.HasPrefix(path, "@") {
					return
				}
				k = &keyCount{example: v}
				found[path] = k
			}
			if k.last != n {
				k.last = n
				k.count++
			}
		})
	})
	items := make([]Item, 0, len(found))
	for path, k := range found {
		items = append(items, Item{Kind: ItemKey, Text: path, Insert: c.quoted(path), Detail: shown(k.example), Count: k.count})
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(keyRank(a.Text), keyRank(b.Text)), cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text))
	})
	c.offer(items...)
	if kind != KindMaps {
		c.offerTexts(true, ItemKey,
			graph.FieldID, "UUID, the same after every restart", graph.FieldHost, "the host it belongs to, by its host.id",
			graph.FieldOrigin, "the sources that report it", graph.FieldCreatedAt, "time of its first revision, Unix milliseconds",
			graph.FieldUpdatedAt, "time of this revision, Unix milliseconds", graph.FieldRevision, "counts its changes from 1",
			graph.FieldStale, "TRUE when its reports are overdue",
			graph.FieldArchivedAt, "when the revision ended, in slices of time", graph.FieldDeletedAt, "when it was deleted, in slices of time")
	}
}

// keyRank orders keys: what things are known by, then plain keys, then those
// that lead into others.
func keyRank(key string) int {
	switch {
	case key == entity.KeyName || key == entity.KeyType || key == entity.KeyRelationType:
		return 0
	case !strings.Contains(key, "."):
		return 1
	default:
		return 2
	}
}

// walkDepth is how deep keys are followed into maps and lists of maps.
const walkDepth = 4

// walk visits the paths of attributes.
func walk(attrs entity.Attrs, prefix string, depth int, visit func(path string, v entity.Value)) {
	for _, a := range attrs {
		path := a.Key
		if prefix != "" {
			path = prefix + "." + a.Key
		}
		visit(path, a.Value)
		if depth == walkDepth {
			continue
		}
		switch a.Value.Kind() {
		case entity.KindMap:
			walk(a.Value.Map(), path, depth+1, visit)
		case entity.KindList:
			for i, e := range a.Value.List() {
				if i < walkDepth && e.Kind() == entity.KindMap {
					walk(e.Map(), path, depth+1, visit)
				}
			}
		}
	}
}

// offerFields offers the fields of flows.
func (c *completer) offerFields() {
	f := (&compiler{}).flowFields()
	items := make([]Item, 0, len(f.names))
	for _, name := range f.names {
		detail := "both ends"
		switch field := f.Query(name); {
		case field == nil && !sides(name):
			detail = "all of its fields"
		case field == nil:
		case field.Time:
			detail = "Unix milliseconds"
		case field.Kind == entity.KindInt:
			detail = "a number"
		case field.Kind == entity.KindMap:
			detail = "details, which a dot leads into"
		default:
			detail = "a text"
		}
		items = append(items, Item{Kind: ItemKey, Text: name, Insert: c.quoted(name), Detail: detail})
	}
	slices.SortStableFunc(items, func(a, b Item) int { return cmp.Compare(fieldRank(a.Text), fieldRank(b.Text)) })
	c.offer(items...)
}

// fieldRank puts the fields that are asked for most before the others.
func fieldRank(name string) int {
	often := []string{"Application", "Network", "Transport", "Interface", "Host", "Network.A", "Network.B", "Transport.A", "Transport.B", "Metric.ABBytes", "Metric.BABytes"}
	if i := slices.Index(often, name); i >= 0 {
		return i
	}
	return len(often)
}

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
		if n, ok := e.(*graph.Node); ok && plain {
			see(get(n.Attrs, key))
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
