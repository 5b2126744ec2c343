package joins

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/skein-net/skein/topologyd/yamlerr"
)

// Kind is the kind of definition.
const Kind = "join"

// Spec is a row as files and definitions hold it. In a definition its name is
// the ID.
type Spec struct {
	// Disabled takes the row away that a file or Skein itself has of the name.
	Disabled  bool `json:"disabled,omitempty" yaml:"disabled"`
	*join.Row `yaml:",inline"`
}

// Kinds returns the kind for a [definition.Store].
func Kinds() []definition.Kind {
	return []definition.Kind{{Name: Kind, New: func() definition.Spec { return new(Spec) }}}
}

// Validate implements [definition.Spec].
func (s *Spec) Validate() error {
	switch {
	case s.Row == nil && s.Disabled:
		return nil
	case s.Row == nil:
		return errors.New("there is no row; see docs/joins.md for its form")
	case s.Name != "":
		return errors.New("leave out name: the row is called by the ID of the definition")
	}
	return s.Check()
}

// named returns the row under a name, nil when the specification takes it away.
func (s *Spec) named(name string) *join.Row {
	if s.Disabled || s.Row == nil {
		return nil
	}
	row := *s.Row
	row.Name = name
	return &row
}

// builtin are the rows that are built in, as a file that [Parse] reads.
//
//go:embed builtin.yaml
var builtin []byte

// maxFileRows bounds the rows of one file.
const maxFileRows = 1000

// Parse reads a file of rows in YAML. Of several mistakes one is told.
func Parse(b []byte) ([]Spec, error) {
	var doc struct {
		Joins []Spec `yaml:"joins"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document; write all rows into one, below its field joins")
	}
	if len(doc.Joins) > maxFileRows {
		return nil, fmt.Errorf("it has %d rows, more than %d", len(doc.Joins), maxFileRows)
	}
	seen := make(map[string]bool, len(doc.Joins))
	for i := range doc.Joins {
		s := &doc.Joins[i]
		if s.Row == nil || s.Name == "" {
			return nil, fmt.Errorf("row %d has no name; give it one that no other row has", i+1)
		}
		name := s.Name
		if err := join.ValidName(name); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		if seen[name] {
			return nil, fmt.Errorf("join %s is there twice; rename or remove one", name)
		}
		seen[name] = true
		if !s.Disabled || s.Row.Kind != "" {
			if err := s.Row.Validate(); err != nil {
				return nil, err
			}
		}
	}
	return doc.Joins, nil
}

// plain says the first mistake that YAML finds, and what to write instead.
func plain(err error) error { return yamlerr.Words{Fields: fieldsOf, Form: formOf}.Mistakes(err)[0] }

// fieldsOf says which fields a type of a file has.
func fieldsOf(typ string) string {
	list := func(of reflect.Type, more ...string) string {
		var names []string
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
		names = slices.Insert(names, 1, more...)
		last := len(names) - 1
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	switch typ {
	case "joins.Spec":
		return "a row has " + list(reflect.TypeFor[join.Row](), "disabled")
	case "join.Side":
		return "a side has " + list(reflect.TypeFor[join.Side]())
	case "join.Condition":
		return "a condition has " + list(reflect.TypeFor[join.Condition]())
	}
	return "the file has the field joins, with a list of rows"
}

// formOf says how a value of a type is written.
func formOf(typ string) string {
	switch typ {
	case "[]string":
		return "a list of texts, for example [Type, Name]"
	case "map[string]string":
		return "attributes, for example {Type: tunnel}"
	case "[]joins.Spec":
		return `a list of rows, each of which begins with "- name:"`
	case "joins.Spec":
		return "a row, for example {name: lldp-port, disabled: true}"
	case "join.Side":
		return `a side, for example {entity: interface, key: ["@Host", Name]}`
	case "[]join.Condition":
		return "a list of conditions, for example [{key: Type, in: [tun]}]"
	case "join.Condition":
		return "a condition, for example {key: Type, in: [tun]}"
	}
	return "the field joins, with a list of rows below it"
}
