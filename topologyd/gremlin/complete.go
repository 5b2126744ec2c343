package gremlin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

// ItemKind tells what an [Item] is.
type ItemKind string

// The kinds of items.
const (
	ItemStep     ItemKind = "step"
	ItemFunction ItemKind = "function"
	ItemKey      ItemKind = "key"
	ItemValue    ItemKind = "value"
	ItemKeyword  ItemKind = "keyword"
)

// Item is one thing that can stand at a place in a query.
type Item struct {
	Kind ItemKind
	// Text is what people read, Insert what replaces the text from From to To.
	Text, Insert string
	// Detail says in one line what it does; of a key it is one of its values.
	Detail string
	// Count is how many elements have the key or value, 0 for what is not
	// counted.
	Count int
}

// Completion is what can stand at a place in the text of a query.
type Completion struct {
	// From and To are what the Insert of an item replaces, in bytes of the text.
	From, To int
	// Items are the most likely first.
	Items []Item
	// More tells that there are more than were asked for.
	More bool
	// Sampled tells that not everything was looked at: counts are of a part, and
	// what is rare may be missing.
	Sampled bool
}

// Bounds on what completion looks at, so that it costs milliseconds on any
// graph.
const (
	// keySample is of how many elements the keys are looked at, valueSample the
	// values of one key, searchSample those that begin with something.
	keySample    = 2048
	valueSample  = 20_000
	searchSample = 50_000
	// narrowTime is how long the steps before the place may take, and flowTime
	// when they ask for flows.
	narrowTime = 15 * time.Millisecond
	flowTime   = 100 * time.Millisecond
	// maxDistinct is how many keys or values are counted.
	maxDistinct = 5000
	// maxValueText is the longest value that is offered, in bytes.
	maxValueText = 200
)

// MaxItems is the largest number of items that [Complete] gives.
const MaxItems = 1000

// completer finds what can stand at one place.
type completer struct {
	*place
	text string
	ctx  context.Context
	view *graph.View
	src  Sources
	lead
	limit int
	out   Completion
}

// Complete tells what can stand at an offset of a text, at most limit items (of
// which [MaxItems] is the most). The text need not be a query: what is broken
// elsewhere does not matter. Keys and values are those of a view and of the
// source of flows, of what the steps before the place lead to if that can be
// told quickly. The work is bounded, whatever the text and the graph; the
// context ends it early.
func Complete(ctx context.Context, text string, offset int, v *graph.View, src Sources, limit int) *Completion {
	if len(text) > MaxText {
		offset = max(0, min(offset, len(text)))
		return &Completion{From: offset, To: offset}
	}
	c := &completer{place: scan(text, offset), text: text, ctx: ctx, view: v, src: src, limit: max(1, min(limit, MaxItems))}
	c.lead = leadOf(c.steps)
	c.out.From, c.out.To = c.from, c.to
	switch c.spot {
	case spotStart:
		c.offer(Item{Kind: ItemStep, Text: stepG, Insert: stepG, Detail: stepHelp()[stepG].detail})
	case spotStep:
		c.offerSteps("")
	case spotDot:
		c.offerSteps(".")
	case spotArgument:
		c.offerArguments()
	}
	// What begins with what was typed comes before what only holds it.
	slices.SortStableFunc(c.out.Items, func(a, b Item) int { return cmp.Compare(c.matches(b.Text), c.matches(a.Text)) })
	c.atMost(c.limit)
	return &c.out
}

// lead is what the steps before a place lead to.
type lead struct {
	// kind is what they give, KindNone when it is not known.
	kind Kind
	// last is the last step, "" when there is none.
	last string
	// series is what the metrics were counted of, KindNone when that is gone.
	series Kind
	// by is what the step that By belongs to works on, KindNone elsewhere.
	by Kind
	// bys is how many By may still follow it.
	bys int
	// forgets tells that the ways to what they give are not known.
	forgets bool
	// names are those that As gave, in their order, with what they name.
	names []string
	named map[string]Kind
}

// leadOf follows steps, whether they make sense or not. Names of steps become
// those of the table.
func leadOf(calls []call) lead {
	l := lead{kind: KindGraph, named: make(map[string]Kind)}
	names, texts := &spelling{steps(), functions()}, stepHelp()
	for i := range calls {
		s := &calls[i]
		names.correct(s, names.step(s.name))
		h, known := texts[s.name]
		if !known {
			l.kind, l.last = KindNone, s.name
			continue
		}
		l.follow(s, h)
	}
	return l
}

// canonical gives a call and what is in it the names of the tables.
func canonical(c *call, name string) { (&spelling{steps(), functions()}).correct(c, name) }

// spelling knows how names are written.
type spelling struct {
	steps     []step
	functions []function
}

