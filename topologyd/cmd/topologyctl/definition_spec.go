package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

// maxDefinition bounds a definition that is read from a file.
const maxDefinition = 1 << 20

// specification is the content of a definition, of any kind.
type specification struct {
	Action      string       `json:"action,omitempty"`
	Query       string       `json:"query,omitempty"`
	Source      string       `json:"source,omitempty"`
	Destination string       `json:"destination,omitempty"`
	Metadata    entity.Attrs `json:"metadata,omitempty"`
	Lines       []string     `json:"lines,omitempty"`
	Filter      string       `json:"filter,omitempty"`
	Expr        string       `json:"expr,omitempty"`
	Was         string       `json:"was,omitempty"`
	// raw is what a file says; it goes to the server as it is.
	raw json.RawMessage
}

func (s *specification) encode() (json.RawMessage, error) {
	if s.raw != nil {
		return s.raw, nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode definition: %w", err)
	}
	return b, nil
}

// locate gives an error of the server the text that it speaks of.
func (s *specification) locate(err error) error {
	from := s
	if s.raw != nil {
		from = new(specification)
		if json.Unmarshal(s.raw, from) != nil {
			return err
		}
	}
	text, message := strings.Join(from.Lines, "\n"), err.Error()
	for _, q := range []struct{ name, text string }{{"query", from.Query}, {"source", from.Source}, {"destination", from.Destination}} {
		if strings.HasPrefix(message, "spec: "+q.name+": ") {
			text = q.text
		}
	}
	var e *client.Error
	if errors.As(err, &e) {
		switch e.Field {
		case "filter":
			text = from.Filter
		case "expr":
			text = from.Expr
		case "was":
			text = from.Was
		}
	}
	return &queryError{text, err}
}

