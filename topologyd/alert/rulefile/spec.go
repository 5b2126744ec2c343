package rulefile

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/when"
)

// duration is a time span as Prometheus writes it, for example 10s, 5m or 1h30m.
type duration time.Duration

// UnmarshalYAML implements [yaml.Unmarshaler].
func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := when.ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %.40q is no duration; give one such as 30s, 5m or 1h30m", n.Line, n.Value)}}
	}
	*d = duration(v)
	return nil
}

// rule is a rule as a file has it, see [alert.Rule]. Record is what Prometheus has
// besides, to say what to use instead.
type rule struct {
	Alert         string            `yaml:"alert"`
	Record        string            `yaml:"record"`
	Expr          string            `yaml:"expr"`
	Was           string            `yaml:"was"`
	Changed       []string          `yaml:"changed"`
	Absent        bool              `yaml:"absent"`
	For           duration          `yaml:"for"`
	KeepFiringFor duration          `yaml:"keep_firing_for"`
	KeepGoneFor   duration          `yaml:"keep_gone_for"`
	Limit         int               `yaml:"limit"`
	Labels        map[string]string `yaml:"labels"`
	Annotations   map[string]string `yaml:"annotations"`
}

// rule returns the rule of the core.
func (r *rule) rule() alert.Rule {
	return alert.Rule{
		Alert: r.Alert, Expr: r.Expr, Was: r.Was, Changed: r.Changed, Absent: r.Absent, For: time.Duration(r.For),
		KeepFiringFor: time.Duration(r.KeepFiringFor), KeepGoneFor: time.Duration(r.KeepGoneFor), Limit: r.Limit, Labels: r.Labels, Annotations: r.Annotations,
	}
}

// group is a group as a file has it.
type group struct {
	Name     string            `yaml:"name"`
	Interval duration          `yaml:"interval"`
	Limit    int               `yaml:"limit"`
	Labels   map[string]string `yaml:"labels"`
	Rules    []rule            `yaml:"rules"`
}

// document is a file.
type document struct {
	Groups []group `yaml:"groups"`
}
