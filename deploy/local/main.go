// Command local runs Skein on this host: topologyd, Telegraf and the Collector
// with the files of deploy/local, everything they store below .run. It waits
// until the graph answers, prints a summary and follows the logs until SIGINT,
// SIGTERM or the end of its parent, then stops the processes that it started
// and nothing else. It builds nothing and needs no privileges; what the inputs
// cannot see without root they say themselves, and without root no packets are
// captured.
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
	"net"
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
	// Where the Collector shows flows, and itself, as metrics.
	defaultProm      = "127.0.0.1:4288"
	defaultCollector = "127.0.0.1:4289"
)

// settings are where everything is.
type settings struct {
	bin, conf, data string
	// alerts is where graph rules are.
	alerts     string
	http, otlp string
	// prom is where the Collector shows flows as metrics, collector where itself.
	prom, collector string
	// capture is set when packets may be captured.
	capture bool
	wait    time.Duration
	// quiet is how long the summary waits for the first flows.
	quiet time.Duration
}

// listener is one address that a part listens on.
type listener struct {
	env, def string
	to       *string
	// collector is set for those of the Collector.
	collector bool
}

func (s *settings) addresses() []listener {
	return []listener{
		{env: "SKEIN_HTTP", def: defaultHTTP, to: &s.http},
		{env: "SKEIN_OTLP", def: defaultOTLP, to: &s.otlp},
		{env: "SKEIN_PROMETHEUS", def: defaultProm, to: &s.prom, collector: true},
		{env: "SKEIN_COLLECTOR", def: defaultCollector, to: &s.collector, collector: true},
	}
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
	fs.StringVar(&s.bin, "bin", "bin", "`directory` with topologyd, telegraf and otelcol")
	fs.StringVar(&s.conf, "conf", "deploy/local", "`directory` with topologyd.yaml, telegraf.conf and otelcol.yaml")
	fs.StringVar(&s.alerts, "alerts", "alerts/graph", "`directory` with graph rules")
	fs.StringVar(&s.data, "data", ".run", "`directory` for data and logs")
	fs.DurationVar(&s.wait, "wait", time.Minute, "how long to wait until the graph answers")
	fs.DurationVar(&s.quiet, "quiet", 8*time.Second, "how long to wait for the first flows")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	}
	for _, a := range s.addresses() {
		var err error
		if *a.to, err = address(getenv(a.env), a.def); err != nil {
			fmt.Fprintln(stderr, "run:", err)
			return 2
		}
	}
	s.capture = mayCapture()
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

// programs are those that are run.
func (s *settings) programs() []string {
	if s.capture {
		return []string{"topologyd", "telegraf", "otelcol"}
	}
	return []string{"topologyd", "telegraf"}
}

// run starts the processes and returns when they have stopped. A stop that
// was asked for is no error.
func (s *settings) run(ctx context.Context, stdout io.Writer) error {
	for _, name := range s.programs() {
		if _, err := os.Stat(filepath.Join(s.bin, name)); err != nil {
			return fmt.Errorf("find %s: %w; run make build first", name, err)
		}
	}
	var listen [][2]string
	for _, a := range s.addresses() {
		if s.capture || !a.collector {
			listen = append(listen, [2]string{a.env, *a.to})
		}
	}
	if err := portsFree(ctx, listen...); err != nil {
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
			"--alert-rule-files", filepath.Join(s.alerts, "*.rules.yaml"),
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
	var collector *child
	ended := make(<-chan struct{}) // never, when there is no capture
	if s.capture {
		if collector, err = s.startCollector(out); err != nil {
			return err
		}
		defer collector.stop()
		ended = collector.ended
		// A quiet interface has no flows: the summary does without.
		if err := waitFor(ctx, s.wait, "there are flows", server.hasFlows(s.quiet), collector); err != nil {
			return interrupted(ctx, err)
		}
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
	case <-ended:
		return collector.failure()
	}
}

// startCollector starts the Collector, which captures.
func (s *settings) startCollector(out *terminal) (*child, error) {
	data, err := filepath.Abs(s.data)
	if err != nil {
		return nil, fmt.Errorf("find data directory: %w", err)
	}
	host, port, err := net.SplitHostPort(s.collector)
	if err != nil {
		return nil, fmt.Errorf("SKEIN_COLLECTOR: %w", err)
	}
	return start(command{
		name: "otelcol",
		path: filepath.Join(s.bin, "otelcol"),
		args: []string{"--config", filepath.Join(s.conf, "otelcol.yaml")},
		env: []string{
			"SKEIN_HTTP=" + s.http, "SKEIN_DATA=" + data, "SKEIN_PROMETHEUS=" + s.prom,
			"SKEIN_COLLECTOR_HOST=" + host, "SKEIN_COLLECTOR_PORT=" + port,
		},
		log: filepath.Join(s.data, "otelcol.log"),
	}, out)
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
