package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

// definitionKind is what the commands of one kind of definition differ in.
type definitionKind struct {
	name, plural string // of the command, and of many for people
	collection   string
	doc          string // page of the documentation that tells the form of one, rules when empty
	matched      string // heading of what one matches, NODES when empty
	help         string
	example      string
	// flags adds the flags that describe one, and returns what makes its
	// specification of them and of the arguments; nil says that they say nothing.
	flags func(cmd *cobra.Command) func(args []string) (*specification, error)
	// arguments is how the arguments of create are called, "" for none.
	arguments string
	// row describes one in the table.
	row func(spec []byte) string
	// find returns the ID of one that a user named; nil takes IDs only.
	find func(ctx context.Context, c *client.Client, ref string) (id string, err error)
	// stored does what is left to do once one is stored; nil is nothing.
	stored func(ctx context.Context, c *client.Client, id string) error
}

func definitionKinds() []definitionKind {
	return []definitionKind{
		{
			name: "node-rule", plural: "node rules", collection: client.NodeRules,
			help: `Make nodes, or add metadata to the nodes that a query finds.

A rule of action create makes one node; action update adds to the nodes of
--query for as long as they match. Deleting the rule undoes it.`,
			example: `  topologyctl node-rule create --action create --node-name internet --node-type cloud
  topologyctl node-rule create --action update --query "G.V().Has('Type','bridge')" --metadata Owner=netops
  topologyctl node-rule create -f rule.yaml`,
			flags: nodeRuleFlags, row: nodeRuleRow,
		},
		{
			name: "edge-rule", plural: "edge rules", collection: client.EdgeRules,
			help: `Join every node of one query to every node of another.

The edges last for as long as both ends match. Deleting the rule undoes it.`,
			example: `  topologyctl edge-rule create --source "G.V().Has('Name','internet')" \
    --destination "G.V().Has('Type','host').Out().Has('Name','eth0')" --relation-type layer2 --metadata Type=uplink`,
			flags: edgeRuleFlags, row: edgeRuleRow,
		},
		{
			name: "fabric", plural: "fabrics", collection: client.Fabrics, arguments: "[LINE ...]",
			help: `Describe what no agent can see: switches, their ports, and how hosts are cabled.

A line joins two nodes: "A -> B" makes B a part of A, "A --> B" joins them by
layer2 alone. A[k=v] gives a node attributes, "-> [k=v] B" the join.
"*[Type=host,Name=web-1]/eth0" is eth0 of the host web-1.
A file of -f is YAML or JSON by its suffix, else one line each.`,
			example: `  topologyctl fabric create --name rack1 "TOR1 -> PORT1[MTU=9000]" "PORT1 --> *[Type=host,Name=web-1]/eth0"
  topologyctl fabric create -f rack1.txt`,
			flags: fabricFlags, row: fabricRow,
		},
		joinKind(),
		alertKind(),
	}
}

// definitionCommands returns a command for every kind of definition.
func (a *app) definitionCommands() []*cobra.Command {
	var out []*cobra.Command
	for _, k := range definitionKinds() {
		cmd := &cobra.Command{
			Use: k.name, Short: firstLine(k.help), Long: k.help, Example: k.example, Args: noArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		}
		cmd.AddCommand(a.defineCommand(k, false), a.defineCommand(k, true), a.listDefinitions(k), a.getDefinition(k), a.deleteDefinition(k))
		switch k.collection {
		case client.Joins:
			cmd.AddCommand(a.joinTableCommand(), a.joinCheckCommand(k))
		case client.Alerts:
			cmd.AddCommand(a.alertActiveCommand(), a.alertRulesCommand(), a.alertCheckCommand(k))
		}
		out = append(out, cmd)
	}
	return out
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(first, ".")
}

// needIDs takes at least one ID, or exactly one.
func needIDs(one bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usageError{fmt.Errorf("%s needs an ID; list gives them", cmd.CommandPath())}
		case one && len(args) > 1:
			return usageError{fmt.Errorf("%s takes one ID", cmd.CommandPath())}
		}
		return nil
	}
}

// withClient runs fn with a client.
func (a *app) withClient(fn func(c *client.Client) error) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	return fn(c)
}

