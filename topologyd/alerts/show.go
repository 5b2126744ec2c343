package alerts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/definition"
)

// inactive is the state of a rule without alerts, as Prometheus calls it.
const inactive = "inactive"

// Active returns the alerts that a filter chooses, rule by rule, the oldest first.
func (m *Manager) Active(f Filter) []Active {
	out := []Active{}
	for _, r := range m.list() {
		if r.c == nil || f.Name != "" && f.Name != r.c.Rule.Alert {
			continue
		}
		r.mu.Lock()
		first := len(out)
		for a := range r.machine.Alerts() {
			if x := r.active(&a); f.wants(&x) {
				out = append(out, x)
			}
		}
		r.mu.Unlock()
		slices.SortFunc(out[first:], func(a, b Active) int {
			return cmp.Or(a.ActiveAt.Compare(b.ActiveAt), strings.Compare(labelKey(a.Labels), labelKey(b.Labels)))
		})
		if f.Limit > 0 && len(out) >= f.Limit {
			return out[:f.Limit]
		}
	}
	return out
}

// active describes an alert. The lock is held.
func (r *runner) active(a *alert.Alert) Active {
	notes := r.extras[labelKey(a.Labels)].annotations(a)
	if notes == nil {
		notes = map[string]string{}
	}
	return Active{
		Labels: a.Labels, Annotations: notes, State: a.State.String(), ActiveAt: a.Since.UTC(), FiredAt: utc(a.Fired), ResolvedAt: utc(a.Resolved),
		Group: r.w.group.Name, Subject: a.Subject, GeneratorURL: r.m.cfg.queryURL(r.c.Query.String()),
	}
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// Report returns all rules by groups.
func (m *Manager) Report() Report {
	m.mu.Lock()
	rules, w := m.rules, m.wanted
	m.mu.Unlock()
	out := Report{Groups: []GroupReport{}, Files: []FileReport{}}
	var last *runner
	for _, r := range rules {
		x := r.wish()
		if last == nil || last.wish().group.Name != x.group.Name || last.wish().origin != x.origin {
			out.Groups = append(out.Groups, GroupReport{Name: x.group.Name, File: x.origin, Interval: x.interval.Seconds(), Limit: x.group.Limit})
		}
		last = r
		g := &out.Groups[len(out.Groups)-1]
		g.Rules = append(g.Rules, r.report())
	}
	for i := range w.files {
		f := &w.files[i]
		s := FileReport{Path: f.Path, Error: f.Problem}
		for g := range f.Value {
			s.Rules += len(f.Value[g].Rules)
		}
		if !f.Failed.IsZero() {
			at := f.Failed.UTC().Truncate(time.Millisecond)
			s.Failed = &at
		}
		out.Files = append(out.Files, s)
	}
	return out
}

// report describes the rule.
func (r *runner) report() RuleReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.w.rule
	out := RuleReport{
		State: inactive, Name: x.Alert, Query: x.Expr, Was: x.Was, Changed: x.Changed, Absent: x.Absent,
		Duration: x.For.Seconds(), KeepFiringFor: x.KeepFiringFor.Seconds(), KeepGoneFor: x.KeepGoneFor.Seconds(), Limit: x.Limit, Annotations: maps.Clone(x.Annotations),
		Labels: maps.Clone(r.w.group.Labels), Health: r.health, LastError: cmp.Or(r.failure, r.w.problem), EvaluationTime: r.took.Seconds(), LastEvaluation: utc(r.at),
		Type: "alerting", Definition: r.w.definition,
	}
	if out.Labels == nil {
		out.Labels = make(map[string]string)
	}
	maps.Copy(out.Labels, x.Labels)
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	if r.c == nil {
		return out
	}
	s := r.machine.Stats()
	switch {
	case s.Firing > 0:
		out.State = alert.Firing.String()
	case s.Pending > 0:
		out.State = alert.Pending.String()
	}
	out.Alerts, out.Way, out.Problems = s.Pending+s.Firing, way(r.follow), r.problems(&s)
	return out
}

func way(followed bool) string {
	if followed {
		return WayFollowed
	}
	return WayEvaluated
}

// problems are what cannot be done as the rule says.
func (r *runner) problems(s *alert.Stats) (out []string) {
	out = problemsOf(s, r.c.Rule.Limit)
	if r.skipped.Load() {
		out = append(out, fmt.Sprintf("there are %d alerts of all rules, or they find %d things, which is the most; what is beyond is not alerted: narrow queries", r.m.cfg.MaxAlerts, r.m.cfg.MaxFound))
	}
	return out
}

func problemsOf(s *alert.Stats, limit int) (out []string) {
	if s.Waiting > 0 {
		out = append(out, fmt.Sprintf("%d things are not alerted, since the rule may have %d alerts; narrow the query, or raise limit", s.Waiting, limit))
	}
	if s.Duplicates > 0 {
		out = append(out, fmt.Sprintf("%d things have the labels of another one, and are one alert with it; add a label that tells them apart", s.Duplicates))
	}
	if s.Problem != nil {
		out = append(out, s.Problem.Error())
	}
	return out
}

// Status tells how a definition does.
func (m *Manager) Status(d *definition.Definition) Status {
	for _, r := range m.list() {
		x := r.wish()
		if x.definition != d.ID || x.revision != d.Revision {
			continue
		}
		rep := r.report()
		out := Status{State: map[string]string{HealthOK: "ok", HealthUnknown: "pending", HealthError: "failed"}[rep.Health],
			Matched: rep.Alerts, Way: rep.Way, Error: rep.LastError, Problems: rep.Problems}
		r.mu.Lock()
		if r.c != nil {
			out.Firing = r.machine.Stats().Firing
		}
		r.mu.Unlock()
		return out
	}
	return Status{State: "pending"}
}

// whyNot says why a rule is not followed.
func whyNot(c *alert.Compiled) string {
	reach, err := c.Query.Reach()
	switch {
	case err != nil:
		return err.Error()
	case reach.Why != "":
		return reach.Why
	case reach.Counters:
		return "counters change without a change of the graph"
	case c.WasQuery != nil:
		return "what was cannot be followed"
	}
	return ""
}

// tally is what metrics show.
type tally struct {
	health             map[string]int
	states             map[alert.State]int
	problems, filesBad int
}

func (m *Manager) tally() tally {
	t := tally{health: make(map[string]int), states: make(map[alert.State]int)}
	m.mu.Lock()
	rules, w := m.rules, m.wanted
	m.mu.Unlock()
	for _, r := range rules {
		r.mu.Lock()
		t.health[r.health]++
		if r.c != nil {
			s := r.machine.Stats()
			t.states[alert.Pending] += s.Pending
			t.states[alert.Firing] += s.Firing
			if len(r.problems(&s)) > 0 {
				t.problems++
			}
		}
		r.mu.Unlock()
	}
	for i := range w.files {
		if w.files[i].Problem != "" {
			t.filesBad++
		}
	}
	return t
}
