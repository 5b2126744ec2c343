package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/diff"
	"github.com/spf13/cobra"
)

const topologyHelp = `Print a picture of the network that has at most so many nodes: what does not
fit is put together in groups of what is on the same host, in the same network
namespace and of the same type. Without a query it is of the whole graph.

What owns something stands above it, edges that are no ownership below their
parent. A group ends with its path: give it to --expand to open the group, "*"
to open all that fit; a label may stand for a value (host=paris). Levels of
grouping are host, namespace, owner, type and keys of attributes.

With --since the picture is of the graph then and now: + added, - removed,
~ changed, and of groups how many of each.

` + timesHelp

func (a *app) topologyCommand() *cobra.Command {
	var (
		q             client.TopologyQuery
		output, color string
	)
	cmd := &cobra.Command{
		Use:   "topology [GREMLIN]",
		Short: "Print a picture of the network",
		Long:  topologyHelp,
		Example: `  topologyctl topology
  topologyctl topology --expand host=paris --limit 100
  topologyctl topology "G.V().Has('Type','bridge').Both()" --group host,type
  topologyctl topology --since -1h --changes-only`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("topology takes one query; put it in quotes")}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Gremlin, q.At, q.Since = "G", strings.TrimSpace(q.At), strings.TrimSpace(q.Since)
			if len(args) == 1 {
				q.Gremlin = args[0]
			}
			if err := a.topology(cmd.Context(), q, output, color); err != nil {
				return &queryError{q.Gremlin, err}
			}
			return nil
		},
	}
	outputFlag(cmd, &output, "text", "json", "yaml")
	f := cmd.Flags()
	f.StringSliceVar(&q.Group, "group", nil, "`levels` of grouping with commas between them, coarse to fine; host,namespace,type when it is left out")
	f.StringSliceVar(&q.Expand, "expand", nil, "`paths` of groups to open, with commas between them")
	f.IntVar(&q.Limit, "limit", 0, "most nodes and groups; 0: the server's default")
	f.StringVar(&q.At, "at", "", "`time` that is asked about, for example -1h")
	f.StringVar(&q.Since, "since", "", "`time` to compare with")
	f.BoolVar(&q.ChangesOnly, "changes-only", false, "with --since: leave out what did not change")
	f.StringVar(&q.Keys, "keys", "", "with --since: `keys` whose changes count, as of diff")
	colorFlag(cmd, &color)
	return cmd
}

func (a *app) topology(ctx context.Context, q client.TopologyQuery, output, color string) error {
	summary := ""
	err := show(a, output, question[*client.Topology]{
		ask: func(c *client.Client) (*client.Topology, error) { return c.Topology(ctx, q) },
		raw: func(t *client.Topology) json.RawMessage { return t.Raw },
		text: func(t *client.Topology) []byte {
			summary = topologyLine(t) + "\n"
			return appendTopology(nil, t, a.paint(color))
		},
	})
	if err == nil {
		fmt.Fprint(a.env.Stderr, summary)
	}
	return err
}

// topologyLine says in one line what the picture is of.
func topologyLine(t *client.Topology) string {
	s := fmt.Sprintf("%s: %d nodes and %d edges", t.Time.Format(time.RFC3339), t.Total.Nodes, t.Total.Edges)
	if t.Since != nil {
		s = t.Since.Format(time.RFC3339) + " to " + s
	}
	if t.Grouped != (client.ElementCount{}) {
		s += fmt.Sprintf(", %d and %d of them in groups", t.Grouped.Nodes, t.Grouped.Edges)
	}
	if t.LeftOut != (client.ElementCount{}) {
		s += fmt.Sprintf(", %d and %d left out", t.LeftOut.Nodes, t.LeftOut.Edges)
	}
	if d := t.Summary; d != nil {
		s += fmt.Sprintf("; nodes +%d -%d ~%d, edges +%d -%d ~%d", d.Nodes.Added, d.Nodes.Removed, d.Nodes.Changed, d.Edges.Added, d.Edges.Removed, d.Edges.Changed)
	}
	return s
}

// topologyTree prints a picture by who owns what.
type topologyTree struct {
	t     *client.Topology
	paint diff.Paint
	// at has the nodes by ID, below those that a node owns, edges those that
	// begin at a node and are no ownership.
	at    map[string]int
	below map[string][]int
	edges map[string][]int
	done  []bool
	b     []byte
}

