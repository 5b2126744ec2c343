// Command perf measures captures as a user would meet them: the built
// Collector on a veth of namespaces made for it, beside softflowd and tcpdump
// on the same packets in the same run; and the decoder beside gopacket's. It
// prints the table of docs/performance.md.
//
// Usage: perf [-bin DIR] [-frames 4000000] [-only code|capture|ebpf]
//
// It needs root, and Linux. Each figure is what this machine did in this run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/otel-receiver/source/liveframes"
)

func main() {
	if status, child := liveframes.Main(); child {
		os.Exit(status)
	}
	bin := flag.String("bin", "bin", "directory of the built programs")
	frames := flag.Int("frames", 4_000_000, "packets of each run")
	only := flag.String("only", "", "measure only this: code, capture or ebpf")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := table.New(os.Stderr)
	if *only == "" || *only == "code" {
		measureCode(t)
	}
	err := measureCapture(ctx, t, *bin, *only, *frames)
	if err == nil {
		err = t.Print(os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "perf:", err)
		os.Exit(1)
	}
}
