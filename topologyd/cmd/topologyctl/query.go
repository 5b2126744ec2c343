package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// maxQuery bounds a query that is read from standard input; the server allows
// 64 KiB.
const maxQuery = 1 << 20

const queryHelp = `Ask the graph a question in Gremlin.

EXPR begins with G; quote it for the shell. "-" reads it from standard input.
Formats (--output, or --format):
  table  columns that suit the kind of answer
  json   the answer as the server gives it, indented
  yaml   the same in YAML
  dot    a graph for Graphviz
  ndjson a line of JSON for each row, as the server finds them
  csv    comma-separated values with headings

--timeout is also the longest time that the server works on the query.
--partial prints what was found until a limit was met, and says so on standard
error. --explain runs the query and shows how that was done: which indexes were
used, how many elements each step was given and gave, and how long it took.

` + timesHelp

// askMargin is how much longer than the server the command waits, so that it is
// the server who says what took long.
const askMargin = 2 * time.Second

// queryOptions is how a query is asked and shown.
type queryOptions struct {
	output  string
	explain bool
}

func (a *app) queryCommand() *cobra.Command {
	var (
		opt    queryOptions
		q      client.Query
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
			if opt.explain && opt.output != outputTable && opt.output != "json" && opt.output != "yaml" {
				return usageError{errors.New("--explain is shown as table, json or yaml")}
			}
			if cmd.Flags().Changed("timeout") && a.timeout > 0 {
				limits.Timeout = a.timeout
				a.timeout += askMargin
			}
			if limits != (client.Limits{}) {
				q.Limits = &limits
			}
			q.Gremlin, q.At = text, strings.TrimSpace(q.At)
			if err := a.query(cmd.Context(), q, opt); err != nil {
				return &queryError{text, err}
			}
			return nil
		},
	}
	words := []string{outputTable, "json", "yaml", "dot", "ndjson", "csv"}
	outputFlag(cmd, &opt.output, words...)
	f := cmd.Flags()
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "format" { // as the server calls it
			name = "output"
		}
		return pflag.NormalizedName(name)
	})
	f.StringVar(&q.At, "at", "", "`time` that is asked about, for example -1h")
	f.IntVar(&limits.Results, "max-results", 0, "most elements of the result; 0: the server's limit")
	f.IntVar(&limits.Visited, "max-visited", 0, "most elements that are looked at; 0: the server's limit")
	f.BoolVar(&q.Partial, "partial", false, "print a part of the result when a limit is met")
	f.BoolVar(&opt.explain, "explain", false, "show how the query is run, not its result")
	return cmd
}

func (a *app) query(ctx context.Context, q client.Query, opt queryOptions) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	switch {
	case opt.explain:
		return a.explainQuery(ctx, c, q, opt.output)
	case opt.output == "ndjson":
		return a.streamQuery(ctx, c, q)
	case opt.output == "dot":
		return a.copyQuery(ctx, c, q, client.DOT)
	case opt.output == "csv":
		return a.copyQuery(ctx, c, q, client.CSV)
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
	defer a.part(answer.Limit)
	if opt.output != outputTable {
		return a.print(body, opt.output)
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

// part says that an answer is a part.
func (a *app) part(limit string) {
	if limit != "" {
		fmt.Fprintf(a.env.Stderr, "topologyctl: this is a part: the limit on %s was met\n", printable(limit, false))
	}
}

// copyQuery prints an answer as it came.
func (a *app) copyQuery(ctx context.Context, c *client.Client, q client.Query, media string) error {
	answer, err := c.Ask(ctx, q, media)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	a.part(answer.Limit)
	_, err = io.WriteString(a.env.Stdout, printable(string(body), true))
	return err
}

// streamQuery prints rows as they come.
func (a *app) streamQuery(ctx context.Context, c *client.Client, q client.Query) error {
	s, err := c.Stream(ctx, q)
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // only read
	for row, err := range s.Rows() {
		if err != nil {
			return err
		}
		if _, err := a.env.Stdout.Write(append(printableJSON(row), '\n')); err != nil {
			return err
		}
	}
	a.part(s.Limit())
	return nil
}

// explainQuery prints how a query is run.
func (a *app) explainQuery(ctx context.Context, c *client.Client, q client.Query, output string) error {
	e, err := c.Explain(ctx, q)
	if err != nil {
		return err
	}
	if output != outputTable {
		return a.print(e.Raw, output)
	}
	var b bytes.Buffer
	appendExplanation(&b, e)
	_, err = a.env.Stdout.Write(b.Bytes())
	return err
}

// appendExplanation writes a line for each step, and what the whole took.
func appendExplanation(b *bytes.Buffer, e *client.Explanation) {
	millis := func(ms float64) string { return strconv.FormatFloat(ms, 'f', 3, 64) + " ms" }
	t := table{header: []string{"STEP", "IN", "OUT", "VISITED", "TIME", "HOW"}, always: true}
	for _, s := range e.Steps {
		in := ""
		if s.In != nil {
			in = strconv.Itoa(*s.In)
		}
		t.add(s.Step, in, strconv.Itoa(s.Out), strconv.Itoa(s.Visited), millis(s.Milliseconds), strings.Join(s.How, "; "))
	}
	t.write(b)
	fmt.Fprintf(b, "\n%s: %d, visited %d, remembered %d bytes, took %s; revision %d of %d nodes and %d edges\n",
		printable(e.Kind, false), e.Results, e.Visited, e.Memory, millis(e.Milliseconds), e.Revision, e.Nodes, e.Edges)
	if e.Limit != "" {
		fmt.Fprintf(b, "stopped by the limit on %s\n", printable(e.Limit, false))
	}
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
