package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRuleFiles checks and tests files of graph rules.
func TestRuleFiles(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"rules.yaml": "groups:\n  - name: g\n    rules:\n      - {alert: Down, expr: \"G.V().Has('State', 'DOWN')\", annotations: {summary: '{{ .Name }}'}}\n",
		"odd.yaml":   "groups:\n  - name: g\n    rules:\n      - {alert: Down, expr: \"G.V(\", annotations: {summary: '{{ .Nme }}'}}\n",
		"good_test.yaml": `rule_files: [rules.yaml]
tests:
  - name: a node is down
    graph: node a device State=UP
    changes: [{at: 5s, do: set a State=DOWN}]
    alert_rule_test:
      - {eval_time: 4s, alertname: Down}
      - {eval_time: 5s, alertname: Down, exp_alerts: [{exp_labels: {name: a, type: device}, exp_annotations: {summary: a}}]}
`,
		"bad_test.yaml": "rule_files: [rules.yaml]\ntests:\n  - alert_rule_test: [{eval_time: 1m30s, alertname: Down, exp_alerts: [{exp_labels: {name: b}}]}]\n",
	} {
		if err := os.WriteFile(filepath.Join(".", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	type result struct{ name, text string }
	var got []result
	for name, c := range map[string]struct {
		args string
		code int
	}{
		"check-rules":      {args: "check rules rules.yaml"},
		"check-rules-bad":  {args: "check rules rules.yaml odd.yaml none.yaml", code: exitFailed},
		"check-rules-none": {args: "check rules", code: exitUsage},
		"check-other":      {args: "check rule x", code: exitUsage},
		"check-help":       {args: "check --help"},
		"test-rules":       {args: "test rules good_test.yaml"},
		"test-rules-bad":   {args: "test rules good_test.yaml bad_test.yaml", code: exitFailed},
		"test-rules-none":  {args: "test rules", code: exitUsage},
		"test-help":        {args: "test rules --help"},
	} {
		code, stdout, stderr := call(t, nil, "", strings.Fields(c.args)...)
		if code != c.code {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
		got = append(got, result{name, stdout + sep(stderr)})
	}
	t.Chdir(here)
	for _, r := range got {
		golden(t, r.name, r.text)
	}
}
