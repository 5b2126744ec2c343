package ruletest

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/topologyd/alert"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

// TestFiles runs files of tests and compares what is written of them.
func TestFiles(t *testing.T) {
	for name, want := range map[string]bool{"good": true, "bad": false} {
		var out bytes.Buffer
		ok, err := TestFile(t.Context(), filepath.Join("testdata", name+".yaml"), &out)
		require.NoError(t, err)
		golden(t, name+".golden", out.Bytes())
		require.Equal(t, want, ok)
	}
}

func TestChecks(t *testing.T) {
	for name, want := range map[string]bool{"links": true, "odd": false} {
		var out bytes.Buffer
		ok, err := CheckFile(filepath.Join("testdata", name+".yaml"), &out)
		require.NoError(t, err)
		golden(t, name+".golden", out.Bytes())
		require.Equal(t, want, ok)
	}
}

// TestMistakes says what is wrong with files of tests.
func TestMistakes(t *testing.T) {
	const one = "{alert_rule_test: [{eval_time: 1s, alertname: A}]}"
	for text, want := range map[string]string{
		"":                             "rule_files: name the files",
		"rule_files: [a]":              "tests: there is none",
		"rule_files: [a]\ntests: [{}]": "test 1: alert_rule_test: there is none",
		"rule_files: [a]\ntests: [{name: x, alert_rule_test: [{}]}]":                                                                                "x: alert_rule_test 1: give alertname",
		"rule_files: [a]\ntests: [{changes: [{at: 2s, do: x}, {at: 1s, do: x}], alert_rule_test: [{eval_time: 1s, alertname: A}, {alertname: A}]}]": "test 1: changes at 2s: the last eval_time is 1s",
		"rule_files: [a]\ntests: [" + one + "]\n---\ntests: [{name: more}]":                                                                         "it holds more than one document",
		"rule_file: [a]":                             "line 1: there is no field rule_file",
		"rule_files: [a]\ntests: [{nam: a}]":         "line 2: there is no field nam",
		"evaluation_interval: soon":                  `line 1: "soon" is no duration`,
		"evaluation_interval: 0s":                    "evaluation_interval: it has to be more than 0",
		"rule_files: [a":                             "did not find expected",
		"rule_files: ['[']\ntests: [" + one + "]":    "is no pattern of files",
		"rule_files: [none]\ntests: [" + one + "]":   "there is no file",
		"rule_files: [r.yaml]\ntests: [" + one + "]": "r.yaml:\n  line 1: there is no field x",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "t.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "r.yaml"), []byte("x: 1"), 0o600))
		_, err := testFile(t.Context(), path)
		require.ErrorContains(t, err, want, text)
	}
	_, err := testFile(t.Context(), "none.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = readRules("testdata")
	require.ErrorContains(t, err, "is no file")
}

// TestFilesThatAreNamedTwice: a rule is there once.
func TestFilesThatAreNamedTwice(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"r.yaml": "groups: [{name: g, rules: [{alert: A, expr: G.V()}]}]",
		"t.yml":  "rule_files: [r.yaml, '*.yaml', ./r.yaml]\ntests: [{graph: node a, alert_rule_test: [{alertname: A, exp_alerts: [{exp_labels: {name: a}}]}]}]",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	failures, err := testFile(t.Context(), filepath.Join(dir, "t.yml"))
	require.NoError(t, err)
	require.Empty(t, failures)
}

// TestRefused are tests that cannot be run.
func TestRefused(t *testing.T) {
	groups := []alert.Group{{Name: "g", Rules: []alert.Rule{
		{Alert: "Flows", Expr: "G.Flows()"},
		{Alert: "Any", Expr: "G.V()"},
		{Alert: "Past", Expr: "G.At('-1h').V()"},
	}}}
	for want, test := range map[string]Test{
		"Flows asks for flows":              {AlertRuleTest: []Case{{Alertname: "Flows"}}},
		"there is no rule Other":            {AlertRuleTest: []Case{{Alertname: "Other"}}},
		"query of Past":                     {AlertRuleTest: []Case{{Alertname: "Past"}}},
		`graph: line 2, "nod": it is no`:    {Graph: "node a\nnod", AlertRuleTest: []Case{{Alertname: "Any"}}},
		`changes at 1s: line 1, "x": it is`: {Changes: []Change{{Duration(time.Second), "x"}}, AlertRuleTest: []Case{{Alertname: "Any", EvalTime: Duration(time.Minute)}}},
		`there is no element "b"`:           {AlertRuleTest: []Case{{Alertname: "Any", ExpAlerts: []Alert{{Labels: map[string]string{"id": "$(b)"}}}}}},
		"it takes more than":                {AlertRuleTest: []Case{{Alertname: "Any", EvalTime: Duration(time.Hour)}}},
	} {
		failures, err := Run(t.Context(), &File{EvaluationInterval: Duration(time.Millisecond), Tests: []Test{test}}, groups)
		require.NoError(t, err)
		require.Len(t, failures, 1)
		require.ErrorContains(t, failures[0].Err, want)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := Run(ctx, &File{EvaluationInterval: 1, Tests: []Test{{AlertRuleTest: []Case{{Alertname: "Any"}}}}}, groups)
	require.ErrorIs(t, err, context.Canceled)
	_, err = Run(t.Context(), &File{}, []alert.Group{{Rules: []alert.Rule{{Alert: "A"}}}})
	require.ErrorContains(t, err, "compile A")
}
