package flowcapture

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/otel-receiver/detail"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/afpacket"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
	"github.com/skein-net/skein/otel-receiver/source/pcapfile"
	"github.com/skein-net/skein/otel-receiver/source/pcapsocket"
	"github.com/skein-net/skein/otel-receiver/source/place"
)

// sources opens what captures stand on.
type sources struct {
	host HostConfig
	// drain is how often sources that count in the kernel hand on what they counted.
	drain time.Duration
	log   *zap.Logger
}

// drainMost bounds how late what is counted in the kernel is seen.
const drainMost = 2 * time.Second

func newSources(host HostConfig, update time.Duration, log *zap.Logger) *sources {
	return &sources{host, min(update, drainMost), log}
}

// interfaces implements [opener].
func (*sources) interfaces(c *CaptureConfig) ([]string, error) {
	if !c.watchesInterfaces() {
		return []string{""}, nil
	}
	return interfaces(c)
}

// place implements [opener]. An interface whose namespace is not in the graph
// has no node; its flows are told all the same.
func (s *sources) place(c *CaptureConfig, iface string) (flow.Place, error) {
	p := flow.Place{HostID: s.host.ID, Interface: iface, CaptureID: c.name()}
	if !c.watchesInterfaces() {
		return p, nil
	}
	found, err := place.Find(place.Config{HostName: s.host.Name, NetNSDirs: s.host.NetNSDirs, RootNetNS: s.host.RootNetNS}, c.netnsPath(), iface)
	if err != nil && !errors.Is(err, place.ErrNoPath) {
		return p, err
	}
	p.NodeTID = found.NodeTID
	return p, nil
}

// source implements [opener].
func (s *sources) source(c *CaptureConfig, iface string) (source.Source, error) {
	log := newSlog(s.log).With("capture", c.name())
	switch c.Type {
	case typePcapFile:
		cfg := pcapfile.Config{Path: c.File, SnapLen: c.snapLen(), Log: log}
		if c.Filter != "" {
			cfg.Filter = c.matcher
		}
		return pcapfile.New(cfg)
	case typePcapSocket:
		cfg := pcapsocket.DefaultConfig()
		cfg.Listen, cfg.SnapLen, cfg.Log = c.Listen, c.snapLen(), log
		if c.Timestamps == timestampsKeep {
			cfg.Times = pcapsocket.TimesSent
		}
		if c.Filter != "" {
			cfg.Filter = c.matcher
		}
		return pcapsocket.New(cfg)
	default:
		return s.onInterface(c, iface, 0, c.netnsPath())
	}
}

// onInterface makes a source on an interface of the namespace of a path; index
// is the interface's, 0 when it is not known.
func (s *sources) onInterface(c *CaptureConfig, name string, index int, path string) (source.Source, error) {
	log := newSlog(s.log).With("capture", c.name())
	if c.Type == typeEBPF {
		cfg := ebpf.DefaultConfig()
		cfg.Interface, cfg.IfIndex, cfg.NetNS, cfg.Log = name, index, path, log
		cfg.Interval = s.drain
		cfg.Flows = min(max(c.Flows, ebpf.MinFlows), ebpf.MaxFlows)
		if c.SnapLen > 0 {
			cfg.SnapLen = min(c.SnapLen, ebpf.LargeSample)
		}
		if c.Sampling > 1 {
			cfg.Sampling = uint32(c.Sampling)
		}
		if c.Filter != "" {
			cfg.Filter = c.program
		}
		return ebpf.New(cfg)
	}
	cfg := afpacket.DefaultConfig()
	cfg.Interface, cfg.IfIndex, cfg.NetNS, cfg.Log = name, index, path, log
	cfg.SnapLen, cfg.RingMiB, cfg.Promiscuous = c.snapLen(), c.RingSize, c.Promiscuous
	if c.Filter != "" {
		cfg.Filter = c.program
	}
	return afpacket.New(cfg)
}

// program compiles the filter for the kernel.
func (c *CaptureConfig) program(link packet.LinkType) ([]bpf.RawInstruction, error) {
	f, err := filter.Compile(c.Filter, filter.Options{Link: filter.Link(link), SnapLen: uint32(c.snapLen()), KernelVLAN: true})
	if err != nil {
		return nil, err
	}
	return f.Raw(), nil
}

// matcher compiles the filter for frames that a source reads itself.
func (c *CaptureConfig) matcher(link packet.LinkType) (source.Matcher, error) {
	f, err := filter.Compile(c.Filter, filter.Options{Link: filter.Link(link)})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// validateFilter compiles the filter as for Ethernet, so that mistakes are told
// before anything starts.
func (c *CaptureConfig) validateFilter() error {
	if c.Filter == "" {
		return nil
	}
	_, err := filter.Compile(c.Filter, filter.Options{Link: filter.LinkEthernet, KernelVLAN: c.watchesInterfaces()})
	if err != nil {
		return fmt.Errorf("filter: %w", err)
	}
	return nil
}

// newDetailer returns what explains the messages of some protocols, nil for
// none.
func newDetailer(names []string) flow.Detailer {
	l, err := detail.ParseLayers(names)
	if err != nil || !l.Any() {
		return nil // names were validated
	}
	return detail.New(l)
}
