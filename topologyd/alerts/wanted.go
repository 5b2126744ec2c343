package alerts

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/alert/rulefile"
	"github.com/skein-net/skein/topologyd/confile"
	"github.com/skein-net/skein/topologyd/definition"
)

// file is one file of groups.
type file = confile.File[[]alert.Group]

func newFiles(patterns []string, log *slog.Logger) (*confile.Files[[]alert.Group], error) {
	f, err := confile.New(patterns, rulefile.MaxBytes, func(_ string, data []byte) ([]alert.Group, error) {
		groups, err := rulefile.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("read rules: %w", err)
		}
		return groups, nil
	})
	if err != nil {
		return nil, err
	}
	f.What, f.Log = "graph rules", log
	return f, nil
}

// wish is one rule that is wanted.
type wish struct {
	// origin is the path of the file, or "definition".
	origin string
	group  *alert.Group
	rule   *alert.Rule
	// definition is the ID of the definition, revision its revision.
	definition string
	revision   uint64
	// key tells rules apart, those that say the same included; what fires belongs
	// to it.
	key string
	// interval is how often it is evaluated.
	interval time.Duration
	compiled *alert.Compiled
	// problem is why it does not run; unread tells that nobody knows what it says.
	problem string
	unread  bool
}

// originDefinition is the origin of rules that are definitions.
const originDefinition = "definition"

// wanted are all rules that are to run, files in the order of their paths, then
// definitions.
type wanted struct {
	rules []*wish
	files []file
	// sure tells that no rule can be missing because what holds it cannot be read.
	sure bool
}

// want works out what is wanted.
func want(files []file, defs []*definition.Definition, ready bool, cfg *Config) *wanted {
	w := &wanted{files: slices.Clone(files), sure: ready}
	for i := range files {
		f := &files[i]
		w.sure = w.sure && (f.Good || f.Problem == "")
		for g := range f.Value {
			group := &f.Value[g]
			for r := range group.Rules {
				w.add(&wish{origin: f.Path, group: group, rule: &group.Rules[r]})
			}
		}
	}
	for _, d := range defs {
		x := &wish{origin: originDefinition, definition: d.ID, revision: d.Revision, problem: d.Problem, unread: d.Spec == nil, group: &alert.Group{Name: groupOf(d.ID)}, rule: new(alert.Rule)}
		if s, ok := d.Spec.(*Spec); ok {
			if g, err := s.group(groupOf(d.ID)); err != nil {
				x.problem = err.Error()
			} else {
				x.group, x.rule = g, &g.Rules[0]
			}
		}
		w.add(x)
	}
	seen := make(map[string]int)
	for n, x := range w.rules {
		if x.interval = x.group.Interval; x.interval <= 0 {
			x.interval = cfg.Interval
		}
		x.key = identity(x)
		if seen[x.key]++; seen[x.key] > 1 {
			x.key += "\x00" + strconv.Itoa(seen[x.key])
		}
		if n >= cfg.MaxRules && x.problem == "" {
			x.problem = fmt.Sprintf("there are more than %d rules; remove some", cfg.MaxRules)
		}
		if x.problem != "" {
			continue
		}
		var err error
		if x.compiled, err = alert.Compile(x.group, x.rule); err != nil {
			x.problem = err.Error()
		}
	}
	return w
}

// has tells whether there is a rule of a key.
func (w *wanted) has(key string) bool {
	return slices.ContainsFunc(w.rules, func(x *wish) bool { return x.key == key })
}

func (w *wanted) add(x *wish) { w.rules = append(w.rules, x) }

// groupOf is the name of the group of a definition.
func groupOf(id string) string { return "definition/" + id }

// identity is what a rule's alerts belong to: while none of it changes, what fires
// goes on firing whatever else of the rule does.
func identity(x *wish) string {
	var b strings.Builder
	field := func(s string) { b.WriteString(s + "\x00") }
	for _, s := range []string{x.group.Name, x.rule.Alert, x.rule.Expr, x.rule.Was, strconv.FormatBool(x.rule.Absent), strings.Join(x.rule.Changed, "\x01")} {
		field(s)
	}
	for _, labels := range []map[string]string{x.group.Labels, x.rule.Labels} {
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			field(k + "\x01" + labels[k])
		}
		field("")
	}
	return b.String()
}

// failing is the rule with what is wrong with its present version.
func (x *wish) failing(now *wish) *wish {
	out := *x
	out.revision, out.problem = now.revision, now.problem
	return &out
}

// same tells whether a rule runs as another one does.
func (x *wish) same(o *wish) bool {
	return x.key == o.key && x.problem == o.problem && x.interval == o.interval && x.group.Limit == o.group.Limit &&
		x.rule.For == o.rule.For && x.rule.KeepFiringFor == o.rule.KeepFiringFor && x.rule.KeepGoneFor == o.rule.KeepGoneFor && x.rule.Limit == o.rule.Limit &&
		maps.Equal(x.rule.Annotations, o.rule.Annotations)
}
