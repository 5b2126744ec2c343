package joins

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// Bounds of a trial.
const (
	// TrialEntities is how many entities a row may look at to be tried.
	TrialEntities = 200_000
	// TrialExamples is how many pairs are shown.
	TrialExamples = 10
)

// trialName is the name of a row that has none yet.
const trialName = "trial"

// Trial is what a row would do, were it the only one.
type Trial struct {
	// From and To are how many entities the sides look at, before their conditions.
	From int `json:"from"`
	To   int `json:"to"`
	// Pairs, Ambiguous and TooMany are as in [InForce].
	Pairs     int `json:"pairs"`
	Ambiguous int `json:"ambiguous"`
	TooMany   int `json:"too_many"`
	// Examples are the first pairs, in the order of their names.
	Examples []Example `json:"examples"`
}

// Example is one pair that a row would join.
type Example struct {
	From Named `json:"from"`
	To   Named `json:"to"`
}

// Named is an entity for people.
type Named struct {
	Name string            `json:"name"`
	Type string            `json:"type"`
	ID   map[string]string `json:"id"`
}

// LimitError tells that a row looks at too many entities to be tried.
type LimitError struct{ Entities int }

// Error implements error.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the row looks at more than %d entities; define it, and look at its counts", e.Entities)
}

// Try tells what a row would do on a graph, were it the only one: in a graph of
// its own that holds the entities that it looks at. That takes some microseconds
// for each. The row must be valid but for its name.
func Try(ctx context.Context, v *graph.View, row *join.Row) (*Trial, error) {
	named := *row
	if named.Name == "" {
		named.Name = trialName
	}
	g := graph.New(graph.DefaultConfig())
	t := &Trial{Examples: []Example{}}
	now := time.Now()
	put := func(e *entity.Event) {
		p := g.Prepare(e, 0)
		g.Apply(&p, now, nil)
	}
	add := func(ref entity.Ref, facets []graph.FacetState) error {
		from, to := ref.Type == row.From.Entity, ref.Type == row.To.Entity
		if !from && !to {
			return nil
		}
		if from {
			t.From++
		}
		if to {
			t.To++
		}
		if max(t.From, t.To) > TrialEntities {
			return &LimitError{TrialEntities}
		}
		for _, guests := range []bool{false, true} { // what users define keeps nothing alive
			for i := range facets {
				if f := &facets[i]; entity.IsGuest(f.Source, ref.Type) == guests {
					put(&entity.Event{Ref: ref, Source: f.Source, Time: time.Unix(0, f.Time), Attributes: f.Attributes})
				}
			}
		}
		return nil
	}
	for slot := range v.NodeList() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := v.NodeStateAt(slot)
		if err := add(s.Ref, s.Facets); err != nil {
			return nil, err
		}
		for i := range s.Members {
			if err := add(s.Members[i].Ref, s.Members[i].Facets); err != nil {
				return nil, err
			}
		}
	}
	put(&entity.Event{Ref: entity.JoinRef(named.Name), Source: entity.SourceJoin, Time: now,
		Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(named.JSON()))}})
	for _, s := range g.Joins() {
		t.Pairs, t.Ambiguous, t.TooMany = s.Pairs, s.Ambiguous, s.TooMany
	}
	t.examples(g.View(), &named)
	return t, nil
}

// examples fills in the first pairs of the graph of a trial: all that is in it but
// the entities is what the row made.
func (t *Trial) examples(v *graph.View, row *join.Row) {
	if row.Kind == join.Edge {
		for slot := range v.EdgeList() {
			for parent, child := range v.Ends(slot) {
				p, c := v.NodeStateAt(parent), v.NodeStateAt(child)
				t.example(newNamed(p.Ref, p.Facets), newNamed(c.Ref, c.Facets))
			}
		}
		return
	}
	for slot := range v.NodeList() {
		s := v.NodeStateAt(slot)
		for i := range s.Members {
			m := &s.Members[i]
			t.example(newNamed(s.Ref, s.Facets), newNamed(m.Ref, m.Facets))
		}
	}
}

// example keeps a pair if it is among the first.
func (t *Trial) example(from, to Named) {
	x := Example{from, to}
	i, _ := slices.BinarySearchFunc(t.Examples, x, compareExamples)
	if i >= TrialExamples {
		return
	}
	if t.Examples = slices.Insert(t.Examples, i, x); len(t.Examples) > TrialExamples {
		t.Examples = t.Examples[:TrialExamples]
	}
}

func newNamed(ref entity.Ref, facets []graph.FacetState) Named {
	n := Named{Type: ref.Type, ID: make(map[string]string, len(ref.ID))}
	for _, a := range ref.ID {
		n.ID[a.Key] = a.Value
	}
	for i := range facets {
		if v := facets[i].Attributes.Get(entity.KeyName); n.Name == "" && !v.IsZero() {
			n.Name = v.Text()
		}
	}
	return n
}

// compareExamples orders pairs by their names, then by what identifies them.
func compareExamples(a, b Example) int {
	return cmp.Or(a.From.compare(&b.From), a.To.compare(&b.To))
}

func (n *Named) compare(o *Named) int {
	if c := cmp.Or(strings.Compare(n.Name, o.Name), strings.Compare(n.Type, o.Type)); c != 0 {
		return c
	}
	for _, k := range slices.Sorted(maps.Keys(n.ID)) {
		if c := strings.Compare(n.ID[k], o.ID[k]); c != 0 {
			return c
		}
	}
	return 0
}
