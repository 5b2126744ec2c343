package diff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// world is a graph that a test changes.
type world struct {
	g   *graph.Graph
	now time.Time
}

func newWorld() *world {
	return &world{graph.New(graph.DefaultConfig()), time.Unix(1_700_000_000, 0)}
}

func (w *world) put(e entity.Event) {
	w.now = w.now.Add(time.Second)
	e.Time = w.now
	if e.Source == "" {
		e.Source = "netlink"
	}
	e.Attributes = e.Attributes.Normalize()
	p := w.g.Prepare(&e, 0)
	w.g.Apply(&p, w.now, nil)
}

func ref(i int) entity.Ref { return entity.InterfaceRef("h1", "1", fmt.Sprint(i)) }

func link(i int, attrs entity.Attrs) entity.Relationship {
	return entity.Relationship{Type: entity.RelPartOf, Target: ref(i), Attributes: attrs}
}

// named makes attributes of pairs of a key and a value.
func named(pairs ...any) entity.Attrs {
	var out entity.Attrs
	for i := 0; i < len(pairs); i += 2 {
		var v entity.Value
		switch x := pairs[i+1].(type) {
		case string:
			v = entity.String(x)
		case int:
			v = entity.Int(int64(x))
		case entity.Value:
			v = x
		}
		out = append(out, entity.A(pairs[i].(string), v))
	}
	return out.Normalize()
}

