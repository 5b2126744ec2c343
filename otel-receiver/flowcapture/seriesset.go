package flowcapture

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// seriesSet holds the aggregates by the name of their capture. Captures of one
// name share one: a definition is followed on many interfaces. Its methods may be
// called by several goroutines.
type seriesSet struct {
	cfg *MetricsConfig
	now func() time.Time

	mu     sync.Mutex
	byName map[string]*sharedSeries
}

type sharedSeries struct {
	*aggregate
	users int
	// unused counts how often it was told since nobody used it.
	unused int
}

func newSeriesSet(cfg *MetricsConfig, now func() time.Time) *seriesSet {
	return &seriesSet{cfg: cfg, now: now, byName: make(map[string]*sharedSeries)}
}

// get returns the aggregate of a capture; give it back with put.
func (s *seriesSet) get(name string) *aggregate {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[name]
	if e == nil {
		e = &sharedSeries{aggregate: newAggregate(s.cfg, s.now)}
		s.byName[name] = e
	}
	e.users++
	e.unused = 0
	return e.aggregate
}

// put gives an aggregate back; it is told once more, with all that the capture
// counted.
func (s *seriesSet) put(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byName[name]; e != nil {
		e.users--
	}
}

// each calls yield with every aggregate, in the order of their names.
func (s *seriesSet) each(yield func(name string, a *aggregate)) {
	s.mu.Lock()
	all := maps.Clone(s.byName)
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		yield(name, all[name].aggregate)
	}
}

// sweep forgets the aggregates that nobody uses. What was put back since the last
// call of each is told the next time.
func (s *seriesSet) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, e := range s.byName {
		if e.users > 0 {
			continue
		}
		if e.unused++; e.unused > 1 {
			delete(s.byName, name)
		}
	}
}
