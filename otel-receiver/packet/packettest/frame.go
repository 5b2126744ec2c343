package packettest

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Frame serializes layers, the outermost first, with lengths and checksums
// filled in. Bytes that gopacket has no layer for are a gopacket.Payload.
func Frame(stack ...gopacket.SerializableLayer) ([]byte, error) {
	var network gopacket.NetworkLayer
	for _, layer := range stack {
		var err error
		switch layer.(type) {
		case *layers.TCP, *layers.UDP, *layers.ICMPv6:
			if network == nil {
				return nil, errors.New("prepare checksum: no IP header before the transport layer")
			}
		}
		switch l := layer.(type) {
		case *layers.IPv4:
			network = l
		case *layers.IPv6:
			network = l
		case *layers.TCP:
			err = l.SetNetworkLayerForChecksum(network)
		case *layers.UDP:
			err = l.SetNetworkLayerForChecksum(network)
		case *layers.ICMPv6:
			err = l.SetNetworkLayerForChecksum(network)
		}
		if err != nil {
			return nil, fmt.Errorf("prepare checksum: %w", err)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...)
	if err != nil {
		return nil, fmt.Errorf("serialize frame: %w", err)
	}
	return bytes.Clone(buf.Bytes()), nil
}

// Stack is a list of layers that is built up from the outside in.
type Stack []gopacket.SerializableLayer

// With returns the stack with further layers inside; s is not changed.
func (s Stack) With(inside ...gopacket.SerializableLayer) Stack {
	return append(s[:len(s):len(s)], inside...)
}

// Ethernet returns an Ethernet header from 02:00:00:00:00:src to
// 02:00:00:00:00:dst; a type below 0x600 is a length. It is bytes, as
// gopacket's own pads frames to 60 bytes, also within tunnels.
func Ethernet(src, dst byte, typ layers.EthernetType) gopacket.Payload {
	return gopacket.Payload{2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, byte(typ >> 8), byte(typ)}
}

// Dot1Q returns a VLAN tag.
func Dot1Q(id uint16, typ layers.EthernetType) *layers.Dot1Q {
	return &layers.Dot1Q{VLANIdentifier: id, Type: typ}
}

// IPv4 returns an IPv4 header.
func IPv4(src, dst string, proto layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, Flags: layers.IPv4DontFragment, SrcIP: ip(src), DstIP: ip(dst)}
}

// IPv6 returns an IPv6 header.
func IPv6(src, dst string, proto layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: ip(src), DstIP: ip(dst)}
}

// UDP returns a UDP header.
func UDP(src, dst uint16) *layers.UDP {
	return &layers.UDP{SrcPort: layers.UDPPort(src), DstPort: layers.UDPPort(dst)}
}

// TCP returns a TCP header with the flags ACK and PSH.
func TCP(src, dst uint16) *layers.TCP {
	return &layers.TCP{SrcPort: layers.TCPPort(src), DstPort: layers.TCPPort(dst), Seq: 1000, Ack: 2000, Window: 512, ACK: true, PSH: true}
}

// Payload returns n bytes.
func Payload(n int) gopacket.Payload {
	b := make(gopacket.Payload, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

func mac(last byte) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 0, 0, last} }

func ip(s string) net.IP { return net.ParseIP(s) }
