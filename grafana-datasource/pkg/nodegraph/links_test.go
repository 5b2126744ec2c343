package nodegraph

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/grafana-datasource/pkg/layout"
	"github.com/skein-net/skein/internal/entity"
)

// menu is what the panel shows of the links of a row: titles and where they
// lead.
func menu(t *testing.T, f *data.Frame, i int) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, l := range f.Fields[0].Config.Links {
		fill := func(s string) string {
			for _, fld := range f.Fields {
				if v, ok := fld.At(i).(string); ok {
					s = strings.ReplaceAll(s, "${__data.fields."+fld.Name+"}", v)
				}
			}
			return strings.ReplaceAll(s, "${__url_time_range}", "from=1&to=2")
		}
		title, to := fill(l.Title), fill(l.URL)
		if l.Internal != nil {
			to = fill(l.Internal.Query.(map[string]any)["gremlin"].(string))
		}
		require.NotContains(t, title+to, "$", "a variable is left")
		require.NotContains(t, out, title, "two links are called %s", title)
		_, ok := strings.CutPrefix(title, "Skein/")
		require.True(t, ok)
		require.NotContains(t, title[6:], "/")
		out[title[6:]] = to
	}
	return out
}

func TestMenus(t *testing.T) {
	nodes := `{"id":"host=a","path":"host=a","host":"a","group":{"level":"host","expandable":true}},
		{"id":"host=b/type=veth","path":"host=b/type=veth","host":"b","group":{"level":"type","expandable":true}},
		{"id":"n","path":"host=b","host":"b","node":{"Metadata":{"Type":"veth","Name":"v"}}},
		{"id":"h","path":"host=b","host":"b","node":{"Metadata":{"Type":"host"}}},
		{"id":"others","path":"others","group":{"level":"host"}},
		{"id":"app=x%2Cy","path":"app=x%2Cy","group":{"level":"app","expandable":true}}`
	build := func(o Options) data.Frames {
		frames, err := Build(picture(t, nodes, ``), o, nil, "")
		require.NoError(t, err)
		return frames
	}
	t.Run("nothing open", func(t *testing.T) {
		f := build(Options{Links: testLinks()})[0]
		const here = "/d/net?var-host=a%20b&var-x=%24__all&var-expand="
		require.Equal(t, map[string]string{
			"Expand":           here + "host%3Da&from=1&to=2",
			"Host":             "/d/skein-host?var-ds=ds1&var-host=a&from=1&to=2",
			"Flows":            "/d/skein-flows?var-ds=ds1&var-host=a&from=1&to=2",
			"Capture here":     "/d/skein-captures?var-ds=ds1&var-host=a&from=1&to=2",
			"What changed":     "/d/skein-changes?var-ds=ds1&var-host=a&from=1&to=2",
			"Query in Explore": "G.V().Has('@Host', 'a')",
		}, menu(t, f, 0))
		n := menu(t, f, 2)
		require.Equal(t, "/d/skein-node?var-ds=ds1&var-node=n&from=1&to=2", n["Details and history"])
		require.Equal(t, "/d/skein-captures?var-ds=ds1&var-node=n&from=1&to=2", n["Capture here"])
		require.Contains(t, n, "Network overview")
		require.Equal(t, "/d/skein-flows?var-ds=ds1&var-host=b&from=1&to=2", menu(t, f, 3)["Flows"])
		require.Equal(t, "/d/skein-flows?var-ds=ds1&var-host=%24__all&from=1&to=2", menu(t, f, 4)["Flows"])
		// What a URL gives back is the path.
		u, err := url.Parse(menu(t, f, 5)["Expand"])
		require.NoError(t, err)
		require.Equal(t, "app=x%2Cy", u.Query().Get("var-expand"))
		require.Equal(t, "G.V().Has('app', 'x,y')", menu(t, f, 5)["Query in Explore"])
	})
	t.Run("something open", func(t *testing.T) {
		f := build(Options{Links: testLinks(), Expand: []string{"host=b", "host=c", "host=b/type=tap"}})[0]
		expand := func(i int, title string) string {
			u, err := url.Parse(menu(t, f, i)[title])
			require.NoError(t, err)
			require.Equal(t, "/d/net", u.Path)
			return u.Query().Get("var-expand")
		}
		require.Equal(t, "host=b,host=c,host=b/type=tap,host=a", expand(0, "Expand"))
		require.Empty(t, expand(0, "Collapse all"))
		require.Equal(t, "host=b,host=c,host=b/type=tap,host=b/type=veth", expand(1, "Expand"))
		require.Equal(t, "host=c", expand(1, "Collapse"))
		require.Equal(t, "host=c", expand(2, "Collapse"))
		require.Empty(t, expand(2, "Collapse all"))
		require.Contains(t, menu(t, f, 4), "Network overview")
	})
	t.Run("another variable", func(t *testing.T) {
		o := Options{Links: testLinks()}
		o.Links.ExpandVariable, o.Links.Params = "open it", ""
		require.Equal(t, "/d/net?var-open%20it=host%3Da&from=1&to=2", menu(t, build(o)[0], 0)["Expand"])
	})
	t.Run("without Skein's dashboards", func(t *testing.T) {
		o := Options{Links: testLinks()}
		o.Links.Dashboards = false
		m := menu(t, build(o)[0], 2)
		require.Len(t, m, 2)
		require.Contains(t, m, "Reload")
		require.Contains(t, m, "Query in Explore")
	})
	t.Run("in Explore", func(t *testing.T) {
		m := menu(t, build(Options{Links: Links{Datasource: "ds1", Dashboards: true}})[0], 0)
		require.NotContains(t, m, "Expand")
		require.Contains(t, m, "Host")
	})
	t.Run("none", func(t *testing.T) {
		f := build(Options{})
		require.Empty(t, menu(t, f[0], 0))
		require.Empty(t, f[1].Fields[0].Config.Links)
	})
}

