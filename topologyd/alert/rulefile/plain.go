package rulefile

import (
	"errors"

	"github.com/skein-net/skein/topologyd/yamlerr"
)

// plain says the mistakes that YAML finds in one line each, and what to write
// instead.
func plain(err error) error {
	all := yamlerr.Words{Fields: fieldsOf, Form: formOf}.Mistakes(err)
	return errors.Join(all[:min(len(all), maxMistakes)]...)
}

// fieldsOf says which fields a type of a file has.
func fieldsOf(typ string) string {
	switch typ {
	case "rulefile.group":
		return "a group has name, interval, limit, labels and rules"
	case "rulefile.rule":
		return "a rule has alert, expr, was, changed, absent, for, keep_firing_for, keep_gone_for, limit, labels and annotations"
	}
	return "the file has the field groups, with a list of groups"
}

// formOf says how a value of a type is written.
func formOf(typ string) string {
	switch typ {
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
