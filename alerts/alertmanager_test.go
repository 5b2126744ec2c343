package alerts

import (
	"bytes"
	"encoding/json"
	"flag"
	htmltemplate "html/template"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"
)

// update writes the golden files of messages anew.
//
//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write testdata anew")

const alertmanagerConfig = "alertmanager/alertmanager.yml"

// TestAmtool runs Alertmanager's own check where there is one.
func TestAmtool(t *testing.T) {
	amtool := tool(t, "amtool", "prometheus-alertmanager")
	if out, err := exec.CommandContext(t.Context(), amtool, "check-config", alertmanagerConfig).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestInhibition checks that rules of inhibition speak of alerts that there are,
// and that no secret stands in the file.
func TestInhibition(t *testing.T) {
	data, err := os.ReadFile(alertmanagerConfig)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Inhibit []struct {
			Source []string `yaml:"source_matchers"`
			Target []string `yaml:"target_matchers"`
		} `yaml:"inhibit_rules"`
		Route struct {
			Receiver string
			Routes   []struct{ Receiver string }
		}
	}
	if err := yaml.Unmarshal(data, &config); err != nil {
		t.Fatal(err)
	}
	if config.Route.Receiver != "nobody" {
		t.Errorf("it would tell %s as it is, and need its secret", config.Route.Receiver)
	}
	for _, r := range config.Route.Routes {
		if r.Receiver != "nobody" {
			t.Errorf("it would tell %s as it is, and need its secret", r.Receiver)
		}
	}
	names := slices.Collect(maps.Keys(everyAlert(t)))
	matcher := regexp.MustCompile(`^alertname(=~|!~|!=|=)"(.*)"$`)
	seen := 0
	for _, r := range config.Inhibit {
		for _, m := range append(r.Source, r.Target...) {
			p := matcher.FindStringSubmatch(m)
			if p == nil {
				continue
			}
			for _, name := range strings.Split(p[2], "|") {
				seen++
				re := regexp.MustCompile("^(?:" + name + ")$")
				if !slices.ContainsFunc(names, re.MatchString) {
					t.Errorf("%s: there is no alert %s", m, name)
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d names were found: is the pattern wrong?", seen)
	}
	if bytes.Contains(data, []byte("password:")) || bytes.Contains(data, []byte("hooks.slack.com")) {
		t.Error("there is a secret in the file")
	}
}

// The data of templates, as Alertmanager has them
// (https://prometheus.io/docs/alerting/latest/notifications/).
type (
	pairs   map[string]string
	message struct {
		Receiver, Status                             string
		Alerts                                       messageAlerts
		GroupLabels, CommonLabels, CommonAnnotations pairs
		ExternalURL                                  string
	}
	messageAlert struct {
		Status              string
		Labels, Annotations pairs
		StartsAt, EndsAt    time.Time
		GeneratorURL        string
		Fingerprint         string
	}
	messageAlerts []messageAlert
	pair          struct{ Name, Value string }
)

func (a messageAlerts) with(status string) (out messageAlerts) {
	for _, x := range a {
		if x.Status == status {
			out = append(out, x)
		}
	}
	return out
}

// Firing and Resolved are those of a status.
func (a messageAlerts) Firing() messageAlerts   { return a.with("firing") }
func (a messageAlerts) Resolved() messageAlerts { return a.with("resolved") }

// SortedPairs are in order of their names, alertname first.
func (p pairs) SortedPairs() (out []pair) {
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if name == "alertname" {
			out = slices.Insert(out, 0, pair{name, p[name]})
		} else {
			out = append(out, pair{name, p[name]})
		}
	}
	return out
}

func functions() template.FuncMap {
	return template.FuncMap{"toUpper": strings.ToUpper, "match": regexp.MatchString, "reReplaceAll": func(pattern, with, text string) string {
		return regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}}
}

// TestMessages renders each template on samples, and compares with what was read
// and found good.
func TestMessages(t *testing.T) {
	samples, err := filepath.Glob("testdata/*.json")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, sample := range samples {
		data, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		var m message
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
		var got strings.Builder
		for _, name := range []string{"skein.title", "skein.link", "skein.color", "skein.chat.title", "skein.chat", "skein.text", "skein.html"} {
			got.WriteString("--- " + name + "\n" + render(t, name, m) + "\n")
		}
		golden := strings.TrimSuffix(sample, ".json") + ".golden"
		if *update {
			if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s: the messages have changed (go test ./alerts -update, and read them):\n%s", golden, got.String())
		}
	}
}

// TestHostileNames: names that hosts give their things make no links and mention
// nobody in a chat, and no HTML in a mail.
func TestHostileNames(t *testing.T) {
	name := "x<!channel> <https://example.net|query> ``` & <script>"
	a := messageAlert{Status: "firing", Labels: pairs{"alertname": "InterfaceDown", "severity": "critical", "interface": name},
		Annotations: pairs{"summary": name, "description": name, "changed": name, "neighbours": name, "around": name}}
	for _, m := range []message{
		{Status: "firing", Alerts: messageAlerts{a}, CommonLabels: a.Labels, CommonAnnotations: a.Annotations},
		{Status: "firing", Alerts: messageAlerts{a, a}, CommonLabels: pairs{"alertname": name, "host": name, "severity": "critical"}},
	} {
		if got := render(t, "skein.chat", m); strings.ContainsAny(got, "<>") || strings.Count(got, "```") > 2*len(m.Alerts) || !strings.Contains(got, "x&lt;!channel&gt;") {
			t.Error(got)
		}
		if got := render(t, "skein.chat.title", m); strings.ContainsAny(got, "<>`") || !strings.Contains(got, "x&lt;!channel&gt;") {
			t.Error(got)
		}
		if got := render(t, "skein.html", m); strings.Contains(got, "<script>") {
			t.Error(got)
		}
	}
}

// render is what Alertmanager makes of a template.
func render(t *testing.T, name string, m message) string {
	t.Helper()
	var b strings.Builder
	var err error
	const files = "alertmanager/templates/*.tmpl"
	if strings.HasSuffix(name, ".html") {
		err = htmltemplate.Must(htmltemplate.New("").Option("missingkey=zero").Funcs(functions()).ParseGlob(files)).ExecuteTemplate(&b, name, m)
	} else {
		err = template.Must(template.New("").Option("missingkey=zero").Funcs(functions()).ParseGlob(files)).ExecuteTemplate(&b, name, m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMessagesAmtool compares what is rendered here with what Alertmanager's own
// tool renders of the first sample.
func TestMessagesAmtool(t *testing.T) {
	amtool := tool(t, "amtool", "prometheus-alertmanager")
	const sample = "testdata/interface-down.json"
	data, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"skein.title", "skein.chat.title", "skein.chat", "skein.text", "skein.html"} {
		kind := "text"
		if name == "skein.html" {
			kind = "html"
		}
		out, err := exec.CommandContext(t.Context(), amtool, "template", "render", "--template.glob=alertmanager/templates/*.tmpl",
			"--template.type="+kind, `--template.text={{ template "`+name+`" . }}`, "--template.data="+sample).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if want := render(t, name, m); strings.TrimSpace(string(out)) != strings.TrimSpace(want) {
			t.Errorf("%s: amtool says\n%s\nhere it is\n%s", name, out, want)
		}
	}
}
