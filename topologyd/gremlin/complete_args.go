package gremlin

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// offerArguments offers what can stand in the parentheses of a call.
func (c *completer) offerArguments() {
	s := &c.open[0]
	h, known := c.stepAt(s)
	if !known || h.absent {
		return
	}
	if len(c.open) > 1 {
		c.offerInside(s, h)
		return
	}
	n := len(s.args)
	switch h.takes {
	case takesFilter:
		c.offerPair(s, h, s.args)
		if n == 0 {
			c.offerFunctions(fnMetadata)
		}
	case takesDepth:
		if c.offerPair(s, h, s.args); n%2 == 0 {
			c.offerTexts(false, ItemValue, "0", "as far as it goes", "1", "one edge", "2", "two edges")
		}
	case takesTarget:
		whole := n > 0 && s.args[0].isFn(fnMetadata)
		if whole && n == 1 || !whole && n%2 == 0 {
			c.offerFunctions(fnMetadata)
		}
		if !whole {
			c.offerPair(s, h, s.args)
		}
	case takesKey:
		if n == 0 {
			c.offerKeys(c.whose(h), c.reach(s, h, nil))
		}
	case takesKeys:
		c.offerKeys(c.whose(h), c.reach(s, h, nil))
	case takesSort:
		if n == 0 {
			c.offerKeywords(fnAsc, fnDesc)
		}
		if n == 0 || n == 1 && (s.args[0].isFn(fnAsc) || s.args[0].isFn(fnDesc)) {
			c.offerKeys(c.kind, c.reach(s, h, nil))
		}
	case takesBy:
		switch {
		case c.bys <= 0:
		case n == 0:
			c.offerKeys(c.by, c.arranged())
		case n == 1 && c.ordered():
			c.offerKeywords(fnAsc, fnDesc)
		}
	case takesTime:
		c.offerTimes(s)
	case takesNames:
		for _, name := range c.names {
			if n > 0 && c.named[name] != c.named[s.args[0].val.Str()] {
				continue
			}
			c.offerTexts(true, ItemValue, name, c.named[name].String())
		}
	case takesMetric:
		if n == 0 {
			c.offerTexts(true, ItemKey, keyMetric, "what was counted in all", keyLastMetric, "what the last report added")
		}
	case takesTraversal:
		if c.quote == 0 && (n == 0 || s.name == "And" || s.name == "Or") {
			c.inside = true
			c.offerSteps("")
		}
	case takesPredicate:
		if n == 0 {
			c.offerFunctions(fnNE, fnNEE, fnLT, fnGT, fnLTE, fnGTE, fnInside, fnOutside, fnBetween, fnWithin, fnWithout, fnRegex, fnRange)
		}
	case takesSlices:
		if n == 0 {
			c.offerTexts(false, ItemValue, "10", "slices of 10 seconds", "60", "of a minute", "300", "of five minutes", "3600", "of an hour", "86400", "of a day")
		} else if c.series != KindNone {
			c.offerKeys(c.series, c.counted())
		}
	}
}

// stepAt names the step of a call as the table does, and returns what is known
// of it.
func (c *completer) stepAt(s *call) (help, bool) {
	for _, def := range steps() {
		if strings.EqualFold(def.name, s.name) {
			canonical(s, def.name)
			h := stepHelp()[def.name]
			return h, true
		}
	}
	return help{}, false
}

// offerInside offers the arguments of a function inside of a step.
func (c *completer) offerInside(s *call, h help) {
	fn := &c.open[len(c.open)-1]
	name := ""
	for _, f := range functions() {
		if strings.EqualFold(f.name, fn.name) {
			name = f.name
		}
	}
	canonical(fn, name)
	if name == fnMetadata {
		if h.takes == takesTarget && len(s.args) > 0 {
			h.of = KindEdges
		}
		c.offerPair(s, h, fn.args)
		return
	}
	// A predicate: the key is the argument before it, in METADATA or the step.
	around := &c.open[len(c.open)-2]
	if len(c.open) > 2 {
		if !strings.EqualFold(around.name, fnMetadata) {
			return
		}
		if h.takes == takesTarget && len(s.args) > 0 {
			h.of = KindEdges
		}
	} else if h.takes != takesFilter && h.takes != takesDepth && h.takes != takesTarget {
		return
	}
	if n := len(around.args); n%2 == 0 || !around.args[n-1].isKey() {
		return
	}
	n := len(around.args)
	key, reach := around.args[n-1].val.Str(), c.reach(s, h, around.args[:n-1])
	switch name {
	case fnNE, fnNEE:
		if len(fn.args) == 0 {
			c.offerValues(c.whose(h), key, reach, nil)
		}
	case fnWithin, fnWithout:
		c.offerValues(c.whose(h), key, reach, func(v entity.Value) bool {
			return !slices.ContainsFunc(fn.args, func(a arg) bool { return a.fn == nil && a.val.Equal(v) })
		})
	case fnLT, fnGT, fnLTE, fnGTE, fnInside, fnOutside, fnBetween:
		if most := map[string]int{fnInside: 2, fnOutside: 2, fnBetween: 2}[name]; len(fn.args) < max(1, most) {
			c.offerValues(c.whose(h), key, reach, func(v entity.Value) bool {
				return v.IsNumber() && (len(fn.args) == 0 || entity.Compare(v, fn.args[0].val) >= 0)
			})
		}
	}
}

