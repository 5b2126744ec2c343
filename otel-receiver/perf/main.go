// Command perf measures captures as a user would meet them: the built
// Collector on a veth of namespaces made for it, beside softflowd and tcpdump
// on the same packets in the same run; and the decoder beside gopacket's. It
// prints the table of docs/performance.md.
//
// Usage: perf [-bin DIR] [-frames 4000000]
//
// It needs root, and Linux. Each figure is what this machine did in this run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

func main() {
	if status, child := liveframes.Main(); child {
		os.Exit(status)
	}
	bin := flag.String("bin", "bin", "directory of the built programs")
	frames := flag.Int("frames", 4_000_000, "packets of each run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &table{}
	measureCode(t)
	if err := measureCapture(ctx, t, *bin, *frames); err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		os.Exit(1)
	}
	t.print()
}

// table collects rows and prints them as Markdown.
type table struct{ rows [][3]string }

func (t *table) add(what, goal, format string, args ...any) {
	t.rows = append(t.rows, [3]string{what, fmt.Sprintf(format, args...), goal})
	fmt.Fprintf(os.Stderr, "%s: %s\n", what, t.rows[len(t.rows)-1][1])
}

func (t *table) print() {
	fmt.Printf("Measured by `make bench` on %d cores (%s/%s, %s).\n\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	fmt.Println("| what | measured | goal |\n| --- | --- | --- |")
	for _, r := range t.rows {
		fmt.Printf("| %s | %s | %s |\n", r[0], r[1], r[2])
	}
}
