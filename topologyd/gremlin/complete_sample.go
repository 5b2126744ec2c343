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

// seen is one element that is looked at.
type seen struct {
	at    lookupFunc
	attrs func() entity.Attrs
}

// look visits what a query gives, at most so many elements; when it gives none,
// or makes no sense, all elements of the kind. indexed tells that these were all
// nodes of the view.
func (c *completer) look(calls []call, kind Kind, most int, visit func(seen)) (indexed bool) {
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
				visit(seen{n.Lookup, n.Metadata})
			}
		})
		return true
	case KindEdges:
		c.spread(c.view.EdgeSlots(), most, func(slot int32) {
			if e := c.view.EdgeAt(slot); e != nil {
				visit(seen{e.Lookup, e.Metadata})
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
func (c *completer) run(calls []call, kind Kind, most int, visit func(seen)) (looked int) {
	q := &Query{text: c.text, steps: calls}
	if len(calls) == 0 || calls[0].name != stepG || q.compile(steps()) != nil || q.kind != kind && !onValues.has(q.kind) {
		return 0
	}
	lim := Limits{Time: narrowTime, Visited: valueSample, Memory: 32 << 20}
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
func (x *exec) peek(q *Query, most int, visit func(seen)) (looked int) {
	f := flow{kind: KindGraph}
	for _, o := range q.ops {
		if f = o(x, f); x.err != nil {
			return 0
		}
	}
	more := func(s seen) bool {
		visit(s)
		looked++
		return looked < most && x.visit()
	}
	switch {
	case f.kind == KindNodes && f.slots != nil:
		f.slots(func(slot int32) bool {
			n := x.view.NodeAt(slot)
			return more(seen{n.Lookup, n.Metadata})
		})
	case f.kind == KindEdges && f.slots != nil:
		f.slots(func(slot int32) bool {
			e := x.view.EdgeAt(slot)
			return more(seen{e.Lookup, e.Metadata})
		})
	case f.flows != nil:
		f.flows(func(r *flowrecord.Record) bool {
			return more(seen{flowLookup(x.fields, r), func() entity.Attrs { return x.fields.Attrs(r) }})
		})
	case f.values != nil:
		f.values(func(v entity.Value) bool { return more(seen{valueLookup(v), v.Map}) })
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
	c.look(calls, kind, keySample, func(s seen) {
		n++
		walk(s.attrs(), "", 0, func(path string, v entity.Value) {
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

// offerValues offers the values of a key that pass a test.
func (c *completer) offerValues(kind Kind, key string, calls []call, test func(entity.Value) bool) {
	if kind == KindNone {
		kind, calls = KindNodes, everything(KindNodes)
	}
	if kind == KindFlows && !(&compiler{}).flowFields().known(key) {
		return
	}
	type valueCount struct {
		v     entity.Value
		count int
		last  int
	}
	found := make(map[string]*valueCount)
	n := 0
	var text []byte
	see := func(v entity.Value) {
		if !v.IsScalar() || test != nil && !test(v) {
			return
		}
		text = appendLiteral(text[:0], v)
		if k := found[string(text)]; k != nil {
			if k.last != n {
				k.last = n
				k.count++
			}
			return
		}
		if len(text) > maxValueText || c.matches(v.Text()) == 0 {
			return
		}
		if len(found) == maxDistinct {
			c.out.More = true
			return
		}
		found[string(text)] = &valueCount{v, 1, n}
	}
	each := func(v entity.Value) bool {
		if v.Kind() == entity.KindList {
			for _, e := range v.List() {
				see(e)
			}
		} else {
			see(v)
		}
		return true
	}
	most := valueSample
	if kind == KindFlows {
		most = keySample
	}
	indexed := c.look(calls, kind, most, func(s seen) {
		n++
		if kind == KindFlows && sides(key) {
			s.at(key+".A", each)
			s.at(key+".B", each)
			return
		}
		s.at(key, each)
	})
	items := make([]Item, 0, len(found))
	for _, k := range found {
		if indexed && c.out.Sampled {
			if _, exact := c.view.SlotsWith(key, k.v); exact > 0 {
				k.count = exact
			}
		}
		items = append(items, Item{Kind: ItemValue, Text: k.v.Text(), Insert: c.literalText(k.v), Count: k.count})
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Text, b.Text), strings.Compare(a.Insert, b.Insert))
	})
	c.offer(items...)
}
