// Command telegraf is Telegraf's own agent with the topology inputs of this
// project and the stock plugins that people run beside them. It reads the same
// configuration as stock Telegraf. Whoever keeps their own Telegraf uses
// telegraf-topology by inputs.execd instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/skein-net/skein/internal/version"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	configs     stringList
	configDirs  stringList
	test, once  bool
	testWait    int
	usage       string
	version     bool
	debug       bool
	quiet       bool
	nonStrictEn bool
}

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return fmt.Sprint([]string(*l)) }
func (l *stringList) Set(s string) error { *l = append(*l, s); return nil }

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opt, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case opt.version:
		fmt.Fprintf(stdout, "Telegraf %s with the topology inputs of Skein %s\n", telegrafVersion(), version.Get())
		return 0
	case opt.usage != "":
		if err := printUsage(stdout, opt.usage); err != nil {
			fmt.Fprintln(stderr, "telegraf:", err)
			return 1
		}
		return 0
	}
	if err := runAgents(ctx, opt); err != nil {
		fmt.Fprintln(stderr, "telegraf:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (options, error) {
	var opt options
	fs := flag.NewFlagSet("telegraf", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Var(&opt.configs, "config", "configuration `file` or URL to load; may be given several times")
	fs.Var(&opt.configDirs, "config-directory", "`directory` whose *.conf files are loaded too; may be given several times")
	fs.BoolVar(&opt.test, "test", false, "gather once, print the metrics, write to no output, and exit")
	fs.BoolVar(&opt.once, "once", false, "gather once, write to the outputs, and exit")
	fs.IntVar(&opt.testWait, "test-wait", 0, "with -test or -once: let service inputs run for this many `seconds`")
	fs.StringVar(&opt.usage, "usage", "", "print the sample configuration of a `plugin`, for example topology_host, and exit")
	fs.BoolVar(&opt.version, "version", false, "print the version and exit")
	fs.BoolVar(&opt.debug, "debug", false, "log at level debug")
	fs.BoolVar(&opt.quiet, "quiet", false, "log errors only")
	fs.BoolVar(&opt.nonStrictEn, "non-strict-env-handling", false, "let environment variables replace settings that are not strings")
	fs.Usage = func() {
		fmt.Fprint(stderr, "telegraf: Telegraf's agent with topology inputs.\n\n"+
			"  telegraf -config telegraf.conf\n\n"+
			"SIGHUP loads the configuration again, SIGUSR1 flushes the outputs, SIGINT and SIGTERM stop.\n\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		return opt, err
	}
	if fs.NArg() > 0 {
		err := fmt.Errorf("unknown argument %q", fs.Arg(0))
		fmt.Fprintln(stderr, "telegraf:", err)
		return opt, err
	}
	return opt, nil
}

// wait is how long service inputs run in test and once mode.
func (o *options) wait() time.Duration { return time.Duration(o.testWait) * time.Second }
