package packet_test

import (
	"encoding/hex"
	"testing"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// plain is a TCP SYN; overlay the headers of VXLAN before a frame of 74 bytes.
const (
	plain   = "92461c2100ae469bb0e670fb08004500003cd64740004006e31ec0a80002c0a800018d0c0d050720c0a900000000a002721" + "0e6420000020405b40402080a13519b290000000001030307"
	overlay = "3a07fe34458efa367146761908004500006ed64740004011e31eac100001ac100002d73712b5005a00000800000000000a00"
)

func TestFirstSteps(t *testing.T) {
	data, err := hex.DecodeString(overlay + plain)
	if err != nil {
		t.Fatal(err)
	}
	var p packet.Packet
	packet.New().Decode(&p, packet.LinkEthernet, data, len(data))
	if p.N != 2 || p.Stop != packet.StopDone {
		t.Fatalf("%d levels, stop %v", p.N, p.Stop)
	}
	outer, inner := &p.Levels[0], &p.Levels[1]
	if got := string(packet.AppendPath(nil, outer)); got != "Ethernet/IPv4/UDP/VXLAN" || outer.TunnelID != 10 || outer.Wire != 124 {
		t.Errorf("outer: %s, VNI %d, %d bytes", got, outer.TunnelID, outer.Wire)
	}
	if got := string(packet.AppendPath(nil, inner)); got != "Ethernet/IPv4/TCP" || inner.Wire != 74 || inner.DstPort != 3333 || inner.PayloadWire != 0 {
		t.Errorf("inner: %s, port %d, %d bytes, %d of payload", got, inner.DstPort, inner.Wire, inner.PayloadWire)
	}
}
