package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

func (a *app) captureNodes() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "nodes ID", Short: "Print how a capture does at each node", Args: needIDs(true), ValidArgsFunction: cobra.NoFileCompletions,
	}
	outputFlag(cmd, &output, outputTable, "json", "yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withClient(func(c *client.Client) error {
			d, err := c.FindCapture(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			nodes, raw, err := c.CaptureNodesRaw(cmd.Context(), d.ID)
			if err != nil {
				return err
			}
			if output != outputTable {
				return a.print(raw, output)
			}
			if len(nodes) == 0 {
				fmt.Fprintln(a.env.Stderr, "the query finds no node now")
				return nil
			}
			var b bytes.Buffer
			appendCaptureNodes(&b, nodes)
			_, err = a.env.Stdout.Write(b.Bytes())
			return err
		})
	}
	return cmd
}

func appendCaptureNodes(b *bytes.Buffer, nodes []client.CaptureNode) {
	t := table{header: []string{"HOST", "INTERFACE", "NETNS", "STATE", "PROOF", "TYPE", "PACKETS", "DROPPED", "SAMPLING", "KEPT", "SINCE", "MESSAGE"}}
	for i := range nodes {
		n := &nodes[i]
		sampling, since := "", ""
		if n.Sampling > 1 {
			sampling = fmt.Sprintf("1:%d", n.Sampling)
		}
		if !n.Since.IsZero() {
			since = n.Since.UTC().Format(time.RFC3339)
		}
		t.add(n.HostLabel(), n.Interface, n.NetNS, n.State, n.Proof, n.Type, fmt.Sprint(n.Packets), droppedText(n.Dropped),
			sampling, countText(n.RawPackets), since, messageOf(n))
	}
	t.write(b)
}

// countText is a count that shows as nothing when there is none.
func countText(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// droppedText is what was lost by reason, the reasons sorted.
func droppedText(dropped map[string]int64) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s=%d", reason, n))
		}
	}
	return strings.Join(parts, " ")
}

// messageOf is what there is to say of a node.
func messageOf(n *client.CaptureNode) string {
	switch {
	case n.Warning == "":
		return n.Error
	case n.Error == "":
		return "warning: " + n.Warning
	default:
		return n.Error + "; warning: " + n.Warning
	}
}
