package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/join"
	"github.com/spf13/cobra"
)

// joinKind is the definitions of rows of the table of joins.
func joinKind() definitionKind {
	return definitionKind{
		name: "join", plural: "joins", collection: client.Joins, doc: "joins", matched: "PAIRS",
		help: `Join what several sources say of one thing, or of two that are connected.

A join looks for entities of two types whose keys are equal. Of the kind same
they become one node; of the kind edge there is an edge between their nodes. The
ID is its name; one that is built in or of a file is replaced by it, or taken
away with --disabled. A key is a path such as Ovs.Tag, @Host, id(KEY), ip(PATH)
or lower(PATH).`,
		example: `  topologyctl join create --id vm-tap --kind edge --relation-type layer2 --from vm --from-key @Host,Interfaces.Tap \
    --to interface --to-where Type=tun --to-key @Host,Name
  topologyctl join create -f join.yaml
  topologyctl join create --id lldp-port --disabled
  topologyctl join check -f join.yaml
  topologyctl join table`,
		flags: joinFlags, row: joinRow,
	}
}

// joinSpec is the specification of a definition.
type joinSpec struct {
	Disabled bool `json:"disabled,omitempty"`
	*join.Row
}

func joinFlags(cmd *cobra.Command) func([]string) (*specification, error) {
	var (
		row          join.Row
		disabled     bool
		fromIf, toIf []string
		f            = cmd.Flags()
		metadata     func() (entity.Attrs, error)
		side         = func(s *join.Side, where *[]string, name, what string) {
			f.StringVar(&s.Entity, name, "", "`type` of the entities that are "+what)
			f.StringSliceVar(&s.Key, name+"-key", nil, "`expressions` whose values have to be equal on both sides")
			f.StringArrayVar(where, name+"-where", nil, "`condition` that has to hold: Key, !Key, Key=value,value or Key!=value,value; once for each")
		}
	)
	f.StringVar(&row.Kind, "kind", "", "same or edge")
	side(&row.From, &fromIf, "from", "the parents, or keep their nodes")
	side(&row.To, &toIf, "to", "the children, or join the nodes of the others")
	f.StringVar(&row.Relation, "relation-type", "", "RelationType of the edges, for example layer2")
	f.BoolVar(&row.Symmetric, "symmetric", false, "both sides are the same set, and a pair makes one edge")
	f.IntVar(&row.Priority, "priority", 0, "joins of the kind same are tried in this `order`")
	f.StringSliceVar(&row.Prefer, "prefer", nil, "`attributes` that the node takes from the entity that joins it")
	f.BoolVar(&disabled, "disabled", false, "there is to be no join of this ID")
	metadata = metadataFlag(cmd)
	return func([]string) (*specification, error) {
		attrs, err := metadata()
		if err != nil {
			return nil, err
		}
		for _, a := range attrs {
			if row.Attributes == nil {
				row.Attributes = make(map[string]string)
			}
			row.Attributes[a.Key] = a.Value.Text()
		}
		if row.From.Where, err = conditions("from-where", fromIf); err != nil {
			return nil, err
		}
		if row.To.Where, err = conditions("to-where", toIf); err != nil {
			return nil, err
		}
		spec := joinSpec{Disabled: disabled}
		if !row.Equal(new(join.Row)) {
			spec.Row = &row
		} else if !disabled {
			return nil, nil
		}
		b, err := json.Marshal(spec)
		if err != nil {
			return nil, fmt.Errorf("encode join: %w", err)
		}
		return &specification{raw: b}, nil
	}
}

// conditions reads the values of a flag.
func conditions(flag string, texts []string) ([]join.Condition, error) {
	var out []join.Condition
	for _, text := range texts {
		key, list, found := strings.Cut(text, "=")
		c := join.Condition{Key: strings.TrimSuffix(key, "!")}
		if absent, ok := strings.CutPrefix(text, "!"); ok && absent != "" && !found {
			out = append(out, join.Condition{Key: absent, Absent: true})
			continue
		}
		if c.Key == "" || found && list == "" || !found && strings.HasSuffix(text, "!") {
			return nil, usageError{fmt.Errorf("--%s %q is not Key, !Key, Key=value,value or Key!=value,value", flag, text)}
		}
		switch {
		case !found:
		case strings.HasSuffix(key, "!"):
			c.NotIn = strings.Split(list, ",")
		default:
			c.In = strings.Split(list, ",")
		}
		out = append(out, c)
	}
	return out, nil
}

