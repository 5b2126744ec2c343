package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/spf13/cobra"
)

const changesHelp = `Print all changes of a time, one line each, the oldest first: of the last hour
when no time is given, of everything unless a query chooses nodes or edges.

The first column after the time is + for added, ~ for changed, - for deleted; a
change is followed by what it changed. A change stands at the time at which it
happened; when it was logged much later that is said. Of more than --limit
changes the newest are printed.

` + timesHelp

func (a *app) changesCommand() *cobra.Command {
	var (
		q      client.ChangesQuery
		output string
	)
	cmd := &cobra.Command{
		Use:   "changes [GREMLIN]",
		Short: "Print all changes of a time",
		Long:  changesHelp,
		Example: `  topologyctl changes --from -10m
  topologyctl changes "G.V().Has('Name','eth0')" --from -1d --keys State,MTU
  topologyctl changes --op node_added,node_deleted -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New(`changes takes one query, in quotes, for example "G.V().Has('Name','eth0')"`)}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.From, q.To = strings.TrimSpace(q.From), strings.TrimSpace(q.To)
			if q.Limit < 1 {
				return usageError{errors.New("--limit must be 1 or more")}
			}
			if len(args) == 1 {
				q.Gremlin = args[0]
			}
			err := a.changes(cmd.Context(), q, output)
			if err != nil && q.Gremlin != "" {
				return &queryError{q.Gremlin, err}
			}
			return err
		},
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	f := cmd.Flags()
	f.StringVar(&q.From, "from", "-1h", "beginning of the `time`")
	f.StringVar(&q.To, "to", "", "end of the `time`; now when it is left out")
	f.StringSliceVar(&q.Ops, "op", nil, "`operations` that count, with commas between them: node_added, node_updated, node_deleted, edge_added, edge_updated, edge_deleted")
	f.StringVar(&q.Keys, "keys", "", "`keys` whose changes count, with commas between them; -key for those that do not, * for all")
	f.IntVar(&q.Limit, "limit", 100, "most changes, the newest ones")
	return cmd
}

func (a *app) changes(ctx context.Context, q client.ChangesQuery, output string) error {
	return show(a, output, question[*client.Changes]{
		ask: func(c *client.Client) (*client.Changes, error) { return c.Changes(ctx, q) },
		raw: func(l *client.Changes) json.RawMessage { return l.Raw },
		text: func(l *client.Changes) []byte {
			var b bytes.Buffer
			for i := range l.Changes {
				appendChange(&b, &l.Changes[i])
			}
			switch {
			case len(l.Changes) == 0:
				fmt.Fprintln(a.env.Stderr, "nothing changed")
			case l.More:
				fmt.Fprintf(a.env.Stderr, "topologyctl: there are more than %d changes, these are the newest: see --limit\n", len(l.Changes))
			}
			return b.Bytes()
		},
	})
}

// appendChange writes one change as a line, as watch does.
func appendChange(b *bytes.Buffer, c *client.PastChange) {
	const layout = "2006-01-02T15:04:05.000Z"
	sign := "?"
	switch _, what, _ := strings.Cut(c.Op, "_"); what {
	case "added":
		sign = "+"
	case "updated":
		sign = "~"
	case "deleted":
		sign = "-"
	}
	fmt.Fprintf(b, "%s %s ", c.Time.UTC().Format(layout), sign)
	switch {
	case c.Node != nil:
		b.WriteString("node " + nodeName(c.Node))
		if c.Node.Host != "" {
			b.WriteString(" on " + printable(c.Node.Host, false))
		}
	case c.Edge != nil:
		fmt.Fprintf(b, "edge %s %s -> %s", printable(cell(c.Edge.Metadata.Get(entity.KeyRelationType)), false),
			endName(c.Parent, c.Edge.Parent), endName(c.Child, c.Edge.Child))
		if s := edgeAttributes(c.Edge); s != "" {
			b.WriteString(" " + printable(s, false))
		}
	}
	if d := keysText(c.Keys); d != "" {
		b.WriteString(": " + printable(d, false))
	}
	if c.Logged.Sub(c.Time) >= late {
		b.WriteString(" (logged " + c.Logged.UTC().Format(layout) + ")")
	}
	b.WriteByte('\n')
}

// endName names an end of an edge.
func endName(n *client.NodeName, id entity.UUID) string {
	if n == nil {
		return id.String()
	}
	return printable(diff.NodeText(diff.Name{Name: n.Name, Type: n.Type, Host: n.Host, ID: id.String()}), false)
}

// keysText tells what changed, key by key.
func keysText(keys []client.Key) string {
	text := func(v entity.Value) string {
		if v.IsZero() {
			return "none"
		}
		return cell(v)
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = k.Key + " " + text(k.Old) + " -> " + text(k.New)
	}
	return strings.Join(parts, ", ")
}
