package follow

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config are the bounds of a [Set].
type Config struct {
	// MaxElements is how many nodes and edges the result of one query may have,
	// MaxTotal those of all queries together.
	MaxElements, MaxTotal int
	// MaxVisits is how many nodes and edges may be looked at for one start
	// element, or for the starts that one batch touches; a bounded query that
	// needs more is global from then on.
	MaxVisits int
	// Limits are those of a query that is run as a whole.
	Limits gremlin.Limits
}

// DefaultConfig returns bounds for a daemon.
func DefaultConfig() Config {
	l := gremlin.DefaultLimits()
	l.Visited, l.Memory = 5_000_000, 64<<20
	return Config{MaxElements: 100_000, MaxTotal: 2_000_000, MaxVisits: 20_000, Limits: l}
}

// Set is a set of queries that are followed. It is for one goroutine at a time.
type Set struct {
	cfg      Config
	revision uint64
	at       int64 // the latest time of a change
	queries  map[string]*Followed
	groups   map[string]*group
	// holders are the queries that are not local by the elements of their results.
	holders map[entity.UUID][]*Followed
	// wishes are the global queries by the keys that they look at; any change
	// matters to those in anyKey.
	wishes map[string][]*Followed
	anyKey []*Followed
	total  int // elements of all results
	runs   uint64
	stats  Stats

	// What follows is for one batch.
	v       *graph.View
	touches []touch
	byID    map[entity.UUID]int32
	altered []*Followed
	mark    uint64
	starts  []int32
	slots   []int32
	ids     []entity.UUID
	nodes   map[int32]*graph.Node
	edges   map[int32]*graph.Edge
	lost    []*Followed // demoted
}

// Stats counts what a set did.
type Stats struct {
	// Queries, Evaluated and Skipped are by way. Evaluated counts how often a
	// query looked at one start element again, Skipped how often it did not have
	// to although something changed; of global queries, runs and batches.
	Local, Bounded, Global Counts
	// Elements is how many elements the results have, Demoted how many bounded
	// queries have become global.
	Elements int
	Demoted  uint64
	Changes  uint64
}

// Counts are those of one way.
type Counts struct {
	Queries            int
	Evaluated, Skipped uint64
}

// Followed is a query of a set.
type Followed struct {
	query *gremlin.Query
	text  string
	reach *gremlin.Reach
	way   gremlin.Way
	why   string

	group  *group
	places []*[]*Followed
	// members are the elements of the result.
	members map[entity.UUID]member
	// given is what the start elements of a bounded query give, sorted.
	given map[entity.UUID][]entity.UUID
	// since holds what changed of the result of a global query since it was run:
	// of what is deleted the last change, of the rest nil.
	since    map[entity.UUID]*graph.Change
	revision uint64

	running bool
	// dirty is the revision that a global query has to know of, 0 when it knows
	// all.
	dirty uint64
	ran   uint64

	mark uint64
	// delta holds, for what may have changed in a batch, whether it was in the
	// result before.
	delta map[entity.UUID]bool
}

// member is an element of a result.
type member struct {
	// n is how many start elements give it; in global queries, its state.
	n    uint64
	edge bool
}

// Text is the canonical text of the query.
func (f *Followed) Text() string { return f.text }

// Way tells how the query is followed, Why, for a global one, why it is.
func (f *Followed) Way() gremlin.Way { return f.way }

// Why is explained at [Followed.Way].
func (f *Followed) Why() string { return f.why }

// Revision is that of the graph that the result is of.
func (f *Followed) Revision() uint64 { return f.revision }

// Len is how many nodes and edges the result has.
func (f *Followed) Len() int { return len(f.members) }

// Elements yields the IDs of the result, in no order, and whether it is one of an
// edge.
func (f *Followed) Elements(yield func(id entity.UUID, edge bool) bool) {
	for id, m := range f.members {
		if !yield(id, m.edge) {
			return
		}
	}
}

// NewSet returns a set without queries.
func NewSet(cfg Config) *Set {
	return &Set{
		cfg: cfg, queries: make(map[string]*Followed), groups: make(map[string]*group),
		holders: make(map[entity.UUID][]*Followed), wishes: make(map[string][]*Followed),
		byID: make(map[entity.UUID]int32), nodes: make(map[int32]*graph.Node), edges: make(map[int32]*graph.Edge),
	}
}

// Check says why a query cannot be followed, nil when it can.
func Check(q *gremlin.Query) error {
	_, err := q.Reach()
	return err
}

