package alert

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/follow"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Compiled is a rule that was checked, with its queries and templates parsed. It is
// immutable and may be used by several goroutines.
type Compiled struct {
	// Group is the name of the group, Interval what it says, 0 when nothing.
	Group    string
	Interval time.Duration
	// Rule is the rule with what its group adds: labels and the limit, which is
	// never 0.
	Rule Rule
	// Query finds the things, WasQuery is nil without Was.
	Query, WasQuery *gremlin.Query

	followable bool
	kind       Kind // of the subjects, 0 when there are several
	labels     []textTemplate
	notes      []textTemplate
	// ignored are the fields of rows that say nothing about which row it is.
	ignored map[string]bool
	// dropped are the default labels that the rule removes.
	dropped map[string]bool
	flows   *flowrecord.Table
}

// textTemplate is the template of one label or annotation.
type textTemplate struct {
	name string
	t    *expander
}

// Compile checks a rule of a group and parses its queries and templates. The error
// joins all mistakes, each an [*Error] with the field; see [Mistakes].
func Compile(g *Group, r *Rule) (*Compiled, error) {
	c := &Compiled{Group: g.Name, Interval: g.Interval, Rule: *r, ignored: make(map[string]bool), dropped: make(map[string]bool)}
	c.Rule.Labels = maps.Clone(g.Labels)
	if c.Rule.Labels == nil {
		c.Rule.Labels = make(map[string]string, len(r.Labels))
	}
	maps.Copy(c.Rule.Labels, r.Labels)
	c.Rule.Limit = cmp.Or(r.Limit, g.Limit, maxLimit)
	errs := []error{c.Rule.check(), c.queries()}
	for name, text := range c.Rule.Labels {
		if text == "" {
			c.dropped[name] = true
		}
	}
	for _, key := range r.Changed {
		c.ignored[key] = true
	}
	var err error
	c.labels, err = templates("labels", c.Rule.Labels)
	errs = append(errs, err)
	c.notes, err = templates("annotations", r.Annotations)
	if err = errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	return c, nil
}

// queries parses the queries and checks that they can be a rule's.
func (c *Compiled) queries() error {
	r := &c.Rule
	if strings.TrimSpace(r.Expr) == "" {
		return nil // check has said so
	}
	q, err := gremlin.Parse(r.Expr)
	if err != nil {
		return &Error{Rule: -1, Field: "expr", Err: err}
	}
	c.Query = q
	kinds := map[gremlin.Kind]Kind{
		gremlin.KindNodes: OfNode, gremlin.KindEdges: OfEdge, gremlin.KindMaps: OfRow, gremlin.KindGroups: OfGroup,
		gremlin.KindValues: OfValue, gremlin.KindPaths: OfPath, gremlin.KindFlows: OfFlow, gremlin.KindGraph: 0,
	}
	kind, ok := kinds[q.Kind()]
	switch {
	case q.Kind() == gremlin.KindNumber:
		return bad("expr", "a number is always there; add Is(GT(0)), so that there is something or nothing")
	case !ok:
		return bad("expr", "the query gives %s, which cannot be alerts; give nodes, edges, values, maps, groups, paths or flows", q.Kind())
	case q.Measures():
		kind = OfMeasure
	}
	c.kind = kind
	c.followable = follow.Check(q) == nil
	if kind == OfFlow {
		c.flows = flowrecord.NewTable()
	}
	if len(r.Changed) > 0 && kind != OfNode && kind != OfEdge && kind != OfRow {
		return bad("changed", "what changes is told of nodes, edges and maps, but the query gives %s", q.Kind())
	}
	if r.KeepGoneFor != 0 && kind != OfNode && kind != OfEdge {
		return bad("keep_gone_for", "nodes and edges can be gone, but the query gives %s", q.Kind())
	}
	if r.Was == "" {
		return nil
	}
	if c.WasQuery, err = gremlin.Parse(r.Was); err != nil {
		return &Error{Rule: -1, Field: "was", Err: err}
	}
	switch {
	case kind != OfNode && kind != OfEdge:
		return bad("was", "what a thing was is known of nodes and edges, but expr gives %s", q.Kind())
	case c.WasQuery.Kind() != q.Kind():
		return bad("was", "it gives %s, but expr gives %s; both have to give the same", c.WasQuery.Kind(), q.Kind())
	case c.WasQuery.AsksFlows():
		return bad("was", "it cannot ask for flows; they come and go by themselves")
	}
	c.followable = c.followable && follow.Check(c.WasQuery) == nil
	return nil
}

// Followable reports whether both queries can be followed (package follow), so that
// alerts begin and end when the graph changes. Other rules are evaluated at an
// interval.
func (c *Compiled) Followable() bool { return c.followable }

// FlowQuery reports whether the query needs flows: it is evaluated at the interval
// alone, for flows come without a change of the graph.
func (c *Compiled) FlowQuery() bool { return c.Query.AsksFlows() }

func templates(field string, texts map[string]string) ([]textTemplate, error) {
	var (
		out  []textTemplate
		errs []error
	)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t, err := parseTemplate(texts[name], field == "labels")
		if err != nil {
			errs = append(errs, &Error{Rule: -1, Field: field + "." + name, Err: err})
			continue
		}
		out = append(out, textTemplate{name, t})
	}
	return out, errors.Join(errs...)
}
