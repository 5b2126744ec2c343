package orders

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// sources returns of an entity, as the graph has it, those who speak of it.
func (w *world) sources(e entity.Event) (out []string) {
	v := w.graph.View()
	slot := v.SlotByID(e.Ref.UUID())
	if slot < 0 {
		return nil
	}
	state := v.NodeStateAt(slot)
	for _, f := range facetsOf(&state, v.NodeID(slot), e.Ref.UUID()) {
		out = append(out, f.Source)
	}
	return out
}

// joinPorts puts a row into the table: ports of Open vSwitch join interfaces of
// their names.
func (w *world) joinPorts() {
	row := join.Row{
		Name: "port", Kind: join.Same,
		From: join.Side{Entity: entity.TypeInterface, Key: []string{"Name"}}, To: join.Side{Entity: entity.TypeOvsInterface, Key: []string{"Name"}},
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.apply(&entity.Event{
		Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin, Time: w.clock, Attributes: text(entity.KeyRow, row.JSON()),
	}, w.clock)
}

// TestMembers: what a capture said of an entity goes when the entity joins the
// node of another, and is said of that node.
func TestMembers(t *testing.T) {
	port := entity.Event{Ref: entity.RowRef(entity.TypeOvsInterface, "db", "1"), Attributes: text("Name", "veth2", "Type", "veth")}
	for _, restart := range []bool{false, true} {
		w := newWorld(t, quick())
		w.report(hostNode("a"), port)
		w.define("one", veths)
		eventually(t, "refused", func() bool { return len(w.sources(port)) == 2 }, func() any { return w.shown() })
		joins := func() {
			w.joinPorts()
			w.report(link("a", 2, "veth"))
			require.Equal(t, 1, w.graph.Stats().Joined)
		}
		if restart {
			w.restart(joins)
		} else {
			joins()
		}
		w.connect("a").follows("one:veth2")
		eventually(t, "only the node says it", func() bool { return len(w.sources(port)) == 1 && len(w.sources(link("a", 2, "veth"))) == 2 },
			func() any { return []any{w.sources(port), w.sources(link("a", 2, "veth"))} })
		w.shows("a veth2 one=running")
		w.remove("one")
		w.shows()
		require.NotContains(t, w.graph.View().NodeByID(port.Ref.UUID()).Origin, entity.SourceCapture)
	}
}