// appendTopology appends a picture as text to b.
func appendTopology(b []byte, t *client.Topology, paint diff.Paint) []byte {
	if paint == nil {
		paint = func(diff.Op) (string, string) { return "", "" }
	}
	x := &topologyTree{t: t, paint: paint, at: make(map[string]int), below: make(map[string][]int), edges: make(map[string][]int), done: make([]bool, len(t.Nodes)), b: b}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		x.at[n.ID] = i
		x.below[n.Parent] = append(x.below[n.Parent], i)
	}
	for i := range t.Edges {
		if e := &t.Edges[i]; e.Type != entity.Ownership {
			x.edges[e.Source] = append(x.edges[e.Source], i)
		}
	}
	for _, i := range x.below[""] {
		x.node(i, 0)
	}
	for i := range t.Nodes { // what a broken answer says to own itself
		x.node(i, 0)
	}
	return x.b
}

// node prints a node and what it owns.
func (x *topologyTree) node(i, depth int) {
	if x.done[i] {
		return
	}
	x.done[i] = true
	n := &x.t.Nodes[i]
	text := topologyName(n)
	if g := n.Group; g != nil {
		text += topologyGroup(g)
	} else if state := cell(n.Node.Metadata.Get("State")); state != "" {
		text += " " + state
	}
	if n.Group == nil && n.Node.Stale {
		text += " stale"
	}
	if n.Rate != nil {
		text += fmt.Sprintf(" rx %s tx %s", perSecond(n.Rate.Rx), perSecond(n.Rate.Tx))
	}
	if n.Group != nil && n.Group.Expandable {
		text += "  " + n.Path
	}
	x.line(depth, n.Change, text)
	for _, k := range n.Keys {
		x.line(depth+2, "", fmt.Sprintf("%s: %s -> %s", k.Key, orNone(k.Old), orNone(k.New)))
	}
	for _, j := range x.edges[n.ID] {
		e := &x.t.Edges[j]
		text := "-- " + e.Type + " -> " + e.Target
		if to, ok := x.at[e.Target]; ok {
			text = "-- " + e.Type + " -> " + topologyName(&x.t.Nodes[to])
		}
		if e.Count > 1 {
			text += " x" + strconv.Itoa(e.Count)
		}
		if e.Rate != nil {
			text += " " + perSecond(*e.Rate)
		}
		x.line(depth+1, e.Change, text)
	}
	for _, j := range x.below[n.ID] {
		x.node(j, depth+1)
	}
}

// line prints one line, its sign first.
func (x *topologyTree) line(depth int, change, text string) {
	sign := map[string]string{client.Added: "+", client.Removed: "-", client.Changed: "~"}[change]
	if x.t.Since != nil {
		text = fmt.Sprintf("%-2s%s%s", sign, strings.Repeat("  ", depth), text)
	} else {
		text = strings.Repeat("  ", depth) + text
	}
	on, off := x.paint(opOf(change))
	x.b = append(append(append(append(x.b, on...), printable(text, false)...), off...), '\n')
}

// topologyName is what people know a node of a picture by.
func topologyName(n *client.TopologyNode) string {
	switch {
	case n.Group == nil && n.Node == nil:
		return n.ID
	case n.Group == nil:
		name := nameOf(n.Node)
		if name.Name == "" {
			name.Name = name.ID
		}
		if name.Type == "" {
			return name.Name
		}
		return name.Name + " (" + name.Type + ")"
	case n.Group.Level == client.OthersPath:
		return "[others]"
	default:
		return "[" + n.Group.Label + "]"
	}
}

// topologyGroup says what is in a group.
func topologyGroup(g *client.TopologyGroup) string {
	s := fmt.Sprintf(" %d nodes, %d edges:", g.Nodes, g.Edges)
	for i, t := range g.Types {
		if i > 0 {
			s += ","
		}
		name := t.Type
		if name == "" {
			name = "no type"
		}
		s += fmt.Sprintf(" %d %s", t.Count, name)
	}
	if g.Down > 0 {
		s += fmt.Sprintf("; %d down", g.Down)
	}
	if g.Stale > 0 {
		s += fmt.Sprintf("; %d stale", g.Stale)
	}
	if g.Added+g.Removed+g.Changed > 0 {
		s += fmt.Sprintf("; +%d -%d ~%d", g.Added, g.Removed, g.Changed)
	}
	return s
}

func orNone(v entity.Value) string {
	if v.IsZero() {
		return "none"
	}
	return v.Text()
}

// perSecond is traffic for people.
func perSecond(bytes float64) string {
	units := [...]string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"}
	i := 0
	for ; bytes >= 999.5 && i < len(units)-1; i++ {
		bytes /= 1000
	}
	digits := 0
	if i > 0 && bytes < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(bytes, 'f', digits, 64) + " " + units[i]
}
