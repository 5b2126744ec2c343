// Command telegraf-topology runs one topology input as an external plugin of
// any Telegraf, by inputs.execd: it writes line protocol to standard output
// and stops when its standard input is closed.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/influxdata/telegraf/plugins/common/shim"
	"github.com/influxdata/telegraf/plugins/inputs"

	"github.com/skein-net/skein/internal/version"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("telegraf-topology", flag.ContinueOnError)
	fs.SetOutput(stderr)
	config := fs.String("config", "", "configuration `file` with one [[inputs.…]] table; required")
	interval := fs.Duration("poll_interval", 0, "how often to gather counters; 0: when Telegraf asks (signal = \"STDIN\")")
	usage := fs.Bool("usage", false, "print the sample configurations of all inputs and exit")
	showVersion := fs.Bool("version", false, "print the version and exit")
	fs.Usage = func() {
		fmt.Fprint(stderr, "telegraf-topology: topology inputs for inputs.execd.\n\n"+
			"  telegraf-topology -config topology.conf\n\n")
		fs.PrintDefaults()
	}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case *showVersion:
		fmt.Fprintln(stdout, "telegraf-topology", version.Get())
		return 0
	case *usage:
		for _, name := range slices.Sorted(maps.Keys(inputs.Inputs)) {
			fmt.Fprintln(stdout, inputs.Inputs[name]().SampleConfig())
		}
		return 0
	case *config == "":
		fmt.Fprintln(stderr, "telegraf-topology: no -config given; -usage prints a sample")
		return 2
	}
	s := shim.New()
	if err := s.LoadConfig(config); err != nil {
		fmt.Fprintf(stderr, "telegraf-topology: load %s: %v\n", *config, err)
		return 1
	}
	if s.Input == nil {
		fmt.Fprintf(stderr, "telegraf-topology: %s has no [[inputs.…]] table\n", *config)
		return 1
	}
	if err := s.Run(*interval); err != nil {
		fmt.Fprintln(stderr, "telegraf-topology:", err)
		return 1
	}
	return 0
}
