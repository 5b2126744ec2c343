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
		v := filled(t, n).View()
		require.NoError(t, Write(path, Position{Record: 9, Revision: v.Revision()}, v))
		g := graph.New(graph.DefaultConfig())
		pos, err := Read(path, g, time.Now())
		require.NoError(t, err)
		require.Equal(t, Position{9, v.Revision()}, pos)
		require.Equal(t, dump(v), dump(g.View()))
		require.Equal(t, v.Revision(), g.View().Revision())
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
	require.NoError(t, Write(path, Position{1, 2}, filled(t, 5).View()))
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
	require.Error(t, Write(filepath.Join(dir, "no", "such"), Position{}, filled(t, 1).View()))
}

func TestCleanRemovesWhatWasNotFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	require.NoError(t, Write(path, Position{1, 2}, filled(t, 1).View()))
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
