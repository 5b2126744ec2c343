package snapshot

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/join"
)

func filled(t testing.TB, n int) *graph.Graph {
	g := graph.New(graph.DefaultConfig())
	for i := range n {
		for _, source := range []string{"netlink", "ovsdb"}[:1+i%2] {
			e := entity.Event{
				Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Source: source, Time: time.Unix(1_700_000_000, int64(i)), Interval: time.Minute,
				Attributes: entity.Attrs{
					entity.A("IPV4", entity.Strings("10.0.0.1/8")), entity.A("MTU", entity.Int(int64(i))),
					entity.A("Name", entity.String(fmt.Sprint("eth", i))), entity.A("Type", entity.String("veth")),
				},
				Relationships: []entity.Relationship{{
					Type: entity.RelPeerOf, Target: entity.InterfaceRef("h", "1", fmt.Sprint(i^1)),
					Attributes: entity.Attrs{entity.A("Type", entity.String("veth"))},
				}},
			}
			require.NoError(t, e.Validate())
			p := g.Prepare(&e, 0)
			g.Apply(&p, time.Now(), nil)
		}
	}
	return g
}

func dump(v *graph.View) (out []string) {
	for n := range v.Nodes() {
		out = append(out, string(n.AppendJSON(nil)))
	}
	for e := range v.Edges() {
		out = append(out, string(e.AppendJSON(nil)))
	}
	slices.Sort(out)
	return out
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	for _, n := range []int{0, 1, 101} {
		full := filled(t, n)
		gone := entity.Event{Kind: entity.Delete, Ref: entity.InterfaceRef("h", "1", "none"), Source: "netlink", Time: time.Unix(1_700_000_500, 0)}
		p := full.Prepare(&gone, 0)
		full.Apply(&p, time.Unix(1_700_000_600, 0), nil)
		v := full.View()
		require.NoError(t, Write(path, Take(full, "log", 9)))
		g := graph.New(graph.DefaultConfig())
		pos, err := Read(path, g, time.Now())
		require.NoError(t, err)
		require.Equal(t, Position{"log", 9, v.Revision()}, pos)
		require.Equal(t, dump(v), dump(g.View()))
		require.Equal(t, v.Digest(), g.View().Digest())
		wantTombs, wantTime := full.Tombstones()
		tombs, logged := g.Tombstones()
		require.Equal(t, wantTombs, tombs)
		require.NotEmpty(t, tombs)
		require.Equal(t, wantTime, logged)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1, "no temporary file stays")
}

func TestDamageIsNoticed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "snapshot")
	_, err := Read(path, graph.New(graph.DefaultConfig()), time.Now())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, Write(path, Take(joined(t, 2), "log", 1)))
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range whole {
		broken := slices.Clone(whole)
		broken[i] ^= 0x10
		require.NoError(t, os.WriteFile(path, broken, 0o600))
		_, err := Read(path, graph.New(graph.DefaultConfig()), time.Now())
		require.Error(t, err, "bit flipped in byte %d", i)
		require.NoError(t, os.WriteFile(path, whole[:i], 0o600))
		_, err = Read(path, graph.New(graph.DefaultConfig()), time.Now())
		require.Error(t, err, "first %d bytes", i)
	}
	require.Error(t, Write(filepath.Join(dir, "no", "such"), Take(filled(t, 1), "log", 1)))
}

func TestCleanRemovesWhatWasNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, Write(path, Take(filled(t, 1), "log", 1)))
	for _, name := range []string{".new-1", ".new-23"} {
		require.NoError(t, os.WriteFile(path+name, []byte("torn"), 0o600))
	}
	require.NoError(t, Clean(path))
	files, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, files, 1)
	_, err = Read(path, graph.New(graph.DefaultConfig()), time.Now())
	require.NoError(t, err)
}

