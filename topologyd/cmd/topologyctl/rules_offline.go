package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/skein-net/skein/topologyd/alert/ruletest"
	"github.com/spf13/cobra"
)

// offlineCommands are about files alone: they ask no server.
func (a *app) offlineCommands() []*cobra.Command {
	check := &cobra.Command{
		Use: "check", Short: "Check files, without a server", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	check.AddCommand(a.ruleFilesCommand(&cobra.Command{
		Use: "rules FILE...", Short: "Check files of graph rules",
		Long: `Check files of graph rules: queries, templates and all other fields. Every
mistake is told with its line. The exit code is 1 when there is one.`,
		Example: `  topologyctl check rules /etc/skein/rules.d/*.yaml`,
	}, func(_ context.Context, path string, out io.Writer) (bool, error) {
		return ruletest.CheckFile(path, out)
	}))
	test := &cobra.Command{
		Use: "test", Short: "Run unit tests, without a server", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	test.AddCommand(a.ruleFilesCommand(&cobra.Command{
		Use: "rules FILE...", Short: "Run unit tests of graph rules",
		Long: `Run unit tests of graph rules. A file of tests names files of rules, says what is
in a graph and what happens to it, and which alerts fire at which time. The exit
code is 1 when a test fails. docs/alerts.md has the form of the files.`,
		Example: `  topologyctl test rules rules_test.yaml`,
	}, ruletest.TestFile))
	return []*cobra.Command{check, test}
}

// ruleFilesCommand makes a command that does the same to each of some files.
func (a *app) ruleFilesCommand(cmd *cobra.Command, do func(ctx context.Context, path string, out io.Writer) (bool, error)) *cobra.Command {
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{errors.New("name the files")}
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		failed := 0
		for _, path := range args {
			ok, err := do(cmd.Context(), path, a.env.Stdout)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if !ok {
				failed++
			}
		}
		if failed > 0 {
			return fmt.Errorf("%d of %d files failed", failed, len(args))
		}
		return nil
	}
	return cmd
}
