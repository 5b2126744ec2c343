package flowcapture

import (
	"errors"

	"go.uber.org/zap"
	"golang.org/x/net/bpf"

	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
	"github.com/skein-net/skein/otel-receiver/source/afpacket"
)

// sources opens what captures stand on.
type sources struct {
	host HostConfig
	log  *zap.Logger
}

func newSources(host HostConfig, log *zap.Logger) *sources { return &sources{host, log} }

// interfaces implements [opener].
func (*sources) interfaces(c *CaptureConfig) ([]string, error) {
	if c.Type != typeAFPacket {
		return []string{""}, nil
	}
	return interfaces(c)
}

// place implements [opener].
func (s *sources) place(c *CaptureConfig, iface string) (flow.Place, error) {
	return flow.Place{HostID: s.host.ID, Interface: iface, CaptureID: c.name()}, nil
}

// source implements [opener].
func (s *sources) source(c *CaptureConfig, iface string) (source.Source, error) {
	switch c.Type {
	case typeAFPacket:
		return s.afpacket(c, iface)
	}
	return nil, errors.New("this is not built in yet")
}

func (s *sources) afpacket(c *CaptureConfig, iface string) (source.Source, error) {
	cfg := afpacket.DefaultConfig()
	cfg.Interface, cfg.NetNS = iface, c.netnsPath()
	cfg.SnapLen, cfg.RingMiB, cfg.Promiscuous = c.SnapLen, c.RingSize, c.Promiscuous
	cfg.Log = newSlog(s.log).With("capture", c.name())
	if c.Filter != "" {
		cfg.Filter = func(link packet.LinkType) ([]bpf.RawInstruction, error) {
			return nil, errors.New("this is not built in yet")
		}
	}
	return afpacket.New(cfg)
}

func newDetailer([]string) flow.Detailer { return nil }

func (c *CaptureConfig) validateFilter() error { return nil }
