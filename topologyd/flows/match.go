package flows

import (
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// matcher decides what of a query a report satisfies, its window left out.
type matcher struct {
	nodes map[entity.UUID]bool // nil: all
	ids   map[flowrecord.ID]bool
	where *flowrecord.Conditions
}

// Match returns what decides whether a report satisfies the nodes, the IDs and
// the conditions of a query; its window is left out.
func (f *Flows) Match(q *flowrecord.Query) (func(*flowrecord.Record) bool, error) {
	m, err := f.compile(q)
	if err != nil {
		return nil, err
	}
	return m.match, nil
}

// compile makes a query ready. The error says which condition makes no sense.
func (f *Flows) compile(q *flowrecord.Query) (*matcher, error) {
	where, err := f.table.Conditions(q.Where)
	if err != nil {
		return nil, err
	}
	return &matcher{nodes: set(q.Nodes), ids: set(q.IDs), where: where}, nil
}

func set(ids []entity.UUID) map[entity.UUID]bool {
	if ids == nil {
		return nil
	}
	s := make(map[entity.UUID]bool, len(ids))
	for _, id := range ids {
		s[id] = true
	}
	return s
}

func (m *matcher) match(r *flowrecord.Record) bool { return m.chosen(r) && m.where.Match(r) }

// mayMatch is match for all that stays the same while a flow goes on.
func (m *matcher) mayMatch(r *flowrecord.Record) bool { return m.chosen(r) && m.where.MayMatch(r) }

func (m *matcher) chosen(r *flowrecord.Record) bool {
	return (m.nodes == nil || m.nodes[r.NodeTID]) && (m.ids == nil || m.ids[r.ID])
}
