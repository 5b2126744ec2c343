package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/spf13/cobra"
)

const historyHelp = `Print the revisions of a node or an edge, with what changed.

Name it by its ID, or by a query that gives nodes or edges; of what is gone by
now, a query of the past finds it: "G.At('-1h').V().Has('Name','eth0')". Of more
than --limit revisions the newest are printed.

` + timesHelp

// historyMost is of how many elements a query may have the history printed.
const historyMost = 50

// late is how much later than it happened a change is logged before that is
// worth saying: agents send their reports with a delay.
const late = time.Minute

func (a *app) historyCommand() *cobra.Command {
	var (
		q             client.HistoryQuery
		output, color string
	)
	cmd := &cobra.Command{
		Use:   "history ID|GREMLIN",
		Short: "Print the revisions of a node or an edge",
		Long:  historyHelp,
		Example: `  topologyctl history 21ca1412-2580-5633-8ce6-30681cb24356
  topologyctl history "G.V().Has('Name','eth0')" --from -1d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New(`history needs one ID or one query in quotes, for example "G.V().Has('Name','eth0')"`)}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.From, q.To = strings.TrimSpace(q.From), strings.TrimSpace(q.To)
			return a.history(cmd.Context(), args[0], q, output, color)
		},
	}
	outputFlag(cmd, &output, "table", "json", "yaml")
	cmd.Flags().StringVar(&q.From, "from", "", "leave out what had ended by this `time`")
	cmd.Flags().StringVar(&q.To, "to", "", "leave out what began after this `time`")
	cmd.Flags().IntVar(&q.Limit, "limit", 100, "most revisions of one element")
	colorFlag(cmd, &color)
	return cmd
}

func (a *app) history(ctx context.Context, what string, q client.HistoryQuery, output, color string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if q.ID, err = entity.ParseUUID(what); err == nil {
		h, err := c.History(ctx, q)
		if err != nil {
			return err
		}
		if output != "table" {
			return a.print(h.Raw, output)
		}
		return a.printHistories([]*client.History{h}, color)
	}
	if !isQuery(what) {
		return usageError{fmt.Errorf("%q is neither an ID nor a query; a query begins with G", what)}
	}
	ids, err := elements(ctx, c, what)
	if err != nil {
		return &queryError{what, err}
	}
	all := []*client.History{}
	raw := []json.RawMessage{}
	for _, q.ID = range ids {
		h, err := c.History(ctx, q)
		var e *client.Error
		if errors.As(err, &e) && e.Code == client.CodeNotFound {
			fmt.Fprintf(a.env.Stderr, "topologyctl: %s\n", printable(e.Message, false))
			continue
		}
		if err != nil {
			return err
		}
		all, raw = append(all, h), append(raw, h.Raw)
	}
	if output == "table" {
		return a.printHistories(all, color)
	}
	b, err := json.Marshal(raw)
	if err != nil {
		return fmt.Errorf("encode histories: %w", err)
	}
	return a.print(b, output)
}

// elements returns the IDs of what a query gives, each once.
func elements(ctx context.Context, c *client.Client, text string) ([]entity.UUID, error) {
	r, err := c.Query(ctx, client.Query{Gremlin: text})
	if err != nil {
		return nil, err
	}
	var ids []entity.UUID
	seen := map[entity.UUID]bool{}
	add := func(id entity.UUID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	switch r.Kind {
	case client.KindNodes, client.KindEdges, client.KindGraph:
	default:
		return nil, fmt.Errorf("the query gives %s; history is of nodes and edges", r.Kind)
	}
	for i := range r.Nodes {
		add(r.Nodes[i].ID)
	}
	for i := range r.Edges {
		add(r.Edges[i].ID)
	}
	if len(ids) > historyMost {
		return nil, fmt.Errorf("the query gives %d nodes and edges; history prints at most %d: narrow it, or add .Limit(%d)", len(ids), historyMost, historyMost)
	}
	return ids, nil
}

func (a *app) printHistories(all []*client.History, color string) error {
	if len(all) == 0 {
		fmt.Fprintln(a.env.Stderr, "nothing found")
	}
	var b bytes.Buffer
	for i, h := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		appendHistory(&b, h, a.paint(color))
	}
	_, err := a.env.Stdout.Write(b.Bytes())
	return err
}

// appendHistory writes the revisions of one element as text.
func appendHistory(b *bytes.Buffer, h *client.History, paint diff.Paint) {
	b.WriteString(printable(title(h), false) + "\n")
	if h.More {
		b.WriteString("  (older revisions are left out: see --limit)\n")
	}
	for i := range h.Revisions {
		r := &h.Revisions[i]
		row := diff.Row{Op: diff.Changed, What: r.From.UTC().Format("2006-01-02T15:04:05.000Z"), Keys: keysOf(r.Keys)}
		switch r.Op {
		case client.NodeAdded, client.EdgeAdded:
			row.Op = diff.Added
		case client.NodeDeleted, client.EdgeDeleted:
			row.Op = diff.Removed
		}
		if !r.Logged.IsZero() && r.Logged.Sub(r.From) >= late {
			row.What += ", logged " + r.Logged.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		if r.Revision > 0 {
			row.What += fmt.Sprintf(", revision %d", r.Revision)
		} else {
			row.What += ", older than what is kept"
		}
		b.Write(row.Append(nil, paint))
	}
}

// title names the element of a history by its newest state.
func title(h *client.History) string {
	if n := len(h.Revisions); n > 0 {
		switch r := &h.Revisions[n-1]; {
		case r.Node != nil:
			return "node " + diff.NodeText(nameOf(r.Node)) + " " + h.ID.String()
		case r.Edge != nil:
			return edgeText(r.Edge, h.Parent, h.Child) + " " + h.ID.String()
		}
	}
	return h.ID.String()
}
