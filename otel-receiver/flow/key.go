package flow

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// key is what a level of a packet is found by: h is stored with the flow, pos
// says where in the table it lies. Both are hashes with the table's own secrets
// of all that tells flows apart, the same in both directions. high is 1 when the
// source is the one of the two endpoints whose hash is higher, else 0, which is
// how packets of the two directions differ.
//
// Flows are told apart by these hashes alone, not by their addresses again: 64
// bits of h, 7 of the tag and the place in the table. Two flows of a million
// are mistaken for one another with a probability below 2^-40, and since
// nobody knows the secrets, nobody can make two that are.
type key struct {
	h, pos uint64
	high   uint8
}

// secrets are the random numbers of a table's hash.
type secrets [10]uint64

func newSecrets() (s secrets) {
	var b [8 * len(s)]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:]) | 1
	}
	return s
}

// mix multiplies to 128 bits and folds.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// keyPorts returns what tells the two ends of a level apart beyond addresses:
// ports, or the identifier of ICMP echo messages at both.
func keyPorts(l *packet.Level) (src, dst uint16) {
	switch l.Transport {
	case packet.LayerTCP, packet.LayerSCTP:
		return l.SrcPort, l.DstPort
	case packet.LayerUDP:
		if l.Tunnel != packet.LayerNone {
			return l.DstPort, l.DstPort
		}
		return l.SrcPort, l.DstPort
	case packet.LayerICMPv4, packet.LayerICMPv6:
		return l.ICMPID, l.ICMPID
	}
	return 0, 0
}

// etherType is the level's EtherType; a length (IEEE 802.3) is none.
func etherType(l *packet.Level) uint16 {
	if l.EtherType < 0x600 {
		return 0
	}
	return l.EtherType
}

func mac(m *[6]byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(m[:4])) | uint64(binary.LittleEndian.Uint16(m[4:]))<<32
}

// keyOf makes the key of a level inside the flow with hash parent, 0 when it is
// the outermost. With bare, the level is a fragment that stays without ports.
func (t *Table) keyOf(l *packet.Level, parent uint64, bare bool) key {
	sec := &t.secrets
	var srcPort, dstPort, transport uint16
	if !bare {
		srcPort, dstPort = keyPorts(l)
		transport = uint16(l.Transport)
	}
	common := uint64(transport) << 32
	var srcMAC, dstMAC, tags uint64
	ip := l.Net == packet.LayerIPv4 || l.Net == packet.LayerIPv6
	if l.HasLink && (t.l2 || !ip) {
		srcMAC, dstMAC = mac(&l.SrcMAC), mac(&l.DstMAC)
		common |= uint64(etherType(l)) | 1<<48
		for i := range min(int(l.NVLANs), len(l.VLANs)) {
			tags = tags<<13 | uint64(l.VLANs[i]&0xfff) | 1<<12
		}
		if i := int(l.NVLANs) + 1; i < packet.MaxLayers && l.Layers[i] == packet.LayerMPLS && i < int(l.N) {
			common |= 1 << 49
			tags ^= uint64(l.MPLS&0xfffff) << 44
		}
	}
	var src, dst uint64
	switch l.Net {
	case packet.LayerIPv4:
		common |= uint64(l.Proto)<<16 | 4<<24
		src = mix(uint64(binary.LittleEndian.Uint32(l.Src[:]))|uint64(srcPort)<<32^sec[0], srcMAC^sec[1])
		dst = mix(uint64(binary.LittleEndian.Uint32(l.Dst[:]))|uint64(dstPort)<<32^sec[0], dstMAC^sec[1])
	case packet.LayerIPv6:
		common |= uint64(l.Proto)<<16 | 6<<24
		src = mix(binary.LittleEndian.Uint64(l.Src[:])^sec[0], binary.LittleEndian.Uint64(l.Src[8:])^sec[1]) +
			mix(uint64(srcPort)^sec[2], srcMAC^sec[3])
		dst = mix(binary.LittleEndian.Uint64(l.Dst[:])^sec[0], binary.LittleEndian.Uint64(l.Dst[8:])^sec[1]) +
			mix(uint64(dstPort)^sec[2], dstMAC^sec[3])
	default:
		src, dst = mix(sec[0], srcMAC^sec[1]), mix(sec[0], dstMAC^sec[1])
	}
	c := mix(common^sec[4], tags^sec[5])
	if parent != 0 || l.Tunnel != packet.LayerNone {
		c += mix(parent^sec[6], tunnelKey(l)^sec[7])
	}
	var k key
	if src > dst {
		k.high = 1
	}
	k.h = mix((src+dst)^c, (src^dst)^sec[8])
	k.pos = mix(k.h^sec[9], (src+dst)+c)
	return k
}

// tunnelKey is what tells tunnels between two places apart.
func tunnelKey(l *packet.Level) uint64 {
	if l.Tunnel == packet.LayerNone {
		return 0
	}
	k := uint64(l.Tunnel) << 56
	if n := int(l.N) - 1; n >= 0 && n < packet.MaxLayers && l.Layers[n] == packet.LayerMPLS {
		return k | uint64(l.MPLS&0xfffff)<<32
	}
	return k | uint64(l.TunnelID)
}