func views(t *testing.T, a, b *graph.View, keys string) *Diff {
	t.Helper()
	sel, err := ParseSelection(keys)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Views(t.Context(), a, b, Options{Keys: sel})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// state is a graph in the plainest form, to which a difference can be applied.
type state map[entity.UUID]map[string]string

const whole = "*" // the member that tells what attributes cannot

func describe(v *graph.View) state {
	out := state{}
	for n := range v.Nodes() {
		out[n.ID] = describeNode(n)
	}
	for e := range v.Edges() {
		out[e.ID] = describeEdge(e)
	}
	return out
}

func describeNode(n *graph.Node) map[string]string {
	m := map[string]string{whole: "node " + n.ID.String(), "@Host": quote(n.Host), "@Origin": quote(n.Origin)}
	flatten(m, nil, entity.Map(n.Attrs))
	return m
}

func describeEdge(e *graph.Edge) map[string]string {
	m := map[string]string{whole: "edge " + e.Parent.String() + e.Child.String() + e.RelationType, "@Host": quote(e.Host), "@Origin": quote(e.Origin)}
	flatten(m, nil, entity.Map(e.Attrs))
	return m
}

func quote(s string) string { return string(entity.AppendJSONString(nil, s)) }

// flatten gives every value a path that cannot be mistaken.
func flatten(m map[string]string, path []string, v entity.Value) {
	if v.Kind() != entity.KindMap {
		m[strings.Join(path, "\x00")] = string(v.AppendJSON(nil))
		return
	}
	if len(path) > 0 {
		m[strings.Join(path, "\x00")] = "{}"
	}
	for _, a := range v.Map() {
		flatten(m, append(slices.Clip(path), a.Key), a.Value)
	}
}

// patch does what a difference says.
func (s state) patch(d *Diff) {
	keys := func(m map[string]string, keys []Key) {
		for _, k := range keys {
			path := k.Path
			if path == nil {
				path = []string{k.Key}
			}
			prefix := strings.Join(path, "\x00")
			maps.DeleteFunc(m, func(x, _ string) bool { return x == prefix || strings.HasPrefix(x, prefix+"\x00") })
			if !k.New.IsZero() {
				flatten(m, path, k.New)
			}
		}
	}
	for _, n := range d.Nodes {
		switch n.Op() {
		case Added:
			s[n.New.ID] = describeNode(n.New)
		case Removed:
			delete(s, n.Old.ID)
		case Changed:
			keys(s[n.New.ID], n.Keys)
		}
	}
	for _, e := range d.Edges {
		switch e.Op() {
		case Added:
			s[e.New.ID] = describeEdge(e.New)
		case Removed:
			delete(s, e.Old.ID)
		case Changed:
			keys(s[e.New.ID], e.Keys)
		}
	}
}

// randomValue makes values of all kinds, few enough to meet again.
func randomValue(r *rand.Rand, depth int) entity.Value {
	switch n := r.IntN(8); {
	case n == 0:
		return entity.Bool(r.IntN(2) == 0)
	case n == 1:
		return entity.Float(float64(r.IntN(3)))
	case n == 2 && depth > 0:
		var list []entity.Value
		for range r.IntN(3) {
			list = append(list, randomValue(r, depth-1))
		}
		return entity.List(list...)
	case n >= 6 && depth > 0:
		var m entity.Attrs
		for range r.IntN(4) {
			m = append(m, entity.A([]string{"a", "b", "a.b", "c"}[r.IntN(4)], randomValue(r, depth-1)))
		}
		return entity.Map(m.Normalize())
	case n == 3:
		return entity.Int(int64(r.IntN(3)))
	default:
		return entity.String([]string{"", "x", "y"}[r.IntN(3)])
	}
}

func randomAttrs(r *rand.Rand) entity.Attrs {
	var out entity.Attrs
	for _, k := range []string{"Name", "Type", "MTU", "Ovs", "Ovs.a", "Neighbors"} {
		if r.IntN(3) > 0 {
			out = append(out, entity.A(k, randomValue(r, 2)))
		}
	}
	return out
}

// The difference of two states, done to the first, gives the second; and the
// other way around.
func TestDifferenceIsExact(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld()
		step := func() {
			i := r.IntN(12)
			e := entity.Event{Ref: ref(i), Source: []string{"netlink", "ovsdb"}[r.IntN(2)], Attributes: randomAttrs(r)}
			if r.IntN(4) == 0 {
				e = entity.Event{Kind: entity.Delete, Ref: e.Ref, Source: e.Source}
			} else {
				for range r.IntN(3) {
					if j := r.IntN(12); j != i {
						e.Relationships = append(e.Relationships, link(j, randomAttrs(r)))
					}
				}
			}
			w.put(e)
		}
		for range 30 {
			step()
		}
		a := w.g.View()
		for range r.IntN(30) {
			step()
		}
		b := w.g.View()
		for _, x := range [][2]*graph.View{{a, b}, {b, a}} {
			d := views(t, x[0], x[1], "")
			got, want := describe(x[0]), describe(x[1])
			got.patch(d)
			if !maps.EqualFunc(got, want, maps.Equal[map[string]string, map[string]string]) {
				t.Fatalf("seed %d: got\n%v\nwant\n%v\nby\n%s", seed, got, want, d.AppendText(nil, nil))
			}
			if again := views(t, x[0], x[1], ""); !bytes.Equal(encode(t, again), encode(t, d)) {
				t.Errorf("seed %d: another order", seed)
			}
			for _, n := range d.Nodes {
				if n.Op() == Changed && len(n.Keys) == 0 {
					t.Errorf("seed %d: changed without keys", seed)
				}
			}
		}
		if d := views(t, b, b, "*,@Revision,@UpdatedAt"); !d.Empty() {
			t.Errorf("seed %d: %s", seed, d.AppendText(nil, nil))
		}
	}
}

func encode(t *testing.T, d *Diff) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteByte('{')
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('}')
	if !json.Valid(b.Bytes()) {
		t.Fatalf("%s", b.Bytes())
	}
	return b.Bytes()
}

