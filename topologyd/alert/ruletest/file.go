package ruletest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/when"
)

// MaxBytes is how long a file of tests may be.
const MaxBytes = 4 << 20

// maxMoments is how many evaluations one test may take.
const maxMoments = 100_000

// File is a file of tests.
type File struct {
	// RuleFiles are patterns of rule files, relative to the file of tests.
	RuleFiles []string `yaml:"rule_files"`
	// EvaluationInterval is that of groups without one.
	EvaluationInterval Duration `yaml:"evaluation_interval"`
	Tests              []Test   `yaml:"tests"`
}

// Test is one test. Times count from its begin.
type Test struct {
	Name string `yaml:"name"`
	// Graph is what there is in the beginning, in lines of package graphtext.
	Graph   string   `yaml:"graph"`
	Changes []Change `yaml:"changes"`
	// ExternalLabels and ExternalURL are those of the daemon.
	ExternalLabels map[string]string `yaml:"external_labels"`
	ExternalURL    string            `yaml:"external_url"`
	AlertRuleTest  []Case            `yaml:"alert_rule_test"`
}

// Change is what happens at a time.
type Change struct {
	At Duration `yaml:"at"`
	Do string   `yaml:"do"`
}

// Case is what fires at a time.
type Case struct {
	EvalTime  Duration `yaml:"eval_time"`
	Alertname string   `yaml:"alertname"`
	ExpAlerts []Alert  `yaml:"exp_alerts"`
}

// Alert is an alert that is expected. Labels are all that it has, but alertname, and
// id where it is left out; annotations are not looked at when there are none.
// $(alias) stands for the ID of an element.
type Alert struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

// Duration is a time span such as 90s, 1h30m or 7d.
type Duration time.Duration

// UnmarshalYAML implements [yaml.Unmarshaler].
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := when.ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %.40q is no duration; give one such as 30s, 5m or 1h30m", n.Line, n.Value)}}
	}
	*d = Duration(v)
	return nil
}

// String writes a duration, without the units behind that are 0.
func (d Duration) String() string {
	text := time.Duration(d).String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// goType finds how errors of YAML name a type of this package.
var goType = regexp.MustCompile(`field (\S+) not found in type ruletest\.\S+`)

// Parse reads a file of tests.
func Parse(data []byte) (*File, error) {
	f := &File{EvaluationInterval: Duration(15 * time.Second)}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		var typ *yaml.TypeError
		if errors.As(err, &typ) {
			text = strings.Join(typ.Errors, "\n")
		}
		return nil, errors.New(goType.ReplaceAllString(text, "there is no field $1"))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document; write all tests into one, below its field tests")
	}
	if f.EvaluationInterval <= 0 {
		return nil, errors.New("evaluation_interval: it has to be more than 0")
	}
	if len(f.RuleFiles) == 0 {
		return nil, errors.New("rule_files: name the files with the rules to test")
	}
	if len(f.Tests) == 0 {
		return nil, errors.New("tests: there is none")
	}
	for i := range f.Tests {
		t := &f.Tests[i]
		if t.Name == "" {
			t.Name = fmt.Sprintf("test %d", i+1)
		}
		if len(t.AlertRuleTest) == 0 {
			return nil, fmt.Errorf("%s: alert_rule_test: there is none", t.Name)
		}
		for k := range t.AlertRuleTest {
			if t.AlertRuleTest[k].Alertname == "" {
				return nil, fmt.Errorf("%s: alert_rule_test %d: give alertname", t.Name, k+1)
			}
		}
		if err := t.unseen(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// unseen says that something happens of which nothing can be seen.
func (t *Test) unseen() error {
	last := slices.MaxFunc(t.AlertRuleTest, func(a, b Case) int { return cmp.Compare(a.EvalTime, b.EvalTime) }).EvalTime
	for _, c := range t.Changes {
		if c.At > last {
			return fmt.Errorf("%s: changes at %s: the last eval_time is %s; ask for something after it", t.Name, c.At, last)
		}
	}
	return nil
}
