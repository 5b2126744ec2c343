package sockets

import "time"

// Config says what is looked at, and how much it may cost.
type Config struct {
	// Proc is where proc(5) of the host is mounted.
	Proc string
	// NetNSDirs are folders with namespaces that have a name (ip-netns(8)). Those
	// of processes are found by Proc.
	NetNSDirs []string
	// MaxSockets bounds the connections that are kept, and the listening sockets
	// as well; some 300 bytes each.
	MaxSockets int
	// Keep is how long a socket is known after it was closed: longer than flows
	// that are idle take to end.
	Keep time.Duration
	// Poll is how often the kernel is asked for sockets.
	Poll time.Duration
	// CPU is the share of a core that asking may use; the time between two rounds
	// grows when they cost more.
	CPU float64
	// NoEBPF leaves the programs out, so that short connections are not seen.
	NoEBPF bool
}

// DefaultConfig returns what is good for most hosts.
func DefaultConfig() Config {
	return Config{
		Proc:       "/proc",
		NetNSDirs:  []string{"/run/netns", "/run/docker/netns"},
		MaxSockets: 65536,
		Keep:       150 * time.Second,
		Poll:       time.Second,
		CPU:        0.05,
	}
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Proc == "" {
		c.Proc = d.Proc
	}
	if c.NetNSDirs == nil {
		c.NetNSDirs = d.NetNSDirs
	}
	if c.MaxSockets <= 0 {
		c.MaxSockets = d.MaxSockets
	}
	if c.Keep <= 0 {
		c.Keep = d.Keep
	}
	if c.Poll <= 0 {
		c.Poll = d.Poll
	}
	if c.CPU <= 0 {
		c.CPU = d.CPU
	}
	return c
}
