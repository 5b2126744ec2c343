// Package yamlerr says the mistakes that yaml.v3 finds in a file for people: what
// is wrong in which line, and what to write instead.
//
// It quotes what stands in the file, so it must never be used for files with
// secrets.
package yamlerr

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Words are what a reader of files knows of its types. Both functions are given a
// type as yaml.v3 names it, for example "[]joins.Spec".
type Words struct {
	// Fields says which fields there are, for example "a row has name and from".
	Fields func(typ string) string
	// Form says how a value is written, "" when that is one of string, bool, int.
	Form func(typ string) string
}

// Mistakes returns the mistakes of an error, at least one.
func (w Words) Mistakes(err error) []error {
	var typ *yaml.TypeError
	if !errors.As(err, &typ) || len(typ.Errors) == 0 {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if strings.HasSuffix(text, "found character that cannot start any token") {
			text += `; write expressions such as "@Host" in quotes, and indent by spaces`
		}
		return []error{errors.New(text)}
	}
	out := make([]error, len(typ.Errors))
	for i, text := range typ.Errors {
		out[i] = w.mistake(text)
	}
	return out
}

func (w Words) mistake(text string) error {
	at, rest, _ := strings.Cut(text, ": ")
	if field, of, ok := strings.Cut(strings.TrimPrefix(rest, "field "), " not found in type "); ok {
		return fmt.Errorf("%s: there is no field %s; %s", at, field, w.Fields(of))
	}
	what, found := strings.CutPrefix(rest, "cannot unmarshal ")
	i := strings.LastIndex(what, " into ")
	if !found || i < 0 {
		return errors.New(text)
	}
	tag, value, _ := strings.Cut(what[:i], " ")
	if value == "" {
		value = map[string]string{"!!seq": "a list", "!!map": "a mapping"}[tag]
	}
	return fmt.Errorf("%s: %s cannot be used here; give %s", at, cmp.Or(value, "this"), w.form(what[i+len(" into "):]))
}

func (w Words) form(typ string) string {
	simple := map[string]string{"string": "a text", "bool": "true or false", "int": "a whole number"}
	return cmp.Or(simple[typ], w.Form(typ), "what docs/ has for it")
}
