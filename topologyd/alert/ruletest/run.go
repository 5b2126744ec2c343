package ruletest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/graph/graphtext"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Failure is one case that does not hold.
type Failure struct {
	Test, Alertname string
	Time            Duration
	// Want and Got are alerts in words, those that are the same left out.
	Want, Got []string
	// Err is why the test could not be run.
	Err error
}

// Run runs the tests of a file with rules. interval is that of groups without one.
func Run(ctx context.Context, f *File, groups []alert.Group) ([]Failure, error) {
	var rules []*alert.Compiled
	for i := range groups {
		for k := range groups[i].Rules {
			c, err := alert.Compile(&groups[i], &groups[i].Rules[k])
			if err != nil {
				return nil, fmt.Errorf("compile %s: %w", groups[i].Rules[k].Alert, err)
			}
			rules = append(rules, c)
		}
	}
	var out []Failure
	for i := range f.Tests {
		failures, err := runTest(ctx, f, &f.Tests[i], rules)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			failures = append(failures, Failure{Test: f.Tests[i].Name, Err: err})
		}
		out = append(out, failures...)
	}
	return out, nil
}

// bench is a graph and the rules on it.
type bench struct {
	ctx   context.Context
	text  *graphtext.World
	start time.Time
	rules []*runner
	// changed is what the line that happened last changed.
	changed []graph.Change
}

// runner is one rule.
type runner struct {
	c        *alert.Compiled
	m        *alert.Machine
	interval time.Duration
	next     time.Time // when it is evaluated
	due      time.Time // when its machine has something to do, zero: never
}

func runTest(ctx context.Context, f *File, t *Test, rules []*alert.Compiled) ([]Failure, error) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	b := &bench{ctx: ctx, text: graphtext.New(start), start: start}
	b.text.Changed = func(list []graph.Change) { b.changed = append(b.changed, list...) }
	missing := make(map[string]bool)
	for _, x := range t.AlertRuleTest {
		missing[x.Alertname] = true
	}
	for _, c := range rules {
		if _, asked := missing[c.Rule.Alert]; !asked {
			continue
		}
		missing[c.Rule.Alert] = false
		if c.FlowQuery() {
			return nil, fmt.Errorf("%s asks for flows, of which tests have none", c.Rule.Alert)
		}
		r := &runner{c: c, m: alert.NewMachine(c), interval: c.Interval, next: start}
		if r.interval == 0 {
			r.interval = time.Duration(f.EvaluationInterval)
		}
		r.m.SetGraph(func(id entity.UUID) bool {
			v := b.text.Graph.View()
			return v.SlotByID(id) >= 0 || v.EdgeSlot(id) >= 0
		})
		r.m.SetExternal(alert.External{
			Labels: t.ExternalLabels, URL: t.ExternalURL,
			HostName: func(id string) string { return alert.HostName(b.text.Graph.View(), id) },
		})
		b.rules = append(b.rules, r)
	}
	for _, x := range t.AlertRuleTest {
		if missing[x.Alertname] {
			return nil, fmt.Errorf("there is no rule %s in the rule files", x.Alertname)
		}
	}
	if err := b.happen(t.Graph, start, false); err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	return b.play(t)
}

// play goes through time.
func (b *bench) play(t *Test) ([]Failure, error) {
	changes, cases := slices.Clone(t.Changes), slices.Clone(t.AlertRuleTest)
	slices.SortStableFunc(changes, func(a, b Change) int { return int(min(max(a.At-b.At, -1), 1)) })
	slices.SortStableFunc(cases, func(a, b Case) int { return int(min(max(a.EvalTime-b.EvalTime, -1), 1)) })
	var out []Failure
	for n := 0; len(cases) > 0; n++ {
		if n > maxMoments {
			return out, fmt.Errorf("it takes more than %d evaluations; give a longer evaluation_interval or an earlier eval_time", maxMoments)
		}
		now := b.start.Add(time.Duration(cases[0].EvalTime))
		if len(changes) > 0 {
			now = earlier(now, b.start.Add(time.Duration(changes[0].At)))
		}
		for _, r := range b.rules {
			now = earlier(earlier(now, r.next), r.due)
		}
		for len(changes) > 0 && !b.start.Add(time.Duration(changes[0].At)).After(now) {
			if err := b.happen(changes[0].Do, now, true); err != nil {
				return out, fmt.Errorf("changes at %s: %w", changes[0].At, err)
			}
			changes = changes[1:]
		}
		if err := b.evaluate(now); err != nil {
			return out, err
		}
		for len(cases) > 0 && !b.start.Add(time.Duration(cases[0].EvalTime)).After(now) {
			if failure, err := b.check(&cases[0]); err != nil {
				return out, err
			} else if failure != nil {
				failure.Test = t.Name
				out = append(out, *failure)
			}
			cases = cases[1:]
		}
	}
	return out, nil
}

