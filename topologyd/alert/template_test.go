package alert

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/graph"
)

// things are one of each kind that templates may have.
func things(t testing.TB) map[string]*Thing {
	host := graph.Node{ID: idOf("h"), Host: "web-1", Attrs: entity.Attrs{entity.A("Type", entity.String("host"))}}
	eth := node("eth0", "Type", "device", "State", "DOWN", "TID", "7")
	eth.Node.Host = "web-1"
	eth.Node.Attrs = append(eth.Node.Attrs,
		entity.A("LLDP", entity.Map(entity.Attrs{entity.A("PVID", entity.Int(7))})),
		entity.A("IPV4", entity.Strings("10.0.0.1/24", "10.0.1.1/24"))).Normalize()
	eth.Changed = []Change{{"State", "UP", "DOWN"}, {"MTU", "", "9000"}}
	edge := &Subject{Key: idOf("e").String(), Kind: OfEdge, Parent: &host, Child: eth.Node, Edge: &graph.Edge{
		ID: idOf("e"), RelationType: "ownership", Attrs: entity.Attrs{entity.A("Weight", entity.Int(3))},
	}}
	row, err := entity.ParseJSON(`{"Name":"r","host":"web-1","Rate":12345678.5,"Up":true,"List":[1,"a"],"LLDP.PVID":9,"In":{"a":1}}`)
	require.NoError(t, err)
	out := map[string]*Thing{
		"node":    {subject: eth},
		"edge":    {subject: edge},
		"row":     {subject: compiled(t, Rule{Expr: "G.V().ValueMap('Name')"}).valueSubject(row)},
		"group":   {subject: &Subject{Key: "aa", Kind: OfGroup, Members: []*Subject{eth, node("eth1")}, Size: 7}},
		"value":   {subject: &Subject{Key: "5", Kind: OfValue, Value: entity.Int(5)}},
		"flow":    {subject: flowSubject(&flowrecord.Record{ID: idOf("f"), HostID: "web-2", Application: "DNS"}), flows: flowrecord.NewTable()},
		"path":    {subject: &Subject{Key: "1 2 3", Kind: OfPath, Value: entity.Strings("a", "b", "c"), Parent: node("a").Node, Child: node("c").Node}},
		"measure": {subject: &Subject{Kind: OfMeasure, Value: entity.Float(2.5)}},
		"absent":  {subject: &Subject{Kind: OfAbsent}},
		"nothing": {},
	}
	for _, x := range out {
		x.labels = map[string]string{"alertname": "A", "host": "web-1"}
		x.external = &External{Labels: map[string]string{"site": "paris"}, URL: "http://skein", HostName: func(id string) string { return map[string]string{"web-1": "front"}[id] }}
	}
	return out
}

