package joins

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

// put has a source say something of an entity.
func put(g *graph.Graph, source string, ref entity.Ref, kv ...string) {
	e := entity.Event{Ref: ref, Source: source, Time: time.Now()}
	for i := 0; i < len(kv); i += 2 {
		e.Attributes = append(e.Attributes, entity.A(kv[i], entity.String(kv[i+1])))
	}
	e.Attributes = e.Attributes.Normalize()
	p := g.Prepare(&e, 0)
	g.Apply(&p, time.Now(), nil)
}

func row(t testing.TB, text string) *join.Row {
	t.Helper()
	s := spec(t, text)
	require.NoError(t, s.Validate())
	return s.Row
}

const sameByName = `{"kind":"same","from":{"entity":"interface","key":["@Host","Name"]},"to":{"entity":"ovsinterface","key":["Ovs","Name"]}}`

func TestTry(t *testing.T) {
	g := graph.New(graph.DefaultConfig())
	for i := range 30 {
		put(g, "netlink", entity.InterfaceRef("h", "1", fmt.Sprint(i)), "Name", fmt.Sprintf("p%02d", i))
		put(g, "ovsdb", entity.RowRef(entity.TypeOvsInterface, "d", fmt.Sprint(i)), "Name", fmt.Sprintf("p%02d", i), "Ovs", "h")
	}
	put(g, "netlink", entity.InterfaceRef("h", "2", "1"), "Name", "p05")
	put(g, "netlink", entity.HostRef("h"), "Name", "h")
	put(g, "rule.mine", entity.InterfaceRef("h", "1", "7"), "Name", "what users define does not stand")
	revision := g.Revision()

	same := row(t, sameByName)
	for range 2 {
		got, err := Try(t.Context(), g.View(), same)
		require.NoError(t, err)
		require.Equal(t, []int{31, 30, 29, 1, 0}, []int{got.From, got.To, got.Pairs, got.Ambiguous, got.TooMany})
		require.Len(t, got.Examples, TrialExamples)
		require.Equal(t, Example{
			From: Named{Name: "p00", Type: "interface", ID: map[string]string{"host.id": "h", "namespace": "1", "ifindex": "0"}},
			To:   Named{Name: "p00", Type: "ovsinterface", ID: map[string]string{"database": "d", "uuid": "0"}},
		}, got.Examples[0])
		require.Equal(t, "p10", got.Examples[9].To.Name, "p05 is not clear")
		require.Equal(t, revision, g.Revision())

		// What is joined by now is tried as what it is.
		named := *same
		named.Name = "inforce"
		p := g.Prepare(&entity.Event{Ref: entity.JoinRef("inforce"), Source: entity.SourceJoin, Time: time.Now(),
			Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(named.JSON()))}}, 0)
		g.Apply(&p, time.Now(), nil)
		revision = g.Revision()
	}
	require.Equal(t, 32+30-29, g.View().NodeCount())

	edge := row(t, `{"kind":"edge","relation":"layer2","from":{"entity":"interface","key":["Name"]},"to":{"entity":"interface","where":[{"key":"Name","in":["p05"]}],"key":["Name"]}}`)
	got, err := Try(t.Context(), g.View(), edge)
	require.NoError(t, err)
	require.Equal(t, []int{31, 31}, []int{got.From, got.To})
	require.NotEmpty(t, got.Examples)
	require.Equal(t, "p05", got.Examples[0].From.Name)

	none, err := Try(t.Context(), g.View(), row(t, edgeSpec))
	require.NoError(t, err)
	require.Equal(t, &Trial{Examples: []Example{}}, none)

	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Try(over, g.View(), same)
	require.ErrorIs(t, err, context.Canceled)
}

func TestTryTooMuch(t *testing.T) {
	if testing.Short() {
		t.Skip("makes many entities")
	}
	g := graph.New(graph.DefaultConfig())
	for i := range TrialEntities + 1 {
		put(g, "netlink", entity.InterfaceRef("h", "1", fmt.Sprint(i)))
	}
	_, err := Try(t.Context(), g.View(), row(t, sameByName))
	var limit *LimitError
	require.ErrorAs(t, err, &limit)
	require.ErrorContains(t, err, "looks at more than 200000 entities; define it")
}

// TestOneTypeOnBothSides has rows look at the same type on both sides: an entity
// joins neither itself nor one that joins it, in whichever order they come.
func TestOneTypeOnBothSides(t *testing.T) {
	const byName, byPeer = `{"kind":"same","from":{"entity":"interface","key":["Name"]},"to":{"entity":"interface","key":["Name"]}}`,
		`{"kind":"same","from":{"entity":"interface","key":["Name"]},"to":{"entity":"interface","key":["Peer"]}}`
	cable := strings.NewReplacer(`"kind":"same"`, `"kind":"edge","relation":"cable"`)
	twoWays := strings.NewReplacer(`"kind":"same"`, `"kind":"edge","relation":"cable","symmetric":true`)
	for _, tt := range []struct {
		name, row        string
		interfaces       []string // Name Peer
		pairs, ambiguous int
	}{
		{"itself", byName, []string{"a"}, 0, 0},
		{"two of a name", byName, []string{"a", "a"}, 0, 1},
		{"its own peer", byPeer, []string{"a a"}, 0, 0},
		{"one way", byPeer, []string{"a", "b a"}, 1, 0},
		{"mutually", byPeer, []string{"a b", "b a"}, 0, 0},
		{"in a ring", byPeer, []string{"a c", "b a", "c b"}, 0, 0},
		{"in a chain", byPeer, []string{"a", "b a", "c b", "d c"}, 1, 0},
		{"an edge to itself", cable.Replace(byPeer), []string{"a a"}, 0, 0},
		{"edges both ways", cable.Replace(byPeer), []string{"a b", "b a"}, 2, 0},
		{"one edge for both", twoWays.Replace(byPeer), []string{"a b", "b a"}, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				g := graph.New(graph.DefaultConfig())
				for i, x := range tt.interfaces {
					name, peer, _ := strings.Cut(x, " ")
					put(g, "netlink", entity.InterfaceRef("h", "1", fmt.Sprint(i)), "Name", name, "Peer", peer)
				}
				got, err := Try(t.Context(), g.View(), row(t, tt.row))
				require.NoError(t, err)
				require.Equal(t, []int{tt.pairs, tt.ambiguous}, []int{got.Pairs, got.Ambiguous})
				slices.Reverse(tt.interfaces)
			}
		})
	}
}