// TestVersions reads files of the versions before, and refuses one of the next.
func TestVersions(t *testing.T) {
	for version, want := range map[string]Position{"version1": {Record: 9}, "version2": {Log: "log", Record: 9}} {
		g := graph.New(graph.DefaultConfig())
		pos, err := Read("testdata/"+version, g, time.Now())
		require.NoError(t, err)
		want.Revision = g.Revision()
		require.Equal(t, want, pos)
		require.Equal(t, dump(filled(t, 7).View()), dump(g.View()))
		for slot := range g.View().NodeList() {
			for _, f := range g.View().NodeStateAt(slot).Facets {
				require.True(t, f.Assertions[0].Undirected, version)
			}
		}
	}

	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, os.WriteFile(path, []byte(magic+"\x04..."), 0o600))
	_, err := Read(path, graph.New(graph.DefaultConfig()), time.Now())
	require.ErrorIs(t, err, ErrNewer)
	require.ErrorContains(t, err, "version 4")
}

// joined is a graph with members, and with edges that a row makes.
func joined(t testing.TB, n int) *graph.Graph {
	g := graph.New(graph.DefaultConfig())
	apply := func(e entity.Event) {
		e.Attributes = e.Attributes.Normalize()
		require.NoError(t, e.Validate())
		p := g.Prepare(&e, 0)
		_, outcome := g.Apply(&p, time.Unix(1_700_000_000, 0), nil)
		require.Equal(t, graph.Changed, outcome)
	}
	side := func(typ string) join.Side { return join.Side{Entity: typ, Key: []string{"Name"}} }
	for i, row := range []join.Row{
		{Name: "same", Kind: join.Same, From: side(entity.TypeInterface), To: side(entity.TypeOvsInterface), Prefer: []string{"Type"}},
		{Name: "edge", Kind: join.Edge, From: side(entity.TypeContainer), To: side(entity.TypeOvsInterface), Relation: "uses"},
	} {
		apply(entity.Event{Ref: entity.JoinRef(row.Name), Source: entity.SourceJoin, Time: time.Unix(1_700_000_000, int64(i)),
			Attributes: entity.Attrs{entity.A(entity.KeyRow, entity.String(row.JSON()))}})
	}
	for i := range n {
		name := entity.A("Name", entity.String(fmt.Sprint("n", i)))
		refs := []entity.Ref{entity.InterfaceRef("h", "1", fmt.Sprint(i)), entity.RowRef(entity.TypeOvsInterface, "db", fmt.Sprint(i)), entity.ContainerRef(fmt.Sprint(i))}
		for j, ref := range refs[:1+i%4%3] {
			apply(entity.Event{Ref: ref, Source: []string{"netlink", "ovsdb", "docker"}[j], Time: time.Unix(1_700_000_000, int64(100*i+j)), Interval: time.Minute,
				Attributes:    entity.Attrs{name, entity.A("Type", entity.String(fmt.Sprint("t", j)))},
				Relationships: []entity.Relationship{{Type: entity.RelPeerOf, Target: refs[(j+1)%3]}, {Type: entity.RelPartOf, Target: entity.InterfaceRef("h", "1", fmt.Sprint(i/2))}},
			})
		}
	}
	return g
}

// states are the nodes of a graph as a snapshot has them, in order.
func states(g *graph.Graph) (out []string) {
	for n := range g.View().NodeStates() {
		out = append(out, string(appendNode(nil, &n)))
	}
	slices.Sort(out)
	return out
}

// TestJoins: members and rows are there again, and go on as before.
func TestJoins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	full := joined(t, 10)
	require.NotZero(t, full.Stats().Joined)
	require.NoError(t, Write(path, Take(full, "log", 9)))
	g := graph.New(graph.DefaultConfig())
	_, err := Read(path, g, time.Now())
	require.NoError(t, err)
	require.Equal(t, dump(full.View()), dump(g.View()))
	require.Equal(t, full.View().Digest(), g.View().Digest())
	require.Equal(t, states(full), states(g))
	require.Equal(t, full.Stats().Joined, g.Stats().Joined)
	require.Equal(t, full.Joins(), g.Joins())
	for _, x := range []*graph.Graph{full, g} {
		gone := entity.Event{Kind: entity.Delete, Ref: entity.JoinRef("same"), Source: entity.SourceJoin, Time: time.Unix(1_700_000_500, 0)}
		p := x.Prepare(&gone, 0)
		x.Apply(&p, time.Unix(1_700_000_600, 0), nil)
		require.Zero(t, x.Stats().Joined)
	}
	require.Equal(t, full.View().Digest(), g.View().Digest())
}
