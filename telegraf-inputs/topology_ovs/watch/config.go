package watch

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// Config says which Open vSwitch to follow.
type Config struct {
	// Endpoint is where its database is: unix:PATH or a path, tcp:HOST:PORT or
	// ssl:HOST:PORT.
	Endpoint string
	// TLS is for ssl.
	TLS *tls.Config
	// HostID is the identity of the machine on which it runs.
	HostID string
	// RunDir is the directory with the files of ovs-vswitchd. Empty: that of the
	// socket.
	RunDir string
	// NetNS is the path of the network namespace in which ovs-vswitchd runs. Empty:
	// that of the process, where it can be found.
	NetNS string
	// Settle is how long to wait, after the database was restarted, until
	// ovs-vswitchd has written again what the database does not keep on disk.
	Settle time.Duration
}

// DefaultConfig returns the settings for an endpoint on this machine.
func DefaultConfig() Config {
	return Config{Endpoint: database.DefaultConfig().Endpoint, Settle: 3 * time.Second}
}

// Validate reports the first setting that cannot work, and puts the endpoint into
// its usual form.
func (c *Config) Validate() error {
	if strings.HasPrefix(c.Endpoint, "/") {
		c.Endpoint = "unix:" + c.Endpoint
	}
	scheme, rest, _ := strings.Cut(c.Endpoint, ":")
	switch scheme {
	case "unix":
		if !strings.HasPrefix(rest, "/") {
			return fmt.Errorf("server %q: want unix: and an absolute path", c.Endpoint)
		}
	case "tcp", "ssl":
		if host, port, err := net.SplitHostPort(rest); err != nil || host == "" || port == "" {
			return fmt.Errorf("server %q: want %s:HOST:PORT", c.Endpoint, scheme)
		}
		if scheme == "ssl" && c.TLS == nil {
			return fmt.Errorf("server %q: set tls_ca, or tls_enable = true for the authorities of the system", c.Endpoint)
		}
	default:
		return fmt.Errorf("server %q: want unix:PATH, tcp:HOST:PORT or ssl:HOST:PORT", c.Endpoint)
	}
	if c.NetNS != "" && !filepath.IsAbs(c.NetNS) {
		return fmt.Errorf("network namespace %q is not an absolute path", c.NetNS)
	}
	if c.Settle < 0 {
		return errors.New("the time to settle is negative")
	}
	return nil
}

// Local tells whether the Open vSwitch certainly runs on this machine.
func (c *Config) Local() bool {
	scheme, rest, _ := strings.Cut(c.Endpoint, ":")
	if scheme == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(rest)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// socket is the path of the database's socket, "" when there is none.
func (c *Config) socket() string {
	if path, ok := strings.CutPrefix(c.Endpoint, "unix:"); ok {
		return path
	}
	return ""
}

// runDir is where the files of ovs-vswitchd are, "" when that is not known.
func (c *Config) runDir() string {
	if c.RunDir != "" {
		return c.RunDir
	}
	if s := c.socket(); s != "" {
		return filepath.Dir(s)
	}
	return ""
}
