package flow_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
)

func TestValidate(t *testing.T) {
	def := flow.DefaultConfig()
	if err := def.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	if err := new(flow.Config).Validate(); err != nil {
		t.Errorf("zero values: %v", err)
	}
	for _, tc := range []struct {
		change func(*flow.Config)
		want   string
	}{
		{func(c *flow.Config) { c.Capacity = 1 }, "capacity 1: want"},
		{func(c *flow.Config) { c.Capacity = 1 << 40 }, "capacity"},
		{func(c *flow.Config) { c.KeyMode = 7 }, "key mode 7"},
		{func(c *flow.Config) { c.Fragments = -1 }, "fragments -1"},
		{func(c *flow.Config) { c.Update = -time.Second }, "update time -1s"},
		{func(c *flow.Config) { c.Idle = 1000 * time.Hour }, "idle time"},
		{func(c *flow.Config) { c.Apps = []flow.AppPort{{Port: 1, Proto: packet.LayerIPv4, Name: "X"}} }, `application "X"`},
		{func(c *flow.Config) { c.Apps = []flow.AppPort{{Port: 1, Proto: packet.LayerTCP}} }, "application of port 1"},
		{func(c *flow.Config) {
			c.Apps = []flow.AppPort{{Port: 1, Proto: packet.LayerTCP, Name: "X", Idle: -1}}
		}, `application "X": idle time`},
		{func(c *flow.Config) { c.Apps = make([]flow.AppPort, 5000); fill(c.Apps) }, "5000 applications"},
	} {
		cfg := flow.DefaultConfig()
		tc.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
		// A table is made all the same, within bounds.
		if cfg.Capacity < 1<<20 {
			flow.New(cfg, flow.Place{}, nil).Add(udp(client, server, 60), nil, 1)
		}
	}
}

func fill(apps []flow.AppPort) {
	for i := range apps {
		apps[i] = flow.AppPort{Port: uint16(i), Proto: packet.LayerUDP, Name: "X"}
	}
}

// TestApps names applications by the port a flow goes to, or else comes from.
func TestApps(t *testing.T) {
	at := func(port uint16) host { return host{2, "192.0.2.2", port} }
	for _, tc := range []struct {
		p    *packet.Packet
		want string
	}{
		{tcp(client, at(443), syn, 1, 0, 0), "HTTPS"},
		{tcp(at(443), client, ack, 1, 0, 0), "HTTPS"},
		{udp(client, at(443), 100), "QUIC"},
		{tcp(client, at(22), syn, 1, 0, 0), "SSH"},
		{tcp(host{1, "192.0.2.1", 22}, at(443), syn, 1, 0, 0), "HTTPS"},
		{tcp(client, at(45678), syn, 1, 0, 0), "TCP"},
		{of(level(client, at(45678), packet.LayerSCTP, 60)), "SCTP"},
		{ping(client, server, 1, 1), "ICMPv4"},
		{arp(client, server), "ARP"},
	} {
		if r := one(t, nil, tc.p); r.Application != tc.want {
			t.Errorf("%s: %s, want %s", line(&r), r.Application, tc.want)
		}
	}
	own := func(c *flow.Config) {
		c.Apps = []flow.AppPort{{Port: 45678, Proto: packet.LayerTCP, Name: "OURS"}, {Port: 45678, Proto: packet.LayerTCP, Name: "OURS2"}}
	}
	if r := one(t, own, tcp(client, at(45678), syn, 1, 0, 0)); r.Application != "OURS2" {
		t.Errorf("own application: %s", r.Application)
	}
	if r := one(t, own, tcp(client, at(443), syn, 1, 0, 0)); r.Application != "TCP" {
		t.Errorf("without the defaults: %s", r.Application)
	}
}