// TestTemplates expands templates on each kind of thing.
func TestTemplates(t *testing.T) {
	all := things(t)
	for _, tc := range []struct{ thing, text, want string }{
		{"node", "plain", "plain"},
		{"node", "{{ .Name }} {{ .Type }} {{ .Host }} {{ .State }} {{ .TID }} {{ .Kind }}", "eth0 device web-1 DOWN 7 node"},
		{"node", "{{ . }} {{ $value }} {{ .ID }}", "eth0 1 " + idOf("eth0").String()},
		{"node", `{{ .Get "LLDP.PVID" }}|{{ .Get "None" }}|{{ .Get "IPV4" }}`, "7||10.0.0.1/24, 10.0.1.1/24"},
		{"node", "{{ range .Changed }}{{ .Key }}: {{ .Old }} → {{ .New }}; {{ end }}", "State: UP → DOWN; MTU:  → 9000; "},
		{"node", "{{ $labels.host }} {{ .Labels.alertname }} {{ $externalLabels.site }} {{ $externalURL }}", "web-1 A paris http://skein"},
		{"node", "{{ .Parent }}{{ .Parent.Name }}{{ .Child.Host }}{{ .Child.HostName }}{{ .Parent.Labels }}", "map[]"},
		{"node", "{{ .HostName }} {{ with .Host }}{{ $.HostName }}{{ end }}", "front front"},
		{"edge", "{{ .HostName }} {{ .Parent.HostName }}", "front front"},
		{"row", "{{ .Host }} {{ .HostName }}", "web-1 front"},
		{"group", "{{ .HostName }}{{ range .Members }}{{ .HostName }};{{ end }}", "front;;"},
		{"flow", "{{ .HostName }}", "web-2"},
		{"nothing", "{{ .HostName }}", ""},
		{"node", "{{ with .Members }}{{ end }}{{ if eq .State `DOWN` }}down{{ else }}up{{ end }}", "down"},
		{"edge", "{{ .Name }} {{ .Relation }} {{ .Parent.Type }} {{ .Child.Name }} {{ .Host }} {{ .Get `Weight` }}", "ownership ownership host eth0 web-1 3"},
		{"row", "{{ .Name }} {{ humanize .Value.Rate }} {{ .Value.Up }} {{ .Value.List }} {{ .Get `LLDP.PVID` }} {{ .Value.In }} {{ .Get `In.a` }}", "r 12.35M true [1 a] 9 a=1 1"},
		{"group", "{{ .Key }} {{ .Size }} {{ $value }} {{ join `, ` .Members }} {{ range first 1 .Members }}{{ .Host }}{{ end }}", "aa 7 7 eth0, eth1 web-1"},
		{"value", "{{ .Value }} {{ if gt $value 3 }}much{{ end }}", "5 much"},
		{"flow", "{{ .Get `Application` }} {{ .Host }}", "DNS web-2"},
		{"measure", "{{ .Value }} {{ $value | humanizePercentage }}", "2.5 250%"},
		{"absent", "{{ $value }}{{ .Name }}", "0"},
		{"nothing", "{{ .Name }}{{ .ID }}{{ .Members }}{{ .Value }}{{ .Size }}", "[]0"},
		{"node", `{{ humanize 1234567 }} {{ humanize "0.0021" }} {{ humanize 0 }} {{ humanize "NaN" }} {{ humanize -5000 }}`, "1.235M 2.1m 0 NaN -5k"},
		{"node", `{{ humanizeBytes 1536 }} {{ humanizeBytes 12 }} {{ humanize1024 1536 }} {{ humanizeBytes "1099511627776" }}`, "1.5 KiB 12 B 1.5ki 1 TiB"},
		{"node", `{{ humanizeDuration 90061 }} {{ humanizeDuration 3723 }} {{ humanizeDuration 63 }} {{ humanizeDuration 1.5 }} {{ humanizeDuration 0.02 }} {{ humanizeDuration 0 }} {{ humanizeDuration -61 }}`, "1d 1h 1m 1s 1h 2m 3s 1m 3s 1.5s 20ms 0s -1m 1s"},
		{"node", `{{ title "two words" }} {{ toUpper "a" }} {{ toLower "A" }} {{ match "^e" .Name }} {{ reReplaceAll "(e)(t)" "$2$1" .Name }}`, "Two Words A a true teh0"},
		{"node", `{{ queryEscape "a b&c" }} {{ pathEscape "a/b" }} {{ urlquery "a b" }} {{ html "<" }} {{ js "'" }}`, `a+b%26c a%2Fb a+b &lt; \'`},
		{"node", `{{ print 1 2 }}{{ print .Name }}{{ println "x" }}{{ printf "%s-%03d" .Name 7 }}`, "1 2eth0x\neth0-007"},
		{"node", "{{ range $i, $x := .Changed }}{{ if $i }}{{ break }}{{ end }}{{ $x.Key }}{{ end }}", "State"},
		{"node", "{{ printf `%v %+v %#v %q` . . . .Value }}", "eth0 eth0 \"eth0\" \"\""},
		{"edge", "{{ printf `%s-%10s-%x` .Child .Child .Child }}", "eth0-      eth0-65746830"},
		{"path", "{{ .Name }}, {{ .Child.Name }}", "a to b to c, c"},
		{"node", "a\xffb", "a\ufffdb"},
		{"node", "{{ printf `%c` 1114112 }}", "\ufffd"},
	} {
		e, err := parseTemplate(tc.text, false)
		require.NoError(t, err, tc.text)
		got, err := e.expand(all[tc.thing])
		require.NoError(t, err, tc.text)
		require.Equal(t, tc.want, got, tc.text)
	}
}

