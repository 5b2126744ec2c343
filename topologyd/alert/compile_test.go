package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/graph/graphtext"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func world(t testing.TB, lines ...string) *graphtext.World {
	t.Helper()
	w := graphtext.New(start)
	for _, line := range lines {
		w.Now = w.Now.Add(time.Second)
		_, err := w.Line(line)
		require.NoError(t, err, line)
	}
	return w
}

// TestSubjects gives what each kind of result is made of, with the labels.
func TestSubjects(t *testing.T) {
	w := world(t, "host h", "node a veth MTU=1500 MAC=aa @Host=h", "node b veth MTU=1500 MAC=aa @Host=h2 Tags=[1,2]", "edge h -> a ownership", "edge a -> b layer2")
	for _, tc := range []struct {
		expr string
		rule Rule
		want []string
	}{
		{expr: "G.V().Has('Type', 'veth')", want: []string{"node a {host=h, name=a, type=veth}", "node b {host=h2, name=b, type=veth}"}},
		{expr: "G.E().Has('RelationType', 'layer2')", want: []string{"edge layer2 {child=b, host=h2, parent=a, relation=layer2}"}},
		{expr: "G.V().Has('Name', 'a').ValueMap('Name', 'MTU')", want: []string{`row a {MTU=1500, Name=a}`}},
		{
			expr: "G.V().Has('Name', 'b').ValueMap('Name', 'MTU', 'Tags')", rule: Rule{Labels: map[string]string{"MTU": "", "size": "{{ .Value.MTU }}"}},
			want: []string{`row b {Name=b, size=1500}`},
		},
		{expr: "G.V().HasKey('MAC').Group('MAC').MoreThan(1)", want: []string{"group aa {key=aa}"}},
		{expr: "G.V().Values('MTU')", want: []string{"value 1500 {value=1500}", "value 1500 {value=1500}"}},
		{expr: "G.V().Count().Is(3)", want: []string{"measure  {}"}},
		{expr: "G.V().Count().Is(4)"},
		{expr: "G.V().Has('Name', 'h').ShortestPathTo(METADATA('Name', 'b'))", want: []string{"path h to a to b {child=b, parent=h}"}},
		{expr: "G.V().Has('Name', WITHIN('a', 'b')).SubGraph()", want: []string{
			"edge layer2 {child=b, host=h2, parent=a, relation=layer2}", "node a {host=h, name=a, type=veth}", "node b {host=h2, name=b, type=veth}",
		}},
	} {
		tc.rule.Expr = tc.expr
		c := compiled(t, tc.rule)
		r, err := c.Query.Run(t.Context(), w.View(), gremlin.Limits{})
		require.NoError(t, err, tc.expr)
		var got []string
		for s := range c.Subjects(r) {
			labels, err := c.labelsOf(s, &External{})
			require.NoError(t, err)
			require.Equal(t, "A", labels["alertname"])
			delete(labels, "alertname")
			if s.Node != nil || s.Edge != nil {
				require.Equal(t, s.Key, labels["id"])
				delete(labels, "id")
			}
			name := (&Thing{subject: s}).Name()
			o := object{}
			for k, v := range labels {
				o[k] = v
			}
			got = append(got, fmt.Sprintf("%s %s {%s}", s.Kind, name, o))
		}
		slices.Sort(got)
		require.Equal(t, tc.want, got, tc.expr)
	}
}

// TestIdentityOfRows: columns that may change, or whose label is removed, do not
// tell rows apart.
func TestIdentityOfRows(t *testing.T) {
	keys := func(c *Compiled, mtu string) (out []string) {
		r, err := c.Query.Run(t.Context(), world(t, "node a veth MTU="+mtu).View(), gremlin.Limits{})
		require.NoError(t, err)
		for s := range c.Subjects(r) {
			out = append(out, s.Key)
		}
		return out
	}
	const expr = "G.V().ValueMap('Name', 'MTU')"
	for _, tc := range []struct {
		rule Rule
		same bool
	}{
		{Rule{Expr: expr}, false},
		{Rule{Expr: expr, Labels: map[string]string{"MTU": ""}}, true},
		{Rule{Expr: expr, Changed: []string{"MTU"}, KeepFiringFor: time.Minute}, true},
	} {
		c := compiled(t, tc.rule)
		require.Equal(t, tc.same, slices.Equal(keys(c, "1"), keys(c, "2")))
	}
}

// TestFlowsAndGroupsOfThem have subjects, too.
func TestFlowsAndGroupsOfThem(t *testing.T) {
	c := compiled(t, Rule{Expr: "G.Flows()"})
	require.True(t, c.FlowQuery())
	s := flowSubject(&flowrecord.Record{ID: idOf("f"), HostID: "h", Application: "DNS"})
	labels, err := c.labelsOf(s, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"alertname": "A", "id": s.Key, "host": "h", "application": "DNS"}, labels)
	g := groupSubject(&gremlin.Result{}, &gremlin.Group{Name: "x", Kind: gremlin.KindFlows, Flows: make([]*flowrecord.Record, 0)})
	require.Zero(t, g.Size)
}

