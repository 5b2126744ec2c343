package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/skein-net/skein/topologyd/client"
)

func (a *app) digestCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "digest",
		Short: "Print a hash of the state of the graph",
		Long: `Print a hash of the state of the graph, and the revision and the record of the
event log that it is of. Replicas at the same revision have the same.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.digest(cmd.Context(), output) },
	}
	outputFlag(cmd, &output, "table", "json", "yaml")
	return cmd
}

func (a *app) digest(ctx context.Context, output string) error {
	return show(a, output, question[*client.Digest]{
		ask: func(c *client.Client) (*client.Digest, error) { return c.Digest(ctx) },
		raw: func(d *client.Digest) json.RawMessage { return d.Raw },
		text: func(d *client.Digest) []byte {
			return fmt.Appendf(nil, "%s revision %d record %d\n", printable(d.Digest, false), d.Revision, d.Record)
		},
	})
}
