package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// EnvPrefix begins the name of every environment variable.
const EnvPrefix = "SKEIN_"

// configFlag is the one name that the configuration file may not hold.
const configFlag = "config"

// EnvName returns the environment variable of a flag.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Flags returns the flags of the daemon bound to c; the values that c holds
// are the defaults in the help text.
func (c *Config) Flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("topologyd", pflag.ContinueOnError)
	f.SortFlags = false
	f.StringVar(&c.File, configFlag, c.File, "YAML file with settings; its keys are the names of these flags.")
	f.StringVar(&c.Listen, "listen", c.Listen, "Address of the HTTP server: queries, watch, ingest, metrics.")
	f.StringVar(&c.OTLPListen, "otlp-listen", c.OTLPListen, "Address that receives OTLP logs over gRPC; empty switches it off.")
	f.StringVar(&c.DataDir, "data-dir", c.DataDir, "Directory of the event log; it is made when it does not exist.")
	f.StringVar(&c.Durability, "durability", c.Durability, "When a write is acknowledged: sync waits until the log is on disk, batched syncs the log shortly after.")
	f.DurationVar(&c.RetentionAge, "retention-age", c.RetentionAge, "How long events are kept in the log.")
	f.Var(&c.RetentionBytes, "retention-bytes", "How large the event log may grow; the oldest events go first.")
	c.logFlags(f)
	f.StringVar(&c.LogLevel, "log-level", c.LogLevel, "Least severity that is logged: debug, info, warn or error.")
	f.StringVar(&c.LogFormat, "log-format", c.LogFormat, "Format of the log on standard error: text or json.")

	f.DurationVar(&c.Query.Timeout, "query-timeout", c.Query.Timeout, "Longest evaluation of one query.")
	f.IntVar(&c.Query.MaxVisited, "query-max-visited", c.Query.MaxVisited, "Nodes and edges that one query may visit.")
	f.IntVar(&c.Query.MaxResults, "query-max-results", c.Query.MaxResults, "Elements that one query may return.")
	f.Var(&c.Query.MaxBytes, "query-max-bytes", "Largest result of one query.")
	f.IntVar(&c.Query.Concurrency, "query-concurrency", c.Query.Concurrency, "Queries that are evaluated at the same time, those that take long not counted.")

	f.Var(&c.Ingest.MaxBody, "max-body", "Largest body of an ingest request, before and after decompression.")
	f.IntVar(&c.Ingest.Queue, "ingest-queue", c.Ingest.Queue, "Ingest requests that are worked on at the same time; further ones are told to try again.")
	f.DurationVar(&c.Ingest.ReadTimeout, "ingest-read-timeout", c.Ingest.ReadTimeout, "Longest pause while an ingest request is received.")

	f.IntVar(&c.Watch.MaxSubscribers, "watch-max-subscribers", c.Watch.MaxSubscribers, "Watchers that are served at the same time.")
	f.IntVar(&c.Watch.Queue, "watch-queue", c.Watch.Queue, "Changes that are kept for watchers; one that falls further behind is cut off.")
	f.DurationVar(&c.Watch.WriteTimeout, "watch-write-timeout", c.Watch.WriteTimeout, "Longest time one message to a watcher may take before it is cut off.")
	f.DurationVar(&c.Watch.PingInterval, "watch-ping-interval", c.Watch.PingInterval, "How often a quiet watcher is pinged.")

	c.flowFlags(f)
	c.captureFlags(f)
	c.securityFlags(f)
	c.alertFlags(f)

	f.Var(&c.Fabric, "fabric", "A line that describes part of the network that no agent sees, as in docs/rules.md; repeat the flag for more.")
	f.Var(&c.JoinFiles, "join-files", "A pattern of YAML files with rows of the table of joins, as in docs/joins.md; repeat the flag for more. They are read again when they change.")

	f.Var(&c.MemoryLimit, "memory-limit", "Memory that is not to be exceeded if it can be helped: the nearer it comes, the more often garbage is collected; 0: no limit.")
	f.DurationVar(&c.WriteTimeout, "write-timeout", c.WriteTimeout, "Longest time one response may take to be read by its client.")
	f.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", c.ShutdownTimeout, "Longest graceful stop.")
	f.VisitAll(func(fl *pflag.Flag) { fl.Usage += " (" + EnvName(fl.Name) + ")" })
	return f
}

// Markdown returns the table of all flags that docs/configuration.md shows.
func Markdown() string {
	c := DefaultConfig()
	var b strings.Builder
	b.WriteString("| flag and key | environment | default | meaning |\n|---|---|---|---|\n")
	c.Flags().VisitAll(func(f *pflag.Flag) {
		def := "`" + f.DefValue + "`"
		if f.DefValue == "" {
			def = "none"
		}
		env := EnvName(f.Name)
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, env, def, strings.TrimSuffix(f.Usage, " ("+env+")"))
	})
	return b.String()
}