// earlier is the earlier time, but for the zero time.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// happen has lines happen at a time. Rules that follow the graph see each of them
// when told is set.
func (b *bench) happen(text string, now time.Time, told bool) error {
	if now.After(b.text.Now) {
		b.text.Now = now
	}
	for i, line := range strings.Split(text, "\n") {
		b.text.Now = b.text.Now.Add(time.Microsecond) // so that it comes after what was before
		b.changed = b.changed[:0]
		some, err := b.text.Line(line)
		if err != nil {
			return fmt.Errorf("line %d, %q: %w", i+1, strings.TrimSpace(line), err)
		}
		if !some || !told {
			continue
		}
		for _, r := range b.rules {
			if err := r.follow(b, now); err != nil {
				return err
			}
		}
	}
	b.changed = b.changed[:0]
	return nil
}

// evaluate evaluates the rules whose time has come.
func (b *bench) evaluate(now time.Time) error {
	for _, r := range b.rules {
		if !now.Before(r.next) {
			r.next = now.Add(r.interval)
			if err := r.run(b, now); err != nil {
				return err
			}
		}
		_, r.due = r.m.Tick(now)
	}
	return nil
}

// follow evaluates a rule after a change, when it is one that follows the graph.
func (r *runner) follow(b *bench, now time.Time) error {
	if !r.c.Followable() {
		return nil
	}
	for i := range b.changed {
		switch c := &b.changed[i]; c.Op {
		case graph.NodeDeleted:
			r.m.Leave(now, c.Node.ID.String(), true)
		case graph.EdgeDeleted:
			r.m.Leave(now, c.Edge.ID.String(), true)
		}
	}
	err := r.run(b, now)
	_, r.due = r.m.Tick(now)
	return err
}

// run evaluates a rule.
func (r *runner) run(b *bench, now time.Time) error {
	v := b.text.View()
	ask := func(q *gremlin.Query) (*gremlin.Result, error) {
		result, err := q.Run(b.ctx, v, gremlin.Limits{})
		if err != nil {
			return nil, fmt.Errorf("query of %s: %w", r.c.Rule.Alert, err)
		}
		return result, nil
	}
	if q := r.c.WasQuery; q != nil {
		result, err := ask(q)
		if err != nil {
			return err
		}
		r.m.Arm(now, slices.Collect(alert.Keys(result))...)
	}
	result, err := ask(r.c.Query)
	if err != nil {
		return err
	}
	r.m.Reset(now, b.withChanges(r.c.Subjects(result)))
	r.m.Prune(func(id entity.UUID) bool { return v.Node(id) == nil && v.Edge(id) == nil })
	return nil
}

// withChanges tells with each subject what the last line changed of it.
func (b *bench) withChanges(subjects iter.Seq[*alert.Subject]) iter.Seq[*alert.Subject] {
	return func(yield func(*alert.Subject) bool) {
		for s := range subjects {
			for i := range b.changed {
				c := &b.changed[i]
				if s.Node != nil && c.Node != nil && c.Node.ID == s.Node.ID || s.Edge != nil && c.Edge != nil && c.Edge.ID == s.Edge.ID {
					s.Changed = append(s.Changed, alert.ChangesOf(c)...)
				}
			}
			if !yield(s) {
				return
			}
		}
	}
}
