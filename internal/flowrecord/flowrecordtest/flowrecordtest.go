// Package flowrecordtest makes flow records for tests. It must never be
// imported by anything else.
package flowrecordtest

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Full returns a record in which every field is set.
func Full(r *rand.Rand) flowrecord.Record {
	rec := flowrecord.Record{
		ID: ID(r), ParentID: ID(r),
		TrackingID: flowrecord.Tracking(r.Uint64() | 1), L3TrackingID: flowrecord.Tracking(r.Uint64() | 1),
		NodeTID: ID(r), HostID: pick(r, "3f1c", "host é"), Interface: pick(r, "eth0", "veth-a"),
		CaptureID:   pick(r, "lan", "c 2"),
		LayersPath:  pick(r, "Ethernet/IPv4/TCP", "Ethernet/Dot1Q/IPv6/UDP/VXLAN"),
		Application: pick(r, "HTTPS", "DNS"),
		Finish:      flowrecord.Finish(1 + r.IntN(5)),

		LinkProtocol: "ETHERNET", LinkA: mac(r), LinkB: mac(r), LinkID: 1 + r.Int64N(1<<48),
		NetworkProtocol: pick(r, "IPV4", "IPV6"), NetworkA: addr(r), NetworkB: addr(r), NetworkID: 1 + r.Int64N(1<<32),
		TransportProtocol: pick(r, "TCP", "UDP", "SCTP"),
		TransportA:        uint16(1 + r.IntN(65535)), TransportB: uint16(1 + r.IntN(65535)),
		ICMPType: pick(r, "ECHO", "UNREACHABLE"), ICMPCode: 1 + r.Int64N(255), ICMPID: 1 + r.Int64N(65535),

		Metric: metric(r), Update: metric(r),
		TCP:       &flowrecord.TCP{AB: side(r), BA: side(r), State: pick(r, "ESTABLISHED", "CLOSED")},
		Fragments: 1 + r.Int64N(9), FragmentErrors: 1 + r.Int64N(9),
		DNS: details(r), DHCPv4: details(r), VRRPv2: details(r),
		RawPackets: 1 + r.Int64N(9), SamplingRate: 2 + r.Int64N(99),
		ProcessA: process(r), ProcessB: process(r),
		Dropped: 1 + r.Int64N(9), Drops: details(r),
	}
	return rec
}

func process(r *rand.Rand) flowrecord.Process {
	return flowrecord.Process{
		PID: 1 + r.Int64N(1<<22), Name: pick(r, "nginx", "curl"), ContainerID: pick(r, "4f1c", "09ab"),
		Cgroup: pick(r, "/system.slice/nginx.service", "/user.slice"), NetNS: 4026531840 + r.Int64N(99),
	}
}

// Record returns a record in which fields are missing at random; the ID is
// always there.
func Record(r *rand.Rand) flowrecord.Record {
	full, rec := Full(r), flowrecord.Record{}
	for _, f := range flowrecord.Fields() {
		if f.Wire == "flow.id" || r.IntN(3) > 0 {
			f.Set(&rec, f.Get(&full))
		}
	}
	return rec
}

// ID returns an identifier that is not zero.
func ID(r *rand.Rand) (u entity.UUID) {
	binary.BigEndian.PutUint64(u[:8], r.Uint64()|1)
	binary.BigEndian.PutUint64(u[8:], r.Uint64())
	return u
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

func mac(r *rand.Rand) (m flowrecord.MAC) {
	for i := range m {
		m[i] = byte(1 + r.IntN(255))
	}
	return m
}

func addr(r *rand.Rand) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], r.Uint64())
	b[15] = byte(r.Uint32())
	if r.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}

func metric(r *rand.Rand) flowrecord.Metric {
	start := 1_700_000_000_000_000_000 + r.Int64N(1e15)
	return flowrecord.Metric{
		ABPackets: 1 + r.Int64N(1e6), ABBytes: 1 + r.Int64N(1e12), BAPackets: 1 + r.Int64N(1e6), BABytes: 1 + r.Int64N(1e12),
		Start: start, Last: start + r.Int64N(1e12), RTT: 1 + r.Int64N(1e9),
	}
}

func side(r *rand.Rand) flowrecord.TCPSide {
	n := func() int64 { return 1 + r.Int64N(1e6) }
	t := func() int64 { return 1_700_000_000_000_000_000 + r.Int64N(1e15) }
	return flowrecord.TCPSide{
		SynStart: t(), FinStart: t(), RstStart: t(), SynTTL: 1 + r.Int64N(255),
		Retransmits: n(), OutOfOrder: n(), Skipped: n(), SkippedBytes: n(), ZeroWindows: n(),
	}
}

func details(r *rand.Rand) entity.Value {
	return entity.Map(entity.Attrs{
		entity.A("ANCount", entity.Int(r.Int64N(9))),
		entity.A("Questions", entity.List(entity.Map(entity.Attrs{
			entity.A("Name", entity.String(pick(r, "example.org", "a\"b\\\n"))),
		}.Normalize()))),
		entity.A("Seconds", entity.Float(r.Float64())),
		entity.A("TC", entity.Bool(r.IntN(2) == 0)),
	}.Normalize())
}
