package place

import (
	"errors"
	"fmt"
	"os"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
)

// KindDevice is the Type of interfaces that have no kind: hardware and loopback.
const KindDevice = "device"

// Config says how the host is reported. It must be what topology_host has.
type Config struct {
	// HostName is the host's name; "" is the system's.
	HostName string
	// NetNSDirs are the directories of named namespaces, the preferred one first;
	// nil are those of iproute2 and Docker.
	NetNSDirs []string
	// ProcDir is where processes lend their path to namespaces without a name; ""
	// is /proc.
	ProcDir string
	// RootNetNS is the path of the namespace whose interfaces are the host's own;
	// "" is the process's.
	RootNetNS string
}

// Place is where an interface is in the graph.
type Place struct {
	// NodeTID is the TID of the interface's node.
	NodeTID entity.UUID
	// HostName is the host's name.
	HostName string
	// Interface is the interface's name, Type the Type of its node, IfIndex its
	// index.
	Interface, Type string
	IfIndex         int
	// NetNS is the Path of the namespace's node, "" for the host's own.
	NetNS string
}

// ErrNoPath is wrapped by the error for a namespace that nothing leads to: it has
// no name in one of the directories, and no process.
var ErrNoPath = errors.New("namespace has no path that would be reported")

func (c Config) withDefaults() (Config, error) {
	if c.HostName == "" {
		name, err := os.Hostname()
		if err != nil {
			return c, fmt.Errorf("find host name: %w", err)
		}
		c.HostName = name
	}
	if c.NetNSDirs == nil {
		c.NetNSDirs = []string{"/run/netns", "/var/run/docker/netns"}
	}
	if c.ProcDir == "" {
		c.ProcDir = "/proc"
	}
	return c, nil
}

// Find finds the place of an interface: of the namespace whose file is at path,
// or of the process's own when path is "". The interface may be called by an
// alternative name.
func Find(cfg Config, path, iface string) (Place, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Place{}, err
	}
	ns, err := open(path)
	if err != nil {
		return Place{}, err
	}
	defer ns.Close()
	root, err := open(cfg.RootNetNS)
	if err != nil {
		return Place{}, fmt.Errorf("the host's own namespace: %w", err)
	}
	defer root.Close()
	p := Place{HostName: cfg.HostName}
	l, err := look(ns, iface)
	if err != nil {
		return Place{}, fmt.Errorf("look at interface %s: %w", iface, err)
	}
	p.Interface, p.Type, p.IfIndex = l.Name, l.Type, l.Index
	owner := entity.HostTID(cfg.HostName)
	if ns.ID() != root.ID() {
		if p.NetNS, err = reported(cfg, ns.ID()); err != nil {
			return Place{}, err
		}
		owner = entity.TID(owner, p.NetNS, entity.TypeNetNS)
	}
	p.NodeTID = entity.TID(owner, p.Interface, p.Type)
	return p, nil
}

func open(path string) (*netns.NS, error) {
	if path == "" {
		return netns.Current()
	}
	return netns.Open(path)
}
