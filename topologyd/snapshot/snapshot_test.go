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
	require.NoError(t, Write(path, Take(filled(t, 5), "log", 1)))
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

// TestVersions reads a file of the version before, and refuses one of the next.
func TestVersions(t *testing.T) {
	g := graph.New(graph.DefaultConfig())
	pos, err := Read("testdata/version1", g, time.Now())
	require.NoError(t, err)
	require.Equal(t, Position{Record: 9, Revision: g.Revision()}, pos)
	require.Equal(t, dump(filled(t, 7).View()), dump(g.View()))

	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, os.WriteFile(path, []byte(magic+"\x03..."), 0o600))
	_, err = Read(path, graph.New(graph.DefaultConfig()), time.Now())
	require.ErrorIs(t, err, ErrNewer)
	require.ErrorContains(t, err, "version 3")
}
