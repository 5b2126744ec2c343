package rulefile

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/alert"
)

const good = `# graph rules
groups:
  - name: links
    interval: 30s
    limit: 100
    labels: {team: net}
    rules:
      - alert: InterfaceDown
        expr: G.V().Has('Type', 'device', 'State', 'DOWN')
        was: G.V().Has('State', 'UP')
        for: 10s
        keep_firing_for: 1m
        limit: 50
        labels: {severity: warning}
        annotations:
          summary: '{{ .Name }} of {{ .Host }} is down'
      - alert: MTUChanged
        expr: G.V()
        changed: [MTU]
        keep_firing_for: 1h30m
      - {alert: NoGateway, expr: "G.V().Has('Name', 'gw')", absent: true}
`

func TestParse(t *testing.T) {
	groups, err := Parse([]byte(good))
	require.NoError(t, err)
	require.Equal(t, []alert.Group{{
		Name: "links", Interval: 30 * time.Second, Limit: 100, Labels: map[string]string{"team": "net"},
		Rules: []alert.Rule{
			{
				Alert: "InterfaceDown", Expr: "G.V().Has('Type', 'device', 'State', 'DOWN')", Was: "G.V().Has('State', 'UP')",
				For: 10 * time.Second, KeepFiringFor: time.Minute, Limit: 50, Labels: map[string]string{"severity": "warning"},
				Annotations: map[string]string{"summary": "{{ .Name }} of {{ .Host }} is down"},
			},
			{Alert: "MTUChanged", Expr: "G.V()", Changed: []string{"MTU"}, KeepFiringFor: 90 * time.Minute},
			{Alert: "NoGateway", Expr: "G.V().Has('Name', 'gw')", Absent: true},
		},
	}}, groups)
	for _, text := range []string{"", "# nothing\n", "groups: []"} {
		groups, err := Parse([]byte(text))
		require.NoError(t, err)
		require.Empty(t, groups)
	}
}

// TestMistakes says what is wrong, and in which line.
func TestMistakes(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"alert: InterfaceDown", "record: x", "line 8: record: graph rules record nothing"},
		{"alert: InterfaceDown", "allert: x", "line 8: there is no field allert; a rule has alert, expr,"},
		{"limit: 100", "partial: 1", "line 5: there is no field partial; a group has name,"},
		{"groups:", "group:", "there is no field group; the file has the field groups"},
		{"for: 10s", "for: ten", `line 11: "ten" is no duration; give one such as 30s`},
		{"for: 10s", "for: -1s", `line 11: "-1s" is no duration`},
		{"limit: 50", "limit: many", "line 13: `many` cannot be used here; give a whole number"},
		{"limit: 50", "limit: -5", "line 13: limit: -5 is not between 0 and 10000"},
		{"limit: 100", "limit: 100000", "line 5: limit: 100000 is not between"},
		{"interval: 30s", "interval: 10ms", "line 4: interval: 10ms is not between 1s and a year"},
		{"[MTU]", "{MTU: 1}", "line 19: a mapping cannot be used here; give a list of keys"},
		{"'DOWN')", "'DOWN'", "line 9: expr: line 1, column"},
		{"G.V().Has('State', 'UP')", "G.E()", "line 10: was: it gives edges, but expr gives nodes"},
		{"G.V().Has('State', 'UP')", "G.Foo()", "line 10: was: line 1, column"},
		{"{{ .Name }}", "{{ .Nme }}", "line 16: annotations.summary: there is no .Nme; there are ."},
		{"{{ .Name }}", "{{ .Name }", "line 16: annotations.summary: line 1: "},
		{"severity: warning", `"a-b": c`, "line 14: labels.a-b: it is no name"},
		{"severity: warning", `alertname: c`, "line 14: labels.alertname: this label is the name of the rule"},
		{"team: net", `__x: c`, "line 6: labels.__x: names that begin with __"},
		{"keep_firing_for: 1h30m", "for: 1m", "line 20: for: a change happens at once"},
		{"limit: 50", "keep_gone_for: 1m", "line 13: keep_gone_for: it has to be longer than keep_firing_for, 1m0s"},
		{"keep_firing_for: 1h30m", "limit: 1", "line 17: keep_firing_for: say for how long a change is an alert"},
		{"absent: true", "absent: true, was: G.V()", "line 21: was: absent is about what is nowhere"},
		{`"G.V().Has('Name', 'gw')"`, `"G.V().Count()"`, "line 21: expr: a number is always there; add Is(GT(0))"},
		{"name: links", "name: ''", "line 3: name: the group has no name"},
		{"# graph rules\n", "---\n---\n", "more than one document"},
		{"      - {alert: NoGateway,", "  - {name: links}\n  - {alert: NoGateway,", "there is no field alert; a group has"},
		{"      - {alert: NoGateway, expr: \"G.V().Has('Name', 'gw')\", absent: true}", "  - {name: links}", "line 21: name: there are two groups links"},
		{"- alert: InterfaceDown", "- alert: '", "did not find expected key"},
	} {
		require.Contains(t, good, tc.old)
		_, err := Parse([]byte(strings.Replace(good, tc.old, tc.new, 1)))
		require.Error(t, err, tc.new)
		require.Contains(t, err.Error(), tc.want, "%s", tc.new)
	}
}

// TestAllMistakes tells several at once, each once, and no more than some.
func TestAllMistakes(t *testing.T) {
	text := strings.NewReplacer("for: 10s", "limit: -1\n        for: 10s", "limit: 50", "changed: ['']", "team: net", "a-b: c").Replace(good)
	_, err := Parse([]byte(text))
	require.Error(t, err)
	lines := strings.Split(err.Error(), "\n")
	require.Contains(t, err.Error(), "labels.a-b")
	require.Contains(t, err.Error(), `"" is no key`)
	require.Contains(t, err.Error(), "limit: -1")
	for i, l := range lines {
		require.NotContains(t, lines[:i], l)
	}
	_, err = Parse([]byte("groups:\n  - name: a\n    rules:\n" + strings.Repeat("      - {alert: A, expr: X}\n", 50)))
	require.Error(t, err)
	require.Equal(t, maxMistakes+1, len(strings.Split(err.Error(), "\n")))
	require.Contains(t, err.Error(), "and 30 more")
}

// FuzzParse reads files: none makes a panic, and what is read compiles and is
// bounded.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("groups: [{name: a, rules: [{alert: A, expr: G.V(), labels: &x {a: '{{ . }}'}, annotations: *x}]}]"))
	f.Add([]byte("groups: [{name: &a x, labels: {b: *a}, rules: [{record: r, expr: G}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		groups, err := Parse(data)
		if err != nil {
			if err.Error() == "" || groups != nil {
				t.Fatalf("groups %v beside error %q", groups, err)
			}
			return
		}
		for i := range groups {
			for k := range groups[i].Rules {
				c, err := alert.Compile(&groups[i], &groups[i].Rules[k])
				if err != nil {
					t.Fatal(err)
				}
				if c.Rule.Limit < 1 {
					t.Fatal("a rule without limit")
				}
			}
		}
	})
}
