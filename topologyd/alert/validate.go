package alert

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of rules. They are wide: a rule that reaches one is a mistake.
const (
	maxName      = 200
	maxLabels    = 64
	maxKeys      = 32
	maxTemplate  = 16 << 10
	maxTime      = 366 * 24 * time.Hour
	minInterval  = time.Second
	maxRules     = 1000
	maxKeyLength = 1000
	// maxLimit is how many alerts a rule may have that says nothing, and at most.
	maxLimit = 10_000
)

// Error says what is wrong with a field of a group or rule.
type Error struct {
	// Rule is the number of the rule in its group from 0, -1 when the mistake is
	// the group's own.
	Rule int
	// Field is the name of the field as files have it, of one in a map with the key
	// behind a dot: labels.severity.
	Field string
	Err   error
}

// Error names the field and what is wrong.
func (e *Error) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

func bad(field, format string, args ...any) error {
	return &Error{Rule: -1, Field: field, Err: fmt.Errorf(format, args...)}
}

// Validate compiles every rule of the group and returns all mistakes, joined;
// each is an [*Error].
func (g *Group) Validate() error {
	errs := []error{g.check()}
	for i := range g.Rules {
		_, err := Compile(g, &g.Rules[i])
		for _, err := range Mistakes(err) {
			e := *err
			e.Rule = i
			if name, ok := strings.CutPrefix(e.Field, "labels."); ok && g.names(name) && !g.Rules[i].names(name) {
				continue // the group's own, which check has told
			}
			errs = append(errs, &e)
		}
	}
	return errors.Join(errs...)
}

func (g *Group) names(label string) bool { _, ok := g.Labels[label]; return ok }

func (r *Rule) names(label string) bool { _, ok := r.Labels[label]; return ok }

// Mistakes returns the errors that Validate or Compile joined.
func Mistakes(err error) []*Error {
	var list interface{ Unwrap() []error }
	var one *Error
	switch {
	case errors.As(err, &list):
		var out []*Error
		for _, x := range list.Unwrap() {
			out = append(out, Mistakes(x)...)
		}
		return out
	case errors.As(err, &one):
		return []*Error{one}
	}
	return nil
}

// check looks at what is the group's own.
func (g *Group) check() error {
	var errs []error
	switch {
	case g.Name == "":
		errs = append(errs, bad("name", "the group has no name; give it one that no other group of the file has"))
	case len(g.Name) > maxName || !utf8.ValidString(g.Name):
		errs = append(errs, bad("name", "it is no text of at most %d bytes", maxName))
	}
	if g.Interval != 0 && (g.Interval < minInterval || g.Interval > maxTime) {
		errs = append(errs, bad("interval", "%s is not between %s and a year", g.Interval, minInterval))
	}
	if g.Limit < 0 || g.Limit > maxLimit {
		errs = append(errs, bad("limit", "%d is not between 0 and %d; 0 is %[2]d", g.Limit, maxLimit))
	}
	if len(g.Rules) > maxRules {
		errs = append(errs, bad("rules", "there are %d, more than %d; make several groups", len(g.Rules), maxRules))
	}
	_, err := templates("labels", g.Labels)
	errs = append(errs, checkTexts("labels", g.Labels), err)
	return errors.Join(errs...)
}

// check looks at what can be said without the query.
func (r *Rule) check() error {
	var errs []error
	add := func(field, format string, args ...any) { errs = append(errs, bad(field, format, args...)) }
	switch {
	case r.Alert == "":
		add("alert", "the rule has no name; give it one such as InterfaceDown")
	case len(r.Alert) > maxName || !utf8.ValidString(r.Alert):
		add("alert", "it is no text of at most %d bytes", maxName)
	}
	if strings.TrimSpace(r.Expr) == "" {
		add("expr", "there is no query; give one such as G.V().Has('State', 'DOWN')")
	}
	for _, x := range []struct {
		field string
		d     time.Duration
	}{{"for", r.For}, {"keep_firing_for", r.KeepFiringFor}, {"keep_gone_for", r.KeepGoneFor}} {
		if x.d < 0 || x.d > maxTime {
			add(x.field, "%s is not between 0 and a year", x.d)
		}
	}
	if r.Limit < 0 || r.Limit > maxLimit {
		add("limit", "%d is not between 0 and %d; 0 is what the group says", r.Limit, maxLimit)
	}
	if r.Absent && r.Was != "" {
		add("was", "absent is about what is nowhere, so there is nothing that was; leave out one of them")
	}
	if r.Absent && len(r.Changed) > 0 {
		add("changed", "absent is about what is nowhere, so nothing of it changes; leave out one of them")
	}
	if r.KeepGoneFor != 0 {
		switch {
		case r.Absent || len(r.Changed) > 0:
			add("keep_gone_for", "it is for things that are found; leave out absent and changed, or it")
		case r.KeepGoneFor <= r.KeepFiringFor:
			add("keep_gone_for", "it has to be longer than keep_firing_for, %s, which holds for what is gone too", r.KeepFiringFor)
		}
	}
	if len(r.Changed) > 0 {
		switch {
		case r.For != 0:
			add("for", "a change happens at once and lasts for no time; leave out for, or changed")
		case r.KeepFiringFor == 0:
			add("keep_firing_for", "say for how long a change is an alert, for example 10m")
		}
	}
	if len(r.Changed) > maxKeys {
		add("changed", "there are more than %d keys", maxKeys)
	}
	for _, key := range r.Changed {
		if key == "" || len(key) > maxKeyLength {
			add("changed", "%q is no key; give one such as MTU or LLDP.PVID", key)
		}
	}
	errs = append(errs, checkTexts("labels", r.Labels), checkTexts("annotations", r.Annotations))
	return errors.Join(errs...)
}

// checkTexts checks the names of labels or annotations, and how long their texts
// are.
func checkTexts(field string, texts map[string]string) error {
	var errs []error
	if len(texts) > maxLabels {
		errs = append(errs, bad(field, "there are more than %d", maxLabels))
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		at := field + "." + name
		switch {
		case !isLabelName(name) || len(name) > maxName:
			errs = append(errs, bad(at, "it is no name; use letters, digits and _, and begin with a letter"))
		case field == "labels" && name == labelAlert:
			errs = append(errs, bad(at, "this label is the name of the rule; change alert"))
		case field == "labels" && strings.HasPrefix(name, "__"):
			errs = append(errs, bad(at, "names that begin with __ are Alertmanager's own"))
		case len(texts[name]) > maxTemplate:
			errs = append(errs, bad(at, "it has more than %d bytes", maxTemplate))
		}
	}
	return errors.Join(errs...)
}

// isLabelName reports whether a text is a label name of Prometheus' data model.
func isLabelName(s string) bool { return s != "" && sanitize(s) == s }

// sanitize makes a label name of a text: what a name cannot have becomes _.
func sanitize(s string) string {
	out := make([]byte, 0, len(s)+1)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			out = append(out, c)
		case c >= '0' && c <= '9':
			if i == 0 {
				out = append(out, '_')
			}
			out = append(out, c)
		default:
			out = append(out, '_')
		}
	}
	return string(out)
}
