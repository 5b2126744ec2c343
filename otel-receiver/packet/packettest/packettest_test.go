package packettest_test

import (
	"bytes"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

func TestSamplesAreMade(t *testing.T) {
	names := map[string]bool{}
	for _, s := range packettest.Samples() {
		if names[s.Name] || s.Name == "" {
			t.Errorf("the name %q is not unique", s.Name)
		}
		names[s.Name] = true
		if len(s.Data) == 0 || s.Wire < len(s.Data) {
			t.Errorf("%s: %d bytes of %d on the wire", s.Name, len(s.Data), s.Wire)
		}
		if got, ok := packettest.Named(s.Name); !ok || !bytes.Equal(got.Data, s.Data) {
			t.Errorf("%s: is not found by its name, or made differently", s.Name)
		}
	}
	if _, ok := packettest.Named("none"); ok {
		t.Error("a sample that is not there was found")
	}
}

func TestConversations(t *testing.T) {
	c := packettest.NewConversation()
	tagged := c
	tagged.VLAN = 7
	wrapped := c
	wrapped.Wrap = packettest.VXLAN(10)
	tcp, err := c.TCP(100, 3000)
	if err != nil {
		t.Fatal(err)
	}
	udp, err := tagged.UDP(2, 10, 20)
	if err != nil {
		t.Fatal(err)
	}
	ping, err := wrapped.Ping(9, 3, 56)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		packets []packettest.Packet
		want    int
		path    string
	}{
		{"tcp", tcp, 14, "Ethernet/IPv4/TCP"},
		{"udp", udp, 4, "Ethernet/Dot1Q/IPv4/UDP"},
		{"ping", ping, 6, "Ethernet/IPv4/ICMPv4"},
	} {
		if len(tt.packets) != tt.want {
			t.Errorf("%s: %d packets, want %d", tt.name, len(tt.packets), tt.want)
		}
		var p packet.Packet
		for i, frame := range tt.packets {
			packet.New().Decode(&p, packet.LinkEthernet, frame.Data, frame.Wire)
			if got := string(packet.AppendPath(nil, p.Inner())); got != tt.path || p.Stop != packet.StopDone {
				t.Errorf("%s: packet %d is %s, stop %v", tt.name, i, got, p.Stop)
			}
		}
	}
}

func TestWritePcap(t *testing.T) {
	packets, err := packettest.NewConversation().UDP(1, 100, 200)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := packettest.WritePcap(&file, packet.LinkEthernet, 64, packets); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range packets {
		data, info, err := r.ReadPacketData()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, want.Data[:64]) || info.Length != want.Wire || !info.Timestamp.Equal(want.Time) {
			t.Errorf("packet %d: %d of %d bytes at %v", i, len(data), info.Length, info.Timestamp)
		}
	}
}