// Stats returns the counters.
func (s *Set) Stats() Stats {
	st := s.stats
	st.Elements = s.total
	return st
}

// Len is how many different queries there are.
func (s *Set) Len() int { return len(s.queries) }

// Add begins to follow a query. v has to be the view of the last Apply; in a set
// without queries it may be any. A query that is there already is returned as it
// is. The error is that of [Check], a [*gremlin.LimitError], or the context's.
func (s *Set) Add(ctx context.Context, q *gremlin.Query, v *graph.View) (*Followed, error) {
	if len(s.queries) == 0 {
		s.revision = v.Revision()
	}
	if v.Revision() != s.revision {
		return nil, fmt.Errorf("follow %.60q: the view is of revision %d, the set of %d", q.String(), v.Revision(), s.revision)
	}
	if f := s.queries[q.String()]; f != nil {
		return f, nil
	}
	reach, err := q.Reach()
	if err != nil {
		return nil, err
	}
	f := &Followed{query: q, text: q.String(), reach: reach, way: reach.Way, why: reach.Why, members: make(map[entity.UUID]member), delta: make(map[entity.UUID]bool)}
	s.v = v
	defer s.forget()
	if f.way != gremlin.WayGlobal {
		err = s.fill(ctx, f)
	}
	if f.way == gremlin.WayGlobal && err == nil {
		err = s.runFirst(ctx, f)
	}
	if err != nil {
		s.drop(f)
		return nil, err
	}
	f.revision = s.revision
	s.queries[f.text] = f
	s.counts(f.way).Queries++
	if f.way == gremlin.WayGlobal {
		s.wish(f)
	} else {
		s.join(f)
	}
	return f, nil
}

// Remove ends following a query.
func (s *Set) Remove(f *Followed) {
	if s.queries[f.text] != f {
		return
	}
	delete(s.queries, f.text)
	s.counts(f.way).Queries--
	s.leave(f)
	s.drop(f)
}

// leave takes a query out of the tables that find it.
func (s *Set) leave(f *Followed) {
	for _, list := range f.places {
		if i := slices.Index(*list, f); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
	f.places = nil
	if g := f.group; g != nil {
		f.group = nil
		g.left++
		switch g.n--; {
		case g.n == 0:
			delete(s.groups, g.name)
		case g.left > 16+g.n/2:
			g.left = 0
			g.index.clean()
		}
	}
	if f.way == gremlin.WayGlobal {
		for key, list := range s.wishes {
			if list = slices.DeleteFunc(list, func(o *Followed) bool { return o == f }); len(list) == 0 {
				delete(s.wishes, key)
			} else {
				s.wishes[key] = list
			}
		}
		s.anyKey = slices.DeleteFunc(s.anyKey, func(o *Followed) bool { return o == f })
	}
}

// drop forgets the result of a query.
func (s *Set) drop(f *Followed) {
	for id := range f.members {
		s.unhold(f, id)
	}
	s.total -= len(f.members)
	f.members, f.given, f.since = nil, nil, nil
}

func (s *Set) counts(w gremlin.Way) *Counts {
	switch w {
	case gremlin.WayLocal:
		return &s.stats.Local
	case gremlin.WayBounded:
		return &s.stats.Bounded
	default:
		return &s.stats.Global
	}
}

// hold notes that an element is in a result that is not local.
func (s *Set) hold(f *Followed, id entity.UUID) {
	if f.way != gremlin.WayLocal {
		s.holders[id] = append(s.holders[id], f)
	}
}

func (s *Set) unhold(f *Followed, id entity.UUID) {
	if f.way == gremlin.WayLocal {
		return
	}
	list := s.holders[id]
	if i := slices.Index(list, f); i >= 0 {
		list[i] = list[len(list)-1]
		list = list[:len(list)-1]
	}
	if len(list) == 0 {
		delete(s.holders, id)
	} else {
		s.holders[id] = list
	}
}

// tooLarge says that a result has become too large, nil when it has not.
func (s *Set) tooLarge(f *Followed) error {
	limit, whose := s.cfg.MaxElements, "one query that is followed"
	if len(f.members) <= limit {
		if limit, whose = s.cfg.MaxTotal, "all queries that are followed"; s.total <= limit {
			return nil
		}
	}
	return &gremlin.LimitError{Limit: "results", Max: strconv.Itoa(limit) + " elements of " + whose,
		Hint: hintNarrow}
}

const hintNarrow = "narrow the query with Has on a key and value, or follow the whole graph without a query"
