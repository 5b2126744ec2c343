// Package config holds every setting of topologyd in one struct and reads it
// from its four sources, the later ones first in rank: defaults, a YAML file,
// environment variables, flags. All four use the same names: the flag
// --query-timeout is query-timeout in the file and SKEIN_QUERY_TIMEOUT in the
// environment.
//
// The package must never open anything but the configuration file, and never
// start anything: it only answers what was asked for.
package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"
)

// Config is every setting of the daemon. The zero value is not usable; begin
// with [DefaultConfig].
type Config struct {
	// File is the YAML file that was read, "" for none.
	File string

	// Listen is the address of the HTTP server, OTLPListen that of OTLP over
	// gRPC; an empty OTLPListen switches gRPC off.
	Listen     string
	OTLPListen string

	// DataDir is where the event log and its snapshots are kept.
	DataDir string
	// Durability says when a write is acknowledged: "sync" or "batched".
	Durability string
	// RetentionAge and RetentionBytes bound what the event log keeps.
	RetentionAge   time.Duration
	RetentionBytes ByteSize

	// Cluster or NATS say who else holds the event log; neither: nobody.
	Cluster Cluster
	NATS    NATS
	// LogReplicas is on how many servers it is kept, 0 to choose.
	LogReplicas int

	LogLevel  string
	LogFormat string

	Query  Query
	Ingest Ingest
	Watch  Watch
	Flows  Flows

	Captures Captures

	// Fabric are lines of the fabric language (docs/rules.md). A malformed one is
	// reported and passed over.
	Fabric List

	// JoinFiles are patterns of files with rows of the table of joins
	// (docs/joins.md).
	JoinFiles List

	Security Security
	Alerts   Alerts

	// MemoryLimit is what the process should not exceed, 0 for no limit: garbage is
	// collected more often the nearer it comes.
	MemoryLimit ByteSize

	// WriteTimeout bounds how long one response may take to be written.
	WriteTimeout time.Duration
	// ShutdownTimeout bounds a graceful stop.
	ShutdownTimeout time.Duration
}

// Query are the limits of the query endpoint.
type Query struct {
	// Timeout is the longest evaluation of one query; a request may ask for
	// less, never for more. The same holds for the other limits.
	Timeout time.Duration
	// MaxVisited is how many nodes and edges one query may touch.
	MaxVisited int
	// MaxResults is how many elements one query may give back.
	MaxResults int
	// MaxBytes is how large one result may be.
	MaxBytes ByteSize
	// Concurrency is how many queries are evaluated at the same time, those that
	// take long not counted; others wait for their turn until Timeout.
	Concurrency int
}

// Ingest are the limits of what sources may send.
type Ingest struct {
	// MaxBody is the largest request body, compressed and decompressed.
	MaxBody ByteSize
	// Queue is how many requests are worked on at the same time; what comes on
	// top is refused with 429, and the source tries again.
	Queue int
	// ReadTimeout is the longest pause in a request body.
	ReadTimeout time.Duration
}

// Watch are the limits of subscribers.
type Watch struct {
	// MaxSubscribers is how many watchers are served at the same time.
	MaxSubscribers int
	// Queue is how many changes a watcher may fall behind.
	Queue int
	// WriteTimeout is how long one message to a watcher may take.
	WriteTimeout time.Duration
	// PingInterval is how often an idle watcher is pinged.
	PingInterval time.Duration
}

// DefaultConfig returns the settings that hold when nobody says otherwise.
// They are safe: loopback only, every write synced.
func DefaultConfig() Config {
	return Config{
		Listen:     "127.0.0.1:4280",
		OTLPListen: "127.0.0.1:4327",
		DataDir:    "/var/lib/skein",
		Durability: DurabilitySync,

		RetentionAge:   7 * 24 * time.Hour,
		RetentionBytes: 10 << 30,

		Cluster: Cluster{Name: "skein"},

		LogLevel:  "info",
		LogFormat: "text",
		Query: Query{
			Timeout:     10 * time.Second,
			MaxVisited:  20_000_000,
			MaxResults:  1_000_000,
			MaxBytes:    256 << 20,
			Concurrency: 8,
		},
		Ingest: Ingest{
			MaxBody:     64 << 20,
			Queue:       64,
			ReadTimeout: 15 * time.Second,
		},
		Watch: Watch{
			MaxSubscribers: 1024,
			Queue:          100_000,
			WriteTimeout:   10 * time.Second,
			PingInterval:   20 * time.Second,
		},
		Flows:           defaultFlows(),
		Captures:        defaultCaptures(),
		Security:        defaultSecurity(),
		Alerts:          defaultAlerts(),
		WriteTimeout:    60 * time.Second,
		ShutdownTimeout: 10 * time.Second,
	}
}

