package packet_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

func TestConfigValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*packet.Config)
		want   string
	}{
		{"default", func(*packet.Config) {}, ""},
		{"none", func(c *packet.Config) { *c = packet.Config{} }, ""},
		{"zero", func(c *packet.Config) { c.GTPU = []uint16{0} }, "port 0 of GTP-U"},
		{"two meanings", func(c *packet.Config) { c.Geneve = []uint16{4789} }, "port 4789 is that of VXLAN and of Geneve"},
		{"twice the same", func(c *packet.Config) { c.VXLAN = []uint16{4789, 4789} }, ""},
	} {
		cfg := packet.DefaultConfig()
		tt.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestPorts moves VXLAN to other ports, of which some share their last bits.
func TestPorts(t *testing.T) {
	s, _ := packettest.Named("vxlan")
	plain := s
	plain.Levels = slices.Clone(s.Levels[:1])
	plain.Levels[0].Path, plain.Levels[0].Tunnel, plain.Levels[0].TunnelID, plain.Levels[0].PayloadWire = "Ethernet/IPv4/UDP", packet.LayerNone, 0, 72
	for _, tt := range []struct {
		ports []uint16
		want  packettest.Sample
	}{
		{[]uint16{4789}, s},
		{[]uint16{1, 65535, 4789, 4789}, s},
		{[]uint16{4789 + 1024, 4789 - 1024}, plain},
		{nil, plain},
	} {
		var p packet.Packet
		packet.NewWith(packet.Config{VXLAN: tt.ports}).Decode(&p, s.Link, s.Data, s.Wire)
		if diff := tt.want.Mismatch(&p); diff != "" {
			t.Errorf("%v: %s", tt.ports, diff)
		}
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for l := packet.LayerNone; l <= packet.LayerIPIP; l++ {
		if name := l.String(); name == "" || seen[name] {
			t.Errorf("layer %d is %q", l, name)
		}
		seen[l.String()] = true
	}
	for s := packet.StopDone; s <= packet.StopLinkType; s++ {
		if name := s.String(); name == "unknown" || seen[name] {
			t.Errorf("stop %d is %q", s, name)
		}
		seen[s.String()] = true
	}
	if packet.Layer(200).String() != "None" || packet.Stop(200).String() != "unknown" {
		t.Error("what is no layer and no reason has a name")
	}
	var p packet.Packet
	if p.Inner() != nil {
		t.Error("a packet without levels has an inner one")
	}
}

func TestWire(t *testing.T) {
	s, _ := packettest.Named("tcp4")
	var p packet.Packet
	for wire, want := range map[int]uint32{0: 64, -1: 64, 64: 64, 100: 100, 1 << 40: 1<<30 - 1} {
		packet.New().Decode(&p, s.Link, s.Data, wire)
		if got := p.Levels[0].Wire; p.N != 1 || got != want || p.Levels[0].PayloadWire != 10 {
			t.Errorf("%d on the wire: %d levels, %d bytes", wire, p.N, got)
		}
	}
	packet.New().Decode(&p, s.Link, nil, 0)
	if p.N != 0 || p.Stop != packet.StopMalformed {
		t.Errorf("nothing: %d levels, %v", p.N, p.Stop)
	}
}

func TestNoAllocations(t *testing.T) {
	d := packet.New()
	samples := packettest.Samples()
	var p packet.Packet
	path := make([]byte, 0, 256)
	n := testing.AllocsPerRun(10, func() {
		for i := range samples {
			d.Decode(&p, samples[i].Link, samples[i].Data, samples[i].Wire)
			for j := range p.N {
				path = packet.AppendPath(path[:0], &p.Levels[j])
			}
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
