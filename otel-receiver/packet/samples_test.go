package packet_test

import (
	"testing"

	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/packet/packettest"
)

func TestSamples(t *testing.T) {
	d := packet.New()
	for _, s := range packettest.Samples() {
		t.Run(s.Name, func(t *testing.T) {
			var p packet.Packet
			d.Decode(&p, s.Link, s.Data, s.Wire)
			if diff := s.Mismatch(&p); diff != "" {
				t.Error(diff)
			}
		})
	}
}