// The two values of [Config.Durability].
const (
	DurabilitySync    = "sync"
	DurabilityBatched = "batched"
)

// Validate checks the settings against one another and says for each mistake
// what to do about it; all mistakes are reported together.
func (c *Config) Validate() error {
	var errs []error
	bad := func(flag, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	for _, a := range []struct {
		flag, addr string
		optional   bool
	}{{"listen", c.Listen, false}, {"otlp-listen", c.OTLPListen, true}} {
		if a.addr == "" && a.optional {
			continue
		}
		if err := checkAddress(a.addr); err != nil {
			bad(a.flag, "%v; give host:port, for example 127.0.0.1:4280", err)
		}
	}
	if c.Listen != "" && c.Listen == c.OTLPListen && !wildcardPort(c.Listen) {
		bad("otlp-listen", "is the same address as --listen; give each its own port")
	}
	if c.DataDir == "" {
		bad("data-dir", "is empty; give the directory that the event log is kept in")
	}
	oneOf := func(flag, v string, allowed ...string) {
		for _, a := range allowed {
			if v == a {
				return
			}
		}
		bad(flag, "%q is not known; give one of %v", v, allowed)
	}
	oneOf("durability", c.Durability, DurabilitySync, DurabilityBatched)
	oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error")
	oneOf("log-format", c.LogFormat, "text", "json")

	for _, pattern := range c.JoinFiles.Items() {
		if _, err := filepath.Match(pattern, ""); err != nil {
			bad("join-files", "%q is no pattern of files; give for example /etc/skein/joins.d/*.yaml", pattern)
		}
	}

	c.validateLog(bad)
	c.validateFlows(bad)
	c.validateSecurity(bad)
	c.validateAlerts(bad)

	for _, n := range []struct {
		flag string
		v    int64
	}{
		{"query-max-visited", int64(c.Query.MaxVisited)},
		{"query-max-results", int64(c.Query.MaxResults)},
		{"query-max-bytes", int64(c.Query.MaxBytes)},
		{"query-concurrency", int64(c.Query.Concurrency)},
		{"max-body", int64(c.Ingest.MaxBody)},
		{"ingest-queue", int64(c.Ingest.Queue)},
		{"watch-max-subscribers", int64(c.Watch.MaxSubscribers)},
		{"watch-queue", int64(c.Watch.Queue)},
		{"retention-bytes", int64(c.RetentionBytes)},
		{"retention-age", int64(c.RetentionAge)},
		{"flow-retention-bytes", int64(c.Flows.RetentionBytes)},
		{"flow-retention-age", int64(c.Flows.RetentionAge)},
		{"flow-live-max", int64(c.Flows.LiveMax)},
		{"max-captures-per-host", int64(c.Captures.MaxPerHost)},
		{"query-timeout", int64(c.Query.Timeout)},
		{"ingest-read-timeout", int64(c.Ingest.ReadTimeout)},
		{"watch-write-timeout", int64(c.Watch.WriteTimeout)},
		{"watch-ping-interval", int64(c.Watch.PingInterval)},
		{"write-timeout", int64(c.WriteTimeout)},
		{"shutdown-timeout", int64(c.ShutdownTimeout)},
	} {
		if n.v <= 0 {
			bad(n.flag, "must be more than zero")
		}
	}
	return errors.Join(errs...)
}

func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is not an address", addr)
	}
	// A name is looked up in a list on this host; nobody is asked.
	if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		return fmt.Errorf("%q has no usable port", addr)
	}
	return nil
}

// wildcardPort reports whether the system picks the port.
func wildcardPort(addr string) bool {
	_, port, _ := net.SplitHostPort(addr)
	return port == "0"
}
