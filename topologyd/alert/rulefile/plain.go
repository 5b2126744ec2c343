package rulefile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// plain says the errors of YAML in one line each, and what to write instead.
func plain(err error) error {
	var typ *yaml.TypeError
	if !errors.As(err, &typ) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	out := make([]string, 0, len(typ.Errors))
	for _, text := range typ.Errors[:min(len(typ.Errors), maxMistakes)] {
		out = append(out, plainOne(text))
	}
	return errors.New(strings.Join(out, "\n"))
}

func plainOne(text string) string {
	at, rest, _ := strings.Cut(text, ": ")
	if name, of, ok := strings.Cut(strings.TrimPrefix(rest, "field "), " not found in type "); ok {
		return fmt.Sprintf("%s: there is no field %s; %s", at, name, fieldsOf(of))
	}
	what, found := strings.CutPrefix(rest, "cannot unmarshal ")
	i := strings.LastIndex(what, " into ")
	if !found || i < 0 {
		return text
	}
	tag, value, _ := strings.Cut(what[:i], " ")
	if value == "" {
		value = map[string]string{"!!seq": "a list", "!!map": "a mapping"}[tag]
	}
	return fmt.Sprintf("%s: %s cannot be used here; give %s", at, cmp.Or(value, "this"), formOf(what[i+len(" into "):]))
}

// fieldsOf says which fields a type of a file has.
func fieldsOf(typ string) string {
	switch typ {
	case "rulefile.group":
		return "a group has name, interval, limit, labels and rules"
	case "rulefile.rule":
		return "a rule has alert, expr, was, changed, absent, for, keep_firing_for, limit, labels and annotations"
	}
	return "the file has the field groups, with a list of groups"
}

// formOf says how a value of a type is written.
func formOf(typ string) string {
	switch typ {
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "[]string":
		return "a list of keys, for example [MTU, State]"
	case "map[string]string":
		return "texts, for example {severity: warning}"
	case "[]rulefile.rule":
		return `a list of rules, each of which begins with "- alert:"`
	case "rulefile.rule":
		return `a rule, for example {alert: Down, expr: "G.V().Has('State', 'DOWN')"}`
	case "[]rulefile.group", "rulefile.group":
		return `a list of groups, each of which begins with "- name:"`
	}
	return "the field groups, with a list of groups below it"
}