// joinRow describes a row of a definition.
func joinRow(b []byte) string {
	var s joinSpec
	switch {
	case json.Unmarshal(b, &s) != nil || s.Row == nil:
		return ""
	case s.Disabled:
		return "not " + joinText(s.Row)
	}
	return joinText(s.Row)
}

// joinText is a row in a few words.
func joinText(r *join.Row) string {
	from, to := strings.Join(r.From.Key, ", "), strings.Join(r.To.Key, ", ")
	if r.Kind == join.Same {
		return fmt.Sprintf("%s [%s] is %s [%s]", r.To.Entity, to, r.From.Entity, from)
	}
	return fmt.Sprintf("%s [%s] -%s-> %s [%s]", r.From.Entity, from, r.Relation, r.To.Entity, to)
}

func (a *app) joinTableCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "table", Short: "Show the table of joins in force", Args: noArgs,
		Long: `Show the table of joins in force: what is built in, of files and defined, and
what each row does. Rows of the kind same come in the order in which they are
tried. AMBIGUOUS counts keys that join nothing because several entities of a
side have them, TOO MANY those that would make too many edges.`,
	}
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error {
			t, err := c.JoinTable(cmd.Context())
			if err != nil {
				return err
			}
			if output != outputTable {
				return a.print(t.Raw, output)
			}
			var b bytes.Buffer
			appendJoins(&b, t)
			if _, err = a.env.Stdout.Write(b.Bytes()); err != nil {
				return err
			}
			for _, f := range t.Files {
				if f.Error != "" {
					fmt.Fprintf(a.env.Stderr, "topologyctl: file %s: %s\n", printable(f.Path, false), printable(f.Error, false))
				}
			}
			return nil
		})
	}
	return cmd
}

// joinCheckCommand tells what a row would do.
func (a *app) joinCheckCommand(k definitionKind) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "check", Short: "Tell what a join would do, without doing it", Args: noArgs,
		Long: `Tell what a join would do on the present graph, were it the only one: how many
pairs it would join, and the first ten. Nothing is changed.`,
		Example: `  topologyctl join check -f join.yaml`,
	}
	read := a.checkFlags(cmd, k, &output, "join")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		_, text, err := read(args)
		if err != nil {
			return err
		}
		return a.withClient(func(c *client.Client) error {
			t, err := c.CheckJoin(cmd.Context(), text)
			if err != nil {
				return err
			}
			if output != "text" {
				return a.print(t.Raw, output)
			}
			var b bytes.Buffer
			appendTrial(&b, t)
			_, err = a.env.Stdout.Write(b.Bytes())
			return err
		})
	}
	return cmd
}

func appendTrial(b *bytes.Buffer, t *client.JoinTrial) {
	line(b, 0, "%d pairs, of %d entities of from and %d of to", t.Pairs, t.From, t.To)
	if t.Ambiguous > 0 {
		line(b, 0, "%d keys join nothing, because several entities of a side have them", t.Ambiguous)
	}
	if t.TooMany > 0 {
		line(b, 0, "%d keys make no edges, because they would be too many", t.TooMany)
	}
	for i := range t.Examples {
		x := &t.Examples[i]
		line(b, 1, "%s %s", x.From.Name, entityText(x.From.EntityRef))
		line(b, 2, "%s %s", x.To.Name, entityText(x.To.EntityRef))
	}
	if n := len(t.Examples); n > 0 && n < t.Pairs {
		line(b, 1, "and %d more", t.Pairs-n)
	}
}

func appendJoins(b *bytes.Buffer, t *client.JoinTable) {
	out := table{header: []string{"NAME", "KIND", "STATE", "PAIRS", "AMBIGUOUS", "TOO MANY", "FROM", "WHAT", "ERROR"}}
	for i := range t.Rows {
		e := &t.Rows[i]
		kind, what, pairs := "", "", ""
		if e.Row != nil {
			kind, what = e.Row.Kind, joinText(e.Row)
		}
		if e.State == "applied" || e.Pairs > 0 {
			pairs = fmt.Sprint(e.Pairs)
		}
		origin := e.Origin
		if e.Origin == "file" {
			origin = e.From
		}
		out.add(e.Name, kind, e.State, pairs, counted(e.Ambiguous), counted(e.TooMany), origin, what, e.Error)
	}
	out.write(b)
}

// counted is a number in a table, nothing for 0.
func counted(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
