package graphtext

import (
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/graph"
)

func load(t *testing.T, w *World, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		w.Now = w.Now.Add(time.Second)
		if _, err := w.Line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// TestLines has each kind of thing happen.
func TestLines(t *testing.T) {
	w := New(time.Unix(0, 0).UTC())
	var ops []string
	w.Changed = func(list []graph.Change) {
		for _, c := range list {
			ops = append(ops, c.Op.String())
		}
	}
	load(t, w, `# a host
host h CPUs=4
node a veth MTU=1500 Names=["x","y"] @Host=h
node b - Name=-

edge h -> a ownership
edge a -> b layer2 Type=veth`)
	load(t, w, "set\ta MTU=9000 Names=null Text=\"two words\"\nmetric a RxBytes=5\nset h Rack=1")
	v := w.View()
	if v.NodeCount() != 3 || v.EdgeCount() != 2 {
		t.Fatalf("%d nodes, %d edges", v.NodeCount(), v.EdgeCount())
	}
	a := v.Node(w.Events["a"].Ref.UUID())
	if got := string(a.Attrs.AppendJSON(nil)); !strings.HasPrefix(got, `{"MTU":9000,"Name":"a","TID":"`) || !strings.HasSuffix(got, `","Text":"two words","Type":"veth"}`) || a.Host != "h" {
		t.Errorf("a is %s of %s", got, a.Host)
	}
	if a.Metric.IsZero() {
		t.Error("a has no counters")
	}
	if b := v.Node(w.Events["b"].Ref.UUID()); len(b.Attrs) != 0 && b.Attrs.Has("Name") {
		t.Errorf("b is %s", b.Attrs.AppendJSON(nil))
	}
	text, err := w.Expand("$(a) and $(a>b:layer2)")
	if want := a.ID.String() + " and " + w.Edges["a>b:layer2"].String(); err != nil || text != want {
		t.Errorf("expanded to %q, %v", text, err)
	}
	if w.Names[a.ID] != "a" || w.Names[w.Edges["a>b:layer2"]] != "a>b:layer2" {
		t.Error("names are not known by ID")
	}
	load(t, w, "unlink a -> b layer2\ndelete b\nclock 1000\nstale a")
	v = w.View()
	if !v.Node(a.ID).Stale || v.EdgeCount() != 1 || v.NodeCount() != 2 {
		t.Errorf("stale %v, %d edges, %d nodes", v.Node(a.ID).Stale, v.EdgeCount(), v.NodeCount())
	}
	if w.Now.Before(time.Unix(1000, 0)) {
		t.Errorf("it is %s", w.Now)
	}
	if all := strings.Join(ops, " "); !strings.Contains(all, "node_added") || !strings.Contains(all, "node_updated") || !strings.Contains(all, "edge_deleted") || !strings.Contains(all, "node_deleted") {
		t.Errorf("changes: %s", all)
	}
}

// TestSame joins two nodes.
func TestSame(t *testing.T) {
	w := New(time.Unix(0, 0))
	load(t, w, "same ovs veth Port\nnode v veth Port=1\nnode o ovs Port=1")
	if n := w.View().NodeCount(); n != 1 {
		t.Errorf("%d nodes", n)
	}
}

// TestMistakes says what is wrong with lines.
func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"nod a":                "it is no line that is known; there are node,",
		"edge a -> b":          "it is no line that is known",
		"edge a -> b layer2":   "there is no node b yet",
		"edge x -> a layer2":   "there is no node x yet",
		"unlink x -> a l":      "there is no node x yet",
		"unlink a -> x l":      "there is no node x yet",
		"set x A=1":            "there is no node x yet",
		"set a A":              `"A" is not KEY=VALUE`,
		"set a @Host=b":        "@Host cannot be set",
		"set a A=[1":           "unbalanced",
		`set a A={"x":}`:       "",
		"metric x A=1":         "there is no node x yet",
		"metric a A":           `"A" is not KEY=VALUE`,
		"stale x":              "there is no node x yet",
		"delete x":             "there is no node x yet",
		"clock soon":           "soon",
		"node a veth =1":       "is not KEY=VALUE",
		"edge a -> a layer2 x": "is not KEY=VALUE",
	} {
		w := New(time.Unix(0, 0))
		load(t, w, "node a")
		some, err := w.Line(line)
		if !some || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
	if _, err := New(time.Unix(0, 0)).Expand("$(a)"); err == nil {
		t.Error("what is not there was expanded")
	}
	if err := New(time.Unix(0, 0)).Do(nil); err == nil {
		t.Error("an empty line was taken")
	}
}
