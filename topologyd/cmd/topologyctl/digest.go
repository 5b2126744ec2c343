package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
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
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	d, err := c.Digest(ctx)
	if err != nil {
		return err
	}
	if output != "table" {
		return a.print(d.Raw, output)
	}
	_, err = fmt.Fprintf(a.env.Stdout, "%s revision %d record %d\n", printable(d.Digest, false), d.Revision, d.Record)
	return err
}