// TestTemplatesThatFail says what went wrong where the text would be.
func TestTemplatesThatFail(t *testing.T) {
	all := things(t)
	for text, want := range map[string]string{
		"{{ range .Changed }}{{ .Nothing }}{{ end }}":     "line 1: at <.Nothing>: can't evaluate field Nothing",
		"{{ humanize `x` }}":                              `"x" is no number`,
		"{{ match `(` `a` }}":                             "missing closing )",
		"{{ join `,` 5 }}":                                "join needs a list",
		"{{ first 1 `a` }}":                               "first needs a number and a list",
		"{{ printf `%9999d` 1 }}":                         "at most 999 wide",
		"{{ printf `%*d` 999999 1 }}":                     "cannot take a width",
		"{{ range 1000000000 }}{{ end }}":                 "it does too much",
		"{{ range 1000000000 }}xxxxxxxxxxxxxxxx{{ end }}": "it gives more than 65536 bytes",
		"{{ $s := `aaaaaaaaaaaaaaaa` }}{{ range 60 }}{{ $s = printf `%s%s` $s $s }}{{ end }}":          "it gives more than",
		"{{ $s := `aaaaaaaaaaaaaaaa` }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}":                  "it gives more than",
		"{{ $s := `aaaaaaaaaaaaaaaa` }}{{ range 60 }}{{ $s = reReplaceAll `a` `$0$0` $s }}{{ end }}":   "it gives more than",
		"{{ range 1000000000 }}{{ $x := $.Get `IPV4` }}{{ end }}":                                      "it does too much",
		"{{ $m := .Changed }}{{ range 30000 }}{{ range $m }}{{ range $m }}{{ end }}{{ end }}{{ end }}": "it does too much",
		"{{ index .Changed 9 }}": "out of range",
	} {
		e, err := parseTemplate(text, false)
		require.NoError(t, err, text)
		got, err := e.expand(all["node"])
		require.ErrorContains(t, err, want, text)
		require.Contains(t, got, "<error expanding template: ")
		require.Contains(t, got, want)
	}
}

// TestTemplatesThatAreRefused are those that are wrong whatever they are given.
func TestTemplatesThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{{ .Name":                             "line 1: unclosed action",
		"\n{{ nme }}":                          `line 2: function "nme" not defined`,
		"{{ $x }}":                             "undefined variable",
		"{{ .Nme }}":                           `there is no .Nme; there are .Changed, .Child,`,
		"{{ if (eq .Nme `a`) }}{{ end }}":      "there is no .Nme",
		"{{ range .Nmes }}{{ end }}":           "there is no .Nmes",
		"{{ with .Name }}{{ $.Nme }}{{ end }}": "there is no .Nme",
		`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`: "templates cannot define or call others",
		`{{ template "text" . }}`:    "templates cannot define or call others",
		`{{ block "a" . }}{{ end }}`: "templates cannot define or call others",
	} {
		_, err := parseTemplate(text, false)
		require.ErrorContains(t, err, want, text)
	}
}

// TestLabelsAreSteady: a name that may change is no part of what an alert is known by.
func TestLabelsAreSteady(t *testing.T) {
	for _, text := range []string{
		"{{ .HostName }}", "{{ .Parent.HostName }}", "{{ with .Parent }}{{ .HostName }}{{ end }}", "{{ $t := . }}{{ $t.HostName }}",
		"{{ (.Parent).HostName }}", "{{ if eq .HostName `a` }}{{ end }}", "{{ $.HostName | toUpper }}", "{{ range .Members }}{{ print (print .HostName) }}{{ end }}",
	} {
		_, err := parseTemplate(text, true)
		require.ErrorIs(t, err, errUnsteady, text)
		_, err = parseTemplate(text, false)
		require.NoError(t, err, text)
		_, err = Compile(&Group{}, &Rule{Alert: "A", Expr: "G.V()", Labels: map[string]string{"where": text}})
		require.ErrorContains(t, err, "labels.where: a label cannot have .HostName")
	}
}

// FuzzTemplate expands templates: none makes a panic, and what they give is text of
// bounded length.
func FuzzTemplate(f *testing.F) {
	f.Add("{{ .Name }}")
	f.Add("{{ range $i, $x := .Members }}{{ printf `%5s` $x }}{{ else }}{{ humanize $value }}{{ end }}")
	f.Add("{{ with .Parent }}{{ .Get `a.b` | title }}{{ end }}{{ $labels.x }}{{ reReplaceAll `(a*)*` `$1` .Key }}")
	f.Add("{{ range 9 }}{{ continue }}{{ end }}{{ and .Value (not .Size) }}{{ slice .Name 1 2 }}{{ join `,` .Changed }}")
	all := things(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxTemplate {
			return
		}
		e, err := parseTemplate(text, false)
		if err != nil {
			return
		}
		for name, thing := range all {
			got, err := e.expand(thing)
			if len(got) > maxOutput || !utf8.ValidString(got) {
				t.Fatalf("%s: %d bytes", name, len(got))
			}
			if err != nil && !strings.HasPrefix(got, "<error expanding template: ") {
				t.Fatalf("%s: %q beside %v", name, got, err)
			}
		}
	})
}
