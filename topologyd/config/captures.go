package config

import "github.com/spf13/pflag"

// Captures are the settings of captures by order.
type Captures struct {
	// RawPackets allows captures to keep packets, and packets to be fetched.
	RawPackets bool
	// MaxPerHost is how many captures one host is given.
	MaxPerHost int
}

func defaultCaptures() Captures { return Captures{MaxPerHost: 1000} }

func (c *Config) captureFlags(f *pflag.FlagSet) {
	x := &c.Captures
	f.BoolVar(&x.RawPackets, "raw-packets", x.RawPackets, "Allow captures to keep packets, and packets to be downloaded; without it only flows leave the hosts.")
	f.IntVar(&x.MaxPerHost, "max-captures-per-host", x.MaxPerHost, "Captures that one host is given; further ones are refused.")
}
