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
	"github.com/spf13/cobra"
)

const watchHelp = `Print every change of the graph as it happens, one line each, until interrupted.

With a QUERY only what it gives is watched: + is for what enters its result, -
for what leaves it, ~ for what changed in it. Changes that come within a few
milliseconds are told as one.

A watch whose connection breaks goes on where it was. When the server no longer
knows what happened in between, that is said on standard error and the watch
starts over.

The first column of the text is + for added, ~ for changed, - for deleted; a
changed node is followed by what changed. With -o json each line is a JSON
object with op, revision, at (Unix milliseconds) and node or edge.

With --since everything that changed since a time comes first, in the order in
which it was logged.

` + timesHelp

func (a *app) watchCommand() *cobra.Command {
	var (
		output string
		w      = watcher{app: a}
	)
	cmd := &cobra.Command{
		Use:     "watch [QUERY]",
		Short:   "Print every change of the graph as it happens",
		Long:    watchHelp,
		Example: "  topologyctl watch\n  topologyctl watch \"G.V().Has('Type','veth','State','DOWN')\"",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("give one query; in quotes when it holds spaces")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			w.json = output == "json"
			if len(args) == 1 {
				if w.query = strings.TrimSpace(args[0]); w.query == "" {
					return usageError{errors.New("the query is empty")}
				}
				if w.since != "" {
					return usageError{errors.New("a watch of a query cannot begin in the past; leave out --since or the query")}
				}
			}
			if w.from > 0 && w.since != "" {
				return usageError{errors.New("give --from or --since, not both")}
			}
			return w.run(cmd.Context())
		},
	}
	outputFlag(cmd, &output, "text", "json")
	cmd.Flags().Uint64Var(&w.from, "from", 0, "`revision` to go on after; 0: from now on")
	cmd.Flags().StringVar(&w.since, "since", "", "begin at this `time`, for example -1h")
	cmd.Flags().BoolVar(&w.whole, "snapshot", false, "print the graph as it is at the beginning first, as additions")
	return cmd
}

// watcher prints changes. It remembers the nodes, so that it can name the ends
// of edges and tell what changed.
type watcher struct {
	app   *app
	json  bool
	whole bool
	from  uint64
	since string
	query string

	nodes    map[entity.UUID]*client.Node
	snapshot bool // in the midst of one
	edges    int
	revision uint64 // the last one that is known
	out      bytes.Buffer
}

func (w *watcher) run(ctx context.Context) error {
	c, err := w.app.client()
	if err != nil {
		return err
	}
	defer c.Close()
	w.nodes = make(map[entity.UUID]*client.Node)
	w.revision = w.from
	err = c.Follow(ctx, client.Follow{
		From:    w.from,
		Since:   strings.TrimSpace(w.since),
		Gremlin: w.query,
		Handle:  w.message,
		Broken: func(err error, wait time.Duration) {
			w.say("the connection broke: %v; trying again in %v", err, wait.Round(100*time.Millisecond))
		},
	})
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // interrupted, which is how a watch ends
	}
	return err
}

func (w *watcher) say(format string, args ...any) {
	fmt.Fprintf(w.app.env.Stderr, "topologyctl: %s\n", printable(fmt.Sprintf(format, args...), false))
}

func (w *watcher) message(m *client.Message) error {
	w.out.Reset()
	if m.Type == client.TypeSnapshot {
		if err := w.part(m); err != nil {
			return err
		}
	} else {
		for i := range m.Changes {
			if err := w.change(&m.Changes[i]); err != nil {
				return err
			}
		}
		w.revision = m.Revision
	}
	_, err := w.app.env.Stdout.Write(w.out.Bytes())
	return err
}

