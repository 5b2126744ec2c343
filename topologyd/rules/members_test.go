package rules

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// TestMembers: what a rule said of an entity is taken back after the entity joined
// the node of another, and said of that node.
func TestMembers(t *testing.T) {
	w := newWorld(t, quick())
	port := entity.Event{Ref: entity.RowRef(entity.TypeOvsInterface, "db", "1"), Attributes: text("Name", "eth0", "Type", "internal")}
	w.report(port)
	w.define(KindNodeRule, "own", &NodeRule{Action: ActionUpdate, Query: "G.V().Has('Name','eth0')", Metadata: text("Owner", "netops")})
	w.shows(`{"Name":"eth0","Owner":"netops","Type":"internal"}`)
	row := join.Row{
		Name: "port", Kind: join.Same,
		From: join.Side{Entity: entity.TypeInterface, Key: []string{"Name"}}, To: join.Side{Entity: entity.TypeOvsInterface, Key: []string{"Name"}},
	}
	w.mu.Lock()
	w.apply(&entity.Event{
		Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin, Time: w.clock, Attributes: text(entity.KeyRow, row.JSON()),
	}, w.clock)
	w.mu.Unlock()
	w.report(host("a"))
	w.report(link("a", 0))
	w.shows(hostA, `{"Name":"eth0","Owner":"netops","Type":"device"}`, ownsE0)
	w.eventually("it is said of the node only", func(v *graph.View) bool {
		s := v.NodeState(v.NodeByID(port.Ref.UUID()))
		return len(s.Members) == 1 && len(s.Members[0].Facets) == 1 && len(s.Facets) == 2
	})
	w.remove(KindNodeRule, "own")
	w.shows(hostA, eth0, ownsE0)
	require.Equal(t, 2, w.graph.View().NodeCount())
}