func (t *spelling) correct(c *call, name string) {
	c.name = name
	for i := range c.args {
		for j := range c.args[i].sub {
			s := &c.args[i].sub[j]
			t.correct(s, t.step(s.name))
		}
		if fn := c.args[i].fn; fn != nil {
			t.correct(fn, t.function(fn.name))
		}
	}
}

func (t *spelling) step(name string) string {
	for i := range t.steps {
		if strings.EqualFold(t.steps[i].name, name) {
			return t.steps[i].name
		}
	}
	return name
}

func (t *spelling) function(name string) string {
	for i := range t.functions {
		if strings.EqualFold(t.functions[i].name, name) {
			return t.functions[i].name
		}
	}
	return name
}

// follow takes one step further.
func (l *lead) follow(s *call, h help) {
	before := l.kind
	l.last, l.kind = s.name, h.from(s.name, before)
	if !keepsWays(s.name) {
		l.forgets = s.name != "V" && s.name != "E" && s.name != stepG
	}
	switch {
	case s.name == "Sum" && before == KindMetrics && len(s.args) == 0:
		l.kind = KindMap
	case s.name == "Select":
		l.kind = KindNone
		if len(s.args) > 0 {
			l.kind = l.named[s.args[0].val.Str()]
		}
	}
	switch s.name {
	case "Order":
		l.by, l.bys = before, maxBys
	case "Group":
		l.by, l.bys = before, 2-min(1, len(s.args))
	case "Project":
		l.by, l.bys = before, len(s.args)
	case stepBy:
		l.bys--
	default:
		l.bys = 0
	}
	switch s.name {
	case "Metrics":
		l.series = before
	case "Aggregates":
		l.series = KindNone
	case "As":
		if len(s.args) > 0 && s.args[0].isKey() {
			name := s.args[0].val.Str()
			if _, known := l.named[name]; !known {
				l.names = append(l.names, name)
			}
			l.named[name] = before
		}
	}
}

// matches tells how well a text continues what was typed: 0 it does not, 1 it
// holds it somewhere (of more than one byte), 2 it begins with it, apart from
// case.
func (c *completer) matches(text string) int {
	switch {
	case c.typed == "":
		return 2
	case len(text) >= len(c.typed) && strings.EqualFold(text[:len(c.typed)], c.typed):
		return 2
	case len(c.typed) > 1 && strings.Contains(strings.ToLower(text), strings.ToLower(c.typed)):
		return 1
	default:
		return 0
	}
}

// offer adds items that continue what was typed; before a parenthesis only those
// that are called.
func (c *completer) offer(items ...Item) {
	for _, i := range items {
		if (!c.called || i.Kind == ItemStep || i.Kind == ItemFunction) && c.matches(i.Text) > 0 {
			c.out.Items = append(c.out.Items, i)
		}
	}
}

// atMost leaves out the last items when there are more than n.
func (c *completer) atMost(n int) {
	if len(c.out.Items) > n {
		c.out.Items, c.out.More = slices.Clip(c.out.Items[:n]), true
	}
}

// offerSteps offers the steps that can work on what stands before.
func (c *completer) offerSteps(dot string) {
	var items []Item
	table, texts := steps(), stepHelp()
	// G is last: to start over is rare.
	for _, s := range append(table[1:len(table):len(table)], table[0]) {
		h := texts[s.name]
		if c.inside && !s.inside {
			continue
		}
		if h.absent || c.kind != KindNone && !s.on.has(c.kind) || h.takes == takesTime && c.last != stepG ||
			h.takes == takesNames && len(c.names) == 0 || !c.repeats(s.name) || s.name == "Path" && c.forgets || s.name == stepBy && (c.bys <= 0 || c.by == KindFlows) || s.name == stepG && c.last == stepG {
			continue
		}
		args := h.args
		if s.name == "Sum" && c.kind != KindNone && c.kind != KindMetrics && !onValues.has(c.kind) {
			args = "(key)"
		}
		items = append(items, Item{Kind: ItemStep, Text: s.name, Insert: dot + s.name + c.parentheses(args), Detail: h.detail})
	}
	c.offer(items...)
}

// repeats tells whether a step can stand here as far as Repeat is concerned:
// after it those that say when it ends, which stand nowhere else.
func (c *completer) repeats(name string) bool {
	if c.last == "Repeat" || endsRepeat(name) {
		return endsRepeat(name) && (c.last == "Repeat" || endsRepeat(c.last) && name != c.last)
	}
	return true
}

// parentheses is what to insert after a name: both if nothing has to stand
// between them.
func (c *completer) parentheses(args string) string {
	switch {
	case args == "" || c.called:
		return ""
	case args == "()" || strings.HasPrefix(args, "(["):
		return "()"
	default:
		return "("
	}
}
