package nodegraph

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func load(t testing.TB, name string) *client.Topology {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	out := &client.Topology{}
	require.NoError(t, json.Unmarshal(text, out))
	return out
}

// testLinks are those of a dashboard with everything.
func testLinks() Links {
	return Links{Datasource: "ds1", Type: "skein-topology-datasource", Dashboards: true, Dashboard: "/d/net", Params: "var-host=a%20b&var-x=$__all"}
}

func TestGoldenFrames(t *testing.T) {
	for _, c := range []struct {
		name, input string
		o           Options
	}{
		{"live", "live", Options{Traffic: true, Links: testLinks()}},
		{"live_types", "live", Options{Arcs: ArcsType, Expand: []string{"host=3d12"}, Links: testLinks()}},
		{"live_plain", "live", Options{Arcs: ArcsNone, Traffic: true}},
		{"diff", "diff", Options{Traffic: true, Links: Links{Datasource: "ds1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := Build(load(t, c.input), c.o, NewPlaces(), "k")
			require.NoError(t, err)
			invariants(t, frames)
			text, err := json.Marshal(frames)
			require.NoError(t, err)
			var pretty bytes.Buffer
			require.NoError(t, json.Indent(&pretty, text, "", " "))
			pretty.WriteByte('\n')
			golden := filepath.Join("testdata", c.name+".golden.json")
			if *update {
				require.NoError(t, os.WriteFile(golden, pretty.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			lines := strings.Split(string(want), "\n")
			for i, line := range strings.Split(pretty.String(), "\n") {
				if i >= len(lines) || line != lines[i] {
					t.Fatalf("%s:%d: got %s; look at the rest with -update and git diff", golden, i+1, line)
				}
			}
			require.Len(t, pretty.String(), len(want))
		})
	}
}

// invariants checks what the panel needs of any frames.
func invariants(t testing.TB, frames data.Frames) {
	t.Helper()
	require.Len(t, frames, 2)
	require.Equal(t, NodesFrame, frames[0].Name)
	require.Equal(t, EdgesFrame, frames[1].Name)
	for _, f := range frames {
		require.Equal(t, data.VisType(data.VisTypeNodeGraph), f.Meta.PreferredVisualization)
		_, err := f.RowLen()
		require.NoError(t, err, "all fields have one length")
		names := map[string]bool{}
		for _, fld := range f.Fields {
			require.False(t, names[fld.Name], "field %s is there twice", fld.Name)
			names[fld.Name] = true
			if !strings.HasPrefix(fld.Name, "arc__") {
				require.Equal(t, strings.ToLower(fld.Name), fld.Name)
			}
			for i := range fld.Len() {
				if v, ok := fld.At(i).(float64); ok && (math.IsNaN(v) || math.IsInf(v, 0)) {
					t.Fatalf("%s[%d] is %v", fld.Name, i, v)
				}
			}
		}
	}
	nodes, edges := frames[0], frames[1]
	ids := map[string]bool{}
	at := map[[2]float64]bool{}
	for i := range nodes.Rows() {
		id := str(t, nodes, "id", i)
		require.NotEmpty(t, id)
		require.False(t, ids[id], "node %s is there twice", id)
		ids[id] = true
		p := [2]float64{num(t, nodes, "fixedx", i), num(t, nodes, "fixedy", i)}
		require.False(t, at[p], "two nodes are at %v", p)
		at[p] = true
		sum, arcs := 0.0, 0
		for _, f := range nodes.Fields {
			if strings.HasPrefix(f.Name, "arc__") {
				arcs++
				v := f.At(i).(float64)
				require.GreaterOrEqual(t, v, 0.0)
				sum += v
			}
		}
		if arcs > 0 {
			require.InDelta(t, 1, sum, 1e-9)
		}
		require.NotContains(t, str(t, nodes, "subtitle", i), "\n")
	}
	plain := regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	seen := map[string]bool{}
	for i := range edges.Rows() {
		id := str(t, edges, "id", i)
		require.Regexp(t, plain, id)
		require.False(t, seen[id], "edge %s is there twice", id)
		seen[id] = true
		require.True(t, ids[str(t, edges, "source", i)])
		require.True(t, ids[str(t, edges, "target", i)])
		require.NotEqual(t, str(t, edges, "source", i), str(t, edges, "target", i))
		w := num(t, edges, "thickness", i)
		require.True(t, w >= thin && w <= thickest, "thickness %v", w)
		require.Regexp(t, `^#[0-9A-F]{6}([0-9A-F]{2})?$`, str(t, edges, "color", i))
	}
}

func field(t testing.TB, f *data.Frame, name string) *data.Field {
	t.Helper()
	fld, _ := f.FieldByName(name)
	require.NotNil(t, fld, "field %s", name)
	return fld
}

func str(t testing.TB, f *data.Frame, name string, i int) string {
	t.Helper()
	return field(t, f, name).At(i).(string)
}

func num(t testing.TB, f *data.Frame, name string, i int) float64 {
	t.Helper()
	return field(t, f, name).At(i).(float64)
}

func TestBuildWithoutATopology(t *testing.T) {
	_, err := Build(nil, Options{}, nil, "")
	require.Error(t, err)
	frames, err := Build(&client.Topology{}, Options{Links: testLinks()}, nil, "")
	require.NoError(t, err)
	invariants(t, frames)
	require.Len(t, frames[0].Meta.Notices, 1)
}

func TestPlacesStayInBuild(t *testing.T) {
	p := NewPlaces()
	top := load(t, "live")
	first, err := Build(top, Options{}, p, "k")
	require.NoError(t, err)
	top.Nodes = append(top.Nodes[1:], client.TopologyNode{ID: "host=new", Host: "new", Path: "host=new", Group: &client.TopologyGroup{Level: "host", Label: "new", Nodes: 3}})
	top.Nodes[3].Node.Metadata = entity.Attrs{entity.A("Name", entity.String("renamed"))}
	second, err := Build(top, Options{}, p, "k")
	require.NoError(t, err)
	invariants(t, second)
	for i := range top.Nodes[:len(top.Nodes)-1] {
		for _, axis := range []string{"fixedx", "fixedy"} {
			require.Equal(t, num(t, first[0], axis, i+1), num(t, second[0], axis, i))
		}
	}
}

func TestBuildDoesNotChangeThePicture(t *testing.T) {
	top := load(t, "diff")
	before, err := json.Marshal(top)
	require.NoError(t, err)
	_, err = Build(top, Options{Traffic: true, Links: testLinks(), Expand: []string{"host=3d12"}}, nil, "")
	require.NoError(t, err)
	after, err := json.Marshal(top)
	require.NoError(t, err)
	require.JSONEq(t, string(before), string(after))
}

func FuzzBuild(f *testing.F) {
	for _, name := range []string{"live", "diff"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		require.NoError(f, err)
		f.Add(text, "host=3d12,*", "/d/x", "state")
	}
	f.Add([]byte(`{"nodes":[{"id":"a","group":{"nodes":-1,"up":5,"types":[{"type":"x","count":-3}]}},{"id":"b"}],"edges":[{"source":"a","target":"b","type":"layer2","rate":1e308}]}`), "a", "//x", "type")
	f.Fuzz(func(t *testing.T, text []byte, expand, dashboard, arcs string) {
		top := &client.Topology{}
		if json.Unmarshal(text, top) != nil {
			return
		}
		o := Options{Arcs: arcs, Traffic: true, Expand: strings.Split(expand, ","), Links: testLinks()}
		o.Links.Dashboard = dashboard
		frames, err := Build(top, o, nil, "")
		require.NoError(t, err)
		invariants(t, frames)
		_, err = json.Marshal(frames)
		require.NoError(t, err)
	})
}

// large is a picture of n nodes and 2n edges.
func large(n int) *client.Topology {
	top := &client.Topology{Total: client.ElementCount{Nodes: n, Edges: 2 * n}}
	id := func(i int) entity.UUID { return entity.InterfaceRef("h", "1", fmt.Sprint(i)).UUID() }
	for i := range n {
		host := fmt.Sprint("h", i/20)
		node := &client.Node{ID: id(i), Host: host, CreatedAt: int64(i), Metadata: entity.Attrs{
			entity.A("IPV4", entity.Strings(fmt.Sprintf("10.0.%d.%d/24", i/250, i%250))), entity.A("IfIndex", entity.Int(int64(i))), entity.A("MTU", entity.Int(1500)),
			entity.A("Name", entity.String(fmt.Sprint("eth", i))), entity.A("State", entity.String("UP")), entity.A("Type", entity.String("veth")),
		}}
		parent := ""
		if i%20 == 0 {
			node.Metadata = entity.Attrs{entity.A("Name", entity.String(host)), entity.A("Type", entity.String("host"))}
		} else {
			parent = id(i / 20 * 20).String()
		}
		top.Nodes = append(top.Nodes, client.TopologyNode{ID: node.ID.String(), Node: node, Parent: parent, Host: host, Path: "host=" + host, Rate: &client.TopologyRate{Rx: float64(i) * 1e4, Tx: 5e3}})
	}
	for i := range 2 * n {
		a, b := id(i%n), id((i*7+1)%n)
		r := float64(i) * 1e5
		top.Edges = append(top.Edges, client.TopologyEdge{ID: entity.EdgeID(a, b, fmt.Sprint(i)), Source: a.String(), Target: b.String(), Type: []string{"layer2", "ownership"}[i%2], Count: 1, Rate: &r})
	}
	return top
}

func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{200, 2000} {
		top := large(n)
		o := Options{Traffic: true, Links: testLinks()}
		for name, p := range map[string]*Places{"fresh": nil, "same": NewPlaces()} {
			b.Run(fmt.Sprintf("%s-%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Build(top, o, p, "k"); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
