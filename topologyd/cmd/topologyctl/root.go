package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// environment is what the command has of the world.
type environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// app is the state of one run.
type app struct {
	env       environment
	server    string
	tokenFile string
	tls       client.TLSOptions
	timeout   time.Duration
}

// run runs the command and returns its exit code.
func run(ctx context.Context, args []string, env environment) int {
	a := &app{env: env}
	root := a.command()
	root.SetArgs(sparePast(args))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var usage usageError
	isUsage := errors.As(err, &usage)
	fmt.Fprintf(env.Stderr, "topologyctl: %s\n", explain(err))
	if isUsage {
		fmt.Fprintln(env.Stderr, `Run "topologyctl --help" for usage.`)
		return exitUsage
	}
	return exitFailed
}

const longHelp = `topologyctl asks a topologyd: what a network is made of and what moves through
it, now, in the past and as it changes.

The server is --server, else SKEIN_SERVER, else http://127.0.0.1:4280. A token
is read from --token-file, else from SKEIN_TOKEN.

Exit codes: 0 done, 1 failed, 2 called wrongly.`

const examples = `  topologyctl query "G.V().Has('Type','veth').Out().Count()"
  topologyctl query "G.V().Has('Name','eth0')" -o json
  topologyctl query "G.V().Has('Type','bridge').BothE().SubGraph()" -o dot | dot -Tsvg > net.svg
  topologyctl diff -1h
  topologyctl flows --top 10 --by application
  topologyctl watch`

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "topologyctl",
		Short:         "Ask a topologyd",
		Long:          longHelp,
		Example:       examples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cmd.Help(); err != nil {
				return err
			}
			return nil
		},
	}
	root.SetIn(a.env.Stdin)
	root.SetOut(a.env.Stdout)
	root.SetErr(a.env.Stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVarP(&a.server, "server", "s", "", "base `URL` of the server (SKEIN_SERVER)")
	f.StringVar(&a.tokenFile, "token-file", "", "`file` that holds the bearer token")
	f.StringVar(&a.tls.CAFile, "ca-file", "", "`file` of the certificate authorities to trust, PEM")
	f.StringVar(&a.tls.CertFile, "cert-file", "", "`file` of the client certificate, PEM")
	f.StringVar(&a.tls.KeyFile, "key-file", "", "`file` of the client certificate's key, PEM")
	f.StringVar(&a.tls.ServerName, "tls-server-name", "", "`name` expected in the server's certificate")
	f.BoolVar(&a.tls.InsecureSkipVerify, "insecure-skip-verify", false, "trust any server certificate")
	f.DurationVar(&a.timeout, "timeout", client.DefaultConfig().Timeout, "longest time for a request")
	root.AddCommand(a.queryCommand(), a.topologyCommand(), a.diffCommand(), a.historyCommand(), a.changesCommand(), a.digestCommand(), a.watchCommand(), a.flowsCommand(), a.statusCommand(), a.versionCommand())
	root.AddCommand(a.captureCommand(), a.hostsCommand(), a.explainCommand(), a.auditCommand(), a.tokenCommand())
	root.AddCommand(a.offlineCommands()...)
	root.AddCommand(a.definitionCommands()...)
	return root
}

// client makes the client that the flags and the environment ask for.
func (a *app) client() (*client.Client, error) {
	cfg := client.DefaultConfig()
	cfg.UserAgent = "topologyctl/" + version.Get().Version
	cfg.Timeout = a.timeout
	if a.timeout <= 0 {
		return nil, usageError{errors.New("--timeout must be more than 0")}
	}
	for _, s := range []string{a.server, a.env.Getenv("SKEIN_SERVER")} {
		if s != "" {
			cfg.Server = s
			break
		}
	}
	cfg.Token, cfg.TokenFile = a.env.Getenv("SKEIN_TOKEN"), a.tokenFile
	var err error
	if cfg.TLS, err = a.tls.Config(); err != nil {
		return nil, err
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		text := fmt.Sprintf("there is no command %q", args[0])
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			text += "; did you mean " + strings.Join(s, " or ") + "?"
		}
		return usageError{errors.New(text)}
	}
	return usageError{fmt.Errorf("%s takes no arguments", cmd.Name())}
}

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	of    []string
}

func (c choice) String() string { return *c.value }
func (c choice) Type() string   { return strings.Join(c.of, "|") }
func (c choice) Set(s string) error {
	for _, w := range c.of {
		if s == w {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("want one of %s", strings.Join(c.of, ", "))
}

// outputFlag adds -o to a command; the first word is the default.
func outputFlag(cmd *cobra.Command, value *string, words ...string) {
	*value = words[0]
	cmd.Flags().VarP(choice{value, words}, "output", "o", "format of the output")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of topologyctl",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.env.Stdout, "topologyctl %s\n", version.Get())
			return err
		},
	}
}