// example is a small network before and after a change.
func example() (a, b *graph.View) {
	w := newWorld()
	host := entity.HostRef("h1")
	partOf := []entity.Relationship{{Type: entity.RelPartOf, Target: host}}
	eth := func(mtu int, more ...any) entity.Event {
		return entity.Event{Ref: ref(1), Relationships: partOf, Attributes: named(append([]any{"Name", "eth0", "Type", "device", "MTU", mtu}, more...)...)}
	}
	w.put(entity.Event{Ref: host, Attributes: named("Name", "h1", "Type", "host")})
	w.put(eth(1500, "State", "UP", "Ovs", entity.Map(named("Mac", "aa", "Tag", 1))))
	w.put(entity.Event{Ref: ref(2), Relationships: partOf, Attributes: named("Name", "old\x1b[31m", "Type", "veth")})
	a = w.g.View()
	w.put(eth(9000, "Alias", "", "Ovs", entity.Map(named("Mac", "aa", "Tag", 2))))
	w.put(entity.Event{Kind: entity.Delete, Ref: ref(2)})
	w.put(entity.Event{Ref: ref(3), Relationships: partOf, Attributes: named("Name", "veth1", "Type", "veth")})
	w.put(entity.Event{Ref: host, Source: "dmi", Attributes: named("Vendor", "v")})
	return a, w.g.View()
}

