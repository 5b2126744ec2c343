package listen

import (
	"errors"
	"fmt"
	"time"

	"github.com/influxdata/telegraf/filter"

	"github.com/skein-net/skein/telegraf-inputs/internal/discovery"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
)

// Config says where to listen, and to what.
type Config struct {
	// HostID is the identity of the host.
	HostID string
	// RootNetNS is the path of the namespace whose interfaces are the host's own.
	// Empty: that of the process.
	RootNetNS string
	// Namespaces tells whether to listen in others, and Discovery where to find
	// them. Its Skip is not used.
	Namespaces bool
	Discovery  discovery.Config
	// Interfaces and ExcludeInterfaces are patterns of names, with * and ?. No
	// pattern: all, and none.
	Interfaces, ExcludeInterfaces []string
	// ExcludeKinds are kinds of links, as `ip -d link` names them, on which nobody
	// listens: those that see what other interfaces hear.
	ExcludeKinds []string
	// LLDP and CDP tell which protocols to hear.
	LLDP, CDP bool
	// ByName identifies devices by the name that they say instead of by their
	// chassis ID.
	ByName bool
	// MaxNeighbors bounds the neighbours of one interface.
	MaxNeighbors int
	// ReopenMin and ReopenMax bound the pause before a namespace that failed is
	// tried again.
	ReopenMin, ReopenMax time.Duration
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{
		Namespaces: true,
		Discovery:  discovery.DefaultConfig(),
		ExcludeKinds: []string{
			"bond", "team", "bridge", "openvswitch", "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "vrf", "dummy", "ifb",
		},
		LLDP:         true,
		CDP:          true,
		MaxNeighbors: 256,
		ReopenMin:    200 * time.Millisecond,
		ReopenMax:    time.Minute,
	}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	switch {
	case !c.LLDP && !c.CDP:
		return errors.New("no protocol to listen to")
	case c.MaxNeighbors < 1:
		return fmt.Errorf("%d neighbors per interface, want at least 1", c.MaxNeighbors)
	case c.ReopenMin <= 0 || c.ReopenMax < c.ReopenMin:
		return errors.New("the pauses before a namespace is opened again are not positive, or the longest is the shorter")
	case c.Namespaces && c.Discovery.ScanInterval <= 0:
		return errors.New("the interval of process scans is not positive")
	}
	_, err := c.chooser()
	return err
}

// chooser tells on which links to listen.
type chooser struct {
	names filter.Filter
	kinds map[string]bool
}

func (c *Config) chooser() (*chooser, error) {
	names, err := filter.NewIncludeExcludeFilter(c.Interfaces, c.ExcludeInterfaces)
	if err != nil {
		return nil, fmt.Errorf("pattern of interfaces: %w", err)
	}
	ch := &chooser{names: names, kinds: make(map[string]bool, len(c.ExcludeKinds))}
	for _, k := range c.ExcludeKinds {
		ch.kinds[k] = true
	}
	return ch, nil
}

// arphrdEther is the link type of Ethernet (linux/if_arp.h).
const arphrdEther = 1

// chooses reports whether to listen on a link: one that is up and of Ethernet.
func (c *chooser) chooses(l *rtnl.Link) bool {
	return l.Type == arphrdEther && l.Flags&rtnl.FlagUp != 0 && l.Flags&rtnl.FlagLoopback == 0 &&
		!c.kinds[l.Kind] && c.names.Match(l.Name)
}
