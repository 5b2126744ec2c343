package fabric

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/graph"
)

// hosts is a graph of n hosts, each with an eth0 and an eth1.
func hosts(n int) *graph.Graph {
	g := graph.New(graph.DefaultConfig())
	put := func(ref entity.Ref, owner *entity.Ref, attrs ...entity.Attr) {
		e := entity.Event{Ref: ref, Source: "netlink", Time: time.Unix(1, 0), Attributes: entity.Attrs(attrs).Normalize()}
		if owner != nil {
			e.Relationships = []entity.Relationship{{Type: entity.RelPartOf, Target: *owner}}
		}
		p := g.Prepare(&e, 0)
		g.Apply(&p, time.Unix(1, 0), nil)
	}
	for i := range n {
		name := fmt.Sprint("h", i)
		host := entity.HostRef(name)
		put(host, nil, entity.A("Name", entity.String(name)), entity.A("Type", entity.String("host")),
			entity.A("Rack", entity.Int(int64(i%2))), entity.A("Tags", entity.Strings("a", name)))
		for j := range 2 {
			put(entity.InterfaceRef(name, "1", fmt.Sprint(j)), &host, entity.A("Name", entity.String(fmt.Sprint("eth", j))), entity.A("Type", entity.String("device")))
		}
	}
	return g
}

// apply puts the events of a network into the graph and returns its part of the
// graph as lines.
func apply(g *graph.Graph, n *Network) (out []string, problems []error) {
	events, problems := n.Events(g.View())
	for i := range events {
		events[i].Time = time.Unix(2, 0)
		p := g.Prepare(&events[i], 0)
		g.Apply(&p, time.Unix(2, 0), nil)
	}
	v := g.View()
	name := func(slot int32) string {
		n := v.NodeAt(slot)
		if n.Host != "" && n.Attrs.Get("Type").Str() != "host" {
			return n.Host + "/" + n.Attrs.Get("Name").Str()
		}
		return n.Attrs.Get("Name").Str()
	}
	for n := range v.Nodes() {
		if n.Origin == Source {
			out = append(out, string(n.Attrs.AppendJSON(nil)))
		}
	}
	for e := range v.Edges() {
		if e.Origin == Source {
			out = append(out, fmt.Sprintf("%s -%s-> %s %s", name(e.ParentSlot), e.RelationType, name(e.ChildSlot), e.Attrs.AppendJSON(nil)))
		}
	}
	slices.Sort(out)
	return out, problems
}

func TestNetwork(t *testing.T) {
	for name, x := range map[string]struct{ lines, want string }{
		"ownership": {"TOR1[Name=tor1] -> PORT1[MTU=1500,Type=switchport]", `
			tor1 -layer2-> PORT1 {"Type":"fabric"}
			tor1 -ownership-> PORT1 {}
			{"MTU":1500,"Name":"PORT1","Probe":"fabric","Type":"switchport"}
			{"Name":"tor1","Probe":"fabric","Type":"device"}`},
		"layer2": {"A --> [Color=blue] B\nA[X=1]", `
			A -layer2-> B {"Color":"blue","Type":"fabric"}
			{"Name":"A","Probe":"fabric","Type":"device","X":1}
			{"Name":"B","Probe":"fabric","Type":"device"}`},
		"said twice, more of it": {"A --> B\nA -> [Type=fiber] B\nB[Y=2] ", `
			A -layer2-> B {"Type":"fiber"}
			A -ownership-> B {}
			{"Name":"A","Probe":"fabric","Type":"device"}
			{"Name":"B","Probe":"fabric","Type":"device","Y":2}`},
		"child of a host": {"P --> *[Type=host,Name=h1]/eth0", `
			P -layer2-> h1/eth0 {"Type":"fabric"}
			{"Name":"P","Probe":"fabric","Type":"device"}`},
		"any host, never owned": {"P -> *[Type=host]/eth1", `
			P -layer2-> h0/eth1 {"Type":"fabric"}
			P -layer2-> h1/eth1 {"Type":"fabric"}
			P -layer2-> h2/eth1 {"Type":"fabric"}
			{"Name":"P","Probe":"fabric","Type":"device"}`},
		"number and list": {"P --> *[Rack=1]\nQ --> *[Tags=h2,Rack=\"0\"]", `
			P -layer2-> h1 {"Type":"fabric"}
			Q -layer2-> h2 {"Type":"fabric"}
			{"Name":"P","Probe":"fabric","Type":"device"}
			{"Name":"Q","Probe":"fabric","Type":"device"}`},
		"match above": {"*[Name=h0] -> P\n*[Name=h1]/eth0 --> P", `
			h0 -layer2-> P {"Type":"fabric"}
			h0 -ownership-> P {}
			h1/eth0 -layer2-> P {"Type":"fabric"}
			{"Name":"P","Probe":"fabric","Type":"device"}`},
		"nothing matches": {"P --> *[Type=host]/eth9\nP --> *[Name=P]", `{"Name":"P","Probe":"fabric","Type":"device"}`},
	} {
		t.Run(name, func(t *testing.T) {
			n := NewNetwork()
			require.Empty(t, n.Add(Split(x.lines)))
			got, problems := apply(hosts(3), n)
			require.Empty(t, problems)
			for i := range got {
				if at := strings.Index(got[i], `,"TID"`); at > 0 { // owned by a host
					got[i] = got[i][:at] + got[i][strings.Index(got[i], `,"Type":"dev`):]
				}
			}
			var want []string
			for _, l := range strings.Split(x.want, "\n") {
				if l = strings.TrimSpace(l); l != "" {
					want = append(want, l)
				}
			}
			require.Equal(t, want, got)
		})
	}
}

