package iptest

import (
	"iter"
	"sync"

	"github.com/skein-net/skein/internal/entity"
)

// State collects entity events and keeps what they say now: the last state of
// each entity that was not deleted since. It may be used by several goroutines.
type State struct {
	mu sync.Mutex
	// byNode holds, for each node, what each source says.
	byNode map[entity.UUID]map[string]entity.Event
	// Events and Deletes count what was applied.
	events, deletes int
}

// Apply takes one event.
func (s *State) Apply(e entity.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byNode == nil {
		s.byNode = map[entity.UUID]map[string]entity.Event{}
	}
	id := e.UUID()
	s.events++
	if e.Kind == entity.Delete {
		s.deletes++
		delete(s.byNode[id], e.Source)
		if len(s.byNode[id]) == 0 {
			delete(s.byNode, id)
		}
		return
	}
	if s.byNode[id] == nil {
		s.byNode[id] = map[string]entity.Event{}
	}
	s.byNode[id][e.Source] = e
}

// Count returns how many events were applied, and how many of them were
// deletes.
func (s *State) Count() (events, deletes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events, s.deletes
}

// get returns what a source says of an entity.
func (s *State) get(source string, ref entity.Ref) (entity.Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.byNode[ref.UUID()][source]
	return e, ok
}

// all yields what a source says of each entity of a type, in no order. The
// state must not be used meanwhile by the caller.
func (s *State) all(source, typ string) iter.Seq[entity.Event] {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []entity.Event
	for _, sources := range s.byNode {
		if e, ok := sources[source]; ok && e.Type == typ {
			out = append(out, e)
		}
	}
	return func(yield func(entity.Event) bool) {
		for _, e := range out {
			if !yield(e) {
				return
			}
		}
	}
}
