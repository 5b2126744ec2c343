package nodegraph

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// picture reads the JSON of nodes and edges. IDs of nodes are short here.
func picture(t testing.TB, nodes, edges string) *client.Topology {
	t.Helper()
	out := &client.Topology{}
	require.NoError(t, json.Unmarshal([]byte(`{"nodes":[`+nodes+`],"edges":[`+edges+`]}`), out))
	for i := range out.Edges {
		out.Edges[i].ID = entity.EdgeID(entity.HostTID(out.Edges[i].Source), entity.HostTID(out.Edges[i].Target), out.Edges[i].Type)
	}
	return out
}

func TestStatsPerType(t *testing.T) {
	node := func(metadata, more string) string {
		return `{"id":"a","host":"h","node":{"Metadata":` + metadata + `}` + more + `}`
	}
	others := `,{"id":"b","host":"h","node":{"Metadata":{"Name":"b"}}},{"id":"c","group":{"level":"type","nodes":7}}`
	edges := `{"source":"a","target":"b","type":"layer2","count":1},{"source":"a","target":"c","type":"layer2","count":7},{"source":"a","target":"b","type":"ownership","count":1},{"source":"a","target":"c","type":"ownership","count":4}`
	for _, c := range []struct {
		name, node                          string
		title, subtitle, main, second, icon string
		color                               string
	}{
		{"interface with traffic", node(`{"Name":"eth0","Type":"device","State":"UP","IPV4":["10.0.0.1/24"]}`, `,"rate":{"rx":1e6,"tx":234e3}`), "eth0", "device @ h", "UP", "1.2 MB/s", "", hexGray},
		{"interface without", node(`{"Name":"eth0","Type":"veth","State":"DOWN","IPV4":["10.0.0.1/24"]}`, ``), "eth0", "veth @ h", "DOWN", "10.0.0.1/24", "", hexGray},
		{"no carrier", node(`{"Name":"eth0","Type":"device","State":"UP","OperState":"DOWN"}`, ``), "eth0", "device @ h", "UP, no link", "", "", hexGray},
		{"link-local comes last", node(`{"Name":"eth0","Type":"device","State":"UP","IPV6":["fe80::1/64","2001:db8::1/64"]}`, ``), "eth0", "device @ h", "UP", "2001:db8::1/64", "", hexGray},
		{"host", node(`{"Name":"paris","Type":"host","Platform":"debian","PlatformVersion":"12.9","OS":"linux"}`, `,"rate":{"rx":1,"tx":1}`), "paris", "host", "debian 12.9", "5 members · 2 B/s", "monitor", hexBlue},
		{"host without facts", node(`{"Name":"paris","Type":"host"}`, ``), "paris", "host", "5 members", "", "monitor", hexBlue},
		{"namespace", node(`{"Name":"blue","Type":"netns"}`, ``), "blue", "netns @ h", "5 interfaces", "", "layer-group", hexTeal},
		{"namespace by path", node(`{"Path":"/run/netns/x","Type":"netns"}`, ``), "/run/netns/x", "netns @ h", "5 interfaces", "", "layer-group", hexTeal},
		{"bridge", node(`{"Name":"br0","Type":"bridge","State":"UP"}`, `,"rate":{"rx":5e9,"tx":5e9}`), "br0", "bridge @ h", "8 ports", "UP · 10 GB/s", "sitemap", hexOrange},
		{"container", node(`{"Name":"web","Type":"container"}`, ``), "web", "container @ h", "container", "", "cube", hexGreen},
		{"fabric", node(`{"Name":"tor","Type":"switch"}`, ``), "tor", "switch @ h", "8 links", "", "exchange-alt", hexGray},
		{"no attributes", node(`{}`, ``), "a", "node @ h", "", "", "", hexGray},
		{"stale", `{"id":"a","host":"h","node":{"Stale":true,"Metadata":{"Type":"veth","State":"UP"}}}`, "a", "veth @ h · stale", "UP", "", "", hexOrange},
		{"removed", node(`{"Type":"veth","State":"UP"}`, `,"change":"removed"`), "a", "veth @ h · removed", "UP", "", "", hexGray},
		{"group", `{"id":"a","host":"h","group":{"level":"type","value":"veth","label":"veth","nodes":5012,"up":10,"down":2}}`, "veth", "by type @ h", "5,012 nodes", "10 up · 2 down", "", hexPurple},
		{"large group", `{"id":"a","host":"h","group":{"level":"host","label":"x","nodes":244,"up":195,"down":18,"stale":1}}`, "x", "by host", "244 nodes", "18 down", "", hexPurple},
		{"large group, all up", `{"id":"a","host":"h","group":{"level":"host","label":"x","nodes":244000,"up":195000000000}}`, "x", "by host", "244,000 nodes", "195,000,000,000 up", "", hexPurple},
		{"group of one", `{"id":"a","group":{"level":"host","value":"x","nodes":1,"types":[{"type":"tap","count":1}]}}`, "x", "by host", "1 node", "1 tap", "", hexPurple},
		{"group of a difference", `{"id":"a","group":{"level":"host","label":"x","nodes":9,"up":3,"added":1,"removed":2}}`, "x", "by host", "9 nodes", "+1 −2", "", hexPurple},
		{"group with traffic", `{"id":"a","group":{"level":"host","label":"x","nodes":9},"rate":{"rx":1000,"tx":0}}`, "x", "by host", "9 nodes", "1.0 kB/s", "", hexPurple},
		{"others", `{"id":"others","group":{"level":"host","label":"others","nodes":9}}`, "others", "all others", "9 nodes", "", "", hexPurple},
		{"neither", `{"id":"a"}`, "a", "node", "", "", "", hexGray},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := Build(picture(t, c.node+others, edges), Options{Arcs: ArcsNone}, nil, "")
			require.NoError(t, err)
			got := func(name string) string { return str(t, frames[0], name, 0) }
			require.Equal(t, c.title, got("title"))
			require.Equal(t, c.subtitle, got("subtitle"))
			require.Equal(t, c.main, got("mainstat"))
			require.Equal(t, c.second, got("secondarystat"))
			require.Equal(t, c.icon, got("icon"))
			require.Equal(t, c.color, got("color"))
		})
	}
}

