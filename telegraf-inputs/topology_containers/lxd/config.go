package lxd

import (
	"fmt"
	"path/filepath"
	"time"
)

// Config is what a [Source] can be told.
type Config struct {
	// Socket is the path of the daemon's Unix socket.
	Socket string
	// Relist is how often everything is asked for although nothing happened.
	Relist time.Duration
	// Timeout bounds each answer.
	Timeout time.Duration
	// Settle is how long after an event an instance is asked for once more: some
	// events come while the daemon is still at it.
	Settle time.Duration
}

// DefaultConfig returns the settings that the input ships with, without a socket.
func DefaultConfig() Config {
	return Config{Relist: time.Minute, Timeout: 30 * time.Second, Settle: 500 * time.Millisecond}
}

// DefaultSockets returns the paths at which LXD (snap, and other packages) and
// Incus listen.
func DefaultSockets() []string {
	return []string{"/var/snap/lxd/common/lxd/unix.socket", "/var/lib/lxd/unix.socket", "/var/lib/incus/unix.socket"}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case !filepath.IsAbs(c.Socket):
		return fmt.Errorf("socket %q: want an absolute path", c.Socket)
	case c.Relist <= 0 || c.Timeout <= 0 || c.Settle < 0:
		return fmt.Errorf("times %v, %v and %v: want positive ones", c.Relist, c.Timeout, c.Settle)
	}
	return nil
}
