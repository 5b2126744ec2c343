package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

// maxQuery bounds a query that is read from standard input; the server allows
// 64 KiB.
const maxQuery = 1 << 20

const queryHelp = `Ask the graph a question in Gremlin.

EXPR begins with G; quote it for the shell. "-" reads it from standard input.
Formats:
  table  columns that suit the kind of answer
  json   the answer as the server gives it, indented
  yaml   the same in YAML
  dot    a graph for Graphviz

` + timesHelp

func (a *app) queryCommand() *cobra.Command {
	var (
		output string
		at     string
		limits client.Limits
	)
	cmd := &cobra.Command{
		Use:   "query EXPR",
		Short: "Ask the graph a question in Gremlin",
		Long:  queryHelp,
		Example: `  topologyctl query "G.V().Has('Type','veth').Count()"
  topologyctl query "G.V().Has('State','DOWN').ValueMap('Name','Host')" -o yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usageError{errors.New(`query needs an expression, for example "G.V().Limit(10)"`)}
			case 1:
				return nil
			}
			return usageError{errors.New("query takes one expression; put it in quotes")}
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			text := args[0]
			if text == "-" {
				b, err := io.ReadAll(io.LimitReader(a.env.Stdin, maxQuery))
				if err != nil {
					return fmt.Errorf("read query: %w", err)
				}
				text = strings.TrimRight(string(b), "\r\n")
			}
			q := client.Query{Gremlin: text, At: strings.TrimSpace(at)}
			if limits != (client.Limits{}) {
				q.Limits = &limits
			}
			if err := a.query(cmd.Context(), q, output); err != nil {
				return &queryError{text, err}
			}
			return nil
		},
	}
	outputFlag(cmd, &output, "table", "json", "yaml", "dot")
	cmd.Flags().StringVar(&at, "at", "", "`time` that is asked about, for example -1h")
	cmd.Flags().IntVar(&limits.Results, "max-results", 0, "most elements of an intermediate or final result; 0: the server's limit")
	return cmd
}

func (a *app) query(ctx context.Context, q client.Query, output string) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if output == "dot" {
		answer, err := c.Ask(ctx, q, client.DOT)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(a.env.Stdout, answer.Body); err != nil {
			return fmt.Errorf("copy answer: %w", err)
		}
		return nil
	}
	answer, err := c.Ask(ctx, q, client.JSON)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if output != "table" {
		return a.print(body, output)
	}
	r, err := client.ParseResult(answer.Kind, answer.Revision, body)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if appendResult(&b, r); b.Len() == 0 {
		fmt.Fprintln(a.env.Stderr, "nothing found")
	}
	_, err = a.env.Stdout.Write(b.Bytes())
	return err
}

// print writes JSON as indented JSON or as YAML.
func (a *app) print(body []byte, output string) error {
	var out []byte
	if output == "yaml" {
		v, err := entity.ParseJSON(string(body))
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		out = appendYAML(nil, v)
	} else {
		var b bytes.Buffer
		if err := json.Indent(&b, bytes.TrimSpace(body), "", "  "); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		b.WriteByte('\n')
		out = b.Bytes()
	}
	_, err := a.env.Stdout.Write(printableJSON(out))
	return err
}
