package alerts

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
)

// Bounds of a trial, which anybody who may read can ask for.
const (
	// trialAlerts is how many alerts a trial shows, trialThings of how many things it
	// works out labels.
	trialAlerts, trialThings = 20, 1000
)

// Try tells what a rule would alert on the present graph, were it new and without
// For. The error is that of the query, or the context's.
func (m *Manager) Try(ctx context.Context, s *Spec) (*Trial, error) {
	c, err := s.compile("trial")
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	res, err := c.Query.RunOn(ctx, m.deps.View(), m.deps.Sources, m.cfg.Query)
	if err != nil {
		return nil, err
	}
	out := &Trial{Way: way(followed(c)), Alerts: []Active{}, Took: float64(time.Since(begun).Microseconds()) / 1000}
	if out.Way == WayEvaluated {
		out.Why = whyNot(c)
	}
	// Annotations are worked out for what is shown alone: those of all could take
	// long, and more memory than there is.
	bare := *s
	bare.Annotations = nil
	labelled, err := bare.compile("trial")
	if err != nil {
		return nil, err
	}
	now := m.deps.Now()
	all := m.trial(labelled)
	steps, found, err := all.feed(ctx, now, labelled.Subjects(res))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(steps, func(a, b alert.Transition) int {
		return strings.Compare(labelKey(a.Alert.Labels), labelKey(b.Alert.Labels))
	})
	if out.More = len(steps) > trialAlerts; out.More {
		steps = steps[:trialAlerts]
	}
	shown := m.trial(c)
	if len(steps) > 0 { // or nothing would be found
		steps, _, err = shown.feed(ctx, now, func(yield func(*alert.Subject) bool) {
			for i := range steps {
				if thing := steps[i].Alert.Thing; thing.Kind != alert.OfAbsent && !yield(thing) {
					return
				}
			}
		})
	}
	if err != nil {
		return nil, err
	}
	for i := range steps {
		a := &steps[i].Alert
		shown.extras[labelKey(a.Labels)] = &extra{notes: m.contextOf(&step{Transition: steps[i]}, &c.Rule, now)}
		out.Alerts = append(out.Alerts, shown.active(a))
	}
	stats, more := all.machine.Stats(), shown.machine.Stats()
	stats.Waiting = max(stats.Waiting, found-c.Rule.Limit)
	stats.Problem = cmp.Or(stats.Problem, more.Problem)
	out.Found, out.Problems = found, problemsOf(&stats, c.Rule.Limit)
	return out, nil
}

// trial returns a runner that does not run, of a rule without what it has to wait
// for.
func (m *Manager) trial(c *alert.Compiled) *runner {
	now := *c
	now.Rule.For, now.WasQuery = 0, nil
	r := &runner{m: m, c: &now, w: &wish{group: new(alert.Group), rule: &now.Rule, interval: m.cfg.Interval}, machine: alert.NewMachine(&now), extras: make(map[string]*extra)}
	r.machine.SetExternal(m.external())
	return r
}

// feed feeds a trial, and returns what it alerts, and how many things there are.
func (r *runner) feed(ctx context.Context, now time.Time, things iter.Seq[*alert.Subject]) (steps []alert.Transition, found int, err error) {
	if !r.c.Rule.Absent { // else it is there before
		r.machine.Reset(now, func(func(*alert.Subject) bool) {})
	}
	seed, seen := maphash.MakeSeed(), make(map[uint64]struct{})
	for s := range things {
		if ctx.Err() != nil {
			return nil, 0, fmt.Errorf("try the rule: %w", context.Cause(ctx))
		}
		seen[maphash.String(seed, s.Key)] = struct{}{}
		if len(seen) <= trialThings && !r.c.Rule.Absent {
			steps = append(steps, r.machine.Enter(now, s)...)
		}
	}
	if r.c.Rule.Absent && len(seen) == 0 {
		steps = r.machine.Reset(now, func(func(*alert.Subject) bool) {})
	}
	return steps, len(seen), nil
}
