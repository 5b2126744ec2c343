package alerts

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// ruleFile is a file of Prometheus' rules or of graph rules, as far as both have
// the same fields.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []rule
	}
}

type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// testFile is a file of tests of rules, of promtool or topologyctl.
type testFile struct {
	RuleFiles []string `yaml:"rule_files"`
	Tests     []struct {
		Name      string
		AlertRule []struct {
			EvalTime  string `yaml:"eval_time"`
			Alertname string
			Exp       []struct {
				Labels      map[string]string `yaml:"exp_labels"`
				Annotations map[string]string `yaml:"exp_annotations"`
			} `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// load reads the files that a pattern names into values of T, by name.
func load[T any](t *testing.T, pattern string) map[string]T {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no files, %v", pattern, err)
	}
	out := map[string]T{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v T
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out[file] = v
	}
	return out
}

// alertsOf are the alerts of files of rules, by name.
func alertsOf(t *testing.T, pattern string) map[string]rule {
	t.Helper()
	out := map[string]rule{}
	for file, f := range load[ruleFile](t, pattern) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Alert == "" {
					continue
				}
				if _, twice := out[r.Alert]; twice {
					t.Errorf("%s: there is another alert %s", file, r.Alert)
				}
				out[r.Alert] = r
			}
		}
	}
	return out
}

const (
	prometheusRules = "prometheus/*.rules.yml"
	prometheusTests = "prometheus/tests/*.test.yml"
)

// TestPrometheusRules checks what promtool does not: what an alert has to say.
func TestPrometheusRules(t *testing.T) {
	for name, r := range alertsOf(t, prometheusRules) {
		described(t, name, r)
	}
	level := regexp.MustCompile(`^[a-z_]+:[a-z_0-9]+:[a-z_0-9]+$`)
	for file, f := range load[ruleFile](t, prometheusRules) {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Record != "" && !level.MatchString(r.Record) {
					t.Errorf("%s: %s is not of the form level:metric:operations", file, r.Record)
				}
			}
		}
	}
}

// described checks labels and annotations of an alert.
func described(t *testing.T, name string, r rule) {
	t.Helper()
	if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
		t.Errorf("%s: severity is %q", name, r.Labels["severity"])
	}
	if s := r.Annotations["summary"]; s == "" || len(s) > 160 || strings.HasSuffix(s, ".") {
		t.Errorf("%s: the summary %q is not a short line", name, s)
	}
	if d := r.Annotations["description"]; !strings.HasSuffix(d, ".") && !strings.HasSuffix(d, "}}") {
		t.Errorf("%s: the description %q is no sentence", name, d)
	}
}

// TestPrometheusCases checks that each alert has a case in which it fires and one
// in which it does not.
func TestPrometheusCases(t *testing.T) {
	bothCases(t, alertsOf(t, prometheusRules), load[testFile](t, prometheusTests))
}

func bothCases(t *testing.T, alerts map[string]rule, files map[string]testFile) {
	t.Helper()
	fires, quiet := map[string]bool{}, map[string]bool{}
	for file, f := range files {
		for _, c := range f.Tests {
			for _, a := range c.AlertRule {
				if _, there := alerts[a.Alertname]; !there {
					t.Errorf("%s: %s: there is no alert %s", file, c.Name, a.Alertname)
				}
				if len(a.Exp) > 0 {
					fires[a.Alertname] = true
				} else {
					quiet[a.Alertname] = true
				}
			}
		}
	}
	for name := range alerts {
		if !fires[name] || !quiet[name] {
			t.Errorf("%s: a case in which it fires: %v, in which it does not: %v", name, fires[name], quiet[name])
		}
	}
}

// TestPromtool runs the tests of the rules where there is a promtool.
func TestPromtool(t *testing.T) {
	promtool := tool(t, "promtool", "prometheus")
	for _, args := range [][]string{{"check", "rules"}, {"test", "rules"}} {
		pattern := prometheusRules
		if args[0] == "test" {
			pattern = prometheusTests
		}
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), promtool, append(args, files...)...).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// tool finds a program: in the search path, or where make setup puts it.
func tool(t *testing.T, name, from string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path, err := filepath.Abs(filepath.Join("..", "build", "tools", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: install %s", name, from)
	}
	return path
}

// TestTelegrafFields checks that what is asked of Telegraf's counters is what the
// inputs count; what is asked of topologyd and the Collector is looked at in
// package dashboards.
func TestTelegrafFields(t *testing.T) {
	made := text(t, "../telegraf-inputs", ".go") + text(t, "../docs/metrics.md", ".md") + text(t, "../telegraf-inputs/topology_host/README.md", ".md")
	field := regexp.MustCompile(`\b(?:internal_topology_(?:host|report|feed|lldp|containers)|topology_interface)_([a-z_]+)`)
	seen := 0
	for name, rules := range load[ruleFile](t, prometheusRules) {
		for _, g := range rules.Groups {
			for _, r := range g.Rules {
				for _, m := range field.FindAllStringSubmatch(withoutRecorded(r.Expr), -1) {
					seen++
					if !strings.Contains(made, `"`+m[1]+`"`) && !strings.Contains(made, "`"+m[1]+"`") && !strings.Contains(made, "- "+m[1]+" (") {
						t.Errorf("%s: nobody counts %s", name, m[0])
					}
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d fields were found: is the pattern wrong?", seen)
	}
}

// withoutRecorded leaves out the names that other rules record.
func withoutRecorded(expr string) string {
	return regexp.MustCompile(`[a-z_0-9]+:[a-z_0-9:]+`).ReplaceAllString(expr, "")
}

// text is that of all files below a folder whose names end in ext.
func text(t *testing.T, root, ext string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ext {
			return err
		}
		text, err := os.ReadFile(path)
		b.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
