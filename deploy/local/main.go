// Command local runs Skein on this host: topologyd and Telegraf with the files
// of deploy/local, everything they store below .run. It waits until the graph
// answers, prints a summary and follows both logs until SIGINT, SIGTERM or the
// end of its parent, then stops the two processes that it started and nothing
// else. It builds nothing and needs no privileges; what the inputs cannot see
// without root they say themselves.
//
//	make run
//	SKEIN_HTTP=127.0.0.1:5280 SKEIN_OTLP=127.0.0.1:5327 make run
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Default addresses, those of topologyd itself.
const (
	defaultHTTP = "127.0.0.1:4280"
	defaultOTLP = "127.0.0.1:4327"
)

// settings are where everything is.
type settings struct {
	bin, conf, data string
	http, otlp      string
	wait            time.Duration
}

func main() {
	// The children end with the thread that started them, see child.
	runtime.LockOSThread()
	os.Exit(run(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	s := settings{}
	fs := flag.NewFlagSet("local", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&s.bin, "bin", "bin", "`directory` with topologyd and telegraf")
	fs.StringVar(&s.conf, "conf", "deploy/local", "`directory` with topologyd.yaml and telegraf.conf")
	fs.StringVar(&s.data, "data", ".run", "`directory` for data and logs")
	fs.DurationVar(&s.wait, "wait", time.Minute, "how long to wait until the graph answers")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	var err error
	if s.http, err = address(getenv("SKEIN_HTTP"), defaultHTTP); err == nil {
		s.otlp, err = address(getenv("SKEIN_OTLP"), defaultOTLP)
	}
	if err != nil {
		fmt.Fprintln(stderr, "run:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, orphan := context.WithCancel(ctx)
	defer orphan()
	go watchParent(ctx, os.Getppid(), orphan)
	if err := s.run(ctx, stdout); err != nil {
		fmt.Fprintln(stderr, "run:", err)
		return 1
	}
	return 0
}

// run starts both processes and returns when they have stopped. A stop that
// was asked for is no error.
func (s *settings) run(ctx context.Context, stdout io.Writer) error {
	for _, name := range []string{"topologyd", "telegraf"} {
		if _, err := os.Stat(filepath.Join(s.bin, name)); err != nil {
			return fmt.Errorf("find %s: %w; run make build first", name, err)
		}
	}
	if err := portsFree(ctx, [2]string{"SKEIN_HTTP", s.http}, [2]string{"SKEIN_OTLP", s.otlp}); err != nil {
		return err
	}
	if err := os.MkdirAll(s.data, 0o755); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	server, err := newAsker(s.http)
	if err != nil {
		return err
	}
	defer server.Close()
	out := &terminal{w: stdout}

	daemon, err := start(command{
		name: "topologyd",
		path: filepath.Join(s.bin, "topologyd"),
		args: []string{
			"--config", filepath.Join(s.conf, "topologyd.yaml"),
			"--listen", s.http, "--otlp-listen", s.otlp,
			"--data-dir", filepath.Join(s.data, "topologyd"),
		},
		log: filepath.Join(s.data, "topologyd.log"),
	}, out)
	if err != nil {
		return err
	}
	defer daemon.stop()
	if err := waitFor(ctx, s.wait, "topologyd is ready", server.ready, daemon); err != nil {
		return interrupted(ctx, err)
	}

	agent, err := start(command{
		name: "telegraf",
		path: filepath.Join(s.bin, "telegraf"),
		args: []string{"--config", filepath.Join(s.conf, "telegraf.conf")},
		env:  []string{"SKEIN_HTTP=" + s.http},
		log:  filepath.Join(s.data, "telegraf.log"),
	}, out)
	if err != nil {
		return err
	}
	// Deferred calls run last first: Telegraf hands over what it holds before
	// the daemon stops.
	defer agent.stop()
	if err := waitFor(ctx, s.wait, "the graph has this host", server.settled(), daemon, agent); err != nil {
		return interrupted(ctx, err)
	}
	text, err := server.summary(ctx, s)
	if err != nil {
		return interrupted(ctx, fmt.Errorf("summarize the graph: %w", err))
	}
	out.print(text)
	out.follow()

	select {
	case <-ctx.Done():
		out.print("\nStopping.\n")
		return nil
	case <-daemon.ended:
		return daemon.failure()
	case <-agent.ended:
		return agent.failure()
	}
}

// interrupted turns the error of a wait into none when a stop was asked for.
func interrupted(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// waitFor polls ok until it holds, for at most d. It fails early when one of
// the processes ends.
func waitFor(ctx context.Context, d time.Duration, what string, ok func(context.Context) bool, procs ...*child) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, p := range procs {
			select {
			case <-p.ended:
				return p.failure()
			default:
			}
		}
		if ok(ctx) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %v until %s; see the logs in %s", d, what, filepath.Dir(procs[0].cmd.log))
		case <-tick.C:
		}
	}
}

// watchParent calls gone when the process that started this one has ended.
func watchParent(ctx context.Context, parent int, gone func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				gone()
				return
			}
		}
	}
}
