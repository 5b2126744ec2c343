package flowstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config says where flows are kept and for how long.
type Config struct {
	// Dir is the directory of the embedded store; it is made when it is missing.
	Dir string
	// URL is that of a VictoriaLogs, http://host:9428; Dir is not used then.
	// Retention is what that VictoriaLogs is told.
	URL    string
	Remote Remote

	// RetentionAge is how long rows are kept, and how old those may be that come.
	// Whole days (UTC) go at once, so a row may stay a day longer; at least a day
	// is kept. 0 means no bound; what comes may be a month old then.
	RetentionAge time.Duration
	// RetentionBytes bounds the size on disk, 0 means no bound. Whole days go,
	// the oldest first, within 10 s; the last two stay in any case.
	RetentionBytes int64
	// MinFreeBytes is the free space of the disk below which writes are refused.
	MinFreeBytes int64
	// FlushInterval is how long rows may be in memory only, at least 3 s. What
	// was written in the FlushInterval, and a second more, before a crash is lost.
	FlushInterval time.Duration
	// Memory bounds the caches and the state of queries of the embedded store, in
	// bytes. It is a bound of the process: that of the first store started counts.
	Memory int64

	// MaxRollup bounds how many sums of minutes that are not over are in memory,
	// of about 200 bytes each. A minute that does not fit has no sums, and top
	// talkers look at all its rows. 0 means no sums at all; with a URL there are none.
	MaxRollup int
	// RollupGrace is how long a minute must be over, and have had no report, before
	// its sums are written. Reports that come later cost a row more.
	RollupGrace time.Duration

	// ReportInterval is the longest time between two reports of a flow that has
	// traffic. A query looks so far behind its window for flows that went on
	// through it.
	ReportInterval time.Duration
	// QueryTimeout bounds a query whose context has no earlier deadline. With a
	// URL it is 25 s at most: VictoriaLogs itself ends queries at 30 s, without a
	// word, and half an answer must not look like a whole one.
	QueryTimeout time.Duration
	// MaxFlows bounds how many flows one query may have to tell apart; it needs
	// about 100 bytes for each.
	MaxFlows int
	// MaxQueries bounds how many queries run at a time; others wait. One whose
	// answer is read slowly runs until it was read.
	MaxQueries int
}

// Remote is how to talk to a VictoriaLogs.
type Remote struct {
	// User and Password are for basic authentication, Token for a bearer token.
	User, Password, Token string
	// TLS is used for https; nil means the system's certificates.
	TLS *tls.Config
	// AccountID and ProjectID name the tenant.
	AccountID, ProjectID uint32
	// Attempts bounds how often a write is tried, with growing pauses in between.
	Attempts int
}

// DefaultConfig returns the configuration without Dir and URL.
func DefaultConfig() Config {
	return Config{
		RetentionAge:   7 * 24 * time.Hour,
		RetentionBytes: 10 << 30,
		MinFreeBytes:   512 << 20,
		FlushInterval:  5 * time.Second,
		Memory:         1 << 30,
		MaxRollup:      500_000,
		RollupGrace:    15 * time.Second,
		ReportInterval: 30 * time.Second,
		QueryTimeout:   25 * time.Second,
		MaxFlows:       2_000_000,
		MaxQueries:     4,
		Remote:         Remote{Attempts: 4},
	}
}

func (c *Config) check() error {
	switch {
	case c.Dir == "" && c.URL == "":
		return errors.New("flow store: neither a directory nor a URL is given")
	case c.RetentionAge < 0 || c.RetentionBytes < 0 || c.MinFreeBytes < 0:
		return errors.New("flow store: retention and free space cannot be negative")
	case c.MaxRollup < 0 || c.RollupGrace < 0:
		return errors.New("flow store: bounds of rollups cannot be negative")
	case c.MaxFlows < 1 || c.MaxQueries < 1 || c.QueryTimeout <= 0:
		return errors.New("flow store: bounds of queries must be positive")
	}
	if c.URL == "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return fmt.Errorf("flow store: read URL: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("flow store: URL %q is not one of http or https", c.URL)
	}
	return nil
}
