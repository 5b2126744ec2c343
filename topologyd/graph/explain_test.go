package graph

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/join"
)

// ovsRow is an interface as Open vSwitch knows it.
func ovsRow(uuid, name, typ string, attrs ...entity.Attr) entity.Event {
	return entity.Event{
		Ref: entity.RowRef(entity.TypeOvsInterface, "db", uuid), Source: "ovsdb", Interval: 20 * time.Second,
		Attributes: append(entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String(typ))}, attrs...),
	}
}

// portRow unifies an interface with that of Open vSwitch of its name, and
// tunnelRow connects the ends of tunnels.
func portRow() join.Row {
	return join.Row{
		Name: "port", Kind: join.Same, Priority: 10, Prefer: []string{"Type"}, Description: "one interface, seen by the kernel and by Open vSwitch",
		From: join.Side{Entity: entity.TypeInterface, Key: []string{"Name"}},
		To:   join.Side{Entity: entity.TypeOvsInterface, Key: []string{"Name"}},
	}
}

func tunnelRow() join.Row {
	where := []join.Condition{{Key: "Type", In: []string{"vxlan", "gre"}}}
	return join.Row{
		Name: "tunnel", Kind: join.Edge, Symmetric: true, Relation: entity.Layer2, Attributes: map[string]string{"Type": "tunnel"},
		From: join.Side{Entity: entity.TypeOvsInterface, Where: where, Key: []string{"Type", "LocalIP", "RemoteIP"}},
		To:   join.Side{Entity: entity.TypeOvsInterface, Where: where, Key: []string{"Type", "RemoteIP", "LocalIP"}},
	}
}

// setRow puts a row into the table.
func (w *world) setRow(row join.Row) []Change {
	w.t.Helper()
	return w.apply(rowEvent(row, w.now))
}

func (w *world) dropRow(name string) []Change {
	w.t.Helper()
	return w.apply(entity.Event{Kind: entity.Delete, Ref: entity.JoinRef(name), Source: entity.SourceJoin, Time: w.now})
}

// golden compares what v is as JSON with a file.
func golden(t *testing.T, file string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "\t")
	require.NoError(t, err)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got)+"\n")
}

// seconds after the start of the test, as text.
func since(at time.Time) string { return at.Sub(t0).String() }

func plainFacets(list []FacetInfo) (out []any) {
	for _, f := range list {
		out = append(out, fmt.Sprint(f.Entity.Type, " ", f.Source, " reported ", since(f.Reported), " confirmed ", since(f.Confirmed),
			" every ", f.Interval, " stale ", f.Stale, " ", f.Keys))
	}
	return out
}

func plainEvidence(x *EdgeExplanation) (out []any) {
	for _, ev := range x.Evidence {
		text, _ := json.Marshal(ev.Attributes)
		one := map[string]any{
			"source": ev.Source, "entity": ev.Entity.Type, "attributes": string(text), "reported": since(ev.Reported),
			"confirmed": since(ev.Confirmed), "every": ev.Interval.String(), "stale": ev.Stale,
		}
		if j := ev.Join; j != nil {
			one["join"] = map[string]any{
				"row": j.Row.Name, "keys": j.Keys, "from": fmt.Sprint(j.From), "to": fmt.Sprint(j.To),
				"from facets": plainFacets(j.FromFacets), "to facets": plainFacets(j.ToFacets),
			}
		}
		out = append(out, one)
	}
	return out
}

func TestExplain(t *testing.T) {
	w := newWorld(t)
	ip := func(local, remote string) []entity.Attr {
		return []entity.Attr{entity.A("LocalIP", entity.String(local)), entity.A("RemoteIP", entity.String(remote))}
	}
	w.setRow(portRow())
	w.setRow(tunnelRow())
	w.apply(host("h"), link("h", "1", 2, "vx0", "vxlan"))
	w.tick(time.Second)
	w.apply(related(ovsRow("1", "vx0", "vxlan", ip("10.0.0.1", "10.0.0.2")...), entity.RelPartOf, entity.HostRef("h"), entity.A("by", entity.String("ovs"))))
	w.tick(time.Second)
	w.apply(ovsRow("2", "far", "vxlan", ip("10.0.0.2", "10.0.0.1")...))
	w.tick(time.Second)
	w.apply(host("h"), link("h", "1", 2, "vx0", "vxlan")) // heard of again
	w.tick(30 * time.Second)
	w.apply(host("h"), link("h", "1", 2, "vx0", "vxlan")) // the others did not speak for long
	w.sweep()

	iface := entity.InterfaceRef("h", "1", "2").UUID()
	member := entity.RowRef(entity.TypeOvsInterface, "db", "1").UUID()
	far := entity.RowRef(entity.TypeOvsInterface, "db", "2").UUID()
	x, ok := w.g.ExplainNode(member)
	require.True(t, ok)
	require.Equal(t, iface, x.Node.ID)
	require.Equal(t, entity.InterfaceRef("h", "1", "2"), x.Entity)
	var all []any
	all = append(all, "node", plainFacets(x.Facets), fmt.Sprint(x.Joined))

	owner, ok := w.g.ExplainEdge(entity.EdgeID(entity.HostRef("h").UUID(), iface, entity.Ownership))
	require.True(t, ok)
	require.Equal(t, "h", owner.Parent.Attrs.Get("Name").Str())
	all = append(all, "ownership", plainEvidence(&owner))
	parent, child := iface, far
	if smaller(child, parent) {
		parent, child = child, parent
	}
	tunnel, ok := w.g.ExplainEdge(entity.EdgeID(parent, child, entity.Layer2))
	require.True(t, ok)
	all = append(all, "tunnel", plainEvidence(&tunnel))
	for _, j := range w.g.Joins() {
		all = append(all, fmt.Sprint(j.Row.Name, " pairs ", j.Pairs, " ambiguous ", j.Ambiguous, " too many ", j.TooMany))
	}
	golden(t, "testdata/explain.json", all)

	_, ok = w.g.ExplainNode(entity.UUID{1})
	require.False(t, ok)
	_, ok = w.g.ExplainEdge(entity.UUID{1})
	require.False(t, ok)
}
