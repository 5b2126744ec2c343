package flowcapture

import (
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/otel-receiver/rawpackets"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
)

// What an order gets that does not say it: less than a capture of the
// configuration, because there may be one for every interface of the host.
const (
	orderedRing  = 4      // MiB
	orderedFlows = 16_384 // 4 MiB
	maxFitRing   = 64     // MiB
)

// bytesPerFlow is what the table takes for a flow (flow.Config.Capacity),
// smallMapFlow and largeMapFlow what the two maps of type ebpf do besides, by how
// much they keep of a packet, and mapRing what its ring takes (ebpf.Config).
const (
	bytesPerFlow = 256
	smallMapFlow = 2 * (256 + 32)
	largeMapFlow = 2 * (512 + 32)
	mapRing      = 1 << 20
)

// orderedConfig returns the capture that an order means.
func orderedConfig(o *order.Capture) CaptureConfig {
	c := DefaultCapture()
	c.Name, c.Interfaces = o.Name, []string{o.Node.Interface}
	if c.Type = o.Type; c.Type == order.TypeAuto {
		c.Type = typeAFPacket // it tells most of a flow
	}
	c.Filter, c.SnapLen, c.Promiscuous, c.Layers, c.Defrag = o.Filter, o.SnapLen, o.Promiscuous, o.Layers, !o.NoDefrag
	if o.KeyMode != "" {
		c.KeyMode = o.KeyMode
	}
	if c.SnapLen == 0 && o.KeepsPackets() {
		c.SnapLen = snapLenDetails
	}
	c.Sampling, c.CPU, c.Memory = o.Sampling, o.CPU, Size(o.Memory)
	c.RingSize, c.Flows = orderedRing, orderedFlows
	if o.Memory > 0 {
		left := o.Memory - rawMemory(o)
		c.RingSize = int(min(max(left/2>>20, 1), maxFitRing))
		c.Flows = int(min(max((left-ringMemory(&c))/flowMemory(&c), minFlows), order.MaxFlows))
	}
	if o.Flows > 0 {
		c.Flows = max(o.Flows, minFlows)
	}
	return c
}

// estimate returns the memory that an order takes, in bytes.
func estimate(o *order.Capture, c *CaptureConfig) int64 {
	return rawMemory(o) + ringMemory(c) + int64(c.Flows)*flowMemory(c)
}

// rawMemory is what an order's kept packets take.
func rawMemory(o *order.Capture) int64 {
	switch {
	case o.RawRing > 0:
		return o.RawRing
	case o.RawPackets > 0:
		return rawpackets.DefaultConfig().Bytes
	default:
		return 0
	}
}

// ringMemory is what the rings of a capture take.
func ringMemory(c *CaptureConfig) int64 {
	if c.Type == typeEBPF {
		return mapRing
	}
	return int64(c.Workers) * int64(c.RingSize) << 20
}

// flowMemory is what a capture takes for each flow.
func flowMemory(c *CaptureConfig) int64 {
	switch {
	case c.Type != typeEBPF:
		return bytesPerFlow
	case c.SnapLen > ebpf.SmallSample:
		return bytesPerFlow + largeMapFlow
	default:
		return bytesPerFlow + smallMapFlow
	}
}

// fit makes a capture of the configuration small enough for its memory budget.
func (c *CaptureConfig) fit() {
	if c.Memory == 0 {
		return
	}
	if most := int64(c.Memory) / 2 >> 20 / int64(c.Workers); int64(c.RingSize) > most {
		c.RingSize = int(max(most, 1))
	}
	if most := (int64(c.Memory) - ringMemory(c)) / flowMemory(c); int64(c.Flows) > most {
		c.Flows = int(max(most, minFlows))
	}
}

// keepCount returns what the flow tables of an order are to keep.
func keepCount(o *order.Capture) int {
	switch {
	case o.RawPackets > 0:
		return o.RawPackets
	case o.RawRing > 0:
		return keepAll
	default:
		return 0
	}
}