// whose is the kind whose keys the arguments of a step name.
func (c *completer) whose(h help) Kind {
	if h.of != KindNone {
		return h.of
	}
	return c.kind
}

// offerPair offers a key, or a value of the key before.
func (c *completer) offerPair(s *call, h help, args []arg) {
	n := len(args)
	if n%2 == 0 {
		c.offerKeys(c.whose(h), c.reach(s, h, args))
		return
	}
	if !args[n-1].isKey() {
		return
	}
	c.offerValues(c.whose(h), args[n-1].val.Str(), c.reach(s, h, args[:n-1]), nil)
	if c.quote == 0 {
		// Leave room for what is not a value.
		slices.SortStableFunc(c.out.Items, func(a, b Item) int { return cmp.Compare(c.matches(b.Text), c.matches(a.Text)) })
		c.atMost(max(c.limit-15, c.limit/2))
	}
	c.offerFunctions(fnNE, fnNEE, fnLT, fnGT, fnLTE, fnGTE, fnInside, fnOutside, fnBetween, fnWithin, fnWithout, fnRegex, fnRange)
	var words []string
	for _, w := range []string{"TRUE", "FALSE"} {
		if !slices.ContainsFunc(c.out.Items, func(i Item) bool { return i.Insert == w }) {
			words = append(words, w)
		}
	}
	c.offerKeywords(words...)
}

// offerFunctions offers functions, unless a text was begun.
func (c *completer) offerFunctions(names ...string) {
	if c.quote != 0 {
		return
	}
	texts := functionHelp()
	items := make([]Item, 0, len(names))
	for _, name := range names {
		h := texts[name]
		items = append(items, Item{Kind: ItemFunction, Text: name, Insert: name + c.parentheses(h.args), Detail: h.detail})
	}
	c.offer(items...)
}

// offerKeywords offers words, unless a text was begun.
func (c *completer) offerKeywords(words ...string) {
	if c.quote != 0 {
		return
	}
	texts := functionHelp()
	items := make([]Item, 0, len(words))
	for _, w := range words {
		items = append(items, Item{Kind: ItemKeyword, Text: w, Insert: w, Detail: texts[w].detail})
	}
	c.offer(items...)
}

// offerTexts offers pairs of a text and its detail, in quotes or as they are.
func (c *completer) offerTexts(quoted bool, kind ItemKind, pairs ...string) {
	if !quoted && c.quote != 0 {
		return
	}
	items := make([]Item, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		insert := pairs[i]
		if quoted {
			insert = c.quoted(insert)
		}
		items = append(items, Item{Kind: kind, Text: pairs[i], Insert: insert, Detail: pairs[i+1]})
	}
	c.offer(items...)
}

// offerTimes offers times and durations.
func (c *completer) offerTimes(s *call) {
	switch {
	case len(s.args) == 0:
		c.offerKeywords(fnNow, fnForever)
		c.offerTexts(true, ItemValue, "-5m", "five minutes ago", "-1h", "an hour ago", "-1d", "a day ago", "-7d", "a week ago")
	case len(s.args) == 1 && !s.args[0].isFn(fnForever):
		c.offerTexts(true, ItemValue, "5m", "the five minutes before", "1h", "the hour before", "1d", "the day before", "7d", "the week before")
		c.offerKeywords(fnForever)
	}
}

// quoted writes a text with the quote that was begun.
func (c *completer) quoted(text string) string {
	b := string(appendQuoted(nil, text))
	if c.quote != '"' {
		return b
	}
	b = b[1 : len(b)-1]
	b = strings.ReplaceAll(strings.ReplaceAll(b, `\'`, `'`), `"`, `\"`)
	return `"` + b + `"`
}

// shown is a value as an example, in one short line.
func shown(v entity.Value) string {
	if v.Kind() == entity.KindString {
		return clip(strconv.Quote(v.Str()))
	}
	return clip(v.Text())
}
