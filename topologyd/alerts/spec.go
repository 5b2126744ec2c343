package alerts

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skein-net/skein/topologyd/alert"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/when"
)

// Kind is the kind of definition.
const Kind = "alert"

// Spec is one graph rule as a definition holds it, in a group of its own.
// Durations are texts such as 30s, 5m or 1d.
type Spec struct {
	Alert         string            `json:"alert"`
	Expr          string            `json:"expr"`
	Was           string            `json:"was,omitempty"`
	Changed       []string          `json:"changed,omitempty"`
	Absent        bool              `json:"absent,omitempty"`
	For           string            `json:"for,omitempty"`
	KeepFiringFor string            `json:"keep_firing_for,omitempty"`
	KeepGoneFor   string            `json:"keep_gone_for,omitempty"`
	Limit         int               `json:"limit,omitempty"`
	Interval      string            `json:"interval,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// Kinds returns the kind for a [definition.Store].
func Kinds() []definition.Kind {
	return []definition.Kind{{Name: Kind, New: func() definition.Spec { return new(Spec) }}}
}

// Validate implements [definition.Spec].
func (s *Spec) Validate() error {
	_, err := s.compile("definition")
	return err
}

// group returns the group of the one rule.
func (s *Spec) group(name string) (*alert.Group, error) {
	g := &alert.Group{Name: name}
	r := alert.Rule{
		Alert: s.Alert, Expr: s.Expr, Was: s.Was, Changed: slices.Clone(s.Changed), Absent: s.Absent, Limit: s.Limit,
		Labels: maps.Clone(s.Labels), Annotations: maps.Clone(s.Annotations),
	}
	for _, d := range []struct {
		field, text string
		to          *time.Duration
	}{
		{"for", s.For, &r.For},
		{"keep_firing_for", s.KeepFiringFor, &r.KeepFiringFor},
		{"keep_gone_for", s.KeepGoneFor, &r.KeepGoneFor},
		{"interval", s.Interval, &g.Interval},
	} {
		if d.text == "" {
			continue
		}
		var err error
		if *d.to, err = when.ParseDuration(d.text); err != nil {
			return nil, fmt.Errorf("%s: %w", d.field, err)
		}
	}
	g.Rules = []alert.Rule{r}
	return g, nil
}

// compile makes the rule ready to run in a group of a name.
func (s *Spec) compile(group string) (*alert.Compiled, error) {
	g, err := s.group(group)
	if err != nil {
		return nil, err
	}
	return alert.Compile(g, &g.Rules[0])
}
