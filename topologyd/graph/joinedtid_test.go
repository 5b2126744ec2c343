package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// ownedEvent is of hosts, of bridges in them, and of interfaces that are in
// either, so that nothing owns itself.
func ownedEvent(rng *rand.Rand, at time.Time) entity.Event {
	name := func(n int) entity.Attr { return entity.A("Name", entity.String(fmt.Sprint("n", rng.IntN(n)))) }
	hostRef := func() entity.Ref { return entity.HostRef(fmt.Sprint("h", rng.IntN(2))) }
	bridgeRef := func() entity.Ref { return entity.RowRef(entity.TypeOvsBridge, "db", fmt.Sprint(rng.IntN(3))) }
	e := entity.Event{Source: "netlink", Time: at, Interval: time.Minute, Attributes: entity.Attrs{name(6)}}
	owner := hostRef()
	switch rng.IntN(6) {
	case 0:
		e.Ref, e.Source = hostRef(), "host"
	case 1:
		e.Ref, e.Source = bridgeRef(), "ovsdb"
	case 2, 3:
		e.Ref = entity.InterfaceRef("h", "1", fmt.Sprint(rng.IntN(5)))
		if rng.IntN(2) == 0 {
			owner = bridgeRef()
		}
	default:
		e.Ref, e.Source = entity.RowRef(entity.TypeOvsInterface, "db", fmt.Sprint(rng.IntN(5))), []string{"ovsdb", "other"}[rng.IntN(2)]
		owner = bridgeRef()
	}
	if rng.IntN(4) == 0 {
		e.Kind, e.Attributes = entity.Delete, nil
		return e
	}
	if e.Source != "host" && rng.IntN(4) > 0 {
		e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: owner}}
	}
	return e
}

// TestJoinedTIDs: a TID is always what names and owners say, and joining changes
// none.
func TestJoinedTIDs(t *testing.T) {
	rows := []join.Row{
		{Name: "same", Kind: join.Same, From: side(entity.TypeInterface, "Name"), To: side(entity.TypeOvsInterface, "Name"), Prefer: []string{"Name"}},
		{Name: "owns", Kind: join.Edge, From: side(entity.TypeOvsBridge, "Name"), To: side(entity.TypeOvsInterface, "Name"), Relation: entity.Ownership},
		{Name: "uses", Kind: join.Edge, From: side(entity.TypeHost, "Name"), To: side(entity.TypeInterface, "Name"), Relation: entity.Ownership},
	}
	kept := 0
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 31))
		g := New(DefaultConfig())
		for i := range 500 {
			at := t0.Add(time.Duration(i) * time.Millisecond)
			e := ownedEvent(rng, at)
			if rng.IntN(30) == 0 {
				if e = rowEvent(rows[rng.IntN(len(rows))], at); rng.IntN(3) == 0 {
					e.Kind, e.Attributes = entity.Delete, nil
				}
			}
			require.NoError(t, e.Validate())
			p := g.Prepare(&e, 0)
			g.Apply(&p, t0, nil)
			for slot := range g.View().NodeList() {
				typ, _ := g.t.identity(slot)
				list := g.t.facets(slot, nil)
				require.Equal(t, g.deriveTID(slot, typ, list), g.t.nodes.at(slot).tid, "seed %d, event %d: %+v", seed, i, e)
				if members := g.joins.members[slot]; len(members) > 0 && len(g.joins.rows) == 1 {
					kept += checkOwnTID(t, g, slot, list)
				}
			}
		}
		checkTables(t, g)
		checkJoins(t, g)
	}
	require.Greater(t, kept, 100)
}

// checkOwnTID works out the TID of an interface from what is said of it alone,
// and tells whether it has an owner.
func checkOwnTID(t *testing.T, g *Graph, slot int32, list []packedFacet) int {
	want, least := entity.UUID{}, entity.UUID{}
	for _, f := range list {
		for _, a := range g.t.assertions(f.edges, g.t.nodeID(slot), nil) {
			owner := g.t.findNode(a.parent)
			if a.relation != entity.Ownership || owner < 0 || g.t.nodes.at(owner).tid.IsZero() {
				continue
			}
			if id := g.t.nodeID(owner); want.IsZero() || smaller(id, least) {
				least = id
				want = entity.TID(g.t.nodes.at(owner).tid, g.t.dict.Get(f.attrs, "Name").Str(), "")
			}
		}
	}
	if want.IsZero() {
		return 0
	}
	require.Equal(t, want, g.t.nodes.at(slot).tid)
	return 1
}
