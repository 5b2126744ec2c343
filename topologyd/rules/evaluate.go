package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/fabric"
)

// definitions are all that the manager applies, at one time.
type definitions struct {
	nodes, edges, fabrics []*definition.Definition
}

func (m *Manager) definitions() *definitions {
	s := m.deps.Definitions
	return &definitions{nodes: s.List(KindNodeRule), edges: s.List(KindEdgeRule), fabrics: s.List(KindFabric)}
}

// revisions returns a number for each source that changes with its definitions.
func (d *definitions) revisions() map[string]uint64 {
	out := make(map[string]uint64, len(d.nodes)+len(d.edges))
	for _, list := range [][]*definition.Definition{d.nodes, d.edges} {
		for _, def := range list {
			out[Source(def.ID)] += def.Revision
		}
	}
	for _, def := range d.fabrics {
		out[fabric.Source] += def.Revision
	}
	return out
}

// evaluate brings the graph in line with the definitions once, and returns when
// to do so again at the latest. It takes at least the time of debouncing.
func (m *Manager) evaluate(ctx context.Context) (next time.Time) {
	if !sleep(ctx, m.cfg.Debounce) {
		return time.Now()
	}
	select { // what is marked by now is seen by what follows
	case <-m.dirty:
	default:
	}
	start := time.Now()
	defs := m.definitions()
	m.care(interestIn(defs))
	want := newDesired(m.deps.View(), limits{m.cfg.Query, m.cfg.MaxNodes, m.cfg.MaxEdges, m.cfg.MaxFacets}, m.damping.seed)
	want.build(ctx, defs)
	if ctx.Err() != nil {
		return start // queries failed because of that
	}
	steps, right := want.difference()
	m.damping.begin(defs, start)
	next = start.Add(m.cfg.Recheck)
	held := make(map[string]int)
	steps = slices.DeleteFunc(steps, func(s step) bool {
		until, yes := m.damping.holds(&s, start)
		if yes {
			held[s.source]++
			if until.Before(next) {
				next = until
			}
		}
		return yes
	})
	failed := m.note(want, defs, held, start)
	m.n.facets.Set(float64(right))
	err := m.submit(ctx, steps)
	result := "ok"
	switch {
	case errors.Is(err, errNotLeading):
	case err != nil:
		result = "refused"
		m.refused(defs, err)
		next = time.Now().Add(m.cfg.Retry)
	case failed:
		result = "failed"
	}
	if err == nil {
		m.said = ""
		if len(steps) > 0 {
			// Look whether it came out so: an event may have lost to a newer one, and
			// what was changed may be what another rule matches.
			next = time.Now().Add(m.cfg.Debounce)
		}
	}
	took := time.Since(start)
	m.n.evaluations.WithLabelValues(result).Inc()
	m.n.seconds.Add(took.Seconds())
	sleep(ctx, min(time.Duration(m.cfg.Pause)*took, time.Minute))
	return next
}

// note keeps the status of all definitions and reports whether one failed.
func (m *Manager) note(d *desired, defs *definitions, held map[string]int, at time.Time) (failed bool) {
	total := 0
	for _, n := range held {
		total += n
	}
	m.n.held.Set(float64(total))
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[string]uint64, len(d.status))
	for _, list := range [][]*definition.Definition{defs.nodes, defs.edges, defs.fabrics} {
		for _, def := range list {
			k := statusKey(def)
			s := d.status[k]
			when := at.UTC().Truncate(time.Millisecond)
			s.Evaluated, s.Revision = &when, d.view.Revision()
			if s.Held = held[Source(def.ID)]; def.Kind == KindFabric {
				s.Held = held[fabric.Source] // all fabrics speak as one
			}
			if s.Held > 0 && s.State == StateApplied {
				s.State = StateHeld
				s.Error = fmt.Sprintf("it turned on and off for %d nodes, which are left as they are for a while: does it change what its query finds?", s.Held)
			}
			old := m.status[k]
			switch {
			case s.Error == "":
			case old.Error == s.Error && old.Failed != nil:
				s.Failed = old.Failed
			default:
				s.Failed = &when
				if s.State != old.State { // the text may hold a number that moves
					m.deps.Log.Warn("definition cannot be applied", "kind", def.Kind, "id", def.ID, "error", s.Error)
				}
			}
			failed = failed || s.Error != ""
			d.status[k] = s
			seen[k] = def.Revision
		}
	}
	m.status, m.seen = d.status, seen
	return failed
}

// refused notes on all definitions that the graph did not take the events.
func (m *Manager) refused(defs *definitions, err error) {
	if text := err.Error(); text != m.said {
		m.said = text
		m.deps.Log.Warn("rules are not applied yet, trying again", "error", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for _, list := range [][]*definition.Definition{defs.nodes, defs.edges, defs.fabrics} {
		for _, def := range list {
			if s := m.status[statusKey(def)]; s.Error == "" {
				s.State, s.Error, s.Failed = StateFailed, err.Error(), &now
				m.status[statusKey(def)] = s
			}
		}
	}
}

// submit submits the steps in batches, while this replica leads.
func (m *Manager) submit(ctx context.Context, steps []step) error {
	for batch := range slices.Chunk(steps, max(m.cfg.Batch, 1)) {
		if !m.deps.Leads() {
			return errNotLeading
		}
		events := make([]entity.Event, len(batch))
		for i := range batch {
			events[i] = batch[i].event
			events[i].Time = m.now(batch[i].after)
			// The graph keeps what it is given; what was worked out is shared.
			events[i].Attributes = slices.Clone(events[i].Attributes)
			events[i].Relationships = slices.Clone(events[i].Relationships)
			m.n.events.WithLabelValues(events[i].Kind.String()).Inc()
		}
		timed, cancel := context.WithTimeout(ctx, m.cfg.SubmitTimeout)
		err := m.deps.Submit(timed, events)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// now returns a time for an event: after every one before it, and after that of
// the facet it replaces, which a replica with a faster clock may have made.
func (m *Manager) now(after int64) time.Time {
	m.last = max(time.Now().UnixNano(), m.last+1, after+1)
	return time.Unix(0, m.last)
}