// defineCommand is create, or replace.
func (a *app) defineCommand(k definitionKind, replace bool) *cobra.Command {
	cmd := &cobra.Command{Use: strings.TrimSpace("create " + k.arguments), Short: "Make one of the " + k.plural, ValidArgsFunction: cobra.NoFileCompletions}
	if replace {
		cmd.Use, cmd.Short = strings.TrimSpace("replace ID "+k.arguments), "Replace one of the "+k.plural
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if replace {
			if len(args) == 0 {
				return needIDs(false)(cmd, args)
			}
			args = args[1:]
		}
		if k.arguments == "" && len(args) > 0 {
			return usageError{fmt.Errorf("%s does not take %q; quote what has blanks", cmd.CommandPath(), args[0])}
		}
		return nil
	}
	var d client.Definition
	var file, output string
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "`file` that holds the definition, - is standard input")
	f.StringVar(&d.Name, "name", "", "`name` for people")
	f.StringVar(&d.Description, "description", "", "`text` for people")
	f.StringVar(&d.TTL, "ttl", "", "delete it after this `time`, for example 12h or 7d")
	if !replace {
		f.StringVar(&d.ID, "id", "", "`ID` of your choice: lower-case letters, digits, hyphens")
	}
	specOf := k.flags(cmd)
	outputFlag(cmd, &output, "id", "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id := d.ID
		if replace {
			id, args = args[0], args[1:]
		}
		spec, err := specOf(args)
		if err != nil {
			return err
		}
		switch {
		case file == "" && spec == nil:
			return usageError{fmt.Errorf("%s needs a definition: by flags, or with -f FILE", cmd.CommandPath())}
		case file != "" && spec != nil:
			return usageError{errors.New("give the definition by flags or with -f, not both")}
		case file != "":
			if spec, err = a.definitionFile(file, k, &d); err != nil {
				return err
			}
		}
		if id != "" {
			d.ID = id
		}
		if d.Spec, err = spec.encode(); err != nil {
			return err
		}
		return a.withClient(func(c *client.Client) error {
			store := c.CreateDefinition
			if replace {
				store = c.ReplaceDefinition
				if k.find != nil {
					if d.ID, err = k.find(cmd.Context(), c, d.ID); err != nil {
						return err
					}
				}
			}
			stored, err := store(cmd.Context(), k.collection, &d)
			if err != nil {
				return spec.locate(err)
			}
			if output != "id" {
				err = a.print(stored.Raw, output)
			} else {
				_, err = fmt.Fprintln(a.env.Stdout, printable(stored.ID, false))
			}
			if err != nil || k.stored == nil {
				return err
			}
			return k.stored(cmd.Context(), c, stored.ID)
		})
	}
	return cmd
}

func (a *app) listDefinitions(k definitionKind) *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "list", Short: "List the " + k.plural, Args: noArgs}
	outputFlag(cmd, &output, "table", "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withClient(func(c *client.Client) error { return a.list(cmd.Context(), c, k, output) })
	}
	return cmd
}

func (a *app) list(ctx context.Context, c *client.Client, k definitionKind, output string) error {
	defs, err := c.Definitions(ctx, k.collection)
	if err != nil {
		return err
	}
	if output != "table" {
		parts := make([][]byte, len(defs))
		for i := range defs {
			parts[i] = defs[i].Raw
		}
		return a.print(jsonList(parts), output)
	}
	if len(defs) == 0 {
		fmt.Fprintln(a.env.Stderr, "nothing defined")
		return nil
	}
	t := table{header: []string{"ID", "NAME", "STATE", cmp.Or(k.matched, "NODES"), "EDGES", "HELD", "AMBIGUOUS", "TOO MANY", "WHAT", "EXPIRES", "ERROR"}}
	for i := range defs {
		d := &defs[i]
		s := d.Status
		if s == nil {
			s = &client.DefinitionStatus{}
		}
		nodes, expires := "", ""
		if s.State == "applied" || s.Matched > 0 {
			nodes = fmt.Sprint(s.Matched)
		}
		if !d.Expires.IsZero() {
			expires = at(d.Expires.UnixMilli())
		}
		t.add(d.ID, d.Name, s.State, nodes, counted(s.Edges), counted(s.Held), counted(s.Ambiguous), counted(s.TooMany), k.row(d.Spec), expires, s.Error)
	}
	var b bytes.Buffer
	t.write(&b)
	_, err = a.env.Stdout.Write(b.Bytes())
	return err
}

func (a *app) getDefinition(k definitionKind) *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "get ID", Short: "Show one of the " + k.plural + " with its status", Args: needIDs(true), ValidArgsFunction: cobra.NoFileCompletions}
	outputFlag(cmd, &output, "yaml", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withClient(func(c *client.Client) error {
			d, err := c.Definition(cmd.Context(), k.collection, args[0])
			if err != nil {
				return err
			}
			return a.print(d.Raw, output)
		})
	}
	return cmd
}

func (a *app) deleteDefinition(k definitionKind) *cobra.Command {
	return &cobra.Command{
		Use: "delete ID ...", Short: "Delete " + k.plural + " and undo what they did", Args: needIDs(false), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(func(c *client.Client) error {
				var errs []error
				for _, id := range args {
					errs = append(errs, c.DeleteDefinition(cmd.Context(), k.collection, id))
				}
				return errors.Join(errs...)
			})
		},
	}
}
