package ofprobe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// Source is the facet that speaks of rules and groups.
const Source = "openflow"

// Config is what a [Probe] can be told.
type Config struct {
	// HostID is the identity of the host, for the tag host_id of the metrics.
	HostID string
	// Version fixes the version of OpenFlow. 0: the highest that both sides speak.
	Version openflow.Version
	// Interval is how often the counters, the groups and, as a check, all rules
	// are read. Where a switch has no flow monitoring it is also how soon changes
	// are seen.
	Interval time.Duration
	// Settle is how soon after new rules everything is read before its time, for
	// their flags and importance, which switches do not tell with changes.
	Settle time.Duration
	// Coalesce is the shortest time between two reports of one rule. A rule that
	// changes more often is reported once, with what it is at the end.
	Coalesce time.Duration
	// MaxRules is how many rules and groups of one bridge become entities. More
	// are counted.
	MaxRules int
	// MaxBytes is how much of one read of all rules is decoded. Rules beyond it
	// are not seen by that read.
	MaxBytes int
	// CPU is the share of one core that one bridge may cost, 0.05 is 5 %. Reads
	// become rarer so as to stay below it, and changes are taken slower; the
	// switch then merges them.
	CPU float64
	// Monitor asks the switch to tell changes. Without it rules are only read
	// every Interval.
	Monitor bool
	// Counters sends the rules' counters as metrics.
	Counters bool
	// TLS is for targets ssl:.
	TLS *tls.Config
	// Timeout bounds a connection attempt, a write, and how long a switch may
	// leave a request unanswered.
	Timeout time.Duration
	// Feed says how connections are kept and how entities are reported. Name and
	// Report.Source are filled in.
	Feed feed.Config
	// Dial replaces how connections are made. For tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{
		Interval: 30 * time.Second,
		Settle:   5 * time.Second,
		Coalesce: 200 * time.Millisecond,
		MaxRules: 10_000,
		MaxBytes: 16 << 20,
		CPU:      0.05,
		Monitor:  true,
		Counters: true,
		Timeout:  10 * time.Second,
		Feed:     feed.DefaultConfig(),
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Version != 0 && !c.Version.Known():
		return fmt.Errorf("%v is not known, want 1.0 to 1.5, or 0 for the highest", c.Version)
	case c.Interval < time.Second:
		return fmt.Errorf("interval %v is shorter than a second", c.Interval)
	case c.Settle < 0:
		return fmt.Errorf("settle %v is negative", c.Settle)
	case c.Coalesce < 0 || c.Coalesce > c.Interval:
		return fmt.Errorf("coalesce %v: want 0 to the interval, %v", c.Coalesce, c.Interval)
	case c.MaxRules < 1:
		return fmt.Errorf("max_rules is %d, want at least 1", c.MaxRules)
	case c.MaxBytes < 1<<16:
		return fmt.Errorf("max_bytes is %d, want at least 64 KiB, the size of one message", c.MaxBytes)
	case c.CPU <= 0 || c.CPU > 1:
		return fmt.Errorf("cpu is %v, want a share of one core above 0 and up to 1", c.CPU)
	case c.Timeout <= 0:
		return errors.New("timeout is not positive")
	}
	return nil
}
