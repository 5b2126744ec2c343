package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

func (a *app) statusCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print how the server is",
		Long:  "Print how the server is. The exit code is 1 when it does not serve queries.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.status(cmd.Context(), output) },
	}
	outputFlag(cmd, &output, "table", "json", "yaml")
	return cmd
}

func (a *app) status(ctx context.Context, output string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ready(ctx); err != nil {
		if errors.Is(err, client.ErrNotReady) {
			return fmt.Errorf("the server runs, but is %w", err)
		}
		return err
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if output != "table" {
		return a.print(s.Raw, output)
	}
	v, err := entity.ParseJSON(string(s.Raw))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	t := table{header: []string{"WHAT", "VALUE"}, always: true}
	t.add("ready", "true")
	flatten(&t, "", v)
	var b bytes.Buffer
	t.write(&b)
	_, err = a.env.Stdout.Write(b.Bytes())
	return err
}

// flatten adds a row for every scalar within v, its path in dots.
func flatten(t *table, path string, v entity.Value) {
	if v.Kind() != entity.KindMap {
		t.add(path, cell(v))
		return
	}
	for _, m := range v.Map() {
		key := m.Key
		if path != "" {
			key = path + "." + key
		}
		flatten(t, key, m.Value)
	}
}
