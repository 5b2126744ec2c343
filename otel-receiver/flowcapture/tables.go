package flowcapture

import (
	"strings"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

// keepAll has every packet of a capture go to its keeper.
const keepAll = -1

// newKeepingTables returns what makes the flow tables of a capture: each of its
// workers has one, and they share the flows of the configuration. keep is how
// many of the first packets of each flow go to a worker's keeper, or keepAll.
func newKeepingTables(cfg *Config, c *CaptureConfig, keep int) (tableFactory, error) {
	fc := flow.DefaultConfig()
	fc.Capacity = max(c.Flows/c.Workers, minFlows)
	fc.Update, fc.Idle = cfg.UpdateInterval, cfg.IdleTimeout
	// A connection that is over is reported once it is certain that nothing comes
	// after: no later than others are.
	fc.HoldFinished = min(fc.HoldFinished, cfg.UpdateInterval)
	fc.IdleARP, fc.IdleDNS = min(fc.IdleARP, fc.Idle), min(fc.IdleDNS, fc.Idle)
	fc.Defrag, fc.Keep = c.Defrag, keep
	// What is counted in the kernel does not come segment by segment.
	fc.NoSequences = c.Type == order.TypeEBPF
	if c.KeyMode == keyL3 {
		fc.KeyMode = flow.L3
	}
	for _, a := range cfg.Applications {
		fc.Apps = append(fc.Apps, flow.AppPort{Port: a.Port, Proto: transportLayer(a.Transport), Name: a.Name})
	}
	if err := fc.Validate(); err != nil {
		return nil, err
	}
	return func(p flow.Place) *flow.Table { return flow.New(fc, p, newDetailer(c.Layers)) }, nil
}

func transportLayer(name string) packet.Layer {
	switch strings.ToLower(name) {
	case "udp":
		return packet.LayerUDP
	case "sctp":
		return packet.LayerSCTP
	default:
		return packet.LayerTCP
	}
}