// TestHowRulesAreEvaluated tells which can be followed.
func TestHowRulesAreEvaluated(t *testing.T) {
	for _, tc := range []struct {
		rule            Rule
		followed, flows bool
	}{
		{Rule{Expr: "G.V().Has('State', 'DOWN')", Was: "G.V().Has('State', 'UP')"}, true, false},
		{Rule{Expr: "G.E().Has('A', 1)", Absent: true}, true, false},
		{Rule{Expr: "G.V().Count().Is(GT(1))"}, false, false},
		{Rule{Expr: "G.V().Group().MoreThan(1)"}, false, false},
		{Rule{Expr: "G.Flows().Has('Application', 'DNS').Nodes()"}, false, true},
		{Rule{Expr: "G.At('-1h').V()"}, false, false},
		{Rule{Expr: "G.V()", Was: "G.At('-1h').V()"}, false, false},
	} {
		c := compiled(t, tc.rule)
		require.Equal(t, tc.followed, c.Followable(), tc.rule.Expr)
		require.Equal(t, tc.flows, c.FlowQuery(), tc.rule.Expr)
	}
}

// TestCompileRefuses says what is wrong, with the field.
func TestCompileRefuses(t *testing.T) {
	for want, rule := range map[string]Rule{
		"alert: the rule has no name":                           {Expr: "G.V()"},
		"expr: there is no query":                               {Alert: "A", Expr: " "},
		"expr: line 1, column 3":                                {Alert: "A", Expr: "G.X()"},
		"expr: the query gives metrics, which cannot be alerts": {Alert: "A", Expr: "G.V().Metrics()"},
		"expr: a number is always there":                        {Alert: "A", Expr: "G.V().Count()"},
		"was: what a thing was is known of nodes and edges":     {Alert: "A", Expr: "G.V().Values('A')", Was: "G.V().Values('A')"},
		"was: it cannot ask for flows":                          {Alert: "A", Expr: "G.V()", Was: "G.Flows().Nodes()"},
		"changed: what changes is told of nodes":                {Alert: "A", Expr: "G.V().Values('A')", Changed: []string{"A"}, KeepFiringFor: 1},
		"for: 8785h0m0s is not between":                         {Alert: "A", Expr: "G.V()", For: 8785 * time.Hour},
		"changed: absent is about":                              {Alert: "A", Expr: "G.V()", Absent: true, Changed: []string{"A"}, KeepFiringFor: 1},
		`annotations.9: it is no name`:                          {Alert: "A", Expr: "G.V()", Annotations: map[string]string{"9": ""}},
	} {
		_, err := Compile(&Group{Name: "g"}, &rule)
		require.ErrorContains(t, err, want)
		require.NotEmpty(t, Mistakes(err))
		for _, e := range Mistakes(err) {
			require.NotEmpty(t, e.Field)
			require.Equal(t, -1, e.Rule)
		}
	}
	require.Nil(t, Mistakes(nil))
	require.NoError(t, (&Group{Name: "g", Labels: map[string]string{"a": "b"}}).Validate())
	c, err := Compile(&Group{Name: "g", Limit: 7, Labels: map[string]string{"a": "g", "b": "g"}}, &Rule{Alert: "A", Expr: "G.V()", Labels: map[string]string{"a": "r"}})
	require.NoError(t, err)
	require.Equal(t, 7, c.Rule.Limit)
	require.Equal(t, map[string]string{"a": "r", "b": "g"}, c.Rule.Labels)
	require.Equal(t, maxLimit, compiled(t, Rule{}).Rule.Limit)
}

// TestChangesOf tells what a change of the graph changed.
func TestChangesOf(t *testing.T) {
	w := world(t)
	var last []graph.Change
	w.Changed = func(list []graph.Change) { last = list }
	for _, line := range []string{"node a veth MTU=1 In={\"x\":1} IPV4=[\"::1\"]", "set a MTU=2 In={\"x\":2} State=UP IPV4=[\"::1\",\"::2\"] Long=" + strings.Repeat("x", 2*maxBrief)} {
		w.Now = w.Now.Add(time.Second)
		_, err := w.Line(line)
		require.NoError(t, err)
	}
	require.Len(t, last, 1)
	s := ChangeSubject(&last[0], w.View())
	require.Equal(t, []Change{{"IPV4", "::1", "::1, ::2"}, {"In.x", "1", "2"}, {"Long", "", strings.Repeat("x", maxBrief)}, {"MTU", "1", "2"}, {"State", "", "UP"}}, s.Changed)
	require.Empty(t, ChangesOf(&graph.Change{Node: last[0].Node}))
	require.Equal(t, "a", (&Thing{subject: s}).Name())
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "LLDP.PVID": "LLDP_PVID", "9a": "_9a", "": "", "é": "__", "a-b": "a_b"} {
		require.Equal(t, want, sanitize(in))
		require.Equal(t, in != "" && in == want, isLabelName(in))
	}
	long := brief(string(make([]byte, maxBrief-1)) + "éé")
	require.Len(t, long, maxBrief-1)
	for _, s := range []State{Pending, Firing, Resolved} {
		got, ok := ParseState(s.String())
		require.True(t, ok)
		require.Equal(t, s, got)
	}
}

// BenchmarkReset takes a whole result of a rule with many alerts again.
func BenchmarkReset(b *testing.B) {
	m := NewMachine(compiled(b, Rule{Annotations: map[string]string{"summary": "{{ .Name }} of {{ .Host }} is {{ .State | toLower }}"}}))
	all := make([]*Subject, 1000)
	for i := range all {
		all[i] = node(fmt.Sprint(i), "State", "DOWN", "Type", "device")
	}
	for b.Loop() {
		m.Reset(start, slices.Values(all))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/alert")
}
