package drops

import "time"

// Config says what is counted.
type Config struct {
	// Limit is how many packets each processor looks at in a second. Of those
	// beyond, one in 64 is looked at and stands for all of them.
	Limit int
	// MaxFlows bounds the conversations that are kept, some 300 bytes each.
	MaxFlows int
	// Keep is for how long after its last drop a conversation is known: longer than
	// flows that are idle take to end.
	Keep time.Duration
	// Interval is how often counts are read.
	Interval time.Duration
	// Ignore are reasons, by name, that are not counted.
	Ignore []string
}

// DefaultConfig returns what is good for most hosts. PACKET_SOCK_ERROR is a copy
// for a capture, and OTHERHOST a packet that somebody else got.
func DefaultConfig() Config {
	return Config{
		Limit:    20000,
		MaxFlows: 32768,
		Keep:     150 * time.Second,
		Interval: time.Second,
		Ignore:   []string{"PACKET_SOCK_ERROR", "OTHERHOST"},
	}
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Limit <= 0 {
		c.Limit = d.Limit
	}
	if c.MaxFlows <= 0 {
		c.MaxFlows = d.MaxFlows
	}
	if c.Keep <= 0 {
		c.Keep = d.Keep
	}
	if c.Interval <= 0 {
		c.Interval = d.Interval
	}
	if c.Ignore == nil {
		c.Ignore = d.Ignore
	}
	return c
}
