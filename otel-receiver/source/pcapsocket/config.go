package pcapsocket

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/skein-net/skein/otel-receiver/source"
)

// DefaultListen is where streams are taken from when nothing is said.
const DefaultListen = "127.0.0.1:8100"

// Times says what becomes of the times of frames.
type Times uint8

const (
	// TimesNow moves a stream's times so that its first frame comes now.
	TimesNow Times = iota
	// TimesSent leaves times as they are sent.
	TimesSent
)

// Config says from where streams are taken. The zero value of a field is its
// default.
type Config struct {
	// Listen is the address to listen on, host:port.
	Listen string
	// Listener is used instead of Listen when it is set. Run closes it.
	Listener net.Listener
	// Filter chooses the frames; nil takes all.
	Filter source.Filter
	// SnapLen cuts frames to a length; 0 leaves them as long as they are sent.
	SnapLen int
	// Times says what becomes of times.
	Times Times
	// IdleTimeout is how long a stream may be silent before it is closed.
	IdleTimeout time.Duration
	// Log is told of streams that begin and end. nil is slog.Default().
	Log *slog.Logger
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Listen: DefaultListen, IdleTimeout: 10 * time.Minute}
}

func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Listen == "" {
		c.Listen = d.Listen
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = d.IdleTimeout
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return c
}

// Validate tells what is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.Listener == nil {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return fmt.Errorf("address to listen on: %w", err)
		}
	}
	switch {
	case c.SnapLen < 0:
		return fmt.Errorf("snap length %d is negative", c.SnapLen)
	case c.IdleTimeout < 0:
		return fmt.Errorf("idle timeout %s is negative", c.IdleTimeout)
	case c.Times > TimesSent:
		return errors.New("times are moved to now or left as sent")
	}
	return nil
}
