package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/report"
)

// Source is one thing that is connected to: the socket of a daemon, a directory.
type Source interface {
	// Follow connects, tells out all that is there, calls out.Listed, and tells
	// changes until ctx ends or the connection breaks; it returns why. It is called
	// by one goroutine at a time and leaves nothing running when it returns.
	Follow(ctx context.Context, out *Sink) error
}

// Config is what a [Feed] can be told.
type Config struct {
	// Name names the connection in logs and, as the tag connection, in counters.
	Name string
	// Report says who speaks and how often.
	Report report.Config
	// RetryMin and RetryMax bound the pause before a connection is tried again. It
	// doubles from the one to the other, and a quarter of it is random, so that
	// many hosts do not ask at once.
	RetryMin, RetryMax time.Duration
	// Resync is how often Follow is ended and called again although nothing is
	// wrong, to list everything. 0: never.
	Resync time.Duration
}

// DefaultConfig returns the settings that inputs ship with.
func DefaultConfig() Config {
	return Config{Report: report.DefaultConfig(), RetryMin: 200 * time.Millisecond, RetryMax: 2 * time.Second}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("no name")
	case c.RetryMin <= 0 || c.RetryMax < c.RetryMin:
		return fmt.Errorf("retry pauses from %v to %v: want a positive one and one that is not shorter", c.RetryMin, c.RetryMax)
	case c.Resync < 0:
		return fmt.Errorf("resync interval %v is negative", c.Resync)
	}
	return c.Report.Validate()
}

// Absent marks an error as "there is nothing to connect to": no socket, no
// directory. That is no fault of a host that does not run the thing, so it is
// logged at debug level only, and tried again every RetryMax.
func Absent(err error) error {
	if err == nil {
		return nil
	}
	return &absentError{err}
}

type absentError struct{ err error }

func (e *absentError) Error() string { return e.err.Error() }
func (e *absentError) Unwrap() error { return e.err }

func isAbsent(err error) bool {
	var e *absentError
	return errors.As(err, &e)
}
