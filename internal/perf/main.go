// Command perf measures topologyd as a user would meet it: the built program, over
// HTTP on loopback, filled with a synthetic graph. It prints the table of
// docs/performance.md.
//
// Usage: perf [-bin DIR] [-sizes 10000,100000] [-changes 1000000] [-links 2000] [-flows 10000000]
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
	"strconv"
	"strings"
	"syscall"

	"github.com/skein-net/skein/internal/perf/table"
)

func main() {
	bin := flag.String("bin", "bin", "directory of the built programs")
	sizes := flag.String("sizes", "10000,100000", "numbers of nodes")
	changes := flag.Int("changes", 1_000_000, "changes of which the past is asked about; 0 leaves it out")
	links := flag.Int("links", 2000, "interfaces beside the one whose change is timed; needs root, 0 leaves it out")
	flows := flag.Int("flows", 10_000_000, "flow reports that are stored; 0 leaves it out")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *sizes, *changes, *links, *flows); err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bin, sizes string, changes, links, flows int) error {
	t := table.New(os.Stderr)
	for s := range strings.SplitSeq(sizes, ",") {
		if s == "" {
			continue
		}
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			return fmt.Errorf("size %q is not a number of at least 1000", s)
		}
		if err := measureGraph(ctx, t, bin, n); err != nil {
			return fmt.Errorf("with %d nodes: %w", n, err)
		}
	}
	if changes > 0 {
		if err := measurePast(ctx, t, bin, 100_000, changes); err != nil {
			return fmt.Errorf("the past: %w", err)
		}
	}
	if links > 0 && os.Geteuid() == 0 && runtime.GOOS == "linux" {
		if err := measureChange(ctx, t, bin, links); err != nil {
			return fmt.Errorf("one link change: %w", err)
		}
	}
	if flows > 0 {
		if err := measureFlows(ctx, t, bin, flows); err != nil {
			return fmt.Errorf("flows: %w", err)
		}
	}
	return t.Print(os.Stdout)
}
