package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/spf13/cobra"
)

const timesHelp = `A time is RFC 3339 (2026-03-01T12:00:00Z), RFC 1123, "2026-03-01 12:00:00" or
2026-03-01 in UTC, seconds or milliseconds since 1970, a time back from now
(-1h30m, -7d), or NOW.`

const diffHelp = `Print what differs between two times, of the whole graph or of a query's result.

TO is now when it is left out. Each line begins with + for added, - for removed,
~ for changed; what changed stands below, with its old and its new value. Of a
query's result, removed is what the query gives no longer.

` + timesHelp

func (a *app) diffCommand() *cobra.Command {
	var (
		q             client.DiffQuery
		output, color string
	)
	cmd := &cobra.Command{
		Use:   "diff FROM [TO] [GREMLIN]",
		Short: "Print what differs between two times",
		Long:  diffHelp,
		Example: `  topologyctl diff -1h
  topologyctl diff 2026-03-01T12:00:00Z 2026-03-01T13:00:00Z
  topologyctl diff -7d "G.V().Has('Type','bridge')" --keys State,MTU`,
		Args:              func(_ *cobra.Command, args []string) error { return diffArgs(&q, args) },
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.diff(cmd.Context(), q, output, color)
			if err != nil && q.Gremlin != "" {
				return &queryError{q.Gremlin, err}
			}
			return err
		},
	}
	outputFlag(cmd, &output, "table", "json", "yaml")
	cmd.Flags().StringVar(&q.Keys, "keys", "", "`keys` whose changes count, with commas between them; -key for those that do not, * for all")
	colorFlag(cmd, &color)
	return cmd
}

// diffArgs sorts the arguments of diff.
func diffArgs(q *client.DiffQuery, args []string) error {
	rest := args
	next := func() string {
		s := strings.TrimSpace(rest[0])
		rest = rest[1:]
		return s
	}
	if len(rest) == 0 || isQuery(rest[0]) {
		return usageError{errors.New("diff needs a time to compare with, for example -1h")}
	}
	q.From = next()
	if len(rest) > 0 && !isQuery(rest[0]) {
		q.To = next()
	}
	if len(rest) > 0 && isQuery(rest[0]) {
		q.Gremlin = next()
	}
	if len(rest) > 0 {
		return usageError{fmt.Errorf("diff takes two times and a query, each in quotes if it has spaces; what is %q?", rest[0])}
	}
	return nil
}

// isQuery tells a query from a time: all begin with G, the graph.
func isQuery(s string) bool {
	s = strings.TrimSpace(s)
	return s == "G" || len(s) > 1 && s[0] == 'G' && !(s[1] >= '0' && s[1] <= '9' || s[1] >= 'A' && s[1] <= 'Z' || s[1] >= 'a' && s[1] <= 'z')
}

func (a *app) diff(ctx context.Context, q client.DiffQuery, output, color string) error {
	summary := ""
	err := show(a, output, question[*client.Diff]{
		ask: func(c *client.Client) (*client.Diff, error) { return c.Diff(ctx, q) },
		raw: func(d *client.Diff) json.RawMessage { return d.Raw },
		text: func(d *client.Diff) []byte {
			n, e := d.Summary.Nodes, d.Summary.Edges
			summary = fmt.Sprintf("%s to %s: nodes +%d -%d ~%d, edges +%d -%d ~%d\n", d.From.Time.Format(time.RFC3339), d.To.Time.Format(time.RFC3339),
				n.Added, n.Removed, n.Changed, e.Added, e.Removed, e.Changed)
			return appendDiff(nil, d, a.paint(color))
		},
	})
	if err == nil {
		fmt.Fprint(a.env.Stderr, summary)
	}
	return err
}

// appendDiff appends a difference as text to b.
func appendDiff(b []byte, d *client.Diff, paint diff.Paint) []byte {
	for i := range d.Nodes {
		n := &d.Nodes[i]
		row := diff.Row{Op: opOf(n.Op), What: "node " + diff.NodeText(nameOf(&n.Node)), Keys: keysOf(n.Keys)}
		b = row.Append(b, paint)
	}
	for i := range d.Edges {
		e := &d.Edges[i]
		row := diff.Row{Op: opOf(e.Op), What: edgeText(&e.Edge, e.Parent, e.Child), Keys: keysOf(e.Keys)}
		b = row.Append(b, paint)
	}
	for i := range d.Values {
		v := diff.Value{Op: opOf(d.Values[i].Op), Value: d.Values[i].Value, Count: d.Values[i].Count}
		b = v.Append(b, paint)
	}
	if n := d.Number; n != nil && !n.Old.Equal(n.New) {
		b = fmt.Appendf(b, "%s -> %s\n", n.Old.Text(), n.New.Text())
	}
	return b
}

// edgeText names an edge whose ends may not be known.
func edgeText(e *client.Edge, parent, child *client.NodeName) string {
	name := func(id entity.UUID, n *client.NodeName) diff.Name {
		out := diff.Name{ID: id.String()}
		if n != nil {
			out.Name, out.Type, out.Host = n.Name, n.Type, n.Host
		}
		return out
	}
	return "edge " + diff.EdgeText(cell(e.Metadata.Get(entity.KeyRelationType)), name(e.Parent, parent), name(e.Child, child))
}

func opOf(op string) diff.Op {
	switch op {
	case client.Added:
		return diff.Added
	case client.Removed:
		return diff.Removed
	case client.Changed:
		return diff.Changed
	default:
		return 0
	}
}

func keysOf(keys []client.Key) []diff.Key {
	out := make([]diff.Key, len(keys))
	for i, k := range keys {
		out[i] = diff.Key{Key: k.Key, Old: k.Old, New: k.New}
	}
	return out
}

func nameOf(n *client.Node) diff.Name {
	return diff.Name{Name: cell(n.Metadata.Get(entity.KeyName)), Type: cell(n.Metadata.Get(entity.KeyType)), Host: n.Host, ID: n.ID.String()}
}

// colorFlag adds --color to a command.
func colorFlag(cmd *cobra.Command, value *string) {
	*value = "auto"
	cmd.Flags().Var(choice{value, []string{"auto", "always", "never"}}, "color", "colours: on a terminal, always or never")
}

// paint returns how to colour the output, nil for not at all: colour is for a
// terminal, unless NO_COLOR is set (no-color.org).
func (a *app) paint(color string) diff.Paint {
	if color == "never" {
		return nil
	}
	if color == "auto" {
		f, ok := a.env.Stdout.(*os.File)
		if !ok || a.env.Getenv("NO_COLOR") != "" || a.env.Getenv("TERM") == "dumb" {
			return nil
		}
		if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return nil
		}
	}
	return func(op diff.Op) (on, off string) {
		switch op {
		case diff.Added:
			return "\x1b[32m", "\x1b[0m"
		case diff.Removed:
			return "\x1b[31m", "\x1b[0m"
		case diff.Changed:
			return "\x1b[33m", "\x1b[0m"
		default:
			return "", ""
		}
	}
}

// sparePast puts a space before arguments such as -1h: no flag begins with a
// digit, but the parser of flags would take them for some.
func sparePast(args []string) []string {
	past := regexp.MustCompile(`^-\d[\d.]*[a-zµ]`)
	out := make([]string, len(args))
	for i, s := range args {
		if past.MatchString(s) {
			s = " " + s
		}
		out[i] = s
	}
	return out
}
