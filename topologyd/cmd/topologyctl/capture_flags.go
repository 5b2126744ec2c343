package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/client"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/spf13/cobra"
)

// captureFlags adds the flags that say where and how to capture.
func captureFlags(cmd *cobra.Command) func([]string) (*specification, error) {
	var (
		s            client.CaptureSpec
		cpu          milliCores
		memory, ring config.ByteSize
	)
	f := cmd.Flags()
	f.StringVar(&s.Query, "gremlin", "", "`Gremlin` that finds the interfaces")
	f.StringVar(&s.Filter, "bpf", "", "`filter` of packets, as tcpdump takes it")
	f.Var(choice{&s.Type, []string{order.TypeAFPacket, order.TypeEBPF}}, "type", "afpacket looks at each packet, ebpf aggregates in the kernel; the host chooses when left out")
	f.IntVar(&s.SnapLen, "snaplen", 0, "look at the first `bytes` of each packet")
	f.BoolVar(&s.Promiscuous, "promiscuous", false, "take what is not addressed to the interface")
	f.Var(choice{&s.KeyMode, []string{"l2", "l3"}}, "key-mode", "whether MAC addresses tell flows apart (l2, the default) or not (l3)")
	f.StringSliceVar(&s.Layers, "layers", nil, "decode these `protocols`: dns, dhcpv4, vrrp")
	f.BoolVar(&s.NoDefrag, "no-defrag", false, "leave fragments apart from their flow")
	f.IntVar(&s.Flows, "flows", 0, "hold up to `N` flows at a time at each node")
	f.IntVar(&s.Sampling, "sampling", 0, "count one packet of `N`")
	f.Var(&cpu, "cpu", "budget of each node: 5% or 50m of a core; above it, the capture samples")
	f.Var(&memory, "memory", "budget of each node, for example 64MiB")
	f.IntVar(&s.RawPackets, "raw-packets", 0, "keep the first `N` packets of each flow")
	f.Var(&ring, "raw-ring", "keep the last packets of each node, for example 16MiB of them")
	return func([]string) (*specification, error) {
		s.CPU, s.Memory, s.RawRing = int(cpu), int64(memory), int64(ring)
		given, err := json.Marshal(&s)
		if err != nil {
			return nil, fmt.Errorf("encode capture: %w", err)
		}
		if string(given) == `{"query":""}` {
			return nil, nil
		}
		if s.Query == "" {
			return nil, usageError{fmt.Errorf("%s needs --gremlin: a query that finds the interfaces", cmd.CommandPath())}
		}
		return &specification{raw: given}, nil
	}
}

// milliCores is a share of processor time in thousandths of a core.
type milliCores int

// String gives it as thousandths, "" for none.
func (m *milliCores) String() string {
	if *m == 0 {
		return ""
	}
	return strconv.Itoa(int(*m)) + "m"
}

// Set takes 5%, 50m, or cores: 0.05.
func (m *milliCores) Set(text string) error {
	number, factor := text, 1000.0
	if n, ok := strings.CutSuffix(text, "%"); ok {
		number, factor = n, 10
	} else if n, ok := strings.CutSuffix(text, "m"); ok {
		number, factor = n, 1
	}
	v, err := strconv.ParseFloat(number, 64)
	if v *= factor; err != nil || math.IsNaN(v) || v < 1 || v > order.MaxCPU {
		return fmt.Errorf("%q is not a share of the processor from 1m to %dm; write 5%%, 50m or 0.05 for a twentieth of a core", text, order.MaxCPU)
	}
	*m = milliCores(math.Round(v))
	return nil
}

// Type names the kind of value in the help text.
func (m *milliCores) Type() string { return "share" }
