//go:build linux

// Command guest makes the test guest's image and runs a command in it:
//
//	guest prepare
//	guest run [-out DIR] [-env KEY=value]... [-timeout 5m] COMMAND [ARGUMENT]...
//
// run ends with the command's exit status, 125 when the guest ended before the
// command, and 77 when this machine cannot run a guest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/skein-net/skein/internal/guest"
)

const (
	exitUsage       = 2
	exitUnavailable = 77
	exitCrash       = 125
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) == 0 {
		return usage()
	}
	o := guest.Options{Stdout: os.Stdout, Stderr: os.Stderr}
	flags := flag.NewFlagSet("guest "+args[0], flag.ContinueOnError)
	flags.StringVar(&o.Out, "out", "", "folder of this machine that the command may write to")
	flags.DurationVar(&o.Timeout, "timeout", 0, "end the guest after this time (default 5m)")
	flags.Func("env", "KEY=value for the command; may be repeated", func(s string) error {
		o.Env = append(o.Env, s)
		return nil
	})
	if err := flags.Parse(args[1:]); err != nil {
		return exitUsage
	}
	var err error
	switch {
	case args[0] == "prepare" && flags.NArg() == 0:
		var im *guest.Image
		if im, err = guest.Prepare(ctx); err == nil {
			fmt.Println(im.Dir)
			if im.NoExtra != "" {
				fmt.Fprintln(os.Stderr, "without netdevsim and bareudp:", im.NoExtra)
			}
		}
	case args[0] == "run" && flags.NArg() > 0:
		var im *guest.Image
		if im, err = guest.Prepare(ctx); err == nil {
			err = im.Run(ctx, o, flags.Args()...)
		}
	default:
		return usage()
	}
	return status(err)
}

func usage() int {
	fmt.Fprintln(os.Stderr, "usage: guest prepare | guest run [-out DIR] [-env KEY=value]... [-timeout D] COMMAND [ARGUMENT]...")
	return exitUsage
}

// status prints an error and returns the exit status for it.
func status(err error) int {
	var exit *guest.ExitError
	var none *guest.UnavailableError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &none):
		fmt.Fprintln(os.Stderr, err)
		return exitUnavailable
	default:
		fmt.Fprintln(os.Stderr, err)
		return exitCrash
	}
}