func TestTheHostHasAName(t *testing.T) {
	top := picture(t, `{"id":"h","host":"3d12","node":{"Metadata":{"Name":"paris","Type":"host"}}},{"id":"g","host":"77","group":{"level":"host","label":"rome"}},
		{"id":"x","host":"3d12","node":{"Metadata":{"Type":"veth"}}},{"id":"y","host":"77","node":{"Metadata":{"Type":"veth"}}},{"id":"z","host":"0123456789abcdef0123","node":{"Metadata":{"Type":"veth"}}}`, ``)
	frames, err := Build(top, Options{}, nil, "")
	require.NoError(t, err)
	require.Equal(t, "veth @ paris", str(t, frames[0], "subtitle", 2))
	require.Equal(t, "veth @ rome", str(t, frames[0], "subtitle", 3))
	require.Equal(t, "veth @ 0123456789ab…", str(t, frames[0], "subtitle", 4))
}

func TestArcs(t *testing.T) {
	for _, c := range []struct {
		name, arcs, node string
		want             map[string]float64
	}{
		{"up", ArcsState, `"node":{"Metadata":{"State":"UP"}}`, map[string]float64{"up": 1}},
		{"down", ArcsState, `"node":{"Metadata":{"State":"DOWN"}}`, map[string]float64{"down": 1}},
		{"stale wins", ArcsState, `"node":{"Stale":true,"Metadata":{"State":"UP"}}`, map[string]float64{"stale": 1}},
		{"no state", ArcsState, `"node":{"Metadata":{"Type":"host"}}`, map[string]float64{"other": 1}},
		{"group", ArcsState, `"group":{"nodes":8,"up":4,"down":2,"stale":1}`, map[string]float64{"up": .5, "down": .25, "stale": .125, "other": .125}},
		{"all of a group", ArcsState, `"group":{"nodes":3,"up":3}`, map[string]float64{"up": 1}},
		{"stale and up", ArcsState, `"group":{"nodes":4,"up":4,"stale":2}`, map[string]float64{"up": .5, "stale": .5}},
		{"nonsense", ArcsState, `"group":{"nodes":0,"up":4,"down":-3}`, map[string]float64{"other": 1}},
		{"added", ArcsChange, `"change":"added","node":{"Metadata":{}}`, map[string]float64{"added": 1}},
		{"removed", ArcsChange, `"change":"removed","node":{"Metadata":{}}`, map[string]float64{"removed": 1}},
		{"changed", ArcsChange, `"change":"changed","node":{"Metadata":{}}`, map[string]float64{"changed": 1}},
		{"same", ArcsChange, `"node":{"Metadata":{}}`, map[string]float64{"same": 1}},
		{"changed group", ArcsChange, `"group":{"nodes":4,"added":1,"removed":1,"changed":1}`, map[string]float64{"added": .25, "removed": .25, "changed": .25, "same": .25}},
		{"types", ArcsType, `"group":{"nodes":4,"types":[{"type":"veth","count":2},{"type":"tap","count":1}]}`, map[string]float64{"type_veth": .5, "type_tap": .25, "other": .25}},
		{"a type", ArcsType, `"node":{"Metadata":{"Type":"veth"}}`, map[string]float64{"type_veth": 1}},
		{"none", ArcsNone, `"node":{"Metadata":{"Type":"veth"}}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, err := Build(picture(t, `{"id":"a",`+c.node+`}`, ``), Options{Arcs: c.arcs}, nil, "")
			require.NoError(t, err)
			var got map[string]float64
			for _, f := range frames[0].Fields {
				if name, ok := strings.CutPrefix(f.Name, "arc__"); ok && f.At(0).(float64) != 0 {
					if got == nil {
						got = map[string]float64{}
					}
					got[name] = f.At(0).(float64)
					require.NotEmpty(t, f.Config.Color["fixedColor"])
					require.NotEmpty(t, f.Config.DisplayName)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
	require.Equal(t, ArcsState, Options{}.arcs(false))
	require.Equal(t, ArcsChange, Options{Arcs: "?"}.arcs(true))
}

func TestEdges(t *testing.T) {
	r := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name          string
		e             client.TopologyEdge
		traffic       bool
		color, dashes string
		thickness     float64
		main, second  string
	}{
		{"ownership", client.TopologyEdge{Type: "ownership", Count: 1}, true, hexFaint, "", 1, "", "ownership"},
		{"layer2", client.TopologyEdge{Type: "layer2", Count: 1}, true, hexBlue, "", 2, "", "layer2"},
		{"idle", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(0)}, true, hexBlue, "", 2, "0 B/s", "layer2"},
		{"1 Mbit/s", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(1.25e5)}, true, hexBlue, "", 4.1, "125 kB/s", "layer2"},
		{"10 Gbit/s", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(1.25e9)}, true, hexBlue, "", 8, "1.2 GB/s", "layer2"},
		{"faster", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(1e15)}, true, hexBlue, "", 8, "1.0 PB/s", "layer2"},
		{"no number", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(math.NaN())}, true, hexBlue, "", 2, "", "layer2"},
		{"traffic is off", client.TopologyEdge{Type: "layer2", Count: 1, Rate: r(1e9)}, false, hexBlue, "", 2, "1.0 GB/s", "layer2"},
		{"merged", client.TopologyEdge{Type: "layer2", Count: 1200}, true, hexBlue, "", 2, "", "1,200 × layer2"},
		{"stale", client.TopologyEdge{Type: "layer2", Count: 1, Stale: true}, true, hexBlue, dashStale, 2, "", "layer2"},
		{"function", client.TopologyEdge{Type: "vf", Count: 1}, true, hexPurple, "", 1, "", "vf"},
		{"of a user", client.TopologyEdge{Type: "tunnel", Count: 1}, true, hexTeal, "", 1, "", "tunnel"},
		{"added", client.TopologyEdge{Type: "ownership", Count: 1, Change: "added"}, true, hexGreen, "", 1, "", "ownership"},
		{"removed", client.TopologyEdge{Type: "layer2", Count: 1, Change: "removed", Stale: true}, true, hexRed, dashRemoved, 2, "", "layer2"},
		{"changed", client.TopologyEdge{Type: "layer2", Count: 1, Change: "changed"}, true, hexOrange, "", 2, "", "layer2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.color, edgeColor(&c.e))
			require.Equal(t, c.dashes, edgeDash(&c.e))
			require.InDelta(t, c.thickness, edgeThickness(&c.e, c.traffic), 1e-9)
			main, second := edgeStats(&c.e)
			require.Equal(t, c.main, main)
			require.Equal(t, c.second, second)
		})
	}
}

func TestEdgesThatCannotBeDrawn(t *testing.T) {
	top := picture(t, `{"id":"a"},{"id":"b"},{"id":"a"},{"id":""}`, `{"source":"a","target":"b"},{"source":"a","target":"a"},{"source":"a","target":"x"},{"source":"y","target":"b"}`)
	frames, err := Build(top, Options{}, nil, "")
	require.NoError(t, err)
	invariants(t, frames)
	require.Equal(t, 2, frames[0].Rows())
	require.Equal(t, 1, frames[1].Rows())
	require.Equal(t, 3, frames[0].Meta.Custom.(Custom).Dropped)
	require.Contains(t, frames[0].Meta.Notices[0].Text, "3 edges are not drawn")
}

// TestColorsInBothThemes wants a contrast of 3:1 (WCAG 2.1, 1.4.11) on
// Grafana's panels, dark and light.
func TestColorsInBothThemes(t *testing.T) {
	luminance := func(hex string) float64 {
		v, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
		require.NoError(t, err)
		sum := 0.0
		for i, weight := range []float64{.0722, .7152, .2126} {
			c := float64(v>>(8*i)&255) / 255
			if c <= .04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	for _, c := range []string{hexGreen, hexRed, hexOrange, hexBlue, hexPurple, hexTeal, hexGray} {
		for _, panel := range []string{"#181B1F", "#FFFFFF"} {
			a, b := luminance(c), luminance(panel)
			require.GreaterOrEqual(t, (max(a, b)+.05)/(min(a, b)+.05), 3.0, "%s on %s", c, panel)
		}
	}
}

func TestNotices(t *testing.T) {
	many := make([]string, 96)
	for i := range many {
		many[i] = fmt.Sprintf(`{"id":"host=%d","group":{"level":"host","nodes":52}}`, i)
	}
	top := picture(t, strings.Join(many, ","), ``)
	top.Total, top.Grouped = client.ElementCount{Nodes: 5012, Edges: 9931}, client.ElementCount{Nodes: 5012, Edges: 9000}
	frames, err := Build(top, Options{Links: testLinks()}, nil, "")
	require.NoError(t, err)
	require.Len(t, frames[0].Meta.Notices, 1)
	require.Equal(t, "5,012 nodes are shown as 96 groups: open a group with Expand in its menu, or narrow the query.", frames[0].Meta.Notices[0].Text)

	top.Grouped.Nodes, top.LeftOut = 4832, client.ElementCount{Nodes: 1, Edges: 12}
	frames, err = Build(top, Options{}, nil, "")
	require.NoError(t, err)
	require.Equal(t, "4,832 of 5,012 nodes are shown as 96 groups: name groups to open in the query's Expand, or narrow the query.", frames[0].Meta.Notices[0].Text)
	require.Contains(t, frames[0].Meta.Notices[1].Text, "1 node and 12 edges are left out")

	frames, err = Build(large(201), Options{}, nil, "")
	require.NoError(t, err)
	require.Contains(t, frames[0].Meta.Notices[0].Text, "draws 200 of the 201 nodes")
}

func TestTexts(t *testing.T) {
	for in, want := range map[float64]string{0: "0 B/s", 999: "999 B/s", 999.6: "1.0 kB/s", 1234: "1.2 kB/s", 12345: "12 kB/s", 999_600: "1.0 MB/s", 1e30: "1000000000000000 PB/s", -1: "", math.Inf(1): ""} {
		require.Equal(t, want, rate(in))
	}
	for in, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234"} {
		require.Equal(t, want, number(in))
	}
	require.Equal(t, "abc", clip("abc", 3))
	require.Equal(t, "ab…", clip("abcd", 3))
	require.Equal(t, "äö…", clip("äöüß", 3))
	require.Equal(t, "äöü", clip("äöü", 3))
	require.Equal(t, "a�b", clip("a\xffb", 9))
	require.Equal(t, "changed: MTU 9000 → 1500, Routes", changeText("changed", []client.Key{
		{Key: "MTU", Old: entity.Int(9000), New: entity.Int(1500)}, {Key: "Routes", New: entity.List()},
	}))
	require.Empty(t, changeText("", []client.Key{{Key: "x"}}))
	keys := make([]client.Key, 9)
	require.Contains(t, changeText("changed", keys), "4 more keys")
}
