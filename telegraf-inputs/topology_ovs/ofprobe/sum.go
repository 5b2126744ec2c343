package ofprobe

import (
	"encoding/binary"
	"hash/maphash"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

// summer makes fingerprints of rules as a switch sends them, without what
// changes by itself: counters and ages. A rule whose fingerprint is known need
// not be decoded again, which makes the regular reads cheap.
type summer struct {
	seed maphash.Seed
}

// counts are the counters within the bytes of a rule.
type counts struct{ packets, bytes uint64 }

// sum returns the fingerprint and the counters of one rule of a part; ok is
// false for a format where they have no known place.
func (s *summer) sum(p *openflow.Part, b []byte) (sum uint64, c counts, ok bool) {
	var h maphash.Hash
	h.SetSeed(s.seed)
	nicira := p.Version == openflow.V10 && p.Type == 0xffff
	switch {
	case p.Version == openflow.V15:
		at, size, found := stats15(b)
		if !found {
			return 0, counts{}, false
		}
		if c, ok = oxsCounts(b[at+4 : at+size]); !ok {
			return 0, counts{}, false
		}
		_, _ = h.Write(b[:at]) // a hash takes everything
		_, _ = h.Write(b[at+size:])
	case nicira || p.Version >= openflow.V11:
		// struct nx_flow_stats and struct ofp11_flow_stats (nicira-ext.h and
		// openflow-1.1.h of Open vSwitch) agree where it matters: duration at 4, ages
		// (Nicira's only) at 20, packets at 32, bytes at 40.
		const head = 48
		if len(b) < head {
			return 0, counts{}, false
		}
		_, _ = h.Write(b[:4])
		_, _ = h.Write(b[12:20])
		if !nicira {
			_, _ = h.Write(b[20:24])
		}
		_, _ = h.Write(b[24:32])
		_, _ = h.Write(b[head:])
		c = counts{binary.BigEndian.Uint64(b[32:]), binary.BigEndian.Uint64(b[40:])}
	default:
		return 0, counts{}, false
	}
	return max(h.Sum64(), 1), c, c.packets != openflow.NoCount && c.bytes != openflow.NoCount
}

// stats15 finds the statistics in a struct ofp15_flow_desc: they follow the
// match, which is padded to eight bytes.
func stats15(b []byte) (at, size int, ok bool) {
	const head = 24
	if len(b) < head+4 {
		return 0, 0, false
	}
	at = head + (int(binary.BigEndian.Uint16(b[head+2:]))+7)&^7
	if at+4 > len(b) {
		return 0, 0, false
	}
	size = int(binary.BigEndian.Uint16(b[at+2:]))
	return at, size, size >= 4 && at+size <= len(b)
}

// oxsCounts reads the counters of a list of OXS fields (OpenFlow 1.5.1,
// 7.2.4.2); ok is false unless both are there.
func oxsCounts(b []byte) (c counts, ok bool) {
	const (
		packets = 0x8002<<16 | 4<<9 | 8
		bytes   = 0x8002<<16 | 5<<9 | 8
	)
	found := 0
	for len(b) >= 4 {
		n := 4 + int(b[3])
		if n > len(b) {
			break
		}
		switch binary.BigEndian.Uint32(b) {
		case packets:
			c.packets = binary.BigEndian.Uint64(b[4:])
			found |= 1
		case bytes:
			c.bytes = binary.BigEndian.Uint64(b[4:])
			found |= 2
		}
		b = b[n:]
	}
	return c, found == 3
}

// decodeRules takes in the rules of a part.
func (f *follow) decodeRules(p openflow.Part) error {
	for rest := p.Body; len(rest) > 0; {
		one := p
		size := len(rest)
		if len(rest) >= 4 {
			size = min(max(int(binary.BigEndian.Uint16(rest)), 4), len(rest))
		}
		one.Body, rest = rest[:size], rest[size:]
		sum, c, ok := f.sums.sum(&one, one.Body)
		if !ok {
			sum = 0
		} else if f.rules.same(sum, c.packets, c.bytes) {
			continue
		}
		// The decoder finds what is wrong with a length.
		if err := openflow.DecodeFlowStats(one, func(r *openflow.Rule) error {
			f.rules.seen(ruleItem(&f.bridge, r, sum))
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