// part takes a part of a snapshot.
func (w *watcher) part(m *client.Message) error {
	if !w.snapshot {
		clear(w.nodes)
		w.edges, w.snapshot = 0, true
		if w.revision > 0 {
			w.say("started over at revision %d: the server no longer knows what changed after revision %d", m.Revision, w.revision)
		}
	}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		w.nodes[n.ID] = n
		if w.whole {
			if err := w.line(&client.Change{Op: client.NodeAdded, Revision: n.Revision, At: n.UpdatedAt, Node: n}, nil); err != nil {
				return err
			}
		}
	}
	w.edges += len(m.Edges)
	if w.whole {
		for i := range m.Edges {
			e := &m.Edges[i]
			if err := w.line(&client.Change{Op: client.EdgeAdded, Revision: e.Revision, At: e.UpdatedAt, Edge: e}, nil); err != nil {
				return err
			}
		}
	}
	if !m.More {
		w.snapshot, w.revision = false, m.Revision
		w.say("watching from revision %d: %d nodes, %d edges", m.Revision, len(w.nodes), w.edges)
		if m.Followed == "global" {
			w.say("the query is run again when something changes, which takes a moment each time")
		}
	}
	return nil
}

func (w *watcher) change(c *client.Change) error {
	var old *client.Node
	if n := c.Node; n != nil {
		old = w.nodes[n.ID]
		if c.Op == client.NodeDeleted {
			defer delete(w.nodes, n.ID)
		} else {
			w.nodes[n.ID] = n
		}
	}
	return w.line(c, old)
}

// line prints one change.
func (w *watcher) line(c *client.Change, old *client.Node) error {
	if w.json {
		b, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("encode change: %w", err)
		}
		w.out.Write(append(printableJSON(b), '\n'))
		return nil
	}
	sign, found := map[string]string{
		client.NodeAdded: "+", client.EdgeAdded: "+", client.NodeUpdated: "~", client.EdgeUpdated: "~",
		client.NodeDeleted: "-", client.EdgeDeleted: "-",
	}[c.Op]
	if !found {
		sign = "?"
	}
	fmt.Fprintf(&w.out, "%s %s ", time.UnixMilli(c.At).UTC().Format("2006-01-02T15:04:05.000Z"), sign)
	switch {
	case c.Node != nil:
		w.out.WriteString("node " + nodeName(c.Node))
		if c.Node.Host != "" {
			w.out.WriteString(" on " + printable(c.Node.Host, false))
		}
		if old != nil && c.Op == client.NodeUpdated {
			if d := difference(old, c.Node); d != "" {
				w.out.WriteString(": " + printable(d, false))
			}
		}
	case c.Edge != nil:
		e := c.Edge
		fmt.Fprintf(&w.out, "edge %s %s -> %s", printable(cell(e.Metadata.Get(entity.KeyRelationType)), false), w.name(e.Parent), w.name(e.Child))
		if s := edgeAttributes(e); s != "" {
			w.out.WriteString(" " + printable(s, false))
		}
		if e.Stale {
			w.out.WriteString(" (stale)")
		}
	}
	w.out.WriteByte('\n')
	return nil
}

func (w *watcher) name(id entity.UUID) string {
	if n := w.nodes[id]; n != nil {
		return nodeName(n)
	}
	return id.String()
}

// difference tells what changed between two states of a node, key by key.
func difference(old, now *client.Node) string {
	var parts []string
	a, b := old.Metadata, now.Metadata
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0 || len(a) > 0 && a[0].Key < b[0].Key:
			parts = append(parts, a[0].Key+" "+cell(a[0].Value)+" -> none")
			a = a[1:]
		case len(a) == 0 || b[0].Key < a[0].Key:
			parts = append(parts, b[0].Key+" none -> "+cell(b[0].Value))
			b = b[1:]
		default:
			if !a[0].Value.Equal(b[0].Value) {
				parts = append(parts, b[0].Key+" "+cell(a[0].Value)+" -> "+cell(b[0].Value))
			}
			a, b = a[1:], b[1:]
		}
	}
	if old.Stale != now.Stale {
		parts = append(parts, fmt.Sprintf("Stale %v -> %v", old.Stale, now.Stale))
	}
	return strings.Join(parts, ", ")
}
