// Command perf measures topologyd as a user would meet it: the built program, over
// HTTP on loopback, filled with a synthetic graph. It prints the table of
// docs/performance.md.
//
// Usage: perf [-bin DIR] [-only graph,mixed,past,change,flows,alerts,flood] [-sizes 10000,100000,1000000]
// [-mixed 100000] [-queries 2000] [-events 10000] [-for 20s] [-changes 1000000]
// [-links 2000] [-flows 10000000] [-rules 200] [-flood 10000]
//
// Each figure is what this machine did in this run; nothing is kept between
// runs, and nothing fails because a figure is low.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/skein-net/skein/internal/perf/table"
)

// options are what the command line says.
type options struct {
	bin, only, sizes string
	mixed            mixedOptions
	changes, links   int
	flows, rules     int
	flood            int
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "directory of the built programs")
	flag.StringVar(&o.only, "only", "", "parts that are measured, of graph, mixed, past, change, flows, alerts and flood; none: all")
	flag.StringVar(&o.sizes, "sizes", "10000,100000,1000000", "numbers of nodes")
	flag.IntVar(&o.mixed.nodes, "mixed", 100_000, "nodes while queries of many kinds and changes come at the same time; 0 leaves it out")
	flag.IntVar(&o.mixed.queries, "queries", 2000, "queries a second then")
	flag.IntVar(&o.mixed.events, "events", 10_000, "changes a second then; 0: none")
	flag.DurationVar(&o.mixed.length, "for", 20*time.Second, "how long that is measured")
	flag.IntVar(&o.changes, "changes", 1_000_000, "changes of which the past is asked about; 0 leaves it out")
	flag.IntVar(&o.links, "links", 2000, "interfaces beside the one whose change is timed; needs root, 0 leaves it out")
	flag.IntVar(&o.flows, "flows", 10_000_000, "flow reports that are stored; 0 leaves it out")
	flag.IntVar(&o.rules, "rules", 200, "graph rules beside changes, of the nodes and changes a second of mixed; 0 leaves it out")
	flag.IntVar(&o.flood, "flood", 10_000, "requests a second that prove nothing, beside one who is known, of the nodes and for the time of mixed; 0 leaves it out")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		os.Exit(1)
	}
}

// part is one of what can be measured by itself.
type part struct {
	name string
	what string
	on   bool
	do   func(ctx context.Context, t *table.Table) error
}

func parts(o *options, sizes []int) []part {
	return []part{
		{"graph", "the graph", len(sizes) > 0, func(ctx context.Context, t *table.Table) error {
			for _, n := range sizes {
				if err := measureGraph(ctx, t, o.bin, n); err != nil {
					return fmt.Errorf("with %d nodes: %w", n, err)
				}
			}
			return nil
		}},
		{"mixed", "queries beside changes", o.mixed.nodes > 0, func(ctx context.Context, t *table.Table) error {
			return measureMixed(ctx, t, o.bin, &o.mixed)
		}},
		{"past", "the past", o.changes > 0, func(ctx context.Context, t *table.Table) error {
			return measurePast(ctx, t, o.bin, 100_000, o.changes)
		}},
		{"change", "one link change", o.links > 0 && os.Geteuid() == 0 && runtime.GOOS == "linux", func(ctx context.Context, t *table.Table) error {
			return measureChange(ctx, t, o.bin, o.links)
		}},
		{"flows", "flows", o.flows > 0, func(ctx context.Context, t *table.Table) error {
			return measureFlows(ctx, t, o.bin, o.flows)
		}},
		{"alerts", "graph rules", o.rules > 0 && o.mixed.nodes > 0 && o.mixed.events > 0, func(ctx context.Context, t *table.Table) error {
			return measureAlerts(ctx, t, o.bin, o.rules, &o.mixed)
		}},
		{"flood", "a flood of requests that prove nothing", o.flood > 0 && o.mixed.nodes > 0, func(ctx context.Context, t *table.Table) error {
			return measureFlood(ctx, t, o.bin, o.flood, &o.mixed)
		}},
	}
}

func run(ctx context.Context, o *options) error {
	var sizes []int
	for s := range strings.SplitSeq(o.sizes, ",") {
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			return fmt.Errorf("size %q is not a number of at least 1000", s)
		}
		sizes = append(sizes, n)
	}
	all := parts(o, sizes)
	var only []string
	if o.only != "" {
		only = strings.Split(o.only, ",")
	}
	for _, name := range only {
		if !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("part %q is not known; give some of graph, mixed, past, change, flows, alerts, flood", name)
		}
	}
	t := table.New(os.Stderr)
	for _, p := range all {
		if !p.on || only != nil && !slices.Contains(only, p.name) {
			continue
		}
		if err := p.do(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", p.what, err)
		}
	}
	return t.Print(os.Stdout)
}