func TestMalformedLinesDoNotHarmOthers(t *testing.T) {
	n := NewNetwork()
	mistakes := n.Add([]string{"A -> B", "A ->", "", "A[MTU=1] --> C", "A[MTU=2] --> D", "B -> [k=1] E", "B --> [k=2] E", "F --> G"})
	var got []string
	for _, e := range mistakes {
		got = append(got, e.Error())
	}
	require.Equal(t, []string{
		"line 2, column 5: found the end of the line, want a node, for example TOR1[Name=tor1] or *[Type=host]/eth0",
		"line 5, column 1: node A has MTU=1 already; say it once, or the same each time",
		"line 7, column 13: the join B --> E has k=1 already; say it once, or the same each time",
	}, got)
	require.Equal(t, 6, n.Nodes(), "A B C E F G")
	require.False(t, n.Matches())
	require.Empty(t, n.Add([]string{"H --> *[a=b]"}))
	require.True(t, n.Matches())
}

func TestTooManyMatches(t *testing.T) {
	n := NewNetwork()
	require.Empty(t, n.Add([]string{"P --> *[Type=host]/eth0", "P --> Q"}))
	got, problems := apply(hosts(MaxMatches+1), n)
	require.Len(t, problems, 1)
	require.ErrorContains(t, problems[0], "*[Type=host]/eth0 matches more than 10000 nodes")
	require.Len(t, got, 3)
}

func TestSpec(t *testing.T) {
	for want, s := range map[string]Spec{
		"there are no lines":    {},
		"1001 lines, more than": {Lines: make([]string, 1001)},
		"line 2, column 5":      {Lines: []string{"A -> B", "A ->"}},
		"(and 1 more)":          {Lines: []string{"x y", "A ->"}},
		"B has k=1 already":     {Lines: []string{"A -> B[k=1]", "B[k=2]"}},
	} {
		require.ErrorContains(t, s.Validate(), want)
	}
	require.NoError(t, (&Spec{Lines: []string{"# TOR", "A -> B"}}).Validate())
	require.Equal(t, []string{"a", "", "b"}, Split("a\r\n\r\nb\n\n"))
}

// FuzzEvents: whatever a network says can be put into a graph.
func FuzzEvents(f *testing.F) {
	f.Add("TOR1[Name=tor1] -> PORT1[MTU=1500]\nPORT1 --> *[Type=host]/eth0\n*[Rack=1] -> X")
	f.Fuzz(func(t *testing.T, text string) {
		n := NewNetwork()
		n.Add(Split(text))
		events, _ := n.Events(hosts(2).View())
		for i := range events {
			events[i].Time = time.Unix(1, 0)
			if err := events[i].Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
