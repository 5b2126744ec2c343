package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// Config says what to watch and how.
type Config struct {
	// HostID is the identity of the host (host.id). Empty: the machine-id.
	// HostName is its name. Empty: that of the system.
	HostID, HostName string
	// Metadata are free attributes of the host's node.
	Metadata map[string]string
	// RootNetNS is the path of the namespace whose interfaces are the host's own.
	// Empty: that of the process.
	RootNetNS string
	// Discovery says where to look for other namespaces. Its Skip is not used.
	Discovery discovery.Config
	// ReceiveBuffer is the size of the event buffer of each namespace in bytes.
	ReceiveBuffer int

	// Neighbors, FDB, Routes, Ethtool and Features tell which parts to read;
	// Features needs Ethtool.
	Neighbors, FDB, Routes, Ethtool, Features bool
	// MaxEntries bounds each table of one interface (neighbours, FDB, routes).
	MaxEntries int

	// Debounce is the shortest time between two reports of one interface. The
	// first change after a quiet time is reported at once.
	Debounce time.Duration
	// NeighborDebounce is the same for changes of a neighbour's state alone.
	NeighborDebounce time.Duration
	// Relist is the shortest time between two listings of one namespace.
	Relist time.Duration
	// Resync is how often everything is listed again although nothing was lost.
	Resync time.Duration
	// StartTimeout bounds how long the first report waits until all namespaces
	// that are there at start have been listed.
	StartTimeout time.Duration
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{
		Discovery:        discovery.DefaultConfig(),
		ReceiveBuffer:    rtnl.DefaultReceiveBuffer,
		Neighbors:        true,
		FDB:              true,
		Routes:           true,
		Ethtool:          true,
		Features:         true,
		MaxEntries:       1000,
		Debounce:         20 * time.Millisecond,
		NeighborDebounce: time.Second,
		Relist:           time.Second,
		Resync:           5 * time.Minute,
		StartTimeout:     10 * time.Second,
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case c.ReceiveBuffer < 0:
		return fmt.Errorf("receive buffer of %d bytes is negative", c.ReceiveBuffer)
	case c.MaxEntries < 1:
		return fmt.Errorf("%d entries per table, want at least 1", c.MaxEntries)
	case c.Debounce < 0 || c.NeighborDebounce < 0:
		return errors.New("a debounce time is negative")
	case c.Relist <= 0 || c.Resync <= 0 || c.StartTimeout <= 0:
		return errors.New("a time is not positive")
	case c.Discovery.ScanInterval <= 0:
		return errors.New("the interval of process scans is not positive")
	}
	for key := range c.Metadata {
		if err := entity.ValidKey(key); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	return nil
}

// groups returns the events that the settings need.
func (c *Config) groups() rtnl.Group {
	g := rtnl.GroupLink | rtnl.GroupAddr4 | rtnl.GroupAddr6 | rtnl.GroupNSID
	if c.Neighbors || c.FDB {
		g |= rtnl.GroupNeigh
	}
	if c.Routes {
		g |= rtnl.GroupRoute4 | rtnl.GroupRoute6 | rtnl.GroupRouteMPLS | rtnl.GroupRule4 | rtnl.GroupRule6 | rtnl.GroupNexthop
	}
	return g
}

// kinds returns the tables that the settings need.
func (c *Config) kinds() kinds {
	k := kindLinks | kindAddrs
	if c.Neighbors {
		k |= kindNeighbors
	}
	if c.FDB {
		k |= kindFDB
	}
	if c.Routes {
		k |= kindRoutes | kindRules | kindNexthops
	}
	return k
}