func TestMenuOfAnEdge(t *testing.T) {
	top := picture(t, `{"id":"a","node":{"Metadata":{"Name":"/run/netns/a"}}},{"id":"host=b","host":"b","group":{"level":"host","label":"rome"}}`, `{"source":"a","target":"host=b","type":"layer2"}`)
	frames, err := Build(top, Options{Links: testLinks()}, nil, "")
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"From ∕run∕netns∕a": "/d/skein-node?var-ds=ds1&var-node=a&from=1&to=2",
		"To rome":           "/d/skein-host?var-ds=ds1&var-host=b&from=1&to=2",
	}, menu(t, frames[1], 0))
}

func TestDashboardsElsewhereAreNotLinkedTo(t *testing.T) {
	for in, want := range map[string]string{
		"/d/x": "d/x?", "d/x/slug": "d/x/slug?", "": "", "/": "", "//evil.example/d/x": "evil.example/d/x?",
		"https://evil.example": "", "javascript:alert(1)": "", "/d/x?var-a=b": "", `/\evil.example`: "evil.example?", "/d/$x": "d/%24x?",
	} {
		require.Equal(t, want, dashboardURL(Links{Dashboard: in}), in)
	}
	require.Equal(t, "d/x?var-a=%24__all&", dashboardURL(Links{Dashboard: "/d/x", Params: "?var-a=$__all&"}))
}

func TestOpenAndClose(t *testing.T) {
	require.Equal(t, []string{"b", "a"}, opened([]string{"a", "b", ""}, "a"))
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprint("host=", i))
	}
	require.Len(t, opened(many, "x"), maxOpen)
	out, ok := closed([]string{"host=a", "host=ab", "*"}, "host=ab/type=x")
	require.True(t, ok)
	require.Equal(t, []string{"host=a", "*"}, out)
	_, ok = closed([]string{"*", "host=a"}, "host=ab")
	require.False(t, ok)
}

func TestGroupQueries(t *testing.T) {
	ns := "12c92cce-a675-51df-9da5-c91db5c631dd"
	root := entity.HostRef("a").UUID().String()
	for in, want := range map[string]string{
		"host=a":                                 "G.V().Has('@Host', 'a')",
		"host=a/namespace=" + root + "/type=tap": "G.V().Has('@Host', 'a').Has('Type', 'tap')",
		"host=a/namespace=" + ns + "/type=veth":  "G.V('" + ns + "').Descendants(0).Has('@Host', 'a').Has('Type', 'veth')",
		"owner=" + ns:                            "G.V('" + ns + "').Descendants()",
		"K8s.App=it%27s%5C":                      `G.V().Has('K8s.App', 'it\'s\\')`,
		"host=/type=x":                           "G.V().Has('Type', 'x')",
		"others":                                 "G.V()",
		"a=%zz":                                  "G.V()",
	} {
		require.Equal(t, want, groupQuery(in), in)
	}
}

func TestPlacesAreBounded(t *testing.T) {
	p := NewPlaces()
	one := []layout.Item{{ID: "a"}}
	for i := range 3 * MaxGraphs {
		p.Place(fmt.Sprint(i), one, nil)
	}
	graphs, places := p.Len()
	require.Equal(t, MaxGraphs, graphs)
	require.Equal(t, MaxGraphs, places)

	big := make([]layout.Item, 3000)
	for i := range big {
		big[i].ID = fmt.Sprint(i)
	}
	for i := range 40 {
		p.Place(fmt.Sprint("big", i), big, nil)
	}
	graphs, places = p.Len()
	require.LessOrEqual(t, places, MaxPlaces)
	require.Equal(t, MaxPlaces/3000, graphs)
}

func TestPlacesForgetTheOldest(t *testing.T) {
	p := NewPlaces()
	at := func(key string, ids ...string) map[string]layout.Point {
		var items []layout.Item
		for _, id := range ids {
			items = append(items, layout.Item{ID: id, Name: id})
		}
		return p.Place(key, items, nil)
	}
	first := at("kept", "b", "c")
	at("lost", "b", "c")
	for i := range MaxGraphs - 1 {
		at("kept", "b", "c")
		at(fmt.Sprint(i), "x")
	}
	require.Equal(t, first["b"], at("kept", "a", "b", "c")["b"], "b stays though a comes before it")
	require.NotEqual(t, first["b"], at("lost", "a", "b", "c")["b"])
}

func TestPlacesByManyAtOnce(t *testing.T) {
	p := NewPlaces()
	items := make([]layout.Item, 30)
	for i := range items {
		items[i] = layout.Item{ID: fmt.Sprint(i)}
	}
	want := p.Place("k", items, nil)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				got := p.Place("k", items[w:20+w%10], nil)
				for id, at := range got {
					if at != want[id] {
						t.Errorf("%s moved", id)
					}
				}
				p.Place(fmt.Sprint(w, i), items[:1], nil)
				p.Place("k", items, nil)
			}
		})
	}
	wg.Wait()
}
