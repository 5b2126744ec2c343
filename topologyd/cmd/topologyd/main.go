// Command topologyd keeps the live topology of a network as a graph: it takes
// entity events from Telegraf and OpenTelemetry Collectors and answers
// queries.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/daemon"
)

// Exit codes.
const (
	exitFailure = 1 // something went wrong while running
	exitUsage   = 2 // the command line or the configuration is wrong
)

// errUsage marks errors of the command line and of the configuration.
var errUsage = errors.New("usage")

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	cmd := command(stderr)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.Execute()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "topologyd: %v\nSee topologyd --help.\n", errors.Unwrap(err))
		return exitUsage
	default:
		fmt.Fprintf(stderr, "topologyd: %v\n", err)
		return exitFailure
	}
}

// usageError is an error of the command line or of the configuration.
type usageError struct{ error }

func (e usageError) Is(target error) bool { return target == errUsage }
func (e usageError) Unwrap() error        { return e.error }

func command(stderr io.Writer) *cobra.Command {
	c := config.DefaultConfig()
	flags := c.Flags()
	cmd := &cobra.Command{
		Use:   "topologyd",
		Short: "The live topology of a network, as a graph that answers queries.",
		Long: `topologyd takes entity events from Telegraf (Influx line protocol) and from
OpenTelemetry Collectors (OTLP logs), merges them into one graph, keeps its
history on disk and answers Gremlin queries about it.

Settings come from defaults, a YAML file (--config), the environment and flags;
the later ones win. The environment variable of each is in parentheses.`,
		Example: `  topologyd --data-dir ./data
  curl -s http://127.0.0.1:4280/api/v1/query -d '{"gremlin":"G.V().Count()"}'`,
		Version:       version.Get().String(),
		Args:          func(cmd *cobra.Command, args []string) error { return noArgs(args) },
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(flags, os.LookupEnv)
			if err != nil {
				return usageError{err}
			}
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			return serve(cmd.Context(), cfg, newLogger(&cfg, stderr))
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().AddFlagSet(flags)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.SetContext(context.Background())
	return cmd
}

func noArgs(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%q is not a flag; topologyd takes flags only", args[0])}
}

func newLogger(cfg *config.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // validated before
	opts := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// serve runs the daemon until a signal comes, ctx ends or a server fails.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := daemon.New(cfg, log, daemon.Notifier(os.Getenv("NOTIFY_SOCKET"), log))
	if err != nil {
		return err
	}
	defer daemon.KeepHeap(cfg.MemoryLimit, os.LookupEnv, log)()
	log.Info("starting", "version", version.String(), "pid", os.Getpid())
	if err := d.Start(ctx); err != nil {
		return err
	}
	var failed error
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case failed = <-d.Failed():
	}
	stop() // a second signal ends the process at once
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	return errors.Join(failed, d.Stop(end))
}
