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
	"github.com/spf13/cobra"
)

// explainMost is how many nodes or edges are explained at once.
const explainMost = 20

const explainHelp = `Tell why a node or an edge is in the graph: which sources report it, which joins
make it and by which values, and when each was last confirmed.

A node is named by its ID, its Name, or a query in quotes that gives nodes. An
edge is named by its ID, a query that gives edges, or by its two nodes.`

func (a *app) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain", Short: "Tell why a node or an edge is there", Long: explainHelp, Args: noArgs,
		Example: `  topologyctl explain node eth0
  topologyctl explain edge 690bd3fe-f370-59e1-b9af-6d35bcec655b
  topologyctl explain edge br-int vnet0
  topologyctl explain edge "G.E().Has('Type','tunnel')"`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.explainNodeCommand(), a.explainEdgeCommand())
	return cmd
}

func (a *app) explainNodeCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "node ID|NAME|GREMLIN", Short: "Tell which sources speak of a node", ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{errors.New(`explain node needs one ID, Name or query in quotes, for example "G.V().Has('Name','eth0')"`)}
			}
			return nil
		},
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withClient(func(c *client.Client) error {
			ids, err := nodesNamed(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			return explainAll(a, ids, output, func(id entity.UUID) (json.RawMessage, func(*bytes.Buffer), error) {
				e, err := c.ExplainNode(cmd.Context(), id)
				if err != nil {
					return nil, nil, err
				}
				return e.Raw, func(b *bytes.Buffer) { appendNodeEvidence(b, e) }, nil
			})
		})
	}
	return cmd
}

func (a *app) explainEdgeCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "edge ID|GREMLIN|PARENT CHILD", Short: "Tell which sources and joins assert an edge", ValidArgsFunction: cobra.NoFileCompletions,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usageError{errors.New("explain edge needs the ID of an edge, a query in quotes that gives edges, or its two nodes")}
			}
			return nil
		},
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withClient(func(c *client.Client) error {
			ids, err := edgesNamed(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return explainAll(a, ids, output, func(id entity.UUID) (json.RawMessage, func(*bytes.Buffer), error) {
				e, err := c.ExplainEdge(cmd.Context(), id)
				if err != nil {
					return nil, nil, err
				}
				return e.Raw, func(b *bytes.Buffer) { appendEdgeEvidence(b, e) }, nil
			})
		})
	}
	return cmd
}

// explainAll asks for explanations and prints them: as JSON one as it is,
// several as a list.
func explainAll(a *app, ids []entity.UUID, output string, ask func(entity.UUID) (json.RawMessage, func(*bytes.Buffer), error)) error {
	var text bytes.Buffer
	var raw [][]byte
	for i, id := range ids {
		r, write, err := ask(id)
		if err != nil {
			return err
		}
		if raw = append(raw, r); i > 0 {
			text.WriteByte('\n')
		}
		write(&text)
	}
	switch {
	case output == "text":
		_, err := a.env.Stdout.Write(text.Bytes())
		return err
	case len(raw) == 1:
		return a.print(raw[0], output)
	}
	return a.print(jsonList(raw), output)
}

// nodesQuery is a query for the nodes that a user named.
func nodesQuery(what string) string {
	if isQuery(what) {
		return what
	}
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(what) + "'"
	if _, err := entity.ParseUUID(what); err == nil {
		return "G.V(" + quoted + ")"
	}
	return "G.V().Has('Name'," + quoted + ")"
}

// nodesNamed returns the nodes that a user named.
func nodesNamed(ctx context.Context, c *client.Client, what string) ([]entity.UUID, error) {
	if id, err := entity.ParseUUID(what); err == nil {
		return []entity.UUID{id}, nil
	}
	nodes, _, err := found(ctx, c, nodesQuery(what), client.KindNodes)
	if err == nil && len(nodes) == 0 {
		err = fmt.Errorf("there is no node %q now", what)
	}
	return few(nodes, err)
}

// edgesNamed returns the edges that a user named.
func edgesNamed(ctx context.Context, c *client.Client, args []string) ([]entity.UUID, error) {
	if len(args) == 1 {
		if id, err := entity.ParseUUID(args[0]); err == nil {
			return []entity.UUID{id}, nil
		}
		if !isQuery(args[0]) {
			return nil, usageError{fmt.Errorf("%q is neither an ID nor a query; name an edge by its two nodes", args[0])}
		}
		_, edges, err := found(ctx, c, args[0], client.KindEdges)
		if err == nil && len(edges) == 0 {
			err = errors.New("the query gives no edges")
		}
		return few(ids(edges), err)
	}
	ends, _, err := found(ctx, c, nodesQuery(args[1]), client.KindNodes)
	if err != nil {
		return nil, err
	}
	_, edges, err := found(ctx, c, nodesQuery(args[0])+".BothE()", client.KindEdges)
	if err != nil {
		return nil, err
	}
	end := make(map[entity.UUID]bool, len(ends))
	for _, id := range ends {
		end[id] = true
	}
	var between []client.Edge
	for _, e := range edges {
		if end[e.Parent] || end[e.Child] {
			between = append(between, e)
		}
	}
	if len(between) == 0 {
		return nil, fmt.Errorf("there is no edge between %q and %q now", args[0], args[1])
	}
	return few(ids(between), nil)
}

// found runs a query that has to give nodes, or edges.
func found(ctx context.Context, c *client.Client, text, kind string) (nodes []entity.UUID, edges []client.Edge, err error) {
	r, err := c.Query(ctx, client.Query{Gremlin: text})
	if err != nil {
		return nil, nil, &queryError{text, err}
	}
	if r.Kind != kind {
		return nil, nil, fmt.Errorf("the query gives %s; %s are wanted", r.Kind, kind)
	}
	for i := range r.Nodes {
		nodes = append(nodes, r.Nodes[i].ID)
	}
	return nodes, r.Edges, nil
}

func ids(edges []client.Edge) []entity.UUID {
	out := make([]entity.UUID, len(edges))
	for i := range edges {
		out[i] = edges[i].ID
	}
	return out
}

// few returns IDs, each once, unless there are too many to be explained.
func few(all []entity.UUID, err error) ([]entity.UUID, error) {
	if err != nil {
		return nil, err
	}
	seen := make(map[entity.UUID]bool, len(all))
	var out []entity.UUID
	for _, id := range all {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	if len(out) > explainMost {
		return nil, fmt.Errorf("that is %d, more than the %d that are explained at once; narrow it, or add .Limit(%d) to a query", len(out), explainMost, explainMost)
	}
	return out, nil
}