func TestText(t *testing.T) {
	a, b := example()
	want := `~ node eth0 (device) on h1
    Alias: none -> ""
    MTU: 1500 -> 9000
    Ovs.Tag: 1 -> 2
    State: UP -> none
~ node h1 (host)
    @Origin: netlink -> dmi,netlink
    Vendor: none -> v
- node old\x1b[31m (veth) on h1
+ node veth1 (veth) on h1
- edge ownership h1 (host) -> old\x1b[31m (veth)
+ edge ownership h1 (host) -> veth1 (veth)
`
	if got := string(views(t, a, b, "").AppendText(nil, nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := views(t, a, a, "").AppendText(nil, nil); len(got) > 0 {
		t.Errorf("%s", got)
	}
	painted := views(t, a, b, "MTU").AppendText(nil, func(o Op) (string, string) { return "<" + o.String() + ">", "</>" })
	for _, want := range []string{"<changed>~ node eth0 (device) on h1</>\n", "MTU: <removed>1500</> -> <added>9000</>\n", "<removed>- node old"} {
		if !strings.Contains(string(painted), want) {
			t.Errorf("%q is missing in\n%s", want, painted)
		}
	}
}

func TestJSON(t *testing.T) {
	a, b := example()
	var d struct {
		Summary struct{ Nodes, Edges Summary }
		Nodes   []struct {
			Op   string
			Node struct{ ID string }
			Keys []struct {
				Key      string
				Old, New *entity.Value
			}
		}
		Edges []struct {
			Op            string
			Edge          struct{ Parent, Child string }
			Parent, Child struct{ Name, Type, Host string }
		}
	}
	data := encode(t, views(t, a, b, ""))
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Summary.Nodes != (Summary{1, 1, 2}) || d.Summary.Edges != (Summary{1, 1, 0}) || len(d.Nodes) != 4 || len(d.Edges) != 2 {
		t.Errorf("%s", data)
	}
	eth := d.Nodes[0]
	if eth.Op != "changed" || eth.Node.ID != ref(1).UUID().String() || len(eth.Keys) != 4 || eth.Keys[0].Old != nil || eth.Keys[3].New != nil || eth.Keys[2].Key != "Ovs.Tag" || eth.Keys[2].New.Int() != 2 {
		t.Errorf("%+v", eth)
	}
	if e := d.Edges[0]; e.Op != "removed" || e.Parent.Name != "h1" || e.Child.Type != "veth" || e.Child.Host != "h1" || e.Edge.Parent != entity.HostRef("h1").UUID().String() {
		t.Errorf("%+v", e)
	}
	if got := string(encode(t, &Diff{})); got != `{"summary":{"nodes":{"added":0,"removed":0,"changed":0},"edges":{"added":0,"removed":0,"changed":0}},"nodes":[],"edges":[]}` {
		t.Error(got)
	}
}

func TestSelection(t *testing.T) {
	a, b := example()
	for text, want := range map[string]string{
		"MTU":              "MTU",
		"Ovs":              "Ovs.Tag",
		"Ovs.Tag,State":    "Ovs.Tag State",
		"-Ovs,-@Origin":    "Alias MTU State Vendor",
		"*,-State":         "Alias MTU Ovs.Tag @Origin Vendor",
		"@Revision,MTU":    "@Revision MTU @Revision",
		"Nothing":          "",
		" MTU , -MTU":      "",
		"*,@UpdatedAt,-Ov": "@UpdatedAt Alias MTU Ovs.Tag State @Origin @UpdatedAt Vendor",
	} {
		var got []string
		for _, n := range views(t, a, b, text).Nodes {
			for _, k := range n.Keys {
				got = append(got, k.Key)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", text, got, want)
		}
	}
	sel, err := ParseSelection("Ovs.Tag")
	if err != nil {
		t.Fatal(err)
	}
	keys := Nodes(&graph.Node{}, &graph.Node{Attrs: named("Ovs", entity.Map(named("Mac", "aa", "Tag", 2)))}, sel)
	if len(keys) != 1 || keys[0].Key != "Ovs.Tag" || !keys[0].Old.IsZero() || keys[0].New.Int() != 2 {
		t.Errorf("a part of a map that came: %+v", keys)
	}
	for _, text := range []string{",", "a,,b", "-", strings.Repeat("k,", 200) + "k", strings.Repeat("k", 2000)} {
		if _, err := ParseSelection(text); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

func TestValues(t *testing.T) {
	a, b := entity.Map(named("x", 1, "y", entity.Map(named("z", 1)))), entity.Map(named("x", 1, "y", entity.Map(named("z", 2)), "w", "n"))
	keys := func(old, now entity.Value) (out []string) {
		for _, k := range Values("K", old, now) {
			out = append(out, k.Key+" "+text(k.Old)+" "+text(k.New))
		}
		return out
	}
	if got := keys(a, b); !slices.Equal(got, []string{"K.w none n", "K.y.z 1 2"}) {
		t.Errorf("%q", got)
	}
	if got := keys(entity.Int(1), entity.Value{}); !slices.Equal(got, []string{"K 1 none"}) {
		t.Errorf("%q", got)
	}
	if got := keys(a, a); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

func TestLimits(t *testing.T) {
	a, b := example()
	var limit *gremlin.LimitError
	if _, err := Views(t.Context(), a, b, Options{Elements: 3}); !errors.As(err, &limit) || limit.Limit != "results" {
		t.Errorf("%v", err)
	}
	if d, err := Views(t.Context(), a, b, Options{Elements: 6}); err != nil || len(d.Nodes)+len(d.Edges) != 6 {
		t.Errorf("%v", err)
	}
	w := newWorld()
	for i := range checkEvery {
		w.put(entity.Event{Ref: ref(i), Attributes: named("Name", "x")})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Views(ctx, newWorld().g.View(), w.g.View(), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	broken := errors.New("broken")
	if err := views(t, a, b, "").WriteJSON(writerFunc(func([]byte) (int, error) { return 0, broken })); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func results(t *testing.T, a, b *graph.View, text string) *Diff {
	t.Helper()
	q, err := gremlin.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	run := func(v *graph.View) *gremlin.Result {
		r, err := q.Run(t.Context(), v, gremlin.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	d, err := Results(t.Context(), run(a), run(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestResults(t *testing.T) {
	a, b := example()
	eth0, h1 := ref(1).UUID().String(), entity.HostRef("h1").UUID().String()
	for text, want := range map[string]string{
		"G.V().Has('Type','host').Out().Has('MTU', GT(0))": "~ node eth0 (device) on h1\n    Alias: none -> \"\"\n    MTU: 1500 -> 9000\n    Ovs.Tag: 1 -> 2\n    State: UP -> none\n",
		"G.V().Has('MTU', 1500)":                           "- node eth0 (device) on h1\n",
		"G.V().Has('Type','veth').Count()":                 "",
		"G.V().HasKey('State').Count()":                    "1 -> 0\n",
		"G.V().Values('Type')":                             "",
		"G.V().Both().Values('Name')":                      "- old\\x1b[31m\n+ veth1\n",
		"G.V().Both().Has('Type','host').Values('Vendor')": "+ v (2 times)\n",
		"G.E().Has('RelationType','ownership').Limit(99)":  "- edge ownership h1 (host) -> old\\x1b[31m (veth)\n+ edge ownership h1 (host) -> veth1 (veth)\n",
		"G.V().Has('Name','veth1').ShortestPathTo(Metadata('Type','host'))": "+ node h1 (host)\n+ node veth1 (veth) on h1\n" +
			fmt.Sprintf("+ [%q,%q]\n", ref(3).UUID(), h1),
		"G.V().Has('Name','eth0').ShortestPathTo(Metadata('Vendor','v'))": "+ node eth0 (device) on h1\n+ node h1 (host)\n" +
			fmt.Sprintf("+ [%q,%q]\n", eth0, h1),
	} {
		if got := string(results(t, a, b, text).AppendText(nil, nil)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", text, got, want)
		}
	}
	all, graphs := views(t, a, b, ""), results(t, a, b, "G")
	if got, want := encode(t, graphs), encode(t, all); !bytes.Equal(got, want) {
		t.Errorf("G: got\n%s\nwant\n%s", got, want)
	}
	for text, want := range map[string]string{
		"G.V().HasKey('State').Count()":                    `"number":{"old":1,"new":0}`,
		"G.V().Both().Has('Type','host').Values('Vendor')": `"values":[{"op":"added","value":"v","count":2}]`,
	} {
		if got := encode(t, results(t, a, b, text)); !strings.Contains(string(got), want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func FuzzSelection(f *testing.F) {
	for _, s := range []string{"MTU,State", "*,-Ovs", "@Revision", ",", "-", "Ovs.Tag"} {
		f.Add(s, "Ovs.Tag")
	}
	f.Fuzz(func(t *testing.T, text, key string) {
		s, err := ParseSelection(text)
		if err != nil {
			return
		}
		if len(s.with)+len(s.without) > maxKeys {
			t.Error("too many keys")
		}
		if slices.Contains(s.without, key) && s.covers(key) {
			t.Errorf("%q is chosen although it is left out", key)
		}
		if slices.Contains(s.with, key) && len(s.without) == 0 && !s.covers(key) {
			t.Errorf("%q is named and not chosen", key)
		}
	})
}

// BenchmarkViews compares 100,000 nodes and as many edges, of which 1,000 nodes
// differ: once views of one graph, which share what did not change, once such
// that share nothing.
func BenchmarkViews(b *testing.B) {
	fill := func(w *world) {
		for i := range 100_000 {
			e := entity.Event{Ref: ref(i), Attributes: named("Name", fmt.Sprint("veth", i), "Type", "veth", "MTU", 1500, "State", "UP", "IfIndex", i)}
			if i > 0 {
				e.Relationships = []entity.Relationship{link(i-1, nil)}
			}
			w.put(e)
		}
	}
	change := func(w *world) {
		for i := 0; i < 100_000; i += 100 {
			e := entity.Event{Ref: ref(i), Attributes: named("Name", fmt.Sprint("veth", i), "Type", "veth", "MTU", 9000, "State", "UP", "IfIndex", i)}
			if i > 0 {
				e.Relationships = []entity.Relationship{link(i-1, nil)}
			}
			w.put(e)
		}
	}
	one, other := newWorld(), newWorld()
	fill(one)
	fill(other)
	before, apart := one.g.View(), other.g.View()
	change(one)
	after := one.g.View()
	for name, a := range map[string]*graph.View{"shared": before, "apart": apart} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d, err := Views(b.Context(), a, after, Options{})
				if err != nil || len(d.Nodes) != 1000 || len(d.Edges) != 0 {
					b.Fatal(err, len(d.Nodes), len(d.Edges))
				}
			}
		})
	}
}
