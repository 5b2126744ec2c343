package rulefile

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/alert"
)

// Duration is a time span as Prometheus writes it, for example 10s, 5m or 1h30m.
type Duration time.Duration

// ParseDuration reads a duration: numbers with the units ms, s, m, h, d, w and y,
// larger ones first, or 0.
func ParseDuration(text string) (Duration, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no duration; give one such as 30s, 5m or 1h30m", text)
	}
	return Duration(d), nil
}

// String writes a duration so that ParseDuration reads it.
func (d Duration) String() string { return model.Duration(d).String() }

// UnmarshalYAML implements [yaml.Unmarshaler].
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: %.40q is no duration; give one such as 30s, 5m or 1h30m", n.Line, n.Value)
	}
	*d = v
	return nil
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("%.40s is no duration; give one such as \"30s\", \"5m\" or \"1h30m\"", b)
	}
	v, err := ParseDuration(text)
	*d = v
	return err
}

// MarshalJSON implements [json.Marshaler].
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// MarshalYAML implements [yaml.Marshaler].
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// Rule is one graph rule as files and definitions hold it, see [alert.Rule].
type Rule struct {
	Alert         string            `json:"alert" yaml:"alert"`
	Expr          string            `json:"expr" yaml:"expr"`
	Was           string            `json:"was,omitempty" yaml:"was,omitempty"`
	Changed       []string          `json:"changed,omitempty" yaml:"changed,omitempty"`
	Absent        bool              `json:"absent,omitempty" yaml:"absent,omitempty"`
	For           Duration          `json:"for,omitempty" yaml:"for,omitempty"`
	KeepFiringFor Duration          `json:"keep_firing_for,omitempty" yaml:"keep_firing_for,omitempty"`
	Limit         int               `json:"limit,omitempty" yaml:"limit,omitempty"`
	Labels        map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty" yaml:"annotations,omitempty"`
}

// Rule returns the rule.
func (r *Rule) Rule() alert.Rule {
	return alert.Rule{
		Alert: r.Alert, Expr: r.Expr, Was: r.Was, Changed: r.Changed, Absent: r.Absent, For: time.Duration(r.For),
		KeepFiringFor: time.Duration(r.KeepFiringFor), Limit: r.Limit, Labels: r.Labels, Annotations: r.Annotations,
	}
}

// Of returns the form of a rule in files and definitions.
func Of(r *alert.Rule) Rule {
	return Rule{
		Alert: r.Alert, Expr: r.Expr, Was: r.Was, Changed: r.Changed, Absent: r.Absent, For: Duration(r.For),
		KeepFiringFor: Duration(r.KeepFiringFor), Limit: r.Limit, Labels: r.Labels, Annotations: r.Annotations,
	}
}

// group is a group as a file has it.
type group struct {
	Name     string            `yaml:"name"`
	Interval Duration          `yaml:"interval"`
	Limit    int               `yaml:"limit"`
	Labels   map[string]string `yaml:"labels"`
	Rules    []fileRule        `yaml:"rules"`
}

// fileRule is a rule with what Prometheus has besides, to say what to use instead.
type fileRule struct {
	Rule   `yaml:",inline"`
	Record string `yaml:"record"`
}

// document is a file.
type document struct {
	Groups []group `yaml:"groups"`
}
