package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/influxdata/telegraf/agent"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"

	"github.com/skein-net/skein/internal/version"
)

// runAgents runs one agent after another: a new one for every SIGHUP, until
// SIGINT, SIGTERM or the end of ctx stops the last one.
func runAgents(ctx context.Context, opt options) error {
	config.NonStrictEnvVarHandling = opt.nonStrictEn

	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	for {
		again, err := runAgent(ctx, opt, signals)
		if err != nil || !again {
			return err
		}
	}
}

// runAgent runs one agent and reports whether SIGHUP asked for another.
func runAgent(ctx context.Context, opt options, signals <-chan os.Signal) (again bool, err error) {
	config.ResetSecrets()
	cfg, err := load(opt, opt.test && !opt.once)
	if err != nil {
		return false, err
	}
	if err := check(cfg, opt); err != nil {
		return false, err
	}
	if err := setupLogging(cfg, opt); err != nil {
		return false, fmt.Errorf("set up logging: %w", err)
	}
	log.Printf("I! [agent] Starting Telegraf %s with the topology inputs of Skein %s", telegrafVersion(), version.String())
	log.Printf("I! [agent] Loaded inputs: %s; outputs: %s", strings.Join(cfg.InputNames(), " "), strings.Join(cfg.OutputNames(), " "))

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- start(ctx, agent.NewAgent(cfg), opt) }()
	for {
		select {
		case err := <-done:
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return again, err
		case s := <-signals:
			if s == syscall.SIGHUP {
				// Load once into nothing, so that a mistake in the file
				// does not end an agent that works.
				if _, err := load(opt, true); err != nil {
					log.Printf("E! [agent] Keeping the running configuration: %v", err)
					continue
				}
				log.Print("I! [agent] Loading the configuration again")
				again = true
			} else {
				log.Printf("I! [agent] Stopping on %v", s)
				again = false
			}
			cancel()
		}
	}
}

func start(ctx context.Context, a *agent.Agent, opt options) error {
	switch {
	case opt.once:
		return a.Once(ctx, opt.wait())
	case opt.test:
		return a.Test(ctx, opt.wait())
	default:
		return a.Run(ctx)
	}
}

// load reads all configuration files. With dry set, outputs open nothing: a
// disk buffer must not be opened while an agent has it.
func load(opt options, dry bool) (*config.Config, error) {
	files := append([]string(nil), opt.configs...)
	for _, dir := range opt.configDirs {
		more, err := config.WalkDirectory(dir)
		if err != nil {
			return nil, fmt.Errorf("read configuration directory %s: %w", dir, err)
		}
		files = append(files, more...)
	}
	if len(files) == 0 {
		var err error
		if files, err = config.GetDefaultConfigPath(); err != nil {
			return nil, fmt.Errorf("find a configuration: %w", err)
		}
	}
	cfg := config.NewConfig()
	cfg.Agent.Quiet = opt.quiet
	cfg.TestMode = dry
	if err := cfg.LoadAll(files...); err != nil {
		return nil, fmt.Errorf("load configuration: %w", err)
	}
	return cfg, nil
}

func check(cfg *config.Config, opt options) error {
	switch {
	case len(cfg.Inputs) == 0:
		return errors.New("the configuration has no input")
	case len(cfg.Outputs) == 0 && (!opt.test || opt.once):
		return errors.New("the configuration has no output")
	case cfg.Agent.Interval <= 0:
		return fmt.Errorf("agent interval must be positive, is %v", time.Duration(cfg.Agent.Interval))
	case cfg.Agent.FlushInterval <= 0:
		return fmt.Errorf("agent flush_interval must be positive, is %v", time.Duration(cfg.Agent.FlushInterval))
	}
	return nil
}

func setupLogging(cfg *config.Config, opt options) error {
	return logger.SetupLogging(&logger.Config{
		Debug:                   cfg.Agent.Debug || opt.debug,
		Quiet:                   cfg.Agent.Quiet || opt.quiet,
		LogFormat:               cfg.Agent.LogFormat,
		Logfile:                 cfg.Agent.Logfile,
		StructuredLogMessageKey: cfg.Agent.StructuredLogMessageKey,
		RotationInterval:        time.Duration(cfg.Agent.LogfileRotationInterval),
		RotationMaxSize:         int64(cfg.Agent.LogfileRotationMaxSize),
		RotationMaxArchives:     cfg.Agent.LogfileRotationMaxArchives,
		LogWithTimezone:         cfg.Agent.LogWithTimezone,
	})
}

// telegrafVersion is the version of the Telegraf module in this binary.
func telegrafVersion() string {
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, m := range bi.Deps {
			if m.Path == "github.com/influxdata/telegraf" {
				return m.Version
			}
		}
	}
	return version.Unknown
}
