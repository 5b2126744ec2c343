package report

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a [Reporter] can be told.
type Config struct {
	// Source is the facet that speaks. It fills in for events that name none.
	Source string
	// Interval is the report interval: how often each entity is sent again,
	// and what its events state as entity.report.interval.
	Interval time.Duration
	// MaxUndelivered is how many metrics may be on the way and not answered.
	// Keep it below metric_buffer_limit to never overflow the buffer of an
	// output; if it is not, the reporter finds out and slows down.
	MaxUndelivered int
	// GroupSize is how many metrics share one answer at most.
	GroupSize int
	// AckTimeout is how long to wait for the answer to a group before its
	// metrics no longer count as undelivered.
	AckTimeout time.Duration
	// RetryMin and RetryMax bound the pause before what was rejected is sent
	// again. The pause doubles with each rejection in a row.
	RetryMin, RetryMax time.Duration
	// StopTimeout is how long Stop may take to hand over what is pending.
	StopTimeout time.Duration
	// Tags distinguish the reporter's counters from those of others, for
	// example {"input": "topology_host"}.
	Tags map[string]string
}

// DefaultConfig returns the settings that inputs ship with.
func DefaultConfig() Config {
	return Config{
		Interval:       time.Minute,
		MaxUndelivered: 10_000,
		GroupSize:      500,
		AckTimeout:     30 * time.Second,
		RetryMin:       time.Second,
		RetryMax:       30 * time.Second,
		StopTimeout:    2 * time.Second,
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Source == "":
		return errors.New("no source")
	case c.Interval < time.Second || c.Interval%time.Second != 0:
		return fmt.Errorf("report interval %v is not a whole number of seconds", c.Interval)
	case c.MaxUndelivered < 1:
		return fmt.Errorf("max_undelivered is %d, want at least 1", c.MaxUndelivered)
	case c.GroupSize < 1:
		return fmt.Errorf("group size is %d, want at least 1", c.GroupSize)
	case c.AckTimeout <= 0 || c.RetryMin <= 0 || c.RetryMax < c.RetryMin || c.StopTimeout < 0:
		return errors.New("a timeout is not positive, or the longest retry pause is shorter than the shortest")
	}
	return nil
}