// definitionFile reads a definition from a file. What flags say of it counts
// more.
func (a *app) definitionFile(path string, k definitionKind, d *client.Definition) (*specification, error) {
	in := a.env.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read definition: %w", err)
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxDefinition+1))
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if len(b) > maxDefinition {
		return nil, fmt.Errorf("read definition: more than %d bytes", maxDefinition)
	}
	suffix := filepath.Ext(path)
	if k.collection == client.Fabrics && suffix != ".yaml" && suffix != ".yml" && suffix != ".json" {
		text := strings.TrimRight(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n")
		return &specification{Lines: strings.Split(text, "\n")}, nil
	}
	var doc any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	text, err := json.Marshal(doc) // YAML is more than JSON: keys may be no strings
	if err != nil {
		return nil, fmt.Errorf("read definition: a key is not a text: %w", err)
	}
	var file struct {
		client.Definition
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if len(file.Spec) == 0 {
		return nil, fmt.Errorf("read definition: the file has no spec; see docs/%s.md for its form", cmp.Or(k.doc, "rules"))
	}
	given := *d
	*d = file.Definition
	d.Status, d.Raw = nil, nil
	for _, x := range []struct{ to, from *string }{{&d.ID, &given.ID}, {&d.Name, &given.Name}, {&d.Description, &given.Description}, {&d.TTL, &given.TTL}} {
		if *x.from != "" {
			*x.to = *x.from
		}
	}
	return &specification{raw: file.Spec}, nil
}

// metadataFlag adds --metadata; the returned function reads it.
func metadataFlag(cmd *cobra.Command) func() (entity.Attrs, error) {
	var pairs []string
	cmd.Flags().StringArrayVarP(&pairs, "metadata", "m", nil, "`key=value`, once for each; a value that is JSON is taken as such")
	return func() (entity.Attrs, error) {
		var out entity.Attrs
		for _, p := range pairs {
			key, text, found := strings.Cut(p, "=")
			if !found || key == "" {
				return nil, usageError{fmt.Errorf("--metadata %q is not key=value", p)}
			}
			v, err := entity.ParseJSON(text)
			if err != nil || v.IsZero() {
				v = entity.String(text)
			}
			out = append(out, entity.A(key, v))
		}
		return out.Normalize(), nil
	}
}

func nodeRuleFlags(cmd *cobra.Command) func([]string) (*specification, error) {
	var s specification
	var name, typ string
	f := cmd.Flags()
	f.StringVar(&s.Action, "action", "", "create or update")
	f.StringVar(&s.Query, "query", "", "`Gremlin` that finds the nodes to update")
	f.StringVar(&name, "node-name", "", "`Name` of the node to create")
	f.StringVar(&typ, "node-type", "", "`Type` of the node to create")
	metadata := metadataFlag(cmd)
	return func([]string) (*specification, error) {
		var err error
		if s.Metadata, err = metadata(); err != nil {
			return nil, err
		}
		for _, x := range []struct{ key, text string }{{entity.KeyName, name}, {entity.KeyType, typ}} {
			if x.text != "" {
				s.Metadata = s.Metadata.With(x.key, entity.String(x.text))
			}
		}
		if s.Action == "" && s.Query == "" && len(s.Metadata) == 0 {
			return nil, nil
		}
		return &s, nil
	}
}

func edgeRuleFlags(cmd *cobra.Command) func([]string) (*specification, error) {
	var s specification
	var relation string
	f := cmd.Flags()
	f.StringVar(&s.Source, "source", "", "`Gremlin` that finds the parents")
	f.StringVar(&s.Destination, "destination", "", "`Gremlin` that finds the children")
	f.StringVar(&relation, "relation-type", "", "RelationType of the edges, for example layer2")
	metadata := metadataFlag(cmd)
	return func([]string) (*specification, error) {
		var err error
		if s.Metadata, err = metadata(); err != nil {
			return nil, err
		}
		if relation != "" {
			s.Metadata = s.Metadata.With(entity.KeyRelationType, entity.String(relation))
		}
		if s.Source == "" && s.Destination == "" && len(s.Metadata) == 0 {
			return nil, nil
		}
		return &s, nil
	}
}

func fabricFlags(*cobra.Command) func([]string) (*specification, error) {
	return func(args []string) (*specification, error) {
		if len(args) == 0 {
			return nil, nil
		}
		return &specification{Lines: args}, nil
	}
}

// readSpec reads a specification for the table; one that is not understood
// shows as nothing.
func readSpec(b []byte) *specification {
	s := new(specification)
	if json.Unmarshal(b, s) != nil {
		return new(specification)
	}
	return s
}

func nodeRuleRow(b []byte) string {
	s := readSpec(b)
	parts := slices.DeleteFunc([]string{s.Action, s.Query, metadataText(s.Metadata)}, func(p string) bool { return p == "" })
	return strings.Join(parts, " ")
}

func edgeRuleRow(b []byte) string {
	s := readSpec(b)
	if s.Source == "" {
		return ""
	}
	return s.Source + " -> " + s.Destination + " " + metadataText(s.Metadata)
}

func fabricRow(b []byte) string {
	s := readSpec(b)
	switch len(s.Lines) {
	case 0:
		return ""
	case 1:
		return s.Lines[0]
	}
	return fmt.Sprintf("%d lines", len(s.Lines))
}

func metadataText(a entity.Attrs) string {
	parts := make([]string, len(a))
	for i, x := range a {
		parts[i] = x.Key + "=" + cell(x.Value)
	}
	return strings.Join(parts, " ")
}

// checkFlags adds the flags of a command that tells what a definition would do,
// and returns what reads it: from flags or a file, what says which.
func (a *app) checkFlags(cmd *cobra.Command, k definitionKind, output *string, what string) func(args []string) (*specification, json.RawMessage, error) {
	var file string
	cmd.Flags().StringVarP(&file, "file", "f", "", "`file` that holds the definition, - is standard input")
	specOf := k.flags(cmd)
	outputFlag(cmd, output, "text", "json", "yaml")
	return func(args []string) (*specification, json.RawMessage, error) {
		spec, err := specOf(args)
		switch {
		case err != nil:
			return nil, nil, err
		case (file == "") == (spec == nil):
			return nil, nil, usageError{fmt.Errorf("give the %s by flags, or with -f FILE", what)}
		case file != "":
			if spec, err = a.definitionFile(file, k, new(client.Definition)); err != nil {
				return nil, nil, err
			}
		}
		text, err := spec.encode()
		return spec, text, err
	}
}
